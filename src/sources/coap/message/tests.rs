#![allow(clippy::indexing_slicing, reason = "tests")]
use super::*;
use crate::sources::coap::encode::{Writer, put_header};
use coap_lite::{CoapOption, MessageType, Packet};
use proptest::prelude::*;
use std::collections::LinkedList;

fn fault(bytes: &[u8]) -> (Fault, bool) {
    let malformed = parse(bytes).expect_err("malformed");
    (malformed.fault, malformed.header.is_some())
}

/// RFC 7252 §3: what a message may not look like, and whether its header can still be answered.
#[test]
fn malformed_messages_name_their_fault() {
    use Fault::*;
    let short = [0x40, 1, 0];
    assert_eq!(fault(&short), (Short(3), false));
    assert_eq!(fault(&[]), (Short(0), false));
    // Unknown versions are ignored, so their header says nothing.
    for version in [0, 2, 3] {
        assert_eq!(fault(&[version << 6, 1, 0, 1]), (Version(version), false));
    }
    for len in 9..=15u8 {
        let mut bytes = vec![0x40 | len, 1, 0, 1];
        bytes.resize(40, 0);
        assert_eq!(fault(&bytes), (TokenLength(len), true));
    }
    assert_eq!(fault(&[0x44, 1, 0, 1, 9, 9]), (Token(2), true));
    // §4.1: Empty has a token length of 0 and nothing behind the id.
    assert_eq!(fault(&[0x41, 0, 0, 1, 9]), (NotEmpty(1), true));
    assert_eq!(fault(&[0x40, 0, 0, 1, 0xb1, b'a']), (NotEmpty(2), true));
    assert_eq!(fault(&[0x60, 0, 0, 1, 0xff, 1]), (NotEmpty(2), true));
    for code in [0x20, 0x3f, 0xc0, 0xe1, 0xff] {
        assert_eq!(fault(&[0x40, code, 0, 1]), (Reserved(Code(code)), true));
    }
    // §3.1: 15 is for the payload marker, which is 15 twice.
    assert_eq!(fault(&[0x40, 1, 0, 1, 0xf0]), (OptionNibble(0), true));
    assert_eq!(
        fault(&[0x40, 1, 0, 1, 0xb0, 0x1f]),
        (OptionNibble(11), true)
    );
    for cut in [&[0xb2, 1][..], &[0xd0], &[0xe0, 0], &[0x0d], &[0x0e, 0]] {
        let bytes = [&[0x40, 1, 0, 1], cut].concat();
        assert!(fault(&bytes).1, "{cut:?}");
        assert!(matches!(fault(&bytes).0, OptionShort(_)), "{cut:?}");
    }
    // 65535 is the last number: twice 0xfff0 is beyond.
    let twice = [0x40, 1, 0, 1, 0xe0, 0xfe, 0xe3, 0xe0, 0xfe, 0xe3];
    assert_eq!(fault(&twice), (OptionNumber(0xfff0), true));
    assert_eq!(fault(&[0x40, 1, 0, 1, 0xff]), (NoPayload, true));
    assert_eq!(fault(&[0x40, 1, 0, 1, 0xb0, 0xff]), (NoPayload, true));
}

/// RFC 7252 table 1: which type goes with which code.
#[test]
fn types_go_with_codes_as_table_1_says() {
    let fits = |kind: u8, code: u8| parse(&[0x40 | kind << 4, code, 0, 1]).is_ok();
    let rows = [
        // CON, NON, ACK, RST
        (0x01, [true, true, false, false]),
        (0x44, [true, true, true, false]),
        (0x00, [true, false, true, true]),
    ];
    for (code, expected) in rows {
        let found = [0, 1, 2, 3].map(|kind| fits(kind, code));
        assert_eq!(found, expected, "{code:#x}");
    }
}

#[test]
fn a_request_is_read_in_place() {
    // PUT /t/m-1?x with Content-Format 50, token 7a.
    let bytes = b"\x41\x03\x12\x34\x7a\xb1t\x03m-1\x11\x32\x31x\xff{}";
    let message = parse(bytes).expect("a message");
    let header = Header {
        kind: Kind::Confirmable,
        code: Code::PUT,
        id: 0x1234,
    };
    assert_eq!((message.header, message.token), (header, &b"\x7a"[..]));
    let options: Vec<_> = message.options.into_iter().collect();
    let expected = [(11, &b"t"[..]), (11, b"m-1"), (12, b"\x32"), (15, b"x")];
    assert_eq!(options, expected);
    assert_eq!(message.payload, b"{}");
    assert_eq!(Code::UNSUPPORTED_FORMAT.to_string(), "4.15");
}

