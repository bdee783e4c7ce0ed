#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::*;
use crate::catalogue::Catalogue;
use crate::intake;
use crate::intake::Knowledge;
use crate::inventory::Unknown;
use crate::log::record::Kind;
use crate::log::{Log, Options, Start};
use crate::model::Reject;
use crate::model::settings::Section;
use crate::telemetry::Accounting;
use prost::Message;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A store that answers as `judge` says of each body, and keeps what it has taken.
struct Peer {
    address: std::net::SocketAddr,
    stored: Arc<Mutex<Vec<String>>>,
    requests: Arc<Mutex<usize>>,
}

type Judge = fn(&str) -> u16;

impl Peer {
    async fn start(judge: impl Fn(&str) -> u16 + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stored, requests) = (
            Arc::<Mutex<Vec<String>>>::default(),
            Arc::<Mutex<usize>>::default(),
        );
        let (kept, counted, judge) = (stored.clone(), requests.clone(), Arc::new(judge));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, counted, judge) = (kept.clone(), counted.clone(), judge.clone());
                tokio::spawn(async move {
                    let mut stream = stream;
                    while let Some(body) = request(&mut stream).await {
                        *counted.lock().unwrap() += 1;
                        let status = judge(&body);
                        if status == 204 {
                            kept.lock().unwrap().extend(body.lines().map(str::to_owned));
                        }
                        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 2\r\n\r\nno");
                        let answer = if status == 204 {
                            "HTTP/1.1 204 No Content\r\n\r\n"
                        } else {
                            &answer
                        };
                        stream.write_all(answer.as_bytes()).await.unwrap();
                    }
                });
            }
        });
        Self {
            address,
            stored,
            requests,
        }
    }

    /// What it has, each line once, in the order in which it came last.
    fn lines(&self) -> Vec<String> {
        let mut lines = self.stored.lock().unwrap().clone();
        lines.sort();
        lines.dedup();
        lines
    }

    fn requests(&self) -> usize {
        *self.requests.lock().unwrap()
    }
}

/// The body of the next request on this connection.
async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    while bytes.len() < end + length {
        stream.read_buf(&mut bytes).await.ok()?;
    }
    let body = String::from_utf8_lossy(&bytes[end..end + length]).into_owned();
    Some(if head.contains("content-encoding: gzip") {
        format!("gzip {body}")
    } else {
        body
    })
}

struct Bench {
    context: Context,
    rejects: Log,
    _dir: tempfile::TempDir,
}

fn bench(peer: &Peer) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let [log, rejects] = ["log", "rejects"].map(|name| log(&dir.path().join(name)));
    Bench {
        context: context(peer.address, log, rejects.clone()),
        rejects,
        _dir: dir,
    }
}

/// A log that is read from the disk, but for its last frame.
pub fn log(dir: &std::path::Path) -> Log {
    let options = Options {
        min_free: 0,
        cache_bytes: 0,
        ..Options::default()
    };
    Log::open(dir, options, Clock::system(), Box::new(|_, _| {})).unwrap()
}

/// Of a store with two shards.
pub fn context(address: std::net::SocketAddr, log: Log, rejects: Log) -> Context {
    let clock = Clock::system();
    let intake = Arc::new(Intake::new(intake::Parts {
        catalogue: Arc::new(Catalogue::shipped()),
        routes: intake::Routes::default(),
        knowledge: Arc::new(Knowledge::nothing(Unknown::Accept)),
        node: "n".into(),
        zone: jiff::tz::TimeZone::UTC,
        log,
        rejects,
        accounting: Arc::<Accounting>::default(),
        clock: clock.clone(),
        config: intake::Config::default(),
    }));
    let text = format!(
        "[[store]]\nname = 'a'\nurl = 'http://{address}'\nbucket = 'b'\ngzip = false\nshards = 2"
    );
    let mut problems = Vec::new();
    let mut top = Section::new("", toml::from_str(&text).unwrap(), &mut problems);
    let config = Config::read_all(&mut top).remove(0);
    Context {
        client: Client::new(&config, clock.clone()).unwrap(),
        status: Arc::new(Status::new(&config)),
        intake,
        clock,
        accepted: Cell::new(0),
        bytes_max: Cell::new(config.batch_bytes),
        recovered: Notify::new(),
        flying: RefCell::new(vec![false; 2]),
        proving: Cell::new(0),
        proofs: RefCell::new(vec![Vec::new(); 2]),
        config,
    }
}

