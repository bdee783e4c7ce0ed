//! The last uplinks and rejects out of the timeline.
use super::carried::Told;
use super::{Doubt, ENTRIES_MAX, Named, READINGS_MAX, Reading, Refused, Uplink, passages};
use crate::access::Grant;
use crate::api::Shared;
use crate::api::timeline::{self, Arrived, Entry, Error, Wanted, What};
use crate::catalogue::{Catalogue, Type};
use crate::devices::Device;
use crate::model::{Quality, Reject, Source, Timestamp, proto};
use std::cmp::Reverse;
use std::sync::Arc;

/// The newest `count` of a device, newest first, cut to the grant. Blocks on the disk.
///
/// # Errors
/// The log's or history's.
pub(super) fn uplinks(
    shared: &Shared,
    grant: &Arc<Grant>,
    device: &Device,
    count: usize,
) -> Result<Vec<Uplink>, Error> {
    let page = timeline::page(
        shared,
        &Wanted {
            name: (*device.id).to_owned(),
            from: None,
            to: None,
            limit: ENTRIES_MAX,
            place: None,
            grant: Arc::clone(grant),
        },
    )?;
    let mut told = Told::look(shared, grant, device, &page.entries, count)?;
    let mut found = Vec::with_capacity(page.entries.len());
    for entry in &page.entries {
        match &entry.what {
            What::Uplink(uplink) => {
                let mut uplink = accepted(shared, device, entry, uplink);
                told.add_to(&mut uplink);
                found.push(uplink);
            }
            What::Reject(reject, recovered) => {
                found.push(refused(shared, entry, reject, *recovered));
            }
            What::Event(..) | What::State(..) => {}
        }
    }
    found.extend(told.others());
    // Stable; what was refused in part has both records, and the rejects follow.
    found.sort_by_key(|uplink| (Reverse(uplink.at), !uplink.accepted));
    let mut uplinks: Vec<Uplink> = Vec::new();
    for mut uplink in found {
        match uplinks.last_mut() {
            Some(last) if !uplink.accepted && is_one(last, &uplink) => {
                last.refused.append(&mut uplink.refused);
                continue;
            }
            _ => uplinks.push(uplink),
        }
        if uplinks.len() > count {
            break;
        }
    }
    uplinks.truncate(count);
    let mut passages = passages::Passages::new(shared, grant);
    for uplink in &mut uplinks {
        uplink.passages = passages.of(uplink)?;
    }
    Ok(uplinks)
}

/// Parts of one uplink: they were received at one moment.
fn is_one(one: &Uplink, other: &Uplink) -> bool {
    let all = |is: fn(&Refused) -> bool| one.refused.iter().chain(&other.refused).all(is);
    // What was refused as a whole is no part of a report, were it the one that it became.
    let apart = one.accepted != other.accepted && !all(|refused| !refused.whole);
    one.at == other.at && all(|refused| !refused.part.is_empty()) && !apart
}

fn accepted(shared: &Shared, device: &Device, entry: &Entry, of: &timeline::Uplink) -> Uplink {
    let report = &of.report;
    let empty = Arrived::default();
    let arrived = of.arrived.as_ref().unwrap_or(&empty);
    let mut uplink = Uplink {
        at: entry.at,
        sequence: entry.sequence,
        accepted: true,
        source: source_name(report.source.into()),
        address: arrived
            .address
            .map(|address| address.to_string())
            .unwrap_or_default(),
        topic: arrived.topic.clone(),
        client: arrived.client.clone(),
        route: arrived.route.clone(),
        profile: report.profile.clone(),
        version: arrived.version.clone(),
        device: report.device_id.clone(),
        via: report.via.clone(),
        note: of.note.to_owned(),
        ..Uplink::default()
    };
    uplink.named_by = of.arrived.as_ref().and_then(|_| named_by(&uplink));
    let readings = report.readings.iter();
    let received = time_of(report.received_at.as_ref());
    uplink.readings = readings
        .take(READINGS_MAX)
        .map(|found| reading(&shared.catalogue, &device.kind, received, found))
        .collect();
    uplink.readings_left_out = report.readings.len().saturating_sub(READINGS_MAX);
    uplink
}

fn refused(shared: &Shared, entry: &Entry, reject: &Reject, recovered: Option<u64>) -> Uplink {
    let source = Source::from_number(reject.source.into());
    let todays = || shared.intake.route_of(&reject.topic, source?);
    let (route, route_is_todays) = route(reject, todays);
    Uplink {
        at: entry.at,
        sequence: entry.sequence,
        source: source_name(reject.source.into()),
        address: reject.address.clone(),
        topic: reject.topic.clone(),
        client: reject.client.clone(),
        route_is_todays,
        route,
        profile: reject.profile.clone(),
        device: reject.device_id.clone(),
        via: reject.via.clone(),
        refused: vec![Refused {
            part: reject.part.clone(),
            reason: reject.reason.clone(),
            sentence: reject.sentence.clone(),
            sequence: entry.sequence,
            whole: reject.is_whole(),
            recovered: recovered.map(|report| report.to_string()),
            ..Refused::default()
        }],
        ..Uplink::default()
    }
}

