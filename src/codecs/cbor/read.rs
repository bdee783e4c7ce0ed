//! Reads CBOR item by item (RFC 8949), with what both codecs need of it.
//!
//! `minicbor` checks lengths and hands out texts and bytes as slices of the payload. Here: half
//! floats, decimal fractions and bigfloats (§3.4.4), texts in pieces, and a bound on nesting. Tags
//! that say what a number or a text means are passed over: the metric knows.
use crate::codecs::decimal::{Decimal, Number};
use crate::codecs::{Fault, Reason};
use minicbor::data::{IanaTag, Tag, Type};
use minicbor::decode::{Decoder, Error};
use std::borrow::Cow;

/// Deepest nesting that is followed; the deepest shape that means anything has 8 levels.
pub(in crate::codecs) const DEPTH_MAX: usize = 16;

/// Whole numbers above 2^53 are not all doubles: their digits are kept.
const EXACT_MAX: i128 = 1 << 53;

/// A value, or the head of one that has others in it.
#[derive(Debug)]
pub(in crate::codecs) enum Item<'a> {
    Number(Number<'a>),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    Flag(bool),
    /// `null` or `undefined`.
    Null,
    /// That many elements follow; `None`: until [`Item::Break`].
    Array(Option<u64>),
    /// That many pairs follow; `None`: until [`Item::Break`].
    Map(Option<u64>),
    Break,
}

impl Item<'_> {
    /// For a sentence.
    pub(in crate::codecs) const fn what(&self) -> &'static str {
        match self {
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::Bytes(_) => "bytes",
            Self::Flag(true) => "true",
            Self::Flag(false) => "false",
            Self::Null => "null",
            Self::Array(_) => "an array",
            Self::Map(_) => "a map",
            Self::Break => "a break",
        }
    }
}

/// A payload, read from the front.
#[derive(Debug)]
pub(in crate::codecs) struct Reader<'a> {
    cbor: Decoder<'a>,
}

impl<'a> Reader<'a> {
    pub(in crate::codecs) fn new(payload: &'a [u8]) -> Self {
        Self {
            cbor: Decoder::new(payload),
        }
    }

    /// Byte offset of what comes next.
    pub(in crate::codecs) fn at(&self) -> usize {
        self.cbor.position()
    }

    /// A fault of the bytes before [`Reader::at`].
    pub(in crate::codecs) fn malformed(&self, sentence: &str) -> Fault {
        Fault::whole(
            Reason::Malformed,
            format!("{sentence}, before byte {}", self.at()),
        )
    }

