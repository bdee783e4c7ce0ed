//! What a concentrator makes of the frames of its meters: one message.
//!
//! ```text
//!  frame frame frame  --bytes-->   header? frame frame frame
//!                     --text-->    "68610100.."
//!                     --JSON-->    {"imei":"..","data":"aGEB.."}
//! ```
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write;

/// How frames travel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wrap {
    /// One after another.
    #[default]
    Plain,
    /// The same behind bytes of the radio's own: a registration, an IMEI, `<IP>:port`.
    Header(Vec<u8>),
    /// As hexadecimal text.
    Hex,
    /// In JSON as hexadecimal text: the name of the member, and others beside it.
    JsonHex(String, Vec<(String, String)>),
    /// In JSON as base64.
    JsonBase64(String, Vec<(String, String)>),
}

impl Wrap {
    /// The message.
    pub fn payload(&self, frames: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => frames.to_vec(),
            Self::Header(header) => [header.as_slice(), frames].concat(),
            Self::Hex => hex(frames).into_bytes(),
            Self::JsonHex(member, others) => json(others, member, &hex(frames)),
            Self::JsonBase64(member, others) => json(others, member, &STANDARD.encode(frames)),
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn json(others: &[(String, String)], member: &str, text: &str) -> Vec<u8> {
    let members = others
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let members = members.chain([(member, text)]);
    let members = members.map(|(name, value)| (name.to_owned(), value.into()));
    let object: serde_json::Map<String, serde_json::Value> = members.collect();
    serde_json::Value::Object(object).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_travel_as_bytes_text_and_json() {
        let frames = [0x68, 0x16];
        let text = |wrap: Wrap| String::from_utf8_lossy(&wrap.payload(&frames)).into_owned();
        assert_eq!(text(Wrap::Plain), "h\u{16}");
        assert_eq!(text(Wrap::Header(b"123".to_vec())), "123h\u{16}");
        assert_eq!(text(Wrap::Hex), "6816");
        let imei = vec![("imei".to_owned(), "86".to_owned())];
        assert_eq!(
            text(Wrap::JsonHex("raw".to_owned(), imei.clone())),
            r#"{"imei":"86","raw":"6816"}"#
        );
        assert_eq!(
            text(Wrap::JsonBase64("data".to_owned(), imei)),
            r#"{"data":"aBY=","imei":"86"}"#
        );
    }
}
