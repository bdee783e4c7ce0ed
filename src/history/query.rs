//! Reading history: device by device, each in order of observation.
//!
//! ```text
//! devices, in order --> series of a device --> windows, merged by (time, sequence) --> reports
//! ```
//! Nothing is held but the series of one device, each with a window. Dropping the query ends it.
use super::key;
use super::point::{Datum, Point};
use super::selection::Selection;
use super::shared::Shared;
use super::window::Window;
use crate::model::{Timestamp, proto};
use crate::state::{self, Space};
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Points held for a device, shared among its series.
const POINTS_MAX: usize = 32 << 10;
/// Points held of a series, however many there are.
const POINTS_MIN: usize = 16;
/// Series of one device that are merged. A device has a few dozen; labels that never repeat make more.
pub const SERIES_MAX: usize = 4096;

/// Why a query ends early.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The database.
    #[error(transparent)]
    State(#[from] state::Error),
    /// Too many series to be merged: ask for fewer metrics or a shorter time.
    #[error("device {device} has more than {limit} series in this time: name fewer metrics")]
    TooManySeries {
        /// The device.
        device: String,
        /// [`SERIES_MAX`].
        limit: usize,
    },
}

/// Reports by device and time. Blocks on the disk: for a thread that may.
///
/// Readings of one report that were observed at one time come as one report.
#[derive(Debug)]
pub struct Query {
    shared: Arc<Shared>,
    selection: Selection,
    from: i64,
    to: i64,
    /// Keys of the series that were in memory at the start, in order.
    open: Vec<Box<[u8]>>,
    /// Devices asked for; `None`: all.
    named: Option<std::collections::btree_set::IntoIter<String>>,
    /// The device last begun, where all are asked for.
    last: Option<String>,
    device: Option<Device>,
    ended: bool,
    stop: Arc<AtomicBool>,
}

impl Query {
    pub(super) fn new(
        shared: Arc<Shared>,
        mut selection: Selection,
        from: Timestamp,
        to: Timestamp,
    ) -> Self {
        let devices = std::mem::take(&mut selection.devices);
        let named = (!devices.is_empty()).then(|| {
            let devices: BTreeSet<String> = devices.into_iter().collect();
            devices.into_iter()
        });
        Self {
            open: shared.series(),
            shared,
            selection,
            from: from.as_nanos(),
            to: to.as_nanos(),
            named,
            last: None,
            device: None,
            ended: false,
            stop: Arc::default(),
        }
    }

    /// Ends the query, between two devices at the latest, once this is set: a filter that matches
    /// little may look at many before the next report.
    pub fn stop(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    fn step(&mut self) -> Result<Option<proto::Report>, QueryError> {
        loop {
            if let Some(device) = &mut self.device {
                if let Some(report) = device.next(&self.shared, &self.selection)? {
                    return Ok(Some(report));
                }
                self.device = None;
            }
            if self.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let Some(device) = self.next_device()? else {
                return Ok(None);
            };
            self.device = Some(self.begin(device)?);
        }
    }

    /// The next device by name that has points in memory or in a group of the time.
    fn next_device(&mut self) -> Result<Option<String>, QueryError> {
        if let Some(named) = &mut self.named {
            return Ok(named.next());
        }
        let from = self.last.as_deref().map(past_device).unwrap_or_default();
        let at = self.open.partition_point(|series| **series < *from);
        let mut next = self
            .open
            .get(at)
            .map(|series| key::device_of(series).to_vec());
        self.each_group(|space| {
            let first = space.range(&from, PAST_DEVICES).next().transpose()?;
            let found = first.map(|(key, _)| key::device_of(&key).to_vec());
            next = [next.take(), found].into_iter().flatten().min();
            Ok(())
        })?;
        let device = next.and_then(|device| String::from_utf8(device).ok());
        self.last.clone_from(&device);
        Ok(device)
    }

    fn each_group(
        &self,
        mut look: impl FnMut(&Space<'_>) -> Result<(), state::Error>,
    ) -> Result<(), state::Error> {
        let groups = self.shared.groups();
        let access = self.shared.state.access()?;
        let meets = |group: &&key::DayGroup| group.meets(self.from, self.to);
        for group in groups.iter().filter(meets) {
            if let Some(space) = access.existing(&group.name())? {
                look(&space)?;
            }
        }
        Ok(())
    }

    fn begin(&self, device: String) -> Result<Device, QueryError> {
        let mut prefix = device.clone().into_bytes();
        prefix.push(0);
        let past = past_device(&device);
        let mut found: BTreeSet<Vec<u8>> = BTreeSet::new();
        let mut add = |series: &[u8]| {
            if self.selection.covers_metric(key::metric_of(series)) {
                found.insert(series.to_vec());
            }
            found.len() <= SERIES_MAX
        };
        let at = self.open.partition_point(|series| **series < *prefix);
        let open = self.open.iter().skip(at);
        let mut few = open
            .take_while(|series| series.starts_with(&prefix))
            .all(|series| add(series));
        self.each_group(|space| {
            let mut from = prefix.clone();
            // From series to series: one look for each, however many chunks it has.
            while few && let Some((chunk, _)) = space.range(&from, &past).next().transpose()? {
                let Some((series, _)) = key::split_chunk(&chunk) else {
                    break;
                };
                few = add(series);
                from = key::past(series);
            }
            Ok(())
        })?;
        if !few {
            return Err(QueryError::TooManySeries {
                device,
                limit: SERIES_MAX,
            });
        }
        Device::begin(self, found)
    }
}

/// Behind the keys of all devices, whose ids are ASCII.
const PAST_DEVICES: &[u8] = &[0x80];

fn past_device(device: &str) -> Vec<u8> {
    let mut key = device.as_bytes().to_vec();
    key.push(1);
    key
}

impl Iterator for Query {
    type Item = Result<proto::Report, QueryError>;

    /// After an error the query has ended.
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let step = self.step();
        self.ended = !matches!(step, Ok(Some(_)));
        step.transpose()
    }
}

/// One series in the merge: its next point is in the heap.
#[derive(Debug)]
struct Source {
    window: Window,
    point: Option<Point>,
    metric: String,
    labels: HashMap<String, String>,
}

/// The series of one device, merged.
#[derive(Debug)]
struct Device {
    id: String,
    sources: Vec<Source>,
    /// Time and sequence of each source's next point.
    heap: BinaryHeap<Reverse<(i64, u64, usize)>>,
    keep: usize,
}

impl Device {
    fn begin(query: &Query, series: BTreeSet<Vec<u8>>) -> Result<Self, QueryError> {
        let mut device = Self {
            id: String::new(),
            keep: (POINTS_MAX / series.len().max(1)).max(POINTS_MIN),
            heap: BinaryHeap::with_capacity(series.len()),
            sources: Vec::with_capacity(series.len()),
        };
        for key in series {
            let Some(parsed) = key::parse_series(&key) else {
                continue;
            };
            let at = device.sources.len();
            device.id = parsed.device;
            device.sources.push(Source {
                window: Window::new(key, query.from, query.to),
                point: None,
                metric: parsed.metric,
                labels: parsed.labels,
            });
            device.advance(at, &query.shared, &query.selection)?;
        }
        Ok(device)
    }

