//! What rows may not say of each other, and the index by which that is seen.
use super::problems::Problems;
use super::row::{Head, TOKEN, name_at};
use super::table::{ROWS_OF_A_NAME_MAX, Table, hash};
use hashbrown::HashTable;

/// Parents above a device: meter, collector, concentrator, gateway, and one to spare.
pub(super) const PARENTS_MAX: u32 = 4;

/// Fills the index with all names, and sees that each leads to one device at a time.
pub(super) fn index(table: &mut Table, names: usize, lines: &[u32], problems: &mut Problems) {
    let mut index = HashTable::with_capacity(names);
    let mut later = Vec::new();
    for row in &table.rows {
        let head = table.head(*row);
        let rest = head.rest(&table.arena);
        let mut place = |place: u32, name: &str| {
            let found = enter(table, &mut index, (place, name), &head, &mut later);
            if let Err((column, shown, rule)) = found {
                let (line, other) = (line_of(table, lines, *row), rule);
                problems.note(line, column, shown, &other.words(table, lines));
            }
        };
        place(*row, head.id);
        for (at, alias) in rest.aliases {
            place(at, alias);
        }
        if let Some((at, token)) = rest.token() {
            place(at, token);
        }
    }
    table.names = index;
    table.later = later;
}

/// What is wrong with a name; the row is the other one.
enum Clash {
    Overlap(u32),
    Retired(u32),
    Id(u32),
    Alias(u32),
    Token(u32),
    TooMany,
}

impl Clash {
    fn words(&self, table: &Table, lines: &[u32]) -> String {
        let at = |row: &u32| (line_of(table, lines, *row), table.head(*row).id);
        match self {
            Self::Overlap(row) => {
                let line = at(row).0;
                format!(
                    "is on line {line} too, and both hold at one time: end that with valid_to and begin this with valid_from"
                )
            }
            Self::Retired(row) => {
                format!("was retired on line {}: nothing follows that", at(row).0)
            }
            Self::Id(row) => {
                let (line, id) = at(row);
                format!(
                    "is an id on one line and an alias of `{id}` on line {line}: an id means one device for ever"
                )
            }
            Self::Alias(row) => {
                let (line, id) = at(row);
                format!("leads to `{id}` (line {line}) at the same time: end one with valid_to")
            }
            Self::Token(row) => {
                let (line, id) = at(row);
                format!("is the token of `{id}` (line {line}) at the same time")
            }
            Self::TooMany => format!("is on more than {ROWS_OF_A_NAME_MAX} rows"),
        }
    }
}

/// Enters a name, unless it clashes with one that is there.
fn enter<'t>(
    table: &'t Table,
    index: &mut HashTable<u32>,
    (place, name): (u32, &'t str),
    head: &Head<'t>,
    later: &mut Vec<u32>,
) -> Result<(), (&'static str, &'t str, Clash)> {
    let is_id = place == head.at;
    let (column, shown) = match (is_id, name.starts_with(TOKEN)) {
        (true, _) => ("id", name),
        (_, true) => ("credential", "(hidden)"),
        _ => ("aliases", name),
    };
    let (mut rows, mut clash, mut again) = (0, None, false);
    for other in index.iter_hash(hash(name)) {
        let (row, text) = name_at(&table.arena, *other);
        if text != name {
            continue;
        }
        rows += 1;
        let (was, other_is_id) = (table.head(row), row == *other);
        again |= is_id && other_is_id;
        let found = match (is_id, other_is_id, was.id == head.id) {
            (true, true, _) => same_id(head, &was),
            (true, false, false) | (false, true, false) => {
                Some(Clash::Id(if is_id { row } else { head.at }))
            }
            (false, false, false) if !was.overlaps(head) => None,
            (false, false, false) if name.starts_with(TOKEN) => Some(Clash::Token(row)),
            (false, false, false) => Some(Clash::Alias(row)),
            (_, _, true) => None,
        };
        clash = clash.or(found);
    }
    if again {
        later.push(head.at);
    }
    if rows >= ROWS_OF_A_NAME_MAX {
        return Err((column, shown, Clash::TooMany));
    }
    // Room was made for all of them, but the hash of each is at hand all the same.
    index.insert_unique(hash(name), place, |place| {
        hash(name_at(&table.arena, *place).1)
    });
    clash.map_or(Ok(()), |clash| Err((column, shown, clash)))
}

/// Two rows of one device.
fn same_id(head: &Head<'_>, was: &Head<'_>) -> Option<Clash> {
    if head.overlaps(was) {
        return Some(Clash::Overlap(was.at));
    }
    let follows = |end: &Head<'_>, next: &Head<'_>| end.is_retired() && next.from >= end.to;
    (follows(was, head) || follows(head, was)).then_some(Clash::Retired(was.at))
}

fn line_of(table: &Table, lines: &[u32], row: u32) -> usize {
    let at = table.rows.binary_search(&row).unwrap_or(0);
    lines.get(at).map_or(0, |line| *line as usize)
}

