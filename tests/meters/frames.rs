//! Frames as meters send them, and the ways in.
use crate::support::Ports;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Import of meter 161: 0.26 kW.h (public notes on DL/T 645).
pub const METER_161: &str = "6861010000000068910833333433593333338a16";
/// Its voltage, 100.1 V.
pub const VOLTAGE_161: &str = "686101000000006891063334343534431016";

pub fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn reversed(digits: &str) -> Vec<u8> {
    bytes(digits).into_iter().rev().collect()
}

fn closed(mut frame: Vec<u8>) -> Vec<u8> {
    let sum = frame.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    frame.extend([sum, 0x16]);
    frame
}

/// DL/T 645: a reply with an identifier and digits, as they are written.
pub fn dlt645(address: &str, di: &str, digits: &str) -> Vec<u8> {
    let data = [reversed(di), reversed(digits)].concat();
    let mut frame = [&[0x68], &reversed(address)[..], &[0x68, 0x91]].concat();
    frame.push(u8::try_from(data.len()).unwrap());
    frame.extend(data.iter().map(|byte| byte.wrapping_add(0x33)));
    closed(frame)
}

/// DL/T 645: there is no such data.
pub fn error(address: &str) -> Vec<u8> {
    let head = [&[0x68], &reversed(address)[..], &[0x68, 0xd1, 1, 0x35]];
    closed(head.concat())
}

/// CJ/T 188: a water meter whose clock was never set; eight digits and a unit of the standard.
pub fn water(address: &str, digits: &str, unit: u8) -> Vec<u8> {
    let value = [&reversed(digits)[..], &[unit]].concat();
    let head = [
        &[0x68, 0x10],
        &reversed(address)[..],
        &[0x81, 0x16, 0x90, 0x1f, 0],
    ];
    closed([&head.concat()[..], &value, &value, &[0; 9]].concat())
}

/// Sends with `mosquitto_pub`, which waits for the acknowledgement.
pub fn publish(dir: &Path, ports: Ports, topic: &str, payload: &[u8]) {
    let file = dir.join("uplink");
    fs::write(&file, payload).unwrap();
    let port = ports.mqtt.to_string();
    let sent = Command::new("mosquitto_pub")
        .args(["-h", "127.0.0.1", "-p", &port, "-q", "1", "-t", topic, "-f"])
        .arg(&file)
        .output()
        .expect("mosquitto-clients is a prerequisite of the tests");
    assert!(sent.status.success(), "{sent:?}");
}

/// Sends with `coap-client`; what it printed: nothing where the gateway says 2.04.
pub fn post(dir: &Path, ports: Ports, path: &str, payload: &[u8]) -> String {
    let file = dir.join("datagram");
    fs::write(&file, payload).unwrap();
    let sent = Command::new("coap-client-notls")
        .args(["-B", "30", "-m", "post", "-f"])
        .arg(&file)
        .arg(format!("coap://127.0.0.1:{}{path}", ports.coap))
        .output()
        .expect("libcoap3-bin is a prerequisite of the tests");
    let said = [sent.stdout, sent.stderr].concat();
    String::from_utf8_lossy(&said).trim().to_owned()
}
