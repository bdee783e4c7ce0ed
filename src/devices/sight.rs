//! What of the table the holder of a grant sees: which devices, and how well they are by what is
//! granted of them.
//!
//! Kinds and districts are judged once per name, not per device. A grant of some metrics only hides
//! the findings about others; then a device is as well as the rest says, in lists and counts too.
use super::health::Findings;
use super::names::AllSeries;
use super::states;
use super::table::{Mark, NOBODY, Table};
use super::view::{Device, Level};
use crate::access::{Grant, Scope};
use crate::catalogue::is_kind_prefix;
use crate::model::Timestamp;
use hashbrown::HashMap;

/// Which names are allowed; `None`: all. A look per name, not per device.
pub(super) struct Allowed(Option<Vec<bool>>);

impl Allowed {
    /// Nothing wanted allows all.
    pub fn new(
        wanted: &[Box<str>],
        names: &[Box<str>],
        matches: impl Fn(&str, &str) -> bool,
    ) -> Self {
        if wanted.is_empty() {
            return Self(None);
        }
        Self::only(wanted, names, matches)
    }

    fn only(wanted: &[Box<str>], names: &[Box<str>], matches: impl Fn(&str, &str) -> bool) -> Self {
        let allowed = |name: &str| wanted.iter().any(|prefix| matches(prefix, name));
        Self(Some(names.iter().map(|name| allowed(name)).collect()))
    }

    /// Nothing granted allows nothing, and what has no name is granted to nobody.
    fn granted(
        scope: &Scope<Vec<Box<str>>>,
        names: &[Box<str>],
        matches: impl Fn(&str, &str) -> bool,
    ) -> Self {
        match scope {
            Scope::All => Self(None),
            Scope::Only(wanted) => Self::only(wanted, names, |p, name| {
                !name.is_empty() && matches(p, name)
            }),
        }
    }

    pub fn has(&self, name: u16) -> bool {
        let Some(allowed) = &self.0 else {
            return true;
        };
        allowed.get(usize::from(name)).copied().unwrap_or_default()
    }
}

/// A grant, judged for the names of a table.
pub(super) struct Sight<'g> {
    /// `None`: everything is seen.
    grant: Option<&'g Grant>,
    kinds: Allowed,
    districts: Allowed,
}

impl<'g> Sight<'g> {
    /// Of everything.
    pub const fn everything() -> Self {
        Self {
            grant: None,
            kinds: Allowed(None),
            districts: Allowed(None),
        }
    }

    /// Of what is granted.
    pub fn of(grant: &'g Grant, table: &Table) -> Self {
        if grant.is_unrestricted() {
            return Self::everything();
        }
        let names = table.names.texts();
        Self {
            kinds: Allowed::granted(&grant.kinds, names, is_kind_prefix),
            districts: Allowed::granted(&grant.districts, names, |p, name| name.starts_with(p)),
            grant: Some(grant),
        }
    }

    fn hides_devices(&self) -> bool {
        self.grant.is_some_and(|grant| !grant.sees_all_devices())
    }