/// Sees that each metering point has one meter at a time. A time without any is fine. Returns the rows
/// of those that had more than one, by the hash of their name, in order.
pub(super) fn points(table: &Table, lines: &[u32], problems: &mut Problems) -> Vec<(u64, u32)> {
    let point = |row: u32| table.head(row).rest(&table.arena).point;
    let mut index: HashTable<u32> = HashTable::new();
    let mut handed = Vec::new();
    for row in &table.rows {
        let (head, name) = (table.head(*row), point(*row));
        if name.is_empty() {
            continue;
        }
        let (mut rows, mut clash) = (0, None);
        for other in index
            .iter_hash(hash(name))
            .filter(|other| point(**other) == name)
        {
            rows += 1;
            let was = table.head(*other);
            if was.id != head.id {
                handed.extend([(hash(name), *row), (hash(name), *other)]);
            }
            // Rows of one device that overlap are a mistake of their own.
            if was.overlaps(&head) && was.id != head.id {
                clash = clash.or(Some(was));
            }
        }
        let line = line_of(table, lines, *row);
        if let Some(was) = clash {
            let (other, id) = (line_of(table, lines, was.at), was.id);
            let rule = format!(
                "has `{id}` (line {other}) at the same time: end the old meter's row with valid_to where the new one's begins"
            );
            problems.note(line, "metering_point", name, &rule);
        }
        if rows >= ROWS_OF_A_NAME_MAX {
            let rule = format!("is on more than {ROWS_OF_A_NAME_MAX} rows");
            problems.note(line, "metering_point", name, &rule);
            continue;
        }
        index.insert_unique(hash(name), *row, |row| hash(point(*row)));
    }
    handed.sort_unstable();
    handed.dedup();
    handed.shrink_to_fit();
    handed
}

/// Sees that every parent is a device, and that no device has too many above it or is above itself.
/// Times are not looked at: who was a child once is no parent later.
pub(super) fn parents(table: &mut Table, lines: &[u32], problems: &mut Problems) {
    let rows: Vec<(u32, u32)> = {
        let heads = table.rows.iter().map(|row| (*row, table.head(*row).parent));
        heads.filter(|(_, parent)| *parent != 0).collect()
    };
    table.parents.fill(rows.into_iter());
    let table = &*table;
    // From a parent to a parent of it, with the row that says so.
    let mut edges: Vec<(u32, u32, u32)> = Vec::new();
    for (number, name) in table.parents.names.iter() {
        let mut known = false;
        for head in table.rows_of(name) {
            known = true;
            if head.parent != 0 {
                edges.push((number, head.parent, head.at));
            }
        }
        let first = table.parents.rows(number).first();
        if let (false, Some(child)) = (known, first) {
            let alias = table
                .names
                .iter_hash(hash(name))
                .map(|place| name_at(&table.arena, *place));
            let alias = alias
                .filter(|(_, text)| *text == name)
                .map(|(row, _)| table.head(row).id)
                .next();
            let rule = match alias {
                Some(id) => format!("is an alias: name the device by its id `{id}`"),
                None => "no row has this id".to_owned(),
            };
            problems.note(line_of(table, lines, *child), "parent", name, &rule);
        }
    }
    edges.sort_unstable();
    let mut above = vec![0u32; table.parents.names.len()];
    let height = |above: &[u32], number: u32| above.get(number as usize).copied().unwrap_or(0);
    for _ in 0..=PARENTS_MAX {
        for (child, parent, _) in &edges {
            let least = height(&above, *parent) + 1;
            if let Some(known) = above.get_mut(*child as usize) {
                *known = least.max(*known);
            }
        }
    }
    for (child, _, row) in &edges {
        let chain = chain(&edges, &above, *child);
        let name = |number: &u32| table.parents.names.get(*number);
        let words: Vec<&str> = chain.iter().map(name).collect();
        let (line, way) = (line_of(table, lines, *row), words.join(" < "));
        if chain.len() > 1 && chain.last() == Some(child) {
            let rule = format!("makes the device its own parent: {way}");
            problems.note(line, "parent", name(child), &rule);
        } else if height(&above, *child) == PARENTS_MAX {
            // The children of this one would have one more.
            let rule = format!(
                "its children would have more than {PARENTS_MAX} parents above each other: {way}"
            );
            problems.note(line, "parent", name(child), &rule);
        }
    }
}

/// From a device upwards along the highest, until it comes back or has gone far enough.
fn chain(edges: &[(u32, u32, u32)], above: &[u32], from: u32) -> Vec<u32> {
    let mut chain = vec![from];
    let mut at = from;
    while chain.len() <= PARENTS_MAX as usize + 1 {
        let first = edges.partition_point(|(child, ..)| *child < at);
        let of = edges
            .iter()
            .skip(first)
            .take_while(|(child, ..)| *child == at);
        let next = of.max_by_key(|(_, parent, _)| above.get(*parent as usize).copied());
        let Some((_, parent, _)) = next else {
            break;
        };
        at = *parent;
        chain.push(at);
        if at == from {
            break;
        }
    }
    chain
}
