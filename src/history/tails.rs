//! What is known of the last chunk of each series, so that most commits need not look for it.
//!
//! Looking for the chunk before a time costs some 10 us in an LSM tree, a thousand times a point's
//! share. The writer alone changes chunks, so what it remembers is true until it forgets it.
use super::key::DayGroup;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_128_with_seed;

/// Series remembered, 48 bytes each. With more it starts anew: slower, never wrong.
const TAILS_MAX: usize = 128 << 10;

/// The last chunk of a series in a day group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    pub group: DayGroup,
    pub start: i64,
    pub last: i64,
    pub count: u16,
}

/// Tails by a hash of the series' key: 128 bits with a random seed, so that no two ever meet.
#[derive(Debug, Default)]
pub(super) struct Tails {
    table: HashTable<(u128, Tail)>,
    seed: u64,
}

#[expect(clippy::cast_possible_truncation, reason = "any 64 of its bits")]
const fn slot(hash: u128) -> u64 {
    hash as u64
}

impl Tails {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    /// The tail of `series` in `group`, if that is where its newest points are.
    pub fn get(&self, series: &[u8], group: DayGroup) -> Option<Tail> {
        let hash = xxh3_128_with_seed(series, self.seed);
        let (_, tail) = self.table.find(slot(hash), |(other, _)| *other == hash)?;
        (tail.group == group).then_some(*tail)
    }

    /// Remembers a tail, instead of one in an earlier group.
    pub fn set(&mut self, series: &[u8], tail: Tail) {
        let hash = xxh3_128_with_seed(series, self.seed);
        if let Some((_, known)) = self.table.find_mut(slot(hash), |(other, _)| *other == hash) {
            if known.group <= tail.group {
                *known = tail;
            }
            return;
        }
        if self.table.len() >= TAILS_MAX {
            self.table.clear();
        }
        self.table
            .insert_unique(slot(hash), (hash, tail), |(hash, _)| slot(*hash));
    }

    /// Forgets all: groups were deleted.
    pub fn clear(&mut self) {
        self.table.clear();
    }
}
