//! Binary layouts: fixed places, records, and lists of channel, type and value.
//!
//! ```text
//!  payload --encoding--> bytes --[device] [time] [[value]]--> one group
//!                          |------[[repeat]] at, size, count--> a group each: own time, or a step from a base
//!                          '------[items] key (length) data --> the group of the payload, or an own time
//! ```
//! [`Layout::read`] checks everything that does not depend on a payload: sizes, bits, keys, and that
//! a record's fields lie within it. What does depend on it is a bad part of the uplink that says which
//! value, at which byte, how many are needed and how many are there; what was read before is kept.
//! Without its device or its time, nothing of an uplink can be used.
mod field;
mod frame;
mod layout;
mod list;
mod read;
mod records;
mod shape;
mod tracer;
mod walk;

use super::inner::{self, Inner};
use super::reading::Reading;
use super::{Around, Trace};
use crate::codecs::{Decoded, Fault, Group, Reason, Sample, SentTime};
use crate::model::settings::Section;
use frame::Frame;
use layout::{Clock, Event, Items, Name, Repeat, Value, When, Within};
use shape::Shape;
use std::borrow::Cow;
use tracer::Tracer;
use walk::{At, Walk};

/// A checked layout of bytes.
#[derive(Debug)]
pub(super) struct Layout {
    encoding: Encoding,
    /// What every frame of it has.
    when: When,
    device: Option<Name>,
    time: Option<Clock>,
    values: Box<[Value]>,
    repeats: Box<[Repeat]>,
    items: Option<Items>,
    events: Box<[Event]>,
    within: Option<Within>,
}

/// How the bytes travel in a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    /// Hex, where there are only digits of it, as MQTT bridges send it; else bytes.
    Auto,
    Bytes,
    Hex,
    Base64,
}

impl Encoding {
    fn decode(self, payload: &[u8]) -> Result<Cow<'_, [u8]>, Fault> {
        match self {
            Self::Auto => {
                let text = payload.trim_ascii();
                let is_hex = !text.is_empty() && text.iter().all(u8::is_ascii_hexdigit);
                if is_hex && text.len().is_multiple_of(2) {
                    return inner::hex(text).map(Cow::Owned);
                }
                Ok(Cow::Borrowed(payload))
            }
            Self::Bytes => Ok(Cow::Borrowed(payload)),
            Self::Hex => inner::hex(payload).map(Cow::Owned),
            Self::Base64 => inner::base64(payload).map(Cow::Owned),
        }
    }
}

impl Layout {
    /// Reads every key of the file's top level that a layout has: `encoding`, `endian`, `when`,
    /// `[device]`, `[time]`, `[[value]]`, `[[repeat]]`, `[items]`, `[[item]]`, `[[event]]` and `[inner]`. Mistakes
    /// go to the section's problems.
    pub(super) fn read(top: &mut Section<'_>, reading: Reading<'_>) -> Self {
        let encoding = match top.word("encoding", &["bytes", "hex", "base64", "auto"]) {
            Some("auto") => Encoding::Auto,
            Some("hex") => Encoding::Hex,
            Some("base64") => Encoding::Base64,
            _ => Encoding::Bytes,
        };
        let shape = Shape {
            reading,
            little: read::little(top, false),
            size: None,
            at: None,
        };
        let layout = Self {
            encoding,
            when: shape.when(top),
            device: shape.name_of(top),
            time: shape.clock_of(top, "time"),
            values: shape.values(top),
            repeats: shape.repeats(top),
            items: shape.items(top),
            events: shape.events(top),
            within: shape.within(top),
        };
        if layout.values() == 0 && layout.events.is_empty() && layout.within.is_none() {
            top.problem(
                "value",
                "",
                "the profile has no value, event or inner payload",
            );
        }
        layout
    }

    /// `[inner]`, where it has one.
    pub(super) fn inner(&self) -> Option<&Inner> {
        self.within.as_ref().map(|within| &within.inner)
    }

    /// How many values it names, those of records included.
    pub(super) fn values(&self) -> usize {
        let items = self.items.iter().flat_map(|items| &items.list);
        let items = items.map(|item| item.values.len());
        let repeats = self.repeats.iter().map(|repeat| repeat.values.len());
        self.values.len() + repeats.chain(items).sum::<usize>()
    }

