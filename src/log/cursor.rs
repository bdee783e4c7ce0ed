//! A reader's place in the log.
use super::LogId;
use crate::model::Timestamp;
use std::fmt;
use std::str::FromStr;

/// An opaque place: the log, and the last sequence that the reader has seen.
///
/// As text: `1`, 32 hexadecimal digits of the log's id, 16 of the sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The log it belongs to.
    pub log_id: LogId,
    /// The last sequence seen.
    pub sequence: u64,
}

/// Why a reader cannot start at a cursor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// No cursor at all.
    #[error(
        "malformed cursor: need the text that a response carried, {} characters",
        TEXT_LEN
    )]
    Malformed,
    /// The log was replaced, or the cursor is another gateway's.
    #[error(
        "cursor of log {found}, but this log is {own}: it was replaced, or the cursor is another gateway's"
    )]
    OtherLog {
        /// The cursor's.
        found: LogId,
        /// This log's.
        own: LogId,
    },
    /// Ahead of what is durable: the log was rolled back, as by a restored backup.
    #[error("cursor at {sequence}, but this log ends at {watermark}")]
    Future {
        /// The cursor's.
        sequence: u64,
        /// The last durable one.
        watermark: u64,
    },
    /// Retention has removed what follows the cursor.
    #[error(
        "retention has passed the cursor: lost {lost_from} to {lost_to}, the oldest is {oldest}"
    )]
    Overtaken {
        /// First sequence that can be read.
        oldest: u64,
        /// Append time of about the first lost record.
        lost_from: Timestamp,
        /// Append time of the first record that is left.
        lost_to: Timestamp,
    },
}

const VERSION: &str = "1";
const TEXT_LEN: usize = 1 + 32 + 16;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VERSION}{}{:016x}", self.log_id, self.sequence)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let parsed = || {
            let digits = text.strip_prefix(VERSION)?;
            let hex = text.len() == TEXT_LEN && digits.bytes().all(|b| b.is_ascii_hexdigit());
            let (id, sequence) = hex.then(|| digits.split_at_checked(32))??;
            Some(Self {
                log_id: LogId(u128::from_str_radix(id, 16).ok()?),
                sequence: u64::from_str_radix(sequence, 16).ok()?,
            })
        };
        parsed().ok_or(CursorError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn cursors_round_trip(id: u128, sequence: u64) {
            let cursor = Cursor { log_id: LogId(id), sequence };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn other_texts_are_malformed(text in ".{0,60}") {
            prop_assert!(text.parse::<Cursor>().is_err() || text.len() == TEXT_LEN);
        }
    }

    #[test]
    fn signs_and_other_versions_are_malformed() {
        for text in [
            "",
            "1",
            &format!("1{}", "+".repeat(48)),
            &format!("2{}", "0".repeat(48)),
        ] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError::Malformed));
        }
    }
}
