//! Profile `senml`: RFC 8428, as JSON or as CBOR.
//!
//! ```text
//!  bytes --json | cbor--> records --resolve--> resolved records --here--> samples
//!  [{"bn": "m-1:", "bt": 1795420800, "n": "voltage", "u": "V", "v": 230.1}, {"n": "current", ..}]
//! ```
//! Two steps that know nothing of each other. *Resolving* is the RFC's: base values, names, times.
//! *Reading* is the gateway's: the part of a name after the last `:` or `/` is the metric, the part
//! before it the device: the sender's own name, an alias of it, a child, or nothing.
//!
//! Decisions:
//! - `%` is the RFC's, a ratio like `/` (§12.1 note 1), so 0.8 is 80 %; `%RH`, `%EL` and `/100` are percent.
//! - A sum (`s`) is an integral over time; no metric is one, and to take it for its metric's value
//!   would be wrong by a unit of time. A record that has nothing else is refused, with words.
//! - A base field of the wrong type, a `bver` that is not understood, or an unknown field ending in
//!   `_` spoils the pack; anything else spoils its record.
//! - Fields are borrowed: a pack of plain texts costs no allocation per record.
mod cbor;
mod json;
mod label;
mod name;
mod record;
mod resolve;

pub use name::Name;
pub use resolve::Resolved;

use super::{Decoded, Fault, Group, Limits, Reason, Sample, quote, too_many};
use json::Item;
use record::Bad;
use resolve::Resolver;
use std::borrow::Cow;

/// Decodes a pack; the first byte tells JSON from CBOR.
///
/// # Errors
/// The pack cannot be used: not readable, of another version, with a field that must be understood
/// and is not, with too much or nothing in it.
pub fn decode<'a>(payload: &'a [u8], limits: Limits, out: &mut Decoded<'a>) -> Result<(), Fault> {
    let mut records = 0usize;
    let mut sums = Vec::new();
    let read = |at, resolved: Result<Resolved<'a>, Bad>| {
        records += 1;
        if records > limits.readings_max {
            return Err(too_many(limits));
        }
        match resolved {
            Ok(resolved) => sample(resolved, out, &mut sums),
            Err(bad) => {
                let dot = if bad.label.is_empty() { "" } else { "." };
                let place = format!("[{at}]{dot}{}", bad.label);
                out.faults
                    .push(Fault::part(bad.reason, place, bad.sentence));
            }
        }
        Ok(())
    };
    walk(payload, read)?;
    out.faults.extend(sums);
    if out.samples.is_empty() && out.faults.is_empty() {
        return Err(Fault::whole(
            Reason::NoReadings,
            "the pack has no reading: a record with a name and a value is needed",
        ));
    }
    if out.devices.len() > 1 {
        gather(out);
    }
    Ok(())
}

/// The resolved records of a pack, as the RFC has them, and what is wrong with the others.
///
/// # Errors
/// As [`decode`].
pub fn resolved(payload: &[u8]) -> Result<Vec<Resolved<'_>>, Fault> {
    let mut all = Vec::new();
    walk(payload, |_, resolved| {
        all.extend(resolved);
        Ok(())
    })?;
    Ok(all)
}

fn walk<'a>(
    payload: &'a [u8],
    mut each: impl FnMut(u32, Result<Resolved<'a>, Bad>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut before = Resolver::default();
    let one = |at, item: Item<'_, 'a>| match item {
        Ok(record) => match before.resolve(record, at)? {
            Some(resolved) => each(at, resolved),
            None => Ok(()),
        },
        Err(what) => {
            let sentence = format!("{what} is no record; an object is needed");
            let bad = Bad {
                label: "",
                reason: Reason::WrongType,
                sentence,
            };
            each(at, Err(bad))
        }
    };
    if is_cbor(payload) {
        cbor::records(payload, one)
    } else {
        json::records(payload, one)
    }
}

/// No JSON text begins with a byte above 0x7f, and every CBOR array does.
fn is_cbor(payload: &[u8]) -> bool {
    payload.first().is_some_and(|first| *first >= 0x80)
}

fn no_array(text: &str) -> Fault {
    let (reason, found) = if text.is_empty() {
        (Reason::NoReadings, "the payload is empty".to_owned())
    } else {
        (Reason::WrongType, format!("{} is no pack", quote(text)))
    };
    Fault::whole(reason, format!("{found}; an array of records is needed"))
}

/// One resolved record as a sample of a device.
fn sample<'a>(resolved: Resolved<'a>, out: &mut Decoded<'a>, sums: &mut Vec<Fault>) {
    let (device, metric) = resolved.name.split();
    let device = if device.is_empty() {
        None
    } else {
        Some(place_of(device, out))
    };
    let group = out.open(Group {
        device,
        parent: None,
        at: Some(resolved.at),
        time: resolved.time,
    });
    let Some(value) = resolved.value else {
        let sentence = "only a sum (`s`), which is an integral over time, and no metric is one; send \
                        a register's reading as `v`";
        let place = out.place_of(group, &metric, None);
        sums.push(Fault::part(Reason::WrongType, place, sentence));
        return;
    };
    out.samples.push(Sample {
        group,
        item: None,
        metric,
        value,
        unit: unit(resolved.unit),
        labels: Vec::new(),
        origin: None,
        digits: None,
    });
}

/// `SenML`'s units are names of the catalogue's already, but for the historical `%`.
fn unit(unit: Cow<'_, str>) -> Cow<'_, str> {
    match unit.as_ref() {
        "%" | "/" => Cow::Borrowed("1"),
        _ => unit,
    }
}

/// The index of a device: that of the record before, mostly.
fn place_of<'a>(device: Cow<'a, str>, out: &mut Decoded<'a>) -> u32 {
    if out.devices.last() != Some(&device) {
        out.devices.push(device);
    }
    u32::try_from(out.devices.len() - 1).unwrap_or(u32::MAX)
}

/// Brings together the samples of one device, in the order in which the devices first came.
fn gather(out: &mut Decoded<'_>) {
    let index = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
    let mut by_name: Vec<u32> = (0..).take(out.devices.len()).collect();
    by_name.sort_by_key(|at| (out.devices.get(index(*at)), *at));
    let mut first: Vec<u32> = vec![0; out.devices.len()];
    let mut of_name = 0;
    for at in by_name {
        if out.devices.get(index(at)) != out.devices.get(index(of_name)) {
            of_name = at;
        }
        if let Some(first) = first.get_mut(index(at)) {
            *first = of_name;
        }
    }
    for group in &mut out.groups {
        group.device = group
            .device
            .map(|at| first.get(index(at)).copied().unwrap_or(at));
    }
    let groups = &out.groups;
    out.samples.sort_by_key(|sample| {
        groups
            .get(index(sample.group))
            .and_then(|group| group.device)
    });
}

#[cfg(test)]
mod tests;
