//! All ids, one behind the other, and the way from an id to its number.
//!
//! A device's number is its place in the order of first hearing, and never changes. The ids lie in
//! one buffer, and once more in small letters, so that a search runs over contiguous bytes: one
//! million ids of 16 bytes are 16 MB, a few milliseconds.
use hashbrown::HashTable;
use memchr::memmem::Finder;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Between two ids in the buffers; not in the alphabet of ids.
const END: u8 = b'\n';

/// Ids by number, numbers by id.
#[derive(Debug)]
pub(super) struct Ids {
    seed: u64,
    text: String,
    lower: Vec<u8>,
    /// Where each id begins in the buffers.
    starts: Vec<u32>,
    numbers: HashTable<u32>,
}

impl Ids {
    /// `seed`: nobody outside can make ids collide who does not know it.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            text: String::new(),
            lower: Vec::new(),
            starts: Vec::new(),
            numbers: HashTable::new(),
        }
    }

    /// The id of `number`, "" if there is none.
    pub fn get(&self, number: u32) -> &str {
        id_at(&self.text, &self.starts, number)
    }

    pub fn find(&self, id: &str) -> Option<u32> {
        let hash = xxh3_64_with_seed(id.as_bytes(), self.seed);
        self.numbers
            .find(hash, |number| self.get(*number) == id)
            .copied()
    }

    /// Adds an id that is not there; its number.
    pub fn push(&mut self, id: &str) -> u32 {
        // 64 bytes of id at most, and fewer devices than 2^24: `Config::MAX`.
        let number = u32::try_from(self.starts.len()).unwrap_or(u32::MAX);
        let start = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.starts.push(start);
        self.text.push_str(id);
        self.text.push(char::from(END));
        self.lower
            .extend(id.bytes().map(|b| b.to_ascii_lowercase()));
        self.lower.push(END);
        let (seed, text, starts) = (self.seed, &self.text, &self.starts);
        let hash = |id: &str| xxh3_64_with_seed(id.as_bytes(), seed);
        self.numbers.insert_unique(hash(id), number, |number| {
            hash(id_at(text, starts, *number))
        });
        number
    }

    /// The numbers of ids that contain `part`, in order; letters match in either case.
    pub fn search(&self, part: &str, mut found: impl FnMut(u32)) {
        let part = part.to_ascii_lowercase();
        let finder = Finder::new(part.as_bytes());
        let (mut number, mut from) = (0usize, 0usize);
        while let Some(at) = self
            .lower
            .get(from..)
            .and_then(|rest| finder.find(rest))
            .map(|at| from + at)
        {
            number = self.holding(at, number);
            found(u32::try_from(number).unwrap_or(u32::MAX));
            number += 1;
            from = match self.starts.get(number) {
                Some(next) => *next as usize,
                None => return,
            };
        }
    }

    /// The number whose id holds the byte at `at`, not below `from`. Steps that double, so that the
    /// next hit costs little where hits are dense.
    fn holding(&self, at: usize, from: usize) -> usize {
        let above = |number: usize| self.starts.get(number).is_none_or(|s| *s as usize > at);
        let mut step = 1;
        while !above(from + step) {
            step *= 2;
        }
        let low = from + step / 2;
        let range = self.starts.get(low..(from + step).min(self.starts.len()));
        let starts = range.unwrap_or_default();
        low + starts
            .partition_point(|start| *start as usize <= at)
            .saturating_sub(1)
    }

    /// Bytes in memory, without what the allocator adds.
    pub fn bytes(&self) -> usize {
        self.text.capacity()
            + self.lower.capacity()
            + self.starts.capacity() * size_of::<u32>()
            + self.numbers.allocation_size()
    }
}

fn id_at<'t>(text: &'t str, starts: &[u32], number: u32) -> &'t str {
    let number = number as usize;
    let Some(start) = starts.get(number) else {
        return "";
    };
    let end = match starts.get(number + 1) {
        Some(next) => *next as usize,
        None => text.len(),
    };
    text.get(*start as usize..end.saturating_sub(1))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(ids: &Ids, part: &str) -> Vec<u32> {
        let mut numbers = Vec::new();
        ids.search(part, |number| numbers.push(number));
        numbers
    }

    proptest! {
        #[test]
        fn a_search_finds_what_a_loop_finds(names in prop::collection::btree_set("[a-cA-C0-2]{1,6}", 0..60), part in "[a-cA-C0-2]{1,3}") {
            let mut ids = Ids::new(7);
            for name in &names {
                ids.push(name);
            }
            let part_lower = part.to_ascii_lowercase();
            let expected: Vec<u32> = (0u32..)
                .zip(&names)
                .filter(|(_, name)| name.to_ascii_lowercase().contains(&part_lower))
                .map(|(number, _)| number)
                .collect();
            prop_assert_eq!(found(&ids, &part), expected);
            for (number, name) in (0u32..).zip(&names) {
                prop_assert_eq!(ids.find(name), Some(number));
                prop_assert_eq!(ids.get(number), name.as_str());
            }
        }
    }

    #[test]
    fn an_id_is_found_once_and_never_across_two() {
        let mut ids = Ids::new(1);
        for id in ["aaaa", "meter-0017", "METER-17", "7m"] {
            ids.push(id);
        }
        assert_eq!(found(&ids, "a"), [0], "once");
        assert_eq!(found(&ids, "r-17"), [2]);
        assert_eq!(found(&ids, "77m"), [] as [u32; 0], "not across two");
        assert_eq!(found(&ids, "17"), [1, 2]);
        assert_eq!((ids.find("meter-17"), ids.get(9)), (None, ""));
    }
}
