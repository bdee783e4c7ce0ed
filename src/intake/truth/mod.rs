//! Truth of registers: what a meter shows is judged before it is appended, and never changed.
//!
//! ```text
//!  take:    report -> registers in it -> rules (digits, rate, life of the meter)        [watch]
//!           register not remembered, or the reading is older than that?  -> ask history [past]
//!  commit:  under intake's lock, for what will be appended, in order of time:
//!           table -> neighbours -> judge -> GOOD or UNCERTAIN in the report, events behind it
//!           append failed? -> undo
//!  start:   the log's tail -> table, as it was judged then                              [learn]
//! ```
//! So the quality in the log is final, and the events that explain it lie in the same append.
//!
//! Decisions:
//! - **Judged in commit, not in take.** There the order of appending is decided, copies are known and
//!   refused uplinks too: what is not appended has no say, two connections cannot judge by the same
//!   past, and a redelivery brings no second event. What is slow, history, was asked in take, without
//!   a lock. A report is written with GOOD before; to doubt one is to change one byte of it.
//! - **The last good value stays the reference** while values are doubted, until one fits again or the
//!   inventory says that the meter is another, or three in a row contradict it and not each other:
//!   then it was the reference that was wrong, or the meter was swapped in silence. That is told.
//! - **A rule is told of once an hour** for one register: two meters under one name must not fill the
//!   log with events.
//! - **Episodes follow from the values** and have no state on the disk: what was doubted behind the last
//!   good value says what was told; how long a register has stood still says whether that was.
//! - **Without a device time**, or with one that is ahead, a reading counts as taken when it came: a
//!   clock that is set right must not make what it says then look late. Without one it never lies
//!   before a reading that came up to an hour later either: there our own clock was ahead.
mod decide;
mod judge;
mod past;
mod rules;
mod series;
mod table;
mod verdict;
mod watch;

pub use judge::Around;
pub use past::{Asked, LookBack, OfDevice, OfSeries, Past};
pub use series::Point;
pub use verdict::Rule;

use super::pending::{Pending, Record};
use super::{Intake, lock};
use crate::log::record::{Kind, RecordView};
use crate::model::{Quality, ReportView, Timestamp, proto, set_quality};
use judge::Rules;
use prost::Message;
use series::Life;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, OnceLock};
use table::Table;
use verdict::{Exchanged, Said};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What is known of registers.
#[derive(Debug, Default)]
pub(super) struct Truth {
    table: Mutex<Table>,
    look_back: OnceLock<LookBack>,
}

/// One reading of a register, on its way into the log.
#[derive(Debug)]
pub(super) struct Watched {
    /// Index into the records of its [`Pending`].
    pub(super) record: usize,
    /// Index into the readings of its report.
    reading: usize,
    /// Hashes.
    series: u64,
    device: u64,
    at: i64,
    value: f64,
    /// Has it a time of the device's, and one that is not ahead?
    dated: bool,
    /// Has it no time at all? Then it counts as taken when it came.
    timeless: bool,
    rules: Rules,
    life: Life,
    /// Has it a time of whole seconds, hardly before its reception?
    live: bool,
    found: Option<Box<Found>>,
}

/// What was found out of history and inventory.
#[derive(Debug, Default)]
struct Found {
    past: Option<Past>,
    around: Around,
    /// If this is the first reading of a meter that took another's place, and that is not told.
    exchanged: Option<Exchanged>,
}

/// What was judged of one reading.
#[derive(Debug, Default)]
struct Verdict {
    is_doubted: bool,
    exchanged: Option<Said>,
    said: Option<Said>,
    /// Told before in this episode.
    is_known: Option<Rule>,
}

/// Identity of a register: 0xff occurs in no UTF-8 text.
fn series_key<'l>(
    device: &str,
    metric: &str,
    labels: impl Iterator<Item = (&'l str, &'l str)>,
    seed: u64,
) -> u64 {
    let mut labels: Vec<_> = labels.collect();
    labels.sort_unstable();
    let mut bytes = Vec::with_capacity(96);
    let labels = labels.into_iter().flat_map(|(name, value)| [name, value]);
    for text in [device, metric].into_iter().chain(labels) {
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0xff);
    }
    xxh3_64_with_seed(&bytes, seed)
}

impl Intake {
    /// Whom registers' pasts are asked of. Without it they begin with the log's tail. Call it before
    /// [`Intake::rebuild`].
    pub fn look_back_by(&self, look_back: LookBack) {
        // Called once; a second history would be another gateway's.
        let _ = self.truth.look_back.set(look_back);
    }

