//! Cuts the data of one answer into values.
use super::bcd::{self, Bcd};
use super::data::{Data, Field, hex};
use super::event;
use super::frame;
use super::item::{Item, MINUTE, Quantity};
use super::labels::Labels;
use super::show;
use super::status;
use crate::codecs::{Decoded, Fault, Group, Note, Reason, Sample, Sent, SentTime};
use crate::model::proto::Severity;
use std::borrow::Cow;

/// Stands between the parts of a block or behind the last: no decimal number begins with it.
pub(super) const SEPARATOR: u8 = 0xaa;

/// One answer of a meter, and where its readings go.
pub(super) struct Reader<'r, 'o> {
    pub(super) payload: &'r [u8],
    pub(super) data: Data,
    pub(super) out: &'r mut Decoded<'o>,
    /// Of the meter.
    pub(super) device: Option<u32>,
    /// The one that values without a time of their own lie in.
    pub(super) group: u32,
    /// `00010000`, for sentences.
    pub(super) di: String,
    /// Later parts of the data are missing: what is left over at the end is no further fault.
    pub(super) is_cut: bool,
    /// Something was left behind the last whole value.
    pub(super) has_rest: bool,
    /// Alarms that are set, and the words that said so.
    alarms: Vec<(String, String)>,
}

impl<'r, 'o> Reader<'r, 'o> {
    pub(super) fn new(
        payload: &'r [u8],
        data: Data,
        out: &'r mut Decoded<'o>,
        device: Option<u32>,
        di: String,
    ) -> Self {
        let group = out.open(Group {
            device,
            ..Group::default()
        });
        Self {
            payload,
            data,
            out,
            device,
            group,
            di,
            is_cut: false,
            has_rest: false,
            alarms: Vec::new(),
        }
    }

    /// Opens a group of a time; values of now stay in that of the answer.
    pub(super) fn open(&mut self, time: Option<String>) -> u32 {
        self.out.open(Group {
            device: self.device,
            time: sent_time(time),
            ..Group::default()
        })
    }

    /// Sets the answer's time.
    pub(super) fn set_time(&mut self, time: String) {
        let at = usize::try_from(self.group).unwrap_or(usize::MAX);
        if let Some(group) = self.out.groups.get_mut(at) {
            group.time = SentTime::Text(Cow::Owned(time));
        }
    }

    /// Reads items until no bytes are left; what is left behind the last whole one is a fault. Some meters end
    /// a block with AA.
    pub(super) fn items(&mut self, items: &[Item]) {
        // Of a value that is longer than it should be nobody knows which bytes it is.
        let is_other = matches!(items, [one] if self.data.left() > one.width());
        for item in items.iter().filter(|_| !is_other) {
            if self.data.left() < item.width() {
                break;
            }
            self.item(item);
        }
        if items.len() > 1 && self.data.rest() == [SEPARATOR] {
            self.block_end();
        }
        let width: usize = items.iter().map(Item::width).sum();
        if items.len() > 1 && self.data.left() > 0 && self.data.taken() >= width {
            self.beyond();
        }
        self.leftover();
        self.finish();
    }

    /// Reads one item, whose bytes are there.
    pub(super) fn item(&mut self, item: &Item) {
        let Some(field) = self.data.take(item.width()) else {
            return;
        };
        match item {
            Item::Number(quantity, labels) => {
                self.number(field, quantity, *labels, self.group);
            }
            Item::Demand(quantity, labels) => self.demand(field, quantity, *labels),
            Item::Status(word) => self.status(field, *word),
            Item::Date => self.digits(field, "meter_date"),
            Item::Time => self.digits(field, "meter_time"),
            Item::Clock => self.digits(field, "meter_clock"),
            Item::Digits { metric, .. } => self.digits(field, metric),
            Item::Setting { words, .. } => self.show(field, words, None, "a setting"),
        }
    }

