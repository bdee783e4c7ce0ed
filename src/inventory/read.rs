//! Rows of texts into a table, with every mistake noted.
use super::check;
use super::column::{Cells, Column};
use super::problems::Problems;
use super::row::Draft;
use super::table::Table;
use super::value::{self, Reference};
use crate::catalogue::Catalogue;
use crate::model::DeviceId;
use crate::model::settings::Problem;
use jiff::tz::TimeZone;
use std::collections::HashMap;
use std::path::Path;

/// Rows of a file.
pub(super) const ROWS_MAX: usize = 5_000_000;
/// Longest cell, in bytes.
pub(super) const FIELD_BYTES_MAX: usize = 512;
/// Districts that are told apart. The registry numbers them, with kinds, profiles and labels, in two
/// bytes; a city has some hundred, down to its communities some thousand.
const DISTRICTS_MAX: usize = 10_000;
/// Bytes that all rows may take: places in the arena have four.
const ARENA_BYTES_MAX: usize = 3 << 30;
const ASSET_BYTES_MAX: usize = 128;
const POINT_BYTES_MAX: usize = 64;

/// Takes rows one by one.
#[derive(Debug)]
pub(super) struct Builder<'c> {
    pub problems: Problems,
    catalogue: &'c Catalogue,
    site: &'c TimeZone,
    table: Table,
    /// The line of each row.
    lines: Vec<u32>,
    /// Places of all names.
    names: usize,
    multipliers: HashMap<u64, u32>,
    places: Vec<usize>,
}

impl<'c> Builder<'c> {
    pub fn new(file: &Path, catalogue: &'c Catalogue, site: &'c TimeZone) -> Self {
        let table = Table {
            file: file.to_owned(),
            ..Table::default()
        };
        Self {
            problems: Problems::new(file),
            catalogue,
            site,
            table,
            lines: Vec::new(),
            names: 0,
            multipliers: HashMap::new(),
            places: Vec::new(),
        }
    }

    /// Is there room for another row? Where not, that is noted.
    pub fn has_room(&mut self) -> bool {
        let full = self.lines.len() >= ROWS_MAX || self.table.arena.len() >= ARENA_BYTES_MAX;
        if full {
            let rows = format!("{} rows", self.lines.len());
            self.problems
                .whole(&rows, format!("more do not fit: at most {ROWS_MAX} rows"));
        }
        !full
    }

    /// Takes the row that begins on a line. A row with mistakes is taken without them, so that no
    /// other row seems wrong for it: the table is thrown away in the end.
    pub fn row(&mut self, line: usize, cells: &Cells<'_>) {
        let id = cells.get(Column::Id);
        if let Err(error) = DeviceId::check(id) {
            self.problems.note(line, "id", id, &error.to_string());
            return;
        }
        let mut draft = Draft {
            id,
            ..Draft::default()
        };
        self.words(line, cells, &mut draft);
        self.interned(line, cells, &mut draft);
        self.times(line, cells, &mut draft);
        self.place(line, cells, &mut draft);
        let digits = self.cell(line, cells, Column::Digits, value::digits);
        draft.digits = digits;
        draft.interval_ms = self.cell(line, cells, Column::Interval, value::interval);
        let aliases = value::aliases(cells.get(Column::Aliases), id, &mut draft.aliases);
        if let Err((alias, rule)) = aliases {
            self.problems.note(line, "aliases", alias, &rule);
        }
        let token = self.credential(line, cells, &mut draft);
        draft.token = &token;
        self.places.clear();
        let start = u32::try_from(self.table.arena.len()).unwrap_or(u32::MAX);
        draft.write(&mut self.table.arena, &mut self.places);
        self.names += self.places.len();
        self.table.rows.push(start);
        self.lines.push(u32::try_from(line).unwrap_or(u32::MAX));
    }

    /// The table, if nothing was wrong.
    pub fn finish(mut self) -> Result<Table, Vec<Problem>> {
        self.table.arena.shrink_to_fit();
        self.table.rows.shrink_to_fit();
        check::index(&mut self.table, self.names, &self.lines, &mut self.problems);
        self.table.handed = check::points(&self.table, &self.lines, &mut self.problems);
        check::parents(&mut self.table, &self.lines, &mut self.problems);
        let table = &mut self.table;
        let heads = table
            .rows
            .iter()
            .map(|row| (*row, super::row::Head::read(&table.arena, *row).user));
        table.users.fill(heads);
        if self.problems.is_empty() {
            Ok(self.table)
        } else {
            Err(self.problems.finish())
        }
    }

    /// What a cell says, if it says anything, and that is right.
    fn cell<'r, T>(
        &mut self,
        line: usize,
        cells: &Cells<'r>,
        column: Column,
        read: impl FnOnce(&'r str) -> Result<T, String>,
    ) -> Option<T> {
        let text = cells.get(column);
        if text.is_empty() {
            return None;
        }
        let read = read(text);
        if let Err(rule) = &read {
            self.problems.note(line, column.name(), text, rule);
        }
        read.ok()
    }

