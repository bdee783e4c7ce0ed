//! Values as A-XDR has them (DL/T 698.45 7.3): a type, then its bytes, numbers high byte first.
use super::apdu::Cursor;
use crate::codecs::Reason;
use jiff::civil::DateTime;
use std::ops::Range;

/// How deep arrays and structures lie in each other; the deepest known object has four.
const DEPTH_MAX: usize = 8;

/// Why bytes are no value, and where in the APDU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bad {
    pub(super) at: usize,
    pub(super) reason: Reason,
    pub(super) what: String,
}

impl Bad {
    pub(super) fn new(at: usize, reason: Reason, what: impl Into<String>) -> Self {
        Self {
            at,
            reason,
            what: what.into(),
        }
    }
}

/// A value and its place in the APDU, type byte included.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    pub(super) at: Range<usize>,
    pub(super) value: Value,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// The meter has none.
    Null,
    /// An array or a structure.
    List(Vec<Item>),
    Flag(bool),
    /// Bits, the first one highest, and how many.
    Bits(Vec<u8>, usize),
    Int(i128),
    Float(f64),
    Bytes(Vec<u8>),
    Text(String),
    /// Local wall time; `None`: not set.
    Time(Option<String>),
    /// What no reading is made of, by its type's name.
    Other(&'static str),
}

impl Value {
    /// For sentences.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::List(_) => "a list",
            Self::Flag(_) => "a flag",
            Self::Bits(..) => "a bit string",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Bytes(_) => "bytes",
            Self::Text(_) => "a text",
            Self::Time(_) => "a time",
            Self::Other(name) => name,
        }
    }
}

/// Reads a value.
///
/// # Errors
/// A type that is not known, one that is nested too deep, or an end that comes too early.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Item, Bad> {
    item(cursor, DEPTH_MAX)
}

fn item(cursor: &mut Cursor<'_>, depth: usize) -> Result<Item, Bad> {
    let start = cursor.at();
    let kind = cursor.byte()?;
    let value = match kind {
        0x01 | 0x02 => {
            let Some(depth) = depth.checked_sub(1) else {
                let what = format!("lists within each other, deeper than {DEPTH_MAX}");
                return Err(Bad::new(start, Reason::TooDeep, what));
            };
            let count = cursor.count(1)?;
            let mut items = Vec::with_capacity(count);
            for _ in 0..count {
                items.push(item(cursor, depth)?);
            }
            Value::List(items)
        }
        0x00..=0x1c => simple(kind, start, cursor)?,
        _ => named(kind, start, depth, cursor)?,
    };
    Ok(Item {
        at: start..cursor.at(),
        value,
    })
}

/// Numbers, texts, times.
fn simple(kind: u8, start: usize, cursor: &mut Cursor<'_>) -> Result<Value, Bad> {
    Ok(match kind {
        0x00 => Value::Null,
        0x03 => Value::Flag(cursor.byte()? != 0),
        0x04 => {
            let bits = cursor.length()?;
            Value::Bits(cursor.take(bits.div_ceil(8))?.to_vec(), bits)
        }
        0x05 => Value::Int(i32::from_be_bytes(cursor.array()?).into()),
        // All ones is what some meters send for a value that they do not have.
        0x06 => unsigned(u32::from_be_bytes(cursor.array()?), u32::MAX),
        0x09 => Value::Bytes(octets(cursor)?.to_vec()),
        0x0a | 0x0c => Value::Text(String::from_utf8_lossy(octets(cursor)?).into_owned()),
        0x0f => Value::Int(i8::from_be_bytes(cursor.array()?).into()),
        0x10 => Value::Int(i16::from_be_bytes(cursor.array()?).into()),
        0x11 | 0x16 => Value::Int(cursor.byte()?.into()),
        0x12 => unsigned(u16::from_be_bytes(cursor.array()?), u16::MAX),
        0x14 => Value::Int(i64::from_be_bytes(cursor.array()?).into()),
        0x15 => unsigned(u64::from_be_bytes(cursor.array()?), u64::MAX),
        0x17 => Value::Float(f32::from_be_bytes(cursor.array()?).into()),
        0x18 => Value::Float(f64::from_be_bytes(cursor.array()?)),
        0x19 => Value::Time(date_time(cursor.array()?)),
        0x1a => skip("a date", 5, cursor)?,
        0x1b => skip("a time of day", 3, cursor)?,
        0x1c => Value::Time(date_time_s(cursor.array()?)),
        _ => return Err(unknown(kind, start)),
    })
}

fn unsigned<N: Into<i128> + Copy + PartialEq>(number: N, absent: N) -> Value {
    if number == absent {
        return Value::Null;
    }
    Value::Int(number.into())
}

