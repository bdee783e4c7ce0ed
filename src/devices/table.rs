//! All devices, as a pure state: records, sightings and time go in, answers come out.
//!
//! ```text
//! number ->  ids      marks                          due     versions   slots --> entries
//!    0       pole-1   kind district state level ..   secs    u64        0         times, counts, last values
//!    1       pole-2   ..                                                none
//! ```
//! Every device has a number: those that were heard, and those that the inventory names ([`enrol`]).
//! One that was never heard has no entry, and costs some 80 bytes.
//!
//! What lists filter by, and what time looks at, lies in columns of a few bytes a device, so that a
//! look at a million of them stays in the caches; the entries are touched where a device changes or
//! is shown. Nothing here waits, reads a clock or touches a disk.
use super::changes::Changes;
use super::entry::{ACCEPTED, Address, DOWN, Entry, NEVER, SILENT};
use super::family::Family;
use super::ids::Ids;
use super::names::{AllSeries, Names};
use super::roll::Roll;
use super::strangers::Strangers;
use super::view::{Level, State};
use super::{Config, states};
use crate::catalogue::Catalogue;
use crate::model::{DeviceId, Timestamp};
use hashbrown::HashMap;
use std::sync::Arc;

/// Devices of which nothing was ever accepted that are tracked: whoever sprays garbage under
/// invented names must not take the places of devices. Further ones are strangers only.
const UNACCEPTED_MAX: usize = 10_000;
/// Devices that one tick changes: whoever asks waits meanwhile.
const TICK_MAX: usize = 10_000;
/// Devices that are measured for [`Table::bytes`].
const SAMPLES: usize = 10_000;
/// No number.
pub(super) const NOBODY: u32 = u32::MAX;

/// What lists and time look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub parent: u32,
    pub kind: u16,
    pub district: u16,
    pub state: State,
    pub level: Level,
    pub refused: bool,
    /// A safety alarm is among the findings.
    pub alarm: bool,
}

/// The registry's state.
#[derive(Debug)]
pub(super) struct Table {
    pub config: Config,
    pub catalogue: Arc<Catalogue>,
    /// Silence counts from here at the earliest: before, nobody listened.
    pub started_at: Timestamp,
    pub ids: Ids,
    pub marks: Vec<Mark>,
    /// Next second at which time may change something.
    pub due: Vec<u32>,
    /// Place of each device's entry; [`NOBODY`]: it was never heard.
    pub(super) slots: Vec<u32>,
    /// Of those heard, in the order of first hearing.
    pub entries: Vec<Entry>,
    /// What each device carries, of those that carry any.
    pub(super) families: HashMap<u32, Family>,
    /// What the inventory says.
    pub(super) roll: Roll,
    pub changes: Changes,
    pub names: Names,
    pub series: AllSeries,
    /// Last values that are texts, by device and series.
    pub texts: HashMap<(u32, u16), Box<str>>,
    pub strangers: Strangers,
    pub counts: Tally,
    /// Numbers of those changed since they were saved.
    pub dirty: Vec<u32>,
    /// Of the uplink that the last record belongs to.
    pub(super) uplink_from: Option<Address>,
    unaccepted: usize,
}

/// What is counted beside the devices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Records about devices that are not tracked, because `max` is reached.
    pub untracked: u64,
    /// Changes of state by time: to late, to offline.
    pub late: u64,
    pub offline: u64,
    /// Records that could not be read.
    pub skipped: u64,
}

impl Table {
    /// An empty one. `seed`: what nobody outside knows.
    pub fn new(
        config: Config,
        catalogue: Arc<Catalogue>,
        seed: u64,
        started_at: Timestamp,
    ) -> Self {
        Self {
            config,
            catalogue,
            started_at,
            ids: Ids::new(seed),
            marks: Vec::new(),
            due: Vec::new(),
            slots: Vec::new(),
            entries: Vec::new(),
            families: HashMap::new(),
            roll: Roll::default(),
            changes: Changes::default(),
            names: Names::default(),
            series: AllSeries::new(seed),
            texts: HashMap::new(),
            strangers: Strangers::default(),
            counts: Tally::default(),
            dirty: Vec::new(),
            uplink_from: None,
            unaccepted: 0,
        }
    }

    /// Numbers that are given: of devices heard, named by the inventory, or named by an earlier one.
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// The place of its entry, if it was heard.
    pub(super) fn slot(&self, number: u32) -> Option<usize> {
        let slot = self.slots.get(number as usize)?;
        (*slot != NOBODY).then_some(*slot as usize)
    }

    /// The same as a number: what the disk knows it by.
    pub(super) fn place_of(&self, number: u32) -> Option<u32> {
        self.slot(number).and_then(|slot| u32::try_from(slot).ok())
    }

