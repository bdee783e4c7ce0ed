//! From a sent value to a sample of a catalogue metric.
use super::literal::{self, Literal, Literals};
use super::scale::Scale;
use super::time::written;
use crate::catalogue::{Catalogue, LABELS, Metric, Type, is_label_value};
use crate::codecs::{AsSent, Decoded, Fault, Limits, Reason, Sample, Sent, quote, too_many};
use crate::model::settings::Section;
use std::borrow::Cow;
use std::fmt::Display;
use toml::{Table, Value};

/// Names and values of labels.
pub(super) type Labels<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// What `[[value]]` says, whatever the layout: which metric a sent value is, and how it is counted.
#[derive(Clone, Debug)]
pub(super) struct Map {
    metric: Box<str>,
    kind: Type,
    /// Of the samples; empty: the metric's.
    unit: Box<str>,
    scale: Option<Scale>,
    /// Unit of what is sent, the factor included.
    origin_unit: Box<str>,
    absent: Literals,
    skip: Literals,
    words: Box<[(Literal, Word)]>,
    labels: Box<[(&'static str, Template)]>,
    required: bool,
    /// A number that is taken as it is sent: nothing is looked up for it.
    direct: bool,
}

/// What a sent word means.
#[derive(Clone, Debug, PartialEq)]
enum Word {
    Text(Box<str>),
    Flag(bool),
    Number(f64),
}

/// A label's value; `{index}` in it stands for the place in the array, from 1.
#[derive(Clone, Debug)]
struct Template {
    text: Box<str>,
    indexed: bool,
}

/// Where a value stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    /// Its group in [`Decoded::groups`].
    pub(super) group: u32,
    /// Its place among values of one metric, for messages.
    pub(super) item: Option<u32>,
    /// The record's place in its array, from 0: what `{index}` counts.
    pub(super) index: u32,
    /// `payload.TData`, `byte 16`: for messages.
    pub(super) spot: &'p dyn Display,
}

type Bad = (Reason, String);
type Made<'a> = (Sent<'a>, Option<AsSent<'a>>);

/// Greatest amount up to which every whole number is a double: 2^53.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Most words of one value.
const WORDS_MAX: usize = 64;

impl Map {
    /// Reads `metric`, `unit`, `scale`, `offset`, `absent`, `skip`, `words`, `labels` and `required`.
    /// `None`: there is no such metric, so that nothing else can be checked.
    pub(super) fn read(section: &mut Section<'_>, catalogue: &Catalogue) -> Option<Self> {
        let scale = Scale::read(section);
        let absent = Literals::read(section, "absent");
        let skip = Literals::read(section, "skip");
        let required = section.flag("required").unwrap_or_default();
        let labels = read_labels(section);
        let unit = section.text("unit");
        let words = section.get("words", WORDS_RULE, |value| {
            value
                .as_table()
                .filter(|table| table.len() <= WORDS_MAX)
                .cloned()
        });
        let metric = read_metric(section, catalogue)?;
        let number = metric.kind_of_value == Type::Number;
        let unit = unit.unwrap_or_else(|| metric.unit.to_string());
        if let Err(error) = metric.convert(1.0, &unit) {
            section.problem("unit", &unit, error.to_string());
        }
        if !number && !scale.is_one() {
            let rule = format!("`{}` has no numbers that could be scaled", metric.name);
            section.problem("scale", "..", rule);
        }
        let words = read_words(section, words.unwrap_or_default(), metric);
        let scaled = number && !scale.is_one();
        let looked_up = !absent.is_empty() || !skip.is_empty() || !words.is_empty();
        Some(Self {
            metric: metric.name.clone(),
            kind: metric.kind_of_value.clone(),
            origin_unit: if scaled {
                scale.unit(&unit).into()
            } else {
                unit.as_str().into()
            },
            // Without a unit the catalogue's own number for "no value" holds.
            unit: if scaled || *unit != *metric.unit {
                unit.into()
            } else {
                "".into()
            },
            scale: scaled.then_some(scale),
            absent,
            skip,
            words,
            labels,
            required,
            direct: number && !scaled && !looked_up,
        })
    }

    /// Its metric's canonical name.
    pub(super) fn metric(&self) -> &str {
        &self.metric
    }

    /// Must it be there?
    pub(super) const fn is_required(&self) -> bool {
        self.required
    }

    /// Does a sent value mean that there is none?
    pub(super) fn means_none(&self, sent: &Sent<'_>) -> bool {
        self.absent.has(sent) || self.skip.has(sent)
    }

