//! Which readings of a report are registers, and what is to be known to judge them.
use super::past::{Asked, LookBack, Past};
use super::series::Point;
use super::verdict::Exchanged;
use super::{Watched, rules, series_key};
use crate::codecs::Decoded;
use crate::intake::normalise::{Origin, Register};
use crate::intake::pending::Pending;
use crate::intake::report::Sender;
use crate::intake::{Intake, Knowledge, lock};
use crate::model::{Quality, ReadingDraft, ReportDraft, Timestamp, Value};
use std::sync::atomic::Ordering;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// On its way for no longer than this a reading is live.
const LIVE_NANOS: i64 = 2_000_000_000;

impl Intake {
    /// Notes the registers of the report that is the last record.
    pub(in crate::intake) fn watch(
        &self,
        draft: &ReportDraft<'_>,
        sender: &Sender<'_>,
        knowledge: &Knowledge,
        decoded: &Decoded<'_>,
        origins: &[Origin],
        pending: &mut Pending,
    ) {
        let Some(record) = pending.records.len().checked_sub(1) else {
            return;
        };
        let first = pending.watched.len();
        let register = Register::of(sender.entry);
        let mut device = None;
        for (index, (reading, origin)) in draft.readings.iter().zip(origins).enumerate() {
            let (Quality::Good, Value::Number(value)) = (reading.quality, &reading.value) else {
                continue;
            };
            let metric = self.catalogue.metric(reading.metric);
            let Some(metric) = metric.filter(|metric| metric.is_judged()) else {
                continue;
            };
            let hash = || xxh3_64_with_seed(draft.device_id.as_bytes(), self.seed);
            let sample = decoded.samples.get(origin.sample());
            let is_ahead = reading.observed_at > draft.received_at;
            let dated = origin.is_dated() && !is_ahead;
            let taken_at = reading.observed_at.min(draft.received_at);
            pending.watched.push(Watched {
                record,
                reading: index,
                series: key_of(draft.device_id, reading, self.seed),
                device: *device.get_or_insert_with(hash),
                at: taken_at.as_nanos(),
                value: *value,
                dated,
                timeless: !origin.is_dated() && reading.observed_at == draft.received_at,
                rules: rules::of(
                    &self.catalogue,
                    metric,
                    draft.kind,
                    &register,
                    sample,
                    dated,
                )
                .labelled(&reading.labels),
                life: rules::life(&knowledge.inventory, sender.entry, taken_at),
                live: dated && is_live(reading.observed_at, draft.received_at),
                found: None,
            });
        }
        let Some(watched) = pending.watched.get_mut(first..) else {
            return;
        };
        // As the device tells them: those ahead count as taken at one time.
        let told = |watched: &Watched| {
            let reading = draft.readings.get(watched.reading);
            reading.map(|reading| reading.observed_at)
        };
        if !watched.is_sorted_by_key(told) {
            watched.sort_by_key(told);
        }
        if let Some(look_back) = self.truth.look_back.get() {
            self.look_back(look_back, draft, sender, knowledge, watched);
        }
    }

    /// Asks history what the table does not know.
    fn look_back(
        &self,
        look_back: &LookBack,
        draft: &ReportDraft<'_>,
        sender: &Sender<'_>,
        knowledge: &Knowledge,
        watched: &mut [Watched],
    ) {
        let mut wanted: Vec<(usize, Option<Point>)> = Vec::new();
        {
            let mut table = lock(&self.truth.table);
            table.forget_voided(&self.log);
            for (at, watched) in watched.iter().enumerate() {
                let series = table.get(watched.series).unwrap_or_default();
                let newest = series.newest();
                let crosses = newest.is_some_and(|newest| newest.at < watched.life.0)
                    && !table.is_told(watched.device, watched.life.0);
                if !series.is_whole() || series.is_before_all(watched.at) || crosses {
                    wanted.push((at, newest));
                }
            }
        }
        let mut done: Vec<u64> = Vec::new();
        for (at, newest) in wanted {
            let Some(series) = watched.get(at).map(|watched| watched.series) else {
                continue;
            };
            if done.contains(&series) {
                continue;
            }
            done.push(series);
            self.look_back_at(look_back, draft, watched, series);
            let of_new = |watched: &&mut Watched| {
                watched.series == series
                    && i64::MIN < watched.life.0
                    && watched.life.0 <= watched.at
            };
            let Some(first) = watched.iter_mut().find(of_new) else {
                continue;
            };
            let known = first.found.as_ref().and_then(|found| found.past.as_ref());
            let newest = newest.or(known.and_then(|past| past.newest));
            let exchanged = self.exchanged(look_back, draft, sender, knowledge, first, newest);
            if exchanged.is_some() {
                first.found.get_or_insert_default().exchanged = exchanged;
            }
        }
    }

