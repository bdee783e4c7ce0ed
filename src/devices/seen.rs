//! The registry as the holder of a grant sees it. What is not granted is not there: neither in lists
//! nor in counts, nor as a suggestion, nor as somebody's parent.
use super::query::{Concern, Counts, Page, Query, Stranger};
use super::registry::Registry;
use super::sight::Sight;
use super::table::{Mark, Table};
use super::view::Device;
use crate::access::Grant;
use crate::model::Timestamp;

/// One look after another at what a grant covers.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'r> {
    registry: &'r Registry,
    grant: &'r Grant,
}

impl Registry {
    /// The registry for the holder of this grant.
    pub const fn seen_by<'r>(&'r self, grant: &'r Grant) -> Seen<'r> {
        Seen {
            registry: self,
            grant,
        }
    }
}

impl Seen<'_> {
    /// As [`Registry::list`]. A parent that is not seen has no children.
    pub fn list(&self, query: &Query) -> Page {
        let now = self.registry.now();
        let table = self.registry.table();
        table.list_of(query, now, &Sight::of(self.grant, &table))
    }

    /// By id or alias.
    pub fn get(&self, name: &str) -> Option<Device> {
        let now = self.registry.now();
        let table = self.registry.table();
        let sight = Sight::of(self.grant, &table);
        let number = sight.find(&table, name, now)?;
        sight.show_all(&table, &[number], now, true).pop()
    }

    /// The id of the device that a name leads to, if it is seen.
    pub fn id(&self, name: &str) -> Option<Box<str>> {
        let now = self.registry.now();
        let table = self.registry.table();
        // Without a sight, which looks at all names: of one device this is less.
        let is_seen = |number: &u32| {
            let mark = table.mark(*number);
            mark.is_some_and(|mark| self.sees(&table, mark))
        };
        let mut found = table.find(name, now).into_iter().flatten();
        Some(table.ids.get(found.find(is_seen)?).into())
    }

    /// Is there a device of this id, and is it seen?
    pub fn has(&self, id: &str) -> bool {
        let table = self.registry.table();
        let mark = table.ids.find(id).and_then(|number| table.mark(number));
        mark.is_some_and(|mark| self.sees(&table, mark))
    }

    fn sees(&self, table: &Table, mark: &Mark) -> bool {
        let (kind, district) = (table.names.get(mark.kind), table.names.get(mark.district));
        self.grant.sees_device(kind, district)
    }

    /// Kind and district of a device of this id, if it is seen.
    pub fn place(&self, id: &str) -> Option<(Box<str>, Box<str>)> {
        let table = self.registry.table();
        let mark = table.mark(table.ids.find(id)?)?;
        let (kind, district) = (table.names.get(mark.kind), table.names.get(mark.district));
        self.grant
            .sees_device(kind, district)
            .then(|| (kind.into(), district.into()))
    }

    /// The id most like `name`, if one is close.
    pub fn nearest(&self, name: &str) -> Option<Box<str>> {
        let table = self.registry.table();
        table.nearest_of(name, &Sight::of(self.grant, &table))
    }

    /// How many devices are in which state and health.
    pub fn counts(&self) -> Counts {
        let table = self.registry.table();
        table.count_of(&Sight::of(self.grant, &table))
    }

    /// As [`Registry::concerns`].
    pub fn concerns(&self, max: usize) -> Vec<Concern> {
        let now = self.registry.now();
        let table = self.registry.table();
        table.concerns_of(max, now, &Sight::of(self.grant, &table))
    }

    /// As [`Registry::strangers`]: of whom nobody knows what they are, only those who see every device
    /// are told. What they said is left out for those who may not see every metric.
    pub fn strangers(&self, since: Timestamp, max: usize) -> Vec<Stranger> {
        if !self.grant.sees_all_devices() {
            return Vec::new();
        }
        let strangers = self.registry.strangers(since, max).into_iter();
        strangers.map(|stranger| self.quiet(stranger)).collect()
    }

    /// As [`Registry::stranger`], for whom [`Seen::strangers`] tells of them.
    pub fn stranger(&self, name: &str) -> Option<Stranger> {
        let told = self.grant.sees_all_devices();
        let stranger = told.then(|| self.registry.stranger(name)).flatten()?;
        Some(self.quiet(stranger))
    }

    fn quiet(&self, mut stranger: Stranger) -> Stranger {
        if !self.grant.metrics.is_all() {
            stranger.sentence = "".into();
        }
        stranger
    }

    /// The last change that is seen: the place where a watch begins. May look at every device.
    pub fn version(&self) -> u64 {
        let table = self.registry.table();
        Sight::of(self.grant, &table).version(&table)
    }

    /// As [`Registry::changed`]; the version that has been reached is that of all devices.
    pub fn changed(&self, after: u64, max: usize) -> (Vec<Device>, u64) {
        let now = self.registry.now();
        let table = self.registry.table();
        let (numbers, reached) = table.changes.after(after, max);
        let sight = Sight::of(self.grant, &table);
        (sight.show_all(&table, &numbers, now, true), reached)
    }
}
