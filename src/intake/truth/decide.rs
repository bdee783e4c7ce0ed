//! From a reading to its verdict, and to what is remembered of it.
use super::judge::{Around, Judged};
use super::series::{IMPLAUSIBLE, Point, ROLLBACK, Series};
use super::table::Table;
use super::verdict::Said;
use super::{Verdict, Watched, rules, series_key};
use crate::catalogue::Catalogue;
use crate::model::{Quality, ReportView, Value};

/// A device's clock may be ahead by so much: `time` believes it until then.
const AHEAD_NANOS_MAX: i64 = 3_600_000_000_000;

impl Watched {
    /// When it counts as taken: without a time of its own not before what came up to an hour later.
    fn point(&self, newest: Option<Point>) -> Point {
        let (from, to) = self.life;
        let ahead = newest.filter(|newest| {
            let by = newest.at.saturating_sub(self.at);
            from <= newest.at && newest.at < to && (0..=AHEAD_NANOS_MAX).contains(&by)
        });
        Point {
            at: match ahead {
                Some(newest) if self.timeless => newest.at,
                _ => self.at,
            },
            value: self.value,
        }
    }
}

/// Judges a point by its neighbours.
fn weigh(
    series: &mut Series,
    watched: &Watched,
    point: Point,
    around: Around,
    verdict: &mut Verdict,
) {
    let rules = &watched.rules;
    let is_late = series.newest().is_some_and(|newest| point.at < newest.at);
    let judged = rules.between(around, point);
    let (rule, said) = match judged {
        Judged::Good | Judged::Rollover { .. } => {
            let rolled = matches!(judged, Judged::Rollover { .. });
            let since = series.accept(point, around.before, rolled, rules.still);
            verdict.said = match judged {
                Judged::Rollover { delta } => Some(Said::Rollover {
                    before: around.before,
                    delta,
                    modulus: rules.modulus.unwrap_or_default(),
                }),
                _ => since.map(|since| Said::NotAdvancing { since }),
            };
            return;
        }
        Judged::Rollback => (ROLLBACK, Said::Rollback(around)),
        Judged::Implausible {
            delta,
            hours,
            limit,
        } => {
            let said = Said::Implausible {
                around,
                delta,
                hours,
                limit,
            };
            (IMPLAUSIBLE, said)
        }
    };
    if !is_late && series.restarts(point, rules) {
        series.accept(point, around.before, true, rules.still);
        verdict.said = Some(Said::Restarted(around.before));
        return;
    }
    verdict.is_doubted = true;
    // An episode is one of the newest values; what comes late and fits nowhere is told by itself.
    if is_late || series.tell(rule, rules) {
        verdict.said = Some(said);
    } else {
        verdict.is_known = Some(said.rule());
    }
}

impl Table {
    /// Judges a reading that is to be appended, and remembers it.
    pub(super) fn judge(&mut self, watched: &Watched, now: u32) -> Verdict {
        let mut series = self.get(watched.series).unwrap_or_default();
        let found = watched.found.as_deref();
        if let Some(past) = found.and_then(|found| found.past.as_ref()) {
            series.complete(past);
        }
        let newest = series.newest();
        let mut verdict = Verdict {
            exchanged: self.exchange(watched, newest, now),
            ..Verdict::default()
        };
        let point = watched.point(newest);
        let past = found.map(|found| found.around).unwrap_or_default();
        let around = series.around(point.at, watched.life, past);
        let same = around.before.filter(|before| {
            // A clock of whole seconds shows one time for what a register counts in a second.
            let grew = watched.live && before.value <= point.value;
            watched.dated && before.at == point.at && !grew
        });
        match same {
            Some(same) => {
                verdict.is_doubted = watched.rules.differs(same.value, point.value);
                verdict.said = verdict.is_doubted.then_some(Said::Conflict(same));
            }
            None => weigh(&mut series, watched, point, around, &mut verdict),
        }
        let rule = verdict.said.as_ref().map(Said::rule);
        if let Some(rule) = rule.filter(|rule| !series.may_tell(*rule, now)) {
            verdict.said = None;
            verdict.is_known = Some(rule);
        }
        self.put(watched.series, series, now);
        verdict
    }

    /// Is this the first that is heard of a meter in another's place?
    fn exchange(&mut self, watched: &Watched, newest: Option<Point>, now: u32) -> Option<Said> {
        let (from, _) = watched.life;
        let known = watched
            .found
            .as_ref()
            .and_then(|found| found.exchanged.as_ref());
        let crossing = newest.filter(|newest| newest.at < from && from <= watched.at);
        let replaces = known.filter(|known| newest.is_none() && !known.replaces.is_empty());
        if (crossing.is_none() && replaces.is_none()) || self.is_told(watched.device, from) {
            return None;
        }
        self.tell(watched.device, from, now);
        let mut exchanged = known.cloned().unwrap_or_default();
        exchanged.at = from;
        exchanged.last = crossing.or(exchanged.last);
        Some(Said::Exchanged(exchanged))
    }

    /// Takes a report of the log's tail, as it was judged.
    pub(super) fn learn(
        &mut self,
        report: &ReportView<'_>,
        catalogue: &Catalogue,
        seed: u64,
        now: u32,
    ) {
        for reading in report.readings().flatten() {
            let is_good = reading.quality == Some(Quality::Good);
            let Value::Number(value) = reading.value else {
                continue;
            };
            let metric = catalogue.metric(reading.metric);
            let Some(metric) = metric.filter(|metric| metric.is_judged()) else {
                continue;
            };
            if !(is_good || reading.quality == Some(Quality::Uncertain)) {
                continue;
            }
            let rules = rules::usual(metric, report.kind);
            let key = series_key(
                report.device_id,
                reading.metric,
                reading.labels.iter(),
                seed,
            );
            let mut series = self.get(key).unwrap_or_default();
            let at = reading.observed_at.min(report.received_at).as_nanos();
            series.learn(Point { at, value }, is_good, &rules);
            self.put(key, series, now);
        }
    }
}
