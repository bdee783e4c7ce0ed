//! A record's bytes inside a frame.
//!
//! ```text
//! record  := len:varint kind:u8 flags:u8 [content key: 16] [redelivery key: 18] [recovers: 16] [arrival] body
//! arrival := len:varint protobuf: Arrival
//! body    := protobuf: Report (without sequence) | Reject | Event | nothing
//! ```
//! The keys of deduplication lie beside the body so that they are rebuilt from the log's tail
//! after a restart, and the body is passed on to subscribers as it is. So does what is known of the
//! uplink itself, its first bytes included: subscribers get readings, the device's page gets both. Of
//! the records of one uplink only the first carries it, the others are marked as going on.
use crate::model::Reject;
use crate::model::wire::{Fields, WireError, put_varint, varint_len};

/// What a record is. Persisted: the numbers never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// `citygate.v1.Report`.
    Report = 1,
    /// [`crate::model::Reject`].
    Reject = 2,
    /// `citygate.v1.Event`.
    Event = 3,
    /// No body: the redelivery key's packet id is free again (MQTT PUBREL).
    Release = 4,
}

impl Kind {
    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Report),
            2 => Some(Self::Reject),
            3 => Some(Self::Event),
            4 => Some(Self::Release),
            _ => None,
        }
    }
}

/// Identity of one transmission: promise 6 (a).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RedeliveryKey {
    /// The MQTT session's random number (a clean start draws a new one), or a hash of the `CoAP` peer.
    pub session: u64,
    /// MQTT packet id or `CoAP` message id.
    pub packet_id: u16,
    /// Hash of the payload and its topic.
    pub payload: u64,
    /// A `CoAP` exchange: its message id means something for `EXCHANGE_LIFETIME` only.
    pub exchange: bool,
}

/// Keys of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keys {
    /// Hash over device, readings and device-given times: promise 6 (b). None without such times.
    pub content: Option<u128>,
    /// Identity of the transmission, where the protocol redelivers.
    pub redelivery: Option<RedeliveryKey>,
    /// The transmission was `QoS` 2: its packet id is open until released.
    pub exactly_once: bool,
    /// The rejects that this record's uplink had become before.
    pub recovers: Option<Recovers>,
}

/// Rejects that have become reports. It lies in the record of a report, so that there is no moment at
/// which a crash could keep the one and lose the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovers {
    /// A sequence in the log of rejects, or [`crate::model::Reject::mark`] of a whole uplink.
    pub first: u64,
    /// Bit n: the reject n sequences behind `first`. Of a whole uplink only bit 0, and above it the first
    /// sequence of the rejects that its retry left over.
    pub set: u64,
}

impl Recovers {
    /// Those of `sequences` that lie less than 64 behind the first of them; `None` if there is none.
    pub fn new(sequences: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut sequences = sequences.into_iter();
        let first = sequences.next()?;
        let bit = |sequence: u64| {
            let behind = u32::try_from(sequence.checked_sub(first)?).ok()?;
            1_u64.checked_shl(behind)
        };
        let set = sequences.filter_map(bit).fold(1, |set, bit| set | bit);
        Some(Self { first, set })
    }

    /// With the first of the rejects that the retry of a whole uplink left over.
    #[must_use]
    pub const fn leaving(self, first: u64) -> Self {
        Self {
            set: first << 1 | 1,
            ..self
        }
    }

    /// Is it a whole uplink?
    pub const fn is_whole(self) -> bool {
        self.first & Reject::WHOLE != 0
    }

    /// Their marks, and that of what was left over.
    pub fn marks(self) -> impl Iterator<Item = u64> {
        let left = (self.is_whole() && self.set > 1).then_some(self.set >> 1 | Reject::LEFT_OVER);
        let set = if self.is_whole() { 1 } else { self.set };
        let is_set = move |behind: &u64| set >> behind & 1 == 1;
        let at = move |behind| self.first.saturating_add(behind);
        (0..u64::from(u64::BITS)).filter(is_set).map(at).chain(left)
    }
}

