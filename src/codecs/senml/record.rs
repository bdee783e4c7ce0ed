//! One record as it stands in the pack, before it is resolved.
use super::label::{Kind, Label};
use crate::codecs::{Fault, Number, Reason, quote};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::borrow::Cow;

/// A value of any type.
#[derive(Clone, Debug)]
pub(super) enum Field<'a> {
    Number(Number<'a>),
    Text(Cow<'a, str>),
    Flag(bool),
    Data(Cow<'a, [u8]>),
    /// Nothing that a record can have, in words.
    Other(&'static str),
}

impl Field<'_> {
    fn show(&self) -> String {
        match self {
            Self::Number(number) => number.show(),
            Self::Text(text) => format!("\"{}\"", quote(text)),
            Self::Flag(flag) => flag.to_string(),
            Self::Data(bytes) => format!("{} bytes", bytes.len()),
            Self::Other(what) => (*what).to_owned(),
        }
    }
}

/// The labels of one record and their values.
#[derive(Clone, Debug, Default)]
pub(super) struct Record<'a> {
    seen: u16,
    pub(super) version: Option<Number<'a>>,
    pub(super) base_name: Option<Cow<'a, str>>,
    pub(super) base_time: Option<Number<'a>>,
    pub(super) base_unit: Option<Cow<'a, str>>,
    pub(super) base_value: Option<Number<'a>>,
    pub(super) base_sum: Option<Number<'a>>,
    pub(super) name: Option<Cow<'a, str>>,
    pub(super) unit: Option<Cow<'a, str>>,
    pub(super) time: Option<Number<'a>>,
    pub(super) update_time: Option<Number<'a>>,
    pub(super) sum: Option<Number<'a>>,
    pub(super) number: Option<Number<'a>>,
    pub(super) text: Option<Cow<'a, str>>,
    pub(super) flag: Option<bool>,
    pub(super) data: Option<Cow<'a, str>>,
    pub(super) link: Option<Cow<'a, str>>,
    /// What is wrong with this record alone: the first.
    pub(super) bad: Option<Bad>,
}

/// What is wrong with a record: the label, why, and in words.
#[derive(Clone, Debug)]
pub(super) struct Bad {
    pub(super) label: &'static str,
    pub(super) reason: Reason,
    pub(super) sentence: String,
}

impl<'a> Record<'a> {
    /// Has it none but base labels?
    pub(super) const fn is_base_only(&self) -> bool {
        self.seen < Label::Name.bit() && self.bad.is_none()
    }

    /// How many of the labels that are a value it has.
    pub(super) const fn values(&self) -> u32 {
        let values = Label::Value.bit()
            | Label::TextValue.bit()
            | Label::FlagValue.bit()
            | Label::DataValue.bit()
            | Label::LinkValue.bit();
        (self.seen & values).count_ones()
    }

    /// Takes a label's value.
    ///
    /// # Errors
    /// A base label that cannot be used: whatever follows would be resolved wrongly.
    pub(super) fn put(&mut self, label: Label, field: Field<'a>, at: u32) -> Result<(), Fault> {
        let twice = self.seen & label.bit() != 0;
        self.seen |= label.bit();
        let bad = if twice {
            let sentence = format!(
                "`{}` is there twice, again as {}",
                label.text(),
                field.show()
            );
            Some((Reason::DuplicateKey, sentence))
        } else {
            self.set(label, field)
        };
        let Some((reason, sentence)) = bad else {
            return Ok(());
        };
        if label.is_base() {
            return Err(whole(reason, at, &sentence));
        }
        self.bad.get_or_insert(Bad {
            label: label.text(),
            reason,
            sentence,
        });
        Ok(())
    }

    /// A label that nobody knows. Its value is not looked at.
    ///
    /// # Errors
    /// Its name says that it must be understood (RFC 8428 §4.4).
    pub(super) fn unknown(label: &str, at: u32) -> Result<(), Fault> {
        if !label.ends_with('_') {
            return Ok(());
        }
        let sentence = format!(
            "`{}` is not understood, and a field ending in _ must be",
            quote(label)
        );
        Err(whole(Reason::NotUnderstood, at, &sentence))
    }

    fn set(&mut self, label: Label, field: Field<'a>) -> Option<(Reason, String)> {
        let number = match label {
            Label::BaseVersion => &mut self.version,
            Label::BaseTime => &mut self.base_time,
            Label::BaseValue => &mut self.base_value,
            Label::BaseSum => &mut self.base_sum,
            Label::Time => &mut self.time,
            Label::UpdateTime => &mut self.update_time,
            Label::Sum => &mut self.sum,
            _ => &mut self.number,
        };
        let text = match label {
            Label::BaseName => &mut self.base_name,
            Label::BaseUnit => &mut self.base_unit,
            Label::Name => &mut self.name,
            Label::Unit => &mut self.unit,
            Label::TextValue => &mut self.text,
            _ => &mut self.link,
        };
        match (label.kind(), field) {
            // A value that is not finite is a bad reading; anything else that is not, is no number.
            (Kind::Number, Field::Number(found))
                if found.value.is_finite() || label == Label::Value =>
            {
                *number = Some(found);
            }
            (Kind::Text, Field::Text(found)) => *text = Some(found),
            (Kind::Flag, Field::Flag(found)) => self.flag = Some(found),
            (Kind::Data, Field::Data(found)) => {
                self.data = Some(Cow::Owned(URL_SAFE_NO_PAD.encode(found)));
            }
            (Kind::Data, Field::Text(found)) => {
                if let Err(error) = URL_SAFE_NO_PAD.decode(found.as_bytes()) {
                    let sentence = format!("`vd` is no base64url without padding: {error}");
                    return Some((Reason::Malformed, sentence));
                }
                self.data = Some(found);
            }
            (kind, field) => {
                let reason = match &field {
                    Field::Number(number) if !number.value.is_finite() => Reason::NotFinite,
                    _ => Reason::WrongType,
                };
                let sentence = format!(
                    "`{}` is {}; {} is needed",
                    label.text(),
                    field.show(),
                    needed(kind)
                );
                return Some((reason, sentence));
            }
        }
        None
    }
}

const fn needed(kind: Kind) -> &'static str {
    match kind {
        Kind::Number => "a number, without quotes",
        Kind::Text => "a text",
        Kind::Flag => "true or false",
        Kind::Data => "base64url text, in CBOR bytes,",
    }
}

/// A fault of the pack, with the record it lies in, from 0.
pub(super) fn whole(reason: Reason, at: u32, sentence: &str) -> Fault {
    Fault::whole(reason, format!("record [{at}]: {sentence}"))
}
