//! The real binary under test: its ports, its configuration, its beginning and its end.
//!
//! Include it with `#[path = "../support/mod.rs"] mod support;`.
#![allow(dead_code, reason = "each test binary uses a part")]
pub mod counts;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Nothing that a test waits for takes so long, on a loaded machine either.
pub const BOUND: Duration = Duration::from_mins(3);

/// Loopback ports of one gateway. They stay its own over a restart.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub mqtt: u16,
    pub coap: u16,
    pub grpc: u16,
    pub http: u16,
}

impl Ports {
    pub fn free() -> Self {
        let [mqtt, coap, grpc, http] = free_ports();
        Self {
            mqtt,
            coap,
            grpc,
            http,
        }
    }

    /// A configuration with these ports and `more` sections.
    pub fn config(self, data_dir: &Path, more: &str) -> String {
        let Self {
            mqtt,
            coap,
            grpc,
            http,
        } = self;
        format!(
            "node = \"test\"\ndata_dir = \"{}\"\n[mqtt]\nbind = \"127.0.0.1:{mqtt}\"\n\
             [coap]\nbind = \"127.0.0.1:{coap}\"\n[grpc]\nbind = \"127.0.0.1:{grpc}\"\n[http]\nbind = \"127.0.0.1:{http}\"\n{more}\n",
            data_dir.display()
        )
    }
}

/// Ports that nobody listens on, below the range from which the kernel takes ports for outgoing connections: a client
/// that retries while its gateway is down could otherwise be given the gateway's port, and connect to itself.
///
/// No two calls of a process give the same port: tests run side by side, and who got a port binds it some time later.
pub fn free_ports<const N: usize>() -> [u16; N] {
    static NEXT: LazyLock<AtomicU32> = LazyLock::new(|| {
        let now = std::time::UNIX_EPOCH.elapsed();
        let seed = now.map_or(0, |now| now.subsec_nanos());
        AtomicU32::new(std::process::id().wrapping_mul(7919) ^ seed)
    });
    let mut candidates = (0..10_000).map(|_| {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        20_000 + u16::try_from(step % 12_000).unwrap_or(0)
    });
    let mut held = Vec::new();
    let ports = std::array::from_fn(|_| {
        loop {
            let port = candidates.next().expect("10,000 ports are taken");
            let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, port));
            if let (Ok(tcp), Ok(udp)) = (tcp, udp) {
                held.push((tcp, udp));
                return port;
            }
        }
    });
    drop(held);
    ports
}

/// A running gateway. Dropped, it is killed.
pub struct Gateway {
    pub child: Child,
    pub ports: Ports,
    log: PathBuf,
}

impl Gateway {
    /// Writes `config` into `dir` and starts the gateway; what it says is appended to `dir/gateway.out`.
    ///
    /// `prepare` may add to the command, an environment for example. Returns at once: see [`Gateway::wait_ready`].
    pub fn spawn(
        dir: &Path,
        ports: Ports,
        config: &str,
        prepare: impl FnOnce(&mut Command),
    ) -> Self {
        let file = dir.join("citygate.toml");
        fs::write(&file, config).expect("the folder is writable");
        let log = dir.join("gateway.out");
        let out = File::options().create(true).append(true).open(&log);
        let out = out.expect("the folder is writable");
        let mut command = Command::new(env!("CARGO_BIN_EXE_citygate"));
        command.arg("run").arg("--config").arg(file);
        command.stdin(Stdio::null());
        command.stdout(out.try_clone().expect("a file can be shared"));
        command.stderr(out);
        prepare(&mut command);
        let child = command.spawn().expect("the gateway starts");
        Self { child, ports, log }
    }

    /// As [`Gateway::spawn`], and waits until it takes connections.
    pub fn start(dir: &Path, ports: Ports, config: &str) -> Self {
        let mut gateway = Self::spawn(dir, ports, config, |_| {});
        gateway.wait_ready();
        gateway
    }

    /// Waits for `/readyz`.
    ///
    /// # Panics
    /// If the process ends first, or after [`BOUND`].
    #[track_caller]
    pub fn wait_ready(&mut self) {
        let start = Instant::now();
        while self.get("/readyz").is_none_or(|(status, _)| status != 200) {
            let ended = self.child.try_wait().expect("it is our child");
            assert!(
                ended.is_none(),
                "ended at start: {ended:?}\n{}",
                self.said()
            );
            assert!(
                start.elapsed() < BOUND,
                "not ready within {BOUND:?}\n{}",
                self.said()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Status and body of an HTTP GET; nothing if nobody answers.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        http_get(self.ports.http, path)
    }

    /// The end of what it said.
    pub fn said(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }

    /// Asks it to end, and waits.
    #[track_caller]
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        self.wait()
    }

    /// As a crash of the process; the page cache survives it.
    #[track_caller]
    pub fn kill(&mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::KILL);
        self.wait()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, signal).expect("it is our child");
    }

    #[track_caller]
    fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            assert!(
                start.elapsed() < BOUND,
                "did not end within {BOUND:?}\n{}",
                self.said()
            );
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- the gateway said:\n{}", self.said());
        }
    }
}

/// Status and body of `GET path`; nothing if nobody answers.
pub fn http_get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: localhost:{port}\r\nconnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_owned()))
}
