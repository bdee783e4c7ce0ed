//! One field of a layout: which bytes, and what they mean.
//!
//! A whole number above 2^53 keeps its digits as text beside the double. A 32-bit float becomes the
//! double of its shortest decimal: what the device meant by 21.6 is 21.6, not 21.600000381469727; the
//! 32 bits are still recoverable from it.
use super::frame::{Frame, Short, hex, sign_magnitude, twos_complement, whole};
use crate::codecs::Sent;
use std::borrow::Cow;
use std::ops::Range;

/// What the bytes of a field are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Unsigned, 1 to 8 bytes.
    Unsigned,
    /// Two's complement, 1 to 8 bytes.
    Signed,
    /// Top bit is the sign, the others the amount; 1 to 8 bytes.
    Magnitude,
    /// IEEE 754, 4 or 8 bytes.
    Float,
    /// Two decimal digits a byte: a number.
    Bcd,
    /// The same, and the top bit of the most significant byte is the sign.
    SignedBcd,
    /// Two decimal digits a byte: a text. Zeros in front are kept, F at either end is filler.
    Digits,
    /// UTF-8, without NUL and blanks at its ends.
    Text,
    /// Every byte as two digits.
    Hex,
}

/// One field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    /// First byte in its frame; negative: from the frame's end.
    pub(super) at: i32,
    /// Bytes.
    pub(super) length: usize,
    pub(super) kind: Kind,
    /// Least significant byte first.
    pub(super) little: bool,
    /// Of a whole number: the bits that count.
    pub(super) mask: u64,
    /// How far they are moved down then.
    pub(super) shift: u32,
    /// How many they are then, 1 to 64.
    pub(super) bits: u32,
}

/// Why a field has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Bad {
    /// Its bytes are not there.
    #[error(transparent)]
    Short(#[from] Short),
    /// No decimal digit.
    #[error("byte {at} is 0x{byte:02X}: nibble {nibble:X} is no decimal digit")]
    Nibble {
        at: usize,
        byte: u8,
        nibble: u8,
        /// All bytes of the field, most significant first: a profile may take them for absent.
        bytes: String,
    },
    /// No text.
    #[error("byte {at} is 0x{byte:02X}, which is no UTF-8")]
    NotUtf8 { at: usize, byte: u8 },
}

/// Largest amount below which every whole number is a double.
const EXACT_MAX: u128 = 1 << 53;

