//! History: every reading by device, metric and observation time, for as long as `retain` says.
//!
//! ```text
//!                    History's thread                      callers' threads
//!  log --Reader--> Writer.feed -> [open points] <-------- Query: device -> series -> window
//!                      | every 30 s, or 16 MiB                             |
//!                      v                                                   |
//!              one batch: chunks + place in the log -> fjall, by days <----'
//! ```
//! - **A reader like any other.** The log is the buffer: points are held in memory until a commit is
//!   worth its sync, and after a crash they are read again. The place in the log is committed with
//!   the points, so none is missed and a repeated one changes nothing. If the thread is slow it
//!   lags; intake never waits for it.
//! - **Chunks** of up to 512 neighbouring points of a series, column by column (`chunk`), because a
//!   row per point costs 20 times the CPU. The series of a device lie together, so that a device's
//!   page is one scan.
//! - **One point per series and time**: of two the later in the log wins, and a difference is counted
//!   as a conflict. Late and repeated points are merged where they belong, so what a query gives does
//!   not depend on the order of arrival.
//! - **Days in keyspaces of their own** (`groups`): forgetting a day is deleting a folder.
//! - Rejected: a time-series database beside the gateway (one more thing to run), redb (its file
//!   never shrinks, and it rewrites 4.5 bytes for one), a key per point.
mod chunk;
mod follow;
mod groups;
mod insert;
mod key;
mod look_back;
mod merge;
mod open;
mod point;
mod progress;
mod query;
mod selection;
mod shared;
mod stats;
mod tails;
#[cfg(test)]
mod tests;
mod window;
mod writer;

pub use follow::OnGap;
pub use query::{Query, QueryError, SERIES_MAX};
pub use selection::Selection;
pub use stats::Stats;

use crate::log::Log;
use crate::model::settings::Section;
use crate::model::{Clock, Timestamp};
use crate::state::State;
use crate::telemetry::Marks;
use shared::Shared;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Limits of history, `[history]` in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Age, by observation time, at which a reading is forgotten, to the day or 1/60 of this time.
    pub retain: Duration,
    /// Bytes of all tables above which the oldest days are removed, never today's.
    pub retain_bytes: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            retain: Duration::from_hours(35 * 24),
            retain_bytes: 50 << 30,
        }
    }
}

impl Config {
    /// Reads `[history]`.
    pub fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        let day = Duration::from_hours(24);
        let century = Duration::from_hours(100 * 365 * 24);
        Self {
            retain: section
                .duration("retain", day, century)
                .unwrap_or(default.retain),
            retain_bytes: section
                .size("retain_bytes", 16 << 20, 1 << 50)
                .unwrap_or(default.retain_bytes),
        }
    }
}

/// History at work. Clones share it.
#[derive(Clone, Debug)]
pub struct History {
    shared: Arc<Shared>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl History {
    /// Starts the thread that follows `log` into `state`. `on_gap` is called from that thread when
    /// records were lost to history, with the first and last of their sequences.
    ///
    /// # Errors
    /// No thread can be started.
    pub fn start(
        state: Arc<State>,
        log: Log,
        config: Config,
        clock: Clock,
        on_gap: OnGap,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::new(state, config, clock));
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("history".into())
            .spawn(move || follow::run(&own, &log, &on_gap))?;
        Ok(Self {
            shared,
            thread: Arc::new(Mutex::new(Some(thread))),
        })
    }

    /// Reports with a reading in `from..to` by observation time, device by device in order of their
    /// ids, each device's by time and then sequence. What was read from the log before the call is
    /// included, stored or not. Blocks on the disk, item by item; dropping it ends it.
    pub fn query(&self, selection: Selection, from: Timestamp, to: Timestamp) -> Query {
        Query::new(Arc::clone(&self.shared), selection, from, to)
    }

    /// Readings observed before this are not kept.
    pub fn keeps_since(&self, now: Timestamp) -> Timestamp {
        now.minus(self.shared.config.retain)
    }

    /// When it passed which record.
    pub fn marks(&self) -> &Marks {
        &self.shared.marks
    }

    /// Readings of before this time are forgotten, or were never stored.
    pub fn horizon(&self) -> Timestamp {
        self.shared.clock.now().minus(self.shared.config.retain)
    }

    /// Counts and gauges.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Commits what was read and ends the thread. Blocks. The log must still be open; closed before,
    /// everything in it is stored first, if that is little.
    pub fn close(&self) {
        self.shared.stop.store(true, Ordering::Release);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("history's thread has panicked");
            }
        }
    }
}
