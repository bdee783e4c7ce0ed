//! The message layer against RFC 7252, clause by clause; `simulation` has loss, order and time.
#![allow(clippy::indexing_slicing, reason = "tests")]
mod amplification;
mod malformed;
mod simulation;

use super::*;
use crate::sources::coap::encode::{Writer, put_header};
use crate::sources::coap::message::{Header, parse};
use crate::sources::coap::options::number;
use crate::sources::coap::response::Response;
use crate::sources::coap::session::Session;

const LIMITS: Limits = Limits {
    outstanding_max: 64,
    ack_after: Duration::from_secs(1),
    seen: SeenLimits {
        entries_max: 1_000,
        peer_entries_max: 500,
        bytes_max: 10_000,
        peer_bytes_max: 5_000,
    },
};
const SECRETS: Secrets = Secrets {
    seed: 7,
    process: [3; 32],
};

fn session(port: u16) -> Session {
    Session::new(([192, 0, 2, 1], port).into())
}

/// A message with a path, options behind it in order, and a payload.
fn message(kind: Kind, code: Code, id: u16, options: &[(u16, &[u8])], payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put_header(&mut out, Header { kind, code, id }, b"tk");
    let mut writer = Writer::new(&mut out);
    writer.option(number::URI_PATH, b"t");
    writer.option(number::URI_PATH, b"m-1");
    for (number, value) in options {
        writer.option(*number, value);
    }
    writer.payload(payload);
    out
}

fn post(id: u16, payload: &[u8]) -> Vec<u8> {
    message(Kind::Confirmable, Code::POST, id, &[], payload)
}

/// A server whose clock stands still.
struct Rig {
    exchanges: Exchanges,
    start: Instant,
    now: Instant,
    out: Outbox,
}

impl Rig {
    fn new() -> Self {
        let start = Instant::now();
        Self {
            exchanges: Exchanges::new(LIMITS, SECRETS, start),
            start,
            now: start,
            out: Outbox::default(),
        }
    }

    /// The id of a new request, if `bytes` is one.
    fn hear(&mut self, bytes: &[u8]) -> Option<ExchangeId> {
        self.hear_from(session(1), bytes)
    }

    fn hear_from(&mut self, from: Session, bytes: &[u8]) -> Option<ExchangeId> {
        let heard = self
            .exchanges
            .handle_datagram(self.now, from, bytes, &mut self.out);
        match heard {
            Heard::Request(request) => Some(request.id),
            _ => None,
        }
    }

    fn respond(&mut self, id: ExchangeId, response: &Response<'_>, keep: Keep) {
        self.exchanges
            .respond(self.now, id, response, keep, &mut self.out);
    }

    fn changed(&mut self, id: ExchangeId) {
        self.respond(id, &Response::new(Code::CHANGED), Keep::Answer);
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.exchanges.handle_timeout(self.now, &mut self.out);
    }

    /// What was sent since the last look.
    fn sent(&mut self) -> Vec<Vec<u8>> {
        let sent = self.out.from(0).map(|(_, bytes)| bytes.to_vec()).collect();
        self.out.clear();
        sent
    }

    /// The one message that was sent since the last look.
    #[track_caller]
    fn only(&mut self) -> Vec<u8> {
        let sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:02x?}");
        sent.into_iter().next().unwrap_or_default()
    }

    #[track_caller]
    fn silent(&mut self) {
        assert_eq!(self.sent(), Vec::<Vec<u8>>::new());
    }
}

fn header(bytes: &[u8]) -> (Kind, Code, u16) {
    let message = parse(bytes).expect("a message");
    let Header { kind, code, id } = message.header;
    (kind, code, id)
}

/// §5.2.1: the response comes in the acknowledgement, with the request's id and token.
#[test]
fn a_fast_answer_is_piggybacked() {
    let mut rig = Rig::new();
    let id = rig.hear(&post(77, b"{}")).expect("a request");
    rig.silent();
    rig.changed(id);
    assert_eq!(rig.only(), b"\x62\x44\x00\x4dtk");
    rig.changed(id);
    rig.silent();
}

