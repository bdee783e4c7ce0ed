//! Profile `cbor`: the shapes of profile `json`, in CBOR.
//!
//! The payload is written out as JSON and read by `json`, so that there is one reading of the shapes
//! and not two. What JSON has no word for is written so that `json` refuses it in its place: bytes
//! as an object that is no value, NaN as the literal that it knows as such. Text is about the size
//! of the payload, 9 bytes of it for one at the most. Rejected: shapes over an abstract value, which
//! would cost `json` its slices of the payload.
pub(in crate::codecs) mod read;

use super::{Decoded, Fault, Limits, Reason, json, quote};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use read::{Item, Reader};

/// Decodes a payload of profile `cbor`.
///
/// # Errors
/// Not CBOR, keys that are no texts, nested too deep; and as [`json::decode`].
pub fn decode(payload: &[u8], limits: Limits, out: &mut Decoded<'_>) -> Result<(), Fault> {
    let text = as_json(payload, no_value)?;
    json::decode_owned(&text, limits, out)
}

/// The payload written out as JSON, with bytes as base64url texts: what a profile's paths lead
/// through.
///
/// # Errors
/// Not CBOR, keys that are no texts, nested too deep.
pub(crate) fn to_json(payload: &[u8]) -> Result<String, Fault> {
    as_json(payload, |bytes, out| {
        out.extend(["\"", &URL_SAFE_NO_PAD.encode(bytes), "\""]);
    })
}

/// How bytes are written.
type Bytes = fn(&[u8], &mut String);

/// An object that is no value of profile `json`.
fn no_value(bytes: &[u8], out: &mut String) {
    out.extend(["{\"bytes\":", &bytes.len().to_string(), "}"]);
}

fn as_json(payload: &[u8], bytes: Bytes) -> Result<String, Fault> {
    if payload.is_empty() {
        return Err(Fault::whole(Reason::NoReadings, "the payload is empty"));
    }
    let mut reader = Reader::new(payload);
    let mut text = String::with_capacity(2 * payload.len());
    let item = reader.item()?;
    write(&mut reader, item, 0, bytes, &mut text)?;
    reader.end()?;
    Ok(text)
}

fn write(
    reader: &mut Reader<'_>,
    item: Item<'_>,
    depth: usize,
    bytes: Bytes,
    out: &mut String,
) -> Result<(), Fault> {
    match item {
        Item::Number(number) if !number.text.is_empty() => out.push_str(&number.text),
        Item::Number(number) if number.value.is_nan() => out.push_str("NaN"),
        Item::Number(number) if number.value == f64::INFINITY => out.push_str("Infinity"),
        Item::Number(number) if number.value == f64::NEG_INFINITY => out.push_str("-Infinity"),
        Item::Number(number) => push_number(number.value, out),
        Item::Text(text) => push_text(&text, out),
        Item::Bytes(sent) => bytes(&sent, out),
        Item::Flag(flag) => out.push_str(if flag { "true" } else { "false" }),
        Item::Null => out.push_str("null"),
        Item::Break => return Err(reader.malformed("a break outside of anything open")),
        Item::Array(count) => {
            reader.deeper(depth)?;
            out.push('[');
            each(reader, count, |reader, item, at| {
                push_comma(at, out);
                write(reader, item, depth + 1, bytes, out)
            })?;
            out.push(']');
        }
        Item::Map(count) => {
            reader.deeper(depth)?;
            out.push('{');
            each(reader, count, |reader, key, at| {
                push_comma(at, out);
                let Item::Text(key) = key else {
                    let sentence = format!("{} is no key; a text is needed", key.what());
                    return Err(reader.malformed(&sentence));
                };
                push_text(&key, out);
                out.push(':');
                match reader.item()? {
                    Item::Break => {
                        let sentence = format!("`{}` has no value", quote(&key));
                        Err(reader.malformed(&sentence))
                    }
                    value => write(reader, value, depth + 1, bytes, out),
                }
            })?;
            out.push('}');
        }
    }
    Ok(())
}

/// Calls `one` for the first item of each element or pair.
fn each<'a>(
    reader: &mut Reader<'a>,
    count: Option<u64>,
    mut one: impl FnMut(&mut Reader<'a>, Item<'a>, u64) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut at = 0;
    while count != Some(at) {
        match reader.item()? {
            Item::Break if count.is_none() => break,
            item => one(reader, item, at)?,
        }
        at += 1;
    }
    Ok(())
}

fn push_comma(at: u64, out: &mut String) {
    if at > 0 {
        out.push(',');
    }
}

/// The shortest text that is this double, without a fraction where it is whole: `230`, `230.1`, `1e300`.
fn push_number(value: f64, out: &mut String) {
    let text = format!("{value:?}");
    out.push_str(text.strip_suffix(".0").unwrap_or(&text));
}

fn push_text(text: &str, out: &mut String) {
    // A text is always JSON.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

#[cfg(test)]
mod tests;
