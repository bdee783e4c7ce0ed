//! Rejects taken once more: read with their uplinks, compared with history, one after the other.
//!
//! ```text
//!  sequences --> uplinks, oldest first --> intake.retry --> fates, tickets --> (durable) --> answer
//! ```
//! The caller bounds their number.
use super::Error;
use super::own::Own;
use crate::access::Grant;
use crate::api::Shared;
use crate::history::Selection;
use crate::intake::{Fate, Rejected, Retried, RetryError, Ticket};
use crate::log::record::Kind;
use crate::log::{Frame, ReadError, Reader, Start};
use crate::model::{ReadingDraft, Reject, Timestamp, Value, proto};
use prost::Message;
use std::cell::OnceCell;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Bytes of frames asked of the log at a time.
const READ_BYTES: usize = 256 << 10;
/// Readings of history that one report is compared with.
const COMPARED_MAX: usize = 100_000;
/// Times of one report that are looked up one by one; of more, the span between.
const TIMES_MAX: usize = 16;
/// History reads the log within milliseconds, if it is not far behind.
const HISTORY_WAIT: Duration = Duration::from_secs(2);
const HISTORY_LOOK: Duration = Duration::from_millis(5);
/// History's ranges end exclusively.
const NEXT: Duration = Duration::from_nanos(1);

/// Reads the uplinks of rejects; asked in order, it reads each frame once.
#[derive(Debug)]
pub struct Loader<'s> {
    shared: &'s Shared,
    frames: Vec<Arc<Frame>>,
}

impl<'s> Loader<'s> {
    /// Over the log of rejects.
    pub const fn new(shared: &'s Shared) -> Self {
        Self {
            shared,
            frames: Vec::new(),
        }
    }

    /// The uplink of the reject at `sequence`; `None`: there is none. What retention has removed of it,
    /// and what is damaged, is missing.
    ///
    /// # Errors
    /// The disk's.
    pub fn load(&mut self, sequence: u64) -> Result<Option<Rejected>, Error> {
        let Some(mut rejected) = self.uplink(sequence)? else {
            return Ok(None);
        };
        // What a retry left over has its payload with the uplink which it came out of.
        let leader = rejected.rejects.first_mut().map(|(_, reject)| reject);
        let leader = leader.filter(|leader| leader.out_of != 0 && !leader.has_payload());
        if let Some(leader) = leader
            && let Some(whole) = self.uplink(leader.out_of)?
            && let Some((_, first)) = whole.rejects.into_iter().next()
            && first.raw_len == leader.raw_len
            && first.raw == leader.raw
        {
            leader.rest = first.rest;
        }
        Ok(Some(rejected))
    }

    fn uplink(&mut self, sequence: u64) -> Result<Option<Rejected>, Error> {
        let Some((reject, _)) = self.at(sequence)? else {
            return Ok(None);
        };
        let (first, last) = reject.uplink(sequence);
        let mut rejected: Option<Rejected> = None;
        for at in first..=last {
            let Some((found, keys)) = self.at(at)? else {
                continue;
            };
            let rejected = rejected.get_or_insert_with(|| Rejected {
                rejects: Vec::new(),
                keys,
            });
            rejected.rejects.push((at, found));
        }
        Ok(rejected)
    }

    fn at(&mut self, sequence: u64) -> Result<Option<(Reject, crate::log::record::Keys)>, Error> {
        let held = |frame: &&Arc<Frame>| (frame.first..=frame.last).contains(&sequence);
        if !self.frames.iter().any(|frame| held(&frame)) {
            let reader = self.shared.rejects.reader(Start::At(sequence));
            self.frames = match reader.map(read) {
                Ok(Ok(frames)) => frames,
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => Vec::new(),
            };
        }
        let frame = self.frames.iter().find(held);
        let mut records = frame.into_iter().flat_map(|frame| frame.records());
        let record = records.find(|(at, _)| *at == sequence);
        let record = record.filter(|(_, record)| record.kind == Kind::Reject);
        Ok(record.and_then(|(_, record)| Some((Reject::decode(record.body).ok()?, record.keys))))
    }
}

fn read(mut reader: Reader) -> Result<Vec<Arc<Frame>>, ReadError> {
    match reader.read(READ_BYTES) {
        Err(ReadError::Damaged { .. } | ReadError::Cursor(_)) => Ok(Vec::new()),
        other => other,
    }
}

/// What became of one uplink.
#[derive(Debug)]
pub struct Outcome {
    /// Its rejects, without their payload.
    pub rejected: Rejected,
    /// What became of them, and of it; of one of many, without reports and faults.
    pub retried: Retried,
}

