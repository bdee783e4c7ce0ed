//! How the bytes of a layout travel in a payload.
use crate::codecs::{Fault, Reason, quote};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use std::borrow::Cow;

/// How bytes are written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::profiles) enum Encoding {
    /// As they are.
    #[default]
    Bytes,
    /// Two digits each; blanks and line ends around them are passed over.
    Hex,
    /// RFC 4648 §4 or §5, with or without padding.
    Base64,
}

const LAX: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LAX);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LAX);

impl Encoding {
    /// The names in a profile.
    pub(in crate::profiles) const NAMES: &'static [&'static str] = &["bytes", "hex", "base64"];

    /// By its name.
    pub(in crate::profiles) fn named(name: &str) -> Option<Self> {
        match name {
            "bytes" => Some(Self::Bytes),
            "hex" => Some(Self::Hex),
            "base64" => Some(Self::Base64),
            _ => None,
        }
    }

    /// The bytes. They are fewer than the payload's.
    ///
    /// # Errors
    /// Another character, or one too few.
    pub(in crate::profiles) fn decode(self, payload: &[u8]) -> Result<Cow<'_, [u8]>, Fault> {
        match self {
            Self::Bytes => Ok(Cow::Borrowed(payload)),
            Self::Hex => hex(payload.trim_ascii()).map(Cow::Owned),
            Self::Base64 => base64(payload.trim_ascii()).map(Cow::Owned),
        }
    }
}

fn hex(text: &[u8]) -> Result<Vec<u8>, Fault> {
    let digit = |at: usize, byte: u8| {
        let digit = char::from(byte).to_digit(16);
        let digit = digit.and_then(|digit| u8::try_from(digit).ok());
        digit.ok_or_else(|| {
            let sentence = format!(
                "character {at} is {}, which is no hexadecimal digit",
                shown(byte)
            );
            Fault::whole(Reason::Malformed, sentence)
        })
    };
    let mut bytes = Vec::with_capacity(text.len() / 2);
    for (at, pair) in text.chunks(2).enumerate() {
        match *pair {
            [high, low] => bytes.push(digit(2 * at, high)? << 4 | digit(2 * at + 1, low)?),
            _ => {
                let sentence = format!("{} hexadecimal digits: half a byte is missing", text.len());
                return Err(Fault::whole(Reason::Truncated, sentence));
            }
        }
    }
    Ok(bytes)
}

fn base64(text: &[u8]) -> Result<Vec<u8>, Fault> {
    let url = text.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let engine = if url { URL_SAFE } else { STANDARD };
    engine.decode(text).map_err(|error| {
        let sentence = match error {
            base64::DecodeError::InvalidByte(at, byte) => {
                format!("character {at} is {}, which is no base64", shown(byte))
            }
            other => format!("no base64: {other}"),
        };
        Fault::whole(Reason::Malformed, sentence)
    })
}

fn shown(byte: u8) -> String {
    if byte.is_ascii_graphic() {
        format!("\"{}\"", quote(&char::from(byte).to_string()))
    } else {
        format!("0x{byte:02X}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_of_them_are_read() {
        let read = |encoding: Encoding, text: &str| {
            encoding
                .decode(text.as_bytes())
                .map(Cow::into_owned)
                .map_err(|fault| fault.sentence)
        };
        assert_eq!(read(Encoding::Bytes, "0a"), Ok(b"0a".to_vec()));
        assert_eq!(read(Encoding::Hex, " 0aFF\n"), Ok(vec![0x0a, 0xff]));
        assert_eq!(read(Encoding::Hex, ""), Ok(vec![]));
        for text in ["+/8=", "+/8", "-_8", "-_8="] {
            assert_eq!(read(Encoding::Base64, text), Ok(vec![0xfb, 0xff]), "{text}");
        }
        for (encoding, text, part) in [
            (Encoding::Hex, "0ax1", "character 2 is \"x\""),
            (Encoding::Hex, "0a0", "3 hexadecimal digits"),
            (Encoding::Base64, "ab!d", "character 2 is \"!\""),
            (Encoding::Base64, "a", "no base64"),
        ] {
            let sentence = read(encoding, text).expect_err(text);
            assert!(sentence.contains(part), "{sentence}");
        }
    }
}
