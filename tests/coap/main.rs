//! The `CoAP` server of the real binary, before real peers: `coap-client-notls`, aiocoap (a Python script of ours),
//! npm's coap (a Node script of ours), and datagrams made with coap-lite or by hand where a client would not let us.
//!
//! After every test the accounting holds: `received` is what the peers sent, nothing is in flight, and `logged` and
//! `rejected` are what lies in the logs.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by failing"
)]
mod clients;
#[path = "../crash/disk.rs"]
#[allow(dead_code, reason = "only its slowness is used here")]
mod disk;
mod limits;
#[path = "../mqtt/logs.rs"]
mod logs;
mod messages;
mod peer;
mod plugtests;
mod restart;
mod slow;
#[path = "../support/mod.rs"]
mod support;

use disk::Disk;
use logs::Logs;
use support::counts::Counts;
use support::{Gateway, Ports};

/// A gateway with a folder of its own.
struct City {
    gateway: Gateway,
    config: String,
    dir: tempfile::TempDir,
    /// Its disk, where that is slow.
    disk: Option<Disk>,
}

impl City {
    fn new() -> Self {
        Self::with("", "")
    }

    /// With more keys of `[coap]`, and more sections.
    fn with(coap: &str, more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ports = Ports::free();
        let config = config(ports, &dir.path().join("data"), coap, more);
        let gateway = Gateway::start(dir.path(), ports, &config);
        Self {
            gateway,
            config,
            dir,
            disk: None,
        }
    }

    /// On a disk whose syncs take `delay_ms` from now on.
    fn slow(coap: &str, delay_ms: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ports = Ports::free();
        let disk = Disk::new(dir.path());
        let config = config(ports, disk.root(), coap, "");
        let mut gateway = Gateway::spawn(dir.path(), ports, &config, |command| {
            disk.attach(command, "", 0, true);
        });
        gateway.wait_ready();
        disk.slow(delay_ms * 1_000);
        Self {
            gateway,
            config,
            dir,
            disk: Some(disk),
        }
    }

    fn port(&self) -> u16 {
        self.gateway.ports.coap
    }

    fn counts(&self) -> Counts {
        Counts::of(&self.gateway, "coap")
    }

    /// The counts at rest: `received` uplinks have come, none is in flight, and the identity holds.
    #[track_caller]
    fn settled(&self, received: u64) -> Counts {
        self.until(|counts| counts.received == received && counts.in_flight == 0)
    }

    #[track_caller]
    fn until(&self, reached: impl Fn(&Counts) -> bool) -> Counts {
        Counts::until(&self.gateway, "coap", reached)
    }

    /// A counter of `/metrics`.
    fn metric(&self, name: &str) -> u64 {
        let (status, body) = self.gateway.get("/metrics").unwrap();
        assert_eq!(status, 200);
        let line = body.lines().find_map(|line| line.strip_prefix(name));
        let value = line.unwrap_or_else(|| panic!("no {name}")).trim();
        // Gauges are written with a decimal point.
        value.trim_end_matches(".0").parse().unwrap()
    }

    /// As a power cut of the process; then a new one on the same ports and data.
    fn crash_and_restart(&mut self) {
        self.gateway.kill();
        self.restart();
    }

    fn restart(&mut self) {
        self.gateway = Gateway::start(self.dir.path(), self.gateway.ports, &self.config);
    }

    /// Stops the gateway as an operator does, and reads its logs.
    #[track_caller]
    fn stop(mut self) -> Logs {
        if let Some(disk) = &self.disk {
            disk.slow(1);
        }
        let status = self.gateway.stop();
        assert!(status.success(), "{status}\n{}", self.gateway.said());
        Logs::read(&self.dir.path().join("data"))
    }
}

fn config(ports: Ports, data: &std::path::Path, coap: &str, more: &str) -> String {
    ports
        .config(data, more)
        .replace("[grpc]", &format!("{coap}\n[grpc]"))
}

/// A payload whose value is told apart from all others, without a time of its own: only the protocol's identity can
/// make it a duplicate.
fn payload(value: u32) -> Vec<u8> {
    format!("{{\"voltage\": 230, \"active_energy_import\": {value}}}").into_bytes()
}

/// Several kB of JSON, for blocks: so many readings of one device.
fn long_payload(readings: u32) -> Vec<u8> {
    let reading = |at: u32| {
        let second = 1_795_420_800 + at;
        format!("{{\"ts\": {second}, \"active_energy_import\": {at}}}")
    };
    let all: Vec<String> = (0..readings).map(reading).collect();
    format!("[{}]", all.join(",")).into_bytes()
}
