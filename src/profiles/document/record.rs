//! One record while it is read: what it has at the profile's paths, made into samples.
use super::scope::{Each, Event, Scope, Source, ValueAt};
use super::text::Text;
use super::tree::Slot;
use crate::codecs::json::{array, members};
use crate::codecs::{Decoded, Fault, Group, Note, Reason, Sent, SentTime, quote, too_many};
use crate::profiles::map::{Labels, Place, as_text};
use crate::profiles::rules::{Condition, Naming};
use crate::profiles::step::moved;
use crate::profiles::time::TimeRule;
use std::borrow::Cow;

/// What a record has from outside.
#[derive(Clone, Debug, Default)]
pub(super) struct Outside<'a> {
    device: Option<u32>,
    time: SentTime<'a>,
    /// Its place in its array, from 0; `None`: it is the document.
    at: Option<u32>,
    key: Option<Cow<'a, str>>,
}

/// One record while it is read.
pub(super) struct Record<'r, 'a> {
    scope: &'a Scope,
    slots: &'r [Slot<'a>],
    /// With the record's own device and time, where it has them.
    outside: Outside<'a>,
    /// Opened for the first sample.
    group: Option<u32>,
}

impl<'r, 'a> Record<'r, 'a> {
    pub(super) fn new(scope: &'a Scope, slots: &'r [Slot<'a>], outside: Outside<'a>) -> Self {
        Self {
            scope,
            slots,
            outside,
            group: None,
        }
    }

    pub(super) fn read(
        mut self,
        text: &mut Text<'a, '_>,
        out: &mut Decoded<'a>,
    ) -> Result<(), Fault> {
        if let Err(mut fault) = self.identify(text, out) {
            // Its readings could be of either device or time: none can be taken.
            if let Some(at) = self.outside.at {
                fault.part = format!("[{at}].{}", fault.part);
            }
            out.faults.push(fault);
            return Ok(());
        }
        for value in &self.scope.values {
            self.value(value, text, out)?;
        }
        for event in &self.scope.events {
            if let Err(fault) = self.event(event, text, out) {
                out.faults.push(named(fault, &event.rule.name));
            }
        }
        for each in &self.scope.each {
            match self.series(each, text) {
                Ok(Some(series)) => self.each(each, &series, text, out)?,
                Ok(None) => {}
                Err(fault) => {
                    // No metric: `data[]`.
                    let path = format!("{}[]", self.scope.tree.path(each.slot));
                    out.faults.push(named(fault, &path));
                }
            }
        }
        let Some((slot, inner)) = &self.scope.inner else {
            return Ok(());
        };
        match self.plain(*slot, text) {
            Ok(sent) => {
                text.note(self.raw(*slot), format_args!("inner payload"));
                if let Some(sent) = sent.and_then(as_text) {
                    let group = self.group(out);
                    text.inners.push((inner, sent, group));
                }
            }
            Err(fault) => out.faults.push(named(fault, "inner")),
        }
        Ok(())
    }

    fn name(
        &mut self,
        source: Source,
        naming: &Naming,
        text: &mut Text<'a, '_>,
    ) -> Result<Option<Cow<'a, str>>, Fault> {
        let sent = self.source(source, text);
        let sent = sent.map_err(|fault| named(fault, "device"))?;
        if let Source::Slot(slot) = source {
            text.note(self.raw(slot), format_args!("device"));
        }
        Ok(sent.and_then(|sent| naming.name(sent)))
    }

