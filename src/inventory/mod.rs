//! What is known of each device: identity, aliases, profile, place, children.
//!
//! ```text
//!  devices.csv --csv.rs--\                                          /-> lookup(name, at): id or alias
//!                         >-- rows of texts --read.rs--> table.rs --+-> lookup_token, lookup_user
//!  devices.toml --toml.rs-/    value.rs: cells   check.rs: rows     \-> children, search, difference
//! ```
//! Read as a whole, with every mistake at once; then never changed: a reload makes another. A million
//! rows are one text with an index over it (`row.rs`, `arena.rs`), so that they take some 120 bytes
//! each and are dropped at once.
//!
//! Decisions. An alias is compared as it is written, after trimming; `imei:868411056758782` and
//! `868411056758782` are two names, and the first is what the profiles here make of an IMEI. An id
//! means one device for ever; an alias, a token or a metering point leads to one device at a time,
//! and to another one after a meter exchange. Rejected: a map of structs (some 600 bytes a device),
//! a database (a device is looked up for each uplink).
mod arena;
mod check;
mod column;
mod config;
mod csv;
mod difference;
mod encoding;
mod entry;
mod pool;
mod problems;
mod read;
mod row;
mod search;
mod table;
mod toml;
mod value;

pub use config::{Config, Unknown};
pub use difference::{Devices, Difference};
pub use entry::{Credential, Entry, Place};

use crate::catalogue::Catalogue;
use crate::model::Timestamp;
use crate::model::settings::Problem;
use jiff::tz::TimeZone;
use read::Builder;
use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use table::Table;

/// Bytes of a file.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// Rows of one user that are looked at: a user of more names no device.
const ROWS_OF_A_USER_MAX: usize = 64;

/// All devices that are known. Read once, then never changed: a reload makes another. A clone is the
/// same one.
#[derive(Clone)]
pub struct Inventory {
    unknown: Unknown,
    table: Option<Arc<Table>>,
}

/// A device at a time, also when no row of it holds.
#[derive(Clone, Copy, Debug)]
pub enum Standing<'i> {
    /// A row holds.
    Valid(Entry<'i>),
    /// None holds yet; the next one.
    Planned(Entry<'i>),
    /// None holds any more; the last one. The device is out of service.
    Ended(Entry<'i>),
}

impl<'i> Standing<'i> {
    /// The row that says most of it then.
    pub const fn entry(self) -> Entry<'i> {
        match self {
            Self::Valid(entry) | Self::Planned(entry) | Self::Ended(entry) => entry,
        }
    }
}

/// Reads a file: CSV, or TOML if its name ends in `.toml`. `site` is the zone of times without one,
/// where a device has none of its own. Blocks.
///
/// # Errors
/// Every mistake, by file and line; of more than 100 their number.
pub fn load(
    path: &Path,
    catalogue: &Catalogue,
    site: &TimeZone,
    unknown: Unknown,
) -> Result<Inventory, Vec<Problem>> {
    let problem = |rule: String| vec![Problem::new("devices.inventory", path.display(), rule)];
    let ends = |end: &str| {
        path.extension()
            .is_some_and(|found| found.eq_ignore_ascii_case(end))
    };
    let (is_toml, max) = match (ends("csv"), ends("toml")) {
        (true, _) => (false, FILE_BYTES_MAX),
        (_, true) => (true, toml::FILE_BYTES_MAX),
        _ => {
            return Err(problem(
                "must be a file whose name ends in .csv or .toml".to_owned(),
            ));
        }
    };
    let open = || {
        // Opening a pipe waits for who writes to it.
        if !std::fs::metadata(path)?.is_file() {
            return Err(std::io::Error::other("must be a regular file"));
        }
        let opened = File::open(path)?;
        let len = opened.metadata()?.len();
        Ok::<_, std::io::Error>((opened, len))
    };
    let (opened, len) = open().map_err(|error| problem(error.to_string()))?;
    if len > max {
        return Err(problem(format!("has {len} bytes; at most {max} are read")));
    }
    let mut reader = BufReader::with_capacity(1 << 18, opened.take(max));
    let read = |builder: &mut Builder<'_>| {
        if is_toml {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes)?;
            read_toml(&bytes, builder);
            Ok(())
        } else {
            csv::read(&mut reader as &mut dyn BufRead, builder)
        }
    };
    Inventory::read(path, catalogue, site, unknown, read).map_err(|failed| match failed {
        Failed::Io(error) => problem(error.to_string()),
        Failed::Problems(problems) => problems,
    })
}

enum Failed {
    Io(std::io::Error),
    Problems(Vec<Problem>),
}