    /// Puts what a sent value becomes into `out`: a sample, a bad part, or nothing. `more` are labels
    /// out of the payload.
    ///
    /// # Errors
    /// More readings than `limits` allow.
    pub(super) fn push<'a>(
        &'a self,
        sent: Sent<'a>,
        more: Labels<'a>,
        place: &Place<'_>,
        limits: Limits,
        out: &mut Decoded<'a>,
    ) -> Result<(), Fault> {
        if self.skip.has(&sent) {
            return Ok(());
        }
        if out.samples.len() >= limits.readings_max {
            return Err(too_many(limits));
        }
        if self.direct && matches!(&sent, Sent::Number(number, _) if number.abs() <= EXACT_MAX) {
            out.samples.push(self.sample(sent, None, more, place));
            return Ok(());
        }
        match self.make(sent) {
            Ok((value, origin)) => out.samples.push(self.sample(value, origin, more, place)),
            Err((reason, sentence)) => {
                let part = out.place_of(place.group, &self.metric, place.item);
                let sentence = format!("{}: {sentence}", place.spot);
                out.faults.push(Fault::part(reason, part, sentence));
            }
        }
        Ok(())
    }

    #[inline]
    fn sample<'a>(
        &'a self,
        value: Sent<'a>,
        origin: Option<AsSent<'a>>,
        more: Labels<'a>,
        place: &Place<'_>,
    ) -> Sample<'a> {
        Sample {
            group: place.group,
            item: place.item,
            metric: Cow::Borrowed(&self.metric),
            value,
            unit: Cow::Borrowed(&self.unit),
            labels: self.labels(more, place.index),
            origin,
            digits: None,
        }
    }

    /// Notes that a required value is missing.
    pub(super) fn missing(&self, place: &Place<'_>, out: &mut Decoded<'_>) {
        let part = out.place_of(place.group, &self.metric, place.item);
        let sentence = format!(
            "{}: `{}` is required, and is not there",
            place.spot, self.metric
        );
        out.faults
            .push(Fault::part(Reason::WrongType, part, sentence));
    }

    fn labels<'a>(&'a self, more: Labels<'a>, index: u32) -> Labels<'a> {
        if self.labels.is_empty() {
            return more;
        }
        let own = self.labels.iter().map(|(name, value)| {
            let value = if value.indexed {
                let index = u64::from(index) + 1;
                Cow::Owned(value.text.replace(INDEX, &index.to_string()))
            } else {
                Cow::Borrowed(&*value.text)
            };
            (Cow::Borrowed(*name), value)
        });
        own.chain(more).collect()
    }

    fn make<'a>(&'a self, sent: Sent<'a>) -> Result<Made<'a>, Bad> {
        if self.absent.has(&sent) {
            return Ok((Sent::Null, Some(origin(sent))));
        }
        if matches!(sent, Sent::Null | Sent::NotFinite(_)) {
            return Ok((sent, None));
        }
        if !self.words.is_empty() {
            if let Some(word) = self.word(&sent) {
                return Ok((word, Some(origin(sent))));
            }
            if self.kind != Type::Number {
                let known: Vec<&str> = self.words.iter().map(|(sent, _)| sent.text()).collect();
                let sentence = format!("{} is none of {}", show(&sent), known.join(", "));
                return Err((Reason::UnknownWord, sentence));
            }
        }
        match self.kind {
            Type::Number => self.number(sent),
            Type::Flag => Ok(flag(sent)),
            Type::Text => Ok(text(sent)),
            Type::Word(_) => Ok((sent, None)),
        }
    }

    fn word<'a>(&'a self, sent: &Sent<'_>) -> Option<Sent<'a>> {
        let (_, word) = self.words.iter().find(|(literal, _)| literal.is(sent))?;
        Some(match word {
            Word::Text(word) => Sent::Text(Cow::Borrowed(word)),
            Word::Flag(flag) => Sent::Flag(*flag),
            Word::Number(number) => Sent::Number(*number, Cow::Borrowed("")),
        })
    }

    /// A number, possibly within a text: `"+27.90"`, `"060"`.
    fn number<'a>(&'a self, sent: Sent<'a>) -> Result<Made<'a>, Bad> {
        let (number, text) = match sent {
            Sent::Number(number, text) => (number, text),
            Sent::Text(text) => {
                let number = literal::number(&text).ok_or_else(|| {
                    let (found, metric) = (quote(&text), &self.metric);
                    let sentence = format!("\"{found}\" is no number, and `{metric}` is one");
                    (Reason::WrongType, sentence)
                })?;
                (number, text)
            }
            // Intake says what is wrong with it.
            other => return Ok((other, None)),
        };
        let origin = |text| AsSent {
            text,
            unit: Cow::Borrowed(&self.origin_unit),
        };
        let Some(scale) = &self.scale else {
            // A counter of 64 bits: the double is near, the digits are right.
            let long = number.abs() > EXACT_MAX && !text.is_empty();
            let digits = long.then(|| origin(text.clone()));
            return Ok((Sent::Number(number, text), digits));
        };
        let scaled = scale.apply(number, literal::plain(&text).unwrap_or_default());
        let sent = origin(written(number, text));
        Ok((Sent::Number(scaled, Cow::Borrowed("")), Some(sent)))
    }
}

