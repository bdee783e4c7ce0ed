//! Entries of a timeline, as the page shows them.
use super::text;
use super::timeline::{Decoded, Detail, Refused, Row, What};
use super::view::View;
use super::words;
use crate::access::Grant;
use crate::api::Shared;
use crate::api::timeline::{self, Arrived, Entry, Place, Wanted, Which};
use crate::model::{Quality, Reject, Timestamp, Value, proto};

/// The newest entries of a device, behind `place`, and where they end. One that cannot be read leaves an empty list: the rest of the page
/// is worth more than its timeline.
pub fn rows(shared: &Shared, view: &View<'_>, wanted: &Wanted) -> (Vec<Row>, Option<Place>) {
    match timeline::page(shared, wanted) {
        Ok(page) => {
            let rows = page.entries.iter().map(|entry| row(view, entry));
            (rows.collect(), page.next)
        }
        Err(timeline::Error::Unknown(_)) => (Vec::new(), None),
        Err(error) => {
            tracing::error!(%error, device = wanted.name, "a timeline cannot be read");
            (Vec::new(), None)
        }
    }
}

fn row(view: &View<'_>, entry: &Entry) -> Row {
    let sequence = entry.sequence;
    let what = match &entry.what {
        timeline::What::Uplink(uplink) => What::Report {
            sequence,
            readings: uplink.report.readings.len(),
            first: uplink
                .report
                .readings
                .first()
                .map_or_else(String::new, |reading| {
                    let field = field(reading, "");
                    let metric = view.catalogue.metric(&field.metric);
                    let text = words::value(&field.value, metric, view.lang);
                    let text = match field.value {
                        Value::Number(_) => words::with_unit(&text, &field.unit),
                        _ => text,
                    };
                    format!("{} {text}", view.metric(&field.metric))
                }),
        },
        timeline::What::Reject(reject, recovered) => What::Reject {
            sequence,
            recovered: recovered.is_some(),
            reason: reject.reason.clone(),
            part: reject.part.clone(),
        },
        timeline::What::Event(event, _) => What::Event {
            sequence,
            name: event.name.clone(),
        },
        timeline::What::State(from, to) => What::State(*from, *to),
    };
    Row { at: entry.at, what }
}

/// One entry, `u` or `e` (reports and events) or `r` (rejects) and its sequence; `None`: not there.
pub fn detail(shared: &Shared, grant: &Grant, device: &str, name: &str) -> Option<Detail> {
    let (letter, sequence) = name.split_at_checked(1)?;
    let which = match letter {
        "u" | "e" => Which::Reports,
        "r" => Which::Rejects,
        _ => return None,
    };
    let (entry, decoded) =
        timeline::entry(shared, grant, device, which, sequence.parse().ok()?).ok()?;
    let mut detail = Detail {
        at: entry.at,
        ..Detail::default()
    };
    let origins = decoded
        .preview
        .origins
        .iter()
        .map(|place| place.path.as_str());
    let origins = origins.chain(std::iter::repeat(""));
    let readings = decoded.preview.readings.iter().zip(origins);
    detail.fields = readings
        .map(|(reading, path)| field(reading, path))
        .collect();
    match &entry.what {
        timeline::What::Uplink(uplink) => {
            if detail.fields.is_empty() {
                let readings = uplink.report.readings.iter();
                detail.fields = readings.map(|reading| field(reading, "")).collect();
            }
            detail
                .facts
                .push((text::PROFILE, uplink.report.profile.clone()));
            arrived(&mut detail, uplink.arrived.as_ref());
        }
        timeline::What::Reject(reject, _) => rejected(&mut detail, reject),
        timeline::What::Event(event, by) => {
            let mut said: Vec<(String, String)> = event.detail.clone().into_iter().collect();
            said.sort_unstable();
            detail.event = Some((event.name.clone(), said));
            arrived(&mut detail, by.as_ref());
        }
        timeline::What::State(..) => {}
    }
    for fault in &decoded.preview.faults {
        if !detail.refused.iter().any(|known| known.part == fault.part) {
            detail.refused.push(Refused {
                part: fault.part.clone(),
                reason: fault.reason.as_str().to_owned(),
                sentence: fault.sentence.clone(),
            });
        }
    }
    detail.facts.retain(|(_, value)| !value.is_empty());
    Some(detail)
}

fn arrived(detail: &mut Detail, arrived: Option<&Arrived>) {
    let Some(arrived) = arrived else { return };
    let address = arrived.address.map(|address| address.to_string());
    detail.facts.extend([
        (text::ADDRESS, address.unwrap_or_default()),
        (text::TOPIC, arrived.topic.clone()),
        (text::CLIENT, arrived.client.clone()),
    ]);
    detail.raw = Some((arrived.raw.clone(), arrived.raw_len));
}

fn rejected(detail: &mut Detail, reject: &Reject) {
    detail.refused.push(Refused {
        part: reject.part.clone(),
        reason: reject.reason.clone(),
        sentence: reject.sentence.clone(),
    });
    detail.facts.extend([
        (text::PROFILE, reject.profile.clone()),
        (text::ADDRESS, reject.address.clone()),
        (text::TOPIC, reject.topic.clone()),
        (text::CLIENT, reject.client.clone()),
    ]);
    detail.raw = Some((reject.raw.clone(), reject.raw_len));
}

pub(super) fn field(reading: &proto::Reading, path: &str) -> Decoded {
    let value = match &reading.value {
        Some(proto::reading::Value::Number(number)) => Value::Number(*number),
        Some(proto::reading::Value::Flag(flag)) => Value::Flag(*flag),
        Some(proto::reading::Value::Text(text)) => Value::Text(text.clone().into()),
        None => Value::Absent,
    };
    let at = reading.observed_at.as_ref();
    let at = at.and_then(|at| Timestamp::from_secs_nanos(at.seconds, at.nanos));
    let quality = u64::try_from(reading.quality)
        .ok()
        .and_then(Quality::from_number);
    let mut labels: Vec<(String, String)> = reading.labels.clone().into_iter().collect();
    labels.sort_unstable();
    Decoded {
        metric: reading.metric.clone(),
        value,
        unit: reading.unit.clone(),
        quality: quality.unwrap_or(Quality::Uncertain),
        observed_at: at.unwrap_or_default(),
        raw: words::with_unit(&reading.raw, &reading.raw_unit),
        labels,
        path: path.to_owned(),
    }
}
