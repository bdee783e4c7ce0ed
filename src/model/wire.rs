//! Protobuf's wire format, for the few messages that are written and read once per uplink.
//!
//! prost owns all other messages. Here a report is appended to a buffer without building an owned
//! message first, and read back as slices of the log's frame. A property test in `report.rs` holds
//! both against prost.

/// Wire type 0, a varint.
pub const VARINT: u32 = 0;
/// Wire type 1, eight bytes.
pub const FIXED64: u32 = 1;
/// Wire type 2, a length and that many bytes.
pub const LEN: u32 = 2;

/// Longest varint: a u64 in groups of seven bits.
pub const VARINT_LEN_MAX: usize = 10;

/// Bytes that end early, or that no protobuf writer makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed protobuf: {what}, {left} bytes before the end")]
pub struct WireError {
    /// What was being read.
    pub what: &'static str,
    /// Where, counted from the end of the message.
    pub left: usize,
}

/// Appends a varint.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_byte(value) | 0x80);
        value >>= 7;
    }
    out.push(low_byte(value));
}

#[inline]
const fn low_byte(value: u64) -> u8 {
    (value & 0xff) as u8
}

/// Bytes that [`put_varint`] appends for `value`.
pub const fn varint_len(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// Appends a field's key.
#[inline]
pub fn put_key(out: &mut Vec<u8>, field: u32, wire_type: u32) {
    put_varint(out, u64::from(field << 3 | wire_type));
}

/// Appends a varint field unless it has proto3's default.
#[inline]
pub fn put_u64(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        put_key(out, field, VARINT);
        put_varint(out, value);
    }
}

/// Appends a string or bytes field unless it is empty.
#[inline]
pub fn put_bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    if !value.is_empty() {
        put_bytes_always(out, field, value);
    }
}

/// Appends a string or bytes field, even an empty one (a `oneof` member).
#[inline]
pub fn put_bytes_always(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    put_key(out, field, LEN);
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// Appends a message field whose body `write` appends.
#[inline]
pub fn put_message(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    put_key(out, field, LEN);
    let at = out.len();
    out.push(0);
    write(out);
    let len = (out.len() - at - 1) as u64;
    if len < 0x80 {
        if let Some(place) = out.get_mut(at) {
            *place = low_byte(len);
        }
    } else {
        let mut prefix = Vec::with_capacity(VARINT_LEN_MAX);
        put_varint(&mut prefix, len);
        out.splice(at..=at, prefix);
    }
}

/// A protobuf message as a cursor over its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Fields<'a>(&'a [u8]);

/// One field's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Field<'a> {
    /// Wire types 0.
    Varint(u64),
    /// Wire type 1, little-endian.
    Fixed64(u64),
    /// Wire type 2.
    Bytes(&'a [u8]),
    /// Wire type 5, little-endian.
    Fixed32(u32),
}

impl<'a> Field<'a> {
    /// The number of a varint, else 0.
    pub const fn number(self) -> u64 {
        match self {
            Self::Varint(number) => number,
            _ => 0,
        }
    }

    /// The bytes of a length-delimited field, else none.
    pub const fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            _ => &[],
        }
    }

    /// The text of a length-delimited field.
    ///
    /// # Errors
    /// Not UTF-8.
    pub fn text(self) -> Result<&'a str, WireError> {
        std::str::from_utf8(self.bytes()).map_err(|_| WireError {
            what: "text is not UTF-8",
            left: 0,
        })
    }
}

impl<'a> Fields<'a> {
    /// Over a message's bytes.
    pub const fn new(message: &'a [u8]) -> Self {
        Self(message)
    }

    /// Reads a varint, as before a length-delimited record.
    ///
    /// # Errors
    /// Truncated, or longer than 10 bytes.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, WireError> {
        // Keys, lengths and small numbers are one byte each: most varints of a report.
        if let Some((&byte, rest)) = self.0.split_first()
            && byte < 0x80
        {
            self.0 = rest;
            return Ok(u64::from(byte));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let mut value = 0u64;
        for (at, byte) in self.0.iter().take(VARINT_LEN_MAX).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * at);
            if byte & 0x80 == 0 {
                self.0 = self.0.get(at + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        Err(self.error("varint"))
    }

    /// Takes the next `len` bytes.
    ///
    /// # Errors
    /// Truncated.
    #[inline]
    pub fn take(&mut self, len: u64) -> Result<&'a [u8], WireError> {
        let taken = usize::try_from(len)
            .ok()
            .and_then(|len| self.0.split_at_checked(len));
        let Some((head, rest)) = taken else {
            return Err(self.error("length"));
        };
        self.0 = rest;
        Ok(head)
    }

    /// Bytes not read yet.
    pub const fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// The next field's number and value; `None` at the end.
    ///
    /// # Errors
    /// Truncated, or wire type 3, 4, 6 or 7.
    #[expect(
        clippy::inline_always,
        reason = "its answer is too large for registers: a call costs more than what it does"
    )]
    #[inline(always)]
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator could not return the error and end"
    )]
    pub fn next(&mut self) -> Result<Option<(u32, Field<'a>)>, WireError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let field = u32::try_from(key >> 3).map_err(|_| self.error("field number"))?;
        let value = match key & 7 {
            0 => Field::Varint(self.varint()?),
            1 => Field::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let len = self.varint()?;
                Field::Bytes(self.take(len)?)
            }
            5 => Field::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(self.error("wire type")),
        };
        Ok(Some((field, value)))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let Some((head, rest)) = self.0.split_first_chunk::<N>() else {
            return Err(self.error("fixed-width value"));
        };
        self.0 = rest;
        Ok(*head)
    }

    const fn error(&self, what: &'static str) -> WireError {
        WireError {
            what,
            left: self.0.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn varints_round_trip(value: u64) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            prop_assert_eq!(out.len(), varint_len(value));
            prop_assert_eq!(Fields::new(&out).varint(), Ok(value));
        }

        #[test]
        fn garbage_ends_in_an_error_or_the_end(bytes: Vec<u8>) {
            let mut fields = Fields::new(&bytes);
            for _ in 0..=bytes.len() {
                if !matches!(fields.next(), Ok(Some(_))) {
                    return Ok(());
                }
            }
            prop_assert!(false, "more fields than bytes");
        }
    }

    #[test]
    fn long_messages_get_a_long_length() {
        let mut out = Vec::new();
        put_message(&mut out, 8, |out| put_bytes(out, 1, &[7; 300]));
        let mut fields = Fields::new(&out);
        let Ok(Some((8, Field::Bytes(body)))) = fields.next() else {
            panic!("no field 8")
        };
        assert_eq!(
            Fields::new(body).next(),
            Ok(Some((1, Field::Bytes(&[7; 300]))))
        );
        assert_eq!(fields.next(), Ok(None));
    }
}
