//! Lists, counts and what needs attention: a look at every device's mark, in order.
use super::query::{Concern, Counts, Page, Query, Stranger};
use super::sight::{Allowed, Sight};
use super::states;
use super::table::{Mark, NOBODY, Table};
use super::view::{Device, Level, State};
use crate::model::Timestamp;
use crate::model::settings;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Names that are compared for [`Table::nearest`].
const NEAREST_MAX: usize = 2_000;

/// "meter" is of "meter.gas", "met" is not. Devices without a kind are `unknown`.
fn is_kind(prefix: &str, kind: &str) -> bool {
    let kind = if kind.is_empty() { "unknown" } else { kind };
    kind.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || prefix.is_empty())
}

/// A pass over devices: counts what is covered, keeps the page.
struct Pass<'q> {
    query: &'q Query,
    kinds: Allowed,
    districts: Allowed,
    parent: Option<u32>,
    counts: Counts,
    numbers: Vec<u32>,
    next: Option<u32>,
}

impl Pass<'_> {
    fn look(&mut self, number: u32, mark: &Mark) {
        if !self.kinds.has(mark.kind)
            || !self.districts.has(mark.district)
            || self.parent.is_some_and(|parent| parent != mark.parent)
        {
            return;
        }
        count(&mut self.counts, mark);
        let query = self.query;
        if (!query.states.is_empty() && !query.states.contains(&mark.state))
            || (!query.healths.is_empty() && !query.healths.contains(&mark.level))
            || (query.heard_not_accepted && !mark.refused)
            || query.after.is_some_and(|after| number <= after)
        {
            return;
        }
        if self.numbers.len() < query.limit {
            self.numbers.push(number);
        } else if self.next.is_none() {
            self.next = self.numbers.last().copied();
        }
    }
}

fn count(counts: &mut Counts, mark: &Mark) {
    counts.total += 1;
    let state = State::ALL.iter().position(|state| *state == mark.state);
    let level = Level::ALL.iter().position(|level| *level == mark.level);
    if let Some(count) = state.and_then(|at| counts.states.get_mut(at)) {
        *count += 1;
    }
    if let Some(count) = level.and_then(|at| counts.healths.get_mut(at)) {
        *count += 1;
    }
    counts.heard_not_accepted += u64::from(mark.refused);
}

impl Table {
    /// A page, and the counts of all that devices, kinds, districts, search and parent cover.
    pub fn list(&self, query: &Query, now: Timestamp) -> Page {
        self.list_of(query, now, &Sight::everything())
    }

    /// As [`Table::list`], of what is seen.
    pub fn list_of(&self, query: &Query, now: Timestamp, sight: &Sight<'_>) -> Page {
        let texts = self.names.texts();
        let mut pass = Pass {
            query,
            kinds: Allowed::new(&query.kinds, texts, is_kind),
            districts: Allowed::new(&query.districts, texts, |p, name| name.starts_with(p)),
            parent: (!query.parent.is_empty()).then(|| {
                let parent = sight.find(self, &query.parent, now);
                parent.unwrap_or(NOBODY - 1)
            }),
            counts: Counts::default(),
            numbers: Vec::new(),
            next: None,
        };
        let mut look = |number: u32| {
            if let Some(mark) = sight.mark(self, number) {
                pass.look(number, &mark);
            }
        };
        let has = |number: u32| {
            let id = self.ids.get(number).to_ascii_lowercase();
            id.contains(&query.search.to_ascii_lowercase())
        };
        if !query.devices.is_empty() {
            let ids = query.devices.iter();
            let mut numbers: Vec<u32> = ids.filter_map(|id| sight.find(self, id, now)).collect();
            numbers.sort_unstable();
            numbers.dedup();
            numbers
                .into_iter()
                .filter(|number| has(*number))
                .for_each(look);
        } else if !query.search.is_empty() {
            self.search(&query.search, look);
        } else {
            (0u32..).take(self.len()).for_each(&mut look);
        }
        Page {
            devices: sight.show_all(self, &pass.numbers, now, query.values),
            next: pass.next,
            counts: pass.counts,
            version: sight.version(self),
        }
    }

    /// Of all devices.
    pub fn count(&self) -> Counts {
        self.count_of(&Sight::everything())
    }