    fn hides_metrics(&self) -> Option<&'g Grant> {
        self.grant.filter(|grant| !grant.metrics.is_all())
    }

    pub fn has(&self, mark: &Mark) -> bool {
        self.kinds.has(mark.kind) && self.districts.has(mark.district)
    }

    /// A device's mark as it is seen; `None`: it is not.
    pub fn mark(&self, table: &Table, number: u32) -> Option<Mark> {
        let mark = *table.mark(number)?;
        if !self.has(&mark) {
            return None;
        }
        let Some(grant) = self.hides_metrics().filter(|_| mark.level != Level::Ok) else {
            return Some(mark);
        };
        let findings = table.entry(number).and_then(|entry| entry.extra.as_ref());
        let seen = findings.map(|extra| seen_of(&extra.findings, grant, &table.series));
        let (level, alarm) = seen.unwrap_or_default().worst();
        Some(Mark {
            level,
            alarm,
            ..mark
        })
    }

    /// The number of the device that a name leads to, if that is seen: of whom it is the id, else of
    /// whom it is an alias.
    pub fn find(&self, table: &Table, name: &str, now: Timestamp) -> Option<u32> {
        let found = table.find(name, now).into_iter().flatten();
        found
            .into_iter()
            .find(|number| self.mark(table, *number).is_some())
    }

    /// A device as it is seen at `now`.
    pub fn show(&self, table: &Table, number: u32, now: Timestamp, values: bool) -> Option<Device> {
        let mark = self.mark(table, number)?;
        let mut device = table.show(number, now, values)?;
        if let Some(grant) = self.hides_metrics() {
            device.health = mark.level;
            let is_seen = |metric: &str| metric.is_empty() || grant.sees_metric(metric);
            device.reasons.retain(|reason| is_seen(&reason.metric));
            device.values.retain(|last| is_seen(&last.metric));
            // Counted for all metrics together.
            device.readings = 0;
        }
        let parent = table.mark(mark.parent);
        if parent.is_some_and(|parent| !self.has(parent)) {
            device.parent = "".into();
            device.parent_silent = None;
            // The one that carried it speaks from there.
            device.address = None;
        }
        if self.hides_devices() {
            let is_seen = |id: &str| {
                let number = table.ids.find(id);
                number.is_some_and(|number| self.mark(table, number).is_some())
            };
            device.heard_as.retain(|id| is_seen(id));
            device.known_as = device.known_as.filter(|id| is_seen(id));
        }
        Some(device)
    }

    /// Devices as they are seen at `now`, with the children that are seen of each.
    pub fn show_all(
        &self,
        table: &Table,
        numbers: &[u32],
        now: Timestamp,
        values: bool,
    ) -> Vec<Device> {
        let shown = numbers.iter().filter_map(|number| {
            let device = self.show(table, *number, now, values)?;
            Some((*number, device))
        });
        let mut shown: Vec<(u32, Device)> = shown.collect();
        if self.hides_devices() {
            self.recount(table, &mut shown);
        }
        shown.into_iter().map(|(_, device)| device).collect()
    }

    /// Counts children again, without those that are not seen: one look at every mark.
    fn recount(&self, table: &Table, shown: &mut [(u32, Device)]) {
        let parents = shown.iter().filter(|(_, device)| device.children > 0);
        let mut counts: HashMap<u32, (u32, u32)> =
            parents.map(|(number, _)| (*number, (0, 0))).collect();
        if counts.is_empty() {
            return;
        }
        // Nobody hangs below anybody who is gone.
        for mark in table.marks.iter().filter(|mark| mark.parent != NOBODY) {
            if let Some((all, silent)) = counts.get_mut(&mark.parent)
                && self.has(mark)
            {
                *all += 1;
                *silent += u32::from(states::is_silent(mark.state));
            }
        }
        for (number, device) in shown {
            if let Some((all, silent)) = counts.get(number) {
                (device.children, device.children_silent) = (*all, *silent);
            }
        }
    }

    /// The last change that is seen: what others do is not told by a version either.
    pub fn version(&self, table: &Table) -> u64 {
        if !self.hides_devices() {
            return table.changes.version();
        }
        let seen = (0u32..)
            .zip(&table.marks)
            .filter(|(number, mark)| self.has(mark) && !table.roll.is_gone(*number));
        let versions = seen.map(|(number, _)| table.changes.get(number));
        versions.max().unwrap_or_default()
    }
}

fn seen_of(findings: &Findings, grant: &Grant, series: &AllSeries) -> Findings {
    let is_seen = |number: u16| {
        let series = series.get(number);
        series.is_none_or(|series| grant.sees_metric(&series.metric))
    };
    let seen = findings.0.iter().filter(|finding| is_seen(finding.series));
    Findings(seen.copied().collect())
}