fn read_toml(bytes: &[u8], builder: &mut Builder<'_>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => toml::read(text.trim_start_matches('\u{feff}'), builder),
        Err(error) => {
            let bad = bytes.get(error.valid_up_to()..).unwrap_or_default();
            builder
                .problems
                .whole(&encoding::shown(bad), encoding::rule(bytes));
        }
    }
}

impl Inventory {
    /// An inventory that knows nobody.
    pub const fn none(unknown: Unknown) -> Self {
        Self {
            unknown,
            table: None,
        }
    }

    /// As [`load`], from a text of CSV that is called `file` in problems.
    ///
    /// # Errors
    /// As [`load`].
    pub fn of_csv(
        file: &Path,
        text: &str,
        catalogue: &Catalogue,
        site: &TimeZone,
        unknown: Unknown,
    ) -> Result<Self, Vec<Problem>> {
        let read = |builder: &mut Builder<'_>| csv::read(text.as_bytes(), builder);
        Self::read(file, catalogue, site, unknown, read).map_err(|failed| match failed {
            Failed::Io(error) => vec![Problem::new("text", file.display(), error.to_string())],
            Failed::Problems(problems) => problems,
        })
    }

    fn read(
        file: &Path,
        catalogue: &Catalogue,
        site: &TimeZone,
        unknown: Unknown,
        read: impl FnOnce(&mut Builder<'_>) -> std::io::Result<()>,
    ) -> Result<Self, Failed> {
        let mut builder = Builder::new(file, catalogue, site);
        read(&mut builder).map_err(Failed::Io)?;
        let table = builder.finish().map_err(Failed::Problems)?;
        Ok(Self {
            unknown,
            table: Some(Arc::new(table)),
        })
    }

    /// Looks a device up by its id or an alias, as it was at a time: after a meter exchange an
    /// address leads to another device.
    pub fn lookup(&self, name: &str, at: Timestamp) -> Option<Entry<'_>> {
        let table = self.table.as_deref()?;
        table
            .find_name(name, at)
            .map(|head| Entry::new(table, &head))
    }

