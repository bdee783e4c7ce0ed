//! What `/metrics` says of access.
use super::Denied;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counted where it happens.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) admitted: AtomicU64,
    refused: [AtomicU64; Denied::REASONS.len()],
    pub(super) logins: AtomicU64,
    pub(super) reload_failures: AtomicU64,
}

impl Counters {
    pub(super) fn refused(&self, denied: Denied) {
        if let Some(count) = self.refused.get(denied.index()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn refusals(&self) -> [(&'static str, u64); Denied::REASONS.len()] {
        let mut all = Denied::REASONS.map(|reason| (reason, 0));
        for ((_, value), count) in all.iter_mut().zip(&self.refused) {
            *value = count.load(Ordering::Relaxed);
        }
        all
    }
}

/// At one moment.
#[derive(Clone, Copy, Debug)]
pub struct Stats {
    /// Callers admitted, by token or session.
    pub admitted: u64,
    /// Callers refused, by [`Denied::reason`].
    pub refused: [(&'static str, u64); Denied::REASONS.len()],
    /// Login links redeemed.
    pub logins: u64,
    /// Tokens that are admitted now.
    pub tokens: usize,
    /// Phones that are logged in.
    pub sessions: usize,
    /// Changed tokens files that could not be used.
    pub reload_failures: u64,
    /// Is the tokens file as it lies there in force?
    pub in_force: bool,
    /// Entries that the audit log had no room for.
    pub audit_dropped: u64,
}
