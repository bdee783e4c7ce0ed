//! A way to a store on which everything goes wrong that goes wrong on ways to stores.
//!
//! ```text
//! gateway --> Proxy --> store        one fault per request: by its number in a list, or by seed and number
//! ```
use super::support::{BOUND, free_ports};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Connections at a time; the next is closed at once.
const CONNECTIONS_MAX: u64 = 64;
/// Longest head and body.
const HEAD_MAX: u64 = 64 << 10;
const BODY_MAX: usize = 64 << 20;
/// How often a waiting connection looks whether the test is over.
const PATIENCE: Duration = Duration::from_millis(50);
/// A slow body comes in so many pieces, each so late.
const PIECES: usize = 10;
const PIECE_AFTER: Duration = Duration::from_millis(20);

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    Pass,
    /// 429 with `Retry-After: 1`.
    TooMany,
    /// 500 with a page.
    Internal,
    /// 503.
    Unavailable,
    /// 413.
    TooLarge,
    /// No answer at all.
    Hang,
    /// Half of the body is read, then the connection is reset.
    ResetInBody,
    /// The store has written everything, then the connection is reset before the answer.
    ResetAfterCommit,
    /// The store has written everything, and half of the head of its answer comes.
    CutAnswer,
    /// The body is read slowly, and passed.
    Slow,
    /// Reset before anything is read.
    Refuse,
}

const FAULTS: [Fault; 9] = [
    Fault::TooMany,
    Fault::Internal,
    Fault::Unavailable,
    Fault::Hang,
    Fault::ResetInBody,
    Fault::ResetAfterCommit,
    Fault::CutAnswer,
    Fault::Slow,
    Fault::Refuse,
];

/// Which fault the n-th write meets.
#[derive(Clone, Debug)]
pub enum Script {
    /// Each the same.
    Always(Fault),
    /// Of twenty, eight fail and one is slow, each fault as often.
    Mixed { seed: u64 },
    /// Writes that are longer than this are 413, the others pass.
    AtMost(usize),
}

impl Script {
    fn fault(&self, request: u64, body: usize) -> Fault {
        match self {
            Self::Always(fault) => *fault,
            Self::AtMost(limit) if body > *limit => Fault::TooLarge,
            Self::AtMost(_) => Fault::Pass,
            Self::Mixed { seed } => {
                let mut z = (seed ^ request).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                let turn = usize::try_from((z ^ (z >> 29)) % 20).unwrap();
                FAULTS.get(turn).copied().unwrap_or(Fault::Pass)
            }
        }
    }
}

struct Shared {
    to: u16,
    script: Mutex<Script>,
    over: AtomicBool,
    requests: AtomicU64,
    connections: AtomicU64,
    did: Mutex<BTreeMap<Fault, u64>>,
}

/// The proxy; it ends with it.
pub struct Proxy {
    pub port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Before the store at the port `to`.
    pub fn start(to: u16, script: Script) -> Self {
        let [port] = free_ports();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let shared = Arc::new(Shared {
            to,
            script: Mutex::new(script),
            over: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            did: Mutex::default(),
        });
        let thread = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        let thread = Some(thread);
        Self {
            port,
            shared,
            thread,
        }
    }

    /// From now on.
    pub fn set(&self, script: Script) {
        *self.shared.script.lock().unwrap() = script;
    }

    /// How many writes met what.
    pub fn did(&self) -> BTreeMap<Fault, u64> {
        self.shared.did.lock().unwrap().clone()
    }

