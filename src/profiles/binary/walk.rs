//! A walk over a payload by a layout.
//!
//! Every loop takes at least one byte of the payload per turn, and at most [`Limits::readings_max`]
//! turns. What a profile looks at is counted as well ([`LOOKS_PER_READING`]): a list of a thousand
//! records with five hundred conditional values each is refused, not worked through.
use super::field::{Bad, Field};
use super::frame::{Frame, Short, hex};
use super::layout::{Clock, Event, Name, Value, When, Within};
use super::tracer::Tracer;
use crate::codecs::{Decoded, Fault, Limits, Note, Reason, Sent, SentTime, too_many};
use crate::profiles::map::{Labels, Place, as_text};
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// Fields that a profile may look at, on average, for each reading that an uplink may have.
const LOOKS_PER_READING: usize = 64;
/// And for an uplink of few.
const LOOKS_MIN: usize = 4_096;

/// What is in hand during a walk.
pub(super) struct Walk<'w, 'a> {
    pub(super) limits: Limits,
    /// Fields that may still be looked at.
    looks: usize,
    pub(super) out: &'w mut Decoded<'a>,
    pub(super) tracer: Option<&'w mut Tracer>,
}

/// Where a value stands.
#[derive(Clone, Copy)]
pub(super) struct At {
    pub(super) group: u32,
    /// The record's place, from 0.
    pub(super) index: u32,
}

impl<'w, 'a> Walk<'w, 'a> {
    pub(super) fn new(
        limits: Limits,
        out: &'w mut Decoded<'a>,
        tracer: Option<&'w mut Tracer>,
    ) -> Self {
        let looks = limits.readings_max.saturating_mul(LOOKS_PER_READING);
        Self {
            limits,
            looks: looks.max(LOOKS_MIN),
            out,
            tracer,
        }
    }

    pub(super) fn look(&mut self, fields: usize) -> Result<(), Fault> {
        match self.looks.checked_sub(fields) {
            Some(left) => {
                self.looks = left;
                Ok(())
            }
            None => Err(too_many(self.limits)),
        }
    }

    pub(super) fn traced(&mut self, range: Range<usize>, sent: &Sent<'_>, became: &str) {
        if let Some(tracer) = &mut self.tracer {
            tracer.became(range, sent, became);
        }
    }

    pub(super) fn refused(&mut self, fault: Fault, range: Range<usize>) {
        if let Some(tracer) = &mut self.tracer {
            tracer.refused(range, &fault);
        }
        self.out.faults.push(fault);
    }

