//! What another inventory changes.
use super::Inventory;
use super::entry::{Credential, Entry};
use super::table::Table;
use crate::model::Timestamp;

/// Ids that are kept of each kind of change, for people to read.
const SHOWN_MAX: usize = 5;

/// Devices of one kind of change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Devices {
    /// How many.
    pub count: usize,
    /// The first five, in the order of their file.
    pub first: Vec<Box<str>>,
}

impl Devices {
    fn note(&mut self, id: &str) {
        self.count += 1;
        if self.first.len() < SHOWN_MAX {
            self.first.push(id.into());
        }
    }
}

/// From one inventory to another, in devices: all rows of a device together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Devices before.
    pub before: usize,
    /// In the new one only.
    pub added: Devices,
    /// In the old one only.
    pub removed: Devices,
    /// In both, and any row differs.
    pub changed: Devices,
}

impl Difference {
    /// Does it take away more than this many in a hundred of the devices that were there?
    pub const fn loses_over(&self, percent: usize) -> bool {
        self.removed.count * 100 > self.before * percent
    }

    /// Is nothing else than before?
    pub const fn is_none(&self) -> bool {
        self.added.count + self.removed.count + self.changed.count == 0
    }

    pub(super) fn between(old: &Inventory, new: &Inventory) -> Self {
        let mut difference = Self {
            before: old.devices(),
            ..Self::default()
        };
        let empty = Table::default();
        let was = old.table.as_deref().unwrap_or(&empty);
        let is = new.table.as_deref().unwrap_or(&empty);
        if was.same(is) {
            return difference;
        }
        let mut kept = 0;
        for head in is.firsts() {
            match same_rows(was, is, head.id) {
                None => difference.added.note(head.id),
                Some(true) => kept += 1,
                Some(false) => {
                    kept += 1;
                    difference.changed.note(head.id);
                }
            }
        }
        if kept < difference.before {
            let gone = was
                .firsts()
                .filter(|head| is.rows_of(head.id).next().is_none());
            gone.for_each(|head| difference.removed.note(head.id));
        }
        difference
    }
}

impl Inventory {
    /// Does each name of a row, of another inventory, lead to its device here at a time: aliases, token
    /// and user?
    pub fn has_names_of(&self, entry: Entry<'_>, at: Timestamp) -> bool {
        let Some(table) = self.table.as_deref() else {
            return false;
        };
        let id = entry.id();
        let leads = |name: &str| table.find(name, at).is_some_and(|head| head.id == id);
        let is_user = |user: &str| {
            let mut rows = table.rows_of(id).filter(|head| head.holds(at));
            rows.any(|head| table.users.names.get(head.user) == user)
        };
        let user = match entry.credential() {
            Some(Credential::User(user)) => is_user(user),
            _ => true,
        };
        user && entry.aliases().all(leads) && entry.token().is_none_or(leads)
    }
}

/// Are the rows of a device the same in both? `None`: the old one has none.
fn same_rows(was: &Table, is: &Table, id: &str) -> Option<bool> {
    let mut old = was.rows_of(id);
    let mut new = is.rows_of(id);
    let (first_old, first_new) = (old.next()?, new.next()?);
    let equal = |a, b| Entry::new(was, &a).same(Entry::new(is, &b));
    match (old.next(), new.next()) {
        (None, None) => Some(equal(first_old, first_new)),
        (None, Some(_)) | (Some(_), None) => Some(false),
        (Some(_), Some(_)) => {
            let (old, new) = (was.rows_of(id).count(), is.rows_of(id).count());
            let found = |a| is.rows_of(id).any(|b| equal(a, b));
            Some(old == new && was.rows_of(id).all(found))
        }
    }
}
