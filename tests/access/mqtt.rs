//! A device's side of MQTT 3.1.1: as little as publishing at QoS 1 takes.
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};

pub struct Client(TcpStream);

fn text(text: &[u8]) -> Vec<u8> {
    let len = u16::try_from(text.len()).unwrap();
    [&len.to_be_bytes()[..], text].concat()
}

fn framed(first: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![first];
    let mut len = body.len();
    loop {
        let low = u8::try_from(len % 128).unwrap();
        len /= 128;
        packet.push(if len > 0 { low | 0x80 } else { low });
        if len == 0 {
            break;
        }
    }
    packet.extend_from_slice(body);
    packet
}

impl Client {
    /// With a will of topic and payload, if one is given.
    pub fn new(port: u16, id: &str, will: Option<(&str, &str)>) -> Self {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream
            .set_read_timeout(Some(crate::support::BOUND))
            .unwrap();
        let flags = if will.is_some() { 0x06 } else { 0x02 };
        let mut body = [text(b"MQTT"), vec![4, flags, 0, 0], text(id.as_bytes())].concat();
        if let Some((topic, payload)) = will {
            body.extend(text(topic.as_bytes()));
            body.extend(text(payload.as_bytes()));
        }
        stream.write_all(&framed(0x10, &body)).unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [0x20, 2, 0, 0], "CONNACK");
        Self(stream)
    }

    /// Returns once it is acknowledged: then it is in a log.
    pub fn publish(&mut self, topic: &str, payload: &[u8]) {
        let body = [&text(topic.as_bytes())[..], &[0, 1], payload].concat();
        self.0.write_all(&framed(0x32, &body)).unwrap();
        let mut answer = [0; 4];
        self.0.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [0x40, 2, 0, 1], "PUBACK of {topic}");
    }
}
