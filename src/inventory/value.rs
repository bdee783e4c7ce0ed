//! What a cell may say.
use crate::model::Timestamp;
use crate::model::settings::{nearest_name, parse_duration};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// Other names of one device.
pub(super) const ALIASES_MAX: usize = 16;
/// Digits of a server address of DL/T 698.45: one to 16 bytes.
const DLT698_DIGITS: [usize; 16] = [2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32];
/// Longest alias, in bytes.
const ALIAS_BYTES_MAX: usize = 128;
/// Greatest product of ratios: a 1000 kV line with 6,000 A has 6 * 10^7.
const MULTIPLIER_MAX: f64 = 1e9;
const DIGITS_BEFORE_MAX: u8 = 12;
const DIGITS_BEHIND_MAX: u8 = 6;
const INTERVAL_MIN: Duration = Duration::from_secs(1);
const INTERVAL_MAX: Duration = Duration::from_hours(366 * 24);
/// Where China lies, in whole degrees: south, north, west, east.
const CHINA: [f64; 4] = [18.0, 54.0, 73.0, 136.0];

/// Milliseconds.
pub(super) fn interval(text: &str) -> Result<u64, String> {
    let time = parse_duration(text).filter(|time| (INTERVAL_MIN..=INTERVAL_MAX).contains(time));
    let ms = time.and_then(|time| u64::try_from(time.as_millis()).ok());
    ms.ok_or_else(|| {
        "must be a time such as \"15m\", \"24h\" or \"7d\", from 1s to 366d".to_owned()
    })
}

/// A number, a ratio, or a product of such: "20", "100/5", "10000/100 x 75/5".
pub(super) fn multiplier(text: &str) -> Result<f64, String> {
    let factor = |text: &str| -> Option<f64> {
        let number = |text: &str| {
            text.trim()
                .parse::<f64>()
                .ok()
                .filter(|n| n.is_finite() && *n > 0.0)
        };
        match text.split_once('/') {
            Some((above, below)) => Some(number(above)? / number(below)?),
            None => number(text),
        }
    };
    let product = text
        .split(['x', 'X', '*', '×'])
        .map(factor)
        .try_fold(1.0, |all, one| Some(all * one?));
    product.filter(|product| (1e-6..=MULTIPLIER_MAX).contains(product)).ok_or_else(|| {
        "must be a number above 0, a ratio, or a product of them: \"20\", \"100/5\", \"10000/100 x 75/5\"".to_owned()
    })
}

/// "6.2": six before the point and two behind it, so eight in all.
pub(super) fn digits(text: &str) -> Result<(u8, u8), String> {
    let (before, behind) = text.split_once('.').unwrap_or((text, "0"));
    let digit = |text: &str, min: u8, max: u8| -> Option<u8> {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse()
            .ok()
            .filter(|n| digits && (min..=max).contains(n))
    };
    let both = digit(before, 1, DIGITS_BEFORE_MAX).zip(digit(behind, 0, DIGITS_BEHIND_MAX));
    both.map(|(before, behind)| (before + behind, behind)).ok_or_else(|| {
        format!(
            "must be the digits before and behind the point, such as \"6.2\", at most {DIGITS_BEFORE_MAX}.{DIGITS_BEHIND_MAX}"
        )
    })
}

/// Seconds since the epoch; a date is its midnight.
pub(super) fn time(text: &str, zone: &TimeZone) -> Result<i64, String> {
    let time = Timestamp::parse(text, zone).map_err(|_| {
        "must be a date such as 2026-03-01 (its midnight in the device's zone) or RFC 3339"
            .to_owned()
    });
    time.map(|time| time.as_secs_nanos().0)
}

/// GB/T 2260 has six digits, of which the first two and four name province and prefecture; the codes of
/// streets and communities below it have nine and twelve.
pub(super) fn district(text: &str) -> Result<(), String> {
    let code = text.bytes().all(|byte| byte.is_ascii_digit());
    if code && ![2, 4, 6, 9, 12].contains(&text.len()) {
        return Err(
            "must be a code of GB/T 2260 with 2, 4 or 6 digits (9 or 12 for what lies below), or a name"
                .to_owned(),
        );
    }
    printable(text, 64)
}

/// Text that is shown, of a length in bytes.
pub(super) fn printable(text: &str, max: usize) -> Result<(), String> {
    if text.len() > max {
        return Err(format!(
            "has {} bytes; at most {max} are allowed",
            text.len()
        ));
    }
    if text.chars().any(char::is_control) {
        return Err("must be one line, without control characters".to_owned());
    }
    Ok(())
}

/// The name of a profile.
pub(super) fn profile(text: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.len() <= 32 && text.bytes().all(allowed) {
        return Ok(());
    }
    Err("must be a profile's name: 1 to 32 of a-z 0-9 -".to_owned())
}

/// Are the coordinates stated to be WGS-84? CGCS2000, which surveys in China use, is the same to some
/// centimetres.
pub(super) fn datum(text: &str) -> Result<(), String> {
    let plain: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    match plain.to_ascii_uppercase().as_str() {
        "WGS84" | "EPSG4326" | "CGCS2000" | "EPSG4490" => Ok(()),
        "GCJ02" | "BD09" => Err(
            "must be WGS-84: coordinates in GCJ-02 or BD-09 lie some 500 m beside it; convert them"
                .to_owned(),
        ),
        _ => Err("must be WGS-84".to_owned()),
    }
}