/// What became of all that was taken.
#[derive(Debug, Default)]
pub struct Outcomes {
    /// Oldest first.
    pub uplinks: Vec<Outcome>,
    /// Rejects that were not asked for, and are of an uplink of which another was.
    pub beside: BTreeSet<u64>,
    /// Sequences that are no rejects.
    pub unknown: Vec<u64>,
    /// Why it ended early, for a person. What came before it is done.
    pub stopped: Option<String>,
}

/// Takes the rejects at `sequences` once more, with the others of their uplinks; `trial`: says what
/// would come of it. Blocks on the disk, some seconds at most. What it returns need not be durable:
/// `waiter` is notified.
///
/// # Errors
/// The disk's, before anything was done.
pub fn retry(
    shared: &Shared,
    sequences: BTreeSet<u64>,
    trial: bool,
    waiter: &Arc<Notify>,
) -> Result<Outcomes, Error> {
    let mut outcomes = Outcomes::default();
    let mut loader = Loader::new(shared);
    let mut done: u64 = 0;
    let history = Known::new(shared);
    let had = |device: &str, readings: &[ReadingDraft<'_>]| history.had(device, readings);
    let one = sequences.len() == 1;
    for sequence in sequences {
        if sequence <= done {
            continue;
        }
        let Some(mut rejected) = loader.load(sequence)? else {
            outcomes.unknown.push(sequence);
            continue;
        };
        done = rejected.rejects.last().map_or(sequence, |(last, _)| *last);
        let mut retried = match shared.intake.retry(&rejected, &had, trial, waiter) {
            Ok(retried) => retried,
            // Of this device only: the others go on.
            Err(error @ RetryError::History(_)) => Retried {
                fates: rejected
                    .rejects
                    .iter()
                    .map(|(at, _)| (*at, Fate::Cannot(error.to_string())))
                    .collect(),
                ..Retried::default()
            },
            Err(error) => {
                outcomes.stopped = Some(crate::model::chain(&error));
                break;
            }
        };
        // Of many, only what is counted.
        for (_, reject) in &mut rejected.rejects {
            (reject.raw, reject.rest) = (Vec::new(), Vec::new());
        }
        if !one {
            (retried.reports, retried.faults) = (Vec::new(), Vec::new());
        }
        outcomes.uplinks.push(Outcome { rejected, retried });
    }
    Ok(outcomes)
}

impl Outcome {
    /// The sequence of its first reject.
    pub fn first(&self) -> Option<u64> {
        self.rejected.rejects.first().map(|(at, _)| *at)
    }

    /// That of its last.
    pub fn last(&self) -> Option<u64> {
        self.rejected.rejects.last().map(|(at, _)| *at)
    }
}

impl Outcomes {
    /// Notes which rejects were not asked for.
    pub fn note_beside(&mut self, asked: impl Fn(u64, &Reject) -> bool) {
        let all = self.uplinks.iter().flat_map(|one| &one.rejected.rejects);
        let beside = all.filter(|(sequence, reject)| !asked(*sequence, reject));
        self.beside = beside.map(|(sequence, _)| *sequence).collect();
    }

    /// Names of each reject the report of its own device. Blocks on the disk; all is durable.
    ///
    /// # Errors
    /// The disk's.
    pub fn name_own(&mut self, shared: &Shared) -> Result<(), ReadError> {
        // Numbers alone are told.
        let all = Grant::everything("retry");
        let mut own = Own::new(shared, &all);
        for Outcome { rejected, retried } in &mut self.uplinks {
            for ((_, reject), (_, fate)) in rejected.rejects.iter().zip(&mut retried.fates) {
                match fate {
                    Fate::Recovered(by) | Fate::Before(by) => *by = own.of(reject, *by)?,
                    Fate::Rejected(_) | Fate::Cannot(_) => {}
                }
            }
        }
        Ok(())
    }

    /// To wait for.
    pub fn ticket(&self) -> Ticket {
        let tickets = self.uplinks.iter().map(|uplink| uplink.retried.ticket);
        tickets.fold(Ticket::default(), |all, one| Ticket {
            log: all.log.max(one.log),
            rejects: all.rejects.max(one.rejects),
        })
    }
}

/// What history can say about an uplink: all up to the log's end when the retry began. What comes later
/// deduplication knows.
struct Known<'s> {
    shared: &'s Shared,
    /// The log's end.
    end: u64,
    /// History has read so far; waited for once.
    complete: OnceCell<bool>,
}

impl<'s> Known<'s> {
    fn new(shared: &'s Shared) -> Self {
        Self {
            shared,
            end: shared.log.watermark(),
            complete: OnceCell::new(),
        }
    }

    fn is_complete(&self) -> bool {
        let log = &self.shared.log;
        let next = self.shared.history.marks().next();
        log.oldest().0 > self.end || next.is_some_and(|next| next > self.end)
    }

