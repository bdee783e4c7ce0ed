//! Points that are not in the database yet, by series. The log has them, so they may be lost.
use super::key;
use super::point::{Context, Origin, Point};
use crate::model::{ReadingView, ReportView};
use hashbrown::HashTable;
use std::sync::Arc;
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

/// About what a series takes beyond its key and points: the table's slot, the struct, the spare
/// capacity of a short vector.
const SERIES_BYTES: usize = 160;

/// One series' points in order of arrival; of equal times the later arrived counts.
#[derive(Debug)]
pub(super) struct OpenSeries {
    /// As `key::put_series` writes it.
    pub key: Box<[u8]>,
    hash: u64,
    points: Vec<Point>,
    sorted: bool,
}

impl OpenSeries {
    /// The points in order of time, of equal times in order of arrival.
    pub fn sorted(&mut self) -> &[Point] {
        if !self.sorted {
            self.points.sort_by_key(|point| point.time);
            self.sorted = true;
        }
        &self.points
    }

    /// The points, in order only after [`Open::sort`].
    pub fn points(&self) -> &[Point] {
        &self.points
    }
}

/// The series. A table over borrowed bytes: no key is built on the heap for a series that is known.
#[derive(Debug, Default)]
pub(super) struct Open {
    table: HashTable<usize>,
    series: Vec<OpenSeries>,
    origins: HashTable<Arc<Origin>>,
    /// So that a sender cannot choose names that share a slot.
    seed: u64,
    points: u64,
    bytes: usize,
    scratch: Vec<u8>,
}

impl Open {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    /// About the bytes that it holds.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Points held.
    pub const fn points(&self) -> u64 {
        self.points
    }

    pub fn series(&self) -> &[OpenSeries] {
        &self.series
    }

    /// The series whose key this is.
    pub fn get_mut(&mut self, key: &[u8]) -> Option<&mut OpenSeries> {
        let at = self.find(xxh3_64_with_seed(key, self.seed), key)?;
        self.series.get_mut(at)
    }

    pub fn get(&self, key: &[u8]) -> Option<&OpenSeries> {
        let at = self.find(xxh3_64_with_seed(key, self.seed), key)?;
        self.series.get(at)
    }

    fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        let same = |at: &usize| self.series.get(*at).is_some_and(|one| *one.key == *key);
        self.table.find(hash, same).copied()
    }

    /// Puts every series in order of time.
    pub fn sort(&mut self) {
        for series in &mut self.series {
            series.sorted();
        }
    }

    /// Starts a report: what [`Open::push`] needs of it.
    pub fn begin<'r>(&mut self, report: &'r ReportView<'r>) -> Begun<'r> {
        Begun {
            report,
            origin: None,
            device_bytes: key::put_device(&mut self.scratch, report.device_id),
        }
    }

    /// Takes in a reading of the report last begun; false if its metric or labels make no valid key.
    pub fn push(&mut self, sequence: u64, begun: &mut Begun<'_>, reading: ReadingView<'_>) -> bool {
        if !key::put_series(
            &mut self.scratch,
            begun.device_bytes,
            reading.metric,
            &reading.labels,
        ) {
            return false;
        }
        let hash = xxh3_64_with_seed(&self.scratch, self.seed);
        let at = self
            .find(hash, &self.scratch)
            .unwrap_or_else(|| self.add(hash));
        let last = self.series.get(at).and_then(|series| series.points.last());
        let context = match last {
            Some(last) if begun.continues(&last.context, &reading) => Arc::clone(&last.context),
            _ => {
                self.bytes += size_of::<Context>() + reading.unit.len() + reading.raw_unit.len();
                Arc::new(Context {
                    origin: self.origin(begun),
                    unit: reading.unit.into(),
                    raw_unit: reading.raw_unit.into(),
                })
            }
        };
        let point = Point::of(sequence, begun.report, reading, context);
        let Some(series) = self.series.get_mut(at) else {
            return false;
        };
        let last = series.points.last();
        series.sorted &= last.is_none_or(|last| last.time <= point.time);
        self.bytes += size_of::<Point>() + point.text_bytes();
        self.points += 1;
        series.points.push(point);
        true
    }

    /// What the report's points have in common, shared with the reports before it.
    fn origin(&mut self, begun: &mut Begun<'_>) -> Arc<Origin> {
        if let Some(origin) = &begun.origin {
            return Arc::clone(origin);
        }
        let report = begun.report;
        let seed = self.seed;
        let found = self.origins.find(
            hash_origin(seed, report.source, report_texts(report)),
            |origin| origin.is_of(report),
        );
        let origin = found.cloned().unwrap_or_else(|| {
            let origin = Arc::new(Origin::of(report));
            self.bytes += origin.bytes();
            let hash_of = |origin: &Arc<Origin>| hash_origin(seed, origin.source, origin.texts());
            self.origins
                .insert_unique(hash_of(&origin), Arc::clone(&origin), hash_of);
            origin
        });
        begun.origin = Some(Arc::clone(&origin));
        origin
    }

    fn add(&mut self, hash: u64) -> usize {
        let at = self.series.len();
        self.bytes += SERIES_BYTES + self.scratch.len();
        self.series.push(OpenSeries {
            key: self.scratch.as_slice().into(),
            hash,
            points: Vec::new(),
            sorted: true,
        });
        let series = &self.series;
        let hash_of = |at: &usize| series.get(*at).map_or(0, |series| series.hash);
        self.table.insert_unique(hash, at, hash_of);
        at
    }
}

/// A report that is being taken in.
#[derive(Debug)]
pub(super) struct Begun<'r> {
    report: &'r ReportView<'r>,
    /// Once it is known.
    origin: Option<Arc<Origin>>,
    device_bytes: usize,
}

impl Begun<'_> {
    /// Has the reading the same context as its series' last point? Nearly always, so that is asked
    /// before any table, and once per report for what its readings share.
    fn continues(&mut self, last: &Context, reading: &ReadingView<'_>) -> bool {
        let same_origin = match &self.origin {
            Some(origin) if Arc::ptr_eq(origin, &last.origin) => true,
            _ => last.origin.is_of(self.report),
        };
        if same_origin && self.origin.is_none() {
            self.origin = Some(Arc::clone(&last.origin));
        }
        same_origin && *last.unit == *reading.unit && *last.raw_unit == *reading.raw_unit
    }
}

fn report_texts<'r>(report: &ReportView<'r>) -> [&'r str; 5] {
    [
        report.kind,
        report.district,
        report.profile,
        report.node,
        report.via,
    ]
}

fn hash_origin(seed: u64, source: u64, texts: [&str; 5]) -> u64 {
    let mut hasher = Xxh3::with_seed(seed);
    hasher.update(&source.to_le_bytes());
    for text in texts {
        hasher.update(text.as_bytes());
        hasher.update(&[0]);
    }
    hasher.digest()
}
