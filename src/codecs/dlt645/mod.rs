//! DL/T 645: electricity meters, in the edition of 2007 and that of 1997.
//!
//! ```text
//!  frame.rs   68 A0..A5 68 C L DATA CS 16, checks, addresses      control.rs  functions, refusals
//!  answer.rs  frames that are one answer --data.rs--> bytes less 33, and their places
//!  item.rs    identifier -> quantities, labels                    old.rs      those of 1997
//!  reader.rs  bytes --bcd.rs--> samples                           freeze.rs, load.rs  blocks of their own
//!  status.rs  status words -> flags, alarms                       event.rs    frames without readings
//!  report.rs  what a meter reports of its own accord
//! ```
//! Decisions: an answer may be shorter than its block (meters with 4 tariffs send 5 of 64 values), so what is
//! there is taken, and only a rest that is no whole value is a fault. All FF is a value that the meter does
//! not have; any other digit above 9 is a fault of that value alone. Nothing is clamped or guessed: an
//! identifier that is not of the tables here is a fault that names it.
mod answer;
mod bcd;
mod control;
mod data;
mod event;
mod frame;
mod freeze;
mod item;
mod labels;
mod load;
mod old;
mod reader;
mod report;
mod show;
pub(super) mod status;

use self::answer::Answer;
use self::control::{Edition, function};
use self::data::Data;
use self::frame::Frame;
use self::freeze::Moments;
use self::reader::Reader;
use super::frames::{self, Framing};
use super::{Decoded, Fault, Reason, Told};
use std::borrow::Cow;
use std::ops::Range;

/// Bytes of data that a frame may have are 200; what is well below them did not have to be cut.
const LONG: usize = 180;

pub(super) const FRAMING: Framing = Framing {
    name: "dlt645",
    frame: frame::frame,
    read,
};

fn read(payload: &[u8], places: &[Range<usize>], told: Told<'_>, out: &mut Decoded<'_>) {
    let frames: Vec<Frame> = places
        .iter()
        .filter_map(|place| Frame::at(payload, place))
        .collect();
    let moments = freeze::moments(payload, &frames);
    let is_alone = frames.len() == 1 && out.groups.is_empty();
    for answer in answer::join(payload, &frames) {
        // It is refused as a whole.
        if out.samples.len() > told.limits.readings_max {
            return;
        }
        let parts = [answer.first]
            .into_iter()
            .chain(answer.more.iter().chain(&answer.left_out).copied());
        for frame in parts.clone().filter_map(|at| frames.get(at)) {
            show::around(payload, frame, out);
        }
        let Some(frame) = frames.get(answer.first) else {
            continue;
        };
        if !frame.control.is_reply() {
            let device = is_alone.then(|| device(frame, out)).flatten();
            event::command(payload, frame, device, is_alone, out);
            continue;
        }
        let device = device(frame, out);
        match frame.control.function() {
            _ if frame.control.is_refusal() => event::refusal(payload, frame, device, out),
            _ if event::is_secret(payload, frame) => {
                for frame in parts.clone().filter_map(|at| frames.get(at)) {
                    event::command(payload, frame, device, true, out);
                }
            }
            function::READ | function::READ_NEXT | function::OLD_READ | function::OLD_READ_NEXT => {
                values(payload, &frames, &answer, &moments, device, out);
            }
            _ => event::command(payload, frame, device, true, out),
        }
    }
}

/// Index of the frame's meter; nobody's where its address is a wildcard.
fn device(frame: &Frame, out: &mut Decoded<'_>) -> Option<u32> {
    let alias = frame.alias()?;
    if out.devices.last().is_none_or(|last| *last != alias) {
        out.devices.push(Cow::Owned(alias));
    }
    u32::try_from(out.devices.len() - 1).ok()
}

