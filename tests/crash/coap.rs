//! Devices over `CoAP` that never give up: a few confirmable or non-confirmable requests outstanding, each resent as it
//! is, from the same port, until its response comes.
//!
//! The bytes are written by hand, so that the gateway's codec is not judged by itself.
use crate::load::{Key, Lane, Ledger, Over, device, payload};
use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Requests of one device without a response.
const WINDOW: usize = 8;
/// A device resends sooner than RFC 7252 §4.2 allows: restarts are frequent here.
const RESEND: Duration = Duration::from_millis(300);
/// How often a waiting device looks whether something is due.
const PATIENCE: Duration = Duration::from_millis(50);
/// Responses have no body worth mentioning.
const DATAGRAM_BYTES_MAX: usize = 1_500;

const CON: u8 = 0;
const NON: u8 = 1;
const ACK: u8 = 2;
const RST: u8 = 3;
const EMPTY: u8 = 0;
const POST: u8 = 0x02;
const CHANGED: u8 = 0x44;
const SERVICE_UNAVAILABLE: u8 = 0xA3;
const JSON: u8 = 50;

/// Sent, perhaps to a gateway that is gone.
struct Request {
    message_id: u16,
    key: Key,
    bytes: Vec<u8>,
    sent: Instant,
}

/// One device.
pub struct Device {
    number: usize,
    lane: Lane,
    socket: UdpSocket,
    first_ms: u64,
    value: u64,
    window: VecDeque<Request>,
    ledger: Arc<Ledger>,
}

impl Device {
    pub fn new(number: usize, lane: Lane, port: u16, first_ms: u64, ledger: Arc<Ledger>) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            number,
            lane,
            socket,
            first_ms,
            value: 0,
            window: VecDeque::new(),
            ledger,
        }
    }

    pub fn run(&mut self) {
        while !self.ledger.over(self.window.is_empty()) {
            while self.window.len() < WINDOW && !self.ledger.draining() {
                let request = self.fresh();
                self.send(&request.bytes);
                self.window.push_back(request);
            }
            self.resend();
            let mut datagram = [0; DATAGRAM_BYTES_MAX];
            match self.socket.recv(&mut datagram) {
                Ok(len) => self.handle(&datagram[..len]),
                // Nobody listens (ICMP port unreachable), or nothing came.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    std::thread::sleep(PATIENCE);
                }
                Err(_) => {}
            }
        }
    }

    fn fresh(&mut self) -> Request {
        self.value += 1;
        let key = (self.number, self.value);
        self.ledger.messages.lock().unwrap().insert(key, false);
        let dated = self.lane.dated.then_some(self.first_ms);
        let message_id = u16::try_from(self.value % 0x1_0000).unwrap();
        let kind = if self.lane.over == Over::Con {
            CON
        } else {
            NON
        };
        Request {
            message_id,
            key,
            bytes: request(
                kind,
                message_id,
                &device(self.number),
                &payload(self.value, dated),
            ),
            sent: Instant::now(),
        }
    }

    fn send(&self, bytes: &[u8]) {
        self.ledger.datagrams.fetch_add(1, Ordering::Relaxed);
        // While the gateway is down the kernel may say so; the request is resent anyway.
        let _ = self.socket.send(bytes);
    }

    fn resend(&mut self) {
        let now = Instant::now();
        let mut due = Vec::new();
        for request in &mut self.window {
            if now.duration_since(request.sent) >= RESEND {
                request.sent = now;
                due.push(request.bytes.clone());
            }
        }
        for bytes in due {
            self.send(&bytes);
        }
    }

    fn handle(&mut self, datagram: &[u8]) {
        let [first, code, high, low, rest @ ..] = datagram else {
            return self.complain("a datagram of less than four bytes");
        };
        let (kind, token_len) = (first >> 4 & 3, usize::from(first & 15));
        let message_id = u16::from_be_bytes([*high, *low]);
        if *code == EMPTY {
            match kind {
                // It was heard; the response comes by itself (RFC 7252 §5.2.2). Resending hurries nobody.
                ACK => {}
                RST => self.complain("a reset"),
                _ => self.complain("an empty message that is neither ACK nor RST"),
            }
            return;
        }
        if kind == CON {
            let _ = self.socket.send(&[0x40 | ACK << 4, EMPTY, *high, *low]);
        }
        // The token is the message id of the request, whatever message carries the response.
        let Some(&[high, low]) = rest.get(..token_len).and_then(|token| token.first_chunk()) else {
            return self.complain("a response without our token");
        };
        let token = u16::from_be_bytes([high, low]);
        if kind == ACK && token != message_id {
            return self.complain("an ACK that carries another exchange's response");
        }
        match *code {
            CHANGED => {
                let at = self.window.iter().position(|r| r.message_id == token);
                // A copy's response may come twice; that is the network's right, not the gateway's fault.
                if let Some(request) = at.and_then(|at| self.window.remove(at)) {
                    self.ledger.acknowledge(request.key);
                }
            }
            // Come back later, says a gateway that starts, ends, or has a full queue.
            SERVICE_UNAVAILABLE => {}
            code => self.complain(format_args!("code {}.{:02}", code >> 5, code & 31)),
        }
    }

    fn complain(&self, what: impl std::fmt::Display) {
        self.ledger.complain(self.number, what);
    }
}

/// `POST /t/{device}/json` (RFC 7252 §3): its token is its message id.
fn request(kind: u8, message_id: u16, device: &str, payload: &str) -> Vec<u8> {
    let [high, low] = message_id.to_be_bytes();
    let mut bytes = vec![0x40 | kind << 4 | 2, POST, high, low, high, low];
    option(&mut bytes, 11, b"t");
    option(&mut bytes, 0, device.as_bytes());
    option(&mut bytes, 0, b"json");
    option(&mut bytes, 1, &[JSON]);
    bytes.push(0xFF);
    bytes.extend_from_slice(payload.as_bytes());
    bytes
}

fn option(bytes: &mut Vec<u8>, delta: u8, value: &[u8]) {
    let len = u8::try_from(value.len()).unwrap();
    assert!(delta < 13 && len < 13, "no extended forms here");
    bytes.push(delta << 4 | len);
    bytes.extend_from_slice(value);
}