    /// Device and time.
    fn identify(&mut self, text: &mut Text<'a, '_>, out: &mut Decoded<'a>) -> Result<(), Fault> {
        if let Some(device) = &self.scope.device {
            let mut name = self.name(device.source, &device.naming, text)?;
            let knows = text.knows;
            if let Some((source, naming)) = &device.or {
                let unknown = |name: &Cow<'_, str>| !knows(name);
                name = match name {
                    None => self.name(*source, naming, text)?,
                    // An IMSI in an IMEI's place, for one: the other name may say more.
                    Some(first) if unknown(&first) => {
                        let other = self.name(*source, naming, text).ok().flatten();
                        Some(other.filter(|name| knows(name)).unwrap_or(first))
                    }
                    first => first,
                };
            }
            if self.outside.at.is_some() {
                let Some(name) = name else {
                    let sentence = "the record does not say which device it is of";
                    return Err(Fault::part(Reason::InvalidDeviceId, "device", sentence));
                };
                self.outside.device = text.child(name, out);
            } else {
                if let Some(slot) = device.via {
                    let via = self
                        .plain(slot, text)
                        .map_err(|fault| named(fault, "via"))?;
                    text.note(self.raw(slot), format_args!("via"));
                    let via = via.and_then(|via| device.naming.name(via));
                    // A device that is its own gateway is carried by none.
                    out.via = via.filter(|via| name.as_ref() != Some(via));
                }
                out.sender = name;
            }
        }
        if let Some((slot, rule)) = &self.scope.time {
            if let Some(digits) = self.digits(*slot, rule) {
                text.note(Some(digits), format_args!("time"));
                self.outside.time = SentTime::Number(Cow::Borrowed(digits));
                return Ok(());
            }
            let time = match self.plain(*slot, text) {
                Ok(None) => return Ok(()),
                Ok(Some(sent)) => rule.sent(sent),
                // Of two times neither is known to be right; nonsense is for intake to judge.
                Err(fault) if fault.reason == Reason::DuplicateKey => {
                    return Err(named(fault, "time"));
                }
                Err(_) => SentTime::Text(Cow::Borrowed(self.raw(*slot).unwrap_or_default())),
            };
            text.note(self.raw(*slot), format_args!("time"));
            self.outside.time = time;
        }
        Ok(())
    }

    fn value(
        &mut self,
        value: &'a ValueAt,
        text: &mut Text<'a, '_>,
        out: &mut Decoded<'a>,
    ) -> Result<(), Fault> {
        let there = !matches!(self.slots.get(value.slot), None | Some(Slot::Empty));
        if !there && !value.map.is_required() {
            return Ok(());
        }
        let raw = self.raw(value.slot);
        if value.when.is_empty()
            && value.labels.is_empty()
            && text.uses.is_none()
            && let Some(raw) = raw
            && let Ok(sent) = text.plain(raw)
        {
            let place = self.place(value.slot, out);
            return value.map.push(sent, Vec::new(), &place, text.limits, out);
        }
        let metric = value.map.metric();
        let holds = self.holds(&value.when, text);
        for condition in &value.when {
            text.condition(self.raw(condition.source));
        }
        if holds == Ok(false) {
            text.passed(
                raw,
                format_args!("not `{metric}`: its condition does not hold"),
            );
            return Ok(());
        }
        let place = self.place(value.slot, out);
        match holds.and_then(|_| Ok((self.plain(value.slot, text)?, self.labels(value, text)?))) {
            Ok((Some(sent), labels)) => {
                let before = out.samples.len();
                value.map.push(sent, labels, &place, text.limits, out)?;
                text.value(raw, metric, before, out);
            }
            Ok((None, _)) => value.map.missing(&place, out),
            Err(fault) => {
                let part = out.place_of(place.group, metric, None);
                text.passed(raw, format_args!("not `{metric}`: {}", fault.sentence));
                out.faults.push(named(fault, &part));
            }
        }
        Ok(())
    }

