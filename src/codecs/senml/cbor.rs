//! `application/senml+cbor`: the same records, with numbers for labels (RFC 8428 §6).
//!
//! Lenient where nothing is guessed: labels as texts, and arrays and texts of indefinite length.
use super::json::Item;
use super::label::Label;
use super::record::{Field, Record};
use crate::codecs::cbor::read::{self, Reader};
use crate::codecs::{Fault, Reason};
use std::borrow::Cow;

/// Calls `each` for every element of the pack.
///
/// # Errors
/// Those of `each`; not CBOR, no array; a base label or one that must be understood.
pub(super) fn records<'a>(
    payload: &'a [u8],
    mut each: impl FnMut(u32, Item<'_, 'a>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut reader = Reader::new(payload);
    let count = match reader.item()? {
        read::Item::Array(count) => count,
        other => {
            let sentence = format!("{} is no pack; an array of records is needed", other.what());
            return Err(Fault::whole(Reason::WrongType, sentence));
        }
    };
    // One record's memory for all of them.
    let mut record = Record::default();
    let mut at = 0;
    while count != Some(at.into()) {
        let found = match reader.item()? {
            read::Item::Break if count.is_none() => break,
            read::Item::Map(pairs) => {
                fill(&mut record, &mut reader, pairs, at)?;
                Ok(&mut record)
            }
            other => {
                reader.skip(&other, 1)?;
                Err(other.what())
            }
        };
        each(at, found)?;
        record = Record::default();
        at += 1;
    }
    reader.end()
}

fn fill<'a>(
    record: &mut Record<'a>,
    reader: &mut Reader<'a>,
    pairs: Option<u64>,
    at: u32,
) -> Result<(), Fault> {
    let mut read = 0;
    while pairs != Some(read) {
        let label = match reader.item()? {
            read::Item::Break if pairs.is_none() => break,
            read::Item::Text(text) => {
                let label = Label::from_text(&text);
                if label.is_none() {
                    Record::unknown(&text, at)?;
                }
                label
            }
            read::Item::Number(number) => number.whole().and_then(Label::from_number),
            other => {
                let sentence = format!("record [{at}]: {} is no label", other.what());
                return Err(reader.malformed(&sentence));
            }
        };
        let value = reader.item()?;
        reader.skip(&value, 2)?;
        if let Some(label) = label {
            record.put(label, field(value), at)?;
        }
        read += 1;
    }
    Ok(())
}

fn field(item: read::Item<'_>) -> Field<'_> {
    match item {
        read::Item::Number(number) => Field::Number(number),
        read::Item::Text(text) => Field::Text(text),
        read::Item::Bytes(bytes) => Field::Data(Cow::Owned(bytes.into_owned())),
        read::Item::Flag(flag) => Field::Flag(flag),
        other => Field::Other(other.what()),
    }
}
