//! What a platform must show, and what becomes of whoever does not.
use crate::client::{Answer, post};
use crate::{City, PASSWORD, SECRET, TOKEN};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};
use std::time::{SystemTime, UNIX_EPOCH};

const BODY: &str = r#"{"water_volume":12.5}"#;

fn hex(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.concat()
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

fn iotda(timestamp: u64, nonce: &str, token: &str) -> String {
    let timestamp = timestamp.to_string();
    let mut parts = [token, &timestamp, nonce];
    parts.sort_unstable();
    let sum = digest::digest(&digest::SHA256, parts.concat().as_bytes());
    let signature = hex(sum.as_ref());
    format!("timestamp: {timestamp}\r\nnonce: {nonce}\r\nsignature: {signature}\r\n")
}

fn milesight(timestamp: u64, nonce: &str, secret: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{timestamp}{nonce}").as_bytes());
    let signature = hex(tag.as_ref());
    format!(
        "X-MSC-Webhook-UUID: 1\r\nX-MSC-Request-Timestamp: {timestamp}\r\nX-MSC-Request-Nonce: {nonce}\r\n\
         X-MSC-Request-Signature: {signature}\r\n"
    )
}

fn standard(timestamp: u64, id: &str, body: &str) -> String {
    let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let tag = hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes());
    let signature = STANDARD.encode(tag.as_ref());
    format!(
        "webhook-id: {id}\r\nwebhook-timestamp: {timestamp}\r\nwebhook-signature: v1,{signature}\r\n"
    )
}

#[track_caller]
fn is_wrong(answer: &Answer) {
    assert_eq!(answer.status, 401, "{}", answer.body);
    assert!(answer.header("www-authenticate").is_some());
    for secret in [TOKEN, PASSWORD, SECRET] {
        assert!(!answer.body.contains(secret) && !answer.head.contains(secret));
    }
}

#[test]
fn each_proof_opens_its_route_and_no_other_does() {
    let city = City::new();
    let basic = |user: &str, password: &str| {
        let both = STANDARD.encode(format!("{user}:{password}"));
        format!("Authorization: Basic {both}\r\n")
    };
    let at = now();
    let (bearer, header) = (
        format!("Authorization: bearer {TOKEN}\r\n"),
        format!("x-token: {TOKEN}\r\n"),
    );
    let mut good = 0;
    for (target, headers) in [
        ("open?device=d-0", String::new()),
        ("bearer?device=d-1", bearer.clone()),
        ("header?device=d-2", header),
        ("query?device=d-3&key=token-of-a-platform", String::new()),
        ("basic?device=d-4", basic("aep", PASSWORD)),
        ("iotda?device=d-5", iotda(at, "n1", SECRET)),
        ("milesight?device=d-6", milesight(at, "n1", SECRET)),
        ("standard?device=d-7", standard(at, "msg_1", BODY)),
    ] {
        let answer = post(city.port(), &format!("/v1/push/{target}"), &headers, BODY);
        assert_eq!(answer.status, 200, "{target}: {}", answer.body);
        assert_eq!(answer.json()["accepted"], true, "{target}");
        good += 1;
    }
    let mut wrong = 0;
    for (target, headers) in [
        ("bearer?device=d-1", String::new()),
        (
            "bearer?device=d-1",
            format!("Authorization: Bearer {TOKEN}x\r\n"),
        ),
        ("header?device=d-2", bearer),
        ("query?device=d-3", String::new()),
        (
            "query?device=d-3&key=token-of-a-platform&key=b",
            String::new(),
        ),
        ("basic?device=d-4", basic("aep", "password")),
        ("basic?device=d-4", basic("eap", PASSWORD)),
        ("iotda?device=d-5", iotda(at, "n2", "another secret")),
        ("iotda?device=d-5", iotda(at - 600, "n3", SECRET)),
        ("milesight?device=d-6", milesight(at + 600, "n4", SECRET)),
        ("standard?device=d-7", standard(at, "msg_2", "another body")),
    ] {
        is_wrong(&post(
            city.port(),
            &format!("/v1/push/{target}"),
            &headers,
            BODY,
        ));
        wrong += 1;
    }
    let counts = city.settled(good);
    assert_eq!((counts.logged, counts.protocol_errors), (good, wrong));
    assert_eq!(city.history("d-6", "water_volume", 1), [12.5]);
}

#[test]
fn a_signature_is_good_for_one_body_only() {
    let city = City::new();
    let push = |headers: &str, body: &str| {
        post(city.port(), "/v1/push/milesight?device=d-1", headers, body)
    };
    let headers = milesight(now(), "nonce-1", SECRET);
    assert_eq!(push(&headers, BODY).json()["accepted"], true);
    // The platform had no answer and asks again: undated, and known all the same.
    let again = push(&headers, BODY);
    assert_eq!(
        (again.status, &again.json()["duplicate"]),
        (200, &true.into())
    );
    is_wrong(&push(&headers, r#"{"water_volume":99}"#));
    let counts = city.settled(2);
    assert_eq!(
        (counts.logged, counts.duplicate, counts.protocol_errors),
        (1, 1, 1)
    );
    assert_eq!(city.history("d-1", "water_volume", 1), [12.5]);
}

#[test]
fn whoever_guesses_is_slowed_and_whoever_knows_is_not() {
    let city = City::new();
    let target = "/v1/push/bearer?device=d-1";
    let guess = || post(city.port(), target, "Authorization: Bearer guess\r\n", BODY);
    let guesses: Vec<Answer> = (0..30).map(|_| guess()).collect();
    let slowed: Vec<&Answer> = guesses
        .iter()
        .filter(|answer| answer.status == 429)
        .collect();
    assert!(slowed.len() >= 5, "{}", slowed.len());
    assert!(
        slowed
            .iter()
            .all(|answer| answer.header("retry-after").is_some())
    );
    assert!(
        guesses
            .iter()
            .all(|answer| [401, 429].contains(&answer.status))
    );
    let right = format!("Authorization: Bearer {TOKEN}\r\n");
    assert_eq!(post(city.port(), target, &right, BODY).status, 200);
    let unknown = post(city.port(), "/v1/push/nowhere", "", BODY);
    assert!([404, 429].contains(&unknown.status));
    assert_eq!(city.settled(1).protocol_errors, 31);
}

#[test]
fn a_token_of_access_is_no_key_and_none_is_needed() {
    let dir = tempfile::tempdir().unwrap();
    let access = format!(
        "[access]\ntokens_file = \"{}\"\n",
        dir.path().join("tokens.toml").display()
    );
    let city = City::with(dir, &access);
    let right = format!("Authorization: Bearer {TOKEN}\r\n");
    let answer = post(city.port(), "/v1/push/bearer?device=d-1", &right, BODY);
    assert_eq!(answer.status, 200, "{}", answer.body);
    is_wrong(&post(
        city.port(),
        "/v1/push/bearer",
        "Authorization: Bearer cg_x\r\n",
        BODY,
    ));
    // What opens a push route opens nothing else.
    let get = "GET /v1/devices HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    let read = crate::client::send(city.port(), format!("{get}{right}\r\n").as_bytes());
    assert_eq!(read.status, 401);
    let audit = std::fs::read_to_string(city.dir.path().join("data/audit.log")).unwrap_or_default();
    assert!(!audit.contains(TOKEN));
}
