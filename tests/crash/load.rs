//! Devices that never give up: windows of unacknowledged messages, resent with DUP after each broken connection.
use crate::campaign::Rng;
use crate::coap;
use crate::support::Ports;
use bytes::BytesMut;
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{Connect, ConnectReturnCode, Packet, PubRel, Publish};
use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Unacknowledged messages of one device.
const WINDOW: usize = 20;
/// Of 16 characters each, in every message.
const NOISE_WORDS: usize = 15;
/// Packets are small.
const PACKET_BYTES_MAX: usize = 64 << 10;
/// Between two attempts to connect.
const RETRY: Duration = Duration::from_millis(10);
/// How often a waiting device looks whether it is to stop.
const PATIENCE: Duration = Duration::from_millis(200);
/// Apart by this much: device-given times are unique, and the load spreads over days of history.
const STEP_MS: u64 = 7_000;
/// The first device-given time lies so far back: inside the history's retention, and far enough for the last.
const BACK_MS: u64 = 20 * 24 * 3_600 * 1_000;

/// How a device delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// MQTT.
    Mqtt(QoS),
    /// Confirmable requests of `CoAP`.
    Con,
    /// Non-confirmable ones, which this device repeats all the same.
    Non,
}

/// One device's way of speaking.
#[derive(Clone, Copy, Debug)]
pub struct Lane {
    pub over: Over,
    /// Does it give its own time? If not, only DUP tells a redelivery from a new report of the same value.
    pub dated: bool,
}

const fn lane(over: Over, dated: bool) -> Lane {
    Lane { over, dated }
}

pub const LANES: [Lane; 11] = [
    lane(Over::Mqtt(QoS::AtLeastOnce), true),
    lane(Over::Mqtt(QoS::AtLeastOnce), true),
    lane(Over::Mqtt(QoS::AtLeastOnce), true),
    lane(Over::Mqtt(QoS::AtLeastOnce), false),
    lane(Over::Mqtt(QoS::AtLeastOnce), false),
    lane(Over::Mqtt(QoS::ExactlyOnce), true),
    lane(Over::Mqtt(QoS::ExactlyOnce), false),
    lane(Over::Con, true),
    lane(Over::Con, false),
    lane(Over::Con, false),
    lane(Over::Non, true),
];

/// A message: the device's number, and the value that it sends once in its life.
pub type Key = (usize, u64);

pub fn device(lane: usize) -> String {
    format!("crash-{lane}")
}

/// The message that a report of this device and value stands for.
pub fn key(device: &str, value: f64) -> Option<Key> {
    let lane = device.strip_prefix("crash-")?.parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked by the comparison"
    )]
    let whole = value as u64;
    #[expect(clippy::cast_precision_loss, reason = "values are small")]
    let exact = (whole as f64 - value).abs() < 1e-6;
    exact.then_some((lane, whole))
}

/// What the devices know.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Each message that was ever sent, and whether it was acknowledged.
    pub messages: Mutex<HashMap<Key, bool>>,
    pub acks: AtomicU64,
    /// PUBLISH packets on connections that ended in order.
    pub publishes: AtomicU64,
    /// Of these, repeats of `QoS` 2, whose packet id the gateway may know already.
    pub repeats: AtomicU64,
    /// Requests of `CoAP`, repeats included.
    pub datagrams: AtomicU64,
    /// What no gateway should do.
    pub complaints: Mutex<Vec<String>>,
    drain: AtomicBool,
    abandon: AtomicBool,
}

impl Ledger {
    pub fn draining(&self) -> bool {
        self.drain.load(Ordering::Relaxed)
    }

    /// Is a device done that has nothing outstanding, or has everything?
    pub fn over(&self, empty: bool) -> bool {
        self.draining() && empty || self.abandon.load(Ordering::Relaxed)
    }

    pub fn acknowledge(&self, key: Key) {
        self.messages.lock().unwrap().insert(key, true);
        self.acks.fetch_add(1, Ordering::Relaxed);
    }

    pub fn complain(&self, number: usize, what: impl std::fmt::Display) {
        let complaint = format!("{}: {what}", device(number));
        self.complaints.lock().unwrap().push(complaint);
    }
}

