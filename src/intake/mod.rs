//! From an uplink to reports or rejects, appended once.
//!
//! ```text
//!  take:    topic -> route -> device, profile     payload -> codec -> samples -> readings -> protobuf
//!  commit:  seen before? -> append, one batch to each log -> tickets, one answer per uplink
//!  settled: the logs' watermarks -> the answer may leave
//! ```
//! [`Intake::take`] holds no lock and does no IO: a source runs it on its own task, for all uplinks
//! of one socket read, into a [`Pending`]. [`Intake::commit`] decides and appends under one lock.
//! A [`Ticket`] names a sequence in each of the two logs; the answer waits for both.
//!
//! There is no channel between decode and append: it would be a second buffer, with a loss of its own.
mod again;
mod aged;
mod alarm;
mod append;
mod budget;
mod choice;
mod clock;
mod commit;
mod config;
mod dedup;
mod event;
mod fixture;
mod identity;
mod knowledge;
mod meters;
mod normalise;
mod note;
mod own;
mod pending;
mod plan;
mod preview;
mod push;
mod rebuild;
mod recovered;
mod reject;
mod report;
mod retry;
mod route;
mod settings;
mod settle;
mod sightings;
mod stored;
mod take;
mod time;
mod trial;
mod truth;
mod uplink;
mod value;

pub use crate::codecs::Reason;
pub use config::Config;
pub use fixture::{Difference, Line, check_fixtures};
pub use knowledge::Knowledge;
pub use pending::Pending;
pub use preview::{Assumed, Kept, Known, Piece, Place, Preview, Said, preview, quality_name};
pub use push::{Carrier, Proof, Push, Scheme};
pub use rebuild::Rebuilt;
pub use recovered::Marks;
pub use retry::{Fate, Had, Rejected, Retried, RetryError};
pub use route::{PUSH, Routes, Shape, Target};
pub use settle::{Stats, settle_log, settle_rejects};
pub use sightings::Sighting;
pub use stored::RefusedLine;
pub use trial::{Trial, Tried};
pub use truth::{Around, Asked, LookBack, OfDevice, OfSeries, Past, Point, Rule};
pub use uplink::{Answer, Delivery, EventDraft, Refusal, Ticket, Uplink, Verdict};

use crate::catalogue::Catalogue;
use crate::log::{Batch, Log, Settled};
use crate::model::Clock;
use crate::telemetry::Accounting;
use commit::State;
use jiff::tz::TimeZone;
use settings::Settings;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tokio::sync::Notify;
use xxhash_rust::xxh3::xxh3_64;

/// What intake is made of.
#[derive(Debug)]
pub struct Parts {
    /// Metrics, units, kinds.
    pub catalogue: Arc<Catalogue>,
    /// From topics to devices.
    pub routes: Routes,
    /// What is known of devices and formats.
    pub knowledge: Arc<Knowledge>,
    /// This gateway's name.
    pub node: String,
    /// The site's zone, for wall times.
    pub zone: TimeZone,
    /// Reports, events, releases. Opened with [`settle_log`].
    pub log: Log,
    /// Rejects. Opened with [`settle_rejects`].
    pub rejects: Log,
    /// Promise 2.
    pub accounting: Arc<Accounting>,
    /// Wall clock.
    pub clock: Clock,
    /// Limits.
    pub config: Config,
}

/// Takes uplinks. Shared by all sources.
#[derive(Debug)]
pub struct Intake {
    catalogue: Arc<Catalogue>,
    settings: RwLock<Arc<Settings>>,
    node: String,
    zone: TimeZone,
    log: Log,
    rejects: Log,
    accounting: Arc<Accounting>,
    clock: Clock,
    config: Config,
    /// Of all hashes, out of the log's random name: nobody outside can make two of them collide.
    seed: u64,
    state: Mutex<State>,
    stats: Stats,
    sightings: sightings::Sightings,
    recovered: recovered::Recovered,
    truth: truth::Truth,
    owners: own::Owners,
    /// For appends that nobody waits for.
    nobody: Arc<Notify>,
}

/// A panic elsewhere must not end intake: its state is changed in single steps, and an entry that
/// says nothing true costs a copy at most.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Intake {
    /// Puts it together. Call [`Intake::rebuild`] before the first uplink.
    pub fn new(parts: Parts) -> Self {
        let config = parts.config;
        let state = State {
            dedup: dedup::Dedup::new(config.dedup_window, config.dedup_entries),
            budgets: budget::Budgets::new(config.reject_budget),
            clocks: clock::Clocks::default(),
            alarms: alarm::Alarms::default(),
            log: Batch::default(),
            rejects: Batch::default(),
        };
        Self {
            seed: xxh3_64(&parts.log.id().0.to_le_bytes()),
            catalogue: parts.catalogue,
            settings: RwLock::new(Arc::new(Settings::new(
                parts.routes,
                parts.knowledge,
                &config,
            ))),
            node: parts.node,
            zone: parts.zone,
            log: parts.log,
            rejects: parts.rejects,
            accounting: parts.accounting,
            clock: parts.clock,
            config,
            state: Mutex::new(state),
            stats: Stats::default(),
            sightings: sightings::Sightings::default(),
            recovered: recovered::Recovered::default(),
            truth: truth::Truth::default(),
            owners: own::Owners::default(),
            nobody: Arc::new(Notify::new()),
        }
    }

    /// Durable, or voided (then close without an acknowledgement)? The waiter given to
    /// [`Intake::commit`] is notified at each change.
    pub fn settled(&self, ticket: Ticket) -> Settled {
        let of = |log: &Log, sequence| match sequence {
            0 => Settled::Durable,
            sequence => log.settled(sequence),
        };
        match (of(&self.log, ticket.log), of(&self.rejects, ticket.rejects)) {
            (Settled::Voided, _) | (_, Settled::Voided) => Settled::Voided,
            (Settled::Pending, _) | (_, Settled::Pending) => Settled::Pending,
            (Settled::Durable, Settled::Durable) => Settled::Durable,
        }
    }

    /// Refuse new connections now? Rejects that cannot be written are no reason: good readings can.
    pub fn refusing(&self) -> Option<Refusal> {
        self.log.refusing().map(Refusal::from)
    }

    /// Longest payload that is taken, in bytes.
    pub const fn payload_max(&self) -> usize {
        self.config.payload_max
    }

    /// Counters for metrics.
    pub const fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The accounting that this intake keeps.
    pub const fn accounting(&self) -> &Arc<Accounting> {
        &self.accounting
    }
}

#[cfg(test)]
mod tests;
