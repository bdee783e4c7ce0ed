//! `CoAP` Content-Formats, and which codec they lead to.
use super::{Fault, Reason};

/// Numbers (IANA, `CoAP` Content-Formats) and profiles.
const FORMATS: &[(u16, &str)] = &[(50, "json"), (60, "cbor"), (110, "senml"), (112, "senml")];

/// `text/plain` and `application/octet-stream`: what a stack says that was told nothing.
const SILENT: [u16; 2] = [0, 42];

/// The profile that a Content-Format means; `None` where it says nothing.
///
/// # Errors
/// A format that is not read, with those that are.
pub fn profile_of(content_format: Option<u16>) -> Result<Option<&'static str>, Fault> {
    let Some(number) = content_format.filter(|number| !SILENT.contains(number)) else {
        return Ok(None);
    };
    let known = FORMATS.iter().find(|(known, _)| *known == number);
    let known = known.map(|(_, profile)| Some(*profile));
    known.ok_or_else(|| {
        let sentence = format!(
            "Content-Format {number} is not read; 50 (JSON), 60 (CBOR), 110 (SenML JSON) and 112 \
             (SenML CBOR) are"
        );
        Fault::whole(Reason::UnsupportedContentFormat, sentence)
    })
}

/// Does the Content-Format say that the bytes are CBOR, or not? `None`: it says nothing of it.
pub const fn is_cbor(content_format: Option<u16>) -> Option<bool> {
    match content_format {
        Some(60 | 112) => Some(true),
        Some(50 | 110) => Some(false),
        _ => None,
    }
}
