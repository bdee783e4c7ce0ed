//! One APDU, and where what it says goes.
use super::apdu::{Apdu, Cursor};
use super::data::{Bad, Item, Value};
use super::object::{NEUTRAL_CURRENT, Oad, Object, Quantity, named};
use super::status;
use crate::codecs::frames::hex;
use crate::codecs::{Decoded, Fault, Group, Note, Reason, Sample, Sent, SentTime, Spot, Traced};
use crate::model::proto::Severity;
use std::borrow::Cow;
use std::ops::Range;

/// What is sent where nobody is to see it: passwords, keys.
pub(super) const HIDDEN: &str = "(not shown)";
/// Phases of an array, in order.
const PHASES: [&str; 3] = ["a", "b", "c"];
/// Tariffs behind the total.
const TARIFFS_MAX: usize = 63;
/// Elements of an array of harmonics, with their total.
const HARMONICS_MAX: usize = 63;

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
struct Which {
    phase: &'static str,
    tariff: usize,
    /// Order of a harmonic.
    channel: usize,
}

impl Which {
    const fn of_phase(phase: &'static str) -> Self {
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

    /// Makes readings of the value of an OAD.
    pub(super) fn value(&mut self, oad: Oad, item: &Item, place: Place) {
        let Some(object) = named(oad) else {
            let bytes = self.apdu.bytes.get(item.at.clone()).unwrap_or_default();
            let sentence = format!(
                "no such object is read; byte {}: {}",
                self.apdu.place(item.at.start),
                hex(bytes)
            );
            let part = self.out.place_of(place.group, &oad.to_string(), None);
            self.show(item.at.clone(), "", None, &format!("{oad} is not read"));
            self.out
                .faults
                .push(Fault::part(Reason::UnknownIdentifier, part, sentence));
            return;
        };
        match object {
            Object::One(quantity) => self.number(&quantity, item, Which::default(), place),
            Object::Clock => self.clock(item, place),
            Object::Words(metric) => self.words(metric, item, place),
            Object::RecordTime | Object::RecordOf => self.ignored("", item),
            Object::Ignored(what) => self.ignored(what, item),
            Object::Register(..)
            | Object::Demand(..)
            | Object::Phases(..)
            | Object::Harmonics(..)
            | Object::Status => {
                self.elements(oad, &object, item, place);
            }
        }
    }

    /// The elements of an array, or the one that the OAD names.
    fn elements(&mut self, oad: Oad, object: &Object, item: &Item, place: Place) {
        let mut first = usize::from(oad.element()).saturating_sub(1);
        let Value::List(items) = &item.value else {
            let whole = oad.element() == 0 && item.value == Value::Null;
            if let (true, Object::Phases(quantity, false)) = (whole, object) {
                for phase in PHASES {
                    self.number(quantity, item, Which::of_phase(phase), place);
                }
                return;
            }
            return self.element(object, first, item, place);
        };
        // One demand is a structure itself.
        if matches!(object, Object::Demand(..)) && is_demand(items) {
            return self.element(object, first, item, place);
        }
        self.list(item, items);
        // Some meters answer with the whole array whichever element was asked for.
        if items.len() > 1 {
            first = 0;
        }
        for (at, element) in items.iter().enumerate() {
            self.element(object, first + at, element, place);
        }
    }

    /// Shows the type and count of a list, whose elements are shown by themselves.
    fn list(&mut self, item: &Item, items: &[Item]) {
        let end = items.first().map_or(item.at.end, |first| first.at.start);
        let became = format!("list of {}", items.len());
        self.show(item.at.start..end, &became, None, "");
    }

    fn element(&mut self, object: &Object, at: usize, item: &Item, place: Place) {
        let phase = |at: usize| PHASES.get(at).copied();
        let which = match object {
            Object::Register(_, phase) | Object::Demand(_, phase) if at <= TARIFFS_MAX => {
                let which = Which::of_phase(phase);
                Some(Which {
                    tariff: at,
                    ..which
                })
            }
            // The first is all of them together, the next one the second order.
            Object::Harmonics(_, phase) if at < HARMONICS_MAX => {
                let which = Which::of_phase(phase);
                let channel = if at == 0 { 0 } else { at + 1 };
                Some(Which { channel, ..which })
            }
            Object::Phases(_, true) if at == 0 => Some(Which::default()),
            Object::Phases(_, true) => phase(at - 1).map(Which::of_phase),
            Object::Phases(..) => phase(at).map(Which::of_phase),
            _ => None,
        };
        match (object, which) {
            (
                Object::Register(quantity, _)
                | Object::Harmonics(quantity, _)
                | Object::Phases(quantity, _),
                Some(which),
            ) => {
                self.number(quantity, item, which, place);
            }
            (Object::Demand(quantity, _), Some(which)) => self.demand(quantity, item, which, place),
            (Object::Phases(quantity, false), None) if at == 3 && quantity.metric == "current" => {
                self.number(&NEUTRAL_CURRENT, item, Which::default(), place);
            }
            (Object::Status, _) if at < 7 => self.status(at, item, place),
            _ => {
                let sentence = format!("element {}: nothing says what it is", at + 1);
                self.wrong(item, "element", place, Reason::Malformed, &sentence);
            }
        }
    }

    fn number(&mut self, quantity: &Quantity, item: &Item, which: Which, place: Place) {
        let value = match &item.value {
            Value::Null => Sent::Null,
            Value::Int(whole) => {
                let text = decimal(*whole, quantity.decimals);
                // Digits with a point are a number.
                Sent::Number(text.parse().unwrap_or(f64::NAN), Cow::Owned(text))
            }
            Value::Float(number) if number.is_finite() => {
                Sent::Number(*number, Cow::Owned(number.to_string()))
            }
            Value::Float(number) => Sent::NotFinite(Cow::Owned(number.to_string())),
            other => {
                let sentence = format!("{} instead of a number", other.name());
                return self.wrong(item, quantity.metric, place, Reason::WrongType, &sentence);
            }
        };
        let note = match value {
            Sent::Null => "not available",
            _ => "",
        };
        let sample = self.out.samples.len();
        self.show(item.at.clone(), quantity.metric, Some(sample), note);
        self.out.samples.push(Sample {
            group: place.group,
            item: None,
            metric: Cow::Borrowed(quantity.metric),
            value,
            unit: Cow::Borrowed(quantity.unit),
            labels: labels(which, place),
            origin: None,
            digits: (quantity.digits > 0).then_some((quantity.digits, quantity.decimals)),
        });
    }

    /// A value and the time of its occurrence.
    fn demand(&mut self, quantity: &Quantity, item: &Item, which: Which, place: Place) {
        let parts = match &item.value {
            Value::List(parts) => parts.as_slice(),
            Value::Null => return self.number(quantity, item, which, place),
            _ => &[],
        };
        let [value, time] = parts else {
            let sentence = format!("{} instead of a value and its time", item.value.name());
            return self.wrong(item, quantity.metric, place, Reason::WrongType, &sentence);
        };
        self.list(item, parts);
        let at = match &time.value {
            Value::Time(at) => at.clone(),
            _ => None,
        };
        let became = shown(at.as_deref());
        let group = self.open(self.device_of(place.group), at);
        self.number(quantity, value, which, Place { group, ..place });
        self.show(time.at.clone(), &became, None, "");
    }

    fn status(&mut self, at: usize, item: &Item, place: Place) {
        let word = u8::try_from(at + 1).unwrap_or(u8::MAX);
        let bits = match &item.value {
            Value::Null => None,
            // The first bit that is sent is bit 0 of the word.
            Value::Bits(bytes, 16) => match bytes.as_slice() {
                [first, second] => Some(u16::from_be_bytes([*first, *second]).reverse_bits()),
                _ => None,
            },
            other => {
                let sentence = format!("{} instead of 16 bits", other.name());
                return self.wrong(item, "status_word", place, Reason::WrongType, &sentence);
            }
        };
        status::word(self, word, bits, item, place);
    }

    fn clock(&mut self, item: &Item, place: Place) {
        if let Value::Time(Some(time)) = &item.value {
            let at = usize::try_from(place.group).unwrap_or(usize::MAX);
            if let Some(group) = self.out.groups.get_mut(at) {
                group.time = SentTime::Text(Cow::Owned(time.clone()));
            }
        }
        self.words("meter_clock", item, place);
    }

    fn words(&mut self, metric: &'static str, item: &Item, place: Place) {
        let value = match &item.value {
            Value::Null | Value::Time(None) => Sent::Null,
            Value::Time(Some(text)) | Value::Text(text) => Sent::Text(Cow::Owned(text.clone())),
            Value::Bytes(bytes) => Sent::Text(Cow::Owned(digits(bytes))),
            other => {
                let sentence = format!("{} instead of a text", other.name());
                return self.wrong(item, metric, place, Reason::WrongType, &sentence);
            }
        };
        let sample = self.out.samples.len();
        self.show(item.at.clone(), metric, Some(sample), "");
        self.push(metric, value, "", place);
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

    fn wrong(&mut self, item: &Item, metric: &str, place: Place, reason: Reason, what: &str) {
        let at = self.apdu.place(item.at.start);
        let sentence = format!("{what}, at byte {at}");
        self.show(item.at.clone(), "", None, &sentence);
        let part = self.out.place_of(place.group, metric, None);
        self.out.faults.push(Fault::part(reason, part, sentence));
    }

    fn device_of(&self, group: u32) -> Option<u32> {
        self.out.group(group).and_then(|group| group.device)
    }
}

/// Is a list one demand, and no list of them?
fn is_demand(items: &[Item]) -> bool {
    matches!(items, [value, _] if !matches!(value.value, Value::List(_) | Value::Null))
}

fn labels<'a>(which: Which, place: Place) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
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

/// `-12.5` of -125 and 1.
fn decimal(whole: i128, decimals: u8) -> String {
    let places = usize::from(decimals);
    let digits = format!("{:0>1$}", whole.unsigned_abs(), places + 1);
    let (before, behind) = digits.split_at(digits.len() - places);
    let sign = if whole < 0 { "-" } else { "" };
    let point = if places > 0 { "." } else { "" };
    format!("{sign}{before}{point}{behind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact() {
        assert_eq!(decimal(2241, 1), "224.1");
        assert_eq!(decimal(-5, 3), "-0.005");
        assert_eq!(decimal(0, 2), "0.00");
        assert_eq!(decimal(7, 0), "7");
        assert_eq!(decimal(u64::MAX.into(), 4), "1844674407370955.1615");
    }
}