    /// What is held of it, if it was heard.
    pub fn entry(&self, number: u32) -> Option<&Entry> {
        self.entries.get(self.slot(number)?)
    }

    pub(super) fn entry_mut(&mut self, number: u32) -> Option<&mut Entry> {
        let slot = self.slot(number)?;
        self.entries.get_mut(slot)
    }

    /// `None` also of one that was never heard and that the inventory no longer names.
    pub fn mark(&self, number: u32) -> Option<&Mark> {
        let mark = self.marks.get(number as usize)?;
        (!self.roll.is_gone(number)).then_some(mark)
    }

    /// The number of a device, made if need be and if there is room. `accepted`: something of it is.
    pub(super) fn number(&mut self, id: &str, at: Timestamp, accepted: bool) -> Option<u32> {
        let known = self.ids.find(id);
        if let Some(number) = known.filter(|number| self.slot(*number).is_some()) {
            return Some(number);
        }
        // The inventory's devices have their places, however many others there are.
        let listed = known.is_some_and(|number| self.roll.has(number));
        if !listed {
            DeviceId::check(id).ok()?;
            let full = self.entries.len() >= self.config.max;
            if full || (!accepted && self.unaccepted >= UNACCEPTED_MAX) {
                self.counts.untracked += 1;
                return None;
            }
            self.unaccepted += usize::from(!accepted);
        }
        let number = known.unwrap_or_else(|| self.push(id, NEW));
        self.hear(number, Entry::new(at));
        self.expect(number);
        Some(number)
    }

    /// Adds a device behind the last.
    pub(super) fn push(&mut self, id: &str, mark: Mark) -> u32 {
        let number = self.ids.push(id);
        self.marks.push(mark);
        self.slots.push(NOBODY);
        self.due.push(u32::MAX);
        self.changes.push();
        self.roll.push();
        number
    }

    /// Gives a device that was never heard its entry.
    pub(super) fn hear(&mut self, number: u32, mut entry: Entry) {
        let place = u32::try_from(self.entries.len()).unwrap_or(NOBODY);
        let Some(slot) = self.slots.get_mut(number as usize) else {
            return;
        };
        *slot = place;
        entry.number = number;
        self.entries.push(entry);
        self.roll.returned(number);
    }

    /// Something of it was accepted.
    pub(super) fn accept(&mut self, number: u32) {
        let listed = self.roll.has(number);
        if let Some(entry) = self.entry_mut(number)
            && !entry.is(ACCEPTED)
        {
            entry.flags |= ACCEPTED;
            if entry.rejects > 0 && !listed {
                self.unaccepted = self.unaccepted.saturating_sub(1);
            }
        }
    }

    /// A sign of life at `at`; `from`: where it came from, if that is known.
    pub(super) fn alive(&mut self, number: u32, at: Timestamp, source: u8, from: Option<Address>) {
        let Some(entry) = self.entry_mut(number) else {
            return;
        };
        // What a retry brings was heard before: it is no life of now.
        if at > entry.last_seen {
            entry.flags &= !SILENT;
        }
        if at >= entry.last_seen {
            entry.last_seen = at;
            if source != 0 {
                entry.source = source;
            }
            if let Some(from) = from {
                entry.address = from;
            }
        }
        entry.first_seen = entry.first_seen.min(at);
        if entry.is(DOWN) && at >= entry.extra().down_at {
            entry.flags &= !DOWN;
        }
    }

    /// Judges the state again, marks the device as changed, and notes when time will change it.
    pub(super) fn settle(&mut self, number: u32, now: Timestamp) {
        // Nor is a state judged by a time before it began.
        let since = self.entry(number).map(|entry| entry.state_since);
        let now = since.map_or(now, |since| now.max(since));
        self.restate(number, now);
        self.touch(number);
    }

    pub(super) fn restate(&mut self, number: u32, now: Timestamp) {
        let at = number as usize;
        let end = self.roll.end(number);
        let Some(slot) = self.slot(number) else {
            return self.restate_unheard(number, end, now);
        };
        let (Some(entry), Some(mark)) = (self.entries.get_mut(slot), self.marks.get_mut(at)) else {
            return;
        };
        let timing = states::Timing::of(entry, &self.config, self.started_at);
        let before = mark.state;
        mark.state = if states::is_over(end, now) {
            State::Retired
        } else {
            timing.judge(entry, before, now)
        };
        mark.refused = entry.last_reject > entry.last_report;
        (mark.level, mark.alarm) = match &entry.extra {
            Some(extra) if mark.state != State::Retired => extra.findings.worst(),
            _ => (Level::Ok, false),
        };
        if let Some(due) = self.due.get_mut(at) {
            *due = timing
                .next(entry, mark.state)
                .min(states::end_secs(end, mark.state));
        }
        let (after, parent) = (mark.state, mark.parent);
        if before == after {
            return;
        }
        entry.state_since = now;
        entry.flags &= !SILENT;
        if states::is_silent(after) {
            entry.flags |= SILENT;
        }
        if states::is_told(before, after) {
            entry.trace(now, super::view::TraceKind::State(before, after));
        }
        self.count_child(parent, states::is_silent(before), states::is_silent(after));
    }

