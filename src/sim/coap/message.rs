//! Requests and answers as bytes, by way of the crate `coap-lite`.
//!
//! The gateway has a codec of its own; that the two understand each other is a test of both.
use coap_lite::error::MessageError;
use coap_lite::{CoapOption, MessageClass, MessageType, Packet, RequestType};

/// RFC 9175 §2.2.1.
const ECHO: CoapOption = CoapOption::Unknown(252);
/// RFC 9175 §3.2.1.
const REQUEST_TAG: CoapOption = CoapOption::Unknown(292);
/// Longest diagnostic text that is kept, in characters.
const DIAGNOSTIC_MAX: usize = 200;

/// One block of a body, RFC 7959 §2.2. The size is `16 << szx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) number: u32,
    pub(super) more: bool,
    /// 0 to 6.
    pub(super) szx: u8,
}

impl Block {
    /// Bytes of a block of this size.
    pub(super) const fn size(szx: u8) -> usize {
        16 << szx
    }

    fn value(self) -> u32 {
        self.number << 4 | u32::from(self.more) << 3 | u32::from(self.szx)
    }

    fn of(value: u32) -> Option<Self> {
        let szx = u8::try_from(value & 7).ok()?;
        // 7 is reserved.
        (szx < 7).then_some(Self {
            number: value >> 4,
            more: value & 8 != 0,
            szx,
        })
    }
}

/// A POST.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) confirmable: bool,
    pub(super) mid: u16,
    pub(super) token: &'a [u8],
    /// Without a leading slash.
    pub(super) path: &'a str,
    /// IANA's number.
    pub(super) format: u16,
    /// The block, and the tag that its body's blocks share.
    pub(super) block: Option<(Block, u16)>,
    pub(super) echo: Option<&'a [u8]>,
    pub(super) payload: &'a [u8],
}

impl Request<'_> {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut packet = Packet::new();
        packet.header.set_version(1);
        packet.header.set_type(if self.confirmable {
            MessageType::Confirmable
        } else {
            MessageType::NonConfirmable
        });
        packet.header.code = MessageClass::Request(RequestType::Post);
        packet.header.message_id = self.mid;
        packet.set_token(self.token.to_vec());
        for part in self.path.split('/') {
            packet.add_option(CoapOption::UriPath, part.as_bytes().to_vec());
        }
        packet.add_option(CoapOption::ContentFormat, uint(self.format.into()));
        if let Some((block, tag)) = self.block {
            packet.add_option(CoapOption::Block1, uint(block.value()));
            packet.add_option(REQUEST_TAG, tag.to_be_bytes().to_vec());
        }
        if let Some(echo) = self.echo {
            packet.add_option(ECHO, echo.to_vec());
        }
        packet.payload = self.payload.to_vec();
        // Bounded by the block size, which the caller keeps to.
        packet.to_bytes_unlimited().unwrap_or_default()
    }
}

/// An empty message, RFC 7252 §4.1: an acknowledgement or a reset of `mid`.
pub(super) fn empty(kind: MessageType, mid: u16) -> Vec<u8> {
    let mut packet = Packet::new();
    packet.header.set_version(1);
    packet.header.set_type(kind);
    packet.header.code = MessageClass::Empty;
    packet.header.message_id = mid;
    packet.to_bytes().unwrap_or_default()
}

/// What a server sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// An empty acknowledgement: the answer comes later.
    Acknowledged { mid: u16 },
    /// It will have nothing to do with `mid`.
    Reset { mid: u16 },
    /// An answer.
    Answer(Answer),
    /// A request, a ping, or nothing that a client understands.
    Other { mid: u16, confirmable: bool },
}

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Does it want an acknowledgement? Then it came on its own, after an empty one.
    pub(super) confirmable: bool,
    /// Does it ride on the acknowledgement?
    pub(super) piggybacked: bool,
    pub(super) mid: u16,
    pub(super) token: Vec<u8>,
    /// `(class << 5) | detail`.
    pub(super) code: u8,
    pub(super) block: Option<Block>,
    pub(super) max_age_s: Option<u32>,
    pub(super) echo: Option<Vec<u8>>,
    /// Its payload as text.
    pub(super) diagnostic: String,
}

