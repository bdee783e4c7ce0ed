//! A session's bytes on disk: key = client id, value as below. Persisted, so the version byte
//! changes when the shape does.
//!
//! ```text
//! value := version:u8 = 1, number:u64, expiry_secs:u32, ended_at_ns:i64     little-endian
//! ```
use crate::model::Timestamp;

const VERSION: u8 = 1;
/// `ended_at_ns` of a session whose device was connected when this was written.
const CONNECTED: i64 = i64::MIN;

/// What outlives a connection, and a restart of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Random; a clean start draws a new one.
    pub number: u64,
    /// How long it outlives the connection, in seconds.
    pub expiry_secs: u32,
    /// When the connection ended; `None`: it is there.
    pub ended_at: Option<Timestamp>,
}

/// Length of the value in bytes.
pub const LEN: usize = 21;

impl Record {
    /// The value.
    pub fn encode(&self) -> [u8; LEN] {
        let ended_at = self.ended_at.map_or(CONNECTED, Timestamp::as_nanos);
        let mut value = [0; LEN];
        let fields = [VERSION]
            .into_iter()
            .chain(self.number.to_le_bytes())
            .chain(self.expiry_secs.to_le_bytes())
            .chain(ended_at.to_le_bytes());
        for (place, byte) in value.iter_mut().zip(fields) {
            *place = byte;
        }
        value
    }

    /// `None`: of another version, or damaged.
    pub fn decode(value: &[u8]) -> Option<Self> {
        let (&[version], rest) = value.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (expiry, rest) = rest.split_first_chunk()?;
        let ended_at = i64::from_le_bytes(rest.try_into().ok()?);
        (version == VERSION).then(|| Self {
            number: u64::from_le_bytes(*number),
            expiry_secs: u32::from_le_bytes(*expiry),
            ended_at: (ended_at != CONNECTED).then(|| Timestamp::from_nanos(ended_at)),
        })
    }

    /// Is it over at `now`?
    pub fn expired(&self, now: Timestamp) -> bool {
        let kept = std::time::Duration::from_secs(self.expiry_secs.into());
        self.ended_at.is_some_and(|ended| now.since(ended) > kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn records_round_trip(number: u64, expiry_secs: u32, ended in prop::option::of(0i64..)) {
            let ended_at = ended.map(Timestamp::from_nanos);
            let record = Record { number, expiry_secs, ended_at };
            prop_assert_eq!(Record::decode(&record.encode()), Some(record));
        }

        #[test]
        fn other_bytes_are_no_record(bytes: Vec<u8>) {
            if bytes.len() != LEN || bytes.first() != Some(&VERSION) {
                prop_assert_eq!(Record::decode(&bytes), None);
            }
        }
    }

    #[test]
    fn a_session_expires_after_its_end_only() {
        let ended = Timestamp::from_secs(1_000);
        let mut record = Record {
            number: 1,
            expiry_secs: 60,
            ended_at: Some(ended),
        };
        assert!(!record.expired(Timestamp::from_secs(1_060)));
        assert!(record.expired(Timestamp::from_secs(1_061)));
        record.ended_at = None;
        assert!(!record.expired(Timestamp::MAX));
    }
}
