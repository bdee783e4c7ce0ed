//! Nobody is flooded in another's name (RFC 9175 §2.4).
use super::*;
use proptest::prelude::*;

const LONG: &[u8] = &[b'x'; 400];

fn content() -> Response<'static> {
    Response {
        payload: LONG,
        ..Response::new(Code::CONTENT)
    }
}

fn get(id: u16, options: &[(u16, &[u8])]) -> Vec<u8> {
    message(Kind::Confirmable, Code::GET, id, options, b"")
}

/// RFC 9175 §2.3: 4.01 with an Echo; whoever returns it is served, for a while without it too.
#[test]
fn a_long_response_needs_a_proven_address() {
    let mut rig = Rig::new();
    let id = rig.hear(&get(1, &[])).expect("a request");
    rig.respond(id, &content(), Keep::Nothing);
    let challenge = rig.only();
    let challenge = parse(&challenge).expect("a message");
    assert_eq!(challenge.header.code, Code::UNAUTHORIZED);
    let (number, echo) = challenge.options.into_iter().last().expect("an Echo");
    assert_eq!((number, echo.len()), (number::ECHO, 12));
    let echo = echo.to_vec();

    // Another address cannot use it.
    let with_echo = get(2, &[(number::ECHO, &echo)]);
    let id = rig.hear_from(session(2), &with_echo).expect("a request");
    rig.respond(id, &content(), Keep::Nothing);
    assert_eq!(header(&rig.only()).1, Code::UNAUTHORIZED);

    let id = rig.hear(&with_echo).expect("a request");
    rig.respond(id, &content(), Keep::Nothing);
    assert_eq!(header(&rig.only()).1, Code::CONTENT);
    let id = rig.hear(&get(3, &[])).expect("a request");
    rig.respond(id, &content(), Keep::Nothing);
    assert_eq!(header(&rig.only()).1, Code::CONTENT, "proven");
    rig.pass(Duration::from_secs(301));
    let id = rig.hear(&get(4, &[])).expect("a request");
    rig.respond(id, &content(), Keep::Nothing);
    assert_eq!(header(&rig.only()).1, Code::UNAUTHORIZED, "no longer");
    let counts = rig.exchanges.counts();
    assert_eq!((counts.challenges, counts.proven), (3, 1));
}

#[test]
fn an_error_loses_words_before_it_grows_too_long() {
    let mut rig = Rig::new();
    let bytes = post(1, b"{}");
    let id = rig.hear(&bytes).expect("a request");
    let words = "错误".repeat(30);
    let response = Response::diagnostic(Code::BAD_REQUEST, &words);
    rig.respond(id, &response, Keep::Answer);
    let answer = rig.only();
    assert!(answer.len() <= 3 * bytes.len() && answer.len() + 3 > 3 * bytes.len());
    let text = parse(&answer).expect("a message").payload;
    assert!(words.starts_with(std::str::from_utf8(text).expect("whole characters")));
    rig.hear(&bytes);
    assert_eq!(rig.only(), answer, "the copy gets the same words");
}

/// A separate response may have to be sent five times, and all of them are what the peer gets.
#[test]
fn a_late_error_has_fewer_words() {
    let mut rig = Rig::new();
    let bytes = post(1, &[b'{'; 100]);
    let id = rig.hear(&bytes).expect("a request");
    rig.pass(LIMITS.ack_after);
    let words = "word ".repeat(40);
    rig.respond(
        id,
        &Response::diagnostic(Code::BAD_REQUEST, &words),
        Keep::Answer,
    );
    for _ in 0..100 {
        rig.pass(Duration::from_secs(1));
    }
    let sent = rig.sent();
    let total: usize = sent.iter().map(Vec::len).sum();
    assert_eq!(sent.len(), 1 + 5);
    assert!(total <= 3 * bytes.len() + 4, "{total} for {}", bytes.len());
    assert!(sent[1].len() > 20, "some words are left");
}

proptest! {
    /// Whatever an unproven peer sends, and whatever is answered, it gets at most three times that
    /// back, beside at most four bytes, and nothing panics.
    #[test]
    fn never_more_than_three_times(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..80),
            (0u8..4, 0u8..6, prop::collection::vec(any::<u8>(), 0..60)).prop_map(|(kind, code, rest)| {
                let mut bytes = vec![0x40 | kind << 4, code, 1, 2];
                bytes.extend(rest);
                bytes
            }),
        ],
        code in prop_oneof![Just(Code::CHANGED), Just(Code::CONTENT), Just(Code::BAD_REQUEST), Just(Code::UNAVAILABLE)],
        len in 0usize..400,
        late: bool,
    ) {
        let mut rig = Rig::new();
        let payload = vec![b'x'; len];
        let response = Response { payload: &payload, max_age: Some(3), ..Response::new(code) };
        if let Some(id) = rig.hear(&bytes) {
            if late {
                rig.pass(Duration::from_secs(1));
            }
            rig.respond(id, &response, Keep::Answer);
        }
        let sent: usize = rig.sent().iter().map(Vec::len).sum();
        let empty_ack = if late { 4 } else { 0 };
        prop_assert!(sent <= (3 * bytes.len()).max(24) + empty_ack, "{} for {}", sent, bytes.len());
    }
}
