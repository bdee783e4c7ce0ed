//! Promise 2 in numbers: `received = logged + rejected + duplicate + refused + dropped + in_flight`.
use crate::model::Source;
use std::sync::{Mutex, PoisonError};

/// What became of one source's uplinks. Every field counts uplinks unless it says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Arrived.
    pub received: u64,
    /// Gave at least one report that is durable.
    pub logged: u64,
    /// Gave none, and the reject is durable.
    pub rejected: u64,
    /// Had been taken before.
    pub duplicate: u64,
    /// The sender was told to come back.
    pub refused: u64,
    /// `QoS` 0 or NON while refusing.
    pub dropped: u64,
    /// A gauge: appended, the sync is under way.
    pub in_flight: u64,
    /// Rejected parts of uplinks that gave reports, too.
    pub reject_parts: u64,
    /// Rejected uplinks, and parts of uplinks, that a later retry turned into reports. They stay counted
    /// as `rejected` and in `reject_parts`: that is what they were when they came.
    pub recovered: u64,
    /// Connections or datagrams whose bytes never became an uplink.
    pub protocol_errors: u64,
}

impl Counts {
    /// Do the counts add up to what was received?
    pub const fn identity_holds(&self) -> bool {
        self.received
            == self.logged
                + self.rejected
                + self.duplicate
                + self.refused
                + self.dropped
                + self.in_flight
    }
}

/// The counts of every source. An update touches one source under its lock, so that the identity
/// holds in every snapshot, not only at rest.
#[derive(Debug, Default)]
pub struct Accounting {
    sources: [Mutex<Counts>; Source::ALL.len()],
}

impl Accounting {
    /// Changes the counts of `source` as one step.
    pub fn update(&self, source: Source, change: impl FnOnce(&mut Counts)) {
        if let Some(counts) = self.sources.get(source.index()) {
            change(&mut counts.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// The counts of `source` now.
    pub fn snapshot(&self, source: Source) -> Counts {
        let mut now = Counts::default();
        self.update(source, |counts| now = *counts);
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_needs_every_term() {
        let accounting = Accounting::default();
        accounting.update(Source::Mqtt, |counts| {
            counts.received += 2;
            counts.logged += 1;
            counts.in_flight += 1;
        });
        assert!(accounting.snapshot(Source::Mqtt).identity_holds());
        accounting.update(Source::Mqtt, |counts| counts.in_flight -= 1);
        assert!(!accounting.snapshot(Source::Mqtt).identity_holds());
        assert_eq!(accounting.snapshot(Source::Coap), Counts::default());
    }
}
