//! What survives a restart: one row per store, and the tally's.
use super::ledger::Counts;
use crate::log::LogId;
use crate::model::Timestamp;
use crate::model::wire::Fields;
use crate::state;
use crate::state::State;

/// The keyspace.
const SPACE: &str = "stores";
const VERSION: u8 = 1;
const TALLY: &[u8] = b"tally";
const STORE: &[u8] = b"store/";
const SEGMENT: &[u8] = b"segment/";

/// Records that a store will never see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// First lost sequence.
    pub from: u64,
    /// Last lost sequence.
    pub to: u64,
    /// Readings in them.
    pub readings: u64,
    /// When it was noticed.
    pub at: Timestamp,
}

impl Gap {
    /// This gap and the next one: one gap where the one goes on from the other. A later gap that begins
    /// before this one's end is told anew, after a crash, and holds all of it.
    #[must_use]
    pub const fn with(self, next: Self) -> Self {
        if next.from != self.to + 1 {
            return next;
        }
        Self {
            from: self.from,
            readings: self.readings + next.readings,
            ..next
        }
    }
}

/// A store's place, and what became of everything before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Of the log that the place is in.
    pub log_id: LogId,
    /// All records below this are settled.
    pub next: u64,
    /// The tally where this store began to count.
    pub base: u64,
    /// Since then.
    pub counts: Counts,
    /// The last one.
    pub gap: Option<Gap>,
}

impl Row {
    const fn numbers(&self) -> [u64; 6] {
        let counts = &self.counts;
        [
            self.next,
            self.base,
            counts.stored,
            counts.rejected,
            counts.expired,
            counts.skipped,
        ]
    }

    /// A byte of version, 16 of the log's id, 8 of each number, little-endian; then those of the gap.
    fn encode(&self) -> Vec<u8> {
        let gap = self.gap.map(|gap| {
            [
                gap.from,
                gap.to,
                gap.readings,
                gap.at.as_nanos().cast_unsigned(),
            ]
        });
        encode(
            self.log_id,
            self.numbers().iter().chain(gap.iter().flatten()),
        )
    }

    fn decode(row: &[u8]) -> Option<Self> {
        let (log_id, mut numbers) = decode(row)?;
        let mut number = || numbers.next();
        Some(Self {
            log_id,
            next: number()?,
            base: number()?,
            counts: Counts {
                stored: number()?,
                rejected: number()?,
                expired: number()?,
                skipped: number()?,
            },
            gap: number().and_then(|from| {
                Some(Gap {
                    from,
                    to: number()?,
                    readings: number()?,
                    at: Timestamp::from_nanos(number()?.cast_signed()),
                })
            }),
        })
    }

    /// Of the store `name`; `None`: it was never seen (or its row is of a later version).
    ///
    /// # Errors
    /// The disk.
    pub fn load(state: &State, name: &str) -> Result<Option<Self>, state::Error> {
        let row = state
            .access()?
            .space(SPACE)?
            .get(&key(STORE, name.as_bytes()))?;
        Ok(row.and_then(|row| Self::decode(&row)))
    }

    /// Makes it durable.
    ///
    /// # Errors
    /// The disk.
    pub fn save(&self, state: &State, name: &str) -> Result<(), state::Error> {
        let access = state.access()?;
        let space = access.space(SPACE)?;
        let mut batch = access.batch();
        batch.insert(&space, &key(STORE, name.as_bytes()), &self.encode());
        batch.commit(&[])
    }
}

/// How many readings the log has had, up to a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TallyRow {
    /// Of the log that is counted.
    pub log_id: LogId,
    /// All records below this are counted.
    pub next: u64,
    /// Readings in them.
    pub total: u64,
    /// First sequence of a segment, and the readings before it; ascending. As many as segments.
    pub segments: Vec<(u64, u64)>,
}

impl TallyRow {
    /// `None`: nothing was ever counted.
    ///
    /// # Errors
    /// The disk.
    pub fn load(state: &State) -> Result<Option<Self>, state::Error> {
        let access = state.access()?;
        let space = access.space(SPACE)?;
        let Some((log_id, mut numbers)) = space.get(TALLY)?.and_then(|row| decode(&row)) else {
            return Ok(None);
        };
        let (Some(next), Some(total)) = (numbers.next(), numbers.next()) else {
            return Ok(None);
        };
        let mut segments = Vec::new();
        for item in space.range(SEGMENT, &key(SEGMENT, &[0xff; 9])) {
            let (key, value) = item?;
            let number = |bytes: Option<&[u8]>| bytes.and_then(|bytes| bytes.try_into().ok());
            if let (Some(first), Some(before)) =
                (number(key.get(SEGMENT.len()..)), number(Some(&value)))
            {
                segments.push((u64::from_be_bytes(first), u64::from_le_bytes(before)));
            }
        }
        Ok(Some(Self {
            log_id,
            next,
            total,
            segments,
        }))
    }

