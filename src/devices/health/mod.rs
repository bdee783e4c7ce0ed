//! What is wrong with a device, and why one may say so.
//!
//! Each reading that becomes a last value is judged by its metric's rule (`limits`); each report and
//! each reject by what it says of the clock and the decoder. A finding has one code and one series,
//! lasts while its cause lasts, and keeps its first time. Late back-fill is no last value, and so
//! finds nothing.
mod findings;
mod limits;
mod uplinks;

pub(super) use findings::{Finding, Findings, NO_SERIES, Troubles};
pub(super) use limits::Rule;

use super::entry::{Entry, Last, Shape};
use super::view::{Code, Level};
use crate::model::{Quality, Timestamp};
use findings::Found;
use limits::{
    BATTERY_REPORTS, FROZEN_FOR, FROZEN_MIN, FROZEN_REPORTS, HYSTERESIS, RESTARTS, WEAK_FOR,
};
use std::time::Duration;

/// A reading that became the last value of its series.
#[derive(Clone, Copy, Debug)]
pub(super) struct Judged<'r> {
    pub rule: Rule,
    /// What it replaced; its sequence is 0 if there was nothing.
    pub before: Last,
    pub after: Last,
    /// Where it is a text.
    pub text: &'r str,
    /// Reception.
    pub at: Timestamp,
    /// Plausible values of the metric, of this kind of device.
    pub range: (f64, f64),
}

impl Judged<'_> {
    fn number(&self) -> Option<f64> {
        let (shape, _) = Shape::unpack(self.after.shape);
        (shape == Shape::Number).then(|| f64::from_bits(self.after.bits))
    }

    fn flag(&self) -> Option<bool> {
        let (shape, _) = Shape::unpack(self.after.shape);
        (shape == Shape::Flag).then_some(self.after.bits != 0)
    }

    fn is_same(&self) -> bool {
        let (before, after) = (&self.before, &self.after);
        before.sequence > 0 && (before.bits, before.shape) == (after.bits, after.shape)
    }
}

/// Events that say what is wrong with a register, until it gives a good value.
const REGISTERS: [(&str, Code); 2] = [
    ("register_rollback", Code::RegisterRollback),
    ("consumption_implausible", Code::ConsumptionImplausible),
];

/// An event of this name, of these of the device's `series`; `detail`: numbers of its details.
pub(super) fn event(
    entry: &mut Entry,
    name: &str,
    series: u16,
    detail: impl Fn(&str) -> Option<f64>,
    at: Timestamp,
) {
    let Some((_, code)) = REGISTERS.iter().find(|(of, _)| *of == name) else {
        return;
    };
    let names = match code {
        Code::RegisterRollback => ["to", "from"],
        _ => ["rate", "limit"],
    };
    let [value, limit] = names.map(|name| detail(name).unwrap_or(f64::NAN));
    let found = Found::new(Level::Attention, value, limit);
    find(entry, *code, series, Some(found), at);
}

/// Does an event of this name concern a register?
pub(super) fn is_of_register(name: &str) -> bool {
    REGISTERS.iter().any(|(of, _)| *of == name)
}

/// Judges it. Does nothing most of the time: neither bad, nor with a rule, nor anything known
/// against the device.
pub(super) fn value(entry: &mut Entry, place: usize, judged: &Judged<'_>) {
    let (shape, quality) = Shape::unpack(judged.after.shape);
    let series = judged.after.series;
    let bad = quality == Quality::Bad;
    let found = bad.then(|| {
        let number = judged.number().unwrap_or(f64::NAN);
        let (min, max) = judged.range;
        Found::new(
            Level::Attention,
            number,
            if number < min { min } else { max },
        )
    });
    find(entry, Code::OutOfRange, series, found, judged.at);
    two_values(entry, judged);
    if quality == Quality::Good && entry.extra.is_some() {
        for (_, code) in REGISTERS {
            find(entry, code, series, None, judged.at);
        }
    }
    // What is out of range or not there says nothing of what follows.
    if !bad && shape != Shape::Absent {
        by_rule(entry, place, judged);
    }
}

/// The same time with another value: a conflict, until the next time.
fn two_values(entry: &mut Entry, judged: &Judged<'_>) {
    let (before, after) = (&judged.before, &judged.after);
    let (shape, _) = Shape::unpack(after.shape);
    let conflict = before.sequence > 0
        && before.sequence < after.sequence
        && before.observed_at == after.observed_at
        && shape != Shape::Text
        && before.bits != after.bits;
    let number = judged.number().unwrap_or(f64::NAN);
    let other = f64::from_bits(before.bits);
    let found = conflict.then(|| Found::new(Level::Attention, number, other));
    find(entry, Code::Conflict, after.series, found, judged.at);
}

