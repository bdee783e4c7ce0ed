//! Between gateway and broker: reads both directions, and can cut them.
use crate::publisher::Message;
use crate::support::free_ports;
use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What went over it.
#[derive(Default)]
struct Seen {
    /// Messages that the gateway has acknowledged.
    acked: Vec<Message>,
    /// Packet ids that it acknowledged on a connection that had not delivered them.
    stale: Vec<u16>,
    delivered: usize,
    redelivered: usize,
    connections: usize,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    /// Sockets that are open, in pairs.
    open: Mutex<Vec<TcpStream>>,
    closed: AtomicBool,
    /// Messages of the broker are not passed on.
    held: AtomicBool,
}

pub struct Tap {
    pub port: u16,
    shared: Arc<Shared>,
}

impl Tap {
    /// Towards a broker on `port`, for a link of this version.
    pub fn start(port: u16, version: &'static str) -> Self {
        let [own] = free_ports();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, own)).unwrap();
        let shared = Arc::<Shared>::default();
        let accepting = Arc::clone(&shared);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for gateway in listener.incoming().map_while(Result::ok) {
                if accepting.closed.load(Ordering::SeqCst) {
                    continue;
                }
                let Ok(broker) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else {
                    continue;
                };
                accepting.join(gateway, broker, version == "5");
            }
        });
        Self { port: own, shared }
    }

    /// Cuts every connection; with `closed`, new ones are cut at once.
    pub fn cut(&self, closed: bool) {
        self.shared.closed.store(closed, Ordering::SeqCst);
        for socket in self.shared.open.lock().unwrap().drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    /// Holds messages of the broker back, or lets them go.
    pub fn hold(&self, held: bool) {
        self.shared.held.store(held, Ordering::SeqCst);
    }

    /// Lets connections through again.
    pub fn open(&self) {
        self.shared.closed.store(false, Ordering::SeqCst);
    }

    pub fn acked(&self) -> Vec<Message> {
        self.shared.seen.lock().unwrap().acked.clone()
    }

    pub fn stale(&self) -> Vec<u16> {
        self.shared.seen.lock().unwrap().stale.clone()
    }

    /// Messages that the broker has delivered, copies included.
    pub fn delivered(&self) -> usize {
        self.shared.seen.lock().unwrap().delivered
    }

    /// Of them, with DUP.
    pub fn redelivered(&self) -> usize {
        self.shared.seen.lock().unwrap().redelivered
    }

    pub fn connections(&self) -> usize {
        self.shared.seen.lock().unwrap().connections
    }
}

/// Messages by packet id: Mosquitto may deliver one twice on a connection.
type Delivered = Arc<Mutex<HashMap<u16, VecDeque<Message>>>>;

impl Shared {
    fn join(self: &Arc<Self>, gateway: TcpStream, broker: TcpStream, v5: bool) {
        for socket in [&gateway, &broker] {
            socket.set_nodelay(true).unwrap();
            self.open.lock().unwrap().push(socket.try_clone().unwrap());
        }
        self.seen.lock().unwrap().connections += 1;
        let delivered = Delivered::default();
        let (down, up) = (
            (broker.try_clone().unwrap(), gateway.try_clone().unwrap()),
            (gateway, broker),
        );
        let (shared, known) = (Arc::clone(self), Arc::clone(&delivered));
        std::thread::spawn(move || pump(down, |packet| shared.downwards(packet, v5, &known)));
        let shared = Arc::clone(self);
        std::thread::spawn(move || pump(up, |packet| shared.upwards(packet, &delivered)));
    }

    /// A packet of the broker: known before it is passed on.
    fn downwards(&self, packet: &[u8], v5: bool, delivered: &Delivered) {
        if packet[0] >> 4 != 3 || packet[0] & 6 == 0 {
            return;
        }
        while self.held.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let (id, message) = publish(packet, v5);
        delivered
            .lock()
            .unwrap()
            .entry(id)
            .or_default()
            .push_back(message);
        let mut seen = self.seen.lock().unwrap();
        seen.delivered += 1;
        seen.redelivered += usize::from(packet[0] & 8 != 0);
    }

    /// A packet of the gateway.
    fn upwards(&self, packet: &[u8], delivered: &Delivered) {
        if packet[0] >> 4 != 4 {
            return;
        }
        let id = u16::from_be_bytes([packet[2], packet[3]]);
        let message = delivered
            .lock()
            .unwrap()
            .get_mut(&id)
            .and_then(VecDeque::pop_front);
        let mut seen = self.seen.lock().unwrap();
        match message {
            Some(message) => seen.acked.push(message),
            None => seen.stale.push(id),
        }
    }
}

/// Packet id, device and value of a PUBLISH.
fn publish(packet: &[u8], v5: bool) -> (u16, Message) {
    let body = &packet[1 + length(&packet[1..]).unwrap().1..];
    let topic_len = usize::from(u16::from_be_bytes([body[0], body[1]]));
    let topic = std::str::from_utf8(&body[2..2 + topic_len]).unwrap();
    let rest = &body[2 + topic_len..];
    let id = u16::from_be_bytes([rest[0], rest[1]]);
    let mut payload = &rest[2..];
    if v5 {
        let (properties, digits) = length(payload).unwrap();
        payload = &payload[digits + properties..];
    }
    let said: Value = serde_json::from_slice(payload).unwrap();
    let value = said["active_energy_import"].as_u64().unwrap();
    let device = topic.split('/').nth(1).unwrap();
    (id, (device.to_owned(), u32::try_from(value).unwrap()))
}

/// A variable byte integer, and how many bytes it takes.
fn length(bytes: &[u8]) -> Option<(usize, usize)> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, at + 1));
        }
    }
    None
}

/// Passes whole packets on until either end is gone, then closes both.
fn pump((mut from, mut to): (TcpStream, TcpStream), mut look: impl FnMut(&[u8])) {
    let (mut unread, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    let mut passed = true;
    while passed && let Ok(len @ 1..) = from.read(&mut buffer) {
        unread.extend_from_slice(&buffer[..len]);
        let mut used = 0;
        while let Some((body, digits)) = unread.get(used + 1..).and_then(length) {
            let end = used + 1 + digits + body;
            let Some(packet) = unread.get(used..end) else {
                break;
            };
            // One by one: what comes before a message that is held back must not wait for it.
            look(packet);
            passed &= to.write_all(packet).is_ok();
            used = end;
        }
        unread.drain(..used);
    }
    for socket in [&from, &to] {
        let _ = socket.shutdown(Shutdown::Both);
    }
}
