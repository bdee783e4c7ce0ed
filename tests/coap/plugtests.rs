//! The test cases of ETSI's `CoAP` Plugtests (CORE, LINK, BLOCK, OBS), as far as they concern a server.
//!
//! Each is run against the real binary, or it is said why it does not apply. Uplinks stand for the cases' `/test`: what
//! can be read here is `/.well-known/core` alone, so cases that read a slow resource write one instead.
use crate::peer::{
    Acknowledgement, Confirmable, LINK_FORMAT, NonConfirmable, Peer, Reset, add_uint,
    check_piggybacked, code, option, text, uint,
};
use crate::{City, long_payload, payload};
use coap_lite::{CoapOption, MessageType, Packet, RequestType};

enum Outcome {
    Run(fn(&City, &mut Peer)),
    /// Against a gateway whose syncs take longer than an acknowledgement may.
    Slow(fn(&City, &mut Peer)),
    NotApplicable(&'static str),
}

use Outcome::{NotApplicable, Run, Slow};

const PROXY: Outcome = NotApplicable("concerns a proxy; this is none, and answers 5.05");
const OBSERVE: Outcome =
    NotApplicable("nothing here can be observed: Observe is elective and ignored");

const CASES: &[(&str, &str, Outcome)] = &[
    (
        "CORE_01",
        "GET, confirmable",
        Run(|_, peer| get(peer, Confirmable)),
    ),
    (
        "CORE_02",
        "DELETE, confirmable",
        Run(|_, peer| delete(peer, Confirmable)),
    ),
    (
        "CORE_03",
        "PUT, confirmable",
        Run(|_, peer| write(peer, Confirmable, RequestType::Put)),
    ),
    (
        "CORE_04",
        "POST, confirmable",
        Run(|_, peer| write(peer, Confirmable, RequestType::Post)),
    ),
    (
        "CORE_05",
        "GET, non-confirmable",
        Run(|_, peer| get(peer, NonConfirmable)),
    ),
    (
        "CORE_06",
        "DELETE, non-confirmable",
        Run(|_, peer| delete(peer, NonConfirmable)),
    ),
    (
        "CORE_07",
        "PUT, non-confirmable",
        Run(|_, peer| write(peer, NonConfirmable, RequestType::Put)),
    ),
    (
        "CORE_08",
        "POST, non-confirmable",
        Run(|_, peer| write(peer, NonConfirmable, RequestType::Post)),
    ),
    (
        "CORE_09",
        "separate response",
        Slow(|_, peer| separate(peer, b"tk", 0)),
    ),
    (
        "CORE_10",
        "a token is returned",
        Run(|_, peer| token(peer, b"12345678")),
    ),
    (
        "CORE_11",
        "a token is returned in a separate response",
        Slow(|_, peer| separate(peer, b"12345678", 0)),
    ),
    ("CORE_12", "no token", Run(|_, peer| token(peer, b""))),
    (
        "CORE_13",
        "several Uri-Path options",
        Run(|_, peer| peer.uplink("/t/meter-13/json", &payload(13))),
    ),
    ("CORE_14", "several Uri-Query options", Run(queries)),
    (
        "CORE_15",
        "lossy context, piggybacked: the request or its answer is repeated",
        Run(repeated),
    ),
    (
        "CORE_16",
        "lossy context, separate: the response is repeated",
        Slow(|_, peer| separate(peer, b"tk", 1)),
    ),
    (
        "CORE_17",
        "separate response to a non-confirmable request",
        Slow(separate_non),
    ),
    (
        "CORE_18",
        "POST with Location-Path in the answer",
        NotApplicable("an uplink creates no resource that could be named"),
    ),
    (
        "CORE_19",
        "POST with Location-Query in the answer",
        NotApplicable("an uplink creates no resource that could be named"),
    ),
    ("CORE_20", "Accept", Run(accept)),
    (
        "CORE_21",
        "ETag: the representation is told apart",
        Run(etag),
    ),
    (
        "CORE_22",
        "If-Match",
        Run(|_, peer| bad_option(peer, 1, b"etag")),
    ),
    (
        "CORE_23",
        "If-None-Match",
        Run(|_, peer| bad_option(peer, 5, b"")),
    ),
    ("CORE_24", "GET through a proxy", PROXY),
    ("CORE_25", "PUT through a proxy", PROXY),
    ("CORE_26", "POST through a proxy", PROXY),
    ("CORE_27", "DELETE through a proxy", PROXY),
    ("CORE_28", "separate response through a proxy", PROXY),
    ("CORE_29", "Max-Age in a proxy's cache", PROXY),
    ("CORE_30", "Proxy-Uri", Run(proxy_uri)),
    ("CORE_31", "ping", Run(ping)),
    (
        "LINK_01",
        "/.well-known/core",
        Run(|_, peer| links(peer, "", 3)),
    ),
    (
        "LINK_02",
        "filter by rt",
        Run(|_, peer| links(peer, "?rt=citygate.uplink", 2)),
    ),
    (
        "LINK_03",
        "filter by an empty prefix",
        Run(|_, peer| links(peer, "?rt=*", 2)),
    ),
    (
        "LINK_04",
        "filter among several rt",
        Run(|_, peer| links(peer, "?rt=thingsboard.device", 1)),
    ),
    (
        "LINK_05",
        "filter by if and a prefix",
        Run(|_, peer| links(peer, "?if=citygate*", 2)),
    ),
    (
        "LINK_06",
        "filter by sz and a prefix",
        Run(|_, peer| links(peer, "?sz=*", 0)),
    ),
    (
        "LINK_07",
        "filter by href",
        Run(|_, peer| links(peer, "?href=/t", 1)),
    ),
    (
        "LINK_08",
        "filter by href and a prefix",
        Run(|_, peer| links(peer, "?href=/*", 3)),
    ),
    (
        "LINK_09",
        "links in a hierarchy",
        NotApplicable("one flat list says all"),
    ),
    (
        "BLOCK_01",
        "large GET, early negotiation",
        Run(|_, peer| large_get(peer, Some(1))),
    ),
    (
        "BLOCK_02",
        "large GET, late negotiation",
        Run(|_, peer| large_get(peer, None)),
    ),
    (
        "BLOCK_03",
        "large PUT",
        Run(|_, peer| large_write(peer, RequestType::Put, 6)),
    ),
    (
        "BLOCK_04",
        "large POST",
        Run(|_, peer| large_write(peer, RequestType::Post, 4)),
    ),
    (
        "BLOCK_05",
        "large POST with a large response",
        NotApplicable("the answer to an uplink is a code"),
    ),
    (
        "BLOCK_06",
        "large GET in blocks of 16",
        Run(|_, peer| large_get(peer, Some(0))),
    ),
    ("OBS_01..15", "observation", OBSERVE),
];

#[test]
fn each_case_passes_or_does_not_apply() {
    let (mut quick, slow) = (City::new(), City::slow("ack_after = \"50ms\"", 150));
    for (name, what, outcome) in CASES {
        let run = |city: &City, case: fn(&City, &mut Peer)| {
            eprintln!("{name} {what}");
            let mut peer = Peer::new(city.port());
            case(city, &mut peer);
            peer.expect_silence();
        };
        match outcome {
            Run(case) => run(&quick, *case),
            Slow(case) => run(&slow, *case),
            NotApplicable(why) => eprintln!("{name} {what}: does not apply: {why}"),
        }
    }
    for city in [&quick, &slow] {
        city.until(|counts| counts.in_flight == 0);
        assert!(city.counts().logged > 0);
    }
    quick.crash_and_restart();
    slow.stop();
}

/// A GET of what is larger than an unproven address gets: its first answer is a challenge.
fn discover(peer: &mut Peer, kind: MessageType, query: &str, options: &[(u16, u32)]) -> Packet {
    let mut ask = |echo: Option<Vec<u8>>| {
        let path = format!("/.well-known/core{query}");
        let mut request = peer.request(kind, RequestType::Get, &path);
        for (number, value) in options {
            add_uint(&mut request, *number, *value);
        }
        if let Some(echo) = echo {
            request.add_option(CoapOption::from(252), echo);
        }
        let answer = peer.ask(&request);
        assert_eq!(answer.get_token(), request.get_token());
        if kind == Confirmable {
            check_piggybacked(&request, &answer);
        } else {
            assert_eq!(answer.header.get_type(), NonConfirmable);
        }
        answer
    };
    let first = ask(None);
    match code(&first).as_str() {
        "4.01" => ask(option(&first, 252)),
        _ => first,
    }
}

fn get(peer: &mut Peer, kind: MessageType) {
    let answer = discover(peer, kind, "", &[]);
    assert_eq!(code(&answer), "2.05");
    assert_eq!(uint(&answer, 12), Some(LINK_FORMAT.into()));
    assert!(!answer.payload.is_empty());
}

fn delete(peer: &mut Peer, kind: MessageType) {
    let request = peer.request(kind, RequestType::Delete, "/t/meter-7/json");
    let answer = peer.ask(&request);
    assert_eq!(
        (code(&answer).as_str(), answer.get_token()),
        ("4.05", request.get_token())
    );
}

fn write(peer: &mut Peer, kind: MessageType, method: RequestType) {
    let mut request = peer.post(kind, "/t/meter-7/json", &payload(1));
    request.header.code = coap_lite::MessageClass::Request(method);
    let answer = peer.ask(&request);
    assert_eq!(
        (code(&answer).as_str(), answer.get_token()),
        ("2.04", request.get_token())
    );
    let expected = if kind == Confirmable {
        Acknowledgement
    } else {
        NonConfirmable
    };
    assert_eq!(answer.header.get_type(), expected);
}

fn token(peer: &mut Peer, token: &[u8]) {
    let mut request = peer.post(Confirmable, "/t/meter-7/json", &payload(1));
    request.set_token(token.to_vec());
    let answer = peer.ask(&request);
    check_piggybacked(&request, &answer);
    assert_eq!(code(&answer), "2.04");
}

/// The first `unheard` copies of the response are not acknowledged.
fn separate(peer: &mut Peer, token: &[u8], unheard: usize) {
    let mut request = peer.post(Confirmable, "/t/meter-9/json", &payload(9));
    request.set_token(token.to_vec());
    let ack = peer.ask(&request);
    assert_eq!(
        (ack.header.get_type(), code(&ack).as_str()),
        (Acknowledgement, "0.00")
    );
    assert_eq!(ack.header.message_id, request.header.message_id);
    assert!(ack.get_token().is_empty());
    let response = peer.receive();
    for _ in 0..unheard {
        assert_eq!(peer.receive().header.message_id, response.header.message_id);
    }
    assert_eq!(
        (response.header.get_type(), response.get_token()),
        (Confirmable, token)
    );
    assert_eq!(code(&response), "2.04");
    peer.answer(Acknowledgement, &response);
}

fn separate_non(_: &City, peer: &mut Peer) {
    write(peer, NonConfirmable, RequestType::Post);
}

fn queries(_: &City, peer: &mut Peer) {
    let answer = discover(
        peer,
        Confirmable,
        "?if=citygate.post&rt=thingsboard.device",
        &[],
    );
    assert_eq!(
        (code(&answer).as_str(), text(&answer).matches("</").count()),
        ("2.05", 1)
    );
}

fn repeated(_: &City, peer: &mut Peer) {
    let request = peer.post(Confirmable, "/t/meter-15/json", &payload(15));
    for _ in 0..3 {
        let answer = peer.ask(&request);
        check_piggybacked(&request, &answer);
        assert_eq!(code(&answer), "2.04");
    }
}

fn accept(_: &City, peer: &mut Peer) {
    let answer = discover(peer, Confirmable, "", &[(17, LINK_FORMAT.into())]);
    assert_eq!(
        (code(&answer).as_str(), uint(&answer, 12)),
        ("2.05", Some(LINK_FORMAT.into()))
    );
    assert_eq!(code(&discover(peer, Confirmable, "", &[(17, 41)])), "4.06");
}

fn etag(_: &City, peer: &mut Peer) {
    let all = option(&discover(peer, Confirmable, "", &[]), 4);
    assert!(all.is_some());
    assert_eq!(option(&discover(peer, Confirmable, "", &[]), 4), all);
    assert_ne!(
        option(&discover(peer, Confirmable, "?href=/t", &[]), 4),
        all
    );
}

fn bad_option(peer: &mut Peer, number: u16, value: &[u8]) {
    let mut request = peer.post(Confirmable, "/t/meter-7/json", &payload(1));
    request.add_option(CoapOption::from(number), value.to_vec());
    assert_eq!(code(&peer.ask(&request)), "4.02");
}

fn proxy_uri(_: &City, peer: &mut Peer) {
    let mut request = peer.request(Confirmable, RequestType::Get, "");
    request.add_option(CoapOption::from(35), b"coap://192.0.2.1/x".to_vec());
    assert_eq!(code(&peer.ask(&request)), "5.05");
}

fn ping(_: &City, peer: &mut Peer) {
    let mut ping = Packet::new();
    ping.header.set_type(Confirmable);
    ping.header.code = coap_lite::MessageClass::Empty;
    ping.header.message_id = 77;
    let answer = peer.ask(&ping);
    assert_eq!(
        (answer.header.get_type(), answer.header.message_id),
        (Reset, 77)
    );
}

fn links(peer: &mut Peer, query: &str, count: usize) {
    let answer = discover(peer, Confirmable, query, &[]);
    assert_eq!(code(&answer), "2.05");
    assert_eq!(uint(&answer, 12), Some(LINK_FORMAT.into()));
    assert_eq!(
        text(&answer).matches("</").count(),
        count,
        "{query}: {}",
        text(&answer)
    );
}

/// In blocks of 16 << `szx` from the first request on, or from the second on where the first asks for none.
fn large_get(peer: &mut Peer, szx: Option<u32>) {
    let whole = discover(peer, Confirmable, "", &[]);
    let (mut body, mut num) = (Vec::new(), 0);
    if szx.is_none() {
        body.extend_from_slice(&whole.payload[..16]);
        num = 1;
    }
    let szx = szx.unwrap_or(0);
    loop {
        let answer = discover(peer, Confirmable, "", &[(23, num << 4 | szx)]);
        assert_eq!(code(&answer), "2.05");
        assert_eq!(option(&answer, 4), option(&whole, 4), "one representation");
        let block = uint(&answer, 23).unwrap();
        assert_eq!((block >> 4, block & 7), (num, szx));
        body.extend_from_slice(&answer.payload);
        if block & 8 == 0 {
            break;
        }
        assert_eq!(answer.payload.len(), 16 << szx);
        num += 1;
    }
    assert_eq!(body, whole.payload);
}

fn large_write(peer: &mut Peer, method: RequestType, szx: u32) {
    let body = long_payload(100);
    let blocks: Vec<&[u8]> = body.chunks(16 << szx).collect();
    for (num, piece) in blocks.iter().enumerate() {
        let more = num + 1 < blocks.len();
        let num = u32::try_from(num).unwrap();
        let mut request = peer.post(Confirmable, "/t/meter-99/json", piece);
        request.header.code = coap_lite::MessageClass::Request(method);
        add_uint(&mut request, 27, num << 4 | u32::from(more) << 3 | szx);
        let answer = peer.ask(&request);
        check_piggybacked(&request, &answer);
        assert_eq!(code(&answer), if more { "2.31" } else { "2.04" });
        assert_eq!(
            uint(&answer, 27),
            Some(num << 4 | u32::from(more) << 3 | szx)
        );
    }
}
