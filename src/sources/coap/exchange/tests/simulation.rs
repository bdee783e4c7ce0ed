//! Many clients, a network that loses, repeats and reorders, and time that passes: seeded, without a clock.
//!
//! Each client follows RFC 7252 §4.2: it sends a confirmable request again until it is acknowledged,
//! and acknowledges separate responses. The server's disk takes from no time to several seconds.
use super::*;
use crate::sources::coap::exchange::separate::{ACK_TIMEOUT, RETRANSMIT_MAX};
use std::collections::{BTreeMap, HashMap, HashSet};

/// The network, per mille.
#[derive(Clone, Copy, Debug)]
struct Network {
    lost: u32,
    repeated: u32,
    delay_max_ms: u64,
}

#[derive(Debug)]
enum Event {
    /// A datagram arrives at the server.
    Request(u16, Vec<u8>),
    /// A datagram arrives at a client.
    Response(u16, Vec<u8>),
    /// A client's timeout: which request, which transmission.
    Again(u16, u16, u8),
    /// The disk has what an exchange waits for.
    Durable(ExchangeId, u16, Vec<u8>),
    /// The server's own timeout.
    Tick,
}

#[derive(Debug, Default)]
struct Client {
    next: u16,
    /// Of the request under way: its bytes, acknowledged, answered.
    request: Vec<u8>,
    acknowledged: bool,
    answered: bool,
    answers: HashSet<u16>,
}

struct World {
    rig: Rig,
    random: Random,
    network: Network,
    events: BTreeMap<(Instant, u64), Event>,
    serial: u64,
    clients: BTreeMap<u16, Client>,
    per_client: u16,
    /// How often each request was processed, and whether anything but a temporary refusal was said.
    processed: HashMap<(u16, Vec<u8>), u32>,
    slow_per_mille: u32,
    given_up: u32,
}

impl World {
    fn new(
        seed: u64,
        network: Network,
        clients: u16,
        per_client: u16,
        slow_per_mille: u32,
    ) -> Self {
        let mut world = Self {
            rig: Rig::new(),
            random: Random(seed),
            network,
            events: BTreeMap::new(),
            serial: 0,
            clients: BTreeMap::new(),
            per_client,
            processed: HashMap::new(),
            slow_per_mille,
            given_up: 0,
        };
        for client in 1..=clients {
            // Ids begin near their end, so that they wrap.
            let start = 65_530;
            world.clients.insert(
                client,
                Client {
                    next: start,
                    ..Client::default()
                },
            );
            world.send_next(client);
        }
        world
    }

    fn chance(&mut self, per_mille: u32) -> bool {
        self.random.draw() % 1_000 < per_mille
    }

    fn at(&mut self, delay: Duration, event: Event) {
        self.serial += 1;
        self.events
            .insert((self.rig.now + delay, self.serial), event);
    }

    /// Loses, repeats and delays.
    fn carry(&mut self, event: impl Fn() -> Event) {
        let copies = if self.chance(self.network.lost) {
            0
        } else {
            1 + u32::from(self.chance(self.network.repeated))
        };
        for _ in 0..copies {
            let ms = u64::from(self.random.draw()) % (self.network.delay_max_ms + 1);
            self.at(Duration::from_millis(ms), event());
        }
    }

    fn send_next(&mut self, port: u16) {
        let client = self.clients.get_mut(&port).expect("a client");
        if client.next.wrapping_sub(65_530) >= self.per_client {
            return;
        }
        let id = client.next;
        client.next = client.next.wrapping_add(1);
        client.request = post(id, format!("{port}/{id}").as_bytes());
        client.acknowledged = false;
        client.answered = false;
        self.transmit(port, id, 0);
    }

    fn transmit(&mut self, port: u16, id: u16, transmission: u8) {
        let request = self.clients[&port].request.clone();
        self.carry(|| Event::Request(port, request.clone()));
        let timeout = ACK_TIMEOUT.mul_f64(1.2) * (1 << transmission);
        self.at(timeout, Event::Again(port, id, transmission));
    }

    fn flush(&mut self) {
        let sent: Vec<(u16, Vec<u8>)> = self
            .rig
            .out
            .from(0)
            .map(|(to, bytes)| (to.peer.port(), bytes.to_vec()))
            .collect();
        self.rig.out.clear();
        for (port, bytes) in sent {
            self.carry(|| Event::Response(port, bytes.clone()));
        }
        if let Some(next) = self.rig.exchanges.poll_timeout() {
            let delay = next.saturating_duration_since(self.rig.now);
            self.at(delay, Event::Tick);
        }
    }

    fn serve(&mut self, port: u16, bytes: &[u8]) {
        let Some(id) = self.rig.hear_from(session(port), bytes) else {
            return;
        };
        let slow = self.chance(self.slow_per_mille);
        let ms = if slow { 3_000 } else { 5 };
        self.at(
            Duration::from_millis(ms),
            Event::Durable(id, port, bytes.to_vec()),
        );
    }

