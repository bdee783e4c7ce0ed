//! CJ/T 188: water, gas and heat meters.
//!
//! ```text
//!  68 T A0..A6 C L DATA CS 16      T type, A address, C control, CS the sum from 68, modulo 256
//!                  DI DI SER ..    readings by the layout of DI, type and length
//! ```
//! Meters differ where the standard is clear, and sources where it is not. What a frame shows by itself is
//! taken from the frame: the order of DI's bytes by which one is known, the unit's place by how its fields
//! read best, the clock's order by which one is a date. What it does not show is the profile's ([`Dialect`]):
//! digits of litres, the status bits. Two layouts of one identifier have two lengths, and a length that has
//! none is refused with those that have.
//!
//! A frame's second start byte is a digit of its address, so that frames of DL/T 645 are tried before.
mod clock;
mod head;
mod item;
mod meter;
mod note;
mod piece;
mod reply;
mod status;
mod unit;
mod value;

#[cfg(test)]
mod tests;

use super::frames::{Framing, hex};
use super::{Decoded, Dialect, Fault, Group, Reason, Told};
use head::Frame;
use item::{Identified, Meaning};
use meter::Meter;
use piece::{Fate, Piece};
use std::borrow::Cow;
use std::ops::Range;

pub(super) const FRAMING: Framing = Framing {
    name: "cjt188",
    frame: head::measure,
    read,
};

/// Bytes of DI and SER.
const BEFORE_DATA: usize = 3;

fn read(payload: &[u8], frames: &[Range<usize>], told: Told<'_>, out: &mut Decoded<'_>) {
    for frame in frames {
        if out.samples.len() > told.limits.readings_max {
            // It is refused as a whole.
            return;
        }
        let bytes = payload.get(frame.clone()).unwrap_or_default();
        let whole = Piece {
            at: frame.start,
            bytes,
        };
        if let Some(frame) = Frame::of(whole) {
            read_frame(&frame, told, out);
        }
    }
}

fn read_frame(frame: &Frame<'_>, told: Told<'_>, out: &mut Decoded<'_>) {
    let alias = frame.meter.alias(FRAMING.name);
    let own = alias.as_deref().and_then(|alias| (told.dialect_of)(alias));
    let dialect = own.unwrap_or(told.dialect);
    let device = alias.map(|alias| device(alias, out));
    frame.show_head(out);
    if frame.control.is_reply() && frame.control.is_read() && !frame.control.is_error() {
        readings(frame, dialect, device, out);
    } else {
        note::read(frame, dialect, device, out);
    }
    frame.show_tail(out);
}

/// The device of this name, which is said once where several frames in a row are of one meter.
fn device(alias: String, out: &mut Decoded<'_>) -> u32 {
    if out.devices.last().is_none_or(|last| **last != *alias) {
        out.devices.push(Cow::Owned(alias));
    }
    u32::try_from(out.devices.len().saturating_sub(1)).unwrap_or(u32::MAX)
}

/// A reply with readings, or with something else that was read.
fn readings(frame: &Frame<'_>, dialect: Dialect, device: Option<u32>, out: &mut Decoded<'_>) {
    let Some((identified, behind)) = identified(frame.data, frame.meter, out) else {
        let group = empty(device, out);
        let len = frame.data.bytes.len();
        let sentence = format!("a reply of {len} bytes: DI and SER have {BEFORE_DATA}");
        refuse(frame.data, "DI", group, Reason::Truncated, sentence, out);
        return;
    };
    let di = format!("DI {:04X}", identified.di);
    match &identified.meaning {
        Meaning::Readings(item) => {
            let Some((own, more)) = behind.split(item.bytes()) else {
                return;
            };
            if !more.bytes.is_empty() && !reply::has_clock(own, item, dialect) {
                let [len, sent] = [item.bytes() + BEFORE_DATA, frame.data.bytes.len()];
                let sentence = format!(
                    "{di} has {len} bytes with DI and SER; {sent} were sent, and in the first {len} there is \
                     no clock where it belongs"
                );
                let group = empty(device, out);
                refuse(behind, &di, group, Reason::Malformed, sentence, out);
                return;
            }
            let group = reply::read(own, item, frame.meter, dialect, device, out);
            if !more.bytes.is_empty() {
                let sentence = format!(
                    "{} bytes from byte {} on, {}, are not the standard's: its {di} has {} with DI and SER",
                    more.bytes.len(),
                    more.at,
                    hex(more.bytes),
                    item.bytes() + BEFORE_DATA,
                );
                refuse(more, &di, group, Reason::Malformed, sentence, out);
            }
        }
        Meaning::Length(lengths) => {
            let [one, other] = lengths.map(|len| len.map(|len| (len + BEFORE_DATA).to_string()));
            let or = other.map_or_else(String::new, |other| format!(" or {other}"));
            let sentence = format!(
                "{di} of a meter of type {:02X} has {}{or} bytes with DI and SER; {} were sent",
                frame.meter.kind,
                one.unwrap_or_default(),
                frame.data.bytes.len(),
            );
            let group = empty(device, out);
            refuse(behind, &di, group, Reason::Malformed, sentence, out);
        }
        Meaning::Answer(_) => note::answer(frame, &identified, behind, device, out),
        Meaning::Unknown => {
            let sentence = format!("{di} is not known; its data is {}", hex(behind.bytes));
            let group = empty(device, out);
            refuse(behind, &di, group, Reason::UnknownIdentifier, sentence, out);
        }
    }
}

/// Reads DI and SER; `None`: there are no such bytes.
fn identified<'p>(
    data: Piece<'p>,
    meter: Meter,
    out: &mut Decoded<'_>,
) -> Option<(Identified, Piece<'p>)> {
    let (di, rest) = data.split(2)?;
    let (ser, behind) = rest.split(1)?;
    let sent = *di.bytes.first_chunk::<2>()?;
    let identified = item::identify(sent, meter.family(), behind.bytes.len());
    di.show(out, || {
        let order = if identified.low_first {
            "low byte first"
        } else {
            "high byte first"
        };
        let doubt = match &identified.meaning {
            Meaning::Readings(item) if item.is_unconfirmed => {
                "; layout of 2018 by one public source"
            }
            _ => "",
        };
        Fate {
            became: format!("DI {:04X}, {}", identified.di, item::title(&identified)),
            note: format!("{order}{doubt}"),
            ..Fate::default()
        }
    });
    ser.show(out, || Fate::plain(format!("SER {}", number(ser.bytes))));
    Some((identified, behind))
}

fn number(bytes: &[u8]) -> String {
    bytes.first().copied().unwrap_or_default().to_string()
}

/// A group without a time.
fn empty(device: Option<u32>, out: &mut Decoded<'_>) -> u32 {
    out.open(Group {
        device,
        ..Group::default()
    })
}

fn refuse(
    own: Piece<'_>,
    name: &str,
    group: u32,
    reason: Reason,
    sentence: String,
    out: &mut Decoded<'_>,
) {
    own.show(out, || Fate::refused(sentence.clone()));
    let part = out.place_of(group, name, None);
    out.faults.push(Fault::part(reason, part, sentence));
}