    /// A number of a group.
    pub(super) fn number(&mut self, field: Field, quantity: &Quantity, labels: Labels, group: u32) {
        let value = match bcd::read(self.data.bytes(field), quantity.is_signed) {
            Bcd::Absent => Sent::Null,
            Bcd::Whole(whole) => {
                let (value, text) = bcd::decimal(whole, quantity.decimals);
                Sent::Number(value, Cow::Owned(text))
            }
            Bcd::Invalid(at) => return self.invalid(field, at, quantity.metric, group),
        };
        if self.out.trace.is_some() {
            let note = match &value {
                Sent::Null => labels.words("not available"),
                _ => labels.words(""),
            };
            self.show(field, quantity.metric, Some(self.out.samples.len()), &note);
        }
        let digits = u8::try_from(quantity.width * 2).unwrap_or(u8::MAX);
        self.out.samples.push(Sample {
            group,
            item: None,
            metric: Cow::Borrowed(quantity.metric),
            value,
            unit: Cow::Borrowed(quantity.unit),
            labels: labels.list(),
            origin: None,
            digits: quantity.is_register.then_some((digits, quantity.decimals)),
        });
    }

    /// A stored demand that says when it was has no place among the periods: the next one moves it on.
    fn demand(&mut self, field: Field, quantity: &Quantity, mut labels: Labels) {
        let value = Data::part(field, 0, quantity.width);
        let minute = Data::part(field, quantity.width, MINUTE);
        let time = bcd::minute(self.data.bytes(minute));
        let became = show::time(time.as_deref());
        if time.is_some() {
            labels.storage = 0;
        }
        let group = self.open(time);
        self.number(value, quantity, labels, group);
        self.show(minute, &became, None, "");
    }

    /// Digits that are a text: a date, an address.
    fn digits(&mut self, field: Field, metric: &'static str) {
        let bytes = self.data.bytes(field);
        if let Bcd::Invalid(at) = bcd::read(bytes, false) {
            return self.invalid(field, at, metric, self.group);
        }
        let is_set = bytes.iter().any(|byte| *byte != 0xff);
        let is_zero = bytes.iter().all(|byte| *byte == 0);
        let text = match (metric, bytes) {
            ("meter_date", &[_, day, month, year]) => bcd::date(day, month, year),
            ("meter_time", &[second, minute, hour]) => bcd::time(second, minute, hour),
            ("meter_clock", &[second, minute, hour, _, day, month, year]) => {
                let date = bcd::date(day, month, year);
                let time = bcd::time(second, minute, hour);
                date.zip(time).map(|(date, time)| format!("{date}T{time}"))
            }
            _ => is_set.then(|| frame::digits(bytes)),
        };
        if text.is_none() && is_set && !is_zero {
            return self.no_time(field, metric);
        }
        if let Some(clock) = text.as_ref().filter(|_| metric == "meter_clock") {
            self.set_time(clock.clone());
        }
        self.words(field, metric, text, Labels::default());
    }

    /// A text; `None`: the meter has none.
    pub(super) fn words(
        &mut self,
        field: Field,
        metric: &'static str,
        text: Option<String>,
        labels: Labels,
    ) {
        let note = if text.is_some() { "" } else { "not set" };
        let value = text.map_or(Sent::Null, |text| Sent::Text(Cow::Owned(text)));
        self.show(field, metric, Some(self.out.samples.len()), note);
        self.push(metric, value, labels);
    }

    /// A value that is no number, in the answer's group.
    pub(super) fn push(&mut self, metric: &'static str, value: Sent<'o>, labels: Labels) {
        self.out.samples.push(Sample {
            group: self.group,
            item: None,
            metric: Cow::Borrowed(metric),
            value,
            unit: Cow::Borrowed(""),
            labels: labels.list(),
            origin: None,
            digits: None,
        });
    }

    fn status(&mut self, field: Field, word: u8) {
        let first = self.out.samples.len();
        let Ok(bits) = <[u8; 2]>::try_from(self.data.bytes(field)) else {
            return;
        };
        let bits = (bits != [0xff; 2]).then(|| u16::from_le_bytes(bits));
        for flag in status::flags(word, bits) {
            if flag.is_alarm {
                let di = format!("{:08x}", 0x0400_0500 + u32::from(word));
                self.alarms.push((flag.key(), di));
            }
            self.push(flag.metric, flag.value(), Labels::of_phase(flag.phase));
        }
        let became = format!("status word {word}");
        self.show(field, &became, Some(first), &status::words(word, bits));
    }