impl Bench {
    fn rejects(&self) -> Vec<Reject> {
        let mut reader = self.rejects.reader(Start::Earliest).unwrap();
        let frames = reader.read(1 << 20).unwrap();
        let records = frames.iter().flat_map(|frame| frame.records());
        let rejects = records.filter(|(_, record)| record.kind == Kind::Reject);
        rejects
            .map(|(_, record)| Reject::decode(record.body).unwrap())
            .collect()
    }
}

/// Lines of which those at `bad` have a field that the peers below refuse.
fn batch(lines: usize, bad: &[usize]) -> Batch {
    let mut batch = Batch::default();
    for at in 0..lines {
        let field = if bad.contains(&at) { "bad" } else { "v" };
        batch
            .body
            .extend_from_slice(format!("pole,device=d-{at:04} {field}=1 {at}\n").as_bytes());
        batch.lines.push(2);
        batch.mark(0, 1, Instant::now());
    }
    batch
}

const REFUSES_BAD: Judge = |body| if body.contains(" bad=") { 400 } else { 204 };

#[tokio::test]
async fn refused_lines_are_found_and_the_others_stored() {
    let peer = Peer::start(REFUSES_BAD).await;
    let bench = bench(&peer);
    let bad = [0, 17, 18, 99];
    let done = deliver(&bench.context, 0, batch(100, &bad)).await;
    assert_eq!(done.rejected, bad);
    assert_eq!(peer.lines().len(), 96);
    assert_eq!(done.batch.settled(&done.rejected), [(0, 192, 8)]);
    let rejects = bench.rejects();
    assert_eq!(rejects.len(), 4);
    assert_eq!(rejects[1].raw, b"pole,device=d-0017 bad=1 17");
    assert_eq!(rejects[1].device_id, "d-0017");
    assert_eq!(
        (&*rejects[1].reason, &*rejects[1].client),
        ("store_rejected", "a")
    );
    assert_eq!(rejects[1].sentence, "400 Bad Request: no");
    // 2 x log2(100) for each at most.
    assert!(peer.requests() <= 1 + 4 * 14, "{}", peer.requests());
}

#[tokio::test]
async fn a_store_that_refuses_everything_costs_nothing_but_time() {
    let well = Arc::new(AtomicBool::new(false));
    let is_well = well.clone();
    let peer = Peer::start(move |_| {
        if is_well.load(Ordering::Relaxed) {
            204
        } else {
            400
        }
    })
    .await;
    let bench = bench(&peer);
    let heal = async {
        while bench.context.status.look(Instant::now()).1 != Trouble::Alarm {
            sleep(Duration::from_millis(1)).await;
        }
        // Down to one line, then single ones.
        assert!(
            peer.requests() <= 11 + 2 * PROBES_MAX,
            "{}",
            peer.requests()
        );
        well.store(true, Ordering::Relaxed);
    };
    let (done, ()) = tokio::join!(deliver(&bench.context, 0, batch(1_000, &[])), heal);
    assert!(done.rejected.is_empty());
    assert_eq!(peer.lines().len(), 1_000);
    assert_eq!(bench.rejects().len(), 0);
    assert!(bench.context.status.is_clear(0));
}

