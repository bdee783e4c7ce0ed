//! `citygate.v1.Device` and its parts.
use super::listing::Listing;
use super::{Reading, is_default, proto_time, text_of_u64};
use crate::devices::{Code, Level, State};
use crate::model::proto;
use serde::Serialize;

/// The name of an enumeration's number; 0 is left out, an unknown number too.
fn name<T>(number: i32, read: fn(u8) -> Option<T>, name: fn(T) -> String) -> Option<String> {
    u8::try_from(number).ok().and_then(read).map(name)
}

/// `citygate.v1.Device`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Device<'a> {
    #[serde(rename = "deviceId", skip_serializing_if = "is_default")]
    id: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    kind: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    district: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    profile: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    aliases: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    health_reasons: Vec<HealthReason<'a>>,
    #[serde(skip_serializing_if = "is_default")]
    heard_not_accepted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_seen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_seen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_report: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_reject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
    #[serde(skip_serializing_if = "is_default")]
    address: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    parent: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    children: u32,
    #[serde(skip_serializing_if = "is_default")]
    children_silent: u32,
    #[serde(skip_serializing_if = "is_default", serialize_with = "text_of_u64")]
    reports: u64,
    #[serde(skip_serializing_if = "is_default", serialize_with = "text_of_u64")]
    readings: u64,
    #[serde(skip_serializing_if = "is_default", serialize_with = "text_of_u64")]
    rejects: u64,
    #[serde(skip_serializing_if = "is_default", serialize_with = "text_of_u64")]
    duplicates: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    late_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offline_at: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    sleepy: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<LastValue<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    listing: Option<Listing<'a>>,
    #[serde(skip_serializing_if = "is_default")]
    profile_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_state_since: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    heard_as: &'a [String],
    #[serde(skip_serializing_if = "is_default")]
    known_as: &'a str,
}

/// `citygate.v1.HealthReason`.
#[derive(Debug, Serialize)]
struct HealthReason<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    metric: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    value: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    limit: &'a str,
    #[serde(skip_serializing_if = "is_default")]
    sentence: &'a str,
}

/// `citygate.v1.LastValue`.
#[derive(Debug, Serialize)]
struct LastValue<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    reading: Option<Reading<'a>>,
    #[serde(skip_serializing_if = "is_default", serialize_with = "text_of_u64")]
    sequence: u64,
    #[serde(skip_serializing_if = "is_default")]
    stale: bool,
}

/// `google.protobuf.Duration`: seconds with 0, 3, 6 or 9 fraction digits and an `s`.
fn duration(duration: &prost_types::Duration) -> String {
    let sign = if duration.seconds < 0 || duration.nanos < 0 {
        "-"
    } else {
        ""
    };
    let (secs, nanos) = (
        duration.seconds.unsigned_abs(),
        duration.nanos.unsigned_abs(),
    );
    if nanos == 0 {
        format!("{sign}{secs}s")
    } else if nanos % 1_000_000 == 0 {
        format!("{sign}{secs}.{:03}s", nanos / 1_000_000)
    } else if nanos % 1_000 == 0 {
        format!("{sign}{secs}.{:06}s", nanos / 1_000)
    } else {
        format!("{sign}{secs}.{nanos:09}s")
    }
}

impl<'a> From<&'a proto::Device> for Device<'a> {
    fn from(device: &'a proto::Device) -> Self {
        let time = |time: &Option<prost_types::Timestamp>| proto_time(time.as_ref());
        Self {
            id: &device.device_id,
            kind: &device.kind,
            district: &device.district,
            profile: &device.profile,
            aliases: &device.aliases,
            state: name(device.state, State::from_number, State::json_name),
            state_since: time(&device.state_since),
            health: name(device.health, Level::from_number, Level::json_name),
            health_reasons: device
                .health_reasons
                .iter()
                .map(HealthReason::from)
                .collect(),
            heard_not_accepted: device.heard_not_accepted,
            first_seen: time(&device.first_seen),
            last_seen: time(&device.last_seen),
            last_report: time(&device.last_report),
            last_reject: time(&device.last_reject),
            source: Some(device.source())
                .filter(|source| *source != proto::Source::Unspecified)
                .map(|source| source.as_str_name()),
            address: &device.address,
            parent: &device.parent,
            children: device.children,
            children_silent: device.children_silent,
            reports: device.reports,
            readings: device.readings,
            rejects: device.rejects,
            duplicates: device.duplicates,
            interval: device.interval.as_ref().map(duration),
            due_at: time(&device.due_at),
            late_at: time(&device.late_at),
            offline_at: time(&device.offline_at),
            sleepy: device.sleepy,
            values: device.values.iter().map(LastValue::from).collect(),
            listing: device.listing.as_ref().map(Listing::from),
            profile_version: &device.profile_version,
            parent_state: name(device.parent_state, State::from_number, State::json_name),
            parent_state_since: time(&device.parent_state_since),
            heard_as: &device.heard_as,
            known_as: &device.known_as,
        }
    }
}

