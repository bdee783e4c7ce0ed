//! Gauges and counters of the server, for `/metrics` and `/v1/sources`.
use super::exchange::Counts;
use crate::model::Timestamp;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Mutex, OnceLock, PoisonError};

/// What the server has seen; a copy of its thread's own numbers, taken after each batch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Numbers {
    /// Datagrams received.
    pub datagrams: u64,
    /// Datagrams longer than what is read, answered by 4.13.
    pub truncated: u64,
    /// Datagrams that the kernel did not take for sending.
    pub send_errors: u64,
    /// Requests that were told to come back, or dropped, because too much was outstanding.
    pub busy: u64,
    /// Blocks of requests.
    pub blocks: u64,
    /// Gauge: payloads that come in blocks.
    pub transfers: usize,
    /// Such payloads that had to go for others.
    pub transfers_evicted: u64,
    /// The message layer's.
    pub exchanges: Counts,
    /// Gauge: requests that wait for their answer.
    pub outstanding: usize,
    /// Gauge: confirmable responses that wait for their acknowledgement.
    pub unacknowledged: usize,
    /// Gauge: requests remembered.
    pub remembered: usize,
    /// Requests that had to be forgotten before their time.
    pub evictions: u64,
}

/// Shared with whoever looks.
#[derive(Debug, Default)]
pub struct Stats {
    /// Where the server listens, once it does.
    pub bound: OnceLock<SocketAddr>,
    numbers: Mutex<Numbers>,
    last_error: Mutex<String>,
}

impl Stats {
    /// The numbers as they are after a batch.
    pub fn publish(&self, numbers: &Numbers) {
        *self.numbers.lock().unwrap_or_else(PoisonError::into_inner) = *numbers;
    }

    /// As of the last batch.
    pub fn numbers(&self) -> Numbers {
        *self.numbers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what went wrong last on the gateway's side.
    pub fn error(&self, at: Timestamp, what: impl fmt::Display) {
        let mut last = self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *last = format!("{at} {what}");
    }

    /// What [`Stats::error`] noted last; empty: nothing.
    pub fn last_error(&self) -> String {
        let last = self.last_error.lock();
        last.unwrap_or_else(PoisonError::into_inner).clone()
    }
}