/// Reads a datagram from a server.
///
/// # Errors
/// It is no CoAP message.
pub(super) fn parse(bytes: &[u8]) -> Result<Incoming, MessageError> {
    let packet = Packet::from_bytes(bytes)?;
    let (kind, mid) = (packet.header.get_type(), packet.header.message_id);
    let code: u8 = packet.header.code.into();
    Ok(match (kind, packet.header.code) {
        (MessageType::Acknowledgement, MessageClass::Empty) => Incoming::Acknowledged { mid },
        (MessageType::Reset, _) => Incoming::Reset { mid },
        (_, MessageClass::Empty | MessageClass::Request(_)) => Incoming::Other {
            mid,
            confirmable: kind == MessageType::Confirmable,
        },
        _ => Incoming::Answer(Answer {
            confirmable: kind == MessageType::Confirmable,
            piggybacked: kind == MessageType::Acknowledgement,
            mid,
            token: packet.get_token().to_vec(),
            code,
            block: number(&packet, CoapOption::Block1).and_then(Block::of),
            max_age_s: number(&packet, CoapOption::MaxAge),
            echo: packet.get_first_option(ECHO).cloned(),
            diagnostic: String::from_utf8_lossy(&packet.payload)
                .chars()
                .filter(|c| !c.is_control())
                .take(DIAGNOSTIC_MAX)
                .collect(),
        }),
    })
}

/// RFC 7252 §3.2: as few bytes as hold the number.
fn uint(number: u32) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default().to_vec()
}

fn number(packet: &Packet, option: CoapOption) -> Option<u32> {
    let bytes = packet.get_first_option(option)?;
    (bytes.len() <= 4).then(|| {
        bytes
            .iter()
            .fold(0, |number, byte| number << 8 | u32::from(*byte))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_request_is_the_bytes_of_rfc_7252() {
        let request = Request {
            confirmable: true,
            mid: 0x7d34,
            token: &[0x20],
            path: "t/em-1",
            format: 110,
            block: None,
            echo: None,
            payload: b"[]",
        };
        // Version 1, CON, one byte of token; POST; Uri-Path twice (11), Content-Format (12).
        let wanted = b"\x41\x02\x7d\x34\x20\xb1t\x04em-1\x11\x6e\xff[]";
        assert_eq!(request.encode(), wanted);
        let blockwise = Request {
            confirmable: false,
            format: 0,
            path: "t",
            block: Some((
                Block {
                    number: 3,
                    more: true,
                    szx: 2,
                },
                7,
            )),
            echo: Some(b"e"),
            ..request
        };
        // Content-Format 0 has no bytes; Block1 (27) 0x3a; Echo (252); Request-Tag (292).
        let wanted = b"\x51\x02\x7d\x34\x20\xb1t\x10\xd1\x02\x3a\xd1\xd4e\xd2\x1b\0\x07\xff[]";
        assert_eq!(blockwise.encode(), wanted);
    }

    #[test]
    fn answers_are_told_apart() {
        assert_eq!(
            parse(&empty(MessageType::Acknowledgement, 7)),
            Ok(Incoming::Acknowledged { mid: 7 })
        );
        assert_eq!(
            parse(&empty(MessageType::Reset, 8)),
            Ok(Incoming::Reset { mid: 8 })
        );
        let ping = empty(MessageType::Confirmable, 9);
        let other = Incoming::Other {
            mid: 9,
            confirmable: true,
        };
        assert_eq!(parse(&ping), Ok(other));
        // 5.03, CON, Max-Age 30, with a text.
        let Incoming::Answer(answer) =
            parse(b"\x42\xa3\x01\x02ab\xd1\x01\x1e\xfffull\x1b").unwrap()
        else {
            panic!("no answer");
        };
        assert!(answer.confirmable && !answer.piggybacked);
        assert_eq!(
            (answer.code, answer.max_age_s, answer.token.as_slice()),
            (0xa3, Some(30), &b"ab"[..])
        );
        assert_eq!(answer.diagnostic, "full");
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_a_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }

        #[test]
        fn blocks_come_back(number in 0u32..1 << 20, more: bool, szx in 0u8..7) {
            let block = Block { number, more, szx };
            prop_assert_eq!(Block::of(block.value()), Some(block));
            prop_assert_eq!(uint(block.value()).len() <= 3, true);
        }
    }
}