    fn wait(&self) -> bool {
        let started = Instant::now();
        while !self.is_complete() {
            if started.elapsed() > HISTORY_WAIT {
                return false;
            }
            std::thread::sleep(HISTORY_LOOK);
        }
        true
    }

    /// See [`had`].
    fn had(&self, device: &str, readings: &[ReadingDraft<'_>]) -> Result<Vec<bool>, String> {
        let horizon = self.shared.history.horizon();
        let mut times = readings.iter().map(|reading| reading.observed_at);
        if let Some(time) = times.find(|time| *time < horizon) {
            return Err(format!(
                "its reading of {time} is older than history.retain keeps"
            ));
        }
        if !*self.complete.get_or_init(|| self.wait()) {
            return Err(
                "history has not read the log up to here, try again in a moment".to_owned(),
            );
        }
        had(self.shared, device, readings)
    }
}

/// Which of a device's readings history has, with the same value at the same time. Blocks on the disk.
fn had(shared: &Shared, device: &str, readings: &[ReadingDraft<'_>]) -> Result<Vec<bool>, String> {
    let times: BTreeSet<Timestamp> = readings.iter().map(|reading| reading.observed_at).collect();
    let (Some(first), Some(last)) = (times.first().copied(), times.last().copied()) else {
        return Ok(Vec::new());
    };
    let spans: Vec<(Timestamp, Timestamp)> = if times.len() <= TIMES_MAX {
        times.iter().map(|at| (*at, at.plus(NEXT))).collect()
    } else {
        vec![(first, last.plus(NEXT))]
    };
    let metrics: BTreeSet<&str> = readings.iter().map(|reading| reading.metric).collect();
    let selection = Selection {
        devices: vec![device.to_owned()],
        metrics: metrics.into_iter().map(str::to_owned).collect(),
        ..Selection::default()
    };
    let wanted: HashSet<Vec<u8>> = readings.iter().map(key_of_draft).collect();
    let (mut found, mut compared) = (HashSet::new(), 0);
    for (from, to) in spans {
        for report in shared.history.query(selection.clone(), from, to) {
            let report = report.map_err(|error| crate::model::chain(&error))?;
            compared += report.readings.len();
            if compared > COMPARED_MAX {
                return Err(format!(
                    "more than {COMPARED_MAX} readings of `{device}` lie in the time of this uplink"
                ));
            }
            let keys = report.readings.iter().filter_map(key);
            found.extend(keys.filter(|key| wanted.contains(key)));
        }
    }
    let has = |reading| found.contains(&key_of_draft(reading));
    Ok(readings.iter().map(has).collect())
}

/// Metric, labels, time and value, as bytes of which no two different readings have the same.
fn bytes_of<'l>(
    metric: &str,
    mut labels: Vec<(&'l str, &'l str)>,
    nanos: i64,
    value: &[u8],
) -> Vec<u8> {
    labels.sort_unstable();
    let mut bytes = metric.as_bytes().to_vec();
    for (name, text) in labels {
        bytes.push(0xff);
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(0xff);
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes.extend_from_slice(&[0xff, 0xff]);
    bytes.extend_from_slice(&nanos.to_le_bytes());
    bytes.extend_from_slice(value);
    bytes
}

fn key_of_draft(reading: &ReadingDraft<'_>) -> Vec<u8> {
    let labels = reading.labels.iter();
    let labels = labels.map(|(name, text)| (name.as_ref(), text.as_ref()));
    let value = match &reading.value {
        Value::Number(number) => [&[1][..], &number.to_bits().to_le_bytes()].concat(),
        Value::Flag(flag) => vec![2, u8::from(*flag)],
        Value::Text(text) => [&[3], text.as_bytes()].concat(),
        Value::Absent => vec![4],
    };
    let nanos = reading.observed_at.as_nanos();
    bytes_of(reading.metric, labels.collect(), nanos, &value)
}

fn key(reading: &proto::Reading) -> Option<Vec<u8>> {
    let labels = reading.labels.iter();
    let labels = labels.map(|(name, text)| (name.as_str(), text.as_str()));
    let value = match &reading.value {
        Some(proto::reading::Value::Number(number)) => {
            [&[1][..], &number.to_bits().to_le_bytes()].concat()
        }
        Some(proto::reading::Value::Flag(flag)) => vec![2, u8::from(*flag)],
        Some(proto::reading::Value::Text(text)) => [&[3], text.as_bytes()].concat(),
        None => vec![4],
    };
    let at = reading.observed_at.as_ref()?;
    let nanos = Timestamp::from_secs_nanos(at.seconds, at.nanos)?.as_nanos();
    Some(bytes_of(&reading.metric, labels.collect(), nanos, &value))
}
