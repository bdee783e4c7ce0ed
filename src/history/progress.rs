//! How far history has come in the log: one row, committed together with the points.
use crate::log::LogId;
use crate::model::wire::Fields;

const VERSION: u8 = 1;

/// What survives a restart. The counts belong to the log that `log_id` names, so that
/// `logged = stored + late + skipped + lost with expired records + not read yet` holds across restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    pub log_id: LogId,
    /// All records below this are accounted for; 0 before the first.
    pub next: u64,
    /// Readings written, those included that a later one with the same time has replaced.
    pub stored: u64,
    /// Readings that lost to, or replaced, a reading of another value for the same time.
    pub conflicts: u64,
    /// Readings older than the retention.
    pub late: u64,
    /// Records (of any kind) that the log no longer had, or could not read.
    pub expired: u64,
    /// Readings that could not be read or named.
    pub skipped: u64,
}

impl Progress {
    pub const fn new(log_id: LogId) -> Self {
        Self {
            log_id,
            next: 0,
            stored: 0,
            conflicts: 0,
            late: 0,
            expired: 0,
            skipped: 0,
        }
    }

    const fn numbers(&self) -> [u64; 6] {
        [
            self.next,
            self.stored,
            self.conflicts,
            self.late,
            self.expired,
            self.skipped,
        ]
    }

    /// A byte of version, 16 of the log's id, 8 of each number, little-endian.
    pub fn encode(&self) -> Vec<u8> {
        let mut row = vec![VERSION];
        row.extend_from_slice(&self.log_id.0.to_le_bytes());
        for number in self.numbers() {
            row.extend_from_slice(&number.to_le_bytes());
        }
        row
    }

    /// `None` for the rows of later versions.
    pub fn decode(row: &[u8]) -> Option<Self> {
        let (&[VERSION], rest) = row.split_first_chunk()? else {
            return None;
        };
        let (log_id, rest) = rest.split_first_chunk()?;
        let mut rest = Fields::new(rest);
        let mut number = || {
            let bytes = rest.take(8).ok()?;
            Some(u64::from_le_bytes(bytes.try_into().ok()?))
        };
        Some(Self {
            log_id: LogId(u128::from_le_bytes(*log_id)),
            next: number()?,
            stored: number()?,
            conflicts: number()?,
            late: number()?,
            expired: number()?,
            skipped: number()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn progress_round_trips(log_id: u128, n: [u64; 6]) {
            let [next, stored, conflicts, late, expired, skipped] = n;
            let progress = Progress { log_id: LogId(log_id), next, stored, conflicts, late, expired, skipped };
            prop_assert_eq!(Progress::decode(&progress.encode()), Some(progress));
        }

        #[test]
        fn garbage_is_no_progress(row: Vec<u8>) {
            if let Some(progress) = Progress::decode(&row) {
                prop_assert_eq!(&progress.encode(), &row.get(..65).unwrap_or_default());
            }
        }
    }
}
