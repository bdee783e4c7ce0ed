//! Delivery to a store, `VictoriaMetrics` by `/api/v2/write` with gzip: `cargo bench --bench store`.
//!
//! Gateway and load or store on cores of their own; CPU is that of the gateway's process. A part by name:
//! `cargo bench --bench store -- backlog busy outage crate`. Each line says its goal.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::unchecked_time_subtraction,
    clippy::cast_precision_loss,
    reason = "a bench ends where it cannot go on, and shows few digits"
)]
#[path = "support/packs.rs"]
mod packs;
#[path = "support/mod.rs"]
mod support;
#[path = "support/writers.rs"]
mod writers;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::{Server, free_port, micros_per, per_second, simulate};

/// Readings per CPU-second of the gateway while it delivers a backlog.
const BACKLOG_GOAL: f64 = 500_000.0;
/// Readings a second that keep coming while it does.
const BUSY: u64 = 20_000;
/// How many times as fast as that it must drain.
const BUSY_GOAL: f64 = 5.0;
/// Memory above idle that an outage may cost.
const OUTAGE_GOAL: u64 = 64 << 20;
const OUTAGE_READINGS: u64 = 10_000_000;
/// Nothing that the bench waits for takes so long.
const BOUND: Duration = Duration::from_mins(5);

/// A gateway whose store is not there yet.
struct Outage {
    dir: tempfile::TempDir,
    server: Server,
    store_port: u16,
}

impl Outage {
    fn begin() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store_port = free_port();
        let section = format!(
            "[[store]]\nname = 'victoria'\nurl = 'http://127.0.0.1:{store_port}'\nbucket = 'bench'\norg = 'bench'\n"
        );
        let server = Server::citygate_and(dir.path(), &section);
        Self {
            dir,
            server,
            store_port,
        }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The store's account, by its term.
    fn count(&self, key: &str) -> u64 {
        let accounting = self.server.get("/v1/accounting");
        let text = accounting["stores"][0][key].as_str();
        text.unwrap_or_else(|| panic!("no {key}: {accounting}"))
            .parse()
            .unwrap()
    }

    /// The store comes; nothing if it is not installed.
    fn end(&self) -> Server {
        Server::victoria(self.path(), self.store_port).expect("victoria-metrics is installed")
    }

    /// Until the other readers of the log have nothing to do, so that CPU is the delivery's.
    fn rest(&self) {
        rest(&self.server);
    }