    fn labels(&self, value: &'a ValueAt, text: &mut Text<'a, '_>) -> Result<Labels<'a>, Fault> {
        let mut labels = Vec::new();
        for (name, source) in &value.labels {
            if let Source::Slot(slot) = source {
                text.note(self.raw(*slot), format_args!("label {name}"));
            }
            if let Some(label) = self.source(*source, text)?.and_then(as_text) {
                labels.push((Cow::Borrowed(*name), label));
            }
        }
        Ok(labels)
    }

    fn event(
        &mut self,
        event: &'a Event,
        text: &mut Text<'a, '_>,
        out: &mut Decoded<'a>,
    ) -> Result<(), Fault> {
        if !self.holds(&event.when, text)? {
            return Ok(());
        }
        let name = &event.rule.name;
        for condition in &event.when {
            text.note(self.raw(condition.source), format_args!("event {name}"));
        }
        let mut detail = Vec::new();
        for (key, slot) in &event.detail {
            text.note(self.raw(*slot), format_args!("{key} of event {name}"));
            let said = self.plain(*slot, text)?.and_then(as_text);
            detail.extend(said.map(|said| (Cow::Borrowed(&**key), said)));
        }
        let group = self.group(out);
        out.notes.push(Note {
            group,
            name: Cow::Borrowed(name),
            severity: event.rule.severity,
            detail,
        });
        Ok(())
    }

    /// Where the records are, and what time the first has; `None`: there are none.
    fn series(&self, each: &'a Each, text: &Text<'a, '_>) -> Result<Option<Series<'a>>, Fault> {
        let records = match self.slots.get(each.slot) {
            None | Some(Slot::Empty | Slot::Sent("null")) => return Ok(None),
            Some(Slot::Sent(records)) => *records,
            Some(Slot::Twice(one, other)) => return Err(self.twice(each.slot, one, other)),
        };
        if !self.holds(&each.when, text)? {
            return Ok(None);
        }
        let base = match &each.base {
            None => self.outside.time.clone(),
            Some((slot, rule)) => self
                .plain(*slot, text)?
                .map_or(SentTime::Absent, |sent| rule.sent(sent)),
        };
        let Some(step) = &each.step else {
            return Ok(Some(Series {
                records,
                base,
                step_nanos: None,
            }));
        };
        let step_nanos = step.nanos(|slot| self.plain(*slot, text).ok().flatten());
        if step_nanos.is_none() {
            let sentence = "the payload does not say how far the records are apart, so that they \
                            have no times";
            return Err(Fault::whole(Reason::ImplausibleTime, sentence));
        }
        let nanos = step_nanos.unwrap_or_default();
        let why = match nanos {
            // Backward is always right, so they need not be counted.
            ..0 => None,
            _ => step.unreckoned(nanos, &base, count(records, each.members)?),
        };
        match why {
            Some(sentence) => Err(Fault::whole(Reason::ImplausibleTime, sentence)),
            None => Ok(Some(Series {
                records,
                base,
                step_nanos,
            })),
        }
    }

    fn each(
        &self,
        each: &'a Each,
        series: &Series<'a>,
        text: &mut Text<'a, '_>,
        out: &mut Decoded<'a>,
    ) -> Result<(), Fault> {
        let mut at = 0u32;
        let mut one = |key, record: &'a str, out: &mut Decoded<'a>| {
            let outside = Outside {
                device: self.outside.device,
                time: series.time(at),
                at: Some(at),
                key,
            };
            at = at.saturating_add(1);
            let gave = |out: &Decoded<'a>, text: &Text<'a, '_>| {
                out.samples.len() + text.inners.len() + text.barren
            };
            let before = gave(out, text);
            each.scope.read(record, outside, text, out)?;
            text.barren += usize::from(gave(out, text) == before);
            if gave(out, text) > text.limits.readings_max {
                return Err(too_many(text.limits));
            }
            Ok(())
        };
        match (series.records.as_bytes().first(), each.members) {
            (Some(b'{'), true) => {
                let one = |key, record, out: &mut Decoded<'a>| one(Some(key), record, out);
                members(series.records, one, out)
            }
            (Some(b'['), false) => array(series.records, |record| one(None, record, out)),
            (_, true) => Ok(()),
            // Some send one record without the brackets.
            (_, false) => one(None, series.records, out),
        }
    }

    fn place(&mut self, slot: usize, out: &mut Decoded<'a>) -> Place<'a> {
        Place {
            group: self.group(out),
            item: None,
            index: self.outside.at.unwrap_or(0),
            spot: self.scope.tree.path(slot),
        }
    }

    /// The group of its samples.
    fn group(&mut self, out: &mut Decoded<'a>) -> u32 {
        *self.group.get_or_insert_with(|| {
            out.open(Group {
                device: self.outside.device,
                parent: None,
                at: self.outside.at,
                time: self.outside.time.clone(),
            })
        })
    }

    /// Do all conditions hold? What is not there is none of the values.
    fn holds(&self, when: &[Condition<usize>], text: &Text<'a, '_>) -> Result<bool, Fault> {
        for condition in when {
            let sent = self.plain(condition.source, text)?;
            if !condition.holds(sent.as_ref()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn source(&self, source: Source, text: &Text<'a, '_>) -> Result<Option<Sent<'a>>, Fault> {
        match source {
            Source::Slot(slot) => self.plain(slot, text),
            Source::Key => Ok(self.outside.key.clone().map(Sent::Text)),
        }
    }

    /// What is at a path, as a plain value.
    fn plain(&self, slot: usize, text: &Text<'a, '_>) -> Result<Option<Sent<'a>>, Fault> {
        match self.slots.get(slot) {
            None | Some(Slot::Empty) => Ok(None),
            Some(Slot::Sent(raw)) => {
                let fault = |(reason, sentence)| {
                    let path = self.scope.tree.path(slot);
                    Fault::whole(reason, format!("{path}: {sentence}"))
                };
                text.plain(raw).map(Some).map_err(fault)
            }
            Some(Slot::Twice(one, other)) => Err(self.twice(slot, one, other)),
        }
    }

    #[cold]
    fn twice(&self, slot: usize, one: &str, other: &str) -> Fault {
        let path = self.scope.tree.path(slot);
        let sentence = if one.is_empty() {
            format!("what `{path}` lies in is there twice; neither is taken")
        } else {
            let (one, other) = (quote(one), quote(other));
            format!("`{path}` is there twice, as {one} and {other}; neither is taken")
        };
        Fault::whole(Reason::DuplicateKey, sentence)
    }

    /// The digits of a time that needs no more than them: as a double it would lose some.
    fn digits(&self, slot: usize, rule: &TimeRule) -> Option<&'a str> {
        let raw = self.raw(slot)?;
        (raw.starts_with(|c: char| c.is_ascii_digit()) && rule.takes_numbers()).then_some(raw)
    }

    fn raw(&self, slot: usize) -> Option<&'a str> {
        match self.slots.get(slot) {
            Some(Slot::Sent(raw)) => Some(raw),
            _ => None,
        }
    }
}

/// The records of an `[[each]]`.
struct Series<'a> {
    records: &'a str,
    /// Time of the first.
    base: SentTime<'a>,
    /// From one to the next; `None`: each has the same, or its own.
    step_nanos: Option<i64>,
}

impl<'a> Series<'a> {
    fn time(&self, at: u32) -> SentTime<'a> {
        match self.step_nanos {
            None => self.base.clone(),
            Some(step) => moved(&self.base, step.saturating_mul(at.into())),
        }
    }
}

fn named(mut fault: Fault, part: &str) -> Fault {
    part.clone_into(&mut fault.part);
    fault
}

/// How many records there are.
fn count(records: &str, are_members: bool) -> Result<usize, Fault> {
    let mut count = 0;
    match records.as_bytes().first() {
        Some(b'{') if are_members => members(
            records,
            |_, _, count| {
                *count += 1;
                Ok(())
            },
            &mut count,
        )?,
        Some(b'[') if !are_members => array(records, |_| {
            count += 1;
            Ok(())
        })?,
        _ => count = 1,
    }
    Ok(count)
}
