//! Devices that speak CoAP, RFC 7252, each from a socket of its own.
//!
//! ```text
//!   queue -> Radio (socket, timers) -> Endpoint -> Exchange, one per report on its way
//!               |                       `- datagrams and time in, datagrams and events out
//!               `- Weather: loses, doubles and delays datagrams on purpose
//! ```
//! A report is done when an answer says so, and not before: over lost datagrams and a gateway that is
//! started again it is kept and sent again. The codec is the crate `coap-lite`, not the gateway's.
mod air;
mod endpoint;
mod exchange;
mod flood;
mod message;
mod payload;
mod radio;

pub use air::Air;
pub use exchange::Transmission;
pub use payload::{Format, FormatError};

use super::dispatch::Queues;
use super::message::QUEUE_MAX;
use super::tally::Counts;
use super::{Ended, Error, Gone, Rng, Target};
use crate::model::Timestamp;
use air::Weather;
use endpoint::Endpoint;
use radio::Radio;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::lookup_host;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Streams of randomness of CoAP devices begin here; those of others lie below.
const STREAM: u64 = 1 << 40;

/// Devices of one CoAP target.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// Where to.
    pub target: Target,
    /// Sockets, 1 to [`CONNECTIONS_MAX`](super::CONNECTIONS_MAX); devices share them if there are more.
    pub endpoints: usize,
    /// Timers and sizes.
    pub transmission: Transmission,
    /// What happens to datagrams on purpose.
    pub air: Air,
    /// Share of the reports that go out non-confirmable, 0 to 1; of those with a time of their own.
    pub non_confirmable: f64,
    /// Of the payloads.
    pub format: Format,
    /// Of `Load::Max`: path with `{device}`.
    pub path: String,
    /// Of `Load::Max`: PUT, for servers that know no POST.
    pub put: bool,
    /// How long a gateway may be silent before the simulation gives up.
    pub patience: Duration,
}

/// Why an endpoint gave up.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// No address, or no socket.
    #[error("cannot send to {to}")]
    Socket {
        /// The gateway.
        to: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Asked, and did not answer in time.
    #[error("{to} was silent for {} s", waited.as_secs())]
    Silent {
        /// The gateway.
        to: String,
        /// As long as patience lasted.
        waited: Duration,
    },
}

impl From<EndpointError> for Error {
    fn from(source: EndpointError) -> Self {
        Self::Connection {
            count: 1,
            source: Gone::Coap(source),
        }
    }
}

/// The numbers that an endpoint gives away: message ids, tokens, tags, each once.
#[derive(Debug)]
struct Ids {
    rng: Rng,
    mid: u16,
    token: u32,
    tag: u16,
    /// Message ids used from the present port.
    used: u32,
}

impl Ids {
    /// RFC 7252 §4.4 and §5.3.1: begin anywhere, so that nobody can guess the next.
    fn new(mut rng: Rng) -> Self {
        let [mid, tag, high, low] = [(); 4].map(|()| low_half(rng.next_u64()));
        Self {
            rng,
            mid,
            token: u32::from(high) << 16 | u32::from(low),
            tag,
            used: 0,
        }
    }

    fn mid(&mut self) -> u16 {
        self.used += 1;
        self.mid = self.mid.wrapping_add(1);
        self.mid
    }

    fn token(&mut self) -> [u8; 4] {
        self.token = self.token.wrapping_add(1);
        self.token.to_be_bytes()
    }

    fn tag(&mut self) -> u16 {
        self.tag = self.tag.wrapping_add(1);
        self.tag
    }
}

fn low_half(number: u64) -> u16 {
    u16::try_from(number & 0xffff).unwrap_or(0)
}

impl Fleet {
    /// Starts the endpoints; each is fed through its queue.
    pub(super) fn spawn(
        self,
        seed: u64,
        counts: &Arc<Counts>,
        stop: &CancellationToken,
        tasks: &mut JoinSet<Ended>,
    ) -> Queues {
        let fleet = Arc::new(self);
        let start = |number: usize| {
            let (sender, queue) = mpsc::channel(QUEUE_MAX);
            let (fleet, counts, stop) = (Arc::clone(&fleet), Arc::clone(counts), stop.clone());
            tasks.spawn(async move {
                let stream = |part: u64| Rng::stream(seed, STREAM + 3 * number as u64 + part);
                let radio = Radio {
                    peer: fleet.resolve().await?,
                    endpoint: Endpoint::new(fleet.transmission, Ids::new(stream(0))),
                    weather: Weather::new(fleet.air, stream(1)),
                    rng: stream(2),
                    queue,
                    counts,
                    socket: None,
                    sleepy: false,
                    fleet,
                };
                Ok(radio.run(stop).await?)
            });
            sender
        };
        let endpoints = fleet.endpoints.clamp(1, super::CONNECTIONS_MAX);
        Queues {
            shared: (0..endpoints).map(start).collect(),
            own: Vec::new(),
        }
    }

    /// Starts a load of requests that differ in time only, as fast as they are answered.
    pub(super) fn spawn_max(
        self,
        (count, start, seed): (u64, Timestamp, u64),
        counts: Arc<Counts>,
        stop: CancellationToken,
        tasks: &mut JoinSet<Ended>,
    ) {
        let flood = flood::Flood { count, start, seed };
        tasks.spawn(async move {
            let peer = self.resolve().await?;
            let blocking = tokio::task::spawn_blocking(move || {
                flood::run(&self, peer, &flood, &counts, &stop)
            });
            match blocking.await {
                Ok(ended) => Ok(ended?),
                Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
            }
        });
    }

    async fn resolve(&self) -> Result<SocketAddr, EndpointError> {
        let failed = |source| EndpointError::Socket {
            to: self.target.to_string(),
            source,
        };
        let found = lookup_host((self.target.host.as_str(), self.target.port)).await;
        let first = found.map_err(failed)?.next();
        first.ok_or_else(|| failed(io::Error::other("the name has no address")))
    }
}
