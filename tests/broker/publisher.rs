//! Devices that publish to the broker at QoS 1 and know what it has acknowledged.
//!
//! The bytes are written by hand, so that no client library decides what is sent again.
use crate::mosquitto::{PASSWORD, USER};
use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

/// A device and the value that it sent, once.
pub type Message = (String, u32);

const WINDOW: usize = 100;
/// A load is slower: Mosquitto 2.0.11 has more in flight after each reconnection of an MQTT 3.1.1 client than it is
/// allowed, and with a long backlog more than there are packet ids.
const LOAD_WINDOW: usize = 10;
const LOAD_PAUSE: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(20);

/// Do messages carry a time of their own? If not, only DUP tells a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    Dated,
    Undated,
}

pub fn topic(device: &str) -> String {
    format!("city/{device}/json")
}

pub fn payload(value: u32, times: Times) -> Vec<u8> {
    let ts = match times {
        Times::Undated => String::new(),
        Times::Dated => {
            // Ten days back, so that each second is a new one.
            let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
            let day = now - now % 86_400;
            format!("\"ts\": {}, ", day - 10 * 86_400 + u64::from(value))
        }
    };
    format!("{{{ts}\"voltage\": 230, \"active_energy_import\": {value}}}").into_bytes()
}

/// Publishes and returns what was acknowledged: all of it.
pub fn publish(
    port: u16,
    device: &str,
    values: std::ops::Range<u32>,
    times: Times,
) -> Vec<Message> {
    let mut connection = Connection::open(port).unwrap();
    let mut left: VecDeque<u32> = values.collect();
    let mut acked = Vec::new();
    while !(left.is_empty() && connection.waiting.is_empty()) {
        while connection.waiting.len() < WINDOW
            && let Some(value) = left.pop_front()
        {
            connection.publish(device, value, times).unwrap();
        }
        acked.extend(connection.acked().unwrap());
    }
    acked
}

struct Connection {
    stream: TcpStream,
    next_id: u16,
    waiting: HashMap<u16, Message>,
    unread: Vec<u8>,
}

impl Connection {
    fn open(port: u16) -> io::Result<Self> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // 3.1.1, clean session, user and password, client id of the broker's choice.
        let mut body = b"\x00\x04MQTT\x04\xc2\x00\x00\x00\x00".to_vec();
        for text in [USER, PASSWORD] {
            body.extend_from_slice(&u16::try_from(text.len()).unwrap().to_be_bytes());
            body.extend_from_slice(text.as_bytes());
        }
        stream.write_all(&packet(0x10, &body))?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer)?;
        assert_eq!(answer, [0x20, 2, 0, 0], "CONNACK");
        Ok(Self {
            stream,
            next_id: 0,
            waiting: HashMap::new(),
            unread: Vec::new(),
        })
    }

    fn publish(&mut self, device: &str, value: u32, times: Times) -> io::Result<()> {
        self.next_id = self.next_id % 60_000 + 1;
        let topic = topic(device);
        let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
        body.extend_from_slice(topic.as_bytes());
        body.extend_from_slice(&self.next_id.to_be_bytes());
        body.extend_from_slice(&payload(value, times));
        self.waiting
            .insert(self.next_id, (device.to_owned(), value));
        self.stream.write_all(&packet(0x32, &body))
    }

    /// Waits for at least one PUBACK.
    fn acked(&mut self) -> io::Result<Vec<Message>> {
        let mut buffer = [0; 4096];
        let len = self.stream.read(&mut buffer)?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.unread.extend_from_slice(&buffer[..len]);
        let whole = self.unread.len() / 4 * 4;
        let acks: Vec<u8> = self.unread.drain(..whole).collect();
        let messages = acks.chunks(4).map(|ack| {
            assert_eq!(ack[..2], [0x40, 2], "only PUBACKs come");
            let id = u16::from_be_bytes([ack[2], ack[3]]);
            self.waiting.remove(&id).expect("an ack of what was sent")
        });
        Ok(messages.collect())
    }
}

pub fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    let mut len = body.len();
    loop {
        let digit = u8::try_from(len % 128).unwrap();
        len /= 128;
        bytes.push(if len > 0 { digit | 0x80 } else { digit });
        if len == 0 {
            break;
        }
    }
    bytes.extend_from_slice(body);
    bytes
}

/// A device that publishes until it is stopped, and sends again what a broken connection left in doubt.
pub struct Load {
    stop: Arc<AtomicBool>,
    acked: Arc<Mutex<Vec<Message>>>,
    thread: JoinHandle<()>,
}

impl Load {
    pub fn start(port: u16, device: &str, times: Times) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let acked = Arc::<Mutex<Vec<Message>>>::default();
        let (seen, list, device) = (Arc::clone(&stop), Arc::clone(&acked), device.to_owned());
        let thread = std::thread::spawn(move || {
            let (mut next, mut again) = (0, VecDeque::new());
            while !(seen.load(Ordering::Relaxed) && again.is_empty()) {
                let Ok(mut connection) = Connection::open(port) else {
                    std::thread::sleep(RETRY);
                    continue;
                };
                let ended = serve(
                    &mut connection,
                    &device,
                    times,
                    &seen,
                    &mut next,
                    &mut again,
                    |messages| {
                        list.lock().unwrap().extend(messages);
                    },
                );
                if ended.is_err() {
                    let mut doubtful: Vec<u32> = connection
                        .waiting
                        .into_values()
                        .map(|(_, value)| value)
                        .collect();
                    doubtful.sort_unstable();
                    again.extend(doubtful);
                }
            }
        });
        Self {
            stop,
            acked,
            thread,
        }
    }

    /// Ends it once everything is acknowledged; returns that.
    pub fn finish(self) -> Vec<Message> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        std::mem::take(&mut *self.acked.lock().unwrap())
    }
}

fn serve(
    connection: &mut Connection,
    device: &str,
    times: Times,
    stop: &AtomicBool,
    next: &mut u32,
    again: &mut VecDeque<u32>,
    mut acked: impl FnMut(Vec<Message>),
) -> io::Result<()> {
    loop {
        while connection.waiting.len() < LOAD_WINDOW {
            let value = match again.pop_front() {
                Some(value) => value,
                None if stop.load(Ordering::Relaxed) => break,
                None => {
                    *next += 1;
                    *next
                }
            };
            connection.publish(device, value, times)?;
        }
        if connection.waiting.is_empty() {
            return Ok(());
        }
        acked(connection.acked()?);
        std::thread::sleep(LOAD_PAUSE);
    }
}