/// Types of the protocol itself: names of objects, addresses, selectors.
fn named(kind: u8, start: usize, depth: usize, cursor: &mut Cursor<'_>) -> Result<Value, Bad> {
    Ok(match kind {
        0x50 => skip("an OI", 2, cursor)?,
        0x51 => skip("an OAD", 4, cursor)?,
        0x52 => {
            road(cursor)?;
            Value::Other("a ROAD")
        }
        0x53 => skip("an OMD", 4, cursor)?,
        0x54 => skip("a TI", 3, cursor)?,
        0x55 => Value::Bytes(octets(cursor)?.to_vec()),
        0x56 | 0x57 => {
            octets(cursor)?;
            Value::Other("a MAC or random number")
        }
        0x58 => {
            region(cursor, depth)?;
            Value::Other("a Region")
        }
        0x59 => skip("a Scaler_Unit", 2, cursor)?,
        0x5a => {
            selector(cursor, start, depth)?;
            Value::Other("an RSD")
        }
        0x5b => {
            column(cursor)?;
            Value::Other("a CSD")
        }
        0x5c => {
            meters(cursor, start, depth)?;
            Value::Other("an MS")
        }
        0x5d | 0x5e => {
            cursor.take(4)?;
            octets(cursor)?;
            if kind == 0x5e {
                octets(cursor)?;
            }
            Value::Other("a SID")
        }
        0x5f => skip("a COMDCB", 5, cursor)?,
        0x60 => {
            for _ in 0..cursor.count(5)? {
                column(cursor)?;
            }
            Value::Other("an RCSD")
        }
        _ => return Err(unknown(kind, start)),
    })
}

fn unknown(kind: u8, start: usize) -> Bad {
    let what = format!("{kind:02x} is no type of a value");
    Bad::new(start, Reason::NotUnderstood, what)
}

fn skip(name: &'static str, len: usize, cursor: &mut Cursor<'_>) -> Result<Value, Bad> {
    cursor.take(len)?;
    Ok(Value::Other(name))
}

/// A length and so many bytes.
pub(super) fn octets<'c>(cursor: &mut Cursor<'c>) -> Result<&'c [u8], Bad> {
    let len = cursor.length()?;
    cursor.take(len)
}

fn deeper(depth: usize, at: usize) -> Result<usize, Bad> {
    depth.checked_sub(1).ok_or_else(|| {
        let what = format!("values within each other, deeper than {DEPTH_MAX}");
        Bad::new(at, Reason::TooDeep, what)
    })
}

fn road(cursor: &mut Cursor<'_>) -> Result<(), Bad> {
    cursor.take(4)?;
    let count = cursor.count(4)?;
    cursor.take(count * 4)?;
    Ok(())
}

fn column(cursor: &mut Cursor<'_>) -> Result<(), Bad> {
    let at = cursor.at();
    match cursor.byte()? {
        0 => cursor.take(4).map(|_| ()),
        1 => road(cursor),
        choice => {
            let what = format!("{choice:02x} is no choice of a CSD");
            Err(Bad::new(at, Reason::Malformed, what))
        }
    }
}

fn region(cursor: &mut Cursor<'_>, depth: usize) -> Result<(), Bad> {
    let depth = deeper(depth, cursor.at())?;
    cursor.byte()?;
    item(cursor, depth)?;
    item(cursor, depth)?;
    Ok(())
}

/// Selects rows of a record.
fn selector(cursor: &mut Cursor<'_>, start: usize, depth: usize) -> Result<(), Bad> {
    let depth = deeper(depth, start)?;
    let range = |cursor: &mut Cursor<'_>, values: usize| -> Result<(), Bad> {
        cursor.take(4)?;
        for _ in 0..values {
            item(cursor, depth)?;
        }
        Ok(())
    };
    match cursor.byte()? {
        0 => {}
        1 => range(cursor, 1)?,
        2 => range(cursor, 3)?,
        3 => {
            for _ in 0..cursor.count(7)? {
                range(cursor, 3)?;
            }
        }
        4 | 5 => {
            cursor.take(7)?;
            meters(cursor, start, depth)?;
        }
        6..=8 => {
            cursor.take(7 + 7 + 3)?;
            meters(cursor, start, depth)?;
        }
        9 => {
            cursor.take(1)?;
        }
        10 => {
            cursor.take(1)?;
            meters(cursor, start, depth)?;
        }
        choice => {
            let what = format!("{choice} is no choice of an RSD");
            return Err(Bad::new(start, Reason::Malformed, what));
        }
    }
    Ok(())
}

/// A set of meters.
fn meters(cursor: &mut Cursor<'_>, start: usize, depth: usize) -> Result<(), Bad> {
    match cursor.byte()? {
        0 | 1 => {}
        2 => {
            let count = cursor.count(1)?;
            cursor.take(count)?;
        }
        3 => {
            for _ in 0..cursor.count(1)? {
                octets(cursor)?;
            }
        }
        4 => {
            let count = cursor.count(2)?;
            cursor.take(count * 2)?;
        }
        5..=7 => {
            for _ in 0..cursor.count(3)? {
                region(cursor, depth)?;
            }
        }
        choice => {
            let what = format!("{choice} is no choice of an MS");
            return Err(Bad::new(start, Reason::Malformed, what));
        }
    }
    Ok(())
}

/// Year, month, day, weekday, hour, minute, second, milliseconds.
pub(super) fn date_time(bytes: [u8; 10]) -> Option<String> {
    let [y0, y1, month, day, _, hour, minute, second, _, _] = bytes;
    date_time_s([y0, y1, month, day, hour, minute, second])
}

/// Year, month, day, hour, minute, second; `None`: not set.
pub(super) fn date_time_s(bytes: [u8; 7]) -> Option<String> {
    let [y0, y1, rest @ ..] = bytes;
    let year = i16::try_from(u16::from_be_bytes([y0, y1])).ok()?;
    let [month, day, hour, minute, second] = rest.map(|part| i8::try_from(part).unwrap_or(-1));
    let time = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    (year > 0).then(|| time.to_string())
}