const HAS_CONTENT: u8 = 1;
const HAS_REDELIVERY: u8 = 2;
const EXACTLY_ONCE: u8 = 4;
const HAS_ARRIVAL: u8 = 8;
const GOES_ON: u8 = 16;
const EXCHANGE: u8 = 32;
const HAS_RECOVERS: u8 = 64;

/// How a record's uplink arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arrived<'a> {
    /// Not by an uplink: an event of the gateway, a release.
    #[default]
    Not,
    /// By an uplink of which this is the first record: a [`crate::model::Arrival`], encoded.
    Here(&'a [u8]),
    /// By the uplink of the record before.
    Before,
}

/// Longest record in bytes; a longer one is refused at append.
pub const RECORD_BYTES_MAX: usize = 1 << 20;

/// One record in place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RecordView<'a> {
    /// What the body is.
    pub kind: Kind,
    /// Keys of deduplication.
    pub keys: Keys,
    /// How its uplink arrived.
    pub arrived: Arrived<'a>,
    /// Protobuf.
    pub body: &'a [u8],
}

/// Appends a record whose body is `body`.
pub fn put(out: &mut Vec<u8>, kind: Kind, keys: &Keys, arrived: Arrived<'_>, body: &[u8]) {
    let mut flags = 0;
    let mut len = 2 + body.len();
    if keys.content.is_some() {
        flags |= HAS_CONTENT;
        len += 16;
    }
    if let Some(key) = &keys.redelivery {
        flags |= HAS_REDELIVERY | if key.exchange { EXCHANGE } else { 0 };
        len += 18;
    }
    if keys.exactly_once {
        flags |= EXACTLY_ONCE;
    }
    if keys.recovers.is_some() {
        flags |= HAS_RECOVERS;
        len += 16;
    }
    match arrived {
        Arrived::Not => {}
        Arrived::Here(arrival) => {
            flags |= HAS_ARRIVAL;
            len += varint_len(arrival.len() as u64) + arrival.len();
        }
        Arrived::Before => flags |= GOES_ON,
    }
    put_varint(out, len as u64);
    out.extend_from_slice(&[kind as u8, flags]);
    if let Some(content) = keys.content {
        out.extend_from_slice(&content.to_le_bytes());
    }
    if let Some(key) = keys.redelivery {
        out.extend_from_slice(&key.session.to_le_bytes());
        out.extend_from_slice(&key.packet_id.to_le_bytes());
        out.extend_from_slice(&key.payload.to_le_bytes());
    }
    if let Some(recovers) = keys.recovers {
        out.extend_from_slice(&recovers.first.to_le_bytes());
        out.extend_from_slice(&recovers.set.to_le_bytes());
    }
    if let Arrived::Here(arrival) = arrived {
        put_varint(out, arrival.len() as u64);
        out.extend_from_slice(arrival);
    }
    out.extend_from_slice(body);
}

/// Takes the next record off `fields`, which stands at a record's length.
///
/// # Errors
/// Truncated, of an unknown kind, or too short for its keys.
pub fn take<'a>(fields: &mut Fields<'a>) -> Result<RecordView<'a>, WireError> {
    let len = fields.varint()?;
    let record = fields.take(len)?;
    parse(record).ok_or(WireError {
        what: "record header",
        left: fields.rest().len(),
    })
}