/// The values of an answer to a read.
fn values(
    payload: &[u8],
    frames: &[Frame],
    answer: &Answer,
    moments: &Moments,
    device: Option<u32>,
    out: &mut Decoded<'_>,
) {
    let Some(frame) = frames.get(answer.first) else {
        return;
    };
    let len = frame.control.di_len();
    let Some(di) = answer::identifier(payload, frame) else {
        let group = event::open(device, out);
        let sentence = format!(
            "{} bytes of data at byte {}; a data identifier has {len}",
            frame.data.len(),
            frame.data.start
        );
        let part = out.place_of(group, "DI", None);
        out.faults
            .push(Fault::part(Reason::Truncated, part, sentence));
        event::rest(payload, frame.data.clone(), out);
        return;
    };
    let name = answer::name(di, len);
    let mut data = Data::default();
    for at in [answer.first].iter().chain(&answer.more) {
        if let Some(frame) = frames.get(*at) {
            heads(payload, frame, &name, Some(&mut data), out);
        }
    }
    for frame in answer.left_out.iter().filter_map(|at| frames.get(*at)) {
        let place = heads(payload, frame, &name, None, out);
        event::rest(payload, place, out);
    }
    let before = seen(out);
    let mut reader = Reader::new(payload, data, out, device, name);
    let missing = answer
        .missing
        .filter(|_| !is_of_report(payload, frames, answer));
    reader.is_cut = missing.is_some();
    if answer::is_next(frame) && di != report::DI {
        orphan(payload, frame, &mut reader);
        return;
    }
    let is_old = frame.control.edition() == Some(Edition::Of1997);
    let is_known = match di {
        [.., first, second] if is_old => items(&old::all([first, second]), &mut reader),
        [freeze::GROUP, kind, _, back] => {
            let moment = moments.get(&(frame.address, kind, back));
            freeze::read(di, moment, &mut reader)
        }
        [load::GROUP, ..] => load::read(di, &mut reader),
        report::DI => report::read(&mut reader),
        _ => items(&item::all(di), &mut reader),
    };
    if !is_known {
        unknown(di, &mut reader);
    }
    let is_whole = is_known && !reader.has_rest && is_one(di, is_old, frame.data.len());
    if let Some(number) = missing.filter(|number| *number > 1 || !is_whole) {
        let sentence = if is_old {
            "more frames follow, and are not in this uplink; what came before is kept".to_owned()
        } else {
            format!(
                "more frames follow, and number {number} is not in this uplink; what came before is kept"
            )
        };
        reader.fault(Reason::Truncated, sentence);
    }
    if before == seen(reader.out) {
        let sentence = "no value behind the data identifier";
        reader.fault(Reason::Truncated, sentence.to_owned());
    }
}

/// Readings, faults and events.
fn seen(out: &Decoded<'_>) -> (usize, usize, usize) {
    (out.samples.len(), out.faults.len(), out.notes.len())
}

/// Is it one value, or so short a row of tariffs that it did not have to go on in a further frame? A meter
/// that says so for all that has something to report.
fn is_one(di: [u8; 4], is_old: bool, len: usize) -> bool {
    !is_old && !di.contains(&0xff) && !di.starts_with(&[load::GROUP]) && len < LONG
}

/// Does the bit that says that more frames follow stand for the report that is beside the answer?
fn is_of_report(payload: &[u8], frames: &[Frame], answer: &Answer) -> bool {
    let Some(first) = frames.get(answer.first) else {
        return false;
    };
    let is_alone = answer.more.is_empty() && answer.left_out.is_empty();
    let is_report = |frame: &Frame| {
        frame.address == first.address
            && frame.control.is_reply()
            && answer::identifier(payload, frame) == Some(report::DI)
    };
    is_alone && !is_report(first) && frames.iter().any(is_report)
}

fn items(items: &[item::Item], reader: &mut Reader<'_, '_>) -> bool {
    if !items.is_empty() {
        reader.items(items);
    }
    !items.is_empty()
}

/// Shows a frame's data identifier and number, and appends what lies between to `data`; gives its place.
fn heads(
    payload: &[u8],
    frame: &Frame,
    name: &str,
    data: Option<&mut Data>,
    out: &mut Decoded<'_>,
) -> Range<usize> {
    let Range { start, end } = frame.data;
    let from = (start + frame.control.di_len()).min(end);
    out.show(|| show::piece(payload, start..from, format!("DI {name}"), ""));
    // Frames of 1997 have no numbers.
    let is_numbered = frame.control.function() == function::READ_NEXT && from < end;
    let to = if is_numbered { end - 1 } else { end };
    if is_numbered {
        let number = answer::number(payload, frame);
        out.show(|| show::piece(payload, to..end, format!("frame number {number}"), ""));
    }
    if let Some(data) = data {
        data.append(payload, from..to);
    }
    from..to
}

/// A frame that goes on with an answer of which the beginning is not there.
fn orphan(payload: &[u8], frame: &Frame, reader: &mut Reader<'_, '_>) {
    let number = answer::number(payload, frame);
    let which = match frame.control.edition() {
        Some(Edition::Of1997) => String::new(),
        _ => format!("number {number} of "),
    };
    let sentence = format!(
        "{which}an answer whose first frame is not in this uplink: nothing says which values these are"
    );
    reader.fault(Reason::Truncated, sentence);
    reader.is_cut = true;
    reader.leftover();
}

/// Data of which nobody knows what it is.
fn unknown(di: [u8; 4], reader: &mut Reader<'_, '_>) {
    let bytes = frames::hex(reader.data.rest());
    let mut blocks = di.iter().filter(|byte| **byte == 0xff);
    let why = if blocks.nth(1).is_some() {
        "a block over two of its bytes, of which nothing says how many values each has"
    } else {
        "no such data identifier is read"
    };
    let why = match item::money(di) {
        Some(what) => format!("{what}, of which the frame does not say the currency"),
        None => why.to_owned(),
    };
    let sentence = format!("{why}: {} bytes, {bytes}", reader.data.left());
    reader.fault(Reason::UnknownIdentifier, sentence);
    reader.is_cut = true;
    reader.leftover();
}

#[cfg(test)]
mod tests;