    fn receive(&mut self, port: u16, bytes: &[u8]) {
        let answer = parse(bytes).expect("the server sends messages only");
        let client = self.clients.get_mut(&port).expect("a client");
        let current = parse(&client.request).expect("a message").header.id;
        let Header { kind, code, id } = answer.header;
        let mut ack = None;
        match (kind, code) {
            (Kind::Acknowledgement, Code::EMPTY) if id == current => client.acknowledged = true,
            (Kind::Acknowledgement, Code::CHANGED) => {
                if id == current && !client.answered {
                    client.acknowledged = true;
                    client.answered = true;
                    self.send_next(port);
                }
            }
            (Kind::Confirmable, Code::CHANGED) => {
                let [high, low] = id.to_be_bytes();
                ack = Some(vec![0x60, 0, high, low]);
                // Tokens are all the same here: an answer is new if its message id is.
                if client.answers.insert(id) && client.acknowledged && !client.answered {
                    client.answered = true;
                    self.send_next(port);
                }
            }
            (Kind::Acknowledgement, Code::EMPTY) => {}
            other => panic!("{other:?}"),
        }
        if let Some(ack) = ack {
            self.carry(|| Event::Request(port, ack.clone()));
        }
    }

    fn step(&mut self) -> bool {
        let Some(((at, _), event)) = self.events.pop_first() else {
            return false;
        };
        self.rig.now = at;
        match event {
            Event::Request(port, bytes) => self.serve(port, &bytes),
            Event::Response(port, bytes) => self.receive(port, &bytes),
            Event::Again(port, id, transmission) => {
                let client = &self.clients[&port];
                let current = parse(&client.request).expect("a message").header.id == id;
                if current && !client.answered {
                    if transmission < RETRANSMIT_MAX && !client.acknowledged {
                        self.transmit(port, id, transmission + 1);
                    } else if transmission < 6 {
                        // Acknowledged, or out of transmissions: patience.
                        let wait = Duration::from_mins(1);
                        self.at(wait, Event::Again(port, id, 6));
                    } else {
                        self.given_up += 1;
                        self.send_next(port);
                    }
                }
            }
            Event::Durable(id, port, bytes) => {
                *self.processed.entry((port, bytes)).or_default() += 1;
                self.rig.changed(id);
            }
            Event::Tick => {
                let now = self.rig.now;
                self.rig.exchanges.handle_timeout(now, &mut self.rig.out);
            }
        }
        self.flush();
        true
    }

    fn run(&mut self) {
        for _ in 0..2_000_000 {
            if !self.step() {
                return;
            }
        }
        panic!("it does not end");
    }
}

const ROUGH: Network = Network {
    lost: 200,
    repeated: 100,
    delay_max_ms: 900,
};

/// §4.2, §4.5: with a fifth lost, a tenth repeated and all of it reordered, each request is processed
/// once, and nearly each is answered; ids wrap in the middle.
#[test]
fn each_request_is_processed_once_under_loss() {
    for seed in 0..8 {
        let mut world = World::new(seed, ROUGH, 10, 30, 100);
        world.run();
        assert!(
            world.processed.values().all(|times| *times == 1),
            "seed {seed}"
        );
        let requests = world.processed.len();
        assert!(requests >= 290, "seed {seed}: {requests} of 300");
        assert!(world.given_up <= 12, "seed {seed}: {}", world.given_up);
        assert_eq!(world.rig.exchanges.outstanding(), 0);
        assert_eq!(world.rig.exchanges.unacknowledged(), 0);
        let counts = world.rig.exchanges.counts();
        assert!(counts.duplicates > 0 && counts.separate > 0, "{counts:?}");
        assert!(counts.retransmissions > 0, "{counts:?}");
    }
}

/// Without loss nobody gives up, and nothing is sent again but by a slow disk.
#[test]
fn a_good_network_costs_nothing() {
    let good = Network {
        lost: 0,
        repeated: 0,
        delay_max_ms: 50,
    };
    let mut world = World::new(1, good, 20, 20, 0);
    world.run();
    assert_eq!((world.processed.len(), world.given_up), (400, 0));
    let counts = world.rig.exchanges.counts();
    assert_eq!((counts.requests, counts.duplicates), (400, 0));
    assert_eq!((counts.acknowledged, counts.retransmissions), (0, 0));
}

/// A restart forgets what was answered: then intake's persistent keys tell a copy. Here it is taken
/// again once, and answered by the new process; ids of its own do not stop it.
#[test]
fn a_restarted_server_takes_a_retransmission_as_new() {
    let mut rig = Rig::new();
    let id = rig.hear(&post(77, b"{}")).expect("a request");
    rig.changed(id);
    rig.sent();
    rig.exchanges = Exchanges::new(LIMITS, SECRETS, rig.now);
    let request =
        match rig
            .exchanges
            .handle_datagram(rig.now, session(1), &post(77, b"{}"), &mut rig.out)
        {
            Heard::Request(request) => (request.id, request.peer),
            other => panic!("{other:?}"),
        };
    // The peer's hash is the same, which is what the persistent key has.
    assert_eq!(request.1, session(1).peer_hash(SECRETS.seed));
    rig.changed(request.0);
    assert_eq!(
        header(&rig.only()),
        (Kind::Acknowledgement, Code::CHANGED, 77)
    );
    // An acknowledgement of a separate response of the old process is ignored.
    rig.hear(&[0x60, 0, 1, 1]);
    rig.silent();
}
