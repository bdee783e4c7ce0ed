//! What the inventory says of each number: flags, and when a device's service ends.
//!
//! The rest is read off the snapshot when somebody asks, so that a device costs a byte here.
use crate::intake::Knowledge;
use crate::inventory::{Entry, Inventory, Standing};
use crate::model::Timestamp;
use hashbrown::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The inventory names it.
pub(super) const LISTED: u8 = 1;
/// And says its kind, ..
pub(super) const KIND: u8 = 2;
/// .. its district, ..
pub(super) const DISTRICT: u8 = 4;
/// .. what carries it.
pub(super) const PARENT: u8 = 8;
/// It was never heard, and the inventory no longer names it: the number is nobody's.
const GONE: u8 = 16;
/// Found in the snapshot that is being brought in.
const FRESH: u8 = 32;
/// Its service has an end.
const ENDS: u8 = 64;

/// The snapshot, and what follows from it for each number.
#[derive(Debug, Default)]
pub(super) struct Roll {
    knowledge: Option<Arc<Knowledge>>,
    /// When it was brought in.
    pub at: Timestamp,
    flags: Vec<u8>,
    /// End of service, of those whose every row has one.
    ends: HashMap<u32, Timestamp>,
    /// When the next row begins to hold.
    begins: Option<Timestamp>,
    /// Retired devices that reported: when last, and whether that was said.
    heard: HashMap<u32, (Timestamp, bool)>,
}

impl Roll {
    /// One more number.
    pub fn push(&mut self) {
        self.flags.push(0);
    }

    fn flags(&self, number: u32) -> u8 {
        self.flags.get(number as usize).copied().unwrap_or_default()
    }

    pub fn set(&mut self, number: u32, flags: u8) {
        if let Some(own) = self.flags.get_mut(number as usize) {
            *own |= flags;
        }
    }

    pub fn clear(&mut self, number: u32, flags: u8) {
        if let Some(own) = self.flags.get_mut(number as usize) {
            *own &= !flags;
        }
    }

    /// Does the inventory name it?
    pub fn has(&self, number: u32) -> bool {
        self.gives(number, LISTED)
    }

    /// Does the inventory say this of it?
    pub fn gives(&self, number: u32, what: u8) -> bool {
        self.flags(number) & what != 0
    }

    pub fn is_gone(&self, number: u32) -> bool {
        self.flags(number) & GONE != 0
    }

    /// It was heard after all.
    pub fn returned(&mut self, number: u32) {
        self.clear(number, GONE);
    }

    /// When its service ends or ended.
    pub fn end(&self, number: u32) -> Option<Timestamp> {
        if self.flags(number) & ENDS == 0 {
            return None;
        }
        self.ends.get(&number).copied()
    }

    pub fn set_end(&mut self, number: u32, end: Option<Timestamp>) {
        match end {
            Some(end) => {
                self.set(number, ENDS);
                self.ends.insert(number, end);
            }
            None if self.flags(number) & ENDS != 0 => {
                self.clear(number, ENDS);
                self.ends.remove(&number);
            }
            None => {}
        }
    }

    /// The snapshot.
    pub fn knowledge(&self) -> Option<&Arc<Knowledge>> {
        self.knowledge.as_ref()
    }

    /// The inventory of the snapshot.
    pub fn inventory(&self) -> Option<&Inventory> {
        self.knowledge.as_ref().map(|known| &known.inventory)
    }

    /// The device that the inventory means by a name.
    pub fn name(&self, name: &str, now: Timestamp) -> Option<&str> {
        Some(self.inventory()?.lookup(name, now)?.id())
    }

    /// The row of a device that holds at `now`; of one of which none does, the next one, or the last.
    pub fn entry<'r>(&'r self, number: u32, id: &'r str, now: Timestamp) -> Option<Entry<'r>> {
        if !self.has(number) {
            return None;
        }
        let standing = self.inventory()?.standing(id, now);
        standing.map(Standing::entry)
    }

    /// Begins with another snapshot.
    pub fn begin(&mut self, knowledge: Arc<Knowledge>, now: Timestamp) {
        self.knowledge = Some(knowledge);
        self.at = now;
        self.begins = None;
        for flags in &mut self.flags {
            *flags &= !FRESH;
        }
    }

    /// The snapshot has the device.
    pub fn enter(&mut self, number: u32, entry: Entry<'_>, now: Timestamp) {
        self.clear(number, GONE);
        self.set(number, LISTED | FRESH);
        let is_open =
            entry.valid_to().is_none() && entry.valid_from().is_none_or(|from| from <= now);
        let mut end = None;
        if let (false, Some(known)) = (is_open, self.knowledge.clone()) {
            end = Some(Timestamp::MIN);
            for row in known.inventory.entries_of(entry.id()) {
                end = end.zip(row.valid_to()).map(|(end, to)| end.max(to));
                if let Some(from) = row.valid_from().filter(|from| *from > now) {
                    self.begins = Some(self.begins.map_or(from, |begins| begins.min(from)));
                }
            }
        }
        self.set_end(number, end);
    }

    /// The inventory says these things of it, and no others.
    pub fn give(&mut self, number: u32, what: u8) {
        self.clear(number, KIND | DISTRICT | PARENT);
        self.set(number, what);
    }

    /// Does the snapshot that is being brought in have it?
    pub fn is_fresh(&self, number: u32) -> bool {
        self.gives(number, FRESH)
    }

    /// Was it named before, and no longer is?
    pub fn is_dropped(&self, number: u32) -> bool {
        self.flags(number) & (LISTED | FRESH) == LISTED
    }

    /// The inventory no longer names it; `gone`: and nobody ever heard it.
    pub fn strike(&mut self, number: u32, gone: bool) {
        self.set_end(number, None);
        self.clear(number, LISTED | KIND | DISTRICT | PARENT);
        if gone {
            self.set(number, GONE);
        }
    }

    /// Has a row begun to hold since the snapshot was brought in?
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.begins.is_some_and(|begins| begins <= now)
    }

    /// A retired device reported. Once in `every` that is worth an event.
    pub fn heard_retired(&mut self, number: u32, at: Timestamp, every: Duration) {
        let known = self.heard.get(&number);
        if known.is_none_or(|(told, _)| at.since(*told) >= every) {
            self.heard.insert(number, (at, false));
        }
    }

    /// That was said at `at`.
    pub fn told_retired(&mut self, number: u32, at: Timestamp) {
        self.heard.insert(number, (at, true));
    }

    /// What is to be said, at most `max`.
    pub fn tell_retired(&mut self, max: usize) -> Vec<(u32, Timestamp)> {
        let untold = self.heard.iter_mut().filter(|(_, (_, told))| !told);
        untold
            .take(max)
            .map(|(number, (at, told))| {
                *told = true;
                (*number, *at)
            })
            .collect()
    }

    /// Bytes in memory, without the snapshot, which is not the registry's.
    pub fn bytes(&self) -> usize {
        self.flags.capacity() + self.ends.allocation_size() + self.heard.allocation_size()
    }
}
