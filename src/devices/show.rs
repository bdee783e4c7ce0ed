//! From the table to what people and programs see: owned values, made when somebody asks.
use super::entry::{Entry, Last, Shape};
use super::states::{Timing, is_silent};
use super::table::{Mark, NOBODY, Table, known};
use super::view::{Device, LastValue, Listing, State};
use crate::inventory;
use crate::model::{Source, Timestamp, Value};
use crate::profiles::Codec;

impl Table {
    /// A device as it is at `now`.
    pub fn show(&self, number: u32, now: Timestamp, values: bool) -> Option<Device> {
        let mut device = match self.entry(number) {
            Some(entry) => self.show_heard(number, entry, now, values)?,
            None => self.show_unheard(number)?,
        };
        let row = self.roll.entry(number, self.ids.get(number), now);
        if let Some(row) = row {
            device.aliases = row.aliases().map(Into::into).collect();
            let heard = |alias: &&str| {
                let other = self.ids.find(alias).filter(|other| *other != number);
                other.is_some_and(|other| self.entry(other).is_some())
            };
            device.heard_as = row.aliases().filter(heard).map(Into::into).collect();
            if device.profile.is_empty() {
                device.profile = row.profile().into();
            }
            device.listing = Some(Box::new(listing(row)));
        }
        let known = self.roll.knowledge();
        let codec = known.and_then(|known| known.profiles.find(&device.profile));
        device.profile_version = codec.map_or("", Codec::version).into();
        device.known_as = self.known_as(number, now).map(Into::into);
        Some(device)
    }

    /// One that was never heard.
    fn show_unheard(&self, number: u32) -> Option<Device> {
        let mark = self.mark(number)?;
        let family = self.family(number);
        let (parent, parent_silent) = self.show_parent(mark);
        Some(Device {
            id: self.ids.get(number).into(),
            kind: self.show_kind(mark).into(),
            district: self.names.get(mark.district).into(),
            profile: "".into(),
            profile_version: "".into(),
            aliases: Vec::new(),
            heard_as: Vec::new(),
            known_as: None,
            listing: None,
            state: mark.state,
            state_since: self.roll.end(number).unwrap_or(Timestamp::EPOCH),
            health: mark.level,
            reasons: Vec::new(),
            heard_not_accepted: false,
            first_seen: Timestamp::EPOCH,
            last_seen: Timestamp::EPOCH,
            last_report: None,
            last_reject: None,
            source: None,
            address: None,
            parent,
            parent_silent,
            children: family.children,
            children_silent: family.silent,
            reports: 0,
            readings: 0,
            rejects: 0,
            duplicates: 0,
            interval: self.expected(number),
            due: None,
            late_at: None,
            offline_at: None,
            sleepy: false,
            values: Vec::new(),
            traces: Vec::new(),
            version: self.changes.get(number),
        })
    }

    fn show_heard(
        &self,
        number: u32,
        entry: &Entry,
        now: Timestamp,
        values: bool,
    ) -> Option<Device> {
        let mark = self.mark(number)?;
        let timing = Timing::of(entry, &self.config, self.started_at);
        // Who is out of service is neither due nor late, and nothing is wrong with it.
        let judged = entry.is(super::entry::ACCEPTED) && mark.state != State::Retired;
        let source = Source::from_number(entry.source.into());
        let counted = known(entry.rhythm.counted_at).filter(|_| mark.state != State::Retired);
        let due = timing
            .interval
            .zip(counted)
            .map(|(interval, at)| at.plus(interval));
        let values = if values {
            self.show_values(number, entry, &timing, now)
        } else {
            Vec::new()
        };
        let extra = entry.extra.as_ref();
        let extra = extra.filter(|_| mark.state != State::Retired);
        Some(Device {
            profile: self.names.get(entry.profile).into(),
            state_since: entry.state_since,
            reasons: extra.map_or_else(Vec::new, |extra| extra.findings.show(&self.series)),
            heard_not_accepted: mark.refused,
            first_seen: entry.first_seen,
            last_seen: entry.last_seen,
            last_report: known(entry.last_report),
            last_reject: known(entry.last_reject),
            source,
            address: entry.address.get(),
            reports: entry.reports,
            readings: entry.readings,
            rejects: entry.rejects.into(),
            duplicates: entry.duplicates.into(),
            interval: timing.interval,
            due,
            late_at: judged.then_some(timing.late_at),
            offline_at: judged.then_some(timing.offline_at),
            sleepy: timing.sleepy,
            values,
            traces: entry.traces(),
            ..self.show_unheard(number)?
        })
    }

    fn show_kind(&self, mark: &Mark) -> &str {
        match self.names.get(mark.kind) {
            "" => "unknown",
            kind => kind,
        }
    }

    /// The id of what carries a device, and its silence.
    fn show_parent(&self, mark: &Mark) -> (Box<str>, Option<(State, Timestamp)>) {
        if mark.parent == NOBODY {
            return ("".into(), None);
        }
        let parent = self.mark(mark.parent).zip(self.entry(mark.parent));
        let silent = parent.filter(|(parent, _)| is_silent(parent.state));
        let silent = silent.map(|(parent, entry)| (parent.state, entry.state_since));
        (self.ids.get(mark.parent).into(), silent)
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
        use super::view::Level;
        match (mark.level, mark.state) {
            (_, State::Retired) => 0,
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

fn listing(row: inventory::Entry<'_>) -> Listing {
    let zone = row.zone().and_then(|zone| zone.iana_name());
    Listing {
        place: row.place(),
        whereabouts: row.whereabouts().into(),
        asset: row.asset().into(),
        metering_point: row.metering_point().into(),
        multiplier: row.multiplier(),
        digits: row.digits(),
        valid_from: row.valid_from(),
        valid_to: row.valid_to(),
        zone: zone.unwrap_or_default().into(),
    }
}
