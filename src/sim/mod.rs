//! Simulated devices over real sockets, for `simulate`, `demo`, tests and benches.
//!
//! ```text
//!   City  (poles, tunnels, meters) --+                +-> |||| mqtt: Connection -> window -> socket
//!   Replay (rows of a CSV file) -----+-> dispatch ----+      Template (benches) -^
//!                                        by device    +-> |||| coap: Radio -> Endpoint -> socket
//! ```
//! City and replay are pure: seed and start time decide every byte. Only `dispatch` waits.
//! A device always goes to the same target through the same connection, so its messages keep their
//! order.
mod city;
pub mod coap;
mod concentrator;
mod curves;
mod device;
mod dispatch;
mod fault;
mod frames;
mod habit;
mod kind;
mod latency;
mod mapping;
mod message;
pub mod meters;
mod mix;
pub mod mqtt;
mod replay;
mod rng;
pub mod scenario;
mod stranger;
mod tally;
mod target;
#[cfg(test)]
mod tests;

pub use city::{City, CityOptions, DEVICES_MAX, places};
pub use coap::{Air, EndpointError, Format, FormatError, Transmission};
pub use concentrator::concentrator_id;
pub use habit::Oddities;
pub use latency::Histogram;
pub use mapping::{Mapping, MappingError};
pub use message::{Lane, Message, Split};
pub use mix::{Mix, MixError};
pub use mqtt::{Broken, ConnectionError, PacketError, Session};
pub use replay::{Device, Replay, ReplayError, ReplayOptions, RowError};
pub use rng::Rng;
pub use tally::{Counts, Figures, Latency, Summary, Tally, TargetSummary};
pub use target::{Protocol, Target, TargetError};

use crate::model::Timestamp;
use dispatch::{Feed, dispatch};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// Rows of a CSV file that wait for the dispatcher.
const ROWS_MAX: usize = 256;
/// Descriptors that the process needs beside its connections.
const OTHER_FILES: u64 = 64;
/// Most connections: those that one address can make to another.
pub const CONNECTIONS_MAX: usize = 28_000;

/// What is published.
#[derive(Debug)]
pub enum Load {
    /// A simulated city, at its own pace, until `count` messages.
    City {
        /// The devices.
        city: Box<City>,
        /// Messages; `u64::MAX` for no end.
        count: u64,
    },
    /// A CSV file, as fast as acknowledged or at a rate.
    Replay {
        /// The rows.
        replay: Box<Replay>,
        /// Messages per second.
        rate: Option<f64>,
    },
    /// One device per MQTT connection or CoAP endpoint with a template, as fast as acknowledged.
    Max {
        /// Messages, of each CoAP target and of all MQTT connections together; `u64::MAX` for no end.
        count: u64,
        /// MQTT topic with `{device}`.
        topic: String,
        /// Device time of the first messages.
        start: Timestamp,
    },
    /// Nothing: only idle connections.
    Nothing,
}

/// The devices of one target.
#[derive(Clone, Debug)]
pub enum Fleet {
    /// Over MQTT.
    Mqtt(mqtt::Fleet),
    /// Over CoAP.
    Coap(coap::Fleet),
}

impl Fleet {
    /// Where to.
    pub const fn target(&self) -> &Target {
        match self {
            Self::Mqtt(fleet) => &fleet.session.target,
            Self::Coap(fleet) => &fleet.target,
        }
    }

    const fn sockets(&self) -> usize {
        match self {
            Self::Mqtt(fleet) => fleet.connections + fleet.named.len() + fleet.idle,
            Self::Coap(fleet) => fleet.endpoints,
        }
    }
}

/// A whole run.
#[derive(Debug)]
pub struct Plan {
    /// One per target, in the order of the topics of a [`Split`]; at least one.
    pub fleets: Vec<Fleet>,
    /// What is published.
    pub load: Load,
    /// End after this time.
    pub duration: Option<Duration>,
    /// How long outstanding acknowledgements are waited for at the end.
    pub drain: Duration,
    /// Shown in the summary.
    pub seed: u64,
}

impl Plan {
    /// Counters for this plan's targets.
    pub fn tally(&self) -> Arc<Tally> {
        let targets = self.fleets.iter().map(|fleet| fleet.target().to_string());
        Arc::new(Tally::new(targets))
    }
}