#[tokio::test]
async fn a_line_taken_before_proves_that_the_store_is_well() {
    let peer = Peer::start(REFUSES_BAD).await;
    let bench = bench(&peer);
    let done = deliver(&bench.context, 0, batch(3, &[])).await;
    assert!(done.rejected.is_empty());
    let all: Vec<usize> = (0..40).collect();
    let done = deliver(&bench.context, 0, batch(40, &all)).await;
    assert_eq!(done.rejected, all);
    assert_eq!(bench.rejects().len(), 40);
    assert_eq!(peer.lines().len(), 3);
}

#[tokio::test]
async fn what_is_too_large_is_halved_and_remembered() {
    let peer = Peer::start(|body| if body.len() > 10_000 { 413 } else { 204 }).await;
    let bench = bench(&peer);
    let done = deliver(&bench.context, 0, batch(1_000, &[])).await;
    assert!(done.rejected.is_empty());
    assert_eq!(peer.lines().len(), 1_000);
    let smaller = bench.context.bytes_max.get();
    assert!((4_096..=20_000).contains(&smaller), "{smaller}");
}

#[tokio::test]
async fn a_bad_line_before_good_ones_is_a_reject() {
    let peer = Peer::start(REFUSES_BAD).await;
    let bench = bench(&peer);
    let done = deliver(&bench.context, 0, batch(2, &[0])).await;
    assert_eq!(done.rejected, [0]);
    assert_eq!(peer.lines().len(), 1);
}

/// Waits for the alarm of a store that refuses everything, then lets it take all again.
async fn heal(bench: &Bench, well: &AtomicBool) {
    while bench.context.status.look(Instant::now()).1 != Trouble::Alarm {
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(bench.rejects().len(), 0);
    well.store(true, Ordering::Relaxed);
}

#[tokio::test]
async fn what_was_stored_before_a_refusal_proves_nothing() {
    let well = Arc::new(AtomicBool::new(false));
    let (is_well, requests) = (well.clone(), Mutex::new(0));
    // Another database is behind the address from the third request on.
    let peer = Peer::start(move |_| {
        let mut requests = requests.lock().unwrap();
        *requests += 1;
        if *requests == 2 || is_well.load(Ordering::Relaxed) {
            204
        } else {
            400
        }
    })
    .await;
    let bench = bench(&peer);
    let (done, ()) = tokio::join!(
        deliver(&bench.context, 0, batch(40, &[])),
        heal(&bench, &well)
    );
    assert!(done.rejected.is_empty(), "{:?}", done.rejected);
    assert_eq!(peer.lines().len(), 40);
}

#[tokio::test]
async fn a_peer_that_refuses_gzip_makes_no_rejects() {
    let well = Arc::new(AtomicBool::new(false));
    let is_well = well.clone();
    let peer = Peer::start(move |body| {
        if body.starts_with("gzip ") && !is_well.load(Ordering::Relaxed) {
            400
        } else {
            204
        }
    })
    .await;
    let mut bench = bench(&peer);
    bench.context.config.gzip = true;
    // It was well before.
    bench.context.proofs.borrow_mut()[0] = b"pole,device=d v=1 1\n".to_vec();
    let (done, ()) = tokio::join!(
        deliver(&bench.context, 0, batch(40, &[])),
        heal(&bench, &well)
    );
    assert!(done.rejected.is_empty(), "{:?}", done.rejected);
}

#[tokio::test]
async fn what_another_shard_stores_during_the_pause_is_a_proof() {
    let peer = Peer::start(REFUSES_BAD).await;
    let bench = bench(&peer);
    let bad: Vec<usize> = (0..PROBES_MAX).collect();
    let other = async {
        while bench.context.status.look(Instant::now()).1 != Trouble::Alarm {
            sleep(Duration::from_millis(1)).await;
        }
        deliver(&bench.context, 1, batch(3, &[])).await
    };
    let both = async { tokio::join!(deliver(&bench.context, 0, batch(PROBES_MAX, &bad)), other) };
    let (done, _) = tokio::time::timeout(Duration::from_secs(20), both)
        .await
        .unwrap();
    assert_eq!(done.rejected, bad);
    assert_eq!(bench.rejects().len(), PROBES_MAX);
}
