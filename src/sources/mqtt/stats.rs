//! Gauges and counters of the listener, for `/metrics` and `/v1/sources`.
use super::fault::Fault;
use crate::model::Timestamp;
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Plain atomics: one writer each per event, read when somebody looks.
#[derive(Debug, Default)]
pub struct Stats {
    /// Gauge: sockets open now, before and after CONNECT.
    pub connections: AtomicU64,
    /// Connections accepted with a CONNACK.
    pub accepted: AtomicU64,
    /// CONNECTs refused because the gateway was full, busy or stopping.
    pub turned_away: AtomicU64,
    /// Connections that a later CONNECT of the same client id ended.
    pub takeovers: AtomicU64,
    /// Connections that ended because intake refused, or the log could not write.
    pub refusals: AtomicU64,
    /// Wills that became events.
    pub wills: AtomicU64,
    /// Where the listener listens, once it does.
    pub bound: OnceLock<SocketAddr>,
    /// As [`Stats::bound`], of the port with TLS.
    pub bound_tls: OnceLock<SocketAddr>,
    faults: [AtomicU64; Fault::KINDS],
    last_error: Mutex<String>,
}

impl Stats {
    /// Counts a fault by kind.
    pub fn fault(&self, fault: Fault) {
        if let Some(counter) = self.faults.get(fault.kind()) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Faults by kind: a label out of [`Fault::NAMES`] and a count.
    pub fn faults(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.faults.iter();
        Fault::NAMES
            .into_iter()
            .zip(counts.map(|count| count.load(Ordering::Relaxed)))
    }

    /// Remembers what went wrong last on the gateway's side.
    pub fn error(&self, at: Timestamp, what: impl fmt::Display) {
        *self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = format!("{at} {what}");
    }

    /// What [`Stats::error`] noted last; empty: nothing.
    pub fn last_error(&self) -> String {
        let last = self.last_error.lock();
        last.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_counted_by_kind() {
        let stats = Stats::default();
        stats.fault(Fault::TopicAlias);
        stats.fault(Fault::Topic { what: "is empty" });
        stats.fault(Fault::Topic {
            what: "has a wildcard",
        });
        let counted: Vec<_> = stats.faults().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [("topic", 2), ("topic_alias", 1)]);
    }
}