    fn words<'r>(&mut self, line: usize, cells: &Cells<'r>, draft: &mut Draft<'r>) {
        let mut text = |column, max| {
            let checked = |text| value::printable(text, max).map(|()| text);
            self.cell(line, cells, column, checked).unwrap_or_default()
        };
        draft.asset = text(Column::Asset, ASSET_BYTES_MAX);
        draft.words = text(Column::Place, FIELD_BYTES_MAX);
        draft.point = text(Column::MeteringPoint, POINT_BYTES_MAX);
    }

    fn interned(&mut self, line: usize, cells: &Cells<'_>, draft: &mut Draft<'_>) {
        let kind = cells.get(Column::Kind);
        if self.table.kinds.find(kind).is_none() && self.catalogue.kind(kind).is_none() {
            let names = self.catalogue.kinds().map(|kind| &*kind.name);
            let rule = value::unknown("no kind of the catalogue", kind, names);
            self.problems.note(line, "kind", kind, &rule);
        } else {
            draft.kind = self.table.kinds.intern(kind);
        }
        let profile = cells.get(Column::Profile);
        if self.table.profiles.find(profile).is_none() {
            let checked = self.cell(line, cells, Column::Profile, value::profile);
            if checked.is_some() {
                draft.profile = self.table.profiles.intern(profile);
                self.table.profile_lines.push(line);
            }
        } else {
            draft.profile = self.table.profiles.intern(profile);
        }
        let district = cells.get(Column::District);
        let known = self.table.districts.find(district).is_some();
        // "" is one of them.
        let full = self.table.districts.len() > DISTRICTS_MAX;
        let checked = |text| match value::district(text) {
            Ok(()) if full => Err(format!(
                "is one more than the {DISTRICTS_MAX} districts that are told apart: is this the right column?"
            )),
            checked => checked,
        };
        if known || self.cell(line, cells, Column::District, checked).is_some() {
            draft.district = self.table.districts.intern(district);
        }
        let parent = |text| DeviceId::check(text).map_err(|error| error.to_string());
        if let Some(parent) = self.cell(line, cells, Column::Parent, parent) {
            draft.parent = self.table.parents.names.intern(parent);
        }
        if let Some(number) = self.cell(line, cells, Column::Multiplier, value::multiplier) {
            let all = &mut self.table.multipliers;
            let next = u32::try_from(all.len() + 1).unwrap_or(0);
            draft.multiplier = *self.multipliers.entry(number.to_bits()).or_insert_with(|| {
                all.push(number);
                next
            });
        }
    }

    fn times(&mut self, line: usize, cells: &Cells<'_>, draft: &mut Draft<'_>) {
        let named = cells.get(Column::Zone);
        if !named.is_empty() {
            draft.zone = self.zone(line, named);
        }
        let zone = self.table.zone(draft.zone).unwrap_or(self.site).clone();
        let read = |text| value::time(text, &zone);
        draft.from = self.cell(line, cells, Column::ValidFrom, read);
        draft.to = self.cell(line, cells, Column::ValidTo, read);
        let retired = self.cell(line, cells, Column::Retired, read);
        if let Some(end) = retired {
            if draft.to.is_some_and(|to| to != end) {
                let (text, rule) = (
                    cells.get(Column::Retired),
                    "valid_to says another time: give one of them",
                );
                self.problems.note(line, "retired", text, rule);
            }
            (draft.to, draft.retired) = (Some(end), true);
        }
        if draft
            .from
            .zip(draft.to)
            .is_some_and(|(from, to)| to <= from)
        {
            let column = if draft.retired {
                Column::Retired
            } else {
                Column::ValidTo
            };
            let rule = "must be later than valid_from; it is the first moment at which the row does not hold any more";
            self.problems
                .note(line, column.name(), cells.get(column), rule);
            (draft.from, draft.to) = (None, None);
        }
    }

    fn zone(&mut self, line: usize, name: &str) -> u32 {
        let at = self
            .table
            .zones
            .iter()
            .position(|(known, _)| &**known == name);
        let at = at.or_else(|| {
            let zone = TimeZone::get(name).ok()?;
            self.table.zones.push((name.into(), zone));
            Some(self.table.zones.len() - 1)
        });
        let Some(at) = at else {
            let rule = "must be a zone of the IANA database, such as \"Asia/Shanghai\"";
            self.problems.note(line, "zone", name, rule);
            return 0;
        };
        u32::try_from(at + 1).unwrap_or(0)
    }

    fn place(&mut self, line: usize, cells: &Cells<'_>, draft: &mut Draft<'_>) {
        let (lat, lon) = (cells.get(Column::Lat), cells.get(Column::Lon));
        if lat.is_empty() && lon.is_empty() {
            return;
        }
        self.cell(line, cells, Column::Datum, value::datum);
        match value::place(lat, lon) {
            Ok(place) => draft.place = Some(place),
            Err(rule) => {
                let both = format!("{lat}, {lon}");
                self.problems.note(line, "lat, lon", &both, &rule);
            }
        }
    }

    /// The name of its token, or "".
    fn credential(&mut self, line: usize, cells: &Cells<'_>, draft: &mut Draft<'_>) -> String {
        let text = cells.get(Column::Credential);
        if text.is_empty() {
            return String::new();
        }
        match value::credential(text) {
            Ok(Reference::User(name)) => draft.user = self.table.users.names.intern(name),
            Ok(Reference::Token(name)) => return name,
            Err(rule) => self.problems.note(line, "credential", "(hidden)", &rule),
        }
        String::new()
    }
}