/// §4.2, §4.5: a copy gets the same acknowledgement and is not processed again.
#[test]
fn a_copy_gets_the_same_answer() {
    let mut rig = Rig::new();
    let id = rig.hear(&post(77, b"{}")).expect("a request");
    rig.exchanges.mark_uplink(id);
    let heard = |rig: &mut Rig| match rig.exchanges.handle_datagram(
        rig.now,
        session(1),
        &post(77, b"{}"),
        &mut rig.out,
    ) {
        Heard::Copy(uplink) => uplink,
        other => panic!("{other:?}"),
    };
    assert!(heard(&mut rig), "in flight");
    rig.silent();
    let words = Response::diagnostic(Code::BAD_REQUEST, "no");
    rig.respond(id, &words, Keep::Answer);
    let first = rig.only();
    assert!(heard(&mut rig));
    assert_eq!(rig.only(), first);
    rig.pass(Duration::from_secs(246));
    assert!(heard(&mut rig), "EXCHANGE_LIFETIME is 247 s");
    assert_eq!(rig.only(), first);
    assert_eq!(rig.exchanges.counts().duplicates, 3);
    rig.pass(Duration::from_secs(3));
    assert!(rig.hear(&post(77, b"{}")).is_some(), "after it, it is new");
}

/// §4.4: ids wrap inside the lifetime above 265 messages a second; another payload is another message.
#[test]
fn an_id_that_wraps_is_another_message() {
    let mut rig = Rig::new();
    let first = rig.hear(&post(77, b"1")).expect("a request");
    rig.changed(first);
    assert!(rig.hear(&post(77, b"2")).is_some());
    assert!(
        rig.hear_from(session(2), &post(77, b"1")).is_some(),
        "another peer"
    );
}

/// §5.2.3: the answer to a NON is NON with an id of ours; §4.5: a copy is not processed again, and
/// gets the answer again, which may have been lost.
#[test]
fn a_non_confirmable_request_gets_a_non_confirmable_response() {
    let mut rig = Rig::new();
    let bytes = message(Kind::NonConfirmable, Code::POST, 9, &[], b"{}");
    let id = rig.hear(&bytes).expect("a request");
    rig.pass(Duration::from_secs(2));
    rig.silent();
    rig.changed(id);
    let answer = rig.only();
    let (kind, code, first) = header(&answer);
    assert_eq!((kind, code), (Kind::NonConfirmable, Code::CHANGED));
    assert_eq!(parse(&answer).expect("a message").token, b"tk");
    assert!(rig.hear(&bytes).is_none());
    let again = rig.only();
    assert_eq!(header(&again), (kind, code, first.wrapping_add(1)));
    assert_eq!(again[4..], answer[4..]);
    let bytes = message(Kind::NonConfirmable, Code::POST, 10, &[], b"{}");
    let id = rig.hear(&bytes).expect("a request");
    assert!(rig.hear(&bytes).is_none(), "in flight");
    rig.silent();
    rig.changed(id);
    assert_eq!(header(&rig.only()).1, Code::CHANGED);
}

/// §5.2.2: an empty acknowledgement first, then a confirmable response until it is acknowledged.
#[test]
fn a_slow_answer_is_separate() {
    let mut rig = Rig::new();
    let id = rig.hear(&post(77, b"{}")).expect("a request");
    let due = rig.exchanges.poll_timeout().expect("an acknowledgement");
    assert_eq!(due, rig.start + LIMITS.ack_after);
    rig.pass(LIMITS.ack_after);
    assert_eq!(rig.only(), b"\x60\x00\x00\x4d");
    assert!(rig.hear(&post(77, b"{}")).is_none());
    assert_eq!(
        rig.only(),
        b"\x60\x00\x00\x4d",
        "a copy is acknowledged again"
    );
    rig.changed(id);
    let response = rig.only();
    let (kind, code, mid) = header(&response);
    assert_eq!((kind, code), (Kind::Confirmable, Code::CHANGED));
    assert_eq!(parse(&response).expect("a message").token, b"tk");
    rig.pass(Duration::from_secs(4));
    assert_eq!(rig.only(), response, "sent again, byte by byte");
    assert!(rig.hear(&post(77, b"{}")).is_none());
    assert_eq!(rig.only(), b"\x60\x00\x00\x4d");
    // An acknowledgement of another id, or of another peer, is ignored (§4.2).
    let [high, low] = mid.to_be_bytes();
    let ack = [0x60, 0, high, low];
    rig.hear_from(session(2), &ack);
    rig.hear(&[0x60, 0, high, low ^ 1]);
    assert_eq!(rig.exchanges.unacknowledged(), 1);
    rig.hear(&ack);
    assert_eq!(rig.exchanges.unacknowledged(), 0);
    rig.pass(Duration::from_secs(100));
    rig.silent();
    let counts = rig.exchanges.counts();
    assert_eq!((counts.acknowledged, counts.separate), (1, 1));
    assert_eq!((counts.retransmissions, counts.given_up), (1, 0));
}