    /// Judges the registers in some of the records, those that are to be appended. Call
    /// [`Intake::settle_truth`] after the append.
    pub(super) fn judge(&self, pending: &mut Pending, records: Range<usize>, now: u32) {
        let watched = std::mem::take(&mut pending.watched);
        let from = watched.partition_point(|watched| watched.record < records.start);
        let of = watched.get(from..).unwrap_or_default().iter();
        let mut of = of
            .take_while(|watched| watched.record < records.end)
            .peekable();
        if of.peek().is_some() {
            let mut table = lock(&self.truth.table);
            table.forget_voided(&self.log);
            let mut misfit = None;
            for watched in of {
                let is_gone = |record: &Record| record.skip;
                if pending.records.get(watched.record).is_none_or(is_gone) {
                    continue;
                }
                let mut verdict = table.judge(watched, now);
                // A series of late readings that fit nowhere is told once.
                if matches!(
                    verdict.said,
                    Some(Said::Rollback(Around { after: Some(_), .. }))
                ) {
                    let own = Some((watched.record, watched.series));
                    if std::mem::replace(&mut misfit, own) == own {
                        verdict.is_known = verdict.said.take().map(|said| said.rule());
                    }
                }
                say(pending, watched, &verdict, &mut table);
            }
        }
        pending.watched = watched;
    }

    /// What was judged lies in the log, its last record at `last`; 0: it does not, and has no say.
    pub(super) fn settle_truth(&self, last: u64, now: u32) {
        let mut table = lock(&self.truth.table);
        if last == 0 {
            table.undo(now);
            return;
        }
        let (counts, suppressed) = table.settle(last);
        let (registers, evicted) = (table.len(), table.evicted());
        drop(table);
        self.stats.registers(registers, evicted);
        for (rule, count) in Rule::ALL.into_iter().zip(counts) {
            self.stats.found(rule, count);
        }
        if suppressed > 0 {
            let all = &self.stats.events_suppressed;
            all.fetch_add(suppressed, Ordering::Relaxed);
        }
    }

    /// Takes a record of the log's tail into the table, as it was judged.
    pub(super) fn learn(&self, record: &RecordView<'_>, now: u32) {
        let mut table = lock(&self.truth.table);
        match record.kind {
            Kind::Report => {
                if let Ok(report) = ReportView::parse(record.body) {
                    table.learn(&report, &self.catalogue, self.seed, now);
                }
            }
            Kind::Event => {
                // Most events are others; the name is looked for before all of it is decoded.
                let name = Rule::Exchanged.as_str().as_bytes();
                if record.body.windows(name.len()).any(|words| words == name)
                    && let Ok(event) = proto::Event::decode(record.body)
                    && event.name.as_bytes() == name
                    && let Some(at) = event
                        .at
                        .and_then(|at| Timestamp::from_secs_nanos(at.seconds, at.nanos))
                {
                    let device = xxh3_64_with_seed(event.device_id.as_bytes(), self.seed);
                    table.tell(device, at.as_nanos(), now);
                }
            }
            Kind::Reject | Kind::Release => {}
        }
        table.settle(0);
    }
}

/// Writes a verdict into the report, and its events behind it.
fn say(pending: &mut Pending, watched: &Watched, verdict: &Verdict, table: &mut Table) {
    if let Some(rule) = verdict.is_known {
        table.count(rule, false);
    }
    let Some(body) = pending
        .records
        .get(watched.record)
        .map(|record| record.body.clone())
    else {
        return;
    };
    for said in [&verdict.exchanged, &verdict.said].into_iter().flatten() {
        table.count(said.rule(), true);
        if let Some(event) = event(pending.bytes_at(&body), watched, said) {
            let place = pending.body(|out| out.extend_from_slice(&event));
            pending.told.push((watched.record, place));
        }
    }
    if verdict.is_doubted
        && let Some(bytes) = pending.bytes.get_mut(body)
    {
        let done = set_quality(bytes, watched.reading, Quality::Uncertain);
        debug_assert!(done, "the report was written by us");
    }
}

/// The event about a reading of an encoded report.
fn event(report: &[u8], watched: &Watched, said: &Said) -> Option<Vec<u8>> {
    let report = ReportView::parse(report).ok()?;
    let reading = report.readings().nth(watched.reading)?.ok()?;
    let event = said.event(&report, &reading, watched.value);
    Some(event.encode_to_vec())
}
