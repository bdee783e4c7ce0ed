//! CoAP requests per CPU-second of the whole gateway (CoAP, SenML, log, sync, history, registry)
//! beside libcoap's example server, which keeps the last payload of a resource in memory, in one run:
//! `cargo bench --bench coap`. With `--profile`, where the gateway's time goes, by `perf`.
//!
//! CON PUT of about 100 B of SenML with two records, the same datagrams for both servers; server and
//! load on cores of their own.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::unchecked_time_subtraction,
    clippy::cast_precision_loss,
    reason = "a bench ends where it cannot go on, and shows few digits"
)]
#[path = "support/mod.rs"]
mod support;

use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::{CITYGATE, LOAD_CORE, SERVER_CORE, Server, cpu_of, micros_per, per_second};

/// Endpoints, requests outstanding of each, and what of libcoap's requests per CPU-second is the goal.
const ROUNDS: [(&str, &str, f64); 2] = [("2000", "1", 2.5), ("64", "16", 1.5)];
/// Of the measured part, and before it, so that tables and caches have their size.
const REQUESTS: u64 = 600_000;
const WARM_UP: u64 = 100_000;

/// Names the devices.
const SEED: &str = "123456";
/// Of the gateway, and of libcoap: one resource, which it finds at once, under a path as long.
const PATH: &str = "t/{device}/senml";
const LIBCOAP_PATH: &str = "t/em-123456-00000/senml";

/// Runs the load and returns its summary, with the CPU time that it took itself.
fn load(port: u16, path: &str, round: (&str, &str), count: u64) -> (Value, Duration) {
    let target = format!("coap://127.0.0.1:{port}");
    let count = count.to_string();
    let args = [
        "simulate",
        "--json",
        "--max",
        "--put",
        "--seed",
        SEED,
        "--path",
        path,
        "--target",
        &target,
        "--endpoints",
        round.0,
        "--nstart",
        round.1,
        "--count",
        &count,
    ];
    let before = children_cpu();
    let output = Command::new("taskset")
        .args(["-c", LOAD_CORE, CITYGATE])
        .args(args)
        .stderr(Stdio::inherit())
        .output()
        .expect("taskset is part of util-linux");
    let text = String::from_utf8_lossy(&output.stdout);
    let summary = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("simulate printed {text:?}: {error}"));
    (summary, children_cpu() - before)
}

/// CPU time of the ended children of this process.
fn children_cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    let ticks: u64 = fields
        .skip(13)
        .take(2)
        .map(|text| text.parse::<u64>().unwrap())
        .sum();
    Duration::from_millis(ticks * 10)
}

/// A row of the table; returns requests per CPU-second of the server.
fn measure(name: &str, port: u16, pid: u32, gateway: Option<&Server>, round: (&str, &str)) -> f64 {
    let (endpoints, window) = round;
    let path = gateway.map_or(LIBCOAP_PATH, |_| PATH);
    load(port, path, round, WARM_UP);
    settle(pid, gateway);
    let (cpu, start) = (cpu_of(pid), Instant::now());
    let (summary, load_cpu) = load(port, path, round, REQUESTS);
    let took = start.elapsed();
    let count = |key: &str| summary[key].as_u64().unwrap();
    let answered = count("acknowledged") - count("refused");
    assert_eq!(answered, REQUESTS, "{name}: {summary}");
    settle(pid, gateway);
    let cpu = cpu_of(pid) - cpu;
    println!(
        "| {name} | {endpoints} x {window} | {:.0} | {:.2} | {:.0} | {} | {} | {:.2} |",
        per_second(answered, took),
        micros_per(cpu, answered),
        per_second(answered, cpu),
        count("retransmitted"),
        summary["latency"]["p99_ms"],
        micros_per(load_cpu, answered),
    );
    per_second(answered, cpu)
}

/// What was acknowledged may still be on its way into history: that is part of the price.
fn settle(pid: u32, gateway: Option<&Server>) {
    if gateway.is_none() {
        return;
    }
    let mut cpu = cpu_of(pid);
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let now = cpu_of(pid);
        if now - cpu < Duration::from_millis(50) {
            return;
        }
        cpu = now;
    }
}

/// libcoap's server; ends with it.
struct Libcoap(Child);

impl Drop for Libcoap {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Libcoap {
    /// On the server's core, with room for one resource.
    fn start(port: u16) -> Option<Self> {
        let child = Command::new("taskset")
            .args(["-c", SERVER_CORE, "coap-server-notls", "-v", "0"])
            .args(["-d", "1", "-A", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let mut server = Self(child.ok()?);
        std::thread::sleep(Duration::from_millis(300));
        matches!(server.0.try_wait(), Ok(None)).then_some(server)
    }
}

/// Where the gateway's time goes while it is loaded.
fn profile(gateway: &Server, pid: u32, dir: &Path, round: (&str, &str)) {
    let data = dir.join("perf.data");
    let record = Command::new("perf")
        .args(["record", "-q", "-F", "997", "-p", &pid.to_string(), "-o"])
        .arg(&data)
        .args(["--", "sleep", "4"])
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut record) = record else {
        println!("perf is not installed: no breakdown");
        return;
    };
    load(gateway.coap, PATH, round, REQUESTS);
    let _ = record.wait();
    for sort in ["comm", "comm,symbol"] {
        let report = Command::new("perf")
            .args([
                "report",
                "--stdio",
                "-q",
                "--percent-limit",
                "0.8",
                "--sort",
                sort,
                "-i",
            ])
            .arg(&data)
            .output();
        if let Ok(report) = report {
            println!("{}", String::from_utf8_lossy(&report.stdout).trim_end());
        }
    }
}

fn main() {
    let profiled = std::env::args().any(|arg| arg == "--profile");
    println!(
        "| server | endpoints x outstanding | req/s | CPU us/req | req per CPU-second | retransmitted | p99 ms | load's CPU us/req |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (endpoints, window, goal) in ROUNDS {
        let round = (endpoints, window);
        let dir = tempfile::tempdir().unwrap();
        let citygate = Server::citygate(dir.path());
        let ours = measure(
            "citygate",
            citygate.coap,
            citygate.pid(),
            Some(&citygate),
            round,
        );
        if profiled {
            profile(&citygate, citygate.pid(), dir.path(), round);
        }
        drop(citygate);
        let port = support::free_port();
        let Some(libcoap) = Libcoap::start(port) else {
            println!("coap-server-notls is not installed: no comparison");
            continue;
        };
        let theirs = measure("libcoap", port, libcoap.0.id(), None, round);
        println!(
            "{endpoints} x {window}: {:.2} times libcoap's requests per CPU-second (goal {goal})\n",
            ours / theirs
        );
    }
}
