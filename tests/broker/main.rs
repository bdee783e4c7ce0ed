//! Links to a city's broker: the real binary behind the real Mosquitto, with the configuration that deploy/ ships.
//!
//! ```text
//!  publisher --> Mosquitto --> tap --> citygate (under the shim, where its disk matters)
//! ```
//! The tap reads both directions: it knows which message each PUBACK of the gateway answers, and whether that message
//! was delivered on the same connection. After every test each message that was acknowledged so lies in the log, once.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by failing"
)]
mod basics;
mod crash;
#[path = "../crash/disk.rs"]
#[allow(dead_code, reason = "a part is used here")]
mod disk;
mod full;
#[path = "../mqtt/logs.rs"]
mod logs;
mod mosquitto;
mod power;
mod publisher;
mod refused;
mod stale;
#[path = "../support/mod.rs"]
mod support;
mod tap;
mod tls;

use disk::Disk;
use logs::Logs;
use mosquitto::Mosquitto;
use publisher::Message;
use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};
use support::counts::Counts;
use support::{BOUND, Gateway, Ports};
use tap::Tap;

/// How long a sync under the shim takes: whoever acknowledges before it returns is caught.
const SYNC_US: u32 = 500;

/// What every test has in common.
struct City {
    // Dropped in this order: who connects goes first.
    gateway: Gateway,
    tap: Tap,
    mosquitto: Mosquitto,
    config: String,
    disk: Option<Disk>,
    dir: tempfile::TempDir,
}

/// How the gateway is linked.
#[derive(Clone, Copy, Debug)]
struct Link {
    version: &'static str,
    group: &'static str,
    clients: u16,
}

impl Link {
    const fn alone(version: &'static str) -> Self {
        Self {
            version,
            group: "",
            clients: 1,
        }
    }

    const fn shared(version: &'static str, clients: u16) -> Self {
        Self {
            version,
            group: "citygate",
            clients,
        }
    }

    /// Its `[[broker]]`, through the tap.
    fn config(self, port: u16, dir: &Path) -> String {
        let Self {
            version,
            group,
            clients,
        } = self;
        let password = dir.join("password");
        std::fs::write(&password, mosquitto::PASSWORD).unwrap();
        format!(
            "[[broker]]\nname = \"plant\"\nurl = \"mqtt://127.0.0.1:{port}\"\nversion = \"{version}\"\n\
             group = \"{group}\"\nclients = {clients}\ntopics = [\"city/#\"]\nkeep_alive = \"5s\"\n\
             user = \"{}\"\npassword_file = \"{}\"\n",
            mosquitto::USER,
            password.display()
        )
    }
}

impl City {
    fn new(link: Link) -> Self {
        Self::with(link, "", false)
    }

    /// With more keys of `[[broker]]` and sections, and a disk that can be slow and lose what is not synced.
    fn with(link: Link, more: &str, on_disk: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let disk = on_disk.then(|| Disk::new(dir.path()));
        Self::in_dir(dir, link, more, disk)
    }

    /// With its data in `dir/data`.
    fn in_dir(dir: tempfile::TempDir, link: Link, more: &str, disk: Option<Disk>) -> Self {
        let mosquitto = Mosquitto::start(dir.path(), "");
        let tap = Tap::start(mosquitto.port, link.version);
        let ports = Ports::free();
        let broker = link.config(tap.port, dir.path());
        let config = ports.config(&dir.path().join("data"), &format!("{broker}{more}"));
        let gateway = start(dir.path(), ports, &config, disk.as_ref());
        Self {
            gateway,
            tap,
            mosquitto,
            config,
            disk,
            dir,
        }
    }

    fn restart(&mut self) {
        self.gateway = start(
            self.dir.path(),
            self.gateway.ports,
            &self.config,
            self.disk.as_ref(),
        );
    }

