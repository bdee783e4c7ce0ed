//! Uplinks of many readings each, so that a log of millions fills in seconds.
use bytes::BytesMut;
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4::{Connect, Packet, Publish};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

/// Readings of one uplink: so many times, so many metrics.
const TIMES: u64 = 100;
const METRICS: [&str; 8] = [
    "voltage",
    "current",
    "active_power",
    "reactive_power",
    "apparent_power",
    "power_factor",
    "device_temperature",
    "active_energy_import",
];
/// Readings of one uplink.
pub const READINGS: u64 = TIMES * METRICS.len() as u64;
/// Connections, each a device, and uplinks in flight of each.
const DEVICES: u64 = 4;
const WINDOW: u64 = 8;

/// Sends `uplinks` with device times from `first_ms` on, a tenth of a second apart, and waits until all are acknowledged.
pub fn send(port: u16, uplinks: u64, first_ms: u64) {
    thread::scope(|scope| {
        for device in 0..DEVICES {
            scope.spawn(move || one(port, device, uplinks / DEVICES, first_ms));
        }
    });
}

fn one(port: u16, device: u64, uplinks: u64, first_ms: u64) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the gateway listens");
    let (mut input, mut output) = (BytesMut::new(), BytesMut::new());
    let mut connect = Connect::new(format!("pack-{device}"));
    connect.keep_alive = 600;
    connect.write(&mut output).expect("it fits");
    let (mut sent, mut acknowledged) = (0, 0);
    let mut begun = false;
    while acknowledged < uplinks {
        while begun && sent < uplinks && sent - acknowledged < WINDOW {
            let topic = format!("city/pack-{device}/json");
            let payload = payload(first_ms + sent * TIMES * 100);
            let mut packet = Publish::new(topic, QoS::AtLeastOnce, payload);
            packet.pkid = u16::try_from(sent % 60_000 + 1).expect("in range");
            packet.write(&mut output).expect("it fits");
            sent += 1;
        }
        stream
            .write_all(&output.split())
            .expect("the gateway reads");
        match Packet::read(&mut input, 1 << 20) {
            Ok(Packet::PubAck(_)) => acknowledged += 1,
            Ok(_) => begun = true,
            Err(_) => {
                let mut buffer = [0; 4096];
                let read = stream.read(&mut buffer).expect("the gateway answers");
                assert!(read > 0, "the gateway closed the connection");
                input.extend_from_slice(&buffer[..read]);
            }
        }
    }
}

fn payload(first_ms: u64) -> String {
    let mut text = String::from("[");
    for time in 0..TIMES {
        let ms = first_ms + time * 100;
        let comma = if time == 0 { "" } else { "," };
        let _ = write!(text, "{comma}{{\"ts\":{ms}");
        for (at, metric) in METRICS.iter().enumerate() {
            // Within every range, with one digit after the point, and not the same each time.
            let tenths = (ms / 100 + at as u64 * 7) % 9;
            let _ = write!(text, ",\"{metric}\":0.{tenths}");
        }
        text.push('}');
    }
    text.push(']');
    text
}