/// §4.2: a Reset ends the retransmission; without any answer it ends after `MAX_RETRANSMIT`.
#[test]
fn a_separate_response_ends_with_a_reset_or_with_patience() {
    let mut rig = Rig::new();
    for (id, reset) in [(1, true), (2, false)] {
        let exchange = rig.hear(&post(id, b"{}")).expect("a request");
        rig.pass(LIMITS.ack_after);
        rig.changed(exchange);
        let sent = rig.sent();
        let (_, _, mid) = header(&sent[1]);
        let [high, low] = mid.to_be_bytes();
        if reset {
            rig.hear(&[0x70, 0, high, low]);
            assert_eq!(rig.exchanges.unacknowledged(), 0);
        }
    }
    for _ in 0..100 {
        rig.pass(Duration::from_secs(1));
    }
    assert_eq!(rig.sent().len(), 4);
    let counts = rig.exchanges.counts();
    assert_eq!((counts.rejected, counts.given_up), (1, 1));
}

/// RFC 7252 §4.3: an empty confirmable message is answered by a Reset: a ping. A response that
/// nobody asked for is rejected likewise; acknowledgements and Resets that match nothing are ignored.
#[test]
fn what_nobody_waits_for_is_reset_or_ignored() {
    let mut rig = Rig::new();
    rig.hear(&[0x40, 0, 0x12, 0x34]);
    assert_eq!(rig.only(), [0x70, 0, 0x12, 0x34]);
    rig.hear(&[0x41, 0x45, 0x12, 0x35, 9]);
    assert_eq!(rig.only(), [0x70, 0, 0x12, 0x35]);
    for ignored in [
        &[0x60, 0, 0, 1][..],
        &[0x70, 0, 0, 1],
        &[0x61, 0x45, 0, 1, 9],
        &[0x51, 0x45, 0, 1, 9],
    ] {
        rig.hear(ignored);
        rig.silent();
    }
}

/// RFC 8516 and §5.9.3.4: "later" is not remembered, so the same message is tried anew.
#[test]
fn a_temporary_refusal_is_forgotten() {
    let mut rig = Rig::new();
    for (code, secs) in [(Code::UNAVAILABLE, 60), (Code::TOO_MANY, 600)] {
        let id = rig.hear(&post(77, b"{}")).expect("taken anew");
        rig.respond(id, &Response::later(code, secs), Keep::Nothing);
        let answer = rig.only();
        let answer = parse(&answer).expect("a message");
        assert_eq!(answer.header.code, code);
        let options: Vec<_> = answer.options.into_iter().collect();
        let expected = secs.to_be_bytes();
        let zeros = expected.iter().take_while(|byte| **byte == 0).count();
        assert_eq!(options, [(number::MAX_AGE, &expected[zeros..])]);
    }
    assert!(rig.hear(&post(77, b"{}")).is_some());
    let id = rig.hear(&post(78, b"{}")).expect("a request");
    rig.exchanges.abandon(id);
    rig.silent();
    assert!(rig.hear(&post(78, b"{}")).is_some());
}