/// Why a connection or an endpoint gave up.
#[derive(Debug, thiserror::Error)]
pub enum Gone {
    /// A connection.
    #[error(transparent)]
    Mqtt(ConnectionError),
    /// An endpoint.
    #[error(transparent)]
    Coap(EndpointError),
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Connections or endpoints gave up; the first of their reasons.
    #[error("{count} of the connections gave up")]
    Connection {
        /// How many.
        count: usize,
        /// The first reason.
        #[source]
        source: Gone,
    },
    /// The CSV file has a row that cannot be replayed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

/// How a task ended.
type Ended = Result<(), Error>;

/// Runs a plan to its end, or until `stop`; then waits for outstanding acknowledgements. Counts into
/// `tally`. Not cancel-safe: dropped, it leaves messages unacknowledged.
///
/// # Errors
/// No connection could be kept, or the input is wrong. What was sent until then is in `tally`.
pub async fn run(
    plan: Plan,
    tally: &Arc<Tally>,
    stop: CancellationToken,
) -> Result<Summary, Error> {
    let started = Instant::now();
    raise_file_limit(plan.fleets.iter().map(Fleet::sockets).sum());
    let stop = stop.child_token();
    let (mut tasks, seed, drain) = (JoinSet::new(), plan.seed, plan.drain);
    let deadline = plan.duration.map(|duration| started + duration);
    // Apart from the others: a reader that waits for standard input cannot be ended, only left.
    let mut reader = JoinSet::new();
    spawn_all(plan, tally, &stop, &mut tasks, &mut reader);
    let mut outcome = Outcome::default();
    loop {
        tokio::select! {
            ended = tasks.join_next() => match ended {
                Some(ended) => outcome.take(ended, &stop),
                None => break,
            },
            () = sleep_until(deadline.unwrap_or(started)), if deadline.is_some() && !stop.is_cancelled() => stop.cancel(),
            () = stop.cancelled() => {
                let drained = timeout(drain, async {
                    while let Some(ended) = tasks.join_next().await {
                        outcome.take(ended, &stop);
                    }
                });
                if drained.await.is_err() {
                    tasks.shutdown().await;
                }
                break;
            }
        }
    }
    outcome.finish()?;
    Ok(tally.summary(seed, started.elapsed()))
}

/// The first error of a run and how many there were.
#[derive(Default)]
struct Outcome {
    first: Option<Error>,
    connections: usize,
}

impl Outcome {
    fn take(&mut self, ended: Result<Ended, tokio::task::JoinError>, stop: &CancellationToken) {
        match ended {
            Ok(Ok(())) => {}
            // A gateway that refuses one connection does not end the others.
            Ok(Err(error @ Error::Connection { .. })) => {
                self.connections += 1;
                self.first.get_or_insert(error);
            }
            Ok(Err(error)) => {
                self.first = Some(error);
                stop.cancel();
            }
            Err(panicked) => {
                if let Ok(panic) = panicked.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }

    fn finish(self) -> Result<(), Error> {
        match self.first {
            Some(Error::Connection { source, .. }) => Err(Error::Connection {
                count: self.connections,
                source,
            }),
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

fn spawn_all(
    plan: Plan,
    tally: &Arc<Tally>,
    stop: &CancellationToken,
    tasks: &mut JoinSet<Ended>,
    reader: &mut JoinSet<()>,
) {
    let mut template = None;
    let feed = match plan.load {
        Load::City { city, count } => Some(Feed::City {
            city,
            left: count,
            tally: Arc::clone(tally),
        }),
        Load::Replay { replay, rate } => {
            let (sender, rows) = mpsc::channel(ROWS_MAX);
            let tally = Arc::clone(tally);
            reader.spawn_blocking(move || replay.read_into(&sender, &tally));
            Some(Feed::Rows {
                rows,
                every: rate.map(|rate| 1.0 / rate.max(1e-6)),
                sent: 0,
            })
        }
        Load::Max {
            count,
            topic,
            start,
        } => {
            template = Some((Arc::new(AtomicU64::new(count)), topic, start));
            None
        }
        Load::Nothing => None,
    };
    let mut queues = Vec::new();
    for (number, fleet) in plan.fleets.into_iter().enumerate() {
        let counts = tally.counts(number);
        match fleet {
            Fleet::Mqtt(fleet) => {
                let mut starter = mqtt::Starter::new(fleet, plan.seed, counts, stop.clone(), tasks);
                if let Some((left, topic, start)) = &template {
                    starter.templates(topic, *start, left);
                }
                if feed.is_some() {
                    queues.push(starter.queues());
                }
                starter.idle();
            }
            Fleet::Coap(fleet) if feed.is_some() => {
                queues.push(fleet.spawn(plan.seed, &counts, stop, tasks));
            }
            Fleet::Coap(fleet) => {
                if let Some((left, _, start)) = &template {
                    let count = left.load(Relaxed);
                    fleet.spawn_max((count, *start, plan.seed), counts, stop.clone(), tasks);
                }
            }
        }
    }
    if let Some(feed) = feed {
        tasks.spawn(dispatch(feed, queues, stop.clone()));
    }
}

/// Raises the soft limit of open files as far as the hard one allows: each connection is a file.
/// What it does not allow shows as an error of the connection.
fn raise_file_limit(connections: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = OTHER_FILES + connections as u64;
    if limit.current.is_some_and(|current| current < wanted) {
        let current = limit.maximum.map_or(wanted, |maximum| wanted.min(maximum));
        let _ = setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(current),
                maximum: limit.maximum,
            },
        );
    }
}
