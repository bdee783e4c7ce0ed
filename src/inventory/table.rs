//! All rows in memory, and the ways to them.
//!
//! ```text
//!  name --xxh3--> names: place of the name in the arena --back--> row: id, flags, kind, ..
//! ```
//! Two rows of one name (a meter exchange) are two entries of one hash; the one that holds is taken.
//! Built once, then never changed.
use super::pool::{Groups, Pool};
use super::row::{Head, TOKEN, name_at};
use crate::model::Timestamp;
use hashbrown::HashTable;
use jiff::tz::TimeZone;
use std::path::PathBuf;
use xxhash_rust::xxh3::xxh3_64;

/// Rows that one name may lead to: a device whose meter was exchanged each year of a century has
/// fewer, and each costs a look.
pub(super) const ROWS_OF_A_NAME_MAX: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Table {
    /// As the configuration names it.
    pub file: PathBuf,
    pub arena: String,
    /// Where each row begins.
    pub rows: Vec<u32>,
    /// Rows of a device that an earlier row of the file has, too. Sorted.
    pub later: Vec<u32>,
    /// Rows of metering points that more than one device had, by the hash of the point. Sorted.
    pub handed: Vec<(u64, u32)>,
    pub names: HashTable<u32>,
    pub kinds: Pool,
    pub profiles: Pool,
    /// The first line that names each profile, by its number.
    pub profile_lines: Vec<usize>,
    pub districts: Pool,
    /// 1 is the first: 0 is none.
    pub zones: Vec<(Box<str>, TimeZone)>,
    pub multipliers: Vec<f64>,
    pub parents: Groups,
    pub users: Groups,
}

pub(super) fn hash(name: &str) -> u64 {
    xxh3_64(name.as_bytes())
}

impl Table {
    pub fn head(&self, at: u32) -> Head<'_> {
        Head::read(&self.arena, at)
    }

    /// The row that a name leads to at a time.
    pub fn find(&self, name: &str, at: Timestamp) -> Option<Head<'_>> {
        let mut found = None;
        self.names.find(hash(name), |place| {
            let (row, text) = name_at(&self.arena, *place);
            if text != name {
                return false;
            }
            let head = self.head(row);
            let holds = head.holds(at);
            found = holds.then_some(head);
            holds
        });
        found
    }

    /// As [`Table::find`], for what a device says: a token is no name.
    pub fn find_name(&self, name: &str, at: Timestamp) -> Option<Head<'_>> {
        if name.starts_with(TOKEN) {
            return None;
        }
        self.find(name, at)
    }

    /// The rows whose id this is, in no order.
    pub fn rows_of<'t>(&'t self, id: &'t str) -> impl Iterator<Item = Head<'t>> {
        let places = self.names.iter_hash(hash(id));
        places.filter_map(move |place| {
            let (row, text) = name_at(&self.arena, *place);
            (row == *place && text == id).then(|| self.head(row))
        })
    }

    /// The rows that have a name, id or alias, in no order, whenever they hold. A token is no name.
    pub fn rows_named<'t>(&'t self, name: &'t str) -> impl Iterator<Item = Head<'t>> {
        let places = self.names.iter_hash(hash(name));
        let places = places.filter(move |_| !name.starts_with(TOKEN));
        places.filter_map(move |place| {
            let (row, text) = name_at(&self.arena, *place);
            (text == name).then(|| self.head(row))
        })
    }

    /// The last row of another device that had this one's metering point, of those that had ended
    /// when this one began.
    pub fn replaced_by(&self, head: &Head<'_>) -> Option<Head<'_>> {
        let name = head.rest(&self.arena).point;
        let key = hash(name);
        let from = self.handed.partition_point(|(known, _)| *known < key);
        let rows = self.handed.get(from..)?.iter();
        let rows = rows.take_while(|(known, _)| *known == key);
        let old = rows.map(|(_, row)| self.head(*row)).filter(|old| {
            let ended = old.id != head.id && old.to <= head.from;
            ended && old.rest(&self.arena).point == name
        });
        old.max_by_key(|old| old.to)
    }

    /// One row for each device, in the order of the file.
    pub fn firsts(&self) -> impl Iterator<Item = Head<'_>> {
        let rows = self.rows.iter();
        rows.filter(|row| self.is_first(**row))
            .map(|row| self.head(*row))
    }

    pub fn is_first(&self, row: u32) -> bool {
        self.later.binary_search(&row).is_err()
    }

    /// Was it read from the same rows?
    pub fn same(&self, other: &Self) -> bool {
        self.arena == other.arena
            && self.zones == other.zones
            && self.multipliers == other.multipliers
            && self.pools().zip(other.pools()).all(|(a, b)| a.same(b))
    }

    pub fn zone(&self, number: u32) -> Option<&TimeZone> {
        let at = number.checked_sub(1)? as usize;
        self.zones.get(at).map(|(_, zone)| zone)
    }

    pub fn multiplier(&self, number: u32) -> Option<f64> {
        let at = number.checked_sub(1)? as usize;
        self.multipliers.get(at).copied()
    }

    fn pools(&self) -> impl Iterator<Item = &Pool> {
        let shared = [&self.kinds, &self.profiles, &self.districts];
        let groups = [&self.parents.names, &self.users.names];
        shared.into_iter().chain(groups)
    }

    /// Bytes in memory, without what the allocator adds.
    pub fn bytes(&self) -> usize {
        let pools = [&self.kinds, &self.profiles, &self.districts];
        self.arena.capacity()
            + (self.rows.capacity() + self.later.capacity()) * size_of::<u32>()
            + self.handed.capacity() * size_of::<(u64, u32)>()
            + self.names.allocation_size()
            + pools.into_iter().map(Pool::bytes).sum::<usize>()
            + self.parents.bytes()
            + self.users.bytes()
    }
}
