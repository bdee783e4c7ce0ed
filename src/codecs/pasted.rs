//! Payloads as people paste them: JSON as it stands, or hexadecimal digits.
use super::quote;

/// Why a text is no payload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PastedError {
    /// Something that is neither JSON nor a digit.
    #[error(
        "{found} at byte {at} is no hexadecimal digit; paste JSON, or hexadecimal digits with blanks where they help"
    )]
    NoDigit {
        /// As found.
        found: String,
        /// Offset in the text.
        at: usize,
    },
    /// Half a byte is left over.
    #[error("{digits} hexadecimal digits are an odd number: one is missing")]
    Odd {
        /// How many there are.
        digits: usize,
    },
}

/// The bytes of a pasted payload. What begins with `{` or `[` is JSON and taken as it stands; anything
/// else is hexadecimal digits, in which blanks, line ends, `:`, `-`, `,` and `0x` may stand.
///
/// # Errors
/// The text is neither.
pub fn pasted(text: &[u8]) -> Result<Vec<u8>, PastedError> {
    if matches!(text.trim_ascii().first(), Some(b'{' | b'[')) {
        return Ok(text.to_vec());
    }
    let mut digits: Vec<u8> = Vec::with_capacity(text.len());
    let mut bytes = text.iter().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        if byte.is_ascii_whitespace() || matches!(byte, b':' | b'-' | b',') {
            continue;
        }
        let prefix = matches!(bytes.peek(), Some((_, b'x' | b'X')));
        if *byte == b'0' && prefix && digits.len().is_multiple_of(2) {
            bytes.next();
            continue;
        }
        let digit = char::from(*byte).to_digit(16);
        let digit = digit.and_then(|digit| u8::try_from(digit).ok());
        digits.push(digit.ok_or_else(|| no_digit(text, at))?);
    }
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(PastedError::Odd {
            digits: digits.len(),
        });
    }
    Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

fn no_digit(text: &[u8], at: usize) -> PastedError {
    let rest = String::from_utf8_lossy(text.get(at..).unwrap_or_default());
    let found = rest.chars().next().unwrap_or_default().to_string();
    PastedError::NoDigit {
        found: format!("`{}`", quote(&found)),
        at,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hex_may_have_separators_and_json_is_taken_as_it_is() {
        assert_eq!(pasted(b"68 0A\nff").unwrap(), [0x68, 0x0a, 0xff]);
        assert_eq!(pasted(b"0x68, 0x0a").unwrap(), [0x68, 0x0a]);
        assert_eq!(pasted(b"68:0a-FF").unwrap(), [0x68, 0x0a, 0xff]);
        assert_eq!(pasted(b" {\"a\":1}").unwrap(), b" {\"a\":1}");
        assert_eq!(pasted(b"").unwrap(), b"");
    }

    #[test]
    fn what_is_neither_is_named() {
        assert_eq!(pasted(b"6"), Err(PastedError::Odd { digits: 1 }));
        for (text, found, at) in [("68xy", "`x`", 2), ("6é", "`é`", 1), ("06 0g", "`g`", 4)] {
            let found = found.to_owned();
            assert_eq!(
                pasted(text.as_bytes()),
                Err(PastedError::NoDigit { found, at }),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn bytes_come_back(bytes: Vec<u8>) {
            let text: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            prop_assert_eq!(pasted(text.join(" ").as_bytes()).unwrap(), bytes);
        }

        #[test]
        fn garbage_does_not_panic(bytes: Vec<u8>) {
            let _ = pasted(&bytes);
        }
    }
}