/// Flags travel as 0 and 1, as texts too.
fn flag(sent: Sent<'_>) -> Made<'_> {
    let found = match &sent {
        Sent::Text(text) => match text.trim() {
            "0" | "false" => Some(false),
            "1" | "true" => Some(true),
            _ => None,
        },
        _ => None,
    };
    match found {
        Some(found) => (Sent::Flag(found), Some(origin(sent))),
        None => (sent, None),
    }
}

/// A cell's number is a name.
fn text(sent: Sent<'_>) -> Made<'_> {
    match sent {
        Sent::Number(number, text) => (Sent::Text(written(number, text)), None),
        Sent::Flag(flag) => {
            let text = if flag { "true" } else { "false" };
            (Sent::Text(Cow::Borrowed(text)), None)
        }
        other => (other, None),
    }
}

/// The words of the payload, without a unit.
fn origin(sent: Sent<'_>) -> AsSent<'_> {
    AsSent {
        text: as_text(sent).unwrap_or_default(),
        unit: Cow::Borrowed(""),
    }
}

/// A value as text: a label, part of a device's name. `None`: there is none.
pub(super) fn as_text(sent: Sent<'_>) -> Option<Cow<'_, str>> {
    match sent {
        Sent::Number(number, text) if text.is_empty() => Some(Cow::Owned(number.to_string())),
        Sent::Number(_, text) | Sent::Text(text) | Sent::Data(text) | Sent::NotFinite(text) => {
            Some(text)
        }
        Sent::Flag(flag) => Some(Cow::Borrowed(if flag { "true" } else { "false" })),
        Sent::Null => None,
    }
}

/// For a sentence.
pub(super) fn show(sent: &Sent<'_>) -> String {
    match sent {
        Sent::Text(text) => format!("\"{}\"", quote(text)),
        Sent::Null => "null".to_owned(),
        other => quote(&as_text(other.clone()).unwrap_or_default()),
    }
}

fn read_metric<'c>(section: &mut Section<'_>, catalogue: &'c Catalogue) -> Option<&'c Metric> {
    if !section.has("metric") {
        section.problem("metric", "", "a value needs a metric of the catalogue");
    }
    let name = section.text("metric")?;
    let metric = catalogue.metric(&name);
    if metric.is_none() {
        let near = catalogue.nearest_metric(&name);
        let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        section.problem("metric", &name, format!("no metric of the catalogue{near}"));
    }
    metric
}

const WORDS_RULE: &str =
    "must be a table of at most 64 sent values and their words: { \"0\" = \"open\" }";

fn read_words(section: &mut Section<'_>, words: Table, metric: &Metric) -> Box<[(Literal, Word)]> {
    let mut all = Vec::new();
    for (sent, value) in words {
        let word = match (&metric.kind_of_value, &value) {
            (Type::Word(words), Value::String(word)) if words.iter().any(|w| **w == **word) => {
                Ok(Word::Text(word.as_str().into()))
            }
            (Type::Text, Value::String(text)) => Ok(Word::Text(text.as_str().into())),
            (Type::Flag, Value::Boolean(flag)) => Ok(Word::Flag(*flag)),
            (Type::Flag, Value::String(flag)) if matches!(&**flag, "true" | "false") => {
                Ok(Word::Flag(flag == "true"))
            }
            #[expect(clippy::cast_precision_loss, reason = "words are small numbers")]
            (Type::Number, Value::Integer(number)) => Ok(Word::Number(*number as f64)),
            (Type::Number, Value::Float(number)) if number.is_finite() => Ok(Word::Number(*number)),
            (Type::Word(words), _) => Err(format!("must be one of {}", words.join(", "))),
            (Type::Text, _) => Err("must be a text".to_owned()),
            (Type::Flag, _) => Err("must be true or false".to_owned()),
            (Type::Number, _) => Err("must be a number".to_owned()),
        };
        match word {
            Ok(word) => all.push((Literal::new(&sent), word)),
            Err(rule) => section.problem(&format!("words.{sent}"), value, rule),
        }
    }
    all.into()
}

const INDEX: &str = "{index}";

fn read_labels(section: &mut Section<'_>) -> Box<[(&'static str, Template)]> {
    section.section("labels", |labels| {
        let read = LABELS.map(|name| {
            let rule = "must be 1 to 32 of A-Z a-z 0-9 . _ : -, or have {index} in it";
            let value = labels.get(name, rule, |value| {
                let text = value.as_str()?;
                // As long as an index may become.
                let longest = text.replace(INDEX, "4294967295");
                is_label_value(&longest).then(|| Template {
                    text: text.into(),
                    indexed: longest != text,
                })
            });
            value.map(|value| (name, value))
        });
        read.into_iter().flatten().collect()
    })
}

#[cfg(test)]
mod tests;
