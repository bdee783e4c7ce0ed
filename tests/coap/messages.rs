//! Single messages: what each is answered, and what is counted.
use crate::peer::{
    Confirmable, LINK_FORMAT, NonConfirmable, Peer, Reset, add_uint, check_piggybacked, code,
    option, text, uint,
};
use crate::{City, long_payload, payload};
use coap_lite::{CoapOption, RequestType};

#[test]
fn uplinks_are_logged_and_answered() {
    let city = City::new();
    let mut peer = Peer::new(city.port());
    peer.uplink("/t/meter-7/json", &payload(1));
    peer.uplink("/t/meter-7", &payload(2));
    let mut put = peer.post(Confirmable, "/t/meter-7/json", &payload(3));
    put.header.set_code("0.03");
    assert_eq!(code(&peer.ask(&put)), "2.04");
    let non = peer.post(NonConfirmable, "/t/meter-7/json", &payload(4));
    let answer = peer.ask(&non);
    assert_eq!(answer.header.get_type(), NonConfirmable);
    assert_eq!(
        (code(&answer).as_str(), answer.get_token()),
        ("2.04", non.get_token())
    );
    peer.uplink("/api/v1/s3cret/telemetry", &payload(5));
    let counts = city.settled(5);
    assert_eq!((counts.logged, counts.protocol_errors), (5, 0));
    let logs = city.stop();
    assert_eq!(logs.energies("meter-7"), [1, 2, 3, 4]);
    assert!(
        logs.reports.iter().all(|report| report.source == 2),
        "SOURCE_COAP"
    );
    assert_eq!(logs.reports.len(), 5);
}

/// Promise 2: a permanent refusal is a reject, and its sentence is the diagnostic payload.
#[test]
fn rejects_say_why() {
    let city = City::new();
    let mut peer = Peer::new(city.port());
    let cases = [
        (
            "/t/m-1/json",
            r#"{"voltagee":          230                  }"#,
            "4.00",
            "voltagee",
        ),
        (
            "/t/m-1/json",
            r#"{"voltage": 230, "and": "an end"#,
            "4.00",
            "",
        ),
        (
            "/x/m-1/of/a/place/where/nothing/is/served",
            "{}",
            "4.04",
            "no route",
        ),
        (
            "/t/m-1/no-such-profile",
            r#"{"voltage": 230, "active_energy_import": 7}"#,
            "4.15",
            "no-such-profile",
        ),
    ];
    for (path, body, expected, word) in cases {
        let request = peer.post(Confirmable, path, body.as_bytes());
        let answer = peer.ask(&request);
        check_piggybacked(&request, &answer);
        assert_eq!(code(&answer), expected, "{path} {body}");
        assert!(text(&answer).contains(word), "{}", text(&answer));
        let len = answer.to_bytes().unwrap().len();
        assert!(len <= 3 * request.to_bytes().unwrap().len(), "{len}");
    }
    let mut unknown = peer.post(Confirmable, "/t/m-1", b"{}");
    unknown.clear_option(CoapOption::ContentFormat);
    add_uint(&mut unknown, 12, 65_000);
    assert_eq!(code(&peer.ask(&unknown)), "4.15");
    assert_eq!(city.settled(5).rejected, 5);
    assert_eq!(city.stop().rejects.len(), 5);
}

/// What never becomes an uplink is answered by itself and counted as a protocol error.
#[test]
fn other_requests_are_refused_as_the_rfc_says() {
    let city = City::new();
    let mut peer = Peer::new(city.port());
    for (method, path, expected) in [
        (RequestType::Get, "/t/m-1", "4.05"),
        (RequestType::Delete, "/t/m-1/json", "4.05"),
        (RequestType::Fetch, "/t/m-1", "4.05"),
        (RequestType::Post, "/.well-known/core", "4.05"),
        (RequestType::Get, "/nothing/here", "4.04"),
        (RequestType::Get, "", "4.04"),
        (RequestType::Delete, "/nothing/here", "4.04"),
    ] {
        let request = peer.request(Confirmable, method, path);
        let answer = peer.ask(&request);
        check_piggybacked(&request, &answer);
        assert_eq!(code(&answer), expected, "{method:?} {path}");
    }
    // Accept of what is not there; critical options that are not served.
    let mut request = peer.request(Confirmable, RequestType::Get, "/.well-known/core");
    add_uint(&mut request, 17, 50);
    assert_eq!(code(&peer.ask(&request)), "4.06");
    for (number, value) in [
        (1, vec![1]),
        (5, vec![]),
        (9, vec![]),
        (19, vec![6]),
        (65_001, vec![]),
    ] {
        let mut request = peer.post(Confirmable, "/t/m-1/json", &payload(1));
        request.add_option(CoapOption::from(number), value.clone());
        let answer = peer.ask(&request);
        assert_eq!(code(&answer), "4.02", "{number}");
        assert!(
            text(&answer).contains(&number.to_string()),
            "{}",
            text(&answer)
        );
        let mut request = peer.post(NonConfirmable, "/t/m-1/json", &payload(1));
        request.add_option(CoapOption::from(number), value);
        let answer = peer.ask(&request);
        assert_eq!(
            (answer.header.get_type(), code(&answer).as_str()),
            (Reset, "0.00")
        );
    }
    let counts = city.counts();
    assert_eq!((counts.received, counts.protocol_errors), (0, 18));
    city.stop();
}

