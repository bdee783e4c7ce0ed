//! Metrics, units, kinds and ranges: what a reading may be called and mean.
//!
//! (Stub of the public interface; the implementation lands beside it.)
#![allow(clippy::todo, missing_docs, unused_variables, reason = "stub")]
use crate::model::settings::Section;

#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    Number,
    Flag,
    /// One of these words.
    Word(Vec<Box<str>>),
    Text,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    pub name: Box<str>,
    pub en: Box<str>,
    pub zh: Box<str>,
    /// Canonical unit.
    pub unit: Box<str>,
    pub kind_of_value: Type,
    /// Plausible range; outside: BAD (or UNCERTAIN above it for `safety`).
    pub min: f64,
    pub max: f64,
    /// Narrower ranges for kind prefixes: (prefix, min, max).
    pub ranges: Vec<(Box<str>, f64, f64)>,
    pub safety: bool,
    /// A register: only grows; digits decide its range.
    pub register: bool,
}
impl Metric {
    /// Range for a device of this kind: the longest matching kind prefix, else the general one.
    pub fn range(&self, kind: &str) -> (f64, f64) {
        todo!()
    }
}

#[derive(Clone, Debug)]
pub struct Catalogue {}
impl Catalogue {
    /// The shipped catalogue.
    pub fn shipped() -> Self {
        todo!()
    }
    /// Adds `[[metric]]` and `[[kind]]` of the configuration; mistakes go to the section's problems.
    pub fn extend(&mut self, top: &mut Section<'_>) {
        todo!()
    }
    /// By canonical name or alias.
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        todo!()
    }
    pub fn metrics(&self) -> impl Iterator<Item = &Metric> {
        std::iter::empty()
    }
    /// Is this a known kind, or a prefix of whole parts of one ("meter")?
    pub fn has_kind_prefix(&self, kind: &str) -> bool {
        todo!()
    }
    pub fn kinds(&self) -> impl Iterator<Item = &Kind> {
        std::iter::empty()
    }
    /// Converts `value` sent in `unit` to the metric's canonical unit.
    pub fn convert(&self, metric: &Metric, value: f64, unit: &str) -> Result<f64, UnitError> {
        todo!()
    }
    pub fn nearest_metric(&self, name: &str) -> Option<&str> {
        todo!()
    }
    pub fn nearest_kind(&self, kind: &str) -> Option<&str> {
        todo!()
    }
}
#[derive(Clone, Debug, PartialEq)]
pub struct Kind {
    pub name: Box<str>,
    pub en: Box<str>,
    pub zh: Box<str>,
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum UnitError {
    #[error("unknown unit {unit:?}")]
    Unknown { unit: String },
    #[error(
        "{unit:?} measures {quantity}, but {metric} needs {canonical:?} ({canonical_quantity})"
    )]
    OtherQuantity {
        unit: String,
        quantity: &'static str,
        metric: String,
        canonical: String,
        canonical_quantity: &'static str,
    },
}
