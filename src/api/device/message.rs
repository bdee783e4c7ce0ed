//! From the registry's words to the messages of `devices.proto`.
use super::sentence;
use crate::devices::{Counts, Device, LastValue, Listing, Reason};
use crate::model::{Timestamp, Value, proto};

/// A time that was never is left out.
fn time(at: Timestamp) -> Option<prost_types::Timestamp> {
    (at > Timestamp::EPOCH).then(|| at.into())
}

/// `citygate.v1.Device`.
pub fn message(device: &Device) -> proto::Device {
    let texts = |names: &[Box<str>]| names.iter().map(|name| String::from(&**name)).collect();
    proto::Device {
        device_id: String::from(&*device.id),
        kind: String::from(&*device.kind),
        district: String::from(&*device.district),
        profile: String::from(&*device.profile),
        aliases: texts(&device.aliases),
        state: device.state as i32,
        state_since: time(device.state_since),
        health: device.health as i32,
        health_reasons: device.reasons.iter().map(reason).collect(),
        heard_not_accepted: device.heard_not_accepted,
        first_seen: time(device.first_seen),
        last_seen: time(device.last_seen),
        last_report: device.last_report.map(Into::into),
        last_reject: device.last_reject.map(Into::into),
        source: device.source.map_or(0, |source| source as i32),
        address: device
            .address
            .map(|address| address.to_string())
            .unwrap_or_default(),
        parent: String::from(&*device.parent),
        children: device.children,
        children_silent: device.children_silent,
        reports: device.reports,
        readings: device.readings,
        rejects: device.rejects,
        duplicates: device.duplicates,
        interval: device
            .interval
            .and_then(|interval| interval.try_into().ok()),
        due_at: device.due.map(Into::into),
        late_at: device.late_at.map(Into::into),
        offline_at: device.offline_at.map(Into::into),
        sleepy: device.sleepy,
        values: device.values.iter().map(last_value).collect(),
        listing: device.listing.as_deref().map(listing),
        profile_version: String::from(&*device.profile_version),
        parent_state: device.parent_silent.map_or(0, |(state, _)| state as i32),
        parent_state_since: device.parent_silent.and_then(|(_, since)| time(since)),
        heard_as: texts(&device.heard_as),
        known_as: device
            .known_as
            .as_deref()
            .map(String::from)
            .unwrap_or_default(),
    }
}

fn listing(listing: &Listing) -> proto::DeviceListing {
    let (digits, decimals) = listing.digits.unwrap_or_default();
    proto::DeviceListing {
        place: listing.place.map(|place| proto::Place {
            latitude: place.lat,
            longitude: place.lon,
        }),
        whereabouts: String::from(&*listing.whereabouts),
        asset: String::from(&*listing.asset),
        metering_point: String::from(&*listing.metering_point),
        multiplier: listing.multiplier.unwrap_or_default(),
        digits: digits.into(),
        decimals: decimals.into(),
        valid_from: listing.valid_from.map(Into::into),
        valid_to: listing.valid_to.map(Into::into),
        time_zone: String::from(&*listing.zone),
    }
}

fn reason(reason: &Reason) -> proto::HealthReason {
    proto::HealthReason {
        code: reason.code as i32,
        level: reason.level as i32,
        since: time(reason.since),
        metric: String::from(&*reason.metric),
        value: reason.value.clone(),
        limit: reason.limit.clone(),
        sentence: sentence(reason),
    }
}

fn last_value(last: &LastValue) -> proto::LastValue {
    let text = |text: &str| String::from(text);
    let value = match &last.value {
        Value::Number(number) => Some(proto::reading::Value::Number(*number)),
        Value::Flag(flag) => Some(proto::reading::Value::Flag(*flag)),
        Value::Text(text) => Some(proto::reading::Value::Text(text.clone().into_owned())),
        Value::Absent => None,
    };
    let labels = last.labels.iter();
    proto::LastValue {
        reading: Some(proto::Reading {
            metric: text(&last.metric),
            unit: text(&last.unit),
            value,
            observed_at: Some(last.observed_at.into()),
            quality: last.quality as i32,
            labels: labels.map(|(name, of)| (text(name), text(of))).collect(),
            raw: String::new(),
            raw_unit: String::new(),
        }),
        sequence: last.sequence,
        stale: last.stale,
    }
}

/// `citygate.v1.DeviceCounts`.
pub const fn counts(counts: &Counts) -> proto::DeviceCounts {
    let [never, online, sleeping, late, offline, retired] = counts.states;
    let [ok, attention, fault] = counts.healths;
    proto::DeviceCounts {
        total: counts.total,
        never,
        online,
        sleeping,
        late,
        offline,
        retired,
        ok,
        attention,
        fault,
        heard_not_accepted: counts.heard_not_accepted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::devices::{Code, Level, State};

    /// The numbers of the registry's enumerations are those of the contract.
    #[test]
    fn words_and_numbers_are_those_of_the_contract() {
        for state in State::ALL {
            let named =
                proto::DeviceState::try_from(*state as i32).expect("a number of the contract");
            assert_eq!(named.as_str_name(), state.json_name());
        }
        for level in Level::ALL {
            let named =
                proto::HealthLevel::try_from(*level as i32).expect("a number of the contract");
            assert_eq!(named.as_str_name(), level.json_name());
        }
        for code in Code::ALL {
            let named =
                proto::HealthCode::try_from(*code as i32).expect("a number of the contract");
            assert_eq!(named.as_str_name(), code.json_name());
        }
    }

    #[test]
    fn counts_stand_where_their_names_are() {
        let found = counts(&Counts {
            total: 21,
            states: [1, 2, 3, 4, 5, 6],
            healths: [7, 8, 9],
            heard_not_accepted: 10,
        });
        let states = [
            found.never,
            found.online,
            found.sleeping,
            found.late,
            found.offline,
            found.retired,
        ];
        assert_eq!(states, [1, 2, 3, 4, 5, 6]);
        assert_eq!([found.ok, found.attention, found.fault], [7, 8, 9]);
        assert_eq!((found.total, found.heard_not_accepted), (21, 10));
    }
}