    /// Every link of `/v1/sources`.
    fn links(&self) -> Vec<Value> {
        let (status, body) = self.gateway.get("/v1/sources").unwrap();
        assert_eq!(status, 200, "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        body["links"].as_array().unwrap().clone()
    }

    /// Waits until all links are `reached`.
    #[track_caller]
    fn links_until(&self, reached: impl Fn(&Value) -> bool) -> Vec<Value> {
        let start = Instant::now();
        loop {
            let links = self.links();
            if links.iter().all(&reached) {
                return links;
            }
            assert!(
                start.elapsed() < BOUND,
                "{links:#?}\n{}",
                self.gateway.said()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[track_caller]
    fn subscribed(&self) -> Vec<Value> {
        self.links_until(|link| link["state"] == "connected" && link["subscription"] == "granted")
    }

    #[track_caller]
    fn until(&self, reached: impl Fn(&Counts) -> bool) -> Counts {
        Counts::until(&self.gateway, "broker", reached)
    }

    #[track_caller]
    fn wait(&self, what: &str, reached: impl Fn() -> bool) {
        let start = Instant::now();
        while !reached() {
            assert!(
                start.elapsed() < BOUND,
                "{what}: not within {BOUND:?}\n{}",
                self.gateway.said()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until nothing moves any more: the broker has nothing that it has not been acknowledged.
    #[track_caller]
    fn quiet(&self) {
        let (start, mut since, mut last) = (Instant::now(), Instant::now(), None);
        while since.elapsed() < Duration::from_secs(2) {
            let now = Some((
                self.until(|counts| counts.in_flight == 0),
                self.tap.acked().len(),
            ));
            if now != last {
                (since, last) = (Instant::now(), now);
            }
            assert!(start.elapsed() < 2 * BOUND, "never quiet: {last:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops the gateway as an operator does, and reads its logs.
    #[track_caller]
    fn stop(mut self) -> Ended {
        let status = self.gateway.stop();
        assert!(status.success(), "{status}\n{}", self.gateway.said());
        self.ended()
    }

    /// What a gateway that is gone has left.
    fn ended(&self) -> Ended {
        Ended {
            logs: Logs::read(&self.dir.path().join("data")),
            acked: self.tap.acked(),
            stale: self.tap.stale(),
        }
    }
}

fn start(dir: &Path, ports: Ports, config: &str, disk: Option<&Disk>) -> Gateway {
    let mut gateway = Gateway::spawn(dir, ports, config, |command| {
        if let Some(disk) = disk {
            disk.attach(command, "log/*.seg", SYNC_US, false);
        }
    });
    gateway.wait_ready();
    gateway
}

/// What is left of a test.
struct Ended {
    logs: Logs,
    acked: Vec<Message>,
    stale: Vec<u16>,
}

impl Ended {
    /// How often each message lies in the log.
    fn logged(&self) -> HashMap<Message, usize> {
        let mut times = HashMap::new();
        let mut devices: Vec<&str> = self
            .logs
            .reports
            .iter()
            .map(|r| r.device_id.as_str())
            .collect();
        devices.sort_unstable();
        devices.dedup();
        for device in devices {
            for value in self.logs.energies(device) {
                *times.entry((device.to_owned(), value)).or_default() += 1;
            }
        }
        times
    }

    /// The promise: what was acknowledged is in the log, each once, and no ack answered a message of an
    /// earlier connection. Returns how many messages lie in the log.
    #[track_caller]
    fn check(&self) -> usize {
        assert!(
            self.stale.is_empty(),
            "{} acks of packet ids that their connection had not delivered: {:?}",
            self.stale.len(),
            self.stale.first()
        );
        let logged = self.logged();
        let missing: Vec<_> = self
            .acked
            .iter()
            .filter(|message| !logged.contains_key(*message))
            .collect();
        assert!(
            missing.is_empty(),
            "{} acknowledged and not in the log: {:?}",
            missing.len(),
            missing.first()
        );
        let twice: Vec<_> = logged.iter().filter(|(_, times)| **times > 1).collect();
        assert!(
            twice.is_empty(),
            "{} more than once: {:?}",
            twice.len(),
            twice.first()
        );
        logged.len()
    }

    /// Is all of `messages` in the log?
    #[track_caller]
    fn holds(&self, messages: &[Message]) {
        let logged = self.logged();
        let missing: Vec<_> = messages
            .iter()
            .filter(|message| !logged.contains_key(*message))
            .collect();
        assert!(
            missing.is_empty(),
            "{} of {} missing: {:?}",
            missing.len(),
            messages.len(),
            missing.first()
        );
    }
}
