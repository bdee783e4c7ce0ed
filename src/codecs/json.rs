//! Profile `json`.
//!
//! ```json
//! {"ts": 1763900000000, "voltage": 229.8, "valve_state": "open", "door_open": false, "current": null}
//! [{"ts": "2026-11-23 08:00:00", "voltage": 229.8}, {"ts": "2026-11-23 08:15:00", "voltage": 230.1}]
//! {"ts": 1763900000000, "values": {"voltage": 229.8}}            (ThingsBoard; also in an array)
//! {"heat_energy": {"value": 12.34, "unit": "GJ"},
//!  "voltage": [{"value": 229.8, "labels": {"phase": "a"}}, {"value": 230.1, "labels": {"phase": "b"}}]}
//! ```
//! A key is a catalogue name (or an alias of one); `null` says that the device has no value. The
//! last form is ours: a value with `unit`, `labels` and `ts` of its own, or an array of such.
//!
//! `serde_json` checks the syntax and hands out each value as a slice of the payload, so that the text
//! of a number stays recoverable and nothing is copied. It has no last-wins here: every key is seen.
//! `serde_json::Value` was not taken: it allocates per key and loses duplicates.
mod diagnose;
mod extended;
mod syntax;
mod thingsboard;

pub use thingsboard::{Attributes, attributes, connection, gateway, thingsboard};

use super::{Decoded, Fault, Group, Limits, Reason, Sample, Sent, SentTime, quote, too_many};
pub(crate) use diagnose::{replace as literals, syntax as syntax_fault, utf8};
pub(crate) use syntax::{Key, array, members};

use extended::extended;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// Decodes a payload of profile `json`.
///
/// # Errors
/// Not UTF-8, not JSON, neither object nor array, nothing in it, or too much.
pub fn decode<'a>(payload: &'a [u8], limits: Limits, out: &mut Decoded<'a>) -> Result<(), Fault> {
    let text = diagnose::utf8(payload)?;
    match document(text, None, limits, out) {
        Err(fault) if fault.reason == Reason::NotFinite => diagnose::salvage(text, limits, out)?,
        done => done?,
    }
    finish(out)
}

/// Decodes a text that does not live as long as what it says: what another format was written as.
pub(in crate::codecs) fn decode_owned(
    text: &str,
    limits: Limits,
    out: &mut Decoded<'_>,
) -> Result<(), Fault> {
    let mut decoded = Decoded::default();
    decode(text.as_bytes(), limits, &mut decoded)?;
    decoded.move_to(out);
    Ok(())
}

/// Nothing in it is a fault of the whole.
fn finish(out: &Decoded<'_>) -> Result<(), Fault> {
    if out.samples.is_empty() && out.faults.is_empty() {
        return Err(Fault::whole(
            Reason::NoReadings,
            "the payload has no reading: an object of metric names and values is needed",
        ));
    }
    Ok(())
}

/// An object, or an array of them.
fn document<'a>(
    text: &'a str,
    device: Option<u32>,
    limits: Limits,
    out: &mut Decoded<'a>,
) -> Result<(), Fault> {
    let text = text.trim_ascii();
    match text.as_bytes().first() {
        Some(b'{') => object(text, device, None, limits, out),
        Some(b'[') => {
            let mut at = 0;
            array(text, |element| {
                let place = at;
                at += 1;
                if element.starts_with('{') {
                    return object(element, device, Some(place), limits, out);
                }
                let group = out.open(Group {
                    device,
                    parent: None,
                    at: Some(place),
                    time: SentTime::Absent,
                });
                let fault = wrong(
                    element,
                    out.place(group),
                    "an object of metric names and values",
                );
                out.faults.push(fault);
                Ok(())
            })
        }
        None => Err(Fault::whole(Reason::NoReadings, "the payload is empty")),
        Some(_) => match serde_json::from_str::<&RawValue>(text) {
            Ok(value) => Err(wrong(
                value.get(),
                String::new(),
                "an object of metric names and values, or an array of such objects",
            )),
            Err(error) => Err(diagnose::syntax(text, &error)),
        },
    }
}

/// One object: `ts`, and metrics or ThingsBoard's `values`.
fn object<'a>(
    text: &'a str,
    device: Option<u32>,
    at: Option<u32>,
    limits: Limits,
    out: &mut Decoded<'a>,
) -> Result<(), Fault> {
    let group = out.open(Group {
        device,
        parent: None,
        at,
        time: SentTime::Absent,
    });
    let first = out.samples.len();
    let mut time: Option<&'a str> = None;
    let mut values: Option<&'a str> = None;
    let mut twice = None;
    members(
        text,
        |key, value, out: &mut Decoded<'a>| {
            let seen = match (key.as_ref(), value.as_bytes().first()) {
                ("ts", _) => &mut time,
                ("values", Some(b'{')) => &mut values,
                _ => return metric(key, value, group, limits, out),
            };
            if let Some(earlier) = seen.replace(value) {
                twice = Some((key, earlier, value));
            }
            Ok(())
        },
        out,
    )?;
    if let Some((key, one, other)) = twice {
        // Its readings could be of either time, or either half: none can be taken.
        out.samples.truncate(first);
        let sentence = format!(
            "`{key}` is there twice, as {} and {}",
            quote(one),
            quote(other)
        );
        out.faults.push(Fault::part(
            Reason::DuplicateKey,
            out.place_of(group, &key, None),
            sentence,
        ));
        return Ok(());
    }
    if let Some(values) = values {
        let each = |key, value, out: &mut Decoded<'a>| metric(key, value, group, limits, out);
        members(values, each, out)?;
    }
    match time.map(sent_time) {
        None => {}
        Some(Some(time)) => {
            if let Some(group) = out
                .groups
                .get_mut(usize::try_from(group).unwrap_or(usize::MAX))
            {
                group.time = time;
            }
        }
        Some(None) => {
            out.samples.truncate(first);
            let place = out.place_of(group, "ts", None);
            out.faults
                .push(wrong(time.unwrap_or_default(), place, NEED_TIME));
        }
    }
    Ok(())
}

