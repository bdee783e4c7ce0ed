//! Who carries whom.
use super::roll::PARENT;
use super::states;
use super::table::{NOBODY, Table};

/// What one device carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Family {
    pub children: u32,
    /// Of those, late or offline.
    pub silent: u32,
}

impl Table {
    /// What a device carries.
    pub(super) fn family(&self, number: u32) -> Family {
        self.families.get(&number).copied().unwrap_or_default()
    }

    /// A report of a device came through another: it hangs below that one, or below nobody, unless
    /// the inventory says where it hangs.
    pub(super) fn carried(&mut self, number: u32, carrier: u32) {
        if !self.roll.gives(number, PARENT) {
            self.adopt(number, carrier);
        }
    }

    /// Hangs a device below another, or below nobody.
    pub(super) fn adopt(&mut self, number: u32, parent: u32) {
        let Some(mark) = self.marks.get_mut(number as usize) else {
            return;
        };
        let before = std::mem::replace(&mut mark.parent, parent);
        if before == parent {
            return;
        }
        let silent = states::is_silent(mark.state);
        for (relative, joined) in [(before, false), (parent, true)] {
            if relative == NOBODY {
                continue;
            }
            let family = self.families.entry(relative).or_default();
            if joined {
                family.children += 1;
                family.silent += u32::from(silent);
            } else {
                family.children = family.children.saturating_sub(1);
                family.silent = family.silent.saturating_sub(u32::from(silent));
            }
            if family.children == 0 {
                self.families.remove(&relative);
            }
            self.touch(relative);
        }
    }

    /// A child of `parent` was silent, and now is or is not.
    pub(super) fn count_child(&mut self, parent: u32, before: bool, after: bool) {
        if before == after {
            return;
        }
        if let Some(family) = self.families.get_mut(&parent) {
            family.silent = if after {
                family.silent + 1
            } else {
                family.silent.saturating_sub(1)
            };
        }
    }
}
