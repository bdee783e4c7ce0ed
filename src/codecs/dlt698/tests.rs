//! Frames of public sources, and frames made here for what no source has.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by failing"
)]
mod damage;
mod fixtures;
mod services;
mod vectors;

use super::*;
use crate::codecs::{CODECS, Decode, Limits, Note, Sent, SentTime, Trace};

pub(super) fn bytes(hex: &str) -> Vec<u8> {
    crate::codecs::pasted(hex.as_bytes()).unwrap()
}

/// What a payload became, in words: `dlt698:012503200001 voltage a 224.1 V @time`.
pub(super) struct Seen {
    pub(super) readings: Vec<String>,
    pub(super) notes: Vec<Note<'static>>,
    pub(super) faults: Vec<Fault>,
    pub(super) result: Result<(), Fault>,
    pub(super) trace: Vec<Traced>,
}

pub(super) fn told() -> Told<'static> {
    Told {
        limits: Limits { readings_max: 5000 },
        dialect: crate::codecs::Dialect::default(),
        dialect_of: &|_| None,
    }
}

/// Decodes a payload by the profile `dlt698`; each of its bytes is in the trace once.
pub(super) fn see(payload: &[u8]) -> Seen {
    let mut out = Decoded {
        trace: Some(Trace::default()),
        ..Decoded::default()
    };
    let (_, decode) = CODECS.iter().find(|row| row.0 == "dlt698").unwrap();
    assert!(matches!(decode, Decode::Frames(_)));
    let result = decode.decode(payload, told(), &mut out);
    let trace = out.trace.take().unwrap().pieces;
    let mut at = 0;
    for piece in &trace {
        let Spot::Bytes(range) = &piece.spot else {
            panic!("{piece:?}")
        };
        assert_eq!(range.start, at, "{piece:?} of {trace:#?}");
        at = range.end;
    }
    assert_eq!(at, payload.len(), "{trace:#?}");
    let readings = out.samples.iter().map(|sample| {
        let group = out.group(sample.group).unwrap();
        let mut words = vec![out.device_of(sample.group).unwrap_or("-").to_owned()];
        words.push(sample.metric.to_string());
        words.extend(
            sample
                .labels
                .iter()
                .map(|(name, value)| format!("{name}={value}")),
        );
        words.push(match &sample.value {
            Sent::Number(_, text) | Sent::Text(text) => text.to_string(),
            Sent::Flag(flag) => flag.to_string(),
            other => format!("{other:?}"),
        });
        if !sample.unit.is_empty() {
            words.push(sample.unit.to_string());
        }
        if let SentTime::Text(time) = &group.time {
            words.push(format!("@{time}"));
        }
        words.join(" ")
    });
    Seen {
        readings: readings.collect(),
        notes: out.notes.iter().cloned().map(Note::into_owned).collect(),
        faults: out.faults.list().to_vec(),
        result,
        trace,
    }
}

/// A frame of a control byte, an address field with its address, and an APDU.
pub(super) fn sealed(control: u8, address: &[u8], apdu: &[u8]) -> Vec<u8> {
    let len = 2 + 1 + address.len() + 1 + 2 + apdu.len() + 2;
    let len = u16::try_from(len).unwrap().to_le_bytes();
    let mut frame = vec![0x68, len[0], len[1], control];
    frame.extend(address);
    frame.push(0);
    let hcs = crc::of(&frame[1..]).to_le_bytes();
    frame.extend(hcs);
    frame.extend(apdu);
    let fcs = crc::of(&frame[1..]).to_le_bytes();
    frame.extend(fcs);
    frame.push(0x16);
    frame
}

/// Of a meter 000000000001.
pub(super) const ADDRESS: &[u8] = &[5, 1, 0, 0, 0, 0, 0];

pub(super) fn reply(apdu: &str) -> Vec<u8> {
    sealed(0xc3, ADDRESS, &bytes(apdu))
}

pub(super) fn detail<'n>(note: &'n Note<'_>, name: &str) -> &'n str {
    let pair = note.detail.iter().find(|pair| pair.0 == name);
    pair.map_or("", |pair| pair.1.as_ref())
}
