//! A `citygate.v1.SubscribeResponse` as bytes.
//!
//! ```text
//! response := (0a len report | 22 len event)*  12 len cursor  1a len lag
//! report   := 08 sequence  body as it lies in the log
//! ```
//! The log holds each report as protobuf without its sequence, so a response is made by copying:
//! no message is decoded, no reading looked at, and a subscriber that replays the log costs little
//! more than decompressing it. Owned messages were rejected: they allocate several times per reading
//! on a path that every subscriber repeats.
use crate::log::record::RECORD_BYTES_MAX;
use crate::model::wire::{
    LEN, VARINT_LEN_MAX, put_bytes, put_key, put_message, put_u64, put_varint, varint_len,
};
use bytes::{Buf, BufMut};
use prost::encoding::{DecodeContext, WireType, skip_field};
use prost::{DecodeError, Message};
use std::time::Duration;

/// Largest response in bytes: a quarter of what gRPC clients accept by default.
pub const RESPONSE_BYTES_MAX: usize = 1 << 20;
/// What cursor and lag take at most, kept free of reports.
const TAIL_BYTES_MAX: usize = 128;
/// Keys, length and sequence around one body.
const WRAP_BYTES_MAX: usize = 2 + 2 * VARINT_LEN_MAX;

const REPORTS: u32 = 1;
const CURSOR: u32 = 2;
const LAG: u32 = 3;
const EVENTS: u32 = 4;

/// An encoded `citygate.v1.SubscribeResponse`. It can be sent, not received.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SubscribeFrame {
    bytes: Vec<u8>,
}

impl Message for SubscribeFrame {
    fn encode_raw(&self, buf: &mut impl BufMut) {
        buf.put_slice(&self.bytes);
    }

    /// Nothing receives this type; fields are passed over.
    fn merge_field(
        &mut self,
        tag: u32,
        wire_type: WireType,
        buf: &mut impl Buf,
        ctx: DecodeContext,
    ) -> Result<(), DecodeError> {
        skip_field(wire_type, tag, buf, ctx)
    }

    fn encoded_len(&self) -> usize {
        self.bytes.len()
    }

    fn clear(&mut self) {
        self.bytes.clear();
    }
}

/// A response that grows record by record.
#[derive(Debug, Default)]
pub struct Draft {
    bytes: Vec<u8>,
    /// Reports and events in it.
    records: u64,
}

impl Draft {
    /// Is there room for a body of `len` bytes? An empty draft takes any record, so that none can
    /// block the stream. [`RECORD_BYTES_MAX`] bounds it, and intake makes no report above half of that.
    pub fn fits(&self, len: usize) -> bool {
        debug_assert!(len <= RECORD_BYTES_MAX, "the log refuses longer records");
        let with = self.bytes.len() + len + WRAP_BYTES_MAX;
        self.bytes.is_empty() || with <= RESPONSE_BYTES_MAX - TAIL_BYTES_MAX
    }

    /// Nothing in it yet?
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Reports and events in it.
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// Bytes so far.
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Appends a report whose body lies in the log.
    pub fn push_report(&mut self, sequence: u64, body: &[u8]) {
        self.push(REPORTS, sequence, body);
    }

    /// Appends an event whose body lies in the log.
    pub fn push_event(&mut self, sequence: u64, body: &[u8]) {
        self.push(EVENTS, sequence, body);
    }

    /// Both messages have the sequence as field 1.
    fn push(&mut self, field: u32, sequence: u64, body: &[u8]) {
        let wrapped = body.len() + 1 + varint_len(sequence);
        self.bytes.reserve(wrapped + WRAP_BYTES_MAX);
        put_key(&mut self.bytes, field, LEN);
        put_varint(&mut self.bytes, wrapped as u64);
        self.bytes.push(8);
        put_varint(&mut self.bytes, sequence);
        self.bytes.extend_from_slice(body);
        self.records += 1;
    }

    /// Closes the response with its cursor and how far it is behind.
    pub fn finish(mut self, cursor: &str, lag: Duration) -> SubscribeFrame {
        put_bytes(&mut self.bytes, CURSOR, cursor.as_bytes());
        put_message(&mut self.bytes, LAG, |out| {
            put_u64(out, 1, lag.as_secs());
            put_u64(out, 2, u64::from(lag.subsec_nanos()));
        });
        SubscribeFrame { bytes: self.bytes }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use crate::model::proto;
    use proptest::prelude::*;

    fn report() -> impl Strategy<Value = proto::Report> {
        ("[a-z]{1,64}", any::<String>(), any::<f64>(), 0usize..4).prop_map(
            |(device_id, node, number, readings)| proto::Report {
                device_id,
                node,
                readings: vec![
                    proto::Reading {
                        metric: "voltage".into(),
                        value: Some(proto::reading::Value::Number(number)),
                        ..Default::default()
                    };
                    readings
                ],
                ..Default::default()
            },
        )
    }

    proptest! {
        #[test]
        fn prost_reads_what_was_copied(
            reports in prop::collection::vec((1u64.., report()), 0..4),
            event in "[a-z]{0,20}", at: u64, cursor in "[0-9a-f]{1,49}", lag_ms: u32,
        ) {
            let mut draft = Draft::default();
            for (sequence, report) in &reports {
                prop_assert!(draft.fits(report.encoded_len()));
                draft.push_report(*sequence, &report.encode_to_vec());
            }
            let event = proto::Event { name: event, ..Default::default() };
            draft.push_event(at, &event.encode_to_vec());
            prop_assert_eq!(draft.records(), reports.len() as u64 + 1);
            let lag = Duration::from_millis(u64::from(lag_ms));
            let frame = draft.finish(&cursor, lag);
            let bytes = frame.encode_to_vec();
            prop_assert_eq!(bytes.len(), frame.encoded_len());

            let read = proto::SubscribeResponse::decode(bytes.as_slice()).unwrap();
            let sent: Vec<_> = reports
                .into_iter()
                .map(|(sequence, report)| proto::Report { sequence, ..report })
                .collect();
            // NaN is unequal to itself, so that the texts are compared.
            prop_assert_eq!(format!("{:?}", read.reports), format!("{sent:?}"));
            prop_assert_eq!(&read.events, &vec![proto::Event { sequence: at, ..event }]);
            prop_assert_eq!(read.cursor, cursor);
            let read_lag = read.lag.unwrap();
            prop_assert_eq!(read_lag.seconds.unsigned_abs(), lag.as_secs());
            prop_assert_eq!(read_lag.nanos.unsigned_abs(), lag.subsec_nanos());
        }
    }

    #[test]
    fn a_full_response_stays_within_its_limit() {
        let body = vec![0x42; 100_000];
        let mut draft = Draft::default();
        while draft.fits(body.len()) {
            draft.push_report(u64::MAX, &body);
        }
        assert_eq!(draft.records(), 10);
        let frame = draft.finish(&"f".repeat(49), Duration::MAX);
        assert!(frame.encoded_len() <= RESPONSE_BYTES_MAX);
    }

    #[test]
    fn the_largest_record_passes_alone() {
        let mut draft = Draft::default();
        assert!(draft.fits(RECORD_BYTES_MAX));
        draft.push_report(1, &[0]);
        assert!(!draft.fits(RECORD_BYTES_MAX));
    }
}
