#![no_main]
//! Whatever datagram comes: no panic, no more than it holds, and coap-lite reads what is taken.
use citygate::sources::coap::message::{Kind, parse};
use citygate::sources::coap::options::Asked;
use coap_lite::Packet;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(message) = parse(bytes) else {
        return;
    };
    let options: Vec<_> = message.options.into_iter().collect();
    let held: usize = options.iter().map(|(_, value)| value.len()).sum();
    assert!(4 + message.token.len() + held + message.payload.len() <= bytes.len());
    let theirs = Packet::from_bytes(bytes).expect("coap-lite is the laxer one");
    assert_eq!(theirs.get_token(), message.token);
    assert_eq!(theirs.payload, message.payload);
    assert_eq!(theirs.header.message_id, message.header.id);
    if let Ok(asked) = Asked::read(message.options) {
        let mut path = String::new();
        asked.path(&mut path);
        assert!(path.len() <= bytes.len());
        assert!(asked.queries().count() <= options.len());
    }
    assert!(message.header.kind != Kind::Reset || message.payload.is_empty());
});