    /// Puts the next point of source `at` into the merge; returns the last one.
    fn advance(
        &mut self,
        at: usize,
        shared: &Shared,
        selection: &Selection,
    ) -> Result<Option<Point>, QueryError> {
        let Some(source) = self.sources.get_mut(at) else {
            return Ok(None);
        };
        let next = source.window.next(shared, selection, self.keep)?;
        if let Some(next) = &next {
            self.heap.push(Reverse((next.time, next.sequence, at)));
        }
        Ok(std::mem::replace(&mut source.point, next))
    }

    fn next(
        &mut self,
        shared: &Shared,
        selection: &Selection,
    ) -> Result<Option<proto::Report>, QueryError> {
        let Some(&Reverse((time, sequence, _))) = self.heap.peek() else {
            return Ok(None);
        };
        let mut report: Option<proto::Report> = None;
        while let Some(&Reverse((next_time, next_sequence, at))) = self.heap.peek()
            && (next_time, next_sequence) == (time, sequence)
        {
            self.heap.pop();
            let Some(point) = self.advance(at, shared, selection)? else {
                continue;
            };
            let report = report.get_or_insert_with(|| begin_report(&self.id, &point));
            if let Some(source) = self.sources.get(at) {
                report.readings.push(reading(source, point));
            }
        }
        Ok(report)
    }
}

fn begin_report(device: &str, point: &Point) -> proto::Report {
    let origin = &point.context.origin;
    proto::Report {
        sequence: point.sequence,
        device_id: device.to_owned(),
        kind: (*origin.kind).to_owned(),
        district: (*origin.district).to_owned(),
        profile: (*origin.profile).to_owned(),
        received_at: Some(Timestamp::from_nanos(point.received).into()),
        source: i32::try_from(origin.source).unwrap_or(0),
        readings: Vec::new(),
        node: (*origin.node).to_owned(),
        via: (*origin.via).to_owned(),
    }
}

fn reading(source: &Source, point: Point) -> proto::Reading {
    let value = match point.value {
        Datum::Absent => None,
        Datum::Number(number) => Some(proto::reading::Value::Number(number)),
        Datum::Flag(flag) => Some(proto::reading::Value::Flag(flag)),
        Datum::Text(text) => Some(proto::reading::Value::Text((*text).into())),
    };
    proto::Reading {
        metric: source.metric.clone(),
        unit: (*point.context.unit).to_owned(),
        value,
        observed_at: Some(Timestamp::from_nanos(point.time).into()),
        quality: i32::from(point.quality),
        labels: source.labels.clone(),
        raw: point.raw.map_or_else(String::new, |raw| (*raw).into()),
        raw_unit: (*point.context.raw_unit).to_owned(),
    }
}
