//! Devices with known values, awkward ones among them, and a publisher that never gives up.
use super::support::{BOUND, Ports};
use super::truth::{Judged, Reading, Scalar};
use bytes::BytesMut;
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{Connect, Packet, Publish};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// Messages in flight.
const WINDOW: usize = 50;
/// Packets are small.
const PACKET_BYTES_MAX: usize = 64 << 10;
/// Times of one message.
const STEPS_PER_MESSAGE: u64 = 20;
/// Two times of a device lie so far apart: shards and history buckets change on the way.
const STEP_MS: u64 = 77_777;
/// The first time lies so far back, inside the history's retention.
const BACK_MS: u64 = 25 * 24 * 3_600 * 1_000;

/// Routes and metrics that the load needs.
pub const CONFIG: &str = r#"
[[route]]
topic = "meters/{device}"
kind = "meter.electricity"
district = "济南 历下,x=y"
[[route]]
topic = "tunnel/{device}"
kind = "tunnel.gas"
district = "370102"
[[route]]
topic = "valves/{device}"
kind = "meter.gas"
district = 'North\South\ "1"\,=2'
[[metric]]
name = "test_big"
[[metric]]
name = "test_tiny"
[[metric]]
name = "test_odd"
"#;

/// Texts of which an encoder might make something else, or a store.
const TEXTS: [&str; 10] = [
    "1.0",
    "a, b = c",
    "say \"hello\"",
    r"C:\dir\",
    r#"\"\\""#,
    "two\nlines",
    "evil\"\nmeter,device=evil voltage=1 1700000000000000000\nx",
    "固件 1.2.3 版",
    "tab\tand\r\nmore",
    "true",
];

