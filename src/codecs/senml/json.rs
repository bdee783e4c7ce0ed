//! `application/senml+json`: an array of flat objects, read in one pass.
use super::label::{Kind, Label};
use super::record::{Field, Record};
use crate::codecs::json::{Key, plain, syntax_fault, utf8};
use crate::codecs::{Fault, Number, Sent};
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Something in the array: a record, or what is there instead.
pub(super) type Item<'r, 'a> = Result<&'r mut Record<'a>, &'static str>;

/// Calls `each` for every element of the pack.
///
/// # Errors
/// Those of `each`; not UTF-8, not JSON, no array; a base label or one that must be understood.
pub(super) fn records<'a>(
    payload: &'a [u8],
    each: impl FnMut(u32, Item<'_, 'a>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let text = utf8(payload)?.trim_ascii();
    if !text.starts_with('[') {
        return Err(super::no_array(text));
    }
    let mut fault = None;
    let mut json = serde_json::Deserializer::from_str(text);
    let pack = Pack {
        each,
        fault: &mut fault,
    };
    let done = json.deserialize_seq(pack).and_then(|()| json.end());
    match (fault, done) {
        (Some(fault), _) => Err(fault),
        (None, Err(error)) => Err(syntax_fault(text, &error)),
        (None, Ok(())) => Ok(()),
    }
}

struct Pack<'f, F> {
    each: F,
    /// serde's errors are texts: ours travel beside them.
    fault: &'f mut Option<Fault>,
}

impl<'de, F> Visitor<'de> for Pack<'_, F>
where
    F: FnMut(u32, Item<'_, 'de>) -> Result<(), Fault>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut pack: A) -> Result<(), A::Error> {
        // One record's memory for all of them.
        let mut record = Record::default();
        let mut at = 0;
        while let Some(found) = pack.next_element_seed(Element {
            at,
            record: &mut record,
            fault: self.fault,
        })? {
            if let Err(fault) = (self.each)(at, found.map(|()| &mut record)) {
                *self.fault = Some(fault);
                return Err(A::Error::custom("stopped"));
            }
            record = Record::default();
            at += 1;
        }
        Ok(())
    }
}

/// The record was filled, or what is there instead.
type Found = Result<(), &'static str>;

struct Element<'f, 'a> {
    at: u32,
    record: &'f mut Record<'a>,
    fault: &'f mut Option<Fault>,
}

impl<'de> DeserializeSeed<'de> for Element<'_, 'de> {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Found, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_, 'de> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        while let Some(key) = map.next_key_seed(Key)? {
            let done = match Label::from_text(&key) {
                Some(label) if label.kind() == Kind::Number => {
                    let value: &'de RawValue = map.next_value()?;
                    self.record.put(label, number(value.get()), self.at)
                }
                Some(label) => self.record.put(label, map.next_value_seed(Any)?, self.at),
                None => {
                    map.next_value::<IgnoredAny>()?;
                    Record::unknown(&key, self.at)
                }
            };
            if let Err(fault) = done {
                *self.fault = Some(fault);
                return Err(A::Error::custom("stopped"));
            }
        }
        Ok(Ok(()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Found, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Err("an array"))
    }

    fn visit_str<E>(self, _: &str) -> Result<Found, E> {
        Ok(Err("a text"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Found, E> {
        Ok(Err("a number"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Found, E> {
        Ok(Err("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Found, E> {
        Ok(Err("a number"))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Found, E> {
        Ok(Err(if flag { "true" } else { "false" }))
    }

    fn visit_unit<E>(self) -> Result<Found, E> {
        Ok(Err("null"))
    }
}

/// A number's text is needed, too: its digits are what was measured.
fn number(text: &str) -> Field<'_> {
    match text.as_bytes().first() {
        Some(b'{') => return Field::Other("an object"),
        Some(b'[') => return Field::Other("an array"),
        _ => {}
    }
    match plain(text) {
        Ok(Sent::Number(value, text)) => Field::Number(Number { value, text }),
        Ok(Sent::NotFinite(text)) => Field::Number(Number {
            value: f64::INFINITY,
            text,
        }),
        Ok(Sent::Text(text)) => Field::Text(text),
        Ok(Sent::Flag(flag)) => Field::Flag(flag),
        Ok(Sent::Null | Sent::Data(_)) => Field::Other("null"),
        Err(_) => Field::Other("a text that is none"),
    }
}

/// A value of a label that takes no number: read as what it is.
struct Any;

impl<'de> DeserializeSeed<'de> for Any {
    type Value = Field<'de>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Field<'de>, D::Error> {
        json.deserialize_any(self)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "only shown, for it is of the wrong type"
)]
impl<'de> Visitor<'de> for Any {
    type Value = Field<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Field<'de>, E> {
        Ok(Field::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Field<'de>, E> {
        Ok(Field::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Field<'de>, E> {
        Ok(Field::Flag(flag))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Field<'de>, E> {
        let text = Cow::Borrowed("");
        Ok(Field::Number(Number { value, text }))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Field<'de>, E> {
        self.visit_f64(value as f64)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Field<'de>, E> {
        self.visit_f64(value as f64)
    }

    fn visit_unit<E>(self) -> Result<Field<'de>, E> {
        Ok(Field::Other("null"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Field<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::Other("an array"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Field<'de>, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Other("an object"))
    }
}