    /// Asks about one register, for all readings of it in the report.
    fn look_back_at(
        &self,
        look_back: &LookBack,
        draft: &ReportDraft<'_>,
        watched: &mut [Watched],
        series: u64,
    ) {
        let mut own: Vec<&mut Watched> = watched
            .iter_mut()
            .filter(|watched| watched.series == series)
            .collect();
        let times: Vec<Timestamp> = own
            .iter()
            .map(|watched| Timestamp::from_nanos(watched.at))
            .collect();
        let first = own
            .first()
            .and_then(|first| draft.readings.get(first.reading));
        let Some(reading) = first else { return };
        let asked = Asked {
            device: draft.device_id,
            metric: reading.metric,
            labels: &reading.labels,
            times: &times,
            since: own.first().is_some_and(|first| first.rules.still > 0),
        };
        let Some(mut past) = self.ask(look_back, &asked) else {
            return;
        };
        past.end_before(draft.received_at);
        let around = std::mem::take(&mut past.around);
        for (watched, around) in own.iter_mut().zip(around) {
            watched.found.get_or_insert_default().around = around.as_of(watched.at);
        }
        if let Some(first) = own.first_mut() {
            first.found.get_or_insert_default().past = Some(past);
        }
    }

    fn ask(&self, look_back: &LookBack, asked: &Asked<'_>) -> Option<Past> {
        match (look_back.series)(asked) {
            Ok(past) => Some(past),
            Err(words) => {
                self.unknown_past(asked.device, &words);
                None
            }
        }
    }

    fn unknown_past(&self, device: &str, words: &str) {
        let before = self.stats.pasts_unknown.fetch_add(1, Ordering::Relaxed);
        if before.is_power_of_two() || before == 0 {
            tracing::warn!(device, words, "a register is judged without its past");
        }
    }

    /// What there is to say if this is the first reading of a meter in another's place. `newest`: of
    /// the series, before.
    fn exchanged(
        &self,
        look_back: &LookBack,
        draft: &ReportDraft<'_>,
        sender: &Sender<'_>,
        knowledge: &Knowledge,
        watched: &Watched,
        newest: Option<Point>,
    ) -> Option<Exchanged> {
        let entry = sender.entry?;
        let (from, _) = watched.life;
        if from == i64::MIN || watched.at < from {
            return None;
        }
        let old = match newest {
            Some(newest) if newest.at < from => None,
            Some(_) => return None,
            None => Some(knowledge.inventory.replaced_by(entry)?),
        };
        let from = Timestamp::from_nanos(from);
        let registers = self.catalogue.metrics().filter(|metric| metric.is_judged());
        let registers: Vec<&str> = registers.map(|metric| &*metric.name).collect();
        match (look_back.device)(draft.device_id, &registers, from) {
            // Another register of it has been heard since, and was told of.
            Ok(true) => {
                lock(&self.truth.table).note(watched.device, watched.life.0);
                return None;
            }
            Ok(false) => {}
            Err(words) => self.unknown_past(draft.device_id, &words),
        }
        let last = old.and_then(|old| {
            let reading = draft.readings.get(watched.reading)?;
            let asked = Asked {
                device: old.id(),
                metric: reading.metric,
                labels: &reading.labels,
                times: &[],
                since: false,
            };
            self.ask(look_back, &asked)?.newest
        });
        Some(Exchanged {
            at: watched.life.0,
            metering_point: entry.metering_point().to_owned(),
            replaces: old.map(|old| old.id().to_owned()).unwrap_or_default(),
            last,
        })
    }
}

/// Is it a time of whole seconds, and hardly past?
fn is_live(observed_at: Timestamp, received_at: Timestamp) -> bool {
    let (_, nanos) = observed_at.as_secs_nanos();
    let age = received_at
        .as_nanos()
        .saturating_sub(observed_at.as_nanos());
    nanos == 0 && age <= LIVE_NANOS
}

fn key_of(device: &str, reading: &ReadingDraft<'_>, seed: u64) -> u64 {
    let labels = reading.labels.iter();
    let labels = labels.map(|(name, value)| (name.as_ref(), value.as_ref()));
    series_key(device, reading.metric, labels, seed)
}
