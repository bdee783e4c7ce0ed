//! A peer that writes bytes.
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Raw(TcpStream);

impl Raw {
    pub fn new(port: u16) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self(stream)
    }

    /// Connected with an unclean session of an hour; says whether it was present.
    pub fn resume(port: u16, level: u8, client: &str) -> (Self, bool) {
        let mut raw = Self::new(port);
        raw.send(&connect(level, client, false));
        let (first, body) = raw.packet();
        assert_eq!((first, body[1]), (0x20, 0), "{body:02x?}");
        (raw, body[0] == 1)
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    /// First byte and body of the next packet.
    #[track_caller]
    pub fn packet(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).expect("a packet in time");
        assert!(head[1] < 0x80, "answers are short");
        let mut body = vec![0; head[1].into()];
        self.0.read_exact(&mut body).unwrap();
        (head[0], body)
    }

    /// All that comes until the gateway closes.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => rest,
            Err(cause) if cause.kind() == ErrorKind::ConnectionReset => rest,
            Err(cause) => panic!("not closed: {cause}"),
        }
    }
}

pub fn text(text: &[u8]) -> Vec<u8> {
    let len = u16::try_from(text.len()).unwrap();
    [&len.to_be_bytes()[..], text].concat()
}

/// A packet; its body is shorter than 16 KiB.
pub fn framed(first: u8, body: &[u8]) -> Vec<u8> {
    let len = |bits: usize| u8::try_from(bits & 0x7f).unwrap();
    let head = match body.len() {
        short @ ..0x80 => vec![first, len(short)],
        long => vec![first, len(long) | 0x80, len(long >> 7)],
    };
    [&head, body].concat()
}

/// CONNECT without a will, keep-alive a minute.
pub fn connect(level: u8, client: &str, clean: bool) -> Vec<u8> {
    let flags = if clean { 2 } else { 0 };
    let mut body = [&text(b"MQTT")[..], &[level, flags, 0, 60]].concat();
    match (level, clean) {
        (5, true) => body.push(0),
        (5, false) => body.extend_from_slice(&[5, 0x11, 0, 0, 0x0e, 0x10]),
        _ => {}
    }
    body.extend_from_slice(&text(client.as_bytes()));
    framed(0x10, &body)
}

/// PUBLISH to `city/{device}/json`.
pub fn publish(level: u8, qos: u8, packet_id: u16, device: &str, payload: &[u8]) -> Vec<u8> {
    let mut body = text(format!("city/{device}/json").as_bytes());
    body.extend_from_slice(&packet_id.to_be_bytes());
    if level == 5 {
        body.push(0);
    }
    body.extend_from_slice(payload);
    framed(0x30 | qos << 1, &body)
}

/// The same with the DUP flag.
pub fn again(mut publish: Vec<u8>) -> Vec<u8> {
    publish[0] |= 8;
    publish
}

pub fn release(packet_id: u16) -> Vec<u8> {
    framed(0x62, &packet_id.to_be_bytes())
}