/// Degrees times 10^7, north and east.
pub(super) fn place(lat: &str, lon: &str) -> Result<(i64, i64), String> {
    let degrees = |text: &str| {
        text.parse::<f64>()
            .ok()
            .filter(|degrees| degrees.is_finite())
    };
    let Some((lat, lon)) = degrees(lat).zip(degrees(lon)) else {
        return Err("lat and lon must both be numbers in degrees, such as 36.6512 and 117.1201, or both empty".to_owned());
    };
    let [south, north, west, east] = CHINA;
    if (west..=east).contains(&lat) && (south..=north).contains(&lon) {
        return Err("lat and lon are swapped: this would lie in the Arctic, and the other way round in China".to_owned());
    }
    if !(-90.0..=90.0).contains(&lat) || !(-180.0..=180.0).contains(&lon) {
        return Err("lat must lie from -90 to 90 and lon from -180 to 180".to_owned());
    }
    if lat.abs() < 0.01 && lon.abs() < 0.01 {
        return Err(
            "lies in the Gulf of Guinea: leave both empty where the place is not known".to_owned(),
        );
    }
    #[expect(clippy::cast_possible_truncation, reason = "180 * 10^7 fits")]
    let e7 = |degrees: f64| (degrees * 1e7).round() as i64;
    Ok((e7(lat), e7(lon)))
}

/// Aliases out of a cell: parted by `;` or blanks. The device's own id is none.
pub(super) fn aliases<'r>(
    text: &'r str,
    id: &str,
    out: &mut Vec<&'r str>,
) -> Result<(), (&'r str, String)> {
    out.clear();
    for alias in text.split([';', ' ', '\t', '\r', '\n', '；', '\u{3000}']) {
        if alias.is_empty() || alias == id || out.contains(&alias) {
            continue;
        }
        check_alias(alias).map_err(|rule| (alias, rule))?;
        if out.len() == ALIASES_MAX {
            return Err((alias, format!("at most {ALIASES_MAX} aliases a device")));
        }
        out.push(alias);
    }
    Ok(())
}

fn check_alias(alias: &str) -> Result<(), String> {
    printable(alias, ALIAS_BYTES_MAX)?;
    if alias.contains('"') {
        return Err("has a quote in it: quotes stand around a whole field, and within one they are written twice".to_owned());
    }
    let mantissa = alias.split_once("E+").map(|(mantissa, _)| mantissa);
    if mantissa.is_some_and(|mantissa| mantissa.parse::<f64>().is_ok()) {
        return Err("a spreadsheet made a number of it and lost digits: format the column as text, and put imei: or sn: before".to_owned());
    }
    let Some((scheme, rest)) = alias.split_once(':') else {
        return Ok(());
    };
    let digits = |text: &str, lens: &[usize]| {
        lens.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let (good, rule) = match scheme {
        "imei" => (
            digits(rest, &[14, 15, 16]),
            "an IMEI has 15 digits: imei:868411056758782",
        ),
        "dlt645" => (
            digits(rest, &[12]),
            "a meter address of DL/T 645 has 12 digits: dlt645:000000000161",
        ),
        "dlt698" => (
            digits(rest, &DLT698_DIGITS),
            "a meter address of DL/T 698.45 has 2 to 32 digits, an even number of them, as its frames carry it: dlt698:012503200001",
        ),
        "cjt188" => {
            let both = rest.split_once(':').is_some_and(|(kind, address)| {
                kind.len() == 2
                    && kind.bytes().all(|byte| byte.is_ascii_hexdigit())
                    && digits(address, &[14])
            });
            (
                both,
                "CJ/T 188 has a meter type of 2 hex digits and an address of 14 digits: cjt188:10:00000000012345",
            )
        }
        _ if rest.is_empty() => (false, "nothing stands behind the colon"),
        _ => (true, ""),
    };
    if good { Ok(()) } else { Err(rule.to_owned()) }
}

/// What [`credential`] read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reference<'r> {
    User(&'r str),
    /// As [`token_name`] has it.
    Token(String),
}

/// `user:NAME` or `sha256:HEX`. The rule never shows the text: it might be a secret.
pub(super) fn credential(text: &str) -> Result<Reference<'_>, String> {
    let rule = "must be \"user:\" and a name of mqtt.users_file, or \"sha256:\" and the 64 hex digits of an access \
                token's SHA-256 (printf '%s' TOKEN | sha256sum), never a secret itself";
    match text.split_once(':') {
        Some(("user", name)) if !name.is_empty() && printable(name, 128).is_ok() => {
            Ok(Reference::User(name))
        }
        Some(("sha256", hex)) => {
            let bytes = unhex(hex).ok_or_else(|| rule.to_owned())?;
            Ok(Reference::Token(named(&bytes)))
        }
        _ => Err(rule.to_owned()),
    }
}

