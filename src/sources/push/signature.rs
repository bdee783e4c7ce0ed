//! Signed headers: what is signed, with what, and for how long it is good.
//!
//! ```text
//! iotda              timestamp, nonce, signature: hex SHA-256 over token, timestamp, nonce, sorted and joined
//! milesight          x-msc-request-timestamp, -nonce, -signature: hex HMAC-SHA256 over timestamp and nonce
//! standard-webhooks  webhook-timestamp, -id, -signature: "v1," and base64 of HMAC-SHA256 over id.timestamp.body
//! ```
//! Sources: Huawei `IoTDA`'s manual on HTTP push and its API (`signature_enable`, `token`); callbacks of
//! Milesight's development platform as its users published them; standardwebhooks.com.
use crate::intake::Scheme;
use crate::model::{Secret, Timestamp};
use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use sha2::{Digest, Sha256};
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How far a signature's time may lie behind the gateway's. With [`AHEAD_MAX`] it is shorter than the
/// time for which a copy of a transmission is known as one (`EXCHANGE_LIFETIME`, 247 s).
pub(super) const WINDOW: Duration = Duration::from_mins(4);
/// How far it may lie ahead: clocks of platforms are set by NTP, as the gateway's is.
pub(super) const AHEAD_MAX: Duration = Duration::from_secs(5);
/// Longest timestamp, nonce or id, in bytes.
const FIELD_LEN_MAX: usize = 256;
/// Signatures in one header: a platform that changes its secret sends two.
const SIGNATURES_MAX: usize = 4;

/// Headers whose signature is good, as far as it can be told without the body.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    timestamp: Box<str>,
    nonce: Box<str>,
    /// The signature, as far as it is checked: one is good for two ways to cut what was signed.
    tag: Vec<u8>,
    /// Of the body, still to be checked.
    body: Option<(hmac::Key, Vec<Vec<u8>>)>,
}

/// Checks the headers of a push.
///
/// # Errors
/// What is wrong, in words that hold nothing of the secret.
pub(super) fn check(
    scheme: Scheme,
    secret: &Secret,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Signed, &'static str> {
    let [timestamp, nonce, signature] = match scheme {
        Scheme::Iotda => ["timestamp", "nonce", "signature"],
        Scheme::Milesight => [
            "x-msc-request-timestamp",
            "x-msc-request-nonce",
            "x-msc-request-signature",
        ],
        Scheme::StandardWebhooks => ["webhook-timestamp", "webhook-id", "webhook-signature"],
    };
    let field = |name| {
        let mut all = headers.get_all(name).iter();
        let text = all.next()?.to_str().ok()?;
        let fits = all.next().is_none() && (1..=4 * FIELD_LEN_MAX).contains(&text.len());
        fits.then_some(text)
    };
    let (Some(timestamp), Some(nonce), Some(signature)) =
        (field(timestamp), field(nonce), field(signature))
    else {
        return Err("the signature's headers are missing");
    };
    if timestamp.len() > FIELD_LEN_MAX || nonce.len() > FIELD_LEN_MAX {
        return Err("timestamp or nonce is too long");
    }
    let mut signed = Signed {
        timestamp: timestamp.into(),
        nonce: nonce.into(),
        tag: Vec::new(),
        body: None,
    };
    match scheme {
        Scheme::Iotda => {
            let mut parts = [secret.reveal(), timestamp, nonce];
            parts.sort_unstable();
            let expected = Sha256::digest(parts.concat());
            let given = unhex(signature).ok_or(WRONG)?;
            if !same(&expected, &given) {
                return Err(WRONG);
            }
            signed.tag = given.to_vec();
        }
        Scheme::Milesight => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes());
            let given = unhex(signature).ok_or(WRONG)?;
            let text = [timestamp, nonce].concat();
            hmac::verify(&key, text.as_bytes(), &given).map_err(|_| WRONG)?;
            signed.tag = given.to_vec();
        }
        Scheme::StandardWebhooks => {
            let parts = signature.split(' ').take(SIGNATURES_MAX);
            let given = parts.filter_map(|part| STANDARD.decode(part.strip_prefix("v1,")?).ok());
            let given: Vec<Vec<u8>> = given.collect();
            if given.is_empty() {
                return Err(WRONG);
            }
            signed.body = Some((webhook_key(secret), given));
        }
    }
    let seconds = seconds(timestamp).ok_or("the signature's timestamp is no time")?;
    if seconds < now.minus(WINDOW) {
        return Err("the signature's timestamp is over 240 s behind this gateway's clock");
    }
    if seconds > now.plus(AHEAD_MAX) {
        return Err("the signature's timestamp is over 5 s ahead of this gateway's clock");
    }
    Ok(signed)
}

const WRONG: &str = "the signature is wrong";

impl Signed {
    /// Names what was signed, if this is the body of it. Of most schemes: nobody knows.
    pub(super) fn check_body(&self, route: &str, body: &[u8]) -> Result<u64, &'static str> {
        let name = |tag: &[u8]| {
            let text = [route.as_bytes(), tag].concat();
            xxh3_64_with_seed(&text, route.len() as u64)
        };
        let Some((key, given)) = &self.body else {
            return Ok(name(&self.tag));
        };
        let mut text = [&*self.nonce, ".", &*self.timestamp, "."]
            .concat()
            .into_bytes();
        text.extend_from_slice(body);
        let good = |tag: &&Vec<u8>| hmac::verify(key, &text, tag).is_ok();
        given.iter().find(good).map(|tag| name(tag)).ok_or(WRONG)
    }
}

