//! Which devices changed since they were saved.
use super::entry::DIRTY;
use super::table::Table;

impl Table {
    /// Marks as changed.
    pub(super) fn touch(&mut self, number: u32) {
        self.changes.touch(number);
        self.taint(number);
    }

    /// Must be saved.
    pub(super) fn taint(&mut self, number: u32) {
        if let Some(entry) = self.entry_mut(number)
            && !entry.is(DIRTY)
        {
            entry.flags |= DIRTY;
            self.dirty.push(number);
        }
    }

    /// These could not be saved; the first `encoded` of them are no longer marked.
    pub(super) fn retain(&mut self, numbers: &[u32], encoded: usize) {
        let (unmarked, marked) = numbers.split_at_checked(encoded).unwrap_or((numbers, &[]));
        self.dirty.extend_from_slice(marked);
        for number in unmarked {
            self.taint(*number);
        }
    }

    /// Is being saved.
    pub(super) fn untaint(&mut self, number: u32) {
        if let Some(entry) = self.entry_mut(number) {
            entry.flags &= !DIRTY;
        }
    }
}