/// What a device says: a value, with its own time in milliseconds if it has a clock that began so.
pub fn payload(value: u64, first_ms: Option<u64>) -> String {
    // Text that does not compress: segments are to fill without millions of messages.
    let mut rng = Rng(value);
    let noise = (0..NOISE_WORDS).fold(String::new(), |noise, _| {
        format!("{noise}{:016x}", rng.next())
    });
    let ts = first_ms.map_or_else(String::new, |first_ms| {
        format!(r#","ts":{}"#, first_ms + value * STEP_MS)
    });
    format!(
        r#"{{"active_energy_import":{value},"firmware_version":"{noise}","hardware_version":"{noise:.128}x"{ts}}}"#
    )
}

/// The devices' threads.
pub struct Load {
    pub ledger: Arc<Ledger>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    pub fn start(ports: Ports) -> Self {
        let ledger = Arc::new(Ledger::default());
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
        let first_ms = u64::try_from(now).unwrap() - BACK_MS;
        let threads = LANES.iter().enumerate().map(|(number, lane)| {
            let (lane, ledger) = (*lane, Arc::clone(&ledger));
            let Over::Mqtt(qos) = lane.over else {
                let mut device = coap::Device::new(number, lane, ports.coap, first_ms, ledger);
                return thread::spawn(move || device.run());
            };
            let mut device = Device {
                number,
                lane,
                qos,
                port: ports.mqtt,
                first_ms,
                value: 0,
                packet_id: 0,
                window: VecDeque::new(),
                known: false,
                ledger,
            };
            thread::spawn(move || device.run())
        });
        let threads = threads.collect();
        Self { ledger, threads }
    }

    /// Lets the devices finish what they have in their windows.
    pub fn drain(mut self) -> Arc<Ledger> {
        self.ledger.drain.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().unwrap();
        }
        Arc::clone(&self.ledger)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.ledger.abandon.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Sent, perhaps on a connection that is gone.
struct Message {
    packet_id: u16,
    value: u64,
    /// PUBREC has come: the message is the gateway's, PUBREL is due.
    taken: bool,
}

struct Device {
    number: usize,
    lane: Lane,
    qos: QoS,
    port: u16,
    first_ms: u64,
    value: u64,
    packet_id: u16,
    window: VecDeque<Message>,
    /// Has it had a CONNACK before? Then the gateway has its session.
    known: bool,
    ledger: Arc<Ledger>,
}

impl Device {
    fn run(&mut self) {
        while !self.over() {
            if self.session().is_err() {
                thread::sleep(RETRY);
            }
        }
    }

    fn over(&self) -> bool {
        self.ledger.over(self.window.is_empty())
    }

    fn complain(&self, what: impl std::fmt::Display) {
        self.ledger.complain(self.number, what);
    }

    /// One connection, until it breaks or all is done.
    fn session(&mut self) -> io::Result<()> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut wire = Wire {
            input: BytesMut::new(),
            output: BytesMut::new(),
        };
        let mut connect = Connect::new(device(self.number));
        connect.clean_session = false;
        connect.keep_alive = 60;
        connect.write(&mut wire.output).unwrap();
        wire.flush(&mut stream)?;
        let Packet::ConnAck(answer) = wire.next(&mut stream, || self.over())? else {
            self.complain("not a CONNACK");
            return Err(io::ErrorKind::InvalidData.into());
        };
        if answer.code != ConnectReturnCode::Success {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        if self.known && !answer.session_present {
            self.complain("the session is gone");
        }
        self.known = true;
        let (mut publishes, mut repeats) = (0, 0);
        for at in 0..self.window.len() {
            let message = &self.window[at];
            if message.taken {
                PubRel::new(message.packet_id)
                    .write(&mut wire.output)
                    .unwrap();
            } else {
                self.publish(&mut wire.output, message, true);
                publishes += 1;
                repeats += u64::from(self.qos == QoS::ExactlyOnce);
            }
        }
        loop {
            while self.window.len() < WINDOW && !self.ledger.draining() {
                let message = self.fresh();
                self.publish(&mut wire.output, &message, false);
                self.window.push_back(message);
                publishes += 1;
            }
            wire.flush(&mut stream)?;
            if self.over() {
                self.ledger
                    .publishes
                    .fetch_add(publishes, Ordering::Relaxed);
                self.ledger.repeats.fetch_add(repeats, Ordering::Relaxed);
                return stream.write_all(&[0xE0, 0]); // DISCONNECT
            }
            let packet = wire.next(&mut stream, || self.over())?;
            self.handle(&packet, &mut wire.output);
            while let Some(packet) = wire.parse()? {
                self.handle(&packet, &mut wire.output);
            }
        }
    }

    fn fresh(&mut self) -> Message {
        self.value += 1;
        self.packet_id = self.packet_id.checked_add(1).unwrap_or(1);
        self.ledger
            .messages
            .lock()
            .unwrap()
            .insert((self.number, self.value), false);
        Message {
            packet_id: self.packet_id,
            value: self.value,
            taken: false,
        }
    }

    fn publish(&self, output: &mut BytesMut, message: &Message, dup: bool) {
        let payload = payload(message.value, self.lane.dated.then_some(self.first_ms));
        let topic = format!("city/{}/json", device(self.number));
        let mut packet = Publish::new(topic, self.qos, payload);
        packet.pkid = message.packet_id;
        packet.dup = dup;
        packet.write(output).unwrap();
    }

    fn handle(&mut self, packet: &Packet, output: &mut BytesMut) {
        let (packet_id, done) = match packet {
            Packet::PubAck(ack) => (ack.pkid, true),
            Packet::PubComp(complete) => (complete.pkid, true),
            Packet::PubRec(received) => (received.pkid, false),
            other => return self.complain(format!("unexpected {other:?}")),
        };
        let Some(at) = self.window.iter().position(|m| m.packet_id == packet_id) else {
            return self.complain(format!("acknowledgement of an unknown id {packet_id}"));
        };
        let message = &mut self.window[at];
        if !message.taken {
            self.ledger.acknowledge((self.number, message.value));
        }
        if done {
            self.window.remove(at);
        } else {
            message.taken = true;
            PubRel::new(packet_id).write(output).unwrap();
        }
    }
}

/// Bytes on their way.
struct Wire {
    input: BytesMut,
    output: BytesMut,
}

impl Wire {
    fn flush(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        stream.write_all(&self.output.split())
    }

    fn parse(&mut self) -> io::Result<Option<Packet>> {
        match Packet::read(&mut self.input, PACKET_BYTES_MAX) {
            Ok(packet) => Ok(Some(packet)),
            Err(rumqttc::mqttbytes::Error::InsufficientBytes(_)) => Ok(None),
            Err(error) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                error.to_string(),
            )),
        }
    }

    /// The next packet; an error when the connection ends or nobody wants it any more.
    fn next(&mut self, stream: &mut TcpStream, over: impl Fn() -> bool) -> io::Result<Packet> {
        loop {
            if let Some(packet) = self.parse()? {
                return Ok(packet);
            }
            let mut buffer = [0; 4096];
            match stream.read(&mut buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.input.extend_from_slice(&buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !over() => {}
                Err(error) => return Err(error),
            }
        }
    }
}