    /// Do all hold? A frame that ends before one is too short to tell.
    pub(super) fn holds(&mut self, when: &When, frame: Frame<'_>) -> Result<bool, Short> {
        for condition in when {
            match condition.source.read(frame) {
                Ok((sent, range)) => {
                    self.traced(range, &sent, "condition");
                    if !condition.holds(Some(&sent)) {
                        return Ok(false);
                    }
                }
                Err(Bad::Short(short)) => return Err(short),
                Err(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The names of the device and of who carried it.
    pub(super) fn names(
        &mut self,
        name: &Name,
        frame: Frame<'_>,
    ) -> Result<[Option<Cow<'a, str>>; 2], Fault> {
        let device = self.name(name, &name.field, frame, "device")?;
        let via = match &name.via {
            Some(field) => self.name(name, field, frame, "via")?,
            None => None,
        };
        let via = via.filter(|via| device.as_ref() != Some(via));
        Ok([device, via])
    }

    fn name(
        &mut self,
        name: &Name,
        field: &Field,
        frame: Frame<'_>,
        part: &str,
    ) -> Result<Option<Cow<'a, str>>, Fault> {
        match field.read(frame) {
            Ok((sent, range)) => {
                self.traced(range, &sent, part);
                Ok(name.naming.name(sent))
            }
            Err(bad) => Err(Fault::part(bad.reason(), part, bad.to_string())),
        }
    }

    /// A time; what is none is sent on as it is, for intake to judge.
    pub(super) fn time(&mut self, clock: &Clock, frame: Frame<'_>) -> Result<SentTime<'a>, Fault> {
        let (sent, range) = match clock.field.read(frame) {
            Ok(read) => read,
            Err(Bad::Nibble { bytes, .. }) => {
                let range = clock.field.part(frame).map_or(0..0, Frame::range);
                (Sent::Text(Cow::Owned(bytes)), range)
            }
            // A flash that was never written, for one: no clock, and no reason to lose the readings.
            Err(Bad::NotUtf8 { .. }) => {
                let part = clock.field.part(frame).unwrap_or_else(|_| frame.empty());
                let bytes = hex(part.bytes().iter().copied());
                (Sent::Text(Cow::Owned(bytes)), part.range())
            }
            Err(bad) => return Err(Fault::part(bad.reason(), "time", bad.to_string())),
        };
        self.traced(range, &sent, "time");
        Ok(clock.rule.sent(sent))
    }

    /// `[[value]]`s of one frame.
    pub(super) fn values(
        &mut self,
        values: &'a [Value],
        frame: Frame<'_>,
        at: At,
    ) -> Result<(), Fault> {
        for value in values {
            self.look(1 + value.when.len() + value.labels.len())?;
            match self.sent(value, frame) {
                Ok(Some((sent, labels, range))) => self.push(value, sent, labels, range, at)?,
                Ok(None) => {}
                Err((bad, label)) => {
                    // Each costs a sentence, so they are bounded as readings are.
                    if self.out.faults.len() >= self.limits.readings_max {
                        return Err(too_many(self.limits));
                    }
                    let mut sentence = bad.to_string();
                    if let Some(label) = label {
                        sentence = format!("label `{label}`: {sentence}");
                    }
                    let part = self.out.place_of(at.group, value.map.metric(), None);
                    let range = bad.range(&value.field, frame);
                    self.refused(Fault::part(bad.reason(), part, sentence), range);
                }
            }
        }
        Ok(())
    }

    /// What was sent; `None`: nothing, and rightly so.
    #[expect(
        clippy::type_complexity,
        reason = "the parts of one value, and of its fault"
    )]
    fn sent(
        &mut self,
        value: &Value,
        frame: Frame<'_>,
    ) -> Result<Option<(Sent<'a>, Labels<'a>, Range<usize>)>, (Bad, Option<&'static str>)> {
        if value.optional && value.field.is_behind(frame) {
            return Ok(None);
        }
        match self.holds(&value.when, frame) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(_) if value.optional => return Ok(None),
            Err(short) => return Err((short.into(), None)),
        }
        let (sent, range) = match value.field.read(frame) {
            Ok(read) => read,
            Err(bad) => match bad.as_none(value) {
                Some(sent) => (sent, value.field.part(frame).map_or(0..0, Frame::range)),
                None => return Err((bad, None)),
            },
        };
        let mut labels = Labels::new();
        for (name, field) in &value.labels {
            match field.read(frame) {
                Ok((sent, range)) => {
                    if self.tracer.is_some() {
                        self.traced(range, &sent, &format!("label {name}"));
                    }
                    labels.extend(as_text(sent).map(|text| (Cow::Borrowed(*name), text)));
                }
                Err(bad) => return Err((bad, Some(name))),
            }
        }
        Ok(Some((sent, labels, range)))
    }

    fn push(
        &mut self,
        value: &'a Value,
        sent: Sent<'a>,
        labels: Labels<'a>,
        range: Range<usize>,
        at: At,
    ) -> Result<(), Fault> {
        let spot = Bytes(&range);
        let place = Place {
            group: at.group,
            item: None,
            index: at.index,
            spot: &spot,
        };
        let Some(tracer) = &mut self.tracer else {
            return value.map.push(sent, labels, &place, self.limits, self.out);
        };
        let shown = sent.clone();
        let before = self.out.samples.len();
        let faults = self.out.faults.len();
        value
            .map
            .push(sent, labels, &place, self.limits, self.out)?;
        if self.out.samples.len() > before {
            tracer.sample(range, &shown, value.map.metric(), before);
        } else if let Some(fault) = self.out.faults.list().get(faults) {
            tracer.refused(range, fault);
        } else {
            tracer.skipped(range, &shown, value.map.metric());
        }
        Ok(())
    }

    /// The bytes of `[inner]`; `None`: there are none, and rightly so.
    pub(super) fn within<'f>(&mut self, within: &Within, frame: Frame<'f>) -> Option<Frame<'f>> {
        let found = self.inner_bytes(within, frame);
        match found {
            Ok(found) => found,
            Err(bad) => {
                let fault = Fault::part(bad.reason(), "inner", bad.to_string());
                self.out.faults.push(fault);
                None
            }
        }
    }

    fn inner_bytes<'f>(
        &mut self,
        within: &Within,
        frame: Frame<'f>,
    ) -> Result<Option<Frame<'f>>, Bad> {
        if !self.holds(&within.when, frame)? {
            return Ok(None);
        }
        let bytes = match &within.bytes {
            Some(field) => Some(self.number(field, frame, "length of the inner payload")?),
            None => None,
        };
        let frame = frame.without_last(within.behind);
        let part = match (bytes, frame.rest(within.at)) {
            (Some(sent), _) => frame.part(within.at, count(&sent))?,
            (None, Some(rest)) => rest,
            (None, None) => frame.part(within.at, 1)?,
        };
        if let Some(tracer) = &mut self.tracer {
            tracer.inner(part.range());
        }
        Ok(Some(part))
    }

    /// `[[event]]`.
    pub(super) fn event(&mut self, event: &'a Event, frame: Frame<'_>, group: u32) {
        if self.holds(&event.when, frame) != Ok(true) {
            return;
        }
        let mut detail = Vec::new();
        for (name, field) in &event.detail {
            if let Ok((sent, range)) = field.read(frame) {
                self.traced(range, &sent, "detail of an event");
                detail.extend(as_text(sent).map(|text| (Cow::Borrowed(&**name), text)));
            }
        }
        self.out.notes.push(Note {
            group,
            name: Cow::Borrowed(&event.rule.name),
            severity: event.rule.severity,
            detail,
        });
    }
}

