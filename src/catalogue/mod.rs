//! Metrics, units, kinds and ranges: what a reading may be called and mean.
//!
//! ```text
//! shipped/*.toml  --\
//!                    >-- read.rs --> Catalogue --> metric("air_temperature").convert(300.0, "K")
//! [[metric]], [[kind]] of the config --/                units.rs: which names it takes, by which rule
//! ```
//!
//! The shipped metrics are written in the form in which an operator adds his own, and read by the
//! same code: one grammar, one set of rules, and each shipped file is an example. A metric never
//! changes its unit or meaning, so an addition cannot take a shipped name.
//!
//! The catalogue is built at start and only read afterwards; the names are hashed once per reading
//! and nothing is allocated. Rejected: a generated match over all names (an operator's additions
//! would need a second way), units computed by a UCUM parser (it would take what no device sends, and
//! not `°C`, which all send).
mod growth;
mod labels;
mod metric;
mod read;
mod units;

pub use growth::Growth;
pub use labels::{LABEL_LEN_MAX, LABELS, is_label_value};
pub use metric::{Equivalent, Kind, Metric, Type, is_kind_prefix};
pub use units::UnitError;

use crate::model::settings::{Problem, Section, nearest};
use hashbrown::HashMap;
use std::sync::LazyLock;

/// The shipped files: kinds first, since ranges name them.
const SHIPPED: [&str; 8] = [
    include_str!("shipped/kinds.toml"),
    include_str!("shipped/environment.toml"),
    include_str!("shipped/pole.toml"),
    include_str!("shipped/tunnel.toml"),
    include_str!("shipped/meter.toml"),
    include_str!("shipped/electricity.toml"),
    include_str!("shipped/device.toml"),
    include_str!("shipped/sensor.toml"),
];

/// Every metric and kind that this gateway knows.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    metrics: Vec<Metric>,
    kinds: Vec<Kind>,
    /// Names and aliases to the place in `metrics`.
    names: HashMap<Box<str>, usize>,
}

impl Catalogue {
    /// The shipped catalogue.
    pub fn shipped() -> Self {
        static READ: LazyLock<Catalogue> = LazyLock::new(|| {
            let (catalogue, problems) = read_shipped();
            debug_assert!(problems.is_empty(), "{problems:#?}");
            catalogue
        });
        READ.clone()
    }

    /// Adds `[[metric]]` and `[[kind]]` of the configuration; mistakes go to the section's problems,
    /// and what has one may be left out. Shipped names cannot be taken: a metric never changes its
    /// unit or meaning.
    pub fn extend(&mut self, top: &mut Section<'_>) {
        read::extend(self, top);
    }

    /// By canonical name or alias.
    pub fn metric(&self, name: &str) -> Option<&Metric> {
        self.metrics.get(*self.names.get(name)?)
    }

    /// Every metric, the shipped ones first, in the order of the files.
    pub fn metrics(&self) -> impl Iterator<Item = &Metric> {
        self.metrics.iter()
    }

    /// Is this a known kind, or a prefix of whole parts of one ("meter")?
    pub fn has_kind_prefix(&self, kind: &str) -> bool {
        self.kinds
            .iter()
            .any(|known| is_kind_prefix(kind, &known.name))
    }

    /// By its full name.
    pub fn kind(&self, name: &str) -> Option<&Kind> {
        self.kinds.iter().find(|kind| &*kind.name == name)
    }

    /// Every kind, the shipped ones first.
    pub fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.kinds.iter()
    }

    /// Converts `value` sent in `unit` to the metric's canonical unit; see [`Metric::convert`].
    ///
    /// # Errors
    /// The unit is unknown or measures another quantity.
    pub fn convert(&self, metric: &Metric, value: f64, unit: &str) -> Result<f64, UnitError> {
        metric.convert(value, unit)
    }

    /// The metric name or alias most like `name`, if any is close.
    pub fn nearest_metric(&self, name: &str) -> Option<&str> {
        // `nearest` takes a third of the letters for slips, so names much longer or shorter cannot
        // be meant; looking at them would let a payload of long names cost time.
        let like = |known: &&str| known.len().abs_diff(name.len()) <= known.len();
        let names = self.names.keys().map(|name| &**name);
        nearest(name, names.filter(like))
    }

    /// The kind, or leading parts of one, most like `kind`, if any is close.
    pub fn nearest_kind(&self, kind: &str) -> Option<&str> {
        let prefixes = self.kinds.iter().flat_map(|known| {
            let name = &*known.name;
            let dots = name.match_indices('.').map(|(at, _)| at);
            dots.chain([name.len()]).filter_map(|end| name.get(..end))
        });
        nearest(kind, prefixes)
    }

    fn add_kind(&mut self, kind: Kind) {
        self.kinds.push(kind);
    }

    fn add_metric(&mut self, metric: Metric) {
        let at = self.metrics.len();
        self.names.insert(metric.name.clone(), at);
        for alias in &metric.aliases {
            self.names.insert(alias.clone(), at);
        }
        self.metrics.push(metric);
    }
}

fn read_shipped() -> (Catalogue, Vec<Problem>) {
    let mut catalogue = Catalogue::default();
    let mut problems = Vec::new();
    for text in SHIPPED {
        let table =
            toml::from_str(text).expect("the shipped files are TOML: a unit test reads them");
        let mut top = Section::new("", table, &mut problems);
        catalogue.extend(&mut top);
        top.finish();
    }
    (catalogue, problems)
}

#[cfg(test)]
mod tests;