#[derive(Clone, Debug)]
struct Plain {
    header: Header,
    token: Vec<u8>,
    options: Vec<(u16, Vec<u8>)>,
    payload: Vec<u8>,
}

fn plain() -> impl Strategy<Value = Plain> {
    let codes = prop_oneof![1u8..=31, 0x40u8..=0x5f, 0x80u8..=0xbf];
    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        prop::collection::vec(any::<u8>(), 250..300),
    ];
    let options = prop::collection::vec((prop_oneof![0u16..64, any::<u16>()], value), 0..8);
    let token = prop::collection::vec(any::<u8>(), 0..=8);
    let payload = prop::collection::vec(any::<u8>(), 0..64);
    (any::<bool>(), codes, any::<u16>(), token, options, payload).prop_map(
        |(confirmable, code, id, token, mut options, payload)| {
            options.sort_by_key(|(number, _)| *number);
            let kind = if confirmable {
                Kind::Confirmable
            } else {
                Kind::NonConfirmable
            };
            Plain {
                header: Header {
                    kind,
                    code: Code(code),
                    id,
                },
                token,
                options,
                payload,
            }
        },
    )
}

fn encoded(plain: &Plain) -> Vec<u8> {
    let mut out = Vec::new();
    put_header(&mut out, plain.header, &plain.token);
    let mut writer = Writer::new(&mut out);
    for (number, value) in &plain.options {
        writer.option(*number, value);
    }
    writer.payload(&plain.payload);
    out
}

proptest! {
    #[test]
    fn what_is_written_is_read(plain in plain()) {
        let bytes = encoded(&plain);
        let message = parse(&bytes).expect("a message");
        prop_assert_eq!(message.header, plain.header);
        prop_assert_eq!(message.token, &plain.token[..]);
        let options: Vec<_> = message.options.into_iter().map(|(n, v)| (n, v.to_vec())).collect();
        prop_assert_eq!(options, plain.options);
        prop_assert_eq!(message.payload, &plain.payload[..]);
    }

    /// The independent codec reads what ours writes, and ours what it writes.
    #[test]
    fn coap_lite_agrees_on_valid_messages(plain in plain()) {
        let bytes = encoded(&plain);
        let theirs = Packet::from_bytes(&bytes).expect("coap-lite reads it");
        prop_assert_eq!(theirs.header.message_id, plain.header.id);
        prop_assert_eq!(u8::from(theirs.header.code), plain.header.code.0);
        prop_assert_eq!(theirs.get_token(), &plain.token[..]);
        prop_assert_eq!(&theirs.payload, &plain.payload);
        let mut flat = Vec::new();
        for (number, values) in theirs.options() {
            flat.extend(values.iter().map(|value| (*number, value.clone())));
        }
        prop_assert_eq!(&flat, &plain.options);
        let again = theirs.to_bytes_unlimited().expect("coap-lite writes it");
        prop_assert_eq!(parse(&again), parse(&bytes));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if let Ok(message) = parse(&bytes) {
            let options: usize = message.options.into_iter().map(|(_, value)| value.len()).sum();
            prop_assert!(options + message.payload.len() + message.token.len() <= bytes.len());
        }
    }

    /// What ours takes, coap-lite takes as well: ours is the stricter one.
    #[test]
    fn ours_is_the_stricter(mut bytes in prop::collection::vec(any::<u8>(), 4..64)) {
        bytes[0] = 0x40 | bytes[0] & 0x38;
        if parse(&bytes).is_ok() {
            prop_assert!(Packet::from_bytes(&bytes).is_ok());
        }
    }
}

/// Where coap-lite is lax and this parser is not: each of these is a message format error.
#[test]
fn what_coap_lite_lets_through_is_refused() {
    for bytes in [
        &[0x80, 1, 0, 1][..],      // version 2
        &[0x40, 1, 0, 1, 0xff],    // marker without payload
        &[0x41, 0, 0, 1, 9],       // Empty with a token
        &[0x40, 0, 0, 1, 0xff, 1], // Empty with a payload
    ] {
        assert!(Packet::from_bytes(bytes).is_ok(), "{bytes:?}");
        assert!(parse(bytes).is_err(), "{bytes:?}");
    }
    let mut packet = Packet::new();
    packet.header.set_type(MessageType::Confirmable);
    packet.header.code = coap_lite::MessageClass::Empty;
    packet.set_option(CoapOption::UriPath, LinkedList::from([b"t".to_vec()]));
    let bytes = packet.to_bytes().expect("bytes");
    assert!(parse(&bytes).is_err(), "Empty with an option");
}
