//! A peer that sends what it is told, made with coap-lite.
use coap_lite::{CoapOption, MessageClass, MessageType, Packet, RequestType, ResponseType};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Content-Formats (RFC 7252 §12.3).
pub const JSON: u16 = 50;
pub const LINK_FORMAT: u16 = 40;

pub use MessageType::{Acknowledgement, Confirmable, NonConfirmable, Reset};

/// A response's code, as in `4.04`.
pub fn code(packet: &Packet) -> String {
    let code = u8::from(packet.header.code);
    format!("{}.{:02}", code >> 5, code & 31)
}

pub fn text(packet: &Packet) -> String {
    String::from_utf8(packet.payload.clone()).unwrap()
}

pub fn option(packet: &Packet, number: u16) -> Option<Vec<u8>> {
    let found = packet.options().find(|(known, _)| **known == number);
    found.and_then(|(_, values)| values.front().cloned())
}

pub fn uint(packet: &Packet, number: u16) -> Option<u32> {
    let value = option(packet, number)?;
    Some(value.iter().fold(0, |n, byte| n << 8 | u32::from(*byte)))
}

/// One UDP socket: a port that stays the same, as a device's does.
pub struct Peer {
    socket: UdpSocket,
    next_id: u16,
}

impl Peer {
    pub fn new(port: u16) -> Self {
        Self::of(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    /// Of a gateway at this address: the kernel drops what comes from another.
    pub fn of(gateway: SocketAddr) -> Self {
        let any = if gateway.is_ipv4() {
            "127.0.0.1:0"
        } else {
            "[::1]:0"
        };
        let socket = UdpSocket::bind(any).unwrap();
        socket.connect(gateway).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self {
            socket,
            next_id: 0x4000,
        }
    }

    /// A request with a message id and token of its own.
    pub fn request(&mut self, kind: MessageType, method: RequestType, path: &str) -> Packet {
        self.next_id += 1;
        let mut packet = Packet::new();
        packet.header.set_type(kind);
        packet.header.code = MessageClass::Request(method);
        packet.header.message_id = self.next_id;
        packet.set_token(self.next_id.to_be_bytes().to_vec());
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        for segment in path.split('/').filter(|segment| !segment.is_empty()) {
            packet.add_option(CoapOption::UriPath, segment.into());
        }
        for query in query.split('&').filter(|query| !query.is_empty()) {
            packet.add_option(CoapOption::UriQuery, query.into());
        }
        packet
    }

    /// A JSON uplink.
    pub fn post(&mut self, kind: MessageType, path: &str, payload: &[u8]) -> Packet {
        let mut packet = self.request(kind, RequestType::Post, path);
        add_uint(&mut packet, 12, JSON.into());
        packet.payload = payload.to_vec();
        packet
    }

    pub fn send(&self, packet: &Packet) {
        self.send_bytes(&packet.to_bytes_unlimited().unwrap());
    }

    pub fn send_bytes(&self, bytes: &[u8]) {
        // A gateway that is gone is said by the kernel, once: the second attempt goes.
        if let Err(cause) = self.socket.send(bytes) {
            assert_eq!(cause.kind(), ErrorKind::ConnectionRefused);
            self.socket.send(bytes).unwrap();
        }
    }

    #[track_caller]
    pub fn receive_bytes(&self) -> Vec<u8> {
        let mut buffer = [0; 2_048];
        loop {
            match self.socket.recv(&mut buffer) {
                Ok(len) => return buffer[..len].to_vec(),
                Err(cause) if cause.kind() == ErrorKind::ConnectionRefused => {}
                Err(cause) => panic!("no answer: {cause}"),
            }
        }
    }

    #[track_caller]
    pub fn receive(&self) -> Packet {
        Packet::from_bytes(&self.receive_bytes()).unwrap()
    }

    /// Sends it, and the next datagram is the answer.
    #[track_caller]
    pub fn ask(&self, packet: &Packet) -> Packet {
        self.send(packet);
        self.receive()
    }

    /// An empty message: an acknowledgement or a Reset of what was received.
    pub fn answer(&self, kind: MessageType, to: &Packet) {
        let mut packet = Packet::new();
        packet.header.set_type(kind);
        packet.header.code = MessageClass::Empty;
        packet.header.message_id = to.header.message_id;
        self.send(&packet);
    }

    /// Nothing has come so far: a ping is answered, and its Reset is the next datagram.
    #[track_caller]
    pub fn expect_silence(&mut self) {
        self.next_id += 1;
        let [high, low] = self.next_id.to_be_bytes();
        self.send_bytes(&[0x40, 0, high, low]);
        assert_eq!(self.receive_bytes(), [0x70, 0, high, low]);
    }

    /// Sends an uplink that is answered at once by 2.04.
    #[track_caller]
    pub fn uplink(&mut self, path: &str, payload: &[u8]) {
        let request = self.post(Confirmable, path, payload);
        let answer = self.ask(&request);
        check_piggybacked(&request, &answer);
        let changed = MessageClass::Response(ResponseType::Changed);
        assert_eq!(answer.header.code, changed);
    }
}

pub fn add_uint(packet: &mut Packet, number: u16, value: u32) {
    let bytes = value.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    packet.add_option(CoapOption::from(number), bytes[zeros..].to_vec());
}

/// RFC 7252 §5.2.1: the message id and token of the request, in an acknowledgement.
#[track_caller]
pub fn check_piggybacked(request: &Packet, answer: &Packet) {
    assert_eq!(answer.header.get_type(), Acknowledgement);
    assert_eq!(answer.header.message_id, request.header.message_id);
    assert_eq!(answer.get_token(), request.get_token());
}