impl Field {
    /// Where it lies in a frame.
    ///
    /// # Errors
    /// Not all of it is there.
    pub(super) fn part<'f>(&self, frame: Frame<'f>) -> Result<Frame<'f>, Short> {
        frame.part(self.at, self.length)
    }

    /// Is none of its bytes in the frame: does the frame end before it?
    pub(super) fn is_behind(&self, frame: Frame<'_>) -> bool {
        self.part(frame).is_err_and(|short| short.have == 0)
    }

    /// Its value and its place in the payload.
    ///
    /// # Errors
    /// Too few bytes, or such as are none of its type.
    pub(super) fn read<'a>(&self, frame: Frame<'_>) -> Result<(Sent<'a>, Range<usize>), Bad> {
        let part = self.part(frame)?;
        let bytes = part.bytes();
        let raw = (whole(bytes, self.little) & self.mask) >> self.shift;
        let sent = match self.kind {
            Kind::Unsigned => exact(i128::from(raw)),
            Kind::Signed => exact(twos_complement(raw, self.bits)),
            Kind::Magnitude => exact(sign_magnitude(raw, self.bits)),
            Kind::Float => float(bytes, self.little),
            Kind::Bcd | Kind::SignedBcd => self.bcd(part)?,
            Kind::Digits => Sent::Text(Cow::Owned(self.digits(part)?)),
            Kind::Text => text(part)?,
            Kind::Hex => Sent::Text(Cow::Owned(hex(self.ordered(bytes)))),
        };
        Ok((sent, part.range()))
    }

    /// The bytes, most significant first.
    fn ordered<'f>(&self, bytes: &'f [u8]) -> impl Iterator<Item = u8> + Clone + use<'f> {
        let len = bytes.len();
        let little = self.little;
        (0..len).filter_map(move |at| {
            let at = if little { len - 1 - at } else { at };
            bytes.get(at).copied()
        })
    }

    /// The nibbles, most significant first.
    fn nibbles(&self, bytes: &[u8]) -> Vec<u8> {
        self.ordered(bytes)
            .flat_map(|byte| [byte >> 4, byte & 0x0f])
            .collect()
    }

    /// The fault of a nibble by its place, most significant first.
    fn nibble(&self, part: Frame<'_>, place: usize) -> Bad {
        let from_top = place / 2;
        let at = if self.little {
            part.len() - 1 - from_top
        } else {
            from_top
        };
        let byte = part.bytes().get(at).copied().unwrap_or_default();
        Bad::Nibble {
            at: part.start() + at,
            byte,
            nibble: if place.is_multiple_of(2) {
                byte >> 4
            } else {
                byte & 0x0f
            },
            bytes: hex(self.ordered(part.bytes())),
        }
    }

    fn bcd<'a>(&self, part: Frame<'_>) -> Result<Sent<'a>, Bad> {
        let mut negative = false;
        let mut number = 0u128;
        for (place, byte) in self.ordered(part.bytes()).enumerate() {
            let mut high = byte >> 4;
            if place == 0 && self.kind == Kind::SignedBcd {
                negative = high & 8 != 0;
                high &= 7;
            }
            for (digit, place) in [(high, 2 * place), (byte & 0x0f, 2 * place + 1)] {
                if digit > 9 {
                    return Err(self.nibble(part, place));
                }
                // At most 36 digits: LENGTH_BCD_MAX.
                number = number.saturating_mul(10).saturating_add(digit.into());
            }
        }
        let number = i128::try_from(number).unwrap_or(i128::MAX);
        Ok(exact(if negative { -number } else { number }))
    }

    fn digits(&self, part: Frame<'_>) -> Result<String, Bad> {
        let nibbles = self.nibbles(part.bytes());
        let filler = |nibble: &&u8| **nibble == 0x0f;
        let front = nibbles.iter().take_while(filler).count();
        let back = nibbles.iter().rev().take_while(filler).count();
        let end = nibbles.len() - back.min(nibbles.len() - front);
        let kept = nibbles.get(front..end).unwrap_or_default();
        let digit = |(place, nibble): (usize, &u8)| {
            char::from_digit((*nibble).into(), 10).ok_or_else(|| self.nibble(part, front + place))
        };
        kept.iter().enumerate().map(digit).collect()
    }
}

/// A whole number, with its digits where a double does not hold it.
fn exact<'a>(number: i128) -> Sent<'a> {
    let text = if number.unsigned_abs() <= EXACT_MAX {
        Cow::Borrowed("")
    } else {
        Cow::Owned(number.to_string())
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "the digits are kept where there is one"
    )]
    Sent::Number(number as f64, text)
}

fn float<'a>(bytes: &[u8], little: bool) -> Sent<'a> {
    let bits = whole(bytes, little);
    let value = match u32::try_from(bits) {
        Ok(bits) if bytes.len() == 4 => shortest(f32::from_bits(bits)),
        _ => f64::from_bits(bits),
    };
    if value.is_finite() {
        Sent::Number(value, Cow::Borrowed(""))
    } else {
        Sent::NotFinite(Cow::Owned(value.to_string()))
    }
}

/// The double of the shortest decimal that is this float.
fn shortest(float: f32) -> f64 {
    let double = f64::from(float);
    if float.fract() == 0.0 || !float.is_finite() {
        return double;
    }
    float.to_string().parse().unwrap_or(double)
}

fn text<'a>(part: Frame<'_>) -> Result<Sent<'a>, Bad> {
    match std::str::from_utf8(part.bytes()) {
        Ok(text) => {
            let blank = |c: char| c == '\0' || c.is_ascii_whitespace();
            Ok(Sent::Text(Cow::Owned(text.trim_matches(blank).to_owned())))
        }
        Err(error) => {
            let at = error.valid_up_to();
            Err(Bad::NotUtf8 {
                at: part.start() + at,
                byte: part.bytes().get(at).copied().unwrap_or_default(),
            })
        }
    }
}