fn unhex(hex: &str) -> Option<[u8; 32]> {
    if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

fn named(digest: &[u8]) -> String {
    let mut name = String::from(super::row::TOKEN);
    URL_SAFE_NO_PAD.encode_string(digest, &mut name);
    name
}

/// How an access token is called among the names.
pub(super) fn token_name(token: &str) -> String {
    named(&Sha256::digest(token.as_bytes()))
}

/// What to say of a name that is not there.
pub(super) fn unknown<'n>(what: &str, name: &str, names: impl Iterator<Item = &'n str>) -> String {
    match nearest_name(name, names) {
        Some(near) => format!("{what}; did you mean `{near}`?"),
        None => what.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn multipliers_are_numbers_ratios_and_products() {
        for (text, number) in [
            ("20", 20.0),
            ("0.5", 0.5),
            ("100/5", 20.0),
            ("10000/100 x 75/5", 1500.0),
            ("10×20", 200.0),
        ] {
            assert_eq!(multiplier(text), Ok(number), "{text}");
        }
        for text in [
            "0",
            "-1",
            "100/0",
            "100/5/2",
            "a",
            "1e300 x 1e300",
            "inf",
            "NaN",
            "x",
        ] {
            assert!(multiplier(text).is_err(), "{text}");
        }
    }

    #[test]
    fn digits_are_those_before_and_behind_the_point() {
        assert_eq!(digits("6.2"), Ok((8, 2)));
        assert_eq!(digits("5"), Ok((5, 0)));
        for text in [
            "", ".2", "0.2", "+6.2", "13.0", "6.7", "6.", "6.2.1", "256.0",
        ] {
            assert!(digits(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_date_is_midnight_where_the_device_is() {
        let shanghai = TimeZone::get("Asia/Shanghai").unwrap();
        let day = time("2026-03-01", &shanghai).unwrap();
        assert_eq!(
            Timestamp::from_secs(day).to_string(),
            "2026-02-28T16:00:00Z"
        );
        assert_eq!(time("2026-02-28T16:00:00Z", &TimeZone::UTC), Ok(day));
        assert_eq!(time("2026-03-01 00:00", &shanghai), Ok(day));
        for text in ["2026/3/1", "2026-02-30", "46082", "next week"] {
            assert!(time(text, &shanghai).is_err(), "{text}");
        }
    }

    #[test]
    fn places_are_plausible() {
        assert_eq!(
            place("36.6512345", "117.1200001"),
            Ok((366_512_345, 1_171_200_001))
        );
        assert_eq!(
            place("78.22", "15.65"),
            Ok((782_200_000, 156_500_000)),
            "Longyearbyen"
        );
        for (lat, lon, word) in [
            ("117.12", "36.65", "swapped"),
            ("87.6", "43.8", "swapped"),
            ("91", "0", "-90 to 90"),
            ("0", "0.0", "Guinea"),
            ("36.6", "", "both"),
            ("36,6", "117", "both"),
            ("NaN", "1", "both"),
        ] {
            assert!(place(lat, lon).unwrap_err().contains(word), "{lat} {lon}");
        }
        assert_eq!(
            (datum("WGS-84"), datum("wgs84"), datum("CGCS2000")),
            (Ok(()), Ok(()), Ok(()))
        );
        assert!(datum("GCJ-02").unwrap_err().contains("500 m"));
        assert!(datum("").is_err());
    }

    #[test]
    fn aliases_are_parted_and_checked() {
        let (mut out, long) = (Vec::new(), "x".repeat(129));
        let many: Vec<String> = (0..17).map(|n| format!("sn:{n}")).collect();
        let many = many.join(";");
        let cell = "imei:868411056758782; sn:A-1  sn:A-1;dlt645:000000000161;m-1 ep:urn:x cjt188:10:00000000012345 dlt698:012503200001";
        aliases(cell, "m-1", &mut out).unwrap();
        assert_eq!(
            out,
            [
                "imei:868411056758782",
                "sn:A-1",
                "dlt645:000000000161",
                "ep:urn:x",
                "cjt188:10:00000000012345",
                "dlt698:012503200001"
            ]
        );
        for wrong in [
            "imei:8684",
            "dlt645:161",
            "cjt188:10",
            "sn:",
            "8.68411E+14",
            "dlt698:161",
            "dlt698:0125032g0001",
            "\"sn:1\"",
            &long,
        ] {
            assert_eq!(aliases(wrong, "m-1", &mut out).unwrap_err().0, wrong);
        }
        assert_eq!(aliases(&many, "m-1", &mut out).unwrap_err().0, "sn:16");
    }

    #[test]
    fn credentials_are_references() {
        assert_eq!(credential("user:pole-7"), Ok(Reference::User("pole-7")));
        // printf abc | sha256sum
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(
            credential(&format!("sha256:{hex}")),
            Ok(Reference::Token(token_name("abc")))
        );
        for wrong in ["A1_TOKEN", "user:", "sha256:abc", "token:abc"] {
            let rule = credential(wrong).unwrap_err();
            assert!(!rule.contains("A1") && !rule.contains("abc"), "{rule}");
        }
    }
}