    /// Decodes a payload into `out`, which is empty.
    ///
    /// # Errors
    /// Nothing of it can be used.
    pub(super) fn decode<'a>(
        &'a self,
        payload: &'a [u8],
        around: Around<'a>,
        out: &mut Decoded<'a>,
    ) -> Result<(), Fault> {
        let bytes = self.encoding.decode(payload)?;
        self.walk(&bytes, around, out, None)?;
        if !out.devices.is_empty() {
            let places = together(out);
            if let Some(trace) = &mut out.trace {
                trace.moved(|sample| places.get(sample).copied().unwrap_or(sample));
            }
        }
        Ok(())
    }

    /// Every byte of a payload: what it became, or that it was ignored. The bytes are those behind
    /// `encoding`.
    pub(super) fn trace(&self, payload: &[u8], around: Around<'_>) -> Trace {
        let mut tracer = Tracer::default();
        let bytes = match self.encoding.decode(payload) {
            Ok(bytes) => bytes,
            Err(fault) => {
                tracer.refused(0..payload.len(), &fault);
                return tracer.finish(payload, &[]);
            }
        };
        let profile_of = |name: &str| (around.profile_of)(name);
        let around = Around {
            limits: around.limits,
            profiles: around.profiles,
            profile_of: &profile_of,
        };
        let mut out = Decoded::default();
        if let Err(fault) = self.walk(&bytes, around, &mut out, Some(&mut tracer)) {
            tracer.refused(bytes.len()..bytes.len(), &fault);
        }
        let places = together(&mut out);
        tracer.finish(&bytes, &places)
    }

    fn walk<'a>(
        &'a self,
        bytes: &[u8],
        around: Around<'a>,
        out: &mut Decoded<'a>,
        tracer: Option<&mut Tracer>,
    ) -> Result<(), Fault> {
        let frame = Frame::new(bytes);
        let mut walk = Walk::new(around.limits, out, tracer);
        match walk.holds(&self.when, frame) {
            Ok(true) => {}
            Ok(false) => {
                let sentence = "the payload is no frame of this profile: its `when` does not hold";
                return Err(Fault::whole(Reason::NotUnderstood, sentence));
            }
            Err(short) => return Err(Fault::whole(Reason::Truncated, short.to_string())),
        }
        if let Some(name) = &self.device {
            let [device, via] = walk.names(name, frame).map_err(|fault| whole(&fault))?;
            walk.out.sender = device;
            walk.out.via = via;
        }
        let time = match &self.time {
            Some(clock) => walk.time(clock, frame).map_err(|fault| whole(&fault))?,
            None => SentTime::Absent,
        };
        let group = walk.out.open(Group {
            time: time.clone(),
            ..Group::default()
        });
        walk.values(&self.values, frame, At { group, index: 0 })?;
        if let Some(items) = &self.items {
            walk.items(items, frame, group)?;
        }
        for repeat in &self.repeats {
            walk.repeat(repeat, frame, &time)?;
        }
        for event in &self.events {
            walk.event(event, frame, group);
        }
        if let Some(within) = &self.within
            && let Some(part) = walk.within(within, frame)
        {
            within.inner.decode(part.bytes(), group, around, walk.out);
        }
        if out.samples.is_empty() && out.faults.is_empty() && out.notes.is_empty() {
            let sentence = format!("the {} bytes have no reading by this profile", bytes.len());
            return Err(Fault::whole(Reason::NoReadings, sentence));
        }
        Ok(())
    }
}

/// What nothing can be used without.
fn whole(fault: &Fault) -> Fault {
    Fault::whole(
        fault.reason,
        format!("`{}`: {}", fault.part, fault.sentence),
    )
}

/// Puts the samples of each device together; gives the new place of each sample.
fn together(out: &mut Decoded<'_>) -> Vec<usize> {
    let device = |sample: &Sample<'_>| out.group(sample.group).and_then(|group| group.device);
    let keys: Vec<Option<u32>> = out.samples.iter().map(device).collect();
    let mut order: Vec<usize> = (0..keys.len()).collect();
    if keys.is_sorted() {
        return order;
    }
    order.sort_by_key(|at| (keys.get(*at).copied().flatten(), *at));
    let mut places = vec![0; order.len()];
    for (to, from) in order.iter().enumerate() {
        if let Some(place) = places.get_mut(*from) {
            *place = to;
        }
    }
    let mut samples: Vec<Option<Sample<'_>>> = std::mem::take(&mut out.samples)
        .into_iter()
        .map(Some)
        .collect();
    let moved = order
        .iter()
        .filter_map(|from| samples.get_mut(*from)?.take());
    out.samples = moved.collect();
    places
}

#[cfg(test)]
mod tests;