    /// Of all that are seen.
    pub fn count_of(&self, sight: &Sight<'_>) -> Counts {
        let mut counts = Counts::default();
        for number in (0u32..).take(self.len()) {
            if let Some(mark) = sight.mark(self, number) {
                count(&mut counts, &mark);
            }
        }
        counts
    }

    /// What needs somebody, the worst first, then the latest. Devices that are silent because what
    /// carries them is, have no line of their own.
    pub fn concerns(&self, max: usize, now: Timestamp) -> Vec<Concern> {
        self.concerns_of(max, now, &Sight::everything())
    }

    /// As [`Table::concerns`], of what is seen.
    pub fn concerns_of(&self, max: usize, now: Timestamp, sight: &Sight<'_>) -> Vec<Concern> {
        let mut worst = BinaryHeap::with_capacity(max + 1);
        for number in (0u32..).take(self.len()) {
            let Some(mark) = sight.mark(self, number) else {
                continue;
            };
            let urgency = Self::urgency(&mark);
            if urgency == 0 || self.is_folded(&mark, sight) {
                continue;
            }
            worst.push(Reverse((urgency, self.changes.get(number), number)));
            if worst.len() > max {
                worst.pop();
            }
        }
        let worst = worst.into_sorted_vec().into_iter();
        let numbers: Vec<u32> = worst.map(|Reverse((_, _, number))| number).collect();
        let devices = sight.show_all(self, &numbers, now, false).into_iter();
        let concern = |device: Device| {
            let silent = states::is_silent(device.state);
            let folded = if silent { device.children_silent } else { 0 };
            Concern { device, folded }
        };
        devices.map(concern).collect()
    }

    /// Silent, as what carries it, and otherwise well.
    fn is_folded(&self, mark: &Mark, sight: &Sight<'_>) -> bool {
        let parent = sight.mark(self, mark.parent);
        mark.parent != NOBODY
            && states::is_silent(mark.state)
            && mark.level != Level::Fault
            && parent.is_some_and(|parent| states::is_silent(parent.state))
    }

    /// The id most like `name`, if one is close: of those that share half of it, for a slip of a
    /// letter leaves the other half as it is.
    pub fn nearest(&self, name: &str) -> Option<Box<str>> {
        self.nearest_of(name, &Sight::everything())
    }

    /// As [`Table::nearest`], of what is seen.
    pub fn nearest_of(&self, name: &str, sight: &Sight<'_>) -> Option<Box<str>> {
        let mut half = name.len() / 2;
        while !name.is_char_boundary(half) {
            half -= 1;
        }
        let (head, tail) = name.split_at(half);
        let mut numbers = Vec::new();
        for part in [head, tail].into_iter().filter(|part| !part.is_empty()) {
            let before = numbers.len();
            self.ids.search(part, |number| {
                let like = self.ids.get(number).len().abs_diff(name.len()) <= 2;
                let room = numbers.len() < before + NEAREST_MAX / 2;
                if like && room && sight.mark(self, number).is_some() {
                    numbers.push(number);
                }
            });
        }
        let ids = numbers.iter().map(|number| self.ids.get(*number));
        settings::nearest(name, ids).map(Into::into)
    }

    /// Those heard at or after `since`, newest first.
    pub fn strangers(&self, since: Timestamp, max: usize, now: Timestamp) -> Vec<Stranger> {
        let newest = self.strangers.newest();
        let wanted = newest.take_while(|stranger| stranger.last >= since);
        wanted
            .take(max)
            .map(|stranger| self.acquaint(stranger, now))
            .collect()
    }

    /// By name or address.
    pub fn stranger(&self, name: &str, now: Timestamp) -> Option<Stranger> {
        self.strangers
            .get(name)
            .map(|stranger| self.acquaint(stranger, now))
    }

    fn acquaint(&self, stranger: &Stranger, now: Timestamp) -> Stranger {
        let entry = self
            .ids
            .find(&stranger.name)
            .and_then(|number| self.entry(number));
        Stranger {
            known: entry.is_some_and(|entry| entry.is(super::entry::ACCEPTED)),
            device: self.roll.name(&stranger.name, now).map(Into::into),
            ..stranger.clone()
        }
    }
}
