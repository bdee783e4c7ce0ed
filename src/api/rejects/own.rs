//! Which of the reports that one retry brought is a reject's own.
//!
//! The rejects of an uplink are retried together, and it is noted of all of them what the first record is
//! that came of that. The records lie one beside the other in the log.
use crate::access::Grant;
use crate::api::Shared;
use crate::api::timeline::{Together, Uplinks, What};
use crate::log::ReadError;
use crate::model::{Reject, Timestamp};

/// Looks for reports; asked in order, it reads each uplink once.
pub(super) struct Own<'s> {
    shared: &'s Shared,
    uplinks: Uplinks<'s>,
    last: Option<Together>,
}

impl<'s> Own<'s> {
    /// As far as a grant sees them.
    pub(super) const fn new(shared: &'s Shared, grant: &'s Grant) -> Self {
        Self {
            shared,
            uplinks: Uplinks::new(shared, grant),
            last: None,
        }
    }

    /// The report of the reject's device among those that came with record `by`; where there is none of
    /// it, `by`. Blocks on the disk.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn of(&mut self, reject: &Reject, by: u64) -> Result<u64, ReadError> {
        // A device's only reject leads to its only report.
        if by == 0 || (reject.of <= 1 && reject.via.is_empty()) {
            return Ok(by);
        }
        let holds = |together: &Together| (together.first..=together.last).contains(&by);
        if !self.last.as_ref().is_some_and(holds) {
            self.last = self.uplinks.of(by)?;
        }
        let at = Timestamp::from_nanos(reject.received_at_ns);
        let knowledge = self.shared.intake.knowledge();
        let entry = knowledge.inventory.lookup(&reject.device_id, at);
        let device = entry.map_or(&*reject.device_id, |entry| entry.id());
        let entries = self.last.iter().flat_map(|together| &together.entries);
        let own = entries.filter(|entry| match &entry.what {
            What::Uplink(uplink) => uplink.report.device_id == device,
            What::Reject(..) | What::Event(..) | What::State(..) => false,
        });
        let own: Vec<u64> = own.map(|entry| entry.sequence).collect();
        // Of several of one device, that which was noted, or the first.
        let noted = own.contains(&by).then_some(by);
        Ok(noted.or(own.first().copied()).unwrap_or(by))
    }
}