    /// Makes it durable; `new` and `gone` are the segments that have come and gone since the last time.
    ///
    /// # Errors
    /// The disk.
    pub fn save(
        &self,
        state: &State,
        new: &[(u64, u64)],
        gone: &[u64],
    ) -> Result<(), state::Error> {
        let access = state.access()?;
        let space = access.space(SPACE)?;
        let mut batch = access.batch();
        batch.insert(
            &space,
            TALLY,
            &encode(self.log_id, [self.next, self.total].iter()),
        );
        for (first, before) in new {
            batch.insert(
                &space,
                &key(SEGMENT, &first.to_be_bytes()),
                &before.to_le_bytes(),
            );
        }
        for first in gone {
            batch.remove(&space, &key(SEGMENT, &first.to_be_bytes()));
        }
        batch.commit(&[])
    }
}

fn key(prefix: &[u8], rest: &[u8]) -> Vec<u8> {
    [prefix, rest].concat()
}

fn encode<'n>(log_id: LogId, numbers: impl Iterator<Item = &'n u64>) -> Vec<u8> {
    let mut row = vec![VERSION];
    row.extend_from_slice(&log_id.0.to_le_bytes());
    for number in numbers {
        row.extend_from_slice(&number.to_le_bytes());
    }
    row
}

/// The log's id and the numbers of a row of this version.
fn decode(row: &[u8]) -> Option<(LogId, impl Iterator<Item = u64> + use<>)> {
    let (&[VERSION], rest) = row.split_first_chunk()? else {
        return None;
    };
    let (log_id, rest) = rest.split_first_chunk()?;
    let mut rest = Fields::new(rest);
    let numbers: Vec<u64> = std::iter::from_fn(move || {
        let bytes = rest.take(8).ok()?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    })
    .collect();
    Some((LogId(u128::from_le_bytes(*log_id)), numbers.into_iter()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_gap_that_goes_on_is_one_gap() {
        let gap = |from, to, readings| Gap {
            from,
            to,
            readings,
            at: Timestamp::from_nanos(0),
        };
        assert_eq!(gap(5, 9, 10).with(gap(10, 12, 4)), gap(5, 12, 14));
        // After a crash, from a place before it.
        assert_eq!(gap(5, 9, 10).with(gap(3, 12, 20)), gap(3, 12, 20));
        assert_eq!(gap(5, 9, 10).with(gap(20, 21, 1)), gap(20, 21, 1));
    }

    proptest! {
        #[test]
        fn rows_round_trip(log_id: u128, n: [u64; 6], gap: Option<([u64; 3], i64)>) {
            let [next, base, stored, rejected, expired, skipped] = n;
            let counts = Counts { stored, rejected, expired, skipped };
            let gap = gap.map(|([from, to, readings], at)| Gap { from, to, readings, at: Timestamp::from_nanos(at) });
            let row = Row { log_id: LogId(log_id), next, base, counts, gap };
            prop_assert_eq!(Row::decode(&row.encode()), Some(row));
        }

        #[test]
        fn garbage_is_no_row(row: Vec<u8>) {
            if let Some(read) = Row::decode(&row) {
                prop_assert!(row.starts_with(read.encode().get(..65).unwrap_or_default()));
            }
        }
    }

    #[test]
    fn rows_are_kept_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(dir.path()).unwrap();
        assert_eq!(Row::load(&state, "a").unwrap(), None);
        let row = Row {
            log_id: LogId(7),
            next: 5,
            base: 1,
            counts: Counts::default(),
            gap: None,
        };
        row.save(&state, "a").unwrap();
        assert_eq!(Row::load(&state, "a").unwrap(), Some(row));
        assert_eq!(Row::load(&state, "b").unwrap(), None);

        assert_eq!(TallyRow::load(&state).unwrap(), None);
        let mut tally = TallyRow {
            log_id: LogId(7),
            next: 9,
            total: 100,
            segments: vec![(1, 0), (300, 50)],
        };
        tally.save(&state, &tally.segments, &[]).unwrap();
        assert_eq!(TallyRow::load(&state).unwrap(), Some(tally.clone()));
        tally.segments.remove(0);
        tally.save(&state, &[], &[1]).unwrap();
        assert_eq!(TallyRow::load(&state).unwrap(), Some(tally));
    }
}