    fn until(&self, what: &str, reached: impl Fn() -> bool) {
        let start = Instant::now();
        while !reached() {
            assert!(
                start.elapsed() < BOUND,
                "{what}: {}",
                self.server.get("/v1/stores")
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The identity holds and nothing was lost.
    fn whole(&self, sent: u64) {
        let [logged, stored, skipped] = ["logged", "stored", "skipped"].map(|key| self.count(key));
        assert_eq!(
            (logged, stored + skipped),
            (sent, sent),
            "{}",
            self.server.get("/v1/accounting")
        );
    }
}

fn rest(server: &Server) {
    let mut cpu = server.cpu();
    loop {
        thread::sleep(Duration::from_secs(1));
        let now = server.cpu();
        if now - cpu < Duration::from_millis(50) {
            return;
        }
        cpu = now;
    }
}

fn now_ms() -> u64 {
    u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap()
}

fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

fn verdict(good: bool) -> &'static str {
    if good { "met" } else { "MISSED" }
}

/// A backlog of `readings`, delivered.
fn deliver(name: &str, fill: impl FnOnce(u16)) {
    let outage = Outage::begin();
    fill(outage.server.mqtt);
    outage.rest();
    let sent = outage.count("logged");
    let cpu = outage.server.cpu();
    let store = outage.end();
    outage.until("first readings", || outage.count("stored") > 0);
    let start = Instant::now();
    outage.until("all readings", || outage.count("pending") == 0);
    let (cpu, took) = (outage.server.cpu() - cpu, start.elapsed());
    outage.whole(sent);
    let rate = per_second(sent, cpu);
    println!(
        "store backlog shape={name} readings={sent} seconds={:.2} readings_per_second={:.0} cpu_us_per_reading={:.3} \
         readings_per_cpu_second={rate:.0} goal={BACKLOG_GOAL:.0} {} store_cpu_seconds={:.2} load={}",
        took.as_secs_f64(),
        per_second(sent, took),
        micros_per(cpu, sent),
        verdict(rate >= BACKLOG_GOAL),
        store.cpu().as_secs_f64(),
        load_average(),
    );
}

fn backlog() {
    // Three readings of one time each, as a small meter sends them.
    deliver("meters", |port| {
        let args = [
            "--max",
            "--connections",
            "100",
            "--window",
            "50",
            "--count",
            "1000000",
        ];
        simulate(port, &args);
    });
    // Eight readings of each of a hundred times, as a concentrator sends them.
    deliver("packs", |port| {
        packs::send(port, 6_000, now_ms() - 20 * 86_400_000);
    });
}

/// The backlog of an hour's outage while the city goes on.
fn busy() {
    let outage = Outage::begin();
    packs::send(outage.server.mqtt, 5_000, now_ms() - 20 * 86_400_000);
    outage.rest();
    let port = outage.server.mqtt;
    // Seven readings a message.
    let rate = (BUSY / 7).to_string();
    let load = thread::spawn(move || {
        let args = [
            "--devices",
            "2000",
            "--mix",
            "meter=1",
            "--rate",
            &rate,
            "--duration",
            "25s",
            "--connections",
            "50",
        ];
        simulate(port, &args)
    });
    outage.until("intake", || outage.server.mqtt_count("received") > 10_000);
    let store = outage.end();
    let backlog = outage.count("pending");
    outage.until("first readings", || outage.count("stored") > 0);
    let (start, stored, logged, cpu) = (
        Instant::now(),
        outage.count("stored"),
        outage.count("logged"),
        outage.server.cpu(),
    );
    outage.until("no backlog", || outage.count("pending") < 3 * BUSY);
    let took = start.elapsed();
    let (drained, came) = (
        outage.count("stored") - stored,
        outage.count("logged") - logged,
    );
    let cpu = outage.server.cpu() - cpu;
    let still = !load.is_finished();
    let summary = load.join().unwrap();
    outage.until("all", || outage.count("pending") == 0);
    let (drain, intake) = (per_second(drained, took), per_second(came, took));
    println!(
        "store busy backlog={backlog} seconds={:.2} intake_readings_per_second={intake:.0} drained_readings_per_second={drain:.0} \
         times={:.1} goal={BUSY_GOAL} {} ack_p50_ms={} ack_p99_ms={} cpu_seconds={:.2} store_cpu_seconds={:.2} intake_went_on={still} load={}",
        took.as_secs_f64(),
        drain / intake.max(1.0),
        verdict(drain >= BUSY_GOAL * BUSY as f64),
        summary["latency"]["p50_ms"],
        summary["latency"]["p99_ms"],
        cpu.as_secs_f64(),
        store.cpu().as_secs_f64(),
        load_average(),
    );
}

/// The greatest memory of a process, looked at often.
struct Peak {
    over: Arc<AtomicBool>,
    most: Arc<AtomicU64>,
}

impl Peak {
    fn watch(pid: u32) -> Self {
        let (over, most) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        thread::spawn({
            let (over, most) = (Arc::clone(&over), Arc::clone(&most));
            move || {
                while !over.load(Ordering::Relaxed) {
                    most.fetch_max(support::rss_of(pid), Ordering::Relaxed);
                    thread::sleep(Duration::from_millis(50));
                }
            }
        });
        Self { over, most }
    }

    /// Since the last call.
    fn take(&self) -> u64 {
        self.most.swap(0, Ordering::Relaxed)
    }
}

impl Drop for Peak {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// Resident memory of one way through ten million readings, in bytes: at rest before, the most while they come, the most
/// when they are there.
struct Memory {
    idle: u64,
    filling: u64,
    filled: u64,
}

/// Sends the readings of an outage, and watches.
fn fill(server: &Server, peak: &Peak, rest: impl Fn()) -> Memory {
    rest();
    let idle = server.rss();
    peak.take();
    let uplinks = OUTAGE_READINGS / packs::READINGS;
    packs::send(server.mqtt, uplinks, now_ms() - 20 * 86_400_000);
    rest();
    let filling = peak.take();
    thread::sleep(Duration::from_secs(2));
    Memory {
        idle,
        filling,
        filled: peak.take(),
    }
}

/// An outage of ten million readings. History, registry and log keep memory of any ten million readings, so what the
/// outage costs is held against the same load on a gateway without a store, too.
fn outage() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::citygate(dir.path());
    let without = fill(&server, &Peak::watch(server.pid()), || rest(&server));
    drop(server);
    let outage = Outage::begin();
    let peak = Peak::watch(outage.server.pid());
    let start = Instant::now();
    let with = fill(&outage.server, &peak, || outage.rest());
    let filled = start.elapsed();
    let store = outage.end();
    outage.until("first readings", || outage.count("stored") > 0);
    let start = Instant::now();
    outage.until("all readings", || outage.count("pending") == 0);
    let drained = start.elapsed();
    let draining = peak.take();
    let sent = outage.count("logged");
    outage.whole(sent);
    let mb = |bytes: u64| bytes as f64 / 1e6;
    let above = |bytes: u64, idle: u64| mb(bytes.saturating_sub(idle));
    let cost = with.filled.max(draining).saturating_sub(without.filled);
    println!(
        "store outage readings={sent} filled_seconds={:.1} drained_seconds={:.1} idle_mb={:.1} above_idle_filling_mb={:.1} \
         above_idle_down_mb={:.1} above_idle_draining_mb={:.1} without_store_above_idle_filling_mb={:.1} \
         without_store_above_idle_filled_mb={:.1} cost_of_outage_mb={:.1} goal_mb={:.1} {} store_cpu_seconds={:.1} load={}",
        filled.as_secs_f64(),
        drained.as_secs_f64(),
        mb(with.idle),
        above(with.filling, with.idle),
        above(with.filled, with.idle),
        above(draining, with.idle),
        above(without.filling, without.idle),
        above(without.filled, without.idle),
        mb(cost),
        mb(OUTAGE_GOAL),
        verdict(cost <= OUTAGE_GOAL),
        store.cpu().as_secs_f64(),
        load_average(),
    );
}

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let parts: [(&str, fn()); 4] = [
        ("backlog", backlog),
        ("busy", busy),
        ("outage", outage),
        ("crate", writers::compare),
    ];
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            part();
        }
    }
}