impl<'a> From<&'a proto::HealthReason> for HealthReason<'a> {
    fn from(reason: &'a proto::HealthReason) -> Self {
        Self {
            code: name(reason.code, Code::from_number, Code::json_name),
            level: name(reason.level, Level::from_number, Level::json_name),
            since: proto_time(reason.since.as_ref()),
            metric: &reason.metric,
            value: &reason.value,
            limit: &reason.limit,
            sentence: &reason.sentence,
        }
    }
}

impl<'a> From<&'a proto::LastValue> for LastValue<'a> {
    fn from(last: &'a proto::LastValue) -> Self {
        Self {
            reading: last.reading.as_ref().map(Reading::from),
            sequence: last.sequence,
            stale: last.stale,
        }
    }
}

/// `citygate.v1.DeviceCounts`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    #[serde(skip_serializing_if = "is_default", serialize_with = "text_of_u64")]
    total: u64,
    #[serde(skip_serializing_if = "is_default", serialize_with = "text_of_u64")]
    never: u64,
    #[serde(skip_serializing_if = "is_default", serialize_with = "text_of_u64")]
    online: u64,
    #[serde(skip_serializing_if = "is_default", serialize_with = "text_of_u64")]
    sleeping: u64,
    #[serde(skip_serializing_if = "is_default", serialize_with = "text_of_u64")]
    late: u64,
    #[serde(skip_serializing_if = "is_default", serialize_with = "text_of_u64")]
    offline: u64,
    #[serde(skip_serializing_if = "is_default", serialize_with = "text_of_u64")]
    retired: u64,
    #[serde(skip_serializing_if = "is_default", serialize_with = "text_of_u64")]
    ok: u64,
    #[serde(skip_serializing_if = "is_default", serialize_with = "text_of_u64")]
    attention: u64,
    #[serde(skip_serializing_if = "is_default", serialize_with = "text_of_u64")]
    fault: u64,
    #[serde(skip_serializing_if = "is_default", serialize_with = "text_of_u64")]
    heard_not_accepted: u64,
}

impl From<&proto::DeviceCounts> for Counts {
    fn from(counts: &proto::DeviceCounts) -> Self {
        let proto::DeviceCounts {
            total,
            never,
            online,
            sleeping,
            late,
            offline,
            retired,
            ok,
            attention,
            fault,
            heard_not_accepted,
        } = *counts;
        Self {
            total,
            never,
            online,
            sleeping,
            late,
            offline,
            retired,
            ok,
            attention,
            fault,
            heard_not_accepted,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::model::Timestamp;
    use serde_json::json;

    #[test]
    fn a_device_is_as_protobuf_would_write_it() {
        let device = proto::Device {
            device_id: "m-1".into(),
            state: 4,
            health: 3,
            health_reasons: vec![proto::HealthReason {
                code: 1,
                level: 3,
                since: Some(Timestamp::from_secs(1_800_000_000).into()),
                value: "8 %".into(),
                ..proto::HealthReason::default()
            }],
            reports: 1 << 60,
            children: 7,
            source: 2,
            interval: Some(prost_types::Duration {
                seconds: 3_600,
                nanos: 500_000_000,
            }),
            values: vec![proto::LastValue {
                reading: Some(proto::Reading::default()),
                sequence: 9,
                stale: true,
            }],
            listing: Some(proto::DeviceListing {
                place: Some(proto::Place {
                    latitude: 36.65,
                    longitude: 0.0,
                }),
                multiplier: 1500.0,
                digits: 8,
                decimals: 2,
                valid_from: Some(Timestamp::from_secs(1_800_000_000).into()),
                ..proto::DeviceListing::default()
            }),
            parent_state: 5,
            heard_as: vec!["imei:8".into()],
            ..proto::Device::default()
        };
        assert_eq!(
            serde_json::to_value(Device::from(&device)).unwrap(),
            json!({"deviceId": "m-1", "state": "DEVICE_STATE_LATE", "health": "HEALTH_LEVEL_FAULT",
                "healthReasons": [{"code": "HEALTH_CODE_BATTERY_LOW", "level": "HEALTH_LEVEL_FAULT",
                    "since": "2027-01-15T08:00:00Z", "value": "8 %"}],
                "reports": "1152921504606846976", "children": 7, "source": "SOURCE_COAP",
                "interval": "3600.500s", "values": [{"reading": {}, "sequence": "9", "stale": true}],
                "listing": {"place": {"latitude": 36.65}, "multiplier": 1500.0, "digits": 8, "decimals": 2,
                    "validFrom": "2027-01-15T08:00:00Z"},
                "parentState": "DEVICE_STATE_OFFLINE", "heardAs": ["imei:8"]})
        );
        let empty = serde_json::to_value(Device::from(&proto::Device::default())).unwrap();
        assert_eq!(empty, json!({}));
    }
}