    /// Lets time pass: states that are due change. Cheap: four bytes a device are looked at. True:
    /// so many were due that more may be.
    pub fn tick(&mut self, now: Timestamp) -> bool {
        let secs = seconds(now);
        let due = |(due, number): (&u32, u32)| (*due <= secs).then_some(number);
        let all = self.due.iter().zip(0u32..);
        let numbers: Vec<u32> = all.filter_map(due).take(TICK_MAX).collect();
        let more = numbers.len() == TICK_MAX;
        for number in numbers {
            let state = |table: &Self| table.mark(number).map(|mark| mark.state);
            let before = state(self);
            self.restate(number, now);
            let after = state(self);
            if before != after {
                self.counts.late += u64::from(after == Some(State::Late));
                self.counts.offline += u64::from(after == Some(State::Offline));
                self.touch(number);
            }
        }
        more
    }

    /// A device was seen by a copy of what had been taken before.
    pub fn sighted(&mut self, id: &str, at: Timestamp, copies: u64) {
        let Some(number) = self.ids.find(id) else {
            return;
        };
        self.alive(number, at, 0, None);
        if let Some(entry) = self.entry_mut(number) {
            let copies = u32::try_from(copies).unwrap_or(u32::MAX);
            entry.duplicates = entry.duplicates.saturating_add(copies);
        }
        self.settle(number, at);
    }

    /// Bytes in memory, without what the allocator adds. What hangs on the entries is estimated from
    /// some of them.
    pub fn bytes(&self) -> usize {
        let step = self.entries.len() / SAMPLES + 1;
        let sample = self.entries.iter().step_by(step);
        let heaps = sample.map(Entry::heap_bytes).sum::<usize>() * step;
        let texts = self.texts.values().take(SAMPLES).map(|text| text.len());
        let texts = texts.sum::<usize>() * (self.texts.len() / SAMPLES).max(1);
        self.ids.bytes()
            + self.marks.capacity() * size_of::<Mark>()
            + (self.due.capacity() + self.slots.capacity()) * size_of::<u32>()
            + self.families.allocation_size()
            + self.roll.bytes()
            + self.entries.capacity() * size_of::<Entry>()
            + self.changes.bytes()
            + self.texts.allocation_size()
            + heaps
            + texts
    }

    /// Of those read from the disk, what is not kept but follows.
    pub(super) fn derive(&mut self) {
        for mark in self.marks.iter().filter(|mark| mark.parent != NOBODY) {
            let family = self.families.entry(mark.parent).or_default();
            family.children += 1;
            family.silent += u32::from(states::is_silent(mark.state));
        }
        let unaccepted = self.entries.iter().filter(|entry| !entry.is(ACCEPTED));
        self.unaccepted = unaccepted.count();
        self.listen_from(self.started_at);
    }

    /// Judges by other limits from now on: everybody is judged again at the next ticks.
    pub(super) fn reload(&mut self, config: Config) {
        self.config = config;
        self.due.fill(0);
    }

    /// Silence counts from `now`: before, nobody listened.
    pub(super) fn listen_from(&mut self, now: Timestamp) {
        self.started_at = now;
        for entry in &self.entries {
            let at = entry.number as usize;
            let (Some(mark), Some(due)) = (self.marks.get(at), self.due.get_mut(at)) else {
                continue;
            };
            let timing = states::Timing::of(entry, &self.config, now);
            let end = states::end_secs(self.roll.end(entry.number), mark.state);
            *due = timing.next(entry, mark.state).min(end);
        }
    }
}

/// Nothing is known yet.
pub(super) const NEW: Mark = Mark {
    parent: NOBODY,
    kind: 0,
    district: 0,
    state: State::Never,
    level: Level::Ok,
    refused: false,
    alarm: false,
};

/// Whole seconds since the epoch; clamped to 1970 and 2106.
pub(super) fn seconds(time: Timestamp) -> u32 {
    let (secs, _) = time.as_secs_nanos();
    u32::try_from(secs.max(0)).unwrap_or(u32::MAX)
}

/// `NEVER` as none.
pub(super) fn known(time: Timestamp) -> Option<Timestamp> {
    (time != NEVER).then_some(time)
}
