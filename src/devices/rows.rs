//! Rows of devices on their way to the disk.
use super::row;
use super::table::{Mark, NOBODY, Table};
use crate::state::{Batch, Space};

/// The key of a device's row: the place of its entry.
pub(super) fn device_key(place: u32) -> [u8; 5] {
    let [a, b, c, d] = place.to_be_bytes();
    [b'd', a, b, c, d]
}

/// Encoded rows, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Rows {
    bytes: Vec<u8>,
    /// Place, and where its row ends.
    ends: Vec<(u32, usize)>,
}

impl Rows {
    /// Encodes devices, which are then no longer marked as changed.
    pub fn encode<'n>(&mut self, table: &mut Table, numbers: impl Iterator<Item = &'n u32>) {
        self.bytes.clear();
        self.ends.clear();
        for number in numbers.copied() {
            table.untaint(number);
            let (Some(place), Some(mark)) = (table.place_of(number), table.mark(number)) else {
                continue;
            };
            let Some(entry) = table.entry(number) else {
                continue;
            };
            // On the disk devices have the numbers of their entries: those that were never heard are
            // the inventory's affair.
            let parent = table.place_of(mark.parent).unwrap_or(NOBODY);
            let mark = &Mark { parent, ..*mark };
            let version = table.changes.get(number);
            let text = |series| {
                table
                    .texts
                    .get(&(number, series))
                    .map_or("", |text| &**text)
            };
            row::encode(
                table.ids.get(number),
                mark,
                entry,
                version,
                text,
                &mut self.bytes,
            );
            self.ends.push((place, self.bytes.len()));
        }
    }

    pub fn put<'a>(&self, space: &Space<'a>, batch: &mut Batch<'a>) {
        let mut start = 0;
        for (place, end) in &self.ends {
            let row = self.bytes.get(start..*end).unwrap_or_default();
            batch.insert(space, &device_key(*place), row);
            start = *end;
        }
    }
}