    /// How many writes met this.
    pub fn times(&self, fault: Fault) -> u64 {
        self.did().get(&fault).copied().unwrap_or(0)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        if thread::panicking() {
            eprintln!("--- the proxy did {:?}", self.did());
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    while !shared.over.load(Ordering::Relaxed) {
        let Ok((stream, _)) = listener.accept() else {
            thread::sleep(Duration::from_millis(1));
            continue;
        };
        if shared.connections.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
            shared.connections.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        threads.retain(|thread| !thread.is_finished());
        let shared = Arc::clone(shared);
        threads.push(thread::spawn(move || {
            // How a connection ends is the gateway's business: it sees it, and the test sees what becomes of it.
            let _ = serve(&stream, &shared);
            shared.connections.fetch_sub(1, Ordering::Relaxed);
        }));
    }
    for thread in threads {
        let _ = thread.join();
    }
}

/// The requests of one connection.
fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut input = BufReader::new(stream);
    loop {
        let Some(head) = head(&mut input, shared)? else {
            return Ok(());
        };
        let length = header(&head, "content-length")
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        if length > BODY_MAX || header(&head, "transfer-encoding").is_some() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let fault = if head.starts_with("POST ") && head.contains("write?") {
            let request = shared.requests.fetch_add(1, Ordering::Relaxed);
            let fault = shared.script.lock().unwrap().fault(request, length);
            *shared.did.lock().unwrap().entry(fault).or_default() += 1;
            fault
        } else {
            Fault::Pass
        };
        if fault == Fault::Refuse {
            return reset(stream);
        }
        let body = body(&mut input, length, fault, shared)?;
        match fault {
            Fault::Pass | Fault::Slow => (&*stream).write_all(&forward(&head, &body, shared)?)?,
            Fault::TooMany => answer(
                stream,
                "429 Too Many Requests\r\nretry-after: 1",
                "slow down",
            )?,
            Fault::Internal => answer(stream, "500 Internal Server Error", "<html>500</html>")?,
            Fault::Unavailable => answer(stream, "503 Service Unavailable", "")?,
            Fault::TooLarge => answer(
                stream,
                "413 Request Entity Too Large",
                "{\"error\":\"too large\"}",
            )?,
            Fault::Hang => {
                hang(stream, shared);
                return Ok(());
            }
            Fault::ResetInBody | Fault::Refuse => return reset(stream),
            Fault::ResetAfterCommit => {
                forward(&head, &body, shared)?;
                return reset(stream);
            }
            Fault::CutAnswer => {
                let answer = forward(&head, &body, shared)?;
                let mut stream = stream;
                stream.write_all(&answer[..answer.len().min(20)])?;
                return stream.shutdown(std::net::Shutdown::Both);
            }
        }
    }
}

/// The next head, with its last empty line; nothing when the connection or the test is over.
fn head(input: &mut BufReader<&TcpStream>, shared: &Shared) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if shared.over.load(Ordering::Relaxed) {
            return Ok(None);
        }
        match input.take(HEAD_MAX).read_until(b'\n', &mut head) {
            Ok(0) => return Ok(None),
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            Ok(_) | Err(_) => {}
        }
        if head.len() as u64 >= HEAD_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
    String::from_utf8(head)
        .map(Some)
        .map_err(|_| io::ErrorKind::InvalidData.into())
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// As much of the body as this fault reads, as fast.
fn body(
    input: &mut BufReader<&TcpStream>,
    length: usize,
    fault: Fault,
    shared: &Shared,
) -> io::Result<Vec<u8>> {
    let wanted = if fault == Fault::ResetInBody {
        length / 2
    } else {
        length
    };
    let mut body = vec![0; wanted];
    let (mut read, start) = (0, Instant::now());
    while read < wanted {
        if shared.over.load(Ordering::Relaxed) || start.elapsed() > BOUND {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let mut end = wanted;
        if fault == Fault::Slow {
            thread::sleep(PIECE_AFTER);
            end = wanted.min(read + wanted / PIECES + 1);
        }
        match input.read(&mut body[read..end]) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(body)
}

/// The store's answer, made one of a connection that stays. In HTTP/1.0 it ends with its connection.
fn forward(head: &str, body: &[u8], shared: &Shared) -> io::Result<Vec<u8>> {
    let mut store = TcpStream::connect((Ipv4Addr::LOCALHOST, shared.to))?;
    store.set_read_timeout(Some(BOUND))?;
    let mut lines = head.trim_end().lines();
    let first = lines
        .next()
        .unwrap_or_default()
        .replace("HTTP/1.1", "HTTP/1.0");
    let kept = lines.filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let head = kept.fold(first, |all, line| format!("{all}\r\n{line}"));
    store.write_all(format!("{head}\r\n\r\n").as_bytes())?;
    store.write_all(body)?;
    let mut answer = Vec::new();
    store.take(BODY_MAX as u64).read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
    let head = String::from_utf8_lossy(&answer[..end]).replace("HTTP/1.0", "HTTP/1.1");
    let dropped = |line: &&str| {
        let line = line.to_ascii_lowercase();
        !line.starts_with("connection:") && !line.starts_with("content-length:")
    };
    let mut lines: Vec<&str> = head.lines().filter(dropped).collect();
    let body = &answer[end + 4..];
    let length = format!("content-length: {}", body.len());
    if !head.starts_with("HTTP/1.1 204") {
        lines.push(&length);
    }
    Ok([lines.join("\r\n").as_bytes(), b"\r\n\r\n", body].concat())
}

fn answer(mut stream: &TcpStream, status: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// Until the gateway gives up, or the test ends.
fn hang(mut stream: &TcpStream, shared: &Shared) {
    let (mut byte, start) = ([0], Instant::now());
    while !shared.over.load(Ordering::Relaxed) && start.elapsed() < BOUND {
        match stream.read(&mut byte) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => return,
        }
    }
}

/// Closing with lingering off sends a RST.
fn reset(stream: &TcpStream) -> io::Result<()> {
    let linger = nix::libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    nix::sys::socket::setsockopt(&stream.as_fd(), nix::sys::socket::sockopt::Linger, &linger)?;
    Ok(())
}
