#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
//! Frames of others (facts, with their source's name) and computed ones, where nobody published any.
mod answers;
mod damage;
mod events;
mod fixtures;
mod of_1997;
mod stored;
mod vectors;

use super::*;
use crate::codecs::frames::Unframed;
use crate::codecs::{Dialect, Limits, Sent, SentTime, Spot, Trace};

pub(super) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

/// A frame of meter 161 that this file computes: `data` as meant, in the order in which it is sent.
pub(super) fn computed(control: u8, data: &[u8]) -> Vec<u8> {
    computed_of([0x61, 0x01, 0, 0, 0, 0], control, data)
}

pub(super) fn computed_of(address: [u8; 6], control: u8, data: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x68];
    frame.extend(address);
    frame.extend([0x68, control, u8::try_from(data.len()).unwrap()]);
    frame.extend(data.iter().map(|byte| byte.wrapping_add(0x33)));
    frame.push(crate::codecs::frames::checksum(&frame));
    frame.push(0x16);
    frame
}

/// The data of an answer: a data identifier as it is written, and bytes as they are sent, less 33.
pub(super) fn answer(di: u32, value: &[u8]) -> Vec<u8> {
    let mut data = di.to_le_bytes().to_vec();
    data.extend(value);
    data
}

/// Intact frames of a payload, and the first damaged one.
fn split(payload: &[u8]) -> (Vec<Range<usize>>, Option<Fault>) {
    let (mut at, mut frames, mut damaged) = (0, Vec::new(), None);
    while at < payload.len() {
        match frame::frame(&payload[at..]) {
            Ok(len) => {
                frames.push(at..at + len);
                at += len;
                continue;
            }
            Err(Unframed::Damaged(fault) | Unframed::Broken { fault, .. }) => {
                damaged.get_or_insert(fault);
            }
            Err(Unframed::Other) => {}
        }
        at += 1;
    }
    (frames, damaged)
}

/// As the profile `dlt645` does.
pub(super) fn decode(payload: &[u8]) -> Decoded<'static> {
    decode_as(payload, &[FRAMING])
}

pub(super) fn decode_as(payload: &[u8], framings: &[Framing]) -> Decoded<'static> {
    let mut out = Decoded {
        trace: Some(Trace::default()),
        ..Decoded::default()
    };
    let told = Told {
        limits: Limits {
            readings_max: 1_000,
        },
        dialect: Dialect::default(),
        dialect_of: &|_| None,
    };
    // Without one frame there is nothing, and the error says why.
    let _ = crate::codecs::frames::decode(payload, framings, told, &mut out);
    out
}

/// Samples as `device metric{labels} value unit @time`.
pub(super) fn samples(decoded: &Decoded<'_>) -> Vec<String> {
    let sample = |sample: &crate::codecs::Sample<'_>| {
        let value = match &sample.value {
            Sent::Number(_, text) | Sent::Text(text) => text.to_string(),
            Sent::Flag(flag) => flag.to_string(),
            Sent::Null => "null".to_owned(),
            other => panic!("{other:?}"),
        };
        let labels: Vec<String> = sample
            .labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let labels = if labels.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", labels.join(","))
        };
        let unit = match sample.unit.as_ref() {
            "" => String::new(),
            unit => format!(" {unit}"),
        };
        let group = decoded.group(sample.group).unwrap();
        let time = match &group.time {
            SentTime::Absent => String::new(),
            SentTime::Text(text) => format!(" @{text}"),
            other => panic!("{other:?}"),
        };
        format!("{}{labels} {value}{unit}{time}", sample.metric)
    };
    decoded.samples.iter().map(sample).collect()
}

pub(super) fn faults(decoded: &Decoded<'_>) -> Vec<String> {
    let fault = |fault: &Fault| format!("{} {}: {}", fault.part, fault.reason, fault.sentence);
    decoded.faults.list().iter().map(fault).collect()
}

/// Notes as `name key=value ..`.
pub(super) fn notes(decoded: &Decoded<'_>) -> Vec<String> {
    let note = |note: &crate::codecs::Note<'_>| {
        let detail: Vec<String> = note
            .detail
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        format!("{} {}", note.name, detail.join(", "))
    };
    decoded.notes.iter().map(note).collect()
}

/// Pieces as `from..to sent | became | note`.
pub(super) fn pieces(decoded: &Decoded<'_>) -> Vec<String> {
    let piece = |piece: &crate::codecs::Traced| {
        let Spot::Bytes(place) = &piece.spot else {
            panic!("{piece:?}");
        };
        format!(
            "{place:?} {} | {} | {}",
            piece.sent, piece.became, piece.note
        )
    };
    let trace = decoded.trace.as_ref().unwrap();
    trace.pieces.iter().map(piece).collect()
}
