//! A gateway with stores, and promise 2 at every look.
use super::load::{self, Load};
use super::peers::{DATABASE, Kind, Store};
use super::readback;
use super::support::{BOUND, Gateway, Ports};
use super::truth::{Reading, differences, expected};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What `/v1/accounting` says of a store, in readings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub logged: u64,
    pub stored: u64,
    pub pending: u64,
    pub rejected: u64,
    pub expired: u64,
    pub skipped: u64,
}

/// A `[[store]]` of this name at this port, with more keys.
pub fn section(name: &str, kind: Kind, port: u16, more: &str) -> String {
    let api = match kind {
        Kind::Victoria => "api = \"v2\"\norg = \"city\"\nbucket",
        Kind::Influx | Kind::InfluxWithAuth => "api = \"v1\"\ndatabase",
    };
    format!(
        "[[store]]\nname = \"{name}\"\nurl = \"http://127.0.0.1:{port}\"\n{api} = \"{DATABASE}\"\n{more}\n"
    )
}

/// A gateway with a folder of its own.
pub struct City {
    pub gateway: Gateway,
    config: String,
    dir: TempDir,
}

impl City {
    /// With these `[[store]]` sections, and whatever else.
    #[track_caller]
    pub fn start(dir: TempDir, more: &str) -> Self {
        Self::start_with(dir, more, |_| {})
    }

    /// The same, and `prepare` may add to the command.
    #[track_caller]
    pub fn start_with(dir: TempDir, more: &str, prepare: impl FnOnce(&mut Command)) -> Self {
        let ports = Ports::free();
        let mut config = ports.config(&dir.path().join("data"), load::CONFIG);
        let _ = write!(config, "\n{more}\n");
        let mut gateway = Gateway::spawn(dir.path(), ports, &config, prepare);
        gateway.wait_ready();
        Self {
            gateway,
            config,
            dir,
        }
    }

    /// More for its next start.
    pub fn configure(&mut self, more: &str) {
        self.config.push_str(more);
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn publish(&self, load: &Load) {
        load::publish(self.gateway.ports, &load.messages);
    }

    /// As a crash of the process; then a new one on the same ports and data.
    #[track_caller]
    pub fn kill_and_restart(&mut self) {
        self.gateway.kill();
        self.start_again();
    }

    /// In order, as an operator does.
    #[track_caller]
    pub fn stop_and_restart(&mut self) {
        let status = self.gateway.stop();
        assert!(status.success(), "{status}\n{}", self.gateway.said());
        self.start_again();
    }

    #[track_caller]
    pub fn start_again(&mut self) {
        self.start_again_with(|_| {});
    }

    /// The same, and `prepare` may add to the command.
    #[track_caller]
    pub fn start_again_with(&mut self, prepare: impl FnOnce(&mut Command)) {
        let ports = self.gateway.ports;
        self.gateway = Gateway::spawn(self.dir.path(), ports, &self.config, prepare);
        self.gateway.wait_ready();
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        let (status, body) = self.gateway.get(path).expect("it answers");
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// The counts of a store now. Both identities hold, of every source and of every store.
    #[track_caller]
    pub fn look(&self, store: &str) -> Counts {
        let body = self.get("/v1/accounting");
        let count = |of: &Value, key: &str| -> u64 {
            let text = of[key].as_str().unwrap_or_else(|| panic!("no {key}: {of}"));
            text.parse().expect("a number")
        };
        let sum = |of: &Value, keys: &[&str]| keys.iter().map(|key| count(of, key)).sum::<u64>();
        for source in body["sources"].as_array().expect("a list") {
            let known = [
                "logged",
                "rejected",
                "duplicate",
                "refused",
                "dropped",
                "in_flight",
            ];
            assert_eq!(count(source, "received"), sum(source, &known), "{source}");
        }
        let stores = body["stores"].as_array().expect("a list");
        for store in stores {
            let known = ["stored", "pending", "rejected", "expired", "skipped"];
            assert_eq!(count(store, "logged"), sum(store, &known), "{store}");
        }
        let named = stores.iter().find(|one| one["name"] == store);
        let named = named.unwrap_or_else(|| panic!("no store {store}: {body}"));
        Counts {
            logged: count(named, "logged"),
            stored: count(named, "stored"),
            pending: count(named, "pending"),
            rejected: count(named, "rejected"),
            expired: count(named, "expired"),
            skipped: count(named, "skipped"),
        }
    }

    /// Waits for what is `reached`, looking all the time.
    #[track_caller]
    pub fn until(&self, store: &str, reached: impl Fn(&Counts) -> bool) -> Counts {
        let start = Instant::now();
        loop {
            let counts = self.look(store);
            if reached(&counts) {
                return counts;
            }
            let in_time = start.elapsed() < BOUND;
            assert!(in_time, "{counts:?}\n{}", self.get("/v1/stores"));
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until nothing of `sent` readings is pending.
    #[track_caller]
    pub fn delivered(&self, store: &str, sent: u64) -> Counts {
        self.until(store, |counts| counts.logged == sent && counts.pending == 0)
    }

    /// What `/v1/stores` says of a store.
    #[track_caller]
    pub fn status(&self, store: &str) -> Value {
        let body = self.get("/v1/stores");
        let stores = body["stores"].as_array().expect("a list").iter();
        let mut named = stores.filter(|one| one["name"] == store);
        named
            .next()
            .unwrap_or_else(|| panic!("no store {store}: {body}"))
            .clone()
    }

    /// Waits until `/v1/stores` says this of a store.
    #[track_caller]
    pub fn until_status(&self, store: &str, reached: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let status = self.status(store);
            if reached(&status) {
                return status;
            }
            assert!(start.elapsed() < BOUND, "{status}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The gaps that retention made before a reader, as events of the log tell them. Ends the gateway.
    #[track_caller]
    pub fn gaps(&mut self, reader: &str) -> Vec<Value> {
        assert!(self.gateway.stop().success());
        let mut command = Command::new(env!("CARGO_BIN_EXE_citygate"));
        let data = self.dir.path().join("data");
        let export = command.args(["log", "export", "--json"]).arg(data).output();
        let text = String::from_utf8(export.unwrap().stdout).unwrap();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let gaps = lines.filter(|line| line["event"]["name"] == "gap");
        let details = gaps.map(|line| line["event"]["detail"].clone());
        details
            .filter(|detail| detail["reader"] == reader)
            .collect()
    }

    /// Runs a command beside the gateway.
    pub fn command(&self, arguments: &[&str]) -> Output {
        let url = format!("http://127.0.0.1:{}", self.gateway.ports.http);
        let mut command = Command::new(env!("CARGO_BIN_EXE_citygate"));
        command
            .args(arguments)
            .env("CITYGATE_URL", url)
            .output()
            .unwrap()
    }
}

/// All of it is in the store, each once, and nothing else.
#[track_caller]
pub fn same_as<'r>(store: &Store, sent: impl IntoIterator<Item = &'r Reading>) {
    let wanted = expected(store.kind, sent);
    let said = differences(store.kind, &wanted, &readback::all(store));
    assert!(said.is_empty(), "{:?}: {said}", store.kind);
    assert!(!wanted.is_empty());
}
