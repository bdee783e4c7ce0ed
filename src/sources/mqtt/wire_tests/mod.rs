//! The listener over real sockets and real logs in a temporary folder; the peer writes bytes.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod ends;
mod flow;
mod limits;

use super::*;
use crate::catalogue::Catalogue;
use crate::intake::Knowledge;
use crate::intake::{self, Intake, Parts, Routes};
use crate::inventory::Unknown;
use crate::log::{Log, Options, Start, record::Kind};
use crate::model::{Clock, Source, proto};
use crate::telemetry::{Accounting, Counts};
use jiff::tz::TimeZone;
use prost::Message;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(20);
const GOOD: &[u8] = br#"{"voltage": 230.5}"#;
const BAD: &[u8] = br#"{"no_such_metric": 1}"#;

struct Rig {
    service: Arc<Service>,
    log: Log,
    rejects: Log,
    address: SocketAddr,
    halt: CancellationToken,
    task: JoinHandle<Result<(), Error>>,
    _dir: tempfile::TempDir,
}

impl Rig {
    async fn new() -> Self {
        Self::with(|_| {}, 0, None).await
    }

    async fn with(change: impl FnOnce(&mut Config), min_free: u64, users: Option<Users>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let accounting = Arc::new(Accounting::default());
        let options = Options {
            min_free,
            ..Options::default()
        };
        let open = |name: &str, settle| {
            Log::open(
                &dir.path().join(name),
                options.clone(),
                clock.clone(),
                settle,
            )
            .unwrap()
        };
        let log = open("log", intake::settle_log(Arc::clone(&accounting)));
        let rejects = open("rejects", intake::settle_rejects(Arc::clone(&accounting)));
        let catalogue = Arc::new(Catalogue::shipped());
        let intake = Intake::new(Parts {
            routes: Routes::read(
                &mut Section::new("", toml::Table::new(), &mut Vec::new()),
                &catalogue,
            ),
            catalogue,
            knowledge: Arc::new(Knowledge::nothing(Unknown::Accept)),
            node: "test".to_owned(),
            zone: TimeZone::UTC,
            log: log.clone(),
            rejects: rejects.clone(),
            accounting: Arc::clone(&accounting),
            clock: clock.clone(),
            config: intake::Config::default(),
        });
        let mut config = Config::default();
        change(&mut config);
        let service = Arc::new(Service {
            sessions: Arc::new(Sessions::in_memory(config.sessions_max)),
            config,
            door: Door::new(users),
            intake: Arc::new(intake),
            accounting,
            stats: Arc::default(),
            clock,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let halt = CancellationToken::new();
        let task = tokio::spawn(run(
            crate::tls::Listener::plain(listener),
            None,
            Arc::clone(&service),
            halt.clone(),
        ));
        Self {
            service,
            log,
            rejects,
            address,
            halt,
            task,
            _dir: dir,
        }
    }

    async fn peer(&self) -> Peer {
        Peer(TcpStream::connect(self.address).await.unwrap())
    }

    /// Connected with a good CONNACK.
    async fn connected(&self, level: u8, client: &str) -> Peer {
        let mut peer = self.peer().await;
        peer.send(&connect(level, client, 2, 0)).await;
        let (first, body) = peer.packet().await;
        assert_eq!((first, body[1]), (0x20, 0), "{body:02x?}");
        peer
    }

    fn counts(&self) -> Counts {
        self.service.accounting.snapshot(Source::Mqtt)
    }

    /// The counts once nothing is in flight.
    async fn settled(&self) -> Counts {
        self.until(|rig| rig.counts().in_flight == 0).await;
        let counts = self.counts();
        assert!(counts.identity_holds(), "{counts:?}");
        counts
    }

    async fn until(&self, reached: impl Fn(&Self) -> bool) {
        let waiting = timeout(PATIENCE, async {
            while !reached(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        waiting.await.expect("reached in time");
    }

    /// Every event in the log.
    fn events(&self) -> Vec<proto::Event> {
        let mut reader = self.log.reader(Start::Earliest).unwrap();
        let mut events = Vec::new();
        loop {
            let frames = reader.read(1 << 20).unwrap();
            if frames.is_empty() {
                return events;
            }
            for frame in &frames {
                let records = frame
                    .records()
                    .filter(|(_, record)| record.kind == Kind::Event);
                events
                    .extend(records.map(|(_, record)| proto::Event::decode(record.body).unwrap()));
            }
        }
    }

    async fn stop(self) -> Result<(), Error> {
        self.halt.cancel();
        let outcome = timeout(PATIENCE, self.task).await.unwrap().unwrap();
        self.log.close();
        self.rejects.close();
        outcome
    }
}

struct Peer(TcpStream);

impl Peer {
    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// The next packet: first byte and body.
    async fn packet(&mut self) -> (u8, Vec<u8>) {
        let read = timeout(PATIENCE, async {
            let first = self.0.read_u8().await.unwrap();
            let mut len = 0;
            for shift in [0, 7, 14, 21] {
                let byte = self.0.read_u8().await.unwrap();
                len |= usize::from(byte & 0x7f) << shift;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            let mut body = vec![0; len];
            self.0.read_exact(&mut body).await.unwrap();
            (first, body)
        });
        read.await.expect("a packet in time")
    }

    /// All that still comes until the gateway closes.
    async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let read = timeout(PATIENCE, self.0.read_to_end(&mut rest)).await;
        // A reset is an end as well.
        let _ = read.expect("closed in time");
        rest
    }
}

fn text(text: &[u8]) -> Vec<u8> {
    let len = u16::try_from(text.len()).unwrap();
    [&len.to_be_bytes()[..], text].concat()
}

fn framed(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut len = body.len();
    loop {
        let byte = u8::try_from(len & 0x7f).unwrap();
        len >>= 7;
        out.push(byte | if len > 0 { 0x80 } else { 0 });
        if len == 0 {
            break;
        }
    }
    out.extend_from_slice(body);
    out
}

/// CONNECT with these flags; in MQTT 5 with a Session Expiry Interval unless it is 0.
fn connect(level: u8, client: &str, flags: u8, expiry_secs: u32) -> Vec<u8> {
    connect_with(level, client, flags, expiry_secs, &[])
}

/// The same, with what follows the client id (will, login).
fn connect_with(level: u8, client: &str, flags: u8, expiry_secs: u32, rest: &[u8]) -> Vec<u8> {
    let mut body = [&text(b"MQTT")[..], &[level, flags, 0, 60]].concat();
    if level == 5 && expiry_secs > 0 {
        body.extend_from_slice(&[5, 0x11]);
        body.extend_from_slice(&expiry_secs.to_be_bytes());
    } else if level == 5 {
        body.push(0);
    }
    body.extend_from_slice(&text(client.as_bytes()));
    body.extend_from_slice(rest);
    framed(0x10, &body)
}

/// PUBLISH to `city/{device}/json`.
fn publish(level: u8, qos: u8, packet_id: u16, device: &str, payload: &[u8]) -> Vec<u8> {
    publish_to(
        level,
        qos,
        packet_id,
        &format!("city/{device}/json"),
        payload,
    )
}

fn publish_to(level: u8, qos: u8, packet_id: u16, topic: &str, payload: &[u8]) -> Vec<u8> {
    let mut body = text(topic.as_bytes());
    if qos > 0 {
        body.extend_from_slice(&packet_id.to_be_bytes());
    }
    if level == 5 {
        body.push(0);
    }
    body.extend_from_slice(payload);
    framed(0x30 | qos << 1, &body)
}

fn resent(mut publish: Vec<u8>) -> Vec<u8> {
    publish[0] |= 8;
    publish
}

fn release(packet_id: u16) -> Vec<u8> {
    framed(0x62, &packet_id.to_be_bytes())
}
