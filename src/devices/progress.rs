//! How far the registry has come in both logs: one row, committed with the devices.
use super::row::{In, Out};
use crate::log::LogId;
use crate::model::Timestamp;

const VERSION: u8 = 1;

/// What survives a restart beside the devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    /// Both logs.
    pub log: LogId,
    pub rejects: LogId,
    /// All records below are in the devices; 0 before the first.
    pub log_next: u64,
    pub rejects_next: u64,
    /// Records that could not be had.
    pub expired: u64,
    /// The last change, and what it is comparable with.
    pub version: u64,
    pub id: u128,
    /// How many devices there are: one less is damage.
    pub devices: u32,
    pub saved_at: Timestamp,
}

impl Progress {
    pub fn encode(&self) -> Vec<u8> {
        let mut row = vec![VERSION];
        let mut out = Out(&mut row);
        for id in [self.log.0, self.rejects.0, self.id] {
            out.0.extend_from_slice(&id.to_le_bytes());
        }
        for number in [self.log_next, self.rejects_next, self.expired, self.version] {
            out.u64(number);
        }
        out.u32(self.devices);
        out.time(self.saved_at);
        row
    }

    /// `None`: damaged, or of a later version.
    pub fn decode(row: &[u8]) -> Option<Self> {
        let mut row = In(row);
        if row.u8()? != VERSION {
            return None;
        }
        let (log, rejects, id) = (LogId(row.u128()?), LogId(row.u128()?), row.u128()?);
        Some(Self {
            log,
            rejects,
            id,
            log_next: row.u64()?,
            rejects_next: row.u64()?,
            expired: row.u64()?,
            version: row.u64()?,
            devices: row.u32()?,
            saved_at: row.time()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn progress_round_trips(ids: [u128; 3], n: [u64; 4], devices: u32, saved: i64) {
            let progress = Progress {
                log: LogId(ids[0]),
                rejects: LogId(ids[1]),
                id: ids[2],
                log_next: n[0],
                rejects_next: n[1],
                expired: n[2],
                version: n[3],
                devices,
                saved_at: Timestamp::from_nanos(saved),
            };
            let row = progress.encode();
            prop_assert_eq!(Progress::decode(&row), Some(progress));
            prop_assert_eq!(row.split_last().and_then(|(_, cut)| Progress::decode(cut)), None);
        }
    }
}