/// RFC 7967 §2.1: responses of a class are suppressed; a confirmable request is acknowledged all the same.
#[test]
fn no_response_is_honoured() {
    let no = |id, kind, value: u8| {
        message(
            kind,
            Code::POST,
            id,
            &[(number::NO_RESPONSE, &[value])],
            b"{}",
        )
    };
    let mut rig = Rig::new();
    let id = rig.hear(&no(1, Kind::NonConfirmable, 2)).expect("request");
    rig.changed(id);
    rig.silent();
    let bytes = no(2, Kind::Confirmable, 2);
    let id = rig.hear(&bytes).expect("request");
    rig.changed(id);
    assert_eq!(rig.only(), [0x60, 0, 0, 2]);
    rig.hear(&bytes);
    assert_eq!(rig.only(), [0x60, 0, 0, 2], "and so is its copy");
    let id = rig.hear(&no(3, Kind::Confirmable, 2)).expect("request");
    let error = Response::diagnostic(Code::BAD_REQUEST, "x");
    rig.respond(id, &error, Keep::Answer);
    assert_eq!(header(&rig.only()).1, Code::BAD_REQUEST);
    let id = rig.hear(&no(4, Kind::NonConfirmable, 8)).expect("request");
    rig.respond(id, &error, Keep::Answer);
    rig.silent();
    // Told to come back, it would not hear it: no acknowledgement, so that it sends again.
    let id = rig.hear(&no(5, Kind::Confirmable, 26)).expect("request");
    rig.respond(id, &Response::later(Code::UNAVAILABLE, 9), Keep::Nothing);
    rig.silent();
    assert!(rig.hear(&no(5, Kind::Confirmable, 26)).is_some());
}

/// §5.4.1: an unknown critical option is 4.02 with its number in words, or a rejection of a NON.
#[test]
fn a_critical_option_is_refused() {
    let mut rig = Rig::new();
    let request = |kind| message(kind, Code::POST, 5, &[(65_001, b"")], &[b'x'; 60]);
    assert!(rig.hear(&request(Kind::Confirmable)).is_none());
    let answer = rig.only();
    let answer = parse(&answer).expect("a message");
    assert_eq!(answer.header.code, Code::BAD_OPTION);
    let words = String::from_utf8_lossy(answer.payload);
    assert!(words.contains("65001"), "{words}");
    assert!(rig.hear(&request(Kind::NonConfirmable)).is_none());
    assert_eq!(rig.only(), [0x70, 0, 0, 5]);
    // §5.10.2: no proxy.
    let proxy = [(number::PROXY_URI, &b"coap://x/"[..])];
    rig.hear(&message(Kind::Confirmable, Code::GET, 6, &proxy, b""));
    assert_eq!(header(&rig.only()).1, Code::NO_PROXY);
}

/// Bounds: past `outstanding_max` a confirmable request is told to come back, others get nothing.
#[test]
fn too_much_at_once_is_refused() {
    let mut rig = Rig::new();
    let first: Vec<_> = (0..64)
        .map(|id| rig.hear(&post(id, b"{}")).expect("room"))
        .collect();
    assert!(rig.hear(&post(64, b"{}")).is_none());
    assert_eq!(
        header(&rig.only()),
        (Kind::Acknowledgement, Code::UNAVAILABLE, 64)
    );
    let non = message(Kind::NonConfirmable, Code::POST, 65, &[], b"{}");
    assert!(rig.hear(&non).is_none());
    rig.silent();
    rig.changed(first[0]);
    assert!(rig.hear(&post(64, b"{}")).is_some());
}

/// A GET changes nothing, so a copy is answered anew (§4.5).
#[test]
fn a_get_is_not_remembered() {
    let mut rig = Rig::new();
    let get = message(Kind::Confirmable, Code::GET, 5, &[], b"");
    for _ in 0..2 {
        let id = rig.hear(&get).expect("a request");
        rig.respond(id, &Response::new(Code::CONTENT), Keep::Nothing);
        assert_eq!(
            header(&rig.only()),
            (Kind::Acknowledgement, Code::CONTENT, 5)
        );
    }
    assert_eq!(rig.exchanges.remembered().0, 0);
}
