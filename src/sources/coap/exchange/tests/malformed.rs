//! Datagrams that are wrong, and what is sent for each.
use super::*;

/// What a datagram leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reaction {
    Silence,
    Reset,
    Answer(Code),
    /// Given to whoever is above.
    Request,
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    let byte = |pair: &[u32]| u8::try_from(pair[0] << 4 | pair[1]).expect("two digits");
    digits.chunks(2).map(byte).collect()
}

#[test]
fn each_datagram_has_its_reaction() {
    use Reaction::*;
    let cases = [
        // Not CoAP version 1 (§3): ignored, whatever it is.
        ("", Silence),
        ("40", Silence),
        ("400100", Silence),
        ("00010001", Silence),
        ("80010001", Silence),
        ("c0010001", Silence),
        ("16030100", Silence),
        // Message format errors (§3, §3.1): a confirmable one is reset (§4.2), others are ignored (§4.3).
        ("49010001 000000000000000000", Reset),
        ("59010001 000000000000000000", Silence),
        ("4f010001", Reset),
        ("42010001 aa", Reset),
        ("40010001 ff", Reset),
        ("50010001 ff", Silence),
        ("60450001 ff", Silence),
        ("40010001 f0", Reset),
        ("40010001 0f", Reset),
        ("40010001 d0", Reset),
        ("40010001 e000", Reset),
        ("40010001 b5616263", Reset),
        ("40010001 bd", Reset),
        ("40010001 e0fffe e00000 10", Reset),
        // Empty with something in it (§4.1); Empty as NON (table 1).
        ("41000001 aa", Reset),
        ("40000001 ff00", Reset),
        ("50000001", Silence),
        // Reserved classes (§3).
        ("40200001", Reset),
        ("403f0001", Reset),
        ("40c00001", Reset),
        ("40e10001", Reset),
        ("50e10001", Silence),
        // Types that do not go with the code (table 1).
        ("60010001", Silence),
        ("70010001", Silence),
        ("70450001", Silence),
        // Ping, and messages that nobody waits for.
        ("40000001", Reset),
        ("60000001", Silence),
        ("70000001", Silence),
        ("40450001", Reset),
        ("50450001", Silence),
        // Options: If-Match, If-None-Match, OSCORE, Q-Block1, Uri-Host empty, two Accepts, Block1 of 4 bytes.
        ("40020001 1161", Answer(Code::BAD_OPTION)),
        ("40020001 50", Answer(Code::BAD_OPTION)),
        ("40020001 90", Answer(Code::BAD_OPTION)),
        ("40020001 d006", Answer(Code::BAD_OPTION)),
        ("40020001 30", Answer(Code::BAD_OPTION)),
        ("40010001 d10432 0132", Answer(Code::BAD_OPTION)),
        ("40020001 d40e00000000", Answer(Code::BAD_OPTION)),
        ("40020001 b22e2e", Answer(Code::BAD_OPTION)),
        ("40020001 b1ff", Answer(Code::BAD_OPTION)),
        ("50020001 50", Reset),
        ("40010001 d61663 6f61703a2f", Answer(Code::NO_PROXY)),
        // Well formed, and for whoever is above: unknown methods too, elective options of any kind.
        ("40010001", Request),
        ("401f0001", Request),
        ("50020001 b174 ff7b7d", Request),
        ("40020001 c3616263", Request),
        ("40020001 6161", Request),
    ];
    for (hex, expected) in cases {
        let mut rig = Rig::new();
        let datagram = bytes(hex);
        let request = rig.hear(&datagram).is_some();
        let sent = rig.sent();
        let reaction = match sent.as_slice() {
            [] if request => Request,
            [] => Silence,
            [one] => match header(one) {
                (Kind::Reset, Code::EMPTY, 1) => Reset,
                (Kind::Acknowledgement, code, 1) => Answer(code),
                other => panic!("{hex}: {other:?}"),
            },
            more => panic!("{hex}: {more:?}"),
        };
        assert_eq!(reaction, expected, "{hex}");
        let malformed: u64 = rig.exchanges.counts().malformed.iter().sum();
        assert!(malformed <= 1, "{hex}");
    }
}

/// RFC 7252 §4.6: what is longer than what is read gets 4.13 with the size of blocks that is taken.
#[test]
fn a_datagram_that_is_too_long_is_told_to_come_in_blocks() {
    let mut rig = Rig::new();
    let long = post(9, &[b'x'; 4_000]);
    rig.exchanges
        .handle_truncated(rig.now, session(1), &long, &mut rig.out);
    let answer = rig.only();
    let message = parse(&answer).expect("a message");
    assert_eq!(header(&answer), (Kind::Acknowledgement, Code::TOO_LARGE, 9));
    let options: Vec<_> = message.options.into_iter().collect();
    assert_eq!(options, [(number::BLOCK1, &[6][..])]);
    let non = message_non();
    rig.exchanges
        .handle_truncated(rig.now, session(1), &non, &mut rig.out);
    rig.silent();
}

fn message_non() -> Vec<u8> {
    super::message(Kind::NonConfirmable, Code::POST, 9, &[], &[b'x'; 100])
}
