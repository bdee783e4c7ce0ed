//! Devices that speak MQTT 3.1.1: connections, each with a window in flight.
//!
//! `rumqttc`'s client was tried first and refused: its event loop makes one task switch and one
//! allocation per message, and it hides which packet an acknowledgement belongs to.
mod client;
mod packet;
mod session;
mod supply;
mod window;
mod wire;

pub use packet::PacketError;
pub use session::{Broken, ConnectionError, Session};

use super::dispatch::Queues;
use super::tally::Counts;
use super::{CONNECTIONS_MAX, Ended, Error, Gone, Rng};
use crate::model::Timestamp;
use client::Connection;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use supply::{Supply, Template};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Connections that are being made at the same time: below the usual accept backlog of 128.
const CONNECTING_MAX: usize = 100;

/// Connections to one MQTT target.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// How they behave.
    pub session: Session,
    /// First part of the client ids; the rest is the connection's number.
    pub client_id: String,
    /// Connections that publish, 1 to [`CONNECTIONS_MAX`].
    pub connections: usize,
    /// More connections that publish, with these client ids: of senders that the gateway knows by them.
    pub named: Vec<String>,
    /// More connections, that never publish.
    pub idle: usize,
}

impl From<ConnectionError> for Error {
    fn from(source: ConnectionError) -> Self {
        Self::Connection {
            count: 1,
            source: Gone::Mqtt(source),
        }
    }
}

/// Starts connections.
pub(super) struct Starter<'a> {
    pub(super) fleet: Fleet,
    pub(super) seed: u64,
    pub(super) counts: Arc<Counts>,
    pub(super) stop: CancellationToken,
    pub(super) tasks: &'a mut JoinSet<Ended>,
    gate: Arc<Semaphore>,
    session: Arc<Session>,
}

impl<'a> Starter<'a> {
    pub(super) fn new(
        fleet: Fleet,
        seed: u64,
        counts: Arc<Counts>,
        stop: CancellationToken,
        tasks: &'a mut JoinSet<Ended>,
    ) -> Self {
        Self {
            session: Arc::new(fleet.session.clone()),
            gate: Arc::new(Semaphore::new(CONNECTING_MAX)),
            fleet,
            seed,
            counts,
            stop,
            tasks,
        }
    }

    fn start(&mut self, number: usize, supply: Supply) {
        let client_id = format!("{}-{number}", self.fleet.client_id);
        self.start_as(client_id, number, supply);
    }

    fn start_as(&mut self, client_id: String, number: usize, supply: Supply) {
        let connection = Connection::new(
            Arc::clone(&self.session),
            client_id,
            supply,
            Arc::clone(&self.counts),
            Arc::clone(&self.gate),
            Rng::stream(self.seed, number as u64),
        );
        let stop = self.stop.clone();
        self.tasks
            .spawn(async move { Ok(connection.run(stop).await?) });
    }

    /// Connections that are fed through queues.
    pub(super) fn queues(&mut self) -> Queues {
        let connections = self.fleet.connections.clamp(1, CONNECTIONS_MAX);
        let queue = |number| {
            let (sender, supply) = Supply::queue();
            self.start(number, supply);
            sender
        };
        let shared = (0..connections).map(queue).collect();
        let named = std::mem::take(&mut self.fleet.named);
        let own = |(number, client_id)| {
            let (sender, supply) = Supply::queue();
            self.start_as(client_id, 2 * CONNECTIONS_MAX + number, supply);
            sender
        };
        Queues {
            shared,
            own: named.into_iter().enumerate().map(own).collect(),
        }
    }

    /// Connections that send a template of their own, until `count` messages of all.
    pub(super) fn templates(&mut self, topic: &str, start: Timestamp, left: &Arc<AtomicU64>) {
        for number in 0..self.fleet.connections.clamp(1, CONNECTIONS_MAX) {
            // Two runs must not be each other's duplicates: a run's times go ahead of the clock.
            let device = format!("em-{}-{number:05}", self.seed);
            let topic = topic.replace("{device}", &device);
            let template = Template::new(&topic, self.session.qos, start, Arc::clone(left));
            self.start(number, Supply::Template(template));
        }
    }

    /// Connections that never publish.
    pub(super) fn idle(&mut self) {
        for number in 0..self.fleet.idle {
            self.start(CONNECTIONS_MAX + number, Supply::Silence);
        }
    }
}
