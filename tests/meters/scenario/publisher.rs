//! A concentrator that publishes at QoS 1, some messages ahead of their acknowledgements.
//!
//! The bytes are written by hand, so that no client library decides what is sent again.
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// Messages without an acknowledgement.
const WINDOW: usize = 32;
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Publisher {
    stream: TcpStream,
    next_id: u16,
    waiting: usize,
}

impl Publisher {
    /// MQTT 3.1.1, a clean session.
    pub fn connect(port: u16, client: &str) -> Self {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut body = b"\x00\x04MQTT\x04\x02\x00\x00".to_vec();
        text(&mut body, client);
        stream.write_all(&packet(0x10, &body)).unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [0x20, 2, 0, 0], "CONNACK");
        Self {
            stream,
            next_id: 0,
            waiting: 0,
        }
    }

    pub fn publish(&mut self, topic: &str, payload: &[u8]) {
        while self.waiting >= WINDOW {
            self.acknowledged();
        }
        self.next_id = self.next_id % 60_000 + 1;
        let mut body = Vec::with_capacity(payload.len() + 32);
        text(&mut body, topic);
        body.extend(self.next_id.to_be_bytes());
        body.extend(payload);
        self.stream.write_all(&packet(0x32, &body)).unwrap();
        self.waiting += 1;
    }

    /// Waits for what was not acknowledged.
    pub fn settle(&mut self) {
        while self.waiting > 0 {
            self.acknowledged();
        }
    }

    fn acknowledged(&mut self) {
        let mut answer = [0; 4];
        self.stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer[..2], [0x40, 2], "PUBACK");
        self.waiting -= 1;
    }
}

fn text(body: &mut Vec<u8>, text: &str) {
    body.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
    body.extend(text.as_bytes());
}

/// Fixed header, remaining length, body.
fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![kind];
    let mut left = body.len();
    loop {
        let more = if left > 0x7f { 0x80 } else { 0 };
        packet.push(u8::try_from(left & 0x7f).unwrap() | more);
        left >>= 7;
        if left == 0 {
            break;
        }
    }
    packet.extend(body);
    packet
}