/// A sent number of bytes or records: 0 where it is none, and at most what fits.
pub(super) fn count(sent: &Sent<'_>) -> usize {
    match sent {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "such a cast saturates: more than fits is the most, less than 0 is 0"
        )]
        Sent::Number(number, _) => *number as usize,
        _ => 0,
    }
}

/// "byte 16", "bytes 16 to 17".
struct Bytes<'r>(&'r Range<usize>);

impl fmt::Display for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            0 | 1 => write!(f, "byte {}", self.0.start),
            _ => write!(f, "bytes {} to {}", self.0.start, self.0.end - 1),
        }
    }
}

impl Bad {
    pub(super) const fn reason(&self) -> Reason {
        match self {
            Self::Short(_) => Reason::Truncated,
            Self::Nibble { .. } => Reason::Malformed,
            Self::NotUtf8 { .. } => Reason::NotUtf8,
        }
    }

    /// A pattern that is no number, and that the profile takes for no value.
    fn as_none<'a>(&self, value: &Value) -> Option<Sent<'a>> {
        let Self::Nibble { bytes, .. } = self else {
            return None;
        };
        let sent = Sent::Text(Cow::Owned(bytes.clone()));
        value.map.means_none(&sent).then_some(sent)
    }

    /// The bytes that a trace shows.
    fn range(&self, field: &Field, frame: Frame<'_>) -> Range<usize> {
        match self {
            Self::Short(short) => {
                let from = usize::try_from(short.at).unwrap_or(frame.start());
                let from = from.clamp(frame.start(), frame.end());
                from..frame.end().min(from + short.have)
            }
            _ => field.part(frame).map_or(0..0, Frame::range),
        }
    }
}
