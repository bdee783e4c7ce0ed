//! Readings to a city's own time-series stores, by the `InfluxDB` API.
//!
//! ```text
//! log --> tally: how many readings there are
//!   \---> store "influx": a thread with a runtime of its own --> POST /api/v2/write
//!    \--> store "old":    ..
//! ```
//! - **The log is the only buffer.** A store that is away costs a few batches of memory and nothing
//!   else; it goes on where it was. Its place is a row in the state, kept by its name.
//! - **A thread for each**, with a runtime for one thread: encoding, compressing and TLS of a backlog
//!   run beside intake, not in between, and a store that is slow slows nobody else.
//! - **At least once, and idempotent.** After a crash some batches are sent again; to a store the same
//!   line again is the same point.
//! - **Order.** Readings of one device go through one shard, one batch at a time, so of two values for
//!   one time the later stays.
//! - **Promise 2**: `logged = stored + pending + rejected + expired + skipped`, where `logged` is
//!   counted by the tally and not by the store. Events are no readings: they are not sent.
//!
//! Not the `influxdb2` crate: it knows no `Retry-After` and no gzip, and brings a TLS stack that is no
//! longer maintained.
mod backoff;
mod batch;
mod check;
mod client;
mod config;
mod deliver;
mod follow;
mod ledger;
mod line;
mod place;
mod row;
mod status;
mod tally;
mod worker;

pub use batch::Body;
pub use client::{Client, Outcome};
pub use config::{Api, Begin, Config, STORES_MAX};
pub use ledger::Counts;
pub use line::Encoder;
pub use row::Gap;
pub use status::{Check, Checks, Facts, Phase};

use crate::intake::Intake;
use crate::log::{Cursor, CursorError, Log};
use crate::model::settings::nearest;
use crate::model::{Clock, Timestamp};
use crate::state;
use crate::state::State;
use crate::telemetry::Passed;
use status::{Status, Trouble};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;
use tally::Tally;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

/// What stores are made of.
#[derive(Debug)]
pub struct Parts {
    /// Reports, and where gaps are told.
    pub log: Log,
    /// Where places are kept.
    pub state: Arc<State>,
    /// For rejects and events.
    pub intake: Arc<Intake>,
    /// Wall clock.
    pub clock: Clock,
    /// `[[store]]`
    pub configs: Vec<Config>,
}

/// To a store's thread.
struct Command {
    to: Timestamp,
    answer: oneshot::Sender<Result<Rewound, RewindError>>,
}

/// A store was set back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewound {
    /// Where it was.
    pub from: Cursor,
    /// Where it is now.
    pub to: Cursor,
    /// Records in between.
    pub records: u64,
    /// Readings in between: they are sent again.
    pub readings: u64,
}

/// Why a store is not set back.
#[derive(Debug, thiserror::Error)]
pub enum RewindError {
    /// No store has this name.
    #[error("no store is called {name:?}")]
    Unknown {
        /// As asked.
        name: String,
        /// What was probably meant.
        nearest: Option<Box<str>>,
    },
    /// Retention has removed records of that time.
    #[error("the log no longer reaches back so far: its oldest record is of {oldest}")]
    BeforeOldest {
        /// The earliest time that can be asked for.
        oldest: Timestamp,
    },
    /// The store has not come so far yet.
    #[error("the store has not come to that time yet: nothing would be sent again")]
    NotBefore,
    /// The readings before that place are not counted: the log is damaged there.
    #[error("the records from there on cannot be read")]
    NotCounted,
    /// The log's answer.
    #[error("the log cannot be read from there")]
    Log(#[source] CursorError),
    /// The new place cannot be kept.
    #[error("the new place cannot be kept")]
    State(#[source] state::Error),
    /// Another such command is being served, or the gateway ends.
    #[error("the store is busy with another command, or about to end")]
    Busy,
}

/// One configured store.
struct Store {
    config: Config,
    status: Arc<Status>,
    commands: mpsc::Sender<Command>,
}

/// A store as it is now, and its account in readings.
#[derive(Clone, Debug)]
pub struct Look {
    /// Its configuration.
    pub config: Config,
    /// How it is.
    pub phase: Phase,
    /// The facts.
    pub facts: Facts,
    /// Readings in the log since the store began to count: by the tally, not by the store.
    pub logged: u64,
    /// Not settled: read or not.
    pub pending: u64,
    /// Readings stored a second, over the last minute.
    pub rate: f64,
    /// Records that are not settled and durable.
    pub lag_records: u64,
    /// The part of the log's retention that lies behind the store, in percent.
    pub retention_percent: u8,
}

/// All stores.
pub struct Stores {
    list: Vec<Store>,
    log: Log,
    tally: Option<Arc<Tally>>,
    stop: CancellationToken,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.list.iter().map(|store| &store.config.name);
        f.debug_list().entries(names).finish()
    }
}

impl Stores {
    /// Starts a thread for each store, and the tally's if there is a store. Waits for none of them.
    ///
    /// # Errors
    /// The state cannot be read, or no thread can be had.
    pub fn start(parts: Parts) -> Result<Self, Error> {
        let stop = CancellationToken::new();
        let mut threads = Vec::new();
        let mut list = Vec::new();
        let mut tally = None;
        if !parts.configs.is_empty() {
            let counting = Arc::new(Tally::open(parts.log.clone(), Arc::clone(&parts.state))?);
            let running = Arc::clone(&counting);
            threads.push(spawn("store-tally", move || running.run())?);
            for config in parts.configs {
                let status = Arc::new(Status::new(&config));
                // One at a time: who asks for a second is told to wait.
                let (commands, inbox) = mpsc::channel(1);
                let worker = worker::Worker {
                    config: config.clone(),
                    status: Arc::clone(&status),
                    intake: Arc::clone(&parts.intake),
                    clock: parts.clock.clone(),
                    log: parts.log.clone(),
                    state: Arc::clone(&parts.state),
                    tally: Arc::clone(&counting),
                    stop: stop.clone(),
                    started_at: parts.log.watermark() + 1,
                };
                threads.push(spawn("store", move || worker.run(inbox))?);
                list.push(Store {
                    config,
                    status,
                    commands,
                });
            }
            tally = Some(counting);
        }
        Ok(Self {
            list,
            log: parts.log,
            tally,
            stop,
            threads: Mutex::new(threads),
        })
    }

