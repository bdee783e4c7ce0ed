//! The real stores, each a process of its own on a free loopback port, with its data in a folder of the test.
use super::support::{BOUND, free_ports};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Longest answer that a test reads.
const ANSWER_MAX: u64 = 256 << 20;
/// Database of `InfluxDB`, bucket of `VictoriaMetrics`, which has none and does not mind.
pub const DATABASE: &str = "telemetry";
/// Of `influxd` with authentication.
pub const USER: &str = "citygate";

/// Which store, by which of `InfluxDB`'s APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `VictoriaMetrics`, `/api/v2/write`.
    Victoria,
    /// `InfluxDB` 1.6, `/write`.
    Influx,
    /// The same, which asks for name and password.
    InfluxWithAuth,
}

/// A store; killed when it is dropped.
pub struct Store {
    pub kind: Kind,
    pub port: u16,
    backup_port: u16,
    dir: PathBuf,
    child: Option<Child>,
}

impl Store {
    /// One that is not started yet; its port stays its own.
    pub fn new(kind: Kind, dir: &Path) -> Self {
        let [port, backup_port] = free_ports();
        let dir = dir.join(format!("store-{port}"));
        fs::create_dir(&dir).unwrap();
        Self {
            kind,
            port,
            backup_port,
            dir,
            child: None,
        }
    }

    /// A running one, with its database.
    pub fn started(kind: Kind, dir: &Path) -> Self {
        let mut store = Self::new(kind, dir);
        store.start();
        store
    }

    /// Starts it and waits until it answers.
    #[track_caller]
    pub fn start(&mut self) {
        assert!(self.child.is_none(), "it runs");
        let mut said = File::options();
        said.create(true).append(true);
        let said = said.open(self.dir.join("said")).unwrap();
        let mut command = self.command();
        command.stdin(Stdio::null());
        command.stdout(said.try_clone().unwrap()).stderr(said);
        let named = command.get_program().display().to_string();
        let child = command.spawn();
        self.child = Some(
            child.unwrap_or_else(|error| panic!("{named}: {error}; scripts/test.sh installs it")),
        );
        let path = match self.kind {
            Kind::Victoria => "/health",
            Kind::Influx | Kind::InfluxWithAuth => "/ping",
        };
        let start = Instant::now();
        while http(self.port, "GET", path, "", b"").is_none_or(|(status, _)| status >= 300) {
            assert!(
                start.elapsed() < BOUND,
                "{named} does not answer: {}",
                self.said()
            );
            thread::sleep(Duration::from_millis(10));
        }
        match self.kind {
            Kind::Victoria => {}
            Kind::Influx => self.create_database(),
            // The first statement of a server that asks for a password names its first user.
            Kind::InfluxWithAuth => {
                let statement =
                    format!("CREATE USER {USER} WITH PASSWORD 'right' WITH ALL PRIVILEGES");
                self.query(&statement);
                self.create_database();
            }
        }
    }

    fn command(&self) -> Command {
        let port = self.port;
        if self.kind == Kind::Victoria {
            let mut command = Command::new("victoria-metrics");
            command.arg(format!("-httpListenAddr=127.0.0.1:{port}"));
            command.arg(format!("-storageDataPath={}", self.data_dir().display()));
            command.args(["-retentionPeriod=100y", "-dedup.minScrapeInterval=1ms"]);
            command.args(["-search.latencyOffset=0s", "-search.disableCache"]);
            command.args(["-memory.allowedBytes=128MiB", "-loggerLevel=WARN"]);
            return command;
        }
        let (auth, dir) = (self.kind == Kind::InfluxWithAuth, self.data_dir());
        let dir = dir.display();
        let text = format!(
            "reporting-disabled = true\nbind-address = \"127.0.0.1:{}\"\n[meta]\ndir = \"{dir}/meta\"\n\
             [data]\ndir = \"{dir}/data\"\nwal-dir = \"{dir}/wal\"\nquery-log-enabled = false\n\
             cache-max-memory-size = 268435456\n[monitor]\nstore-enabled = false\n\
             [http]\nbind-address = \"127.0.0.1:{port}\"\nlog-enabled = false\nauth-enabled = {auth}\n\
             [logging]\nlevel = \"warn\"\nsuppress-logo = true\n",
            self.backup_port,
        );
        let config = self.dir.join("influxd.conf");
        fs::write(&config, text).unwrap();
        let mut command = Command::new("influxd");
        command.arg("-config").arg(config);
        command
    }

    fn data_dir(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Ends it in order: what it acknowledged is then on its disk. `VictoriaMetrics` keeps seconds of it in memory, and
    /// a kill would lose them.
    #[track_caller]
    pub fn stop(&mut self) {
        let mut child = self.child.take().expect("it runs");
        let id = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
        let start = Instant::now();
        while child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < BOUND, "the store does not end");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Takes away all that a stopped one had.
    pub fn forget(&self) {
        assert!(self.child.is_none(), "it runs");
        fs::remove_dir_all(self.data_dir()).unwrap();
    }

    pub fn create_database(&self) {
        self.query(&format!("CREATE DATABASE {DATABASE}"));
    }

    /// The answer to a statement of `InfluxQL`.
    #[track_caller]
    pub fn query(&self, statement: &str) -> String {
        let path = format!("/query?db={DATABASE}&epoch=ns&q={}", encoded(statement));
        let password = base64(&format!("{USER}:right"));
        let header = format!("Authorization: Basic {password}\r\n");
        let (status, body) = http(self.port, "POST", &path, &header, b"").expect("it runs");
        assert_eq!(status, 200, "{statement}: {body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        let error = &answer["results"][0]["error"];
        assert!(error.is_null(), "{statement}: {body}");
        body
    }

    /// Writes lines as somebody else's client.
    #[track_caller]
    pub fn write(&self, lines: &str) {
        let path = format!("/write?db={DATABASE}&precision=ns");
        let (status, body) = http(self.port, "POST", &path, "", lines.as_bytes()).expect("it runs");
        assert_eq!(status, 204, "{body}");
    }

    /// The end of what it said.
    pub fn said(&self) -> String {
        let text = fs::read_to_string(self.dir.join("said")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if thread::panicking() {
            eprintln!("--- the store said:\n{}", self.said());
        }
    }
}

/// Status and body; nothing if nobody answers. In HTTP/1.0, so that the body ends with the connection.
pub fn http(
    port: u16,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(BOUND)).ok()?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.0\r\nhost: localhost:{port}\r\n{headers}content-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut answer = Vec::new();
    stream.take(ANSWER_MAX).read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8(answer).expect("these stores answer text");
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}

/// Percent-encoded, for a query.
pub fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        if byte.is_ascii_alphanumeric() {
            all.push(char::from(byte));
        } else {
            let _ = write!(all, "%{byte:02X}");
        }
        all
    })
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::prelude::BASE64_STANDARD.encode(text)
}
