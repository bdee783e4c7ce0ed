//! A bounded map that forgets its oldest entries first.
//!
//! ```text
//!  table: hash -> slot        slots: key, value, at, older <-> newer      free: unused slots
//! ```
//! Deduplication, budgets and rate limits all need one: a limit on entries, a limit on age, and an
//! insertion that makes an entry the newest again. One list over one slab costs, beside key and
//! value, 12 bytes of list and age and 5 to 10 of table per entry. (A queue beside a map was not
//! taken: each MQTT packet id is used again and again, and the queue would fill with stale entries.)
use hashbrown::HashTable;

/// No slot.
const NONE: u32 = u32::MAX;

/// Hash of a key. The keys are themselves random or hashes, so that mixing them again is not needed.
pub(super) trait Key: Copy + Eq {
    /// Must spread over the high and the low bits.
    fn hash(&self) -> u64;
}

impl Key for u64 {
    fn hash(&self) -> u64 {
        *self
    }
}

impl Key for u128 {
    fn hash(&self) -> u64 {
        let [low, ..] = halves(*self);
        low
    }
}

/// The low and the high half.
const fn halves(wide: u128) -> [u64; 2] {
    #[expect(clippy::cast_possible_truncation, reason = "the halves are wanted")]
    [wide as u64, (wide >> 64) as u64]
}

#[derive(Debug)]
struct Slot<K, V> {
    key: K,
    value: V,
    /// Seconds of the caller's clock at the last insertion.
    at: u32,
    older: u32,
    newer: u32,
}

/// The map. Times are seconds of any clock that does not go back.
#[derive(Debug)]
pub(super) struct Aged<K, V> {
    table: HashTable<u32>,
    slots: Vec<Slot<K, V>>,
    free: Vec<u32>,
    oldest: u32,
    newest: u32,
    entries_max: usize,
    evicted: u64,
}

fn index(slot: u32) -> usize {
    usize::try_from(slot).unwrap_or(usize::MAX)
}

impl<K: Key, V> Aged<K, V> {
    /// An empty map of at most `entries_max` entries (1 to 2^32 - 1).
    pub(super) fn new(entries_max: usize) -> Self {
        Self {
            table: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            oldest: NONE,
            newest: NONE,
            entries_max: entries_max.clamp(1, index(NONE) - 1),
            evicted: 0,
        }
    }

    /// Entries now.
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Entries that had to go before their time, so far.
    pub(super) const fn evicted(&self) -> u64 {
        self.evicted
    }

    fn find(&self, key: &K) -> Option<u32> {
        let same = |slot: &u32| self.slots.get(index(*slot)).is_some_and(|s| s.key == *key);
        self.table.find(key.hash(), same).copied()
    }

    /// The value of `key` and when it was inserted.
    pub(super) fn get(&self, key: &K) -> Option<(&V, u32)> {
        let slot = self.slots.get(index(self.find(key)?))?;
        Some((&slot.value, slot.at))
    }

    /// The value of `key`, to be changed in place; its age stays.
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let slot = self.find(key)?;
        self.slots.get_mut(index(slot)).map(|slot| &mut slot.value)
    }

    /// Makes `key` the newest entry, in the place of what it was, and lets the oldest go where the
    /// map is full.
    pub(super) fn insert(&mut self, key: K, value: V, at: u32) {
        if let Some(slot) = self.find(&key) {
            self.unlink(slot);
            if let Some(place) = self.slots.get_mut(index(slot)) {
                place.value = value;
                place.at = at;
            }
            self.link_newest(slot);
            return;
        }
        if self.table.len() >= self.entries_max && self.pop_oldest() {
            self.evicted += 1;
        }
        let entry = Slot {
            key,
            value,
            at,
            older: NONE,
            newer: NONE,
        };
        let slot = if let Some(slot) = self.free.pop() {
            if let Some(place) = self.slots.get_mut(index(slot)) {
                *place = entry;
            }
            slot
        } else {
            let slot = u32::try_from(self.slots.len()).unwrap_or(NONE);
            self.slots.push(entry);
            slot
        };
        let slots = &self.slots;
        let hash = |slot: &u32| slots.get(index(*slot)).map_or(0, |slot| slot.key.hash());
        self.table.insert_unique(key.hash(), slot, hash);
        self.link_newest(slot);
    }

    /// Takes an entry out.
    pub(super) fn remove(&mut self, key: &K) -> bool {
        let Some(slot) = self.find(key) else {
            return false;
        };
        let found = self.table.find_entry(key.hash(), |other| *other == slot);
        if let Ok(found) = found {
            found.remove();
        }
        self.unlink(slot);
        self.free.push(slot);
        true
    }

    /// Takes out all that was inserted before `at`.
    pub(super) fn expire(&mut self, at: u32) {
        while self
            .slots
            .get(index(self.oldest))
            .is_some_and(|slot| slot.at < at)
        {
            self.pop_oldest();
        }
    }

    fn pop_oldest(&mut self) -> bool {
        let oldest = self.slots.get(index(self.oldest)).map(|slot| slot.key);
        oldest.is_some_and(|key| self.remove(&key))
    }

    fn unlink(&mut self, slot: u32) {
        let Some((older, newer)) = self.slots.get(index(slot)).map(|s| (s.older, s.newer)) else {
            return;
        };
        match self.slots.get_mut(index(older)) {
            Some(place) => place.newer = newer,
            None => self.oldest = newer,
        }
        match self.slots.get_mut(index(newer)) {
            Some(place) => place.older = older,
            None => self.newest = older,
        }
    }

    fn link_newest(&mut self, slot: u32) {
        let before = self.newest;
        if let Some(place) = self.slots.get_mut(index(slot)) {
            place.older = before;
            place.newer = NONE;
        }
        match self.slots.get_mut(index(before)) {
            Some(place) => place.newer = slot,
            None => self.oldest = slot,
        }
        self.newest = slot;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    #[test]
    fn an_entry_is_small() {
        let slot = |bytes: usize| bytes;
        // Beside the slot: 4 bytes and one of control per place of a table that is half to 7/8 full.
        assert_eq!(slot(size_of::<Slot<u64, u64>>()), 32);
        assert_eq!(slot(size_of::<Slot<u128, u64>>()), 48);
    }

    proptest! {
        /// Against a plain list, newest last.
        #[test]
        fn behaves_as_a_list(steps in prop::collection::vec((0u8..4, 0u64..12), 0..200)) {
            let mut map = Aged::new(5);
            let mut model: VecDeque<(u64, u32, u32)> = VecDeque::new();
            let mut evicted = 0;
            for (now, (step, key)) in (0u32..).zip(steps) {
                match step {
                    0 | 1 => {
                        map.insert(key, now, now);
                        model.retain(|(k, ..)| *k != key);
                        if model.len() == 5 {
                            model.pop_front();
                            evicted += 1;
                        }
                        model.push_back((key, now, now));
                    }
                    2 => {
                        let had = model.iter().any(|(k, ..)| *k == key);
                        prop_assert_eq!(map.remove(&key), had);
                        model.retain(|(k, ..)| *k != key);
                    }
                    _ => {
                        map.expire(now.saturating_sub(20));
                        model.retain(|(_, _, at)| *at >= now.saturating_sub(20));
                    }
                }
                prop_assert_eq!(map.len(), model.len());
                prop_assert_eq!(map.evicted(), evicted);
                for key in 0..12 {
                    let expected = model.iter().find(|(k, ..)| *k == key).map(|(_, v, at)| (v, *at));
                    prop_assert_eq!(map.get(&key), expected);
                }
            }
        }
    }
}