const NEED_TIME: &str = "a number of seconds or milliseconds since 1970, or an RFC 3339 text";

/// A metric's value: plain, an object of ours, or an array of such objects.
fn metric<'a>(
    key: Cow<'a, str>,
    value: &'a str,
    group: u32,
    limits: Limits,
    out: &mut Decoded<'a>,
) -> Result<(), Fault> {
    let bound = |out: &Decoded<'a>| within(limits, out);
    match value.as_bytes().first() {
        Some(b'{') => {
            bound(out)?;
            extended(key, value, group, None, out)
        }
        Some(b'[') => {
            let mut item = 0;
            array(value, |element| {
                bound(out)?;
                let place = item;
                item += 1;
                if element.starts_with('{') {
                    return extended(key.clone(), element, group, Some(place), out);
                }
                let place = out.place_of(group, &key, Some(place));
                out.faults.push(wrong(
                    element,
                    place,
                    "an object with `value` in an array of values",
                ));
                Ok(())
            })?;
            if item == 0 {
                let place = out.place_of(group, &key, None);
                out.faults
                    .push(wrong(value, place, "a value, or at least one in the array"));
            }
            Ok(())
        }
        _ => {
            bound(out)?;
            match plain(value) {
                Ok(value) => out.samples.push(Sample {
                    group,
                    item: None,
                    metric: key,
                    value,
                    unit: Cow::Borrowed(""),
                    labels: Vec::new(),
                    origin: None,
                    digits: None,
                }),
                Err(sentence) => {
                    let place = out.place_of(group, &key, None);
                    out.faults
                        .push(Fault::part(Reason::Malformed, place, sentence));
                }
            }
            Ok(())
        }
    }
}

/// An uplink over its bound is refused as a whole: which half would be the right one?
fn within(limits: Limits, out: &Decoded<'_>) -> Result<(), Fault> {
    if out.samples.len() < limits.readings_max {
        return Ok(());
    }
    Err(too_many(limits))
}

/// A value that is neither object nor array. The text is one JSON value.
pub(crate) fn plain(text: &str) -> Result<Sent<'_>, String> {
    Ok(match text.as_bytes().first() {
        Some(b'"') => Sent::Text(string(text)?),
        Some(b't') => Sent::Flag(true),
        Some(b'f') => Sent::Flag(false),
        Some(b'n') => Sent::Null,
        _ => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Sent::Number(number, Cow::Borrowed(text)),
            Ok(_) => Sent::NotFinite(Cow::Borrowed(text)),
            Err(_) => return Err(format!("{} is no number", quote(text))),
        },
    })
}

/// The content of a JSON text, borrowed unless it has escapes.
fn string(text: &str) -> Result<Cow<'_, str>, String> {
    let inner = text
        .get(1..text.len().saturating_sub(1))
        .unwrap_or_default();
    if !inner.contains('\\') {
        return Ok(Cow::Borrowed(inner));
    }
    serde_json::from_str(text)
        .map(Cow::Owned)
        .map_err(|error| format!("{} is no text: {error}", quote(text)))
}

/// `None`: neither number nor text nor null. A number stays text here: as a double it would lose
/// digits, and nobody needs it.
fn sent_time(text: &str) -> Option<SentTime<'_>> {
    match text.as_bytes().first() {
        Some(b'0'..=b'9' | b'-') => Some(SentTime::Number(Cow::Borrowed(text))),
        Some(b'"') => string(text).ok().map(SentTime::Text),
        Some(b'n') => Some(SentTime::Absent),
        _ => None,
    }
}

/// A value of the wrong type, or one nested too deep to be anything.
fn wrong(found: &str, place: String, needed: &str) -> Fault {
    let depth = diagnose::depth(found);
    if depth > diagnose::DEPTH_MAX {
        let sentence = format!(
            "nested {depth} levels deep; at most {} are read",
            diagnose::DEPTH_MAX
        );
        return Fault::part(Reason::TooDeep, place, sentence);
    }
    Fault::part(
        Reason::WrongType,
        place,
        format!("{} is not {needed}", quote(found)),
    )
}

#[cfg(test)]
mod tests;