/// A device: topic before its name, kind, district.
type Place = (&'static str, &'static str, &'static str);

const METERS: Place = ("meters", "meter.electricity", "济南 历下,x=y");
const TUNNEL: Place = ("tunnel", "tunnel.gas", "370102");
const VALVES: Place = ("valves", "meter.gas", r#"North\South\ "1"\,=2"#);
const UNKNOWN: Place = ("city", "unknown", "");

/// Device names with every character that they may have.
const DEVICES: [(&str, Place); 6] = [
    ("m.1:a-b_C", METERS),
    ("m-2", METERS),
    ("t.1", TUNNEL),
    ("t:2", TUNNEL),
    ("v_1", VALVES),
    ("u.0", UNKNOWN),
];

/// One uplink.
#[derive(Clone, Debug)]
pub struct Message {
    pub topic: String,
    pub payload: String,
}

/// Uplinks and what they mean.
#[derive(Clone, Debug, Default)]
pub struct Load {
    pub messages: Vec<Message>,
    pub readings: Vec<Reading>,
}

impl Load {
    /// So many messages of each device, from its `first` one on; the same numbers give the same load.
    pub fn of(first: u64, messages: u64) -> Self {
        let mut load = Self::default();
        let first_ms = first_ms();
        for message in first..first + messages {
            for (device, place) in DEVICES {
                load.items(device, place, message, first_ms, fill);
            }
        }
        load
    }

    /// So many messages of one device, with texts that do not compress: segments of the log fill.
    pub fn bulky(messages: u64) -> Self {
        let (mut load, mut noise) = (Self::default(), 0u64);
        let first_ms = first_ms();
        for message in 0..messages {
            load.items("bulky", UNKNOWN, message, first_ms, |item, _| {
                let mut text = String::new();
                while text.len() < 240 {
                    noise = noise
                        .wrapping_mul(0x5851_F42D_4C95_7F2D)
                        .wrapping_add(0x1405_7B7E_F767_814F);
                    let _ = write!(text, "{:08x}", noise >> 32);
                }
                item.say("hardware_version", Scalar::Text(text), Judged::Good);
            });
        }
        load
    }

    /// Readings sent.
    pub fn count(&self) -> u64 {
        u64::try_from(self.readings.len()).unwrap()
    }

    /// As two loads, one after the other.
    pub fn and(mut self, other: Self) -> Self {
        self.messages.extend(other.messages);
        self.readings.extend(other.readings);
        self
    }

    /// The same of other devices, whose names end so.
    pub fn named(mut self, suffix: &str) -> Self {
        for message in &mut self.messages {
            message.topic.push_str(suffix);
        }
        for reading in &mut self.readings {
            reading.device.push_str(suffix);
        }
        self
    }

    fn items(
        &mut self,
        device: &str,
        place: Place,
        message: u64,
        first_ms: u64,
        mut fill: impl FnMut(&mut Item<'_>, u64),
    ) {
        let mut items = Vec::new();
        for step in message * STEPS_PER_MESSAGE..(message + 1) * STEPS_PER_MESSAGE {
            let ms = first_ms + step * STEP_MS;
            let mut item = Item {
                readings: &mut self.readings,
                members: Map::new(),
                device,
                place,
                at_ns: i64::try_from(ms).unwrap() * 1_000_000,
            };
            fill(&mut item, step);
            item.members.insert("ts".to_owned(), json!(ms));
            items.push(Value::Object(item.members));
        }
        let topic = format!("{}/{device}", place.0);
        let payload = serde_json::to_string(&items).unwrap();
        self.messages.push(Message { topic, payload });
    }
}

/// Whole days ago, so that two calls of one test agree.
fn first_ms() -> u64 {
    let now_ms = u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
    (now_ms - BACK_MS) / 86_400_000 * 86_400_000
}

/// What a device says at one time.
struct Item<'l> {
    readings: &'l mut Vec<Reading>,
    members: Map<String, Value>,
    device: &'l str,
    place: Place,
    at_ns: i64,
}

impl Item<'_> {
    fn say(&mut self, metric: &'static str, value: Scalar, judged: Judged) {
        self.labelled(metric, &[], value, judged);
    }

    fn labelled(
        &mut self,
        metric: &'static str,
        labels: &'static [(&'static str, &'static str)],
        value: Scalar,
        judged: Judged,
    ) {
        let sent = match &value {
            Scalar::Number(number) => json!(number),
            Scalar::Flag(flag) => json!(flag),
            Scalar::Text(text) => json!(text),
            Scalar::Absent => Value::Null,
        };
        let sent = if labels.is_empty() {
            sent
        } else {
            let labels: Map<String, Value> = labels
                .iter()
                .map(|(name, value)| ((*name).to_owned(), json!(value)))
                .collect();
            json!({ "value": sent, "labels": labels })
        };
        self.members.insert(metric.to_owned(), sent);
        self.readings.push(Reading {
            device: self.device.to_owned(),
            kind: self.place.1,
            district: self.place.2,
            metric,
            labels,
            at_ns: self.at_ns,
            value,
            judged,
        });
    }
}

/// Phases, and label values that look like something else.
const LABELS: [&[(&str, &str)]; 4] = [
    &[("phase", "a")],
    &[("phase", "b"), ("tariff", "1i")],
    &[
        ("phase", "true"),
        ("channel", "-0.5"),
        ("storage", "A_b:c.d-e"),
    ],
    &[("freeze", "1e9")],
];

#[expect(clippy::cast_precision_loss, reason = "steps are few")]
fn fill(item: &mut Item<'_>, step: u64) {
    let (number, n) = (|number: f64| Scalar::Number(number), step as f64);
    let turn = |of: u64| usize::try_from(step % of).unwrap();
    let text = || Scalar::Text(TEXTS[turn(10)].to_owned());
    match item.place.0 {
        "meters" => {
            let (volts, judged) = if step % 7 == 3 {
                (1500.0 + n, Judged::Bad)
            } else {
                (220.0 + n / 100.0, Judged::Good)
            };
            item.say("voltage", number(volts), judged);
            item.labelled(
                "current",
                LABELS[turn(4)],
                number(n / 8.0 % 60.0),
                Judged::Good,
            );
            item.say(
                "active_power",
                if step % 5 == 4 {
                    Scalar::Absent
                } else {
                    number(-(n % 70.0))
                },
                Judged::Good,
            );
            item.say("active_energy_import", number(n), Judged::Good);
            item.say("test_big", number(1e15 + n), Judged::Good);
            item.say("test_tiny", number((n + 1.0) * 1e-9), Judged::Good);
            item.say("test_odd", number((n + 1.0) / 7.0), Judged::Good);
            item.say("tamper", Scalar::Flag(step.is_multiple_of(3)), Judged::Good);
            item.say("firmware_version", text(), Judged::Good);
        }
        "tunnel" => {
            let (share, judged) = if step % 6 == 1 {
                (150.0, Judged::Uncertain)
            } else {
                (n % 100.0, Judged::Good)
            };
            item.say("methane_lel", number(share), judged);
            let (depth, judged) = if step % 4 == 2 {
                (-0.5, Judged::Bad)
            } else {
                (n % 10.0, Judged::Good)
            };
            item.say("water_level", number(depth), judged);
            let (degrees, judged) = if step.is_multiple_of(9) {
                (-25.0, Judged::Bad)
            } else {
                (-(n % 20.0), Judged::Good)
            };
            item.say("air_temperature", number(degrees), judged);
            item.say("gas_alarm", Scalar::Flag(step % 6 == 1), Judged::Good);
        }
        "valves" => {
            let word = ["open", "closed", "fault"][turn(3)];
            item.say("valve_state", Scalar::Text(word.to_owned()), Judged::Good);
            item.say(
                "battery_low",
                Scalar::Flag(step.is_multiple_of(2)),
                Judged::Good,
            );
        }
        _ => item.say(
            "device_temperature",
            if step.is_multiple_of(2) {
                Scalar::Absent
            } else {
                number(20.0)
            },
            Judged::Good,
        ),
    }
}

/// Publishes with QoS 1 until all is acknowledged, over as many connections as it takes. What is sent twice has times of
/// its own, by which the gateway knows it.
#[track_caller]
pub fn publish(ports: Ports, messages: &[Message]) {
    let (mut open, start) = ((0..messages.len()).collect::<Vec<_>>(), Instant::now());
    while !open.is_empty() {
        assert!(
            start.elapsed() < BOUND,
            "{} messages are not acknowledged",
            open.len()
        );
        if session(ports.mqtt, messages, &mut open).is_err() {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// One connection, until it breaks or nothing is `open`.
fn session(port: u16, messages: &[Message], open: &mut Vec<usize>) -> io::Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(BOUND))?;
    let (mut input, mut output) = (BytesMut::new(), BytesMut::new());
    Connect::new("store-load").write(&mut output).unwrap();
    stream.write_all(&output.split())?;
    if !matches!(next(&mut stream, &mut input)?, Packet::ConnAck(_)) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut waiting = open.clone().into_iter();
    let mut flying: Vec<(u16, usize)> = Vec::new();
    let mut packet_id = 0;
    loop {
        while flying.len() < WINDOW {
            let Some(at) = waiting.next() else { break };
            packet_id = packet_id % 60_000 + 1;
            let Message { topic, payload } = &messages[at];
            let mut packet = Publish::new(topic, QoS::AtLeastOnce, payload.as_bytes());
            packet.pkid = packet_id;
            packet.write(&mut output).unwrap();
            flying.push((packet_id, at));
        }
        stream.write_all(&output.split())?;
        if flying.is_empty() {
            return stream.write_all(&[0xE0, 0]); // DISCONNECT
        }
        let Packet::PubAck(ack) = next(&mut stream, &mut input)? else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let place = flying
            .iter()
            .position(|(id, _)| *id == ack.pkid)
            .expect("it was sent");
        let (_, done) = flying.remove(place);
        open.retain(|at| *at != done);
    }
}

fn next(stream: &mut TcpStream, input: &mut BytesMut) -> io::Result<Packet> {
    loop {
        match Packet::read(input, PACKET_BYTES_MAX) {
            Ok(packet) => return Ok(packet),
            Err(rumqttc::mqttbytes::Error::InsufficientBytes(_)) => {}
            Err(error) => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    error.to_string(),
                ));
            }
        }
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        input.extend_from_slice(&buffer[..read]);
    }
}
