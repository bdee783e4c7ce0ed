//! One APDU, and where what it says goes.
use super::apdu::{Apdu, Cursor};
use super::data::{Bad, Item, Value};
use super::object::Oad;
use crate::codecs::frames::hex;
use crate::codecs::{Decoded, Fault, Group, Note, Reason, Sample, Sent, SentTime, Spot, Traced};
use crate::model::proto::Severity;
use std::borrow::Cow;
use std::ops::Range;

/// What is sent where nobody is to see it: passwords, keys.
pub(super) const HIDDEN: &str = "(not shown)";
/// Names and values of an event.
pub(super) type Detail = Vec<(Cow<'static, str>, Cow<'static, str>)>;

/// Reads an APDU.
pub(super) struct Reader<'r, 'o> {
    pub(super) payload: &'r [u8],
    pub(super) apdu: &'r Apdu,
    pub(super) cursor: Cursor<'r>,
    pub(super) out: &'r mut Decoded<'o>,
    /// First byte of its frame, in the payload.
    pub(super) frame: usize,
    pub(super) device: Option<u32>,
    /// The group of what has no time of its own.
    pub(super) group: u32,
    pub(super) readings_max: usize,
    /// Bytes of the APDU that were shown: each is, once.
    shown: usize,
}

/// Where a value belongs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) group: u32,
    pub(super) freeze: Option<&'static str>,
    /// Periods back, where the time of a freeze is not known.
    pub(super) storage: u8,
}

/// A number's labels beside those of its place.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Which {
    pub(super) phase: &'static str,
    pub(super) tariff: usize,
    /// Order of a harmonic.
    pub(super) channel: usize,
}

impl Which {
    pub(super) const fn of_phase(phase: &'static str) -> Self {
        Self {
            phase,
            tariff: 0,
            channel: 0,
        }
    }
}

impl<'r, 'o> Reader<'r, 'o> {
    pub(super) fn new(
        payload: &'r [u8],
        apdu: &'r Apdu,
        frame: usize,
        device: Option<u32>,
        out: &'r mut Decoded<'o>,
    ) -> Self {
        let group = out.open(Group {
            device,
            ..Group::default()
        });
        Self {
            payload,
            apdu,
            cursor: Cursor::new(&apdu.bytes),
            out,
            frame,
            device,
            group,
            readings_max: usize::MAX,
            shown: 0,
        }
    }

    /// Shows bytes of the APDU: once for each frame that they lie in.
    pub(super) fn show(
        &mut self,
        range: Range<usize>,
        became: &str,
        sample: Option<usize>,
        note: &str,
    ) {
        if self.out.trace.is_none() || range.start < self.shown || range.is_empty() {
            return;
        }
        self.shown = range.end;
        let meant = self.apdu.bytes.get(range.clone()).unwrap_or_default();
        for (at, place) in self.apdu.places(range.clone()).into_iter().enumerate() {
            let sent = self.payload.get(place.clone()).unwrap_or_default();
            let sent = if note == HIDDEN {
                HIDDEN.to_owned()
            } else if at == 0 && sent.len() == meant.len() && sent != meant {
                format!("{} less 33: {}", hex(sent), hex(meant))
            } else {
                hex(sent)
            };
            let first = at == 0;
            self.out.show(|| Traced {
                spot: Spot::Bytes(place),
                sent,
                became: if first {
                    became.to_owned()
                } else {
                    format!("rest of {became}")
                },
                sample: sample.filter(|_| first),
                note: note.to_owned(),
            });
        }
    }

    /// Shows all that is left, and reads no further.
    pub(super) fn rest(&mut self, became: &str, hidden: bool) {
        let from = self.cursor.at();
        let left = self.cursor.left();
        if self.cursor.take(left).is_ok() {
            let note = if hidden { HIDDEN } else { "" };
            self.show(from..from + left, became, None, note);
        }
    }

    /// A fault of the frame as a whole.
    pub(super) fn fault(&mut self, reason: Reason, sentence: impl Into<String>) {
        let part = format!("frame at byte {}", self.frame);
        self.out.faults.push(Fault::part(reason, part, sentence));
    }

