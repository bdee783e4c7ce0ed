//! A snapshot of the inventory, brought into the table.
//!
//! ```text
//!  rows, once:   every device has a number, and when it is in service
//!  rows, again:  kind, district and parent of the row that holds
//!  numbers:      who is no longer named; interval, sleep and state of those heard
//! ```
//! In steps of some thousand, so that whoever asks never waits for a million rows; between two steps
//! the log is followed. Doing it again changes nothing.
//!
//! A device that was heard under a name that the inventory now gives to another, as an alias, is not
//! merged into it: its history stays under the name that it had. It is out of service, and each of
//! the two names the other.
use super::entry::{AWAKE, SLEEPY};
use super::roll::{DISTRICT, KIND, PARENT};
use super::table::{Mark, NEW, NOBODY, Table};
use super::view::State;
use super::{Config, states};
use crate::intake::Knowledge;
use crate::inventory::Entry;
use crate::model::Timestamp;
use crate::profiles::Codec;
use std::sync::Arc;
use std::time::Duration;

/// Rows or numbers that are taken at once: whoever asks waits meanwhile, some milliseconds.
pub(super) const STEP: usize = 4_096;
/// How often a retired device that reports is told of.
const RETIRED_EVERY: Duration = Duration::from_hours(24);

impl Table {
    /// Brings a snapshot in at once, for a table that nobody asks yet.
    pub fn enrol(&mut self, knowledge: &Arc<Knowledge>, now: Timestamp) {
        self.begin(knowledge);
        for entry in knowledge.inventory.entries() {
            self.enter(entry, now);
        }
        for entry in knowledge.inventory.entries() {
            self.learn(entry, now);
        }
        self.review(0, self.len(), now);
    }

    /// From now on this is known.
    pub(super) fn begin(&mut self, knowledge: &Arc<Knowledge>) {
        self.roll.begin(Arc::clone(knowledge));
    }

    /// First: a number for each device.
    pub(super) fn enter(&mut self, entry: Entry<'_>, now: Timestamp) {
        let number = match self.ids.find(entry.id()) {
            Some(number) => number,
            None if self.len() >= usize::try_from(Config::MAX).unwrap_or(usize::MAX) => {
                self.counts.untracked += 1;
                return;
            }
            None => self.push(entry.id(), NEW),
        };
        self.roll.row(number, entry, now);
    }

    /// Then: what is said of it.
    pub(super) fn learn(&mut self, entry: Entry<'_>, now: Timestamp) {
        let Some(number) = self.ids.find(entry.id()) else {
            return;
        };
        if !self.roll.is_shown(number, entry, now) {
            return;
        }
        let kind = match entry.kind() {
            "" => self.kind_of_profile(entry.profile()),
            kind => kind.into(),
        };
        let parent = match entry.parent() {
            "" => None,
            parent => self.ids.find(parent).filter(|parent| *parent != number),
        };
        let given = [
            (!kind.is_empty(), KIND),
            (!entry.district().is_empty(), DISTRICT),
            (parent.is_some(), PARENT),
        ];
        let given = given.iter().filter(|(given, _)| *given);
        let was_carried = self.roll.gives(number, PARENT);
        self.roll
            .give(number, given.fold(0, |sum, (_, what)| sum | what));
        let Some(mark) = self.marks.get_mut(number as usize) else {
            return;
        };
        let before = *mark;
        if !kind.is_empty() {
            mark.kind = self.names.number(&kind, mark.kind);
        }
        if !entry.district().is_empty() {
            mark.district = self.names.number(entry.district(), mark.district);
        }
        let changed = *mark != before || self.changes.get(number) == 0;
        if parent.is_some() || was_carried {
            self.adopt(number, parent.unwrap_or(NOBODY));
        }
        let moved = self
            .marks
            .get(number as usize)
            .is_some_and(|mark| *mark != before);
        if changed || moved {
            self.touch(number);
        }
    }

    fn kind_of_profile(&self, profile: &str) -> Box<str> {
        let known = self.roll.knowledge();
        let codec = known.and_then(|known| known.profiles.find(profile));
        codec.map_or("", Codec::kind).into()
    }