fn parse(record: &[u8]) -> Option<RecordView<'_>> {
    let (&[kind, flags], mut rest) = record.split_first_chunk()?;
    let mut keys = Keys {
        exactly_once: flags & EXACTLY_ONCE != 0,
        ..Keys::default()
    };
    if flags & HAS_CONTENT != 0 {
        let (content, tail) = rest.split_first_chunk()?;
        keys.content = Some(u128::from_le_bytes(*content));
        rest = tail;
    }
    if flags & HAS_REDELIVERY != 0 {
        let (session, tail) = rest.split_first_chunk()?;
        let (packet_id, tail) = tail.split_first_chunk()?;
        let (payload, tail) = tail.split_first_chunk()?;
        keys.redelivery = Some(RedeliveryKey {
            session: u64::from_le_bytes(*session),
            packet_id: u16::from_le_bytes(*packet_id),
            payload: u64::from_le_bytes(*payload),
            exchange: flags & EXCHANGE != 0,
        });
        rest = tail;
    }
    if flags & HAS_RECOVERS != 0 {
        let (first, tail) = rest.split_first_chunk()?;
        let (set, tail) = tail.split_first_chunk()?;
        keys.recovers = Some(Recovers {
            first: u64::from_le_bytes(*first),
            set: u64::from_le_bytes(*set),
        });
        rest = tail;
    }
    let mut arrived = Arrived::Not;
    if flags & HAS_ARRIVAL != 0 {
        let mut fields = Fields::new(rest);
        let len = fields.varint().ok()?;
        arrived = Arrived::Here(fields.take(len).ok()?);
        rest = fields.rest();
    } else if flags & GOES_ON != 0 {
        arrived = Arrived::Before;
    }
    Some(RecordView {
        kind: Kind::from_byte(kind)?,
        keys,
        arrived,
        body: rest,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    fn keys() -> impl Strategy<Value = Keys> {
        (
            any::<Option<u128>>(),
            any::<Option<(u64, u16, u64, bool)>>(),
            any::<bool>(),
            any::<Option<(u64, u64)>>(),
        )
            .prop_map(|(content, redelivery, exactly_once, recovers)| Keys {
                content,
                recovers: recovers.map(|(first, set)| Recovers { first, set }),
                redelivery: redelivery.map(|(session, packet_id, payload, exchange)| {
                    RedeliveryKey {
                        session,
                        packet_id,
                        payload,
                        exchange,
                    }
                }),
                exactly_once,
            })
    }

    #[test]
    fn rejects_of_one_uplink_are_named_by_bits() {
        assert_eq!(Recovers::new([]), None);
        let some = Recovers::new([7, 8, 39, 70, 71]).expect("not empty");
        let named: Vec<u64> = some.marks().collect();
        assert_eq!(named, [7, 8, 39, 70], "71 is too far behind");
        let whole = Recovers::new([7 | Reject::WHOLE]).expect("not empty");
        let named: Vec<u64> = whole.marks().collect();
        assert_eq!(named, [7 | Reject::WHOLE]);
        let named: Vec<u64> = whole.leaving(9).marks().collect();
        assert_eq!(named, [7 | Reject::WHOLE, 9 | Reject::LEFT_OVER]);
    }

    proptest! {
        #[test]
        fn records_round_trip(keys in keys(), arrival: Vec<u8>, how in 0..3, body: Vec<u8>, number in 1u8..=4) {
            let kind = Kind::from_byte(number).expect("1 to 4");
            let arrived = match how {
                0 => Arrived::Not,
                1 => Arrived::Before,
                _ => Arrived::Here(&arrival),
            };
            let mut out = Vec::new();
            put(&mut out, kind, &keys, arrived, &body);
            put(&mut out, Kind::Event, &Keys::default(), Arrived::Not, b"next");
            let mut fields = Fields::new(&out);
            prop_assert_eq!(take(&mut fields), Ok(RecordView { kind, keys, arrived, body: &body }));
            prop_assert_eq!(take(&mut fields).map(|r| r.body), Ok(&b"next"[..]));
            prop_assert!(fields.rest().is_empty());
        }

        #[test]
        fn truncated_and_flipped_records_do_not_panic(keys in keys(), body: Vec<u8>, at: prop::sample::Index, bit in 0u8..8) {
            let mut out = Vec::new();
            put(&mut out, Kind::Report, &keys, Arrived::Here(b"here"), &body);
            let at = at.index(out.len());
            prop_assert!(take(&mut Fields::new(&out[..at])).is_err());
            out[at] ^= 1 << bit;
            let _ = take(&mut Fields::new(&out));
        }
    }
}