/// RFC 7252 §4.2, §4.3: pings, malformed messages, and messages that nobody waits for.
#[test]
fn resets_and_silence() {
    let city = City::new();
    let mut peer = Peer::new(city.port());
    peer.expect_silence();
    for reset in [
        "40010001ff",
        "49010001",
        "40c00001",
        "40010001f0",
        "41000001aa",
        "40450001",
    ] {
        peer.send_bytes(&bytes(reset));
        assert_eq!(peer.receive_bytes(), [0x70, 0, 0, 1], "{reset}");
    }
    for silent in [
        "",
        "40",
        "80010001",
        "50010001ff",
        "60450001",
        "70000001",
        "60000001",
        "50450001",
    ] {
        peer.send_bytes(&bytes(silent));
        peer.expect_silence();
    }
    // Ping, unmatched response, ACK and Reset are messages; the rest is malformed.
    let counts = city.until(|counts| counts.protocol_errors >= 9);
    assert_eq!((counts.received, counts.protocol_errors), (0, 9));
    assert_eq!(
        city.metric("citygate_coap_malformed_total{fault=\"version\"}"),
        1
    );
    city.stop();
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().map(|c| c.to_digit(16).unwrap()).collect();
    let byte = |pair: &[u32]| u8::try_from(pair[0] << 4 | pair[1]).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// RFC 7967: what the device does not want to hear is not said; the message is acknowledged all the same.
#[test]
fn no_response_is_honoured() {
    let city = City::new();
    let mut peer = Peer::new(city.port());
    let mut non = peer.post(NonConfirmable, "/t/m-1/json", &payload(1));
    add_uint(&mut non, 258, 26);
    peer.send(&non);
    city.settled(1);
    peer.expect_silence();
    let mut con = peer.post(Confirmable, "/t/m-1/json", &payload(2));
    add_uint(&mut con, 258, 2);
    let answer = peer.ask(&con);
    assert_eq!(code(&answer), "0.00");
    assert_eq!(answer.header.message_id, con.header.message_id);
    let mut bad = peer.post(Confirmable, "/t/m-1/json", b"{\"x\": 1}");
    add_uint(&mut bad, 258, 2);
    assert_eq!(code(&peer.ask(&bad)), "4.00", "errors are wanted");
    assert_eq!(city.settled(3).logged, 2);
    city.stop();
}

/// RFC 9175 §2.3: a long response only to an address that is proven; what is sent meanwhile is small.
#[test]
fn an_echo_proves_an_address() {
    let city = City::new();
    let mut peer = Peer::new(city.port());
    let request = peer.request(Confirmable, RequestType::Get, "/.well-known/core");
    let challenge = peer.ask(&request);
    assert_eq!(code(&challenge), "4.01");
    let echo = option(&challenge, 252).unwrap();
    let mut other = Peer::new(city.port());
    let mut stolen = other.request(Confirmable, RequestType::Get, "/.well-known/core");
    stolen.add_option(CoapOption::from(252), echo.clone());
    assert_eq!(code(&other.ask(&stolen)), "4.01", "from another port");
    let mut proven = peer.request(Confirmable, RequestType::Get, "/.well-known/core");
    proven.add_option(CoapOption::from(252), echo);
    let answer = peer.ask(&proven);
    check_piggybacked(&proven, &answer);
    assert_eq!(code(&answer), "2.05");
    assert_eq!(uint(&answer, 12), Some(LINK_FORMAT.into()));
    assert!(text(&answer).contains("</t>;rt=\"citygate.uplink\""));
    let again = peer.request(Confirmable, RequestType::Get, "/.well-known/core");
    assert_eq!(code(&peer.ask(&again)), "2.05", "proven for a while");
    city.stop();
}

/// A datagram that is too long to be read whole, and a payload over `intake.payload_max`, announced or not.
#[test]
fn what_is_too_long_is_told_so() {
    let city = City::with("", "[intake]\npayload_max = \"8KiB\"");
    let mut peer = Peer::new(city.port());
    let long = peer.post(Confirmable, "/t/m-1/json", &long_payload(150));
    let answer = peer.ask(&long);
    assert_eq!(
        (code(&answer).as_str(), uint(&answer, 27)),
        ("4.13", Some(6))
    );
    let mut first = peer.post(Confirmable, "/t/m-1/json", &[b'x'; 1_024]);
    add_uint(&mut first, 27, 8 | 6);
    add_uint(&mut first, 60, 9_000);
    let answer = peer.ask(&first);
    assert_eq!(
        (code(&answer).as_str(), uint(&answer, 60)),
        ("4.13", Some(8_192))
    );
    for num in 0..9u32 {
        let mut block = peer.post(Confirmable, "/t/m-1/json", &[b' '; 1_024]);
        add_uint(&mut block, 27, num << 4 | 8 | 6);
        let expected = if num < 8 { "2.31" } else { "4.13" };
        assert_eq!(code(&peer.ask(&block)), expected, "{num}");
    }
    let counts = city.counts();
    assert_eq!((counts.received, counts.protocol_errors), (0, 3));
    city.stop();
}

/// RFC 7959 §2.9.2: without the block before there is nothing to go on with.
#[test]
fn a_gap_is_incomplete() {
    let city = City::new();
    let mut peer = Peer::new(city.port());
    let mut block = peer.post(Confirmable, "/t/m-1/json", &[b' '; 64]);
    add_uint(&mut block, 27, 1 << 4 | 8 | 2);
    let answer = peer.ask(&block);
    assert_eq!(
        (code(&answer).as_str(), uint(&answer, 27)),
        ("4.08", Some(1 << 4 | 8 | 2))
    );
    let mut block = peer.post(Confirmable, "/t/m-1/json", &[b' '; 64]);
    add_uint(&mut block, 27, 8 | 7);
    assert_eq!(code(&peer.ask(&block)), "4.00", "SZX 7");
    city.stop();
}