/// The pattern that led to the device; of old logs, which kept none, today's, and true.
fn route(reject: &Reject, todays: impl FnOnce() -> Option<String>) -> (String, bool) {
    // A reject that counts its uplink's rejects was written by one that keeps the route, too.
    if !reject.route.is_empty() || reject.of > 0 {
        return (reject.route.clone(), false);
    }
    let todays = todays();
    let found = todays.is_some();
    (todays.unwrap_or_default(), found)
}

pub(super) fn source_name(number: i64) -> String {
    let source = Source::from_number(number);
    source.map_or("unspecified", Source::name).to_owned()
}

/// How topic and route lead to the device.
pub(super) fn named_by(uplink: &Uplink) -> Option<Named> {
    if uplink.route.is_empty() {
        return None;
    }
    if !uplink.via.is_empty() {
        return Some(Named::Payload);
    }
    if uplink.route.contains("{token}") {
        return Some(Named::Token);
    }
    // Of CoAP, the path may be written with a slash in front.
    let topic = uplink.topic.trim_start_matches('/').split('/');
    let pattern = uplink.route.trim_start_matches('/').split('/');
    let mut levels = pattern.zip(topic);
    match levels.find(|(pattern, _)| *pattern == "{device}") {
        Some((_, name)) if name == uplink.device => Some(Named::Topic),
        Some((_, name)) => Some(Named::Alias {
            name: name.to_owned(),
        }),
        None if uplink.client == uplink.device => Some(Named::Client),
        None => Some(Named::Payload),
    }
}

fn reading(
    catalogue: &Catalogue,
    kind: &str,
    received: Timestamp,
    found: &proto::Reading,
) -> Reading {
    use proto::reading::Value;
    let quality = u64::try_from(found.quality).ok();
    let quality = quality.and_then(Quality::from_number);
    let quality = quality.unwrap_or(Quality::Uncertain);
    let observed_at = time_of(found.observed_at.as_ref());
    let raw = [found.raw.as_str(), found.raw_unit.as_str()];
    let mut reading = Reading {
        metric: found.metric.clone(),
        unit: found.unit.clone(),
        observed_at,
        quality: quality_word(quality).to_owned(),
        labels: found.labels.clone().into_iter().collect(),
        raw: raw.join(" ").trim().to_owned(),
        ..Reading::default()
    };
    match &found.value {
        Some(Value::Number(number)) => reading.number = Some(*number),
        Some(Value::Flag(flag)) => reading.flag = Some(*flag),
        Some(Value::Text(text)) => reading.text = Some(text.clone()),
        None => {}
    }
    reading.doubt = doubt(catalogue, kind, received, &reading, quality);
    reading
}

/// Lower case, as in texts.
const fn quality_word(quality: Quality) -> &'static str {
    match quality {
        Quality::Good => "good",
        Quality::Uncertain => "uncertain",
        Quality::Bad => "bad",
        Quality::NotAvailable => "not_available",
    }
}

/// Why it is not good, by the rules that intake has: the catalogue's range, and the time.
fn doubt(
    catalogue: &Catalogue,
    kind: &str,
    received: Timestamp,
    reading: &Reading,
    quality: Quality,
) -> Option<Doubt> {
    let metric = catalogue.metric(&reading.metric);
    let metric = metric.filter(|metric| metric.kind_of_value == Type::Number);
    let outside = metric.zip(reading.number).and_then(|(metric, number)| {
        let (min, max) = metric.range(kind);
        (number < min || number > max).then_some((metric.safety, min, max))
    });
    let finite = |limit: f64| limit.is_finite().then_some(limit);
    Some(match (quality, outside) {
        (Quality::Good, _) => return None,
        (Quality::NotAvailable, _) => Doubt::NoValue,
        (Quality::Bad, Some((_, min, max))) => Doubt::OutOfRange {
            min: finite(min),
            max: finite(max),
        },
        (Quality::Uncertain, Some((true, _, max))) => Doubt::Saturated { max: finite(max) },
        (Quality::Uncertain, _) if reading.observed_at == received => Doubt::Time,
        (Quality::Bad | Quality::Uncertain, _) => Doubt::Untold,
    })
}

