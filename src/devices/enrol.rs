//! A snapshot of the inventory, brought into the table.
//!
//! ```text
//!  devices:        each has a number; kind and district of its row, and when its service ends
//!  devices, again: what carries it, which has a number by now
//!  numbers:        who is no longer named; interval, sleep and state of those heard
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
use crate::profiles::{Codec, Profile};
use std::sync::Arc;
use std::time::Duration;

/// Rows or numbers that are taken at once: whoever asks waits meanwhile, some milliseconds.
pub(super) const STEP: usize = 4_096;
/// How often a retired device that reports is told of.
const RETIRED_EVERY: Duration = Duration::from_hours(24);

impl Table {
    /// Brings a snapshot in at once, for a table that nobody asks yet.
    pub fn enrol(&mut self, knowledge: &Arc<Knowledge>, now: Timestamp) {
        self.begin(knowledge, now);
        for standing in knowledge.inventory.standings(now) {
            self.enter(standing.entry(), now);
        }
        for standing in knowledge.inventory.standings(now) {
            self.hang(standing.entry(), now);
        }
        self.review(0, self.len(), now);
    }

    /// From now on this is known.
    pub(super) fn begin(&mut self, knowledge: &Arc<Knowledge>, now: Timestamp) {
        self.roll.begin(Arc::clone(knowledge), now);
    }

    /// First: a number for a device, and what is said of it.
    pub(super) fn enter(&mut self, entry: Entry<'_>, now: Timestamp) {
        let known = self.ids.find(entry.id());
        let number = match known {
            Some(number) => number,
            None if self.len() >= usize::try_from(Config::MAX).unwrap_or(usize::MAX) => {
                self.counts.untracked += 1;
                return;
            }
            None => self.push(entry.id(), NEW),
        };
        let is_new = known.is_none() || self.roll.is_gone(number);
        self.roll.enter(number, entry, now);
        let kind = match entry.kind() {
            "" => self.kind_of_profile(entry.profile()),
            kind => kind.into(),
        };
        let district = entry.district();
        let carried = if self.roll.gives(number, PARENT) {
            PARENT
        } else {
            0
        };
        let kind_given = if kind.is_empty() { 0 } else { KIND };
        let district_given = if district.is_empty() { 0 } else { DISTRICT };
        let gave_kind = self.roll.gives(number, KIND);
        let gave_district = self.roll.gives(number, DISTRICT);
        self.roll
            .give(number, carried | kind_given | district_given);
        let Some(mark) = self.marks.get_mut(number as usize) else {
            return;
        };
        let before = *mark;
        // What it gave and does not give any more is not so any more: a grant may hang on it. Its next
        // report says what is so.
        if !kind.is_empty() || gave_kind {
            mark.kind = self.names.number(&kind, mark.kind);
        }
        if !district.is_empty() || gave_district {
            mark.district = self.names.number(district, mark.district);
        }
        if is_new || *mark != before {
            self.touch(number);
        }
    }

    /// Then: what carries it.
    pub(super) fn hang(&mut self, entry: Entry<'_>, _now: Timestamp) {
        let Some(number) = self.ids.find(entry.id()) else {
            return;
        };
        let parent = match entry.parent() {
            "" => None,
            parent => self.ids.find(parent).filter(|parent| {
                let is_there = self.roll.is_fresh(*parent) || self.slot(*parent).is_some();
                *parent != number && is_there
            }),
        };
        match parent {
            Some(parent) => {
                self.roll.set(number, PARENT);
                self.adopt(number, parent);
            }
            None if self.roll.gives(number, PARENT) => {
                self.roll.clear(number, PARENT);
                self.adopt(number, NOBODY);
            }
            None => {}
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
        let hung = self.roll.gives(number, PARENT);
        self.roll.strike(number, !heard);
        if hung || !heard {
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
        let at = entry.map_or(self.roll.at, |entry| entry.last_seen.max(self.roll.at));
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
        let interval = interval.or_else(|| file.and_then(Profile::interval));
        (interval, file.and_then(Profile::sleepy))
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

    /// A report came: was its device out of service by then? What it observed before that and hands in
    /// late is no sign that it still works.
    pub(super) fn note_retired(&mut self, number: u32, at: Timestamp, observed_at: Timestamp) {
        let last = observed_at.min(at);
        if self.roll.has(number) && states::is_over(self.roll.end(number), last) {
            self.roll.heard_retired(number, at, RETIRED_EVERY);
        }
    }

    /// The numbers of devices whose id or alias contains `part`, in order; letters match in either case.
    pub(super) fn search(&self, part: &str, mut found: impl FnMut(u32)) {
        let has = |id: &str| {
            let mut parts = id.as_bytes().windows(part.len());
            parts.any(|there| there.eq_ignore_ascii_case(part.as_bytes()))
        };
        let rows = self.roll.inventory().into_iter();
        let rows = rows.flat_map(|inventory| inventory.search(part));
        // By its id it is found below.
        let by_alias = rows.filter(|row| !has(row.id()));
        let mut others: Vec<u32> = by_alias.filter_map(|row| self.ids.find(row.id())).collect();
        others.sort_unstable();
        others.dedup();
        let mut others = others.into_iter().peekable();
        self.ids.search(part, |number| {
            while let Some(other) = others.next_if(|other| *other < number) {
                found(other);
            }
            found(number);
        });
        others.for_each(found);
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
