//! Rows by a part of a name.
use super::row::Head;
use super::table::Table;
use memchr::{memchr_iter, memchr2_iter};

impl Table {
    /// Rows whose id or an alias contains `part`, in the order of the file, each once; ASCII letters
    /// match in either case. Looks through the arena as it is asked for the next.
    pub fn search<'t>(&'t self, part: &'t str) -> impl Iterator<Item = Head<'t>> {
        let bytes = self.arena.as_bytes();
        let first = part.bytes().next();
        let (low, high) = first.map_or((0, 0), |first| {
            (first.to_ascii_lowercase(), first.to_ascii_uppercase())
        });
        let one = (low == high).then(|| memchr_iter(low, bytes));
        let two = (low != high).then(|| memchr2_iter(low, high, bytes));
        let starts = one.into_iter().flatten().chain(two.into_iter().flatten());
        let hits = starts.filter(move |at| {
            let there = bytes.get(*at..at + part.len());
            first.is_some()
                && there.is_some_and(|there| there.eq_ignore_ascii_case(part.as_bytes()))
        });
        let mut last = None;
        hits.filter_map(move |at| {
            let row = self
                .rows
                .partition_point(|row| *row as usize <= at)
                .checked_sub(1)?;
            // The place in words, or a number, may look alike.
            if last == Some(row) || !self.names_contain(row, part) {
                return None;
            }
            last = Some(row);
            self.rows.get(row).map(|row| self.head(*row))
        })
    }

    fn names_contain(&self, row: usize, part: &str) -> bool {
        let Some(row) = self.rows.get(row) else {
            return false;
        };
        let head = self.head(*row);
        let contains = |name: &str| {
            let parts = name.as_bytes().windows(part.len());
            parts
                .into_iter()
                .any(|there| there.eq_ignore_ascii_case(part.as_bytes()))
        };
        contains(head.id)
            || head
                .rest(&self.arena)
                .aliases
                .any(|(_, alias)| contains(alias))
    }
}