pub(super) fn time_of(time: Option<&prost_types::Timestamp>) -> Timestamp {
    time.and_then(|time| Timestamp::from_secs_nanos(time.seconds, time.nanos))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uplink(route: &str, topic: &str, client: &str, via: &str) -> Uplink {
        Uplink {
            device: "m-1".to_owned(),
            route: route.to_owned(),
            topic: topic.to_owned(),
            client: client.to_owned(),
            via: via.to_owned(),
            ..Uplink::default()
        }
    }

    #[test]
    fn topic_alias_token_client_or_payload_name_the_device() {
        let alias = Some(Named::Alias {
            name: "imei-5".to_owned(),
        });
        for (route, topic, client, via, named) in [
            ("city/{device}", "city/m-1", "x", "", Some(Named::Topic)),
            ("t/{device}", "/t/m-1", "", "", Some(Named::Topic)),
            ("city/{device}/{profile}", "city/imei-5/json", "", "", alias),
            (
                "api/v1/{token}/telemetry",
                "api/v1/*/telemetry",
                "",
                "",
                Some(Named::Token),
            ),
            (
                "v1/devices/me/telemetry",
                "v1/devices/me/telemetry",
                "m-1",
                "",
                Some(Named::Client),
            ),
            (
                "v1/devices/me/telemetry",
                "v1/devices/me/telemetry",
                "c",
                "",
                Some(Named::Payload),
            ),
            (
                "city/{device}",
                "city/c-1",
                "c-1",
                "c-1",
                Some(Named::Payload),
            ),
            ("", "city/m-1", "", "", None),
        ] {
            let uplink = uplink(route, topic, client, via);
            assert_eq!(named_by(&uplink), named, "{route} {topic}");
        }
    }

    #[test]
    fn the_route_of_a_reject_is_the_one_that_was_kept() {
        let of = |route: &str, of: u32| Reject {
            route: route.to_owned(),
            of,
            ..Reject::default()
        };
        let todays = || Some("now/{device}".to_owned());
        let found = |reject: &Reject| route(reject, todays);
        assert_eq!(
            found(&of("city/{device}", 1)),
            ("city/{device}".to_owned(), false)
        );
        // No route led to it, though one would today.
        assert_eq!(found(&of("", 1)), (String::new(), false));
        assert_eq!(found(&of("", 0)), ("now/{device}".to_owned(), true));
        assert_eq!(route(&of("", 0), || None), (String::new(), false));
    }

    #[test]
    fn parts_join_their_report_and_a_whole_one_never() {
        let at = Timestamp::from_secs(7);
        let report = Uplink {
            at,
            accepted: true,
            ..Uplink::default()
        };
        let reject = |part: &str, whole| Uplink {
            at,
            refused: vec![Refused {
                part: part.to_owned(),
                whole,
                ..Refused::default()
            }],
            ..Uplink::default()
        };
        assert!(
            is_one(&report, &reject("volts", false)) && is_one(&reject("volts", false), &report)
        );
        assert!(is_one(&reject("volts", true), &reject("amps", true)));
        assert!(!is_one(&report, &reject("", true)) && !is_one(&reject("volts", true), &report));
        let later = Uplink {
            at: Timestamp::from_secs(8),
            ..report
        };
        assert!(!is_one(&later, &reject("volts", false)));
    }

    #[test]
    fn a_reading_says_why_it_is_not_good() {
        let catalogue = Catalogue::shipped();
        let at = Timestamp::from_secs(1_800_000_000);
        let of = |metric: &str, number: Option<f64>, quality: Quality, observed: Timestamp| {
            let found = proto::Reading {
                metric: metric.to_owned(),
                value: number.map(proto::reading::Value::Number),
                quality: quality as i32,
                observed_at: Some(observed.into()),
                ..proto::Reading::default()
            };
            reading(&catalogue, "unknown", at, &found).doubt
        };
        let before = Timestamp::from_secs(1_799_999_000);
        assert_eq!(of("voltage", Some(230.0), Quality::Good, at), None);
        let none = of("voltage", None, Quality::NotAvailable, at);
        assert_eq!(none, Some(Doubt::NoValue));
        let out = of("relative_humidity", Some(140.0), Quality::Bad, before);
        assert!(
            matches!(out, Some(Doubt::OutOfRange { max: Some(_), .. })),
            "{out:?}"
        );
        let gas = of("methane_lel", Some(1e9), Quality::Uncertain, before);
        assert!(
            matches!(gas, Some(Doubt::Saturated { max: Some(_) })),
            "{gas:?}"
        );
        let late = of("voltage", Some(230.0), Quality::Uncertain, at);
        assert_eq!(late, Some(Doubt::Time));
        let untold = of("voltage", Some(230.0), Quality::Uncertain, before);
        assert_eq!(untold, Some(Doubt::Untold));
    }
}
