//! A gateway on one core, its load on the other, and what both cost.
#![allow(dead_code, reason = "each bench uses its part")]
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The binary under test.
pub const CITYGATE: &str = env!("CARGO_BIN_EXE_citygate");
/// Core of the server.
pub const SERVER_CORE: &str = "0";
/// Core of the load.
pub const LOAD_CORE: &str = "1";
const START_MAX: Duration = Duration::from_secs(30);

/// A port that is free now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    listener.local_addr().expect("bound").port()
}

/// A running server; ends with it.
pub struct Server {
    child: Child,
    /// Its MQTT port.
    pub mqtt: u16,
    /// Its `CoAP` port, if it has one.
    pub coap: u16,
    /// Its HTTP port, if it has one.
    pub http: u16,
    /// Its gRPC port, if it has one.
    pub grpc: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// citygate with its data in `dir`, pinned to the server's core.
    pub fn citygate(dir: &Path) -> Self {
        Self::start(dir, "", &[])
    }

    /// The same, with `more` sections.
    pub fn citygate_and(dir: &Path, more: &str) -> Self {
        Self::start(dir, more, &[])
    }

    /// With keys of the configuration as environment variables.
    pub fn citygate_with(dir: &Path, keys: &[(&str, String)]) -> Self {
        Self::start(dir, "", keys)
    }

    fn start(dir: &Path, more: &str, keys: &[(&str, String)]) -> Self {
        let (mqtt, coap, http, grpc) = (free_port(), free_port(), free_port(), free_port());
        let config = dir.join("citygate.toml");
        let text = format!(
            "node = 'bench'\ndata_dir = '{}'\n[mqtt]\nbind = '127.0.0.1:{mqtt}'\n[coap]\nbind = '127.0.0.1:{coap}'\n[http]\nbind = '127.0.0.1:{http}'\n\
             [grpc]\nbind = '127.0.0.1:{grpc}'\n{more}\n",
            dir.join("data").display()
        );
        fs::write(&config, text).expect("the bench's folder is writable");
        let child = Command::new("taskset")
            .args(["-c", SERVER_CORE, CITYGATE, "run", "--config"])
            .arg(&config)
            .envs(keys.iter().map(|(key, value)| (key, value)))
            .stdout(Stdio::null())
            .stderr(fs::File::create(dir.join("stderr")).expect("writable"))
            .spawn()
            .expect("taskset is part of util-linux");
        let server = Self {
            child,
            mqtt,
            coap,
            http,
            grpc,
        };
        Self::wait(http);
        server
    }

    /// Mosquitto 2 without persistence, which only acknowledges, pinned to the server's core.
    pub fn mosquitto(dir: &Path) -> Option<Self> {
        let mqtt = free_port();
        let config = dir.join("mosquitto.conf");
        let text = format!(
            "listener {mqtt} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_inflight_messages 0\n\
             max_queued_messages 0\nmax_connections -1\nlog_type error\nuser root\n"
        );
        fs::write(&config, text).ok()?;
        let child = Command::new("taskset")
            .args(["-c", SERVER_CORE, "mosquitto", "-c"])
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let server = Self {
            child,
            mqtt,
            coap: 0,
            http: 0,
            grpc: 0,
        };
        Self::wait(mqtt);
        Some(server)
    }

    /// `VictoriaMetrics` with its data in `dir`, pinned to the load's core.
    pub fn victoria(dir: &Path, http: u16) -> Option<Self> {
        let child = Command::new("taskset")
            .args(["-c", LOAD_CORE, "victoria-metrics", "-retentionPeriod=100y"])
            .args(["-memory.allowedBytes=1GiB", "-loggerLevel=ERROR"])
            .arg(format!("-httpListenAddr=127.0.0.1:{http}"))
            .arg(format!(
                "-storageDataPath={}",
                dir.join("victoria").display()
            ))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let server = Self {
            child,
            mqtt: 0,
            coap: 0,
            http,
            grpc: 0,
        };
        Self::wait(http);
        Some(server)
    }

    fn wait(port: u16) {
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < START_MAX, "nothing listens on {port}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// CPU time of the whole process so far.
    pub fn cpu(&self) -> Duration {
        cpu_of(self.child.id())
    }

    /// Resident memory in bytes.
    pub fn rss(&self) -> u64 {
        rss_of(self.child.id())
    }

    /// `GET path` of its HTTP port, as JSON.
    pub fn get(&self, path: &str) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.http)).expect("it listens");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        .expect("it reads");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("it answers");
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        serde_json::from_str(body).expect("it answers JSON")
    }

    /// `/v1/accounting` of the MQTT listener.
    pub fn mqtt_count(&self, key: &str) -> u64 {
        self.count("mqtt", key)
    }

    /// `/v1/accounting` of a source.
    pub fn count(&self, source: &str, key: &str) -> u64 {
        let accounting = self.get("/v1/accounting");
        accounting["sources"]
            .as_array()
            .and_then(|sources| sources.iter().find(|one| one["name"] == source))
            .and_then(|source| source[key].as_str())
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    }
}

/// Resident memory of a process in bytes; 0 when it is gone.
pub fn rss_of(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
    kib.unwrap_or(0u64) << 10
}

/// CPU time of a process, user and system, all threads.
pub fn cpu_of(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map_or("", |(_, rest)| rest)
        .split_whitespace()
        .collect();
    let ticks: u64 = [11, 12]
        .iter()
        .filter_map(|at| fields.get(*at)?.parse::<u64>().ok())
        .sum();
    // USER_HZ is 100 on every Linux that Rust supports.
    Duration::from_millis(ticks * 10)
}

/// Runs `citygate simulate` on the load's core and returns its JSON summary.
pub fn simulate(port: u16, args: &[&str]) -> Value {
    let output = Command::new("taskset")
        .args(["-c", LOAD_CORE, CITYGATE, "simulate", "--json", "--to"])
        .arg(format!("mqtt://127.0.0.1:{port}"))
        .args(args)
        .stderr(Stdio::inherit())
        .output()
        .expect("taskset is part of util-linux");
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    serde_json::from_str(last)
        .or_else(|_| serde_json::from_str(&text))
        .unwrap_or_else(|error| panic!("simulate printed {text:?}: {error}"))
}

/// `total` per `count`, in microseconds.
#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
pub fn micros_per(total: Duration, count: u64) -> f64 {
    total.as_secs_f64() * 1e6 / count.max(1) as f64
}

/// `count` per second of `total`.
#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
pub fn per_second(count: u64, total: Duration) -> f64 {
    count as f64 / total.as_secs_f64().max(1e-9)
}
