//! `[[repeat]]`: records of one size, one after the other.
use super::field::{Bad, Field};
use super::frame::{Frame, Short};
use super::layout::{Count, Repeat, Timing};
use super::walk::{At, Walk, count};
use crate::codecs::{Fault, Group, Reason, Sent, SentTime, too_many};
use crate::profiles::step::moved;
use std::borrow::Cow;

/// What all records of a list have in common.
struct Records<'a> {
    /// `None`: as many as the bytes give.
    count: Option<usize>,
    base: SentTime<'a>,
    /// In nanoseconds.
    step: Option<i64>,
}

impl<'a> Walk<'_, 'a> {
    /// `[[repeat]]`: records. `time` is the payload's.
    pub(super) fn repeat(
        &mut self,
        repeat: &'a Repeat,
        frame: Frame<'_>,
        time: &SentTime<'a>,
    ) -> Result<(), Fault> {
        let Some(mut records) = self.records(repeat, frame, time)? else {
            return Ok(());
        };
        let frame = frame.without_last(repeat.behind);
        let mut rest = frame.rest(repeat.at).unwrap_or_else(|| frame.empty());
        let mut index = 0u32;
        while records.count.is_none_or(|count| (index as usize) < count) {
            if rest.len() == 0 && records.count.is_none() {
                break;
            }
            if index >= u32::try_from(self.limits.readings_max).unwrap_or(u32::MAX) {
                return Err(too_many(self.limits));
            }
            let record = match rest.part(0, repeat.size) {
                Ok(record) => record.called("record"),
                Err(short) => {
                    let sentence = match records.count {
                        Some(count) => format!("record {} of {count} {short}", index + 1),
                        None => format!("record {} {short}", index + 1),
                    };
                    let fault = Fault::part(Reason::Truncated, format!("[{index}]"), sentence);
                    self.refused(fault, rest.range());
                    break;
                }
            };
            rest = rest.behind(repeat.size);
            self.record(repeat, record, index, &mut records)?;
            index += 1;
        }
        Ok(())
    }

    /// What the payload says of all records. `None`: there are none.
    fn records(
        &mut self,
        repeat: &Repeat,
        frame: Frame<'_>,
        time: &SentTime<'a>,
    ) -> Result<Option<Records<'a>>, Fault> {
        let short = |short: Short| Fault::part(Reason::Truncated, "records", short.to_string());
        match self.holds(&repeat.when, frame) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(bad) => {
                self.out.faults.push(short(bad));
                return Ok(None);
            }
        }
        let count = match &repeat.count {
            Count::Rest => None,
            Count::Fixed(count) => Some(*count),
            Count::Sent(field) => match self.number(field, frame, "count of records") {
                Ok(sent) => Some(count(&sent)),
                Err(bad) => {
                    let fault = Fault::part(bad.reason(), "count of records", bad.to_string());
                    self.out.faults.push(fault);
                    return Ok(None);
                }
            },
        };
        let mut records = Records {
            count,
            base: time.clone(),
            step: None,
        };
        if let Timing::Steps { base, step } = &repeat.timing {
            if let Some(base) = base {
                records.base = self.time(base, frame)?;
            }
            let mut wrong = None;
            records.step = step.nanos(|field| {
                let sent = self.number(field, frame, "step");
                sent.map_err(|bad| wrong = Some(bad)).ok()
            });
            if records.step.is_none() {
                let (reason, sentence) = match wrong {
                    Some(bad) => (bad.reason(), bad.to_string()),
                    None => (
                        Reason::ImplausibleTime,
                        "is no time from one record to the next".to_owned(),
                    ),
                };
                self.out.faults.push(Fault::part(reason, "step", sentence));
                return Ok(None);
            }
            let there = frame.without_last(repeat.behind).rest(repeat.at);
            let there = there.map_or(0, Frame::len) / repeat.size.max(1);
            let number = count.map_or(there, |count| count.min(there));
            let nanos = records.step.unwrap_or_default();
            if let Some(why) = step.unreckoned(nanos, &records.base, number) {
                let fault = Fault::part(Reason::ImplausibleTime, "step", why);
                self.out.faults.push(fault);
                return Ok(None);
            }
        }
        Ok(Some(records))
    }

    pub(super) fn number(
        &mut self,
        field: &Field,
        frame: Frame<'_>,
        what: &str,
    ) -> Result<Sent<'a>, Bad> {
        let (sent, range) = field.read(frame)?;
        self.traced(range, &sent, what);
        Ok(sent)
    }

    fn record(
        &mut self,
        repeat: &'a Repeat,
        record: Frame<'_>,
        index: u32,
        records: &mut Records<'a>,
    ) -> Result<(), Fault> {
        self.look(1)?;
        let inside = |mut fault: Fault| {
            fault.part = format!("[{index}].{}", fault.part);
            fault
        };
        let time = match &repeat.timing {
            Timing::Payload => Ok(records.base.clone()),
            Timing::Own(clock) => self.time(clock, record),
            Timing::Steps { .. } => {
                let step = records.step.unwrap_or_default();
                Ok(moved(&records.base, step.saturating_mul(index.into())))
            }
        };
        let names = match &repeat.device {
            Some(name) => self.names(name, record).and_then(|names| match names {
                [None, _] => {
                    let sentence = "the record does not say which device it is of";
                    Err(Fault::part(Reason::InvalidDeviceId, "device", sentence))
                }
                names => Ok(names),
            }),
            None => Ok([None, None]),
        };
        let (time, [device, _]) = match (time, names) {
            (Ok(time), Ok(names)) => (time, names),
            (Err(fault), _) | (_, Err(fault)) => {
                self.refused(inside(fault), record.range());
                return Ok(());
            }
        };
        let device = device.map(|name| self.child(name));
        let group = self.out.open(Group {
            device,
            parent: None,
            at: Some(index),
            time,
        });
        self.values(&repeat.values, record, At { group, index })
    }

    /// The index of a device that a record names.
    fn child(&mut self, name: Cow<'a, str>) -> u32 {
        let known = self.out.devices.iter().rposition(|known| *known == name);
        let at = known.unwrap_or_else(|| {
            self.out.devices.push(name);
            self.out.devices.len() - 1
        });
        u32::try_from(at).unwrap_or(u32::MAX)
    }
}
