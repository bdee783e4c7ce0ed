//! From the table to what people and programs see: owned values, made when somebody asks.
use super::entry::{Entry, Last, Shape};
use super::states::Timing;
use super::table::{Mark, NOBODY, Table, known};
use super::view::{Device, LastValue};
use crate::model::{Source, Timestamp, Value};

impl Table {
    /// A device as it is at `now`.
    pub fn show(&self, number: u32, now: Timestamp, values: bool) -> Option<Device> {
        let (entry, mark) = (self.entry(number)?, self.mark(number)?);
        let timing = Timing::of(entry, &self.config, self.started_at);
        let judged = super::entry::ACCEPTED;
        let source = Source::ALL
            .into_iter()
            .find(|source| *source as u8 == entry.source);
        let parent = match mark.parent {
            NOBODY => "",
            parent => self.ids.get(parent),
        };
        let kind = match self.names.get(mark.kind) {
            "" => "unknown",
            kind => kind,
        };
        let counted = known(entry.rhythm.counted_at);
        let due = timing
            .interval
            .zip(counted)
            .map(|(interval, at)| at.plus(interval));
        let values = if values {
            self.show_values(number, entry, &timing, now)
        } else {
            Vec::new()
        };
        Some(Device {
            id: self.ids.get(number).into(),
            kind: kind.into(),
            district: self.names.get(mark.district).into(),
            profile: self.names.get(entry.profile).into(),
            aliases: Vec::new(),
            state: mark.state,
            state_since: entry.state_since,
            health: mark.level,
            reasons: entry
                .extra
                .as_ref()
                .map_or_else(Vec::new, |extra| extra.findings.show(&self.series)),
            heard_not_accepted: mark.refused,
            first_seen: entry.first_seen,
            last_seen: entry.last_seen,
            last_report: known(entry.last_report),
            last_reject: known(entry.last_reject),
            source,
            address: entry.address.get(),
            parent: parent.into(),
            children: entry.children,
            children_silent: entry.silent,
            reports: entry.reports,
            readings: entry.readings,
            rejects: entry.rejects.into(),
            duplicates: entry.duplicates.into(),
            interval: timing.interval,
            due,
            late_at: entry.is(judged).then_some(timing.late_at),
            offline_at: entry.is(judged).then_some(timing.offline_at),
            sleepy: timing.sleepy,
            values,
            traces: entry.traces(),
            version: self.changes.get(number),
        })
    }

    fn show_values(
        &self,
        number: u32,
        entry: &Entry,
        timing: &Timing,
        now: Timestamp,
    ) -> Vec<LastValue> {
        let fresh = super::rhythm::late_after(timing.judged);
        let show = |last: &Last| {
            let series = self.series.get(last.series)?;
            let (shape, quality) = Shape::unpack(last.shape);
            let value = match shape {
                Shape::Number => Value::Number(f64::from_bits(last.bits)),
                Shape::Flag => Value::Flag(last.bits != 0),
                Shape::Text => {
                    let text = self.texts.get(&(number, last.series));
                    Value::Text(text.map_or_else(String::new, ToString::to_string).into())
                }
                Shape::Absent => Value::Absent,
            };
            Some(LastValue {
                metric: series.metric.clone(),
                unit: series.unit.clone(),
                value,
                quality,
                observed_at: last.observed_at,
                sequence: last.sequence,
                labels: series.labels.to_vec(),
                stale: now.since(last.observed_at) > fresh,
            })
        };
        let mut values: Vec<LastValue> = entry.values.iter().filter_map(show).collect();
        values.sort_by(|a, b| (&a.metric, &a.labels).cmp(&(&b.metric, &b.labels)));
        values
    }

    /// Does it need somebody? How urgently: the greater the worse; 0: not.
    pub(super) fn urgency(mark: &Mark) -> u8 {
        use super::view::{Level, State};
        match (mark.level, mark.state) {
            _ if mark.alarm => 6,
            (Level::Fault, _) => 5,
            (_, State::Offline) => 4,
            _ if mark.refused => 3,
            (_, State::Late) => 2,
            (Level::Attention, _) => 1,
            (Level::Ok, _) => 0,
        }
    }
}