    /// Last: who is no longer named, and how those that were heard are judged.
    pub(super) fn review(&mut self, from: usize, count: usize, now: Timestamp) {
        let end = (from + count).min(self.len());
        for number in (0u32..).take(end).skip(from) {
            let heard = self.slot(number).is_some();
            let before = self.marks.get(number as usize).copied();
            if self.roll.is_dropped(number) {
                self.drop(number, heard);
            }
            if heard {
                self.rename(number, now);
                self.expect(number);
            }
            if heard || self.roll.end(number).is_some() || before.is_some_and(is_retired) {
                self.restate(number, now);
            }
            if self.marks.get(number as usize).copied() != before {
                self.touch(number);
            }
        }
    }

    fn drop(&mut self, number: u32, heard: bool) {
        self.roll.strike(number, !heard);
        if !heard {
            self.adopt(number, NOBODY);
        }
    }

    /// Has the inventory given the name of a device that it does not know to another one?
    fn rename(&mut self, number: u32, now: Timestamp) {
        if self.roll.has(number) {
            return;
        }
        let end = self.known_as(number, now).map(|_| {
            let known = self.roll.end(number);
            known.unwrap_or(now)
        });
        self.roll.set_end(number, end);
    }

    /// The device to which the inventory gives the name of one that it does not know.
    pub(super) fn known_as(&self, number: u32, now: Timestamp) -> Option<&str> {
        if self.roll.has(number) {
            return None;
        }
        let id = self.ids.get(number);
        let entry = self.roll.inventory()?.lookup(id, now)?;
        (entry.id() != id).then(|| entry.id())
    }

    /// What inventory and profile say of a device's interval and sleep.
    fn habits(&self, number: u32) -> (Option<Duration>, Option<bool>) {
        let Some(known) = self.roll.knowledge() else {
            return (None, None);
        };
        let entry = self.entry(number);
        let at = entry.map_or(self.started_at, |entry| entry.last_seen);
        let row = self.roll.entry(number, self.ids.get(number), at);
        let profile = match row.map_or("", Entry::profile) {
            "" => entry.map_or("", |entry| self.names.get(entry.profile)),
            profile => profile,
        };
        let file = match known.profiles.find(profile) {
            Some(Codec::File(profile)) => Some(profile),
            _ => None,
        };
        let interval = row.and_then(Entry::interval);
        let interval = interval.or_else(|| file.and_then(|file| file.interval()));
        (interval, file.and_then(|file| file.sleepy()))
    }

    /// The interval that is expected of one that was not heard yet.
    pub(super) fn expected(&self, number: u32) -> Option<Duration> {
        self.habits(number).0
    }

    /// Notes what inventory and profile say of the habits of a device that was heard.
    pub(super) fn expect(&mut self, number: u32) {
        let (interval, sleepy) = self.habits(number);
        let secs = interval.map_or(0, |interval| interval.as_secs().max(1));
        if let Some(entry) = self.entry_mut(number) {
            entry.interval_secs = u32::try_from(secs).unwrap_or(u32::MAX);
            entry.flags &= !(SLEEPY | AWAKE);
            entry.flags |= match sleepy {
                Some(true) => SLEEPY,
                Some(false) => AWAKE,
                None => 0,
            };
        }
    }

    /// Judges one that was never heard.
    pub(super) fn restate_unheard(&mut self, number: u32, end: Option<Timestamp>, now: Timestamp) {
        let at = number as usize;
        let (Some(mark), Some(due)) = (self.marks.get_mut(at), self.due.get_mut(at)) else {
            return;
        };
        mark.state = if states::is_over(end, now) {
            State::Retired
        } else {
            State::Never
        };
        *due = states::end_secs(end, mark.state);
    }

    /// A report came: was its device out of service by then?
    pub(super) fn note_retired(&mut self, number: u32, at: Timestamp) {
        if self.roll.has(number) && states::is_over(self.roll.end(number), at) {
            self.roll.heard_retired(number, at, RETIRED_EVERY);
        }
    }

    /// The numbers of devices whose id or alias contains `part`, in order; letters match in either case.
    pub(super) fn search(&self, part: &str, found: impl FnMut(u32)) {
        self.ids.search(part, found);
    }

    /// The number that a name leads to: its own, else that of the device whose alias it is.
    pub(super) fn find(&self, name: &str, now: Timestamp) -> [Option<u32>; 2] {
        let own = self.ids.find(name);
        let by_alias = || {
            let entry = self.roll.inventory()?.lookup(name, now)?;
            self.ids.find(entry.id())
        };
        let other = by_alias().filter(|number| own != Some(*number));
        [own, other]
    }
}

fn is_retired(mark: Mark) -> bool {
    mark.state == State::Retired
}