    /// The event of the alarms that are set.
    pub(super) fn finish(&mut self) {
        if self.alarms.is_empty() {
            return;
        }
        let mut words: Vec<String> = Vec::new();
        let mut detail = Vec::new();
        for (key, word) in self.alarms.drain(..) {
            if words.last() != Some(&word) {
                words.push(word);
            }
            detail.push((Cow::Owned(key), Cow::Borrowed("true")));
        }
        detail.push((Cow::Borrowed("word"), Cow::Owned(words.join(" "))));
        self.out.notes.push(Note {
            group: self.group,
            name: Cow::Borrowed(event::ALARM),
            severity: Severity::Warning,
            detail,
        });
    }

    /// Takes the AA that ends a block.
    pub(super) fn block_end(&mut self) {
        if let Some(field) = self.data.take(1) {
            self.show(field, "end of the block", None, "");
        }
    }

    /// What is left, behind all of a block that is known.
    pub(super) fn beyond(&mut self) {
        let (left, bytes) = (self.data.left(), hex(self.data.rest()));
        let sentence = format!("{left} bytes, {bytes}, behind what is known of the block");
        self.fault(Reason::UnknownIdentifier, sentence);
        self.has_rest = true;
        self.is_cut = true;
    }

    /// What is left, behind the last whole value.
    pub(super) fn leftover(&mut self) {
        let left = self.data.left();
        let Some(field) = self.data.take(left).filter(|_| left > 0) else {
            return;
        };
        self.has_rest = true;
        let place = self.data.place(field, 0);
        let bytes = hex(self.data.bytes(field));
        if !self.is_cut {
            let sentence =
                format!("{left} bytes from byte {place} on, {bytes}, are no whole value");
            self.fault(Reason::Truncated, sentence);
        }
        let note = if self.is_cut {
            "not read"
        } else {
            "no whole value"
        };
        self.show(field, "", None, note);
    }

    fn invalid(&mut self, field: Field, at: usize, metric: &'static str, group: u32) {
        let bytes = hex(self.data.bytes(field));
        let byte = self.data.bytes(field).get(at).copied().unwrap_or_default();
        let sentence = format!(
            "{bytes}, at byte {}: {byte:02x} at byte {} is no pair of decimal digits",
            self.data.place(field, 0),
            self.data.place(field, at)
        );
        self.show(field, metric, None, &sentence);
        let part = self.out.place_of(group, metric, None);
        self.out
            .faults
            .push(Fault::part(Reason::InvalidBcd, part, sentence));
    }

    /// Decimal digits that are no date or time. All zeros and all FF are not set.
    fn no_time(&mut self, field: Field, metric: &'static str) {
        let bytes = hex(self.data.bytes(field));
        let sentence = format!(
            "{bytes}, at byte {}, is no date or time",
            self.data.place(field, 0)
        );
        self.show(field, metric, None, &sentence);
        let part = self.out.place_of(self.group, metric, None);
        self.out
            .faults
            .push(Fault::part(Reason::ImplausibleTime, part, sentence));
    }

    /// A fault of the answer.
    pub(super) fn fault(&mut self, reason: Reason, sentence: String) {
        let part = self.out.place_of(self.group, &self.di, None);
        self.out.faults.push(Fault::part(reason, part, sentence));
    }

    /// A field for who looks.
    pub(super) fn show(&mut self, field: Field, became: &str, sample: Option<usize>, note: &str) {
        if self.out.trace.is_some() {
            let pieces = show::field(self.payload, &self.data, field, became, sample, note);
            for piece in pieces {
                self.out.show(|| piece);
            }
        }
    }
}

fn sent_time<'a>(time: Option<String>) -> SentTime<'a> {
    time.map_or(SentTime::Absent, |time| SentTime::Text(Cow::Owned(time)))
}
