//! Snapshots that were swapped out.
//!
//! An uplink holds the snapshot that it began with. If it were the last to do so, it would have to free
//! a million rows before its acknowledgement leaves. So each old snapshot is held here, by a task that
//! may block, until nobody else has it.
use crate::intake::Knowledge;
use std::sync::Arc;

/// Those that somebody may still look at.
#[derive(Debug, Default)]
pub(super) struct Retired(Vec<Arc<Knowledge>>);

impl Retired {
    /// Holds one that is no longer given out.
    pub(super) fn push(&mut self, knowledge: Arc<Knowledge>) {
        self.0.push(knowledge);
    }

    /// Frees those that nobody else has. Blocks for as long as that takes.
    pub(super) fn sweep(&mut self) {
        self.0.retain(|knowledge| Arc::strong_count(knowledge) > 1);
    }

    /// How many are held.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Unknown;

    #[test]
    fn a_snapshot_goes_once_nobody_else_has_it() {
        let knowledge = Arc::new(Knowledge::nothing(Unknown::Accept));
        let (uplink, gone) = (Arc::clone(&knowledge), Arc::downgrade(&knowledge));
        let mut retired = Retired::default();
        retired.push(knowledge);
        retired.sweep();
        assert!(gone.upgrade().is_some() && retired.len() == 1);
        drop(uplink);
        assert!(gone.upgrade().is_some(), "the uplink freed nothing");
        retired.sweep();
        assert!(gone.upgrade().is_none() && retired.len() == 0);
    }
}