    /// Asks every store to stop reading, to let what is in flight finish for 2 s at most, and to keep
    /// its place. Returns at once.
    pub fn halt(&self) {
        self.stop.cancel();
    }

    /// As [`Stores::halt`], and waits for it. Blocks. Before the state and the logs are closed.
    pub fn close(&self) {
        self.halt();
        let mut threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        // The tally is the first; the others end without it.
        for thread in threads.drain(1.min(threads.len())..) {
            // A panic there has been printed; the place is that of the last commit.
            let _ = thread.join();
        }
        if let Some(tally) = &self.tally {
            tally.stop();
        }
        for thread in threads {
            let _ = thread.join();
        }
    }

    /// Every store, in the order of the configuration.
    pub fn look(&self) -> Vec<Look> {
        let percents = self.log.followers();
        let look = |store: &Store| {
            let (facts, trouble, rate) = store.status.look(Instant::now());
            // After the facts, so that it is never behind them.
            let counted = self
                .tally
                .as_ref()
                .map(|tally| tally.counted())
                .unwrap_or_default();
            let logged = counted.total.saturating_sub(facts.base);
            let unread = if facts.reached >= counted.next {
                0
            } else {
                logged.saturating_sub(facts.counts.sum() + facts.open)
            };
            let pending = unread + facts.open;
            let lag_records = (self.log.watermark() + 1).saturating_sub(facts.next);
            Look {
                config: store.config.clone(),
                phase: match trouble {
                    Trouble::Alarm => Phase::Alarm,
                    Trouble::Retrying => Phase::Retrying,
                    Trouble::None if pending > 0 => Phase::Delivering,
                    Trouble::None => Phase::Idle,
                },
                retention_percent: percents
                    .iter()
                    .find(|follower| *follower.name == *store.config.name)
                    .map_or(0, |follower| follower.percent),
                facts,
                logged,
                pending,
                rate,
                lag_records,
            }
        };
        self.list.iter().map(look).collect()
    }

    /// When each store had this record, and all before it; in the order of the configuration.
    pub fn passed(&self, sequence: u64) -> impl Iterator<Item = (&str, Passed)> {
        let stores = self.list.iter();
        stores.map(move |store| (&*store.config.name, store.status.marks.passed(sequence)))
    }

    /// Sets a store back to the first record appended at or after `to`: from there on all is sent once
    /// more, and counted anew. Recorded as an event `store_rewound`. Cancel-safe in so far as the store
    /// may be set back all the same.
    ///
    /// # Errors
    /// See [`RewindError`]; the store is where it was.
    pub async fn rewind(&self, name: &str, to: Timestamp) -> Result<Rewound, RewindError> {
        let Some(store) = self.list.iter().find(|store| *store.config.name == *name) else {
            let names = self.list.iter().map(|store| &*store.config.name);
            return Err(RewindError::Unknown {
                name: name.chars().take(80).collect(),
                nearest: nearest(name, names).map(Into::into),
            });
        };
        let (answer, answered) = oneshot::channel();
        let command = Command { to, answer };
        store
            .commands
            .try_send(command)
            .map_err(|_| RewindError::Busy)?;
        answered.await.map_err(|_| RewindError::Busy)?
    }
}

/// Why stores do not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Their places cannot be read.
    #[error("cannot read the stores' places")]
    State(#[from] state::Error),
    /// The system has none left.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(Error::Thread)
}
