//! What a certificate says about itself: how long it holds, and for whom (RFC 5280 §4.1).
//!
//! Decisions: rustls checks chains and signatures and does not say when a certificate ends or whose
//! it is; a library for all of X.509 would be larger than the three fields that are read here.
//! Nothing is believed before rustls has checked the certificate.
use crate::model::Timestamp;

/// Longest name of a client, in bytes: twice what X.520 allows for a common name.
const NAME_BYTES_MAX: usize = 128;
/// `id-at-commonName`, 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// `id-ce-subjectAltName`, 2.5.29.17.
const ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];

const OID: u8 = 0x06;
const OCTETS: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `UTF8String`, `PrintableString`, `IA5String`: what is text as it stands.
const TEXTS: [u8; 3] = [0x0c, 0x13, 0x16];
/// `version [0]`.
const VERSION: u8 = 0xa0;
/// `extensions [3]`.
const EXTENSIONS: u8 = 0xa3;
/// `dNSName [2]`.
const DNS_NAME: u8 = 0x82;

/// The parts of a certificate that concern the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// It holds from then on.
    pub not_before: Timestamp,
    /// It holds until then; 2262 where it says later.
    pub not_after: Timestamp,
    /// The subject's common name, or else the first DNS name.
    pub name: Option<Box<str>>,
}

impl Facts {
    /// Reads a certificate in DER; `None`: it is none.
    pub fn read(certificate: &[u8]) -> Option<Self> {
        let mut outer = Der(Der(certificate).take(SEQUENCE)?);
        let mut body = Der(outer.take(SEQUENCE)?);
        let (first, _) = body.next()?;
        if first == VERSION {
            body.next()?; // serial number
        }
        body.next()?; // signature algorithm
        body.next()?; // issuer
        let mut validity = Der(body.take(SEQUENCE)?);
        let (not_before, not_after) = (validity.time()?, validity.time()?);
        let subject = body.take(SEQUENCE)?;
        body.next()?; // public key
        let common = common_name(Der(subject));
        let name = common.or_else(|| {
            let extensions = body.find(EXTENSIONS)?;
            dns_name(Der(Der(extensions).take(SEQUENCE)?))
        });
        Some(Self {
            not_before,
            not_after,
            name,
        })
    }
}

/// `RDNSequence` -> the first common name.
fn common_name(mut subject: Der<'_>) -> Option<Box<str>> {
    while let Some(set) = subject.take(SET) {
        let mut set = Der(set);
        while let Some(attribute) = set.take(SEQUENCE) {
            let mut attribute = Der(attribute);
            if attribute.take(OID)? == COMMON_NAME {
                let (tag, text) = attribute.next()?;
                return TEXTS.contains(&tag).then(|| named(text))?;
            }
        }
    }
    None
}

/// `Extensions` -> the first DNS name of the alternative names.
fn dns_name(mut extensions: Der<'_>) -> Option<Box<str>> {
    while let Some(extension) = extensions.take(SEQUENCE) {
        let mut extension = Der(extension);
        if extension.take(OID)? == ALTERNATIVE_NAME {
            let names = Der(extension.find(OCTETS)?).take(SEQUENCE)?;
            return named(Der(names).find(DNS_NAME)?);
        }
    }
    None
}

/// A name that can be shown and compared: short text without control characters.
fn named(bytes: &[u8]) -> Option<Box<str>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let fits = !text.is_empty() && text.len() <= NAME_BYTES_MAX && !text.contains(char::is_control);
    fits.then(|| text.into())
}