/// `whsec_` and base64, else the bytes as they are.
fn webhook_key(secret: &Secret) -> hmac::Key {
    let text = secret.reveal();
    let decoded = text
        .strip_prefix("whsec_")
        .and_then(|text| STANDARD.decode(text).ok());
    let bytes = decoded.unwrap_or_else(|| text.as_bytes().to_vec());
    hmac::Key::new(hmac::HMAC_SHA256, &bytes)
}

/// Seconds or milliseconds since 1970, or as `IoTDA` also writes it 20240102T030405Z.
fn seconds(text: &str) -> Option<Timestamp> {
    if let Ok(number) = text.parse::<i64>() {
        let millis = number >= 100_000_000_000;
        let nanos = number.checked_mul(if millis { 1_000_000 } else { 1_000_000_000 })?;
        return Some(Timestamp::from_nanos(nanos));
    }
    Timestamp::parse(text, &jiff::tz::TimeZone::UTC).ok()
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Takes the same time wherever the first difference lies; both are digests.
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    let pairs = one.iter().zip(other);
    let differences = pairs.fold(0, |all, (a, b)| all | (a ^ b));
    std::hint::black_box(differences) == 0 && one.len() == other.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            let value = HeaderValue::from_str(value).unwrap();
            (HeaderName::from_static(name), value)
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn iotda_sorts_token_timestamp_and_nonce() {
        let secret = Secret::new("secret");
        let mut parts = ["secret", "1700000000", "abc123"];
        parts.sort_unstable();
        assert_eq!(parts, ["1700000000", "abc123", "secret"]);
        let good = ring::digest::digest(&ring::digest::SHA256, b"1700000000abc123secret");
        let good = good.as_ref().iter().map(|byte| format!("{byte:02x}"));
        let good: Vec<String> = good.collect();
        let good = good.concat();
        let at = |now, signature: &str| {
            let headers = headers(&[
                ("timestamp", "1700000000"),
                ("nonce", "abc123"),
                ("signature", signature),
            ]);
            check(Scheme::Iotda, &secret, &headers, now).map(drop)
        };
        assert_eq!(at(NOW, &good), Ok(()));
        assert_eq!(at(NOW, &good.to_uppercase()), Ok(()));
        assert_eq!(at(NOW, "5f76b3d1"), Err(WRONG));
        assert_eq!(at(NOW, &good.replace('a', "b")), Err(WRONG));
        let late = NOW.plus(WINDOW + Duration::from_secs(1));
        assert!(at(late, &good).unwrap_err().contains("240 s"));
        let early = NOW.minus(AHEAD_MAX + Duration::from_secs(1));
        assert!(at(early, &good).unwrap_err().contains("5 s ahead"));
        assert_eq!(at(NOW.minus(AHEAD_MAX), &good), Ok(()));
    }

    #[test]
    fn one_signature_cut_twice_is_one() {
        let secret = Secret::new("secret");
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"secret");
        let tag = hmac::sign(&key, b"17000000001234");
        let tag: Vec<String> = tag.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        let name = |timestamp, nonce, now| {
            let headers = headers(&[
                ("x-msc-request-timestamp", timestamp),
                ("x-msc-request-nonce", nonce),
                ("x-msc-request-signature", &tag.concat()),
            ]);
            let signed = check(Scheme::Milesight, &secret, &headers, now).unwrap();
            (
                signed.check_body("r", b"").unwrap(),
                signed.check_body("s", b"").unwrap(),
            )
        };
        let whole = name("1700000000", "1234", NOW);
        // The same bytes, as milliseconds.
        let other = name("1700000000123", "4", NOW);
        assert_eq!(whole, other);
        assert_ne!(whole.0, whole.1, "routes have keys of their own");
    }

    /// The example of the specification of standard webhooks.
    #[test]
    fn a_standard_webhook_signs_its_body() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let headers = headers(&[
            ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ("webhook-timestamp", "1614265330"),
            (
                "webhook-signature",
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= v1a,x",
            ),
        ]);
        let now = Timestamp::from_secs(1_614_265_330);
        let signed = check(Scheme::StandardWebhooks, &secret, &headers, now).unwrap();
        assert!(signed.check_body("r", br#"{"test": 2432232314}"#).is_ok());
        let other = signed.check_body("r", br#"{"test": 2432232315}"#);
        assert_eq!(other, Err(WRONG));
    }

    #[test]
    fn what_is_missing_or_twice_is_wrong() {
        let secret = Secret::new("secret");
        let all = [
            ("x-msc-request-timestamp", "1700000000"),
            ("x-msc-request-nonce", "n"),
            ("x-msc-request-signature", "00"),
        ];
        for skip in 0..all.len() {
            let mut some = all.to_vec();
            some.remove(skip);
            assert!(check(Scheme::Milesight, &secret, &headers(&some), NOW).is_err());
        }
        assert_eq!(
            check(Scheme::Milesight, &secret, &headers(&all), NOW).map(drop),
            Err(WRONG)
        );
        let mut twice = headers(&all);
        twice.append("x-msc-request-nonce", HeaderValue::from_static("m"));
        assert!(check(Scheme::Milesight, &secret, &twice, NOW).is_err());
    }

    #[test]
    fn seconds_milliseconds_and_basic_iso_are_times() {
        let at = Some(Timestamp::from_secs(1_517_973_933));
        assert_eq!(seconds("1517973933"), at);
        assert_eq!(seconds("1517973933000"), at);
        assert_eq!(seconds("20180207T032533Z"), at);
        assert_eq!(seconds("yesterday"), None);
    }
}
