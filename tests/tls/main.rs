//! TLS of the real binary, before real peers: grpcio in Python, reqwest, tonic, mosquitto's client and OpenSSL.
//!
//! Every certificate is made for the test that uses it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by failing"
)]
mod authority;
mod certificates;
mod commands;
mod handshakes;
mod peers;
mod reload;
mod served;
#[path = "../support/mod.rs"]
mod support;

use authority::Authority;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use support::counts::Counts;
use support::{BOUND, Gateway, Ports, free_ports};

/// A gateway with a certificate for localhost and a folder of its own. Its HTTP port is plain, so that tests can look
/// at it, unless they ask for more.
struct City {
    gateway: Gateway,
    mqtts: u16,
    dir: tempfile::TempDir,
}

impl City {
    fn new(authority: &Authority) -> Self {
        Self::with(authority, "", "")
    }

    /// With more keys of `[tls]` and `[mqtt]`.
    fn with(authority: &Authority, tls: &str, mqtt: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        authority
            .sign("gateway", &["localhost"])
            .write(dir.path(), "gateway");
        let ports = Ports::free();
        let [mqtts] = free_ports();
        let config =
            config(dir.path(), ports, mqtts, tls, mqtt).replace("[http]", "[http]\ntls = false");
        let gateway = Gateway::start(dir.path(), ports, &config);
        Self {
            gateway,
            mqtts,
            dir,
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn grpc(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.gateway.ports.grpc).into()
    }

    fn mqtts(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.mqtts).into()
    }

    /// The counts at rest: `received` uplinks have come, none is in flight, and the identity holds.
    #[track_caller]
    fn settled(&self, received: u64) -> Counts {
        Counts::until(&self.gateway, "mqtt", |counts| {
            counts.received == received && counts.in_flight == 0
        })
    }

    /// A value of `/metrics`; 0 where it is not there.
    fn metric(&self, name: &str) -> f64 {
        let (_, text) = self.gateway.get("/metrics").unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().unwrap())
    }

    /// Waits until a metric has reached a value.
    #[track_caller]
    fn until_metric(&self, name: &str, least: f64) {
        let start = Instant::now();
        while self.metric(name) < least {
            assert!(start.elapsed() < BOUND, "{name} is {}", self.metric(name));
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A configuration with everything over TLS.
fn config(dir: &Path, ports: Ports, mqtts: u16, tls: &str, mqtt: &str) -> String {
    let at = |name: &str| dir.join(name).display().to_string();
    let (cert, key) = (at("gateway.pem"), at("gateway.key"));
    let tls = format!("[tls]\ncert = \"{cert}\"\nkey_file = \"{key}\"\n{tls}\n");
    let mqtt = format!("[mqtt]\ntls_bind = \"127.0.0.1:{mqtts}\"\n{mqtt}");
    ports
        .config(&dir.join("data"), &tls)
        .replace("[mqtt]", &mqtt)
}

/// Replaces a file at once, as whoever renews certificates should.
fn replace(path: &Path, text: &str) {
    let fresh = path.with_extension("new");
    fs::write(&fresh, text).unwrap();
    fs::rename(fresh, path).unwrap();
}
