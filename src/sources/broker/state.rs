//! How a link is, for `/v1/sources` and metrics.
use super::filter::overlap;
use crate::model::{Source, Timestamp};
use crate::sources::State;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a link is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Opening a connection.
    #[default]
    Connecting,
    /// The broker has accepted it.
    Connected,
    /// Pausing after a failure.
    Waiting,
    /// The gateway stops.
    Stopped,
}

impl Phase {
    /// In lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Waiting => "waiting",
            Self::Stopped => "stopped",
        }
    }
}

/// What the broker has said to the subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subscription {
    /// Nothing yet on this connection.
    #[default]
    Pending,
    /// Every filter is granted.
    Granted,
    /// At least one is refused: nothing comes for it. Asked for again and again.
    Refused,
}

impl Subscription {
    /// In lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Granted => "granted",
            Self::Refused => "refused",
        }
    }
}

/// A link as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkState {
    /// The broker's name in the configuration.
    pub broker: String,
    /// Which of its clients, from 0.
    pub client: u16,
    /// Its id at the broker.
    pub client_id: String,
    /// Where, without user and password.
    pub url: String,
    /// Of MQTT: `3.1.1` or `5`.
    pub version: &'static str,
    /// Filters as subscribed to.
    pub topics: Vec<String>,
    /// What it is doing.
    pub phase: Phase,
    /// Since when.
    pub since: Timestamp,
    /// Had the broker kept the session? `None`: never connected.
    pub session_present: Option<bool>,
    /// What became of the filters.
    pub subscription: Subscription,
    /// Messages that are not acknowledged yet.
    pub in_flight: u64,
    /// Messages that came, copies included.
    pub received: u64,
    /// Of them, with DUP.
    pub redelivered: u64,
    /// Acks that were written.
    pub acknowledged: u64,
    /// Connections that the broker accepted.
    pub connects: u64,
    /// What went wrong last, and when; empty: nothing yet.
    pub last_error: String,
}

impl LinkState {
    /// Does a filter of it match this topic?
    pub fn brings(&self, topic: &str) -> bool {
        let filters = self.topics.iter();
        let mut filters = filters.map(|filter| match filter.strip_prefix("$share/") {
            Some(shared) => shared.split_once('/').map_or("", |(_, filter)| filter),
            None => filter,
        });
        filters.any(|filter| overlap(filter, topic))
    }

    /// `NAME/INDEX`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.broker, self.client)
    }
}

/// All links as one source.
pub fn overall(links: &[LinkState]) -> State {
    let mut places: Vec<&str> = links.iter().map(|link| link.url.as_str()).collect();
    places.dedup();
    let count = |of: fn(&LinkState) -> bool| links.iter().filter(|link| of(link)).count() as u64;
    // Times come first, so the greatest is the last.
    let failed = links.iter().filter(|link| !link.last_error.is_empty());
    let last = failed.max_by_key(|link| &link.last_error);
    State {
        name: Source::Broker.name().to_owned(),
        bind: places.join(" "),
        tls_bind: None,
        connections: count(|link| link.phase == Phase::Connected),
        sessions: count(|link| link.session_present == Some(true)),
        last_error: last
            .map(|link| format!("{} ({})", link.last_error, link.name()))
            .unwrap_or_default(),
    }
}

/// What changes as a whole.
#[derive(Clone, Debug, Default)]
pub(super) struct Now {
    pub(super) phase: Phase,
    pub(super) since: Timestamp,
    pub(super) session_present: Option<bool>,
    pub(super) subscription: Subscription,
    pub(super) last_error: String,
}

/// One link's gauges and counters: written by its task, read when somebody looks.
#[derive(Debug, Default)]
pub(super) struct Stats {
    pub(super) in_flight: AtomicU64,
    pub(super) received: AtomicU64,
    pub(super) redelivered: AtomicU64,
    pub(super) acknowledged: AtomicU64,
    pub(super) connects: AtomicU64,
    now: Mutex<Now>,
}

impl Stats {
    pub(super) fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(&self, phase: Phase, at: Timestamp) {
        let mut now = self.now();
        if now.phase != phase || now.since == Timestamp::EPOCH {
            (now.phase, now.since) = (phase, at);
        }
        if phase != Phase::Connected {
            now.subscription = Subscription::Pending;
            self.in_flight.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn error(&self, at: Timestamp, what: impl fmt::Display) {
        self.now().last_error = format!("{at} {what}");
    }
}
