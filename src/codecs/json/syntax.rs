//! Walks objects and arrays with `serde_json`, value by value, each a slice of the text.
use super::{Fault, diagnose};
use serde::de::{DeserializeSeed, Deserializer as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Calls `each` for every member of the object in `text`, in order, duplicates included.
pub(crate) fn members<'a, S>(
    text: &'a str,
    each: impl FnMut(Cow<'a, str>, &'a str, &mut S) -> Result<(), Fault>,
    state: &mut S,
) -> Result<(), Fault> {
    let mut fault = None;
    let mut json = serde_json::Deserializer::from_str(text);
    let visitor = Members {
        each,
        state,
        fault: &mut fault,
    };
    let done = json.deserialize_map(visitor).and_then(|()| json.end());
    match (fault, done) {
        (Some(fault), _) => Err(fault),
        (None, Err(error)) => Err(diagnose::syntax(text, &error)),
        (None, Ok(())) => Ok(()),
    }
}

/// Calls `each` for every element of the array in `text`.
pub(crate) fn array<'a>(
    text: &'a str,
    each: impl FnMut(&'a str) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut fault = None;
    let mut json = serde_json::Deserializer::from_str(text);
    let visitor = Elements {
        each,
        fault: &mut fault,
    };
    let done = json.deserialize_seq(visitor).and_then(|()| json.end());
    match (fault, done) {
        (Some(fault), _) => Err(fault),
        (None, Err(error)) => Err(diagnose::syntax(text, &error)),
        (None, Ok(())) => Ok(()),
    }
}

/// Stands for a fault that `each` returned; its own text is never shown.
fn stop<E: serde::de::Error>() -> E {
    E::custom("stopped")
}

struct Members<'f, F, S> {
    each: F,
    state: &'f mut S,
    fault: &'f mut Option<Fault>,
}

impl<'de, F, S> Visitor<'de> for Members<'_, F, S>
where
    F: FnMut(Cow<'de, str>, &'de str, &mut S) -> Result<(), Fault>,
{
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Key)? {
            let value: &'de RawValue = map.next_value()?;
            if let Err(fault) = (self.each)(key, value.get(), self.state) {
                *self.fault = Some(fault);
                return Err(stop());
            }
        }
        Ok(())
    }
}

struct Elements<'f, F> {
    each: F,
    fault: &'f mut Option<Fault>,
}

impl<'de, F: FnMut(&'de str) -> Result<(), Fault>> Visitor<'de> for Elements<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<&'de RawValue>()? {
            if let Err(fault) = (self.each)(element.get()) {
                *self.fault = Some(fault);
                return Err(stop());
            }
        }
        Ok(())
    }
}

/// A key, borrowed unless it has escapes.
pub(crate) struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}