fn by_rule(entry: &mut Entry, place: usize, judged: &Judged<'_>) {
    let (series, at) = (judged.after.series, judged.at);
    let number = judged.number().unwrap_or_default();
    let on = judged.flag() == Some(true);
    let fault = |on: bool, level| on.then(|| Found::new(level, f64::NAN, f64::NAN));
    match judged.rule {
        Rule::Quality => {}
        Rule::Varies => frozen(entry, place, judged, number),
        Rule::Battery(low, critical) => {
            let run = run(entry, place, number < low && number > 0.0, at);
            let (level, limit) = if number < critical {
                (Level::Fault, critical)
            } else {
                (Level::Attention, low)
            };
            let found = (run.0 >= BATTERY_REPORTS).then(|| Found::new(level, number, limit));
            find(entry, Code::BatteryLow, series, found, at);
        }
        Rule::BatteryFlag => find(
            entry,
            Code::BatteryLow,
            series,
            fault(on, Level::Attention),
            at,
        ),
        Rule::Signal(min) => {
            let (_, lasts) = run(entry, place, number < min, at);
            let found = (lasts >= WEAK_FOR).then(|| Found::new(Level::Attention, number, min));
            find(entry, Code::SignalWeak, series, found, at);
        }
        Rule::High(..) | Rule::Band(..) | Rule::Saturation => alarm(entry, judged, number),
        Rule::AlarmFlag => find(entry, Code::Alarm, series, fault(on, Level::Fault), at),
        Rule::Trouble(grave) => {
            let level = if grave {
                Level::Fault
            } else {
                Level::Attention
            };
            find(entry, Code::Tamper, series, fault(on, level), at);
        }
        Rule::FaultWord => {
            let found = fault(judged.text == "fault", Level::Fault);
            find(entry, Code::Tamper, series, found, at);
        }
        Rule::Uptime => restarts(entry, judged, number),
    }
}

/// Counts reports in a row of which something is true, and how long that lasts.
fn run(entry: &mut Entry, place: usize, holds: bool, at: Timestamp) -> (u8, Duration) {
    let Some(last) = entry.values.get_mut(place) else {
        return (0, Duration::ZERO);
    };
    if !holds {
        last.run = 0;
        return (0, Duration::ZERO);
    }
    if last.run == 0 {
        last.since_secs = super::table::seconds(at);
    }
    last.run = last.run.saturating_add(1);
    let since = Timestamp::from_secs(last.since_secs.into());
    (last.run, at.since(since))
}

/// Nought is where a sensor may rest: no wind, no light, no current.
fn frozen(entry: &mut Entry, place: usize, judged: &Judged<'_>, number: f64) {
    if !judged.is_same() {
        run(entry, place, false, judged.at);
    }
    let (reports, lasts) = run(entry, place, true, judged.at);
    let still = reports >= FROZEN_REPORTS && lasts >= FROZEN_MIN;
    let long = reports > 2 && lasts >= FROZEN_FOR;
    let found = (number.abs() > 0.0 && (still || long))
        .then(|| Found::new(Level::Attention, number, FROZEN_REPORTS.into()));
    find(entry, Code::Frozen, judged.after.series, found, judged.at);
}

/// Alarm limits: on at the limit, off only when the value is back by 5 % of it. Gas holds for one
/// sample. Beyond the plausible range a sensor of safety is saturated, and that is an alarm.
fn alarm(entry: &mut Entry, judged: &Judged<'_>, number: f64) {
    let series = judged.after.series;
    let active = entry
        .found(Code::Alarm, series)
        .map(|finding| finding.limit);
    // Of an alarm that is on, the limit is nearer to what is normal.
    let high = |limit: f64| match active {
        Some(on) if on >= limit => number >= limit - limit * HYSTERESIS,
        _ => number >= limit,
    };
    let (min, max) = judged.range;
    let found = match judged.rule {
        _ if number > max => Some((Level::Fault, max)),
        _ if number < min => Some((Level::Fault, min)),
        Rule::High(_, second) if high(second) => Some((Level::Fault, second)),
        Rule::High(first, _) if high(first) => Some((Level::Attention, first)),
        Rule::Band(low, above) => {
            let on = |limit: f64| active.is_some_and(|on| on.total_cmp(&limit).is_eq());
            let slack = |limit: f64| if on(limit) { limit * HYSTERESIS } else { 0.0 };
            if number < low + slack(low) {
                Some((Level::Fault, low))
            } else {
                (number > above - slack(above)).then_some((Level::Fault, above))
            }
        }
        _ => None,
    };
    let found = found.map(|(level, limit)| Found::new(level, number, limit));
    find(entry, Code::Alarm, series, found, judged.at);
}

/// Less time since its start than before: it has started again.
fn restarts(entry: &mut Entry, judged: &Judged<'_>, uptime: f64) {
    let (shape, _) = Shape::unpack(judged.before.shape);
    let before = f64::from_bits(judged.before.bits);
    if judged.before.sequence > 0 && shape == Shape::Number && uptime < before {
        entry.extra().troubles.restarted(judged.at);
    }
    let count = entry
        .extra
        .as_ref()
        .map_or(0, |extra| extra.troubles.restarts(judged.at));
    let (count_f, max) = (small(count), small(RESTARTS));
    let found = (count > RESTARTS).then(|| Found::new(Level::Fault, count_f, max));
    find(entry, Code::Restarts, judged.after.series, found, judged.at);
}

/// A small count as a number.
fn small(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

/// Notes, keeps or ends a finding.
fn find(entry: &mut Entry, code: Code, series: u16, found: Option<Found>, at: Timestamp) {
    if found.is_some() || entry.extra.is_some() {
        entry.extra().findings.set(code, series, found, at);
    }
}
