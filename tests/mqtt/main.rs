//! The MQTT listener of the real binary, before real peers: paho-mqtt (a Python script of ours), `mosquitto_pub`, and
//! bytes written by hand where a peer's library would not let us.
//!
//! After every test the accounting holds: `received` is what the peers sent, nothing is in flight, and `logged` and
//! `rejected` are what lies in the logs.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by failing"
)]
mod limits;
mod logs;
mod peers;
mod publish;
mod raw;
mod restart;
#[path = "../support/mod.rs"]
mod support;
mod wills;

use logs::Logs;
use std::path::PathBuf;
use support::counts::Counts;
use support::{Gateway, Ports};

/// A gateway with a folder of its own.
struct City {
    gateway: Gateway,
    config: String,
    dir: tempfile::TempDir,
}

impl City {
    fn new() -> Self {
        Self::with("", "")
    }

    /// With more keys of `[mqtt]`, and more sections.
    fn with(mqtt: &str, more: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ports = Ports::free();
        let config = ports.config(&dir.path().join("data"), more);
        let config = config.replace("[mqtt]", &format!("[mqtt]\n{mqtt}"));
        let gateway = Gateway::start(dir.path(), ports, &config);
        Self {
            gateway,
            config,
            dir,
        }
    }

    fn port(&self) -> u16 {
        self.gateway.ports.mqtt
    }

    /// The counts at rest: `received` uplinks have come, none is in flight, and the identity holds.
    #[track_caller]
    fn settled(&self, received: u64) -> Counts {
        self.until(|counts| counts.received == received && counts.in_flight == 0)
    }

    #[track_caller]
    fn until(&self, reached: impl Fn(&Counts) -> bool) -> Counts {
        Counts::until(&self.gateway, "mqtt", reached)
    }

    /// As a power cut of the process; then a new one on the same ports and data.
    fn crash_and_restart(&mut self) {
        self.gateway.kill();
        self.gateway = Gateway::start(self.dir.path(), self.gateway.ports, &self.config);
    }

    /// Stops the gateway as an operator does, and reads its logs.
    #[track_caller]
    fn stop(mut self) -> Logs {
        let status = self.gateway.stop();
        assert!(status.success(), "{status}\n{}", self.gateway.said());
        Logs::read(&self.data_dir())
    }

    fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }
}

/// A payload whose value is told apart from all others, without a time of its own: only the protocol's identity can
/// make it a duplicate.
fn payload(value: u32) -> Vec<u8> {
    format!("{{\"voltage\": 230, \"active_energy_import\": {value}}}").into_bytes()
}