    /// The fault of what cannot be read: what came before it is kept, what follows is shown and left.
    pub(super) fn bad(&mut self, bad: &Bad) {
        let sentence = format!("byte {}: {}", self.apdu.place(bad.at), bad.what);
        self.fault(bad.reason, sentence.clone());
        self.unread(&sentence);
    }

    /// Shows what nobody has read.
    pub(super) fn unread(&mut self, why: &str) {
        self.show(self.shown..self.apdu.bytes.len(), "", None, why);
    }

    /// An event of the meter.
    pub(super) fn note(&mut self, name: &'static str, severity: Severity, detail: Detail) {
        self.out.notes.push(Note {
            group: self.group,
            name: Cow::Borrowed(name),
            severity,
            detail,
        });
    }

    /// The event of a record without rows.
    pub(super) fn nothing(&mut self, of: Oad) {
        let detail = vec![
            (Cow::Borrowed("function"), Cow::Borrowed("read")),
            (Cow::Borrowed("oad"), Cow::Owned(of.to_string())),
            (Cow::Borrowed("words"), Cow::Borrowed("no rows")),
        ];
        self.note("meter_answer", Severity::Info, detail);
    }

    /// Are there more readings than one uplink may have?
    pub(super) fn is_full(&self) -> bool {
        self.out.samples.len() > self.readings_max
    }

    /// Opens a group of a time.
    pub(super) fn open(&mut self, device: Option<u32>, time: Option<String>) -> u32 {
        self.out.open(Group {
            device,
            time: sent_time(time),
            ..Group::default()
        })
    }

    /// A value that is no number.
    pub(super) fn push(
        &mut self,
        metric: &'static str,
        value: Sent<'o>,
        phase: &'static str,
        place: Place,
    ) {
        self.out.samples.push(Sample {
            group: place.group,
            item: None,
            metric: Cow::Borrowed(metric),
            value,
            unit: Cow::Borrowed(""),
            labels: labels(Which::of_phase(phase), place),
            origin: None,
            digits: None,
        });
    }

    /// A value that is read elsewhere, or of no use.
    pub(super) fn ignored(&mut self, what: &str, item: &Item) {
        let became = match &item.value {
            Value::Time(time) => shown(time.as_deref()),
            Value::Bytes(bytes) if what.is_empty() => format!("address {}", digits(bytes)),
            _ => String::new(),
        };
        self.show(item.at.clone(), &became, None, what);
    }

    pub(super) fn wrong(
        &mut self,
        item: &Item,
        metric: &str,
        place: Place,
        reason: Reason,
        what: &str,
    ) {
        let at = self.apdu.place(item.at.start);
        let sentence = format!("{what}, at byte {at}");
        self.show(item.at.clone(), "", None, &sentence);
        let part = self.out.place_of(place.group, metric, None);
        self.out.faults.push(Fault::part(reason, part, sentence));
    }

    pub(super) fn device_of(&self, group: u32) -> Option<u32> {
        self.out.group(group).and_then(|group| group.device)
    }
}

pub(super) fn labels<'a>(which: Which, place: Place) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
    let mut list = Vec::new();
    if !which.phase.is_empty() {
        list.push((Cow::Borrowed("phase"), Cow::Borrowed(which.phase)));
    }
    if let Some(freeze) = place.freeze {
        list.push((Cow::Borrowed("freeze"), Cow::Borrowed(freeze)));
    }
    if which.tariff > 0 {
        let tariff = Cow::Owned(which.tariff.to_string());
        list.push((Cow::Borrowed("tariff"), tariff));
    }
    if which.channel > 0 {
        let channel = Cow::Owned(which.channel.to_string());
        list.push((Cow::Borrowed("channel"), channel));
    }
    if place.storage > 0 {
        let storage = Cow::Owned(place.storage.to_string());
        list.push((Cow::Borrowed("storage"), storage));
    }
    list
}

/// `time 2007-09-12T11:41:32`.
pub(super) fn shown(time: Option<&str>) -> String {
    time.map_or_else(|| "time: not set".to_owned(), |time| format!("time {time}"))
}

fn sent_time<'a>(time: Option<String>) -> SentTime<'a> {
    time.map_or(SentTime::Absent, |time| SentTime::Text(Cow::Owned(time)))
}

/// Two digits a byte, in the order of the bytes.
pub(super) fn digits(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}