/// Elements of DER that are not read yet.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next element: its tag and content. `None` at the end, and where there is no element.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, mut rest) = rest.split_first()?;
        let mut len = usize::from(*first);
        if len > 0x7f {
            let (bytes, after) = rest.split_at_checked(len & 0x7f)?;
            // Four bytes of length are 4 GiB; the file has 1 MiB at most.
            if bytes.is_empty() || bytes.len() > 4 {
                return None;
            }
            len = bytes
                .iter()
                .fold(0, |len, byte| len << 8 | usize::from(*byte));
            rest = after;
        }
        let (content, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((*tag, content))
    }

    /// The content of the next element if it has this tag.
    fn take(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next()
            .filter(|(found, _)| *found == tag)
            .map(|(_, content)| content)
    }

    /// The content of the first element with this tag.
    fn find(&mut self, tag: u8) -> Option<&'a [u8]> {
        loop {
            let (found, content) = self.next()?;
            if found == tag {
                return Some(content);
            }
        }
    }

    /// A `Time`, always in UTC with seconds (RFC 5280 §4.1.2.5).
    fn time(&mut self) -> Option<Timestamp> {
        let (tag, text) = self.next()?;
        let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
        let text = match tag {
            // Two digits of the year: 50 and above are of the last century.
            UTC_TIME if text < "50" => format!("20{text}"),
            UTC_TIME => format!("19{text}"),
            GENERALIZED_TIME => text.to_owned(),
            _ => return None,
        };
        if text.len() != 14 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits = |from: usize, to: usize| text.get(from..to)?.parse::<i8>().ok();
        let civil = jiff::civil::DateTime::new(
            text.get(..4)?.parse().ok()?,
            digits(4, 6)?,
            digits(6, 8)?,
            digits(8, 10)?,
            digits(10, 12)?,
            digits(12, 14)?,
            0,
        );
        // Past what jiff or Timestamp can count is "for ever".
        let instant = jiff::tz::TimeZone::UTC.to_timestamp(civil.ok()?);
        let secs = instant.map_or(i64::MAX, jiff::Timestamp::as_second);
        Some(Timestamp::from_secs_nanos(secs, 0).unwrap_or(Timestamp::from_nanos(i64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    fn certificate(name: Option<&str>, alternative: &[&str], until: i32) -> Vec<u8> {
        let names: Vec<String> = alternative.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::OrganizationName, "city");
        if let Some(name) = name {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        params.not_before = date_time_ymd(2026, 1, 2);
        params.not_after = date_time_ymd(until, 3, 4);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text, &jiff::tz::TimeZone::UTC).unwrap()
    }

    #[test]
    fn times_and_names_are_read() {
        let facts = Facts::read(&certificate(Some("灯杆-7"), &["pole.example"], 2031)).unwrap();
        assert_eq!(facts.not_before, time("2026-01-02T00:00:00Z"));
        assert_eq!(facts.not_after, time("2031-03-04T00:00:00Z"));
        assert_eq!(facts.name.as_deref(), Some("灯杆-7"));
        // GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5.2), and beyond what can be counted.
        let facts = Facts::read(&certificate(None, &["pole.example", "b"], 2051)).unwrap();
        assert_eq!(facts.not_after, time("2051-03-04T00:00:00Z"));
        assert_eq!(facts.name.as_deref(), Some("pole.example"));
        let facts = Facts::read(&certificate(None, &[], 9000)).unwrap();
        assert_eq!(facts.not_after, Timestamp::from_nanos(i64::MAX));
        assert_eq!(facts.name, None);
    }

    #[test]
    fn a_name_with_control_characters_or_too_long_is_none() {
        for name in ["a\0b", "a\nb", &"x".repeat(NAME_BYTES_MAX + 1)] {
            let facts = Facts::read(&certificate(Some(name), &[], 2031)).unwrap();
            assert_eq!(facts.name, None, "{name:?}");
        }
    }

    #[test]
    fn what_is_cut_or_changed_is_refused_or_read_but_never_panics() {
        let whole = certificate(Some("pole-7"), &["pole.example"], 2031);
        for len in 0..whole.len() {
            let cut = whole.get(..len).unwrap();
            assert_eq!(Facts::read(cut), None, "{len}");
        }
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut wrong = whole.clone();
                if let Some(byte) = wrong.get_mut(at) {
                    *byte ^= 1 << bit;
                }
                let _ = Facts::read(&wrong);
            }
        }
    }
}