    /// The next value or head.
    pub(in crate::codecs) fn item(&mut self) -> Result<Item<'a>, Fault> {
        loop {
            match self.cbor.datatype().map_err(|error| self.fault(&error))? {
                Type::Tag => {
                    let before = self.at();
                    let tag = self.cbor.tag().map_err(|error| self.fault(&error))?;
                    if let Some(number) = self.tagged(tag, before)? {
                        return Ok(Item::Number(number));
                    }
                }
                found => return self.untagged(found).map_err(|error| self.fault(&error)),
            }
        }
    }

    fn untagged(&mut self, found: Type) -> Result<Item<'a>, Error> {
        let cbor = &mut self.cbor;
        Ok(match found {
            Type::Bool => Item::Flag(cbor.bool()?),
            Type::Null => {
                cbor.null()?;
                Item::Null
            }
            Type::Undefined => {
                cbor.undefined()?;
                Item::Null
            }
            Type::F16 => Item::Number(double(self.half()?)),
            Type::F32 => Item::Number(double(cbor.f32()?.into())),
            Type::F64 => Item::Number(double(cbor.f64()?)),
            Type::Bytes => Item::Bytes(Cow::Borrowed(cbor.bytes()?)),
            Type::BytesIndef => {
                let mut all = Vec::new();
                for piece in cbor.bytes_iter()? {
                    all.extend_from_slice(piece?);
                }
                Item::Bytes(Cow::Owned(all))
            }
            Type::String => Item::Text(Cow::Borrowed(cbor.str()?)),
            Type::StringIndef => {
                let mut all = String::new();
                for piece in cbor.str_iter()? {
                    all.push_str(piece?);
                }
                Item::Text(Cow::Owned(all))
            }
            Type::Array | Type::ArrayIndef => Item::Array(cbor.array()?),
            Type::Map | Type::MapIndef => Item::Map(cbor.map()?),
            Type::Break => {
                cbor.set_position(cbor.position() + 1);
                Item::Break
            }
            // Integers; what is none (a simple value, a reserved byte) is refused there.
            _ => Item::Number(whole(cbor.int()?.into())),
        })
    }

    /// Two bytes behind the head, which has been looked at.
    fn half(&mut self) -> Result<f64, Error> {
        let at = self.cbor.position() + 1;
        let bytes = self
            .cbor
            .input()
            .get(at..)
            .and_then(<[u8]>::first_chunk::<2>);
        let bits = bytes.ok_or_else(Error::end_of_input)?;
        self.cbor.set_position(at + 2);
        Ok(from_half(u16::from_be_bytes(*bits)))
    }

    /// The number that a tag makes of what follows; `None`: the tag changes nothing.
    fn tagged(&mut self, tag: Tag, before: usize) -> Result<Option<Number<'a>>, Fault> {
        match IanaTag::try_from(tag) {
            Ok(IanaTag::PosBignum | IanaTag::NegBignum) => {
                self.cbor.set_position(before);
                let number = self.cbor.i128().map_err(|error| self.fault(&error))?;
                Ok(Some(whole(number)))
            }
            Ok(IanaTag::Decimal) => {
                let (exponent, mantissa) = self.halves()?;
                let decimal = Decimal::new(mantissa, exponent);
                Ok(Some(Number {
                    value: decimal.to_f64(),
                    text: Cow::Owned(decimal.to_string()),
                }))
            }
            Ok(IanaTag::Bigfloat) => {
                let (exponent, mantissa) = self.halves()?;
                Ok(Some(double(scaled(mantissa, exponent))))
            }
            _ => Ok(None),
        }
    }

    /// `[exponent, mantissa]` of a decimal fraction or a bigfloat.
    fn halves(&mut self) -> Result<(i32, i128), Fault> {
        let two = self.cbor.array().map_err(|error| self.fault(&error))?;
        if two != Some(2) {
            return Err(self.malformed("a fraction is an array of exponent and mantissa"));
        }
        let exponent = self.cbor.i128().map_err(|error| self.fault(&error))?;
        let mantissa = self.cbor.i128().map_err(|error| self.fault(&error))?;
        let clamped = exponent.clamp(i32::MIN.into(), i32::MAX.into());
        Ok((i32::try_from(clamped).unwrap_or(0), mantissa))
    }

    /// Passes over what lies in `head`, which is `depth` levels deep.
    pub(in crate::codecs) fn skip(&mut self, head: &Item<'a>, depth: usize) -> Result<(), Fault> {
        let count = match head {
            Item::Array(count) => *count,
            // As many as that cannot be there.
            Item::Map(count) => count.map(|pairs| pairs.saturating_mul(2)),
            Item::Break => return Err(self.malformed("a break outside of anything open")),
            _ => return Ok(()),
        };
        self.deeper(depth)?;
        let mut items = 0u64;
        loop {
            if count == Some(items) {
                return Ok(());
            }
            match self.item()? {
                Item::Break if count.is_none() => {
                    return match head {
                        Item::Map(_) if items % 2 == 1 => {
                            Err(self.malformed("a key without a value"))
                        }
                        _ => Ok(()),
                    };
                }
                item => self.skip(&item, depth + 1)?,
            }
            items += 1;
        }
    }

    /// May a level below `depth` be opened?
    pub(in crate::codecs) fn deeper(&self, depth: usize) -> Result<(), Fault> {
        if depth < DEPTH_MAX {
            return Ok(());
        }
        let sentence = format!(
            "nested deeper than {DEPTH_MAX} levels at byte {}; none has a meaning",
            self.at()
        );
        Err(Fault::whole(Reason::TooDeep, sentence))
    }

    /// Nothing may follow.
    pub(in crate::codecs) fn end(&self) -> Result<(), Fault> {
        match self.cbor.input().len() - self.at() {
            0 => Ok(()),
            left => Err(Fault::whole(
                Reason::Malformed,
                format!("{left} bytes behind the end, from byte {} on", self.at()),
            )),
        }
    }

    fn fault(&self, error: &Error) -> Fault {
        let len = self.cbor.input().len();
        if error.is_end_of_input() {
            let sentence =
                format!("the CBOR ends at byte {len} inside an item that is not complete");
            return Fault::whole(Reason::Truncated, sentence);
        }
        let at = error.position().unwrap_or_else(|| self.at());
        Fault::whole(
            Reason::Malformed,
            format!("no CBOR that is read here at byte {at}: {error}"),
        )
    }
}

const fn double(value: f64) -> Number<'static> {
    Number {
        value,
        text: Cow::Borrowed(""),
    }
}

fn whole(number: i128) -> Number<'static> {
    let exact = number.unsigned_abs() <= EXACT_MAX.unsigned_abs();
    #[expect(
        clippy::cast_precision_loss,
        reason = "the digits are kept where there is any"
    )]
    let value = number as f64;
    Number {
        value,
        text: if exact {
            Cow::Borrowed("")
        } else {
            Cow::Owned(number.to_string())
        },
    }
}

/// A half float: 1 bit of sign, 5 of exponent, 10 of fraction (IEEE 754, RFC 8949 appendix D).
fn from_half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3ff);
    let size = match bits >> 10 & 0x1f {
        0 => fraction * 2f64.powi(-24),
        31 if fraction > 0.0 => f64::NAN,
        31 => f64::INFINITY,
        exponent => (1024.0 + fraction) * 2f64.powi(i32::from(exponent) - 25),
    };
    if bits & 0x8000 == 0 { size } else { -size }
}