    /// Looks a device up by its access token.
    pub fn lookup_token(&self, token: &str, at: Timestamp) -> Option<Entry<'_>> {
        let table = self.table.as_deref()?;
        let head = table.find(&value::token_name(token), at)?;
        Some(Entry::new(table, &head))
    }

    /// Looks a device up by the MQTT user that it connects as: by `user:` and the name, if that is of
    /// one device alone, else as an access token, which devices give as their user.
    pub fn lookup_user(&self, user: &str, at: Timestamp) -> Option<Entry<'_>> {
        let table = self.table.as_deref()?;
        let rows = table
            .users
            .names
            .find(user)
            .map_or(&[][..], |number| table.users.rows(number));
        if user.is_empty() || rows.is_empty() {
            return self.lookup_token(user, at);
        }
        if rows.len() > ROWS_OF_A_USER_MAX {
            return None;
        }
        let mut valid = rows
            .iter()
            .map(|row| table.head(*row))
            .filter(|head| head.holds(at));
        let only = valid.next().filter(|_| valid.next().is_none())?;
        Some(Entry::new(table, &only))
    }

    /// Every row, in the order of the file.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let table = self.table.as_deref().into_iter();
        table.flat_map(|table| {
            let heads = table.rows.iter().map(|row| table.head(*row));
            heads.map(move |head| Entry::new(table, &head))
        })
    }

    /// Every row of a device, by its id, in no order.
    pub fn entries_of<'i>(&'i self, id: &'i str) -> impl Iterator<Item = Entry<'i>> {
        let table = self.table.as_deref().into_iter();
        table.flat_map(move |table| table.rows_of(id).map(move |head| Entry::new(table, &head)))
    }

    /// Every row that has a name, id or alias, in no order, whenever it holds.
    pub fn entries_named<'i>(&'i self, name: &'i str) -> impl Iterator<Item = Entry<'i>> {
        let table = self.table.as_deref().into_iter();
        table.flat_map(move |table| {
            let heads = table.rows_named(name);
            heads.map(move |head| Entry::new(table, &head))
        })
    }

    /// The device that a row's device has replaced at its metering point: the last that was there
    /// before the row's `valid_from`.
    pub fn replaced_by<'i>(&'i self, entry: Entry<'_>) -> Option<Entry<'i>> {
        let table = self.table.as_deref()?;
        let old = table.replaced_by(&entry.head())?;
        Some(Entry::new(table, &old))
    }

    /// How each device stands at a time, in the order of the file.
    pub fn standings(&self, at: Timestamp) -> impl Iterator<Item = Standing<'_>> {
        let table = self.table.as_deref().into_iter();
        let firsts = table.flat_map(Table::firsts);
        firsts.filter_map(move |head| self.standing(head.id, at))
    }

    /// How a device stands at a time, by its id; `None`: no row has it.
    pub fn standing<'i>(&'i self, id: &'i str, at: Timestamp) -> Option<Standing<'i>> {
        let (mut next, mut last) = (None::<Entry<'_>>, None::<Entry<'_>>);
        for entry in self.entries_of(id) {
            if entry.is_valid(at) {
                return Some(Standing::Valid(entry));
            }
            if entry.valid_from().is_some_and(|from| at < from) {
                let sooner = next.is_none_or(|next| entry.valid_from() < next.valid_from());
                next = if sooner { Some(entry) } else { next };
            } else {
                let later = last.is_none_or(|last| entry.valid_to() > last.valid_to());
                last = if later { Some(entry) } else { last };
            }
        }
        next.map(Standing::Planned).or(last.map(Standing::Ended))
    }

    /// The devices that a parent carries at a time, in the order of the file. Not their children.
    pub fn children<'i>(
        &'i self,
        parent: &str,
        at: Timestamp,
    ) -> impl Iterator<Item = Entry<'i>> + use<'i> {
        let table = self.table.as_deref();
        let found = table.and_then(|table| Some((table, table.parents.names.find(parent)?)));
        let found = found.filter(|(_, number)| *number != 0).into_iter();
        found.flat_map(move |(table, number)| {
            let heads = table
                .parents
                .rows(number)
                .iter()
                .map(|row| table.head(*row));
            let valid = heads.filter(move |head| head.holds(at));
            valid.map(move |head| Entry::new(table, &head))
        })
    }

    /// Is it the parent in any row, whenever that holds?
    pub fn is_parent(&self, id: &str) -> bool {
        let parents = self.table.as_deref().map(|table| &table.parents);
        let number = parents.and_then(|parents| parents.names.find(id));
        number.is_some_and(|number| number != 0)
    }

    /// Rows whose id or an alias contains `part`, in the order of the file; ASCII letters match in
    /// either case. Goes on as it is asked for the next one: some 0.1 s through a million rows.
    pub fn search<'i>(&'i self, part: &'i str) -> impl Iterator<Item = Entry<'i>> {
        let table = self.table.as_deref().into_iter();
        table.flat_map(move |table| table.search(part).map(move |head| Entry::new(table, &head)))
    }

    /// Each profile that is named, with the first line that does.
    pub fn profiles(&self) -> impl Iterator<Item = (usize, &str)> {
        let table = self.table.as_deref().into_iter();
        table.flat_map(|table| {
            let names = table.profiles.iter().map(|(_, name)| name);
            table.profile_lines.iter().copied().zip(names)
        })
    }

    /// A problem for each profile that is named and is none of `known`.
    pub fn unknown_profiles(&self, known: &[&str]) -> Vec<Problem> {
        let file = self.table.as_deref().map(|table| table.file.as_path());
        let missing = self.profiles().filter(|(_, name)| !known.contains(name));
        let problem = |(line, name): (usize, &str)| {
            let rule = value::unknown("no profile of this name", name, known.iter().copied());
            let problem = Problem::new("profile", format!("{name:?}"), rule);
            problem.at(file.unwrap_or(Path::new("")), line)
        };
        missing.map(problem).collect()
    }

    /// From one inventory to another, in devices. A million take two seconds or three.
    pub fn difference(old: &Self, new: &Self) -> Difference {
        Difference::between(old, new)
    }

    /// Devices, each counted once however many rows it has.
    pub fn devices(&self) -> usize {
        self.table
            .as_deref()
            .map_or(0, |table| table.rows.len() - table.later.len())
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.table.as_deref().map_or(0, |table| table.rows.len())
    }

    /// Bytes in memory, without what the allocator adds.
    pub fn bytes(&self) -> usize {
        self.table.as_deref().map_or(0, Table::bytes)
    }

    /// Is there no inventory at all?
    pub const fn is_absent(&self) -> bool {
        self.table.is_none()
    }

    /// May a device report that [`Inventory::lookup`] did not find?
    pub fn accepts_unknown(&self) -> bool {
        self.unknown == Unknown::Accept
    }
}

impl fmt::Debug for Inventory {
    /// Not the rows: there may be a million.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inventory")
            .field("unknown", &self.unknown)
            .field("devices", &self.devices())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
