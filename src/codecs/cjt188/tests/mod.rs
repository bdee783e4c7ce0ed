#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod frames;
mod random;
mod variants;
mod vectors;

use super::FRAMING;
use crate::codecs::frames::Unframed;
use crate::codecs::{Decoded, Dialect, Limits, Sample, Sent, Spot, Told, Trace};

pub(super) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// A frame of `data` (DI, SER and what follows), with its length and check sum.
pub(super) fn frame(head: &str, data: &[u8]) -> Vec<u8> {
    let mut frame = bytes(head);
    frame.push(u8::try_from(data.len()).unwrap());
    frame.extend(data);
    frame.push(frame.iter().fold(0, |sum, byte| sum.wrapping_add(*byte)));
    frame.push(0x16);
    frame
}

/// Decodes the frame that begins at the first 68, traced.
pub(super) fn decode(payload: &[u8], dialect: Dialect) -> Result<Decoded<'static>, Unframed> {
    let start = payload.iter().position(|byte| *byte == 0x68).unwrap_or(0);
    let len = (FRAMING.frame)(&payload[start..])?;
    let mut out = Decoded {
        trace: Some(Trace::default()),
        ..Decoded::default()
    };
    let told = Told {
        limits: Limits { readings_max: 100 },
        dialect,
        dialect_of: &|_| None,
    };
    let frame = start..start + len;
    (FRAMING.read)(payload, std::slice::from_ref(&frame), told, &mut out);
    covered(&out, frame);
    Ok(out)
}

/// Every byte of the frame is in the trace, once and in order.
pub(super) fn covered(out: &Decoded<'_>, frame: std::ops::Range<usize>) {
    let mut at = frame.start;
    for piece in &out.trace.as_ref().unwrap().pieces {
        let Spot::Bytes(range) = &piece.spot else {
            unreachable!("bytes")
        };
        assert_eq!(range.start, at, "{piece:?}");
        assert!(range.end > at, "{piece:?}");
        assert!(
            !piece.became.is_empty() || !piece.note.is_empty(),
            "{piece:?}"
        );
        if let Some(sample) = piece.sample {
            assert_eq!(out.samples[sample].metric, piece.became);
        }
        at = range.end;
    }
    assert_eq!(at, frame.end);
}

/// `water_volume 0.60 m3 freeze=settlement`.
pub(super) fn line(sample: &Sample<'_>) -> String {
    let value = match &sample.value {
        Sent::Number(value, text) => {
            assert_eq!(
                text.parse::<f64>().unwrap().to_bits(),
                value.to_bits(),
                "{text}"
            );
            text.clone().into_owned()
        }
        Sent::Text(text) => text.clone().into_owned(),
        Sent::Flag(flag) => flag.to_string(),
        other => format!("{other:?}"),
    };
    let mut line = format!("{} {value} {}", sample.metric, sample.unit);
    for (name, value) in &sample.labels {
        line.extend([" ", name, "=", value]);
    }
    line.trim_end().to_owned()
}

pub(super) fn lines(out: &Decoded<'_>) -> Vec<String> {
    out.samples.iter().map(line).collect()
}

pub(super) fn faults(out: &Decoded<'_>) -> Vec<String> {
    let faults = out.faults.list().iter();
    faults
        .map(|fault| format!("{}: {}: {}", fault.reason, fault.part, fault.sentence))
        .collect()
}

/// `meter_error function=.. error=..`.
pub(super) fn notes(out: &Decoded<'_>) -> Vec<String> {
    let notes = out.notes.iter().map(|note| {
        let detail = note.detail.iter();
        let detail: Vec<String> = detail
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        format!("{} {}", note.name, detail.join(" "))
    });
    notes.collect()
}