/// `mantissa * 2^exponent`, in steps that a double can make.
fn scaled(mantissa: i128, exponent: i32) -> f64 {
    /// Beyond this every mantissa of 128 bits is 0 or infinite.
    const STEPS_MAX: i32 = 2_400;
    #[expect(clippy::cast_precision_loss, reason = "the nearest double is wanted")]
    let mut value = mantissa as f64;
    let mut left = exponent.clamp(-STEPS_MAX, STEPS_MAX);
    while left != 0 {
        let step = left.clamp(-512, 512);
        value *= 2f64.powi(step);
        left -= step;
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(bytes: &[u8]) -> Number<'_> {
        match Reader::new(bytes).item() {
            Ok(Item::Number(number)) => number,
            other => panic!("{other:?} is no number"),
        }
    }

    /// RFC 8949 appendix A, and its examples of §3.4.4.
    #[test]
    fn numbers_of_the_rfc() {
        let cases: [(&[u8], f64, &str); 17] = [
            (&[0x00], 0.0, ""),
            (&[0x38, 0x63], -100.0, ""),
            (&[0x1b, 0, 0, 0, 0xe8, 0xd4, 0xa5, 0x10, 0], 1e12, ""),
            (
                &[0x1b, 255, 255, 255, 255, 255, 255, 255, 255],
                18_446_744_073_709_551_615.0,
                "18446744073709551615",
            ),
            (
                &[0x3b, 255, 255, 255, 255, 255, 255, 255, 255],
                -18_446_744_073_709_551_616.0,
                "-18446744073709551616",
            ),
            (
                &[0xc2, 0x49, 1, 0, 0, 0, 0, 0, 0, 0, 0],
                18_446_744_073_709_551_616.0,
                "18446744073709551616",
            ),
            (
                &[0xc3, 0x49, 1, 0, 0, 0, 0, 0, 0, 0, 0],
                -18_446_744_073_709_551_617.0,
                "-18446744073709551617",
            ),
            (&[0xf9, 0x00, 0x01], 5.960_464_477_539_063e-8, ""),
            (&[0xf9, 0x04, 0x00], 0.000_061_035_156_25, ""),
            (&[0xf9, 0x7b, 0xff], 65_504.0, ""),
            (&[0xf9, 0xc4, 0x00], -4.0, ""),
            (&[0xfa, 0x47, 0xc3, 0x50, 0x00], 100_000.0, ""),
            (
                &[0xfb, 0xc0, 0x10, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66],
                -4.1,
                "",
            ),
            (&[0xc4, 0x82, 0x21, 0x19, 0x6a, 0xb3], 273.15, "273.15"),
            (&[0xc5, 0x82, 0x20, 0x03], 1.5, ""),
            (&[0xc1, 0x1a, 0x51, 0x4b, 0x67, 0xb0], 1_363_896_240.0, ""),
            (&[0xc5, 0x82, 0x39, 0x04, 0x31, 0x01], 5e-324, ""),
        ];
        for (bytes, value, text) in cases {
            let found = number(bytes);
            assert_eq!((found.value, &*found.text), (value, text), "{bytes:x?}");
        }
        assert!(number(&[0xf9, 0x7e, 0x00]).value.is_nan());
        assert_eq!(number(&[0xf9, 0xfc, 0x00]).value.to_string(), "-inf");
        assert!(number(&[0xf9, 0x80, 0x00]).value.is_sign_negative());
    }

    #[test]
    fn texts_in_pieces_are_joined() {
        let bytes = b"\x7f\x65strea\x64ming\xff";
        assert!(matches!(Reader::new(bytes).item(), Ok(Item::Text(text)) if text == "streaming"));
    }

    #[test]
    fn what_is_no_cbor_says_why_and_where() {
        let fault = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes);
            let read = reader.item().and_then(|item| reader.skip(&item, 0));
            let fault = read.and_then(|()| reader.end()).expect_err("bad");
            fault.reason
        };
        for truncated in [
            &b""[..],
            b"\x18",
            b"\x62a",
            b"\x82\x01",
            b"\xf9\x00",
            b"\xbf\x61a",
            b"\xc4\x82\x21",
        ] {
            assert_eq!(fault(truncated), Reason::Truncated, "{truncated:x?}");
        }
        for malformed in [
            &b"\xff"[..],
            b"\x61\xff",
            b"\x1c",
            b"\xe0",
            b"\x01\x02",
            b"\x82\x01\xff",
            b"\xbf\x61a\xff",
            b"\xc4\x01",
        ] {
            assert_eq!(fault(malformed), Reason::Malformed, "{malformed:x?}");
        }
        assert_eq!(fault(&[0x81; 100]), Reason::TooDeep);
        assert_eq!(fault(&[0x9f; 100]), Reason::TooDeep);
    }
}
