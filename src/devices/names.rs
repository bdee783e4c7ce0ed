//! Texts that many devices share, as numbers of two bytes.
//!
//! Kinds, districts and profiles are the operator's; metrics and units the catalogue's. The values
//! of labels are the devices', so the tables are bounded, and one device can add no more to them
//! than it has series.
use super::health::Rule;
use crate::catalogue::Catalogue;
use crate::model::ReadingView;
use hashbrown::HashMap;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Texts, or series, that can be told apart. Further ones are "", or left to history.
const MAX: usize = u16::MAX as usize;

/// Texts by number; 0 is "".
#[derive(Debug)]
pub(super) struct Names {
    texts: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u16>,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            texts: vec!["".into()],
            numbers: HashMap::from_iter([("".into(), 0)]),
        }
    }
}

impl Names {
    pub fn get(&self, number: u16) -> &str {
        self.texts
            .get(usize::from(number))
            .map_or("", |text| &**text)
    }

    /// The number of `text`, which is most likely that of `guess`. 0 if the table is full.
    pub fn number(&mut self, text: &str, guess: u16) -> u16 {
        if self.get(guess) == text {
            return guess;
        }
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        self.push(text)
    }

    #[cold]
    fn push(&mut self, text: &str) -> u16 {
        let number = u16::try_from(self.texts.len()).unwrap_or(0);
        if number != 0 {
            self.texts.push(text.into());
            self.numbers.insert(text.into(), number);
        }
        number
    }

    /// All texts in order of their numbers, "" first.
    pub fn texts(&self) -> &[Box<str>] {
        &self.texts
    }
}

/// One metric with one set of labels.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Series {
    pub metric: Box<str>,
    pub unit: Box<str>,
    /// In the order of their names.
    pub labels: Box<[(Box<str>, Box<str>)]>,
    /// How its values are judged.
    pub rule: Rule,
}

impl Series {
    pub fn new(reading: &ReadingView<'_>, catalogue: &Catalogue) -> Self {
        let labels = reading.labels.iter();
        let labels = labels.map(|(name, value)| (name.into(), value.into()));
        Self::restore(reading.metric, reading.unit, labels.collect(), catalogue)
    }

    pub fn restore(
        metric: &str,
        unit: &str,
        mut labels: Vec<(Box<str>, Box<str>)>,
        catalogue: &Catalogue,
    ) -> Self {
        labels.sort_unstable();
        Self {
            rule: Rule::of(metric, catalogue),
            metric: metric.into(),
            unit: unit.into(),
            labels: labels.into(),
        }
    }

    fn matches(&self, reading: &ReadingView<'_>) -> bool {
        let has = |(name, value): (&str, &str)| {
            let own = |(n, v): &(Box<str>, Box<str>)| &**n == name && &**v == value;
            self.labels.iter().any(own)
        };
        &*self.metric == reading.metric
            && reading.labels.iter().count() == self.labels.len()
            && reading.labels.iter().all(has)
    }
}

/// Series by number.
#[derive(Debug, Default)]
pub(super) struct AllSeries {
    list: Vec<Series>,
    numbers: HashTable<u16>,
    seed: u64,
}

impl AllSeries {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    pub fn get(&self, number: u16) -> Option<&Series> {
        self.list.get(usize::from(number))
    }

    pub fn is(&self, number: u16, reading: &ReadingView<'_>) -> bool {
        self.get(number)
            .is_some_and(|series| series.matches(reading))
    }

    /// The number of a reading's series; `None` if it is not known.
    pub fn find(&self, reading: &ReadingView<'_>) -> Option<u16> {
        let hash = hash(self.seed, reading.metric, reading.labels.iter());
        self.numbers
            .find(hash, |number| self.is(*number, reading))
            .copied()
    }

    /// Adds a series that is not there; `None` if the table is full.
    pub fn push(&mut self, series: Series) -> Option<u16> {
        let number = u16::try_from(self.list.len()).ok()?;
        if self.list.len() >= MAX {
            return None;
        }
        let seed = self.seed;
        let of = |series: &Series| {
            let labels = series
                .labels
                .iter()
                .map(|(name, value)| (&**name, &**value));
            hash(seed, &series.metric, labels)
        };
        let own = of(&series);
        self.list.push(series);
        let list = &self.list;
        self.numbers.insert_unique(own, number, |number| {
            list.get(usize::from(*number)).map_or(0, of)
        });
        Some(number)
    }

    /// All in order of their numbers.
    pub fn list(&self) -> &[Series] {
        &self.list
    }
}

/// The same for any order of the labels.
fn hash<'l>(seed: u64, metric: &str, labels: impl Iterator<Item = (&'l str, &'l str)>) -> u64 {
    labels.fold(
        xxh3_64_with_seed(metric.as_bytes(), seed),
        |sum, (name, value)| {
            let name = xxh3_64_with_seed(name.as_bytes(), seed);
            sum.wrapping_add(xxh3_64_with_seed(value.as_bytes(), name))
        },
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn names_are_numbered_once_and_bounded() {
        let mut names = Names::default();
        let gas = names.number("meter.gas", 0);
        assert_eq!(names.number("meter.gas", 0), gas);
        assert_eq!((names.number("", gas), names.get(gas)), (0, "meter.gas"));
        for n in 0..70_000 {
            names.number(&n.to_string(), 0);
        }
        assert_eq!(names.texts().len(), MAX + 1);
        assert_eq!(names.number("one more", 0), 0);
    }
}
