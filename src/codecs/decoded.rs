//! What a codec found in a payload: samples of devices at times, in the device's own words.
use super::{Faults, Trace, Traced, quote};
use crate::model::proto::Severity;
use std::borrow::Cow;

/// Most groups: every sample may have a time of its own, and empty objects have one too.
const GROUPS_MAX: usize = u32::MAX as usize;

/// A value as sent.
#[derive(Clone, Debug, PartialEq)]
pub enum Sent<'a> {
    /// A number and its text, which is empty where the format is binary.
    Number(f64, Cow<'a, str>),
    /// True or false.
    Flag(bool),
    /// A text.
    Text(Cow<'a, str>),
    /// Bytes, as base64url text without padding.
    Data(Cow<'a, str>),
    /// NaN or Infinity, which JSON does not have and some encoders write.
    NotFinite(Cow<'a, str>),
    /// The device says that it has no value.
    Null,
}

/// A time as sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SentTime<'a> {
    /// None given.
    #[default]
    Absent,
    /// Seconds or milliseconds since 1970, as decimal text.
    Number(Cow<'a, str>),
    /// A text, possibly wall time without a zone.
    Text(Cow<'a, str>),
    /// Nanoseconds since 1970.
    Unix(i64),
    /// Nanoseconds after the reception; negative: before it.
    Relative(i64),
}

/// Samples that share a device, a time and a place in the payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group<'a> {
    /// Index into [`Decoded::devices`]; `None`: the device that sent the uplink.
    pub device: Option<u32>,
    /// The group of the object that it lies in, where a value has a time of its own.
    pub parent: Option<u32>,
    /// Place in the payload's array.
    pub at: Option<u32>,
    /// The device's time.
    pub time: SentTime<'a>,
}

/// One value of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<'a> {
    /// Index into [`Decoded::groups`].
    pub group: u32,
    /// Place in an array of values of one metric.
    pub item: Option<u32>,
    /// As the device names it.
    pub metric: Cow<'a, str>,
    /// As sent.
    pub value: Sent<'a>,
    /// As sent; empty: the metric's canonical unit.
    pub unit: Cow<'a, str>,
    /// As sent.
    pub labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// What was sent, where a profile made the value out of something else.
    pub origin: Option<AsSent<'a>>,
    /// Digits of the register as the format has them, and how many of them are behind the point, in the
    /// sample's unit. The inventory's go before.
    pub digits: Option<(u8, u8)>,
}

/// What a device sent where a profile scaled it or took it for a word: the raw value stays recoverable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsSent<'a> {
    /// Its digits or text: "219", "0x1f", "2".
    pub text: Cow<'a, str>,
    /// UCUM unit of those digits, the profile's factor included: `10*-1.Cel`; empty: none.
    pub unit: Cow<'a, str>,
}

/// Something that happened to a device, said by a payload: becomes an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    /// The group that says device and time.
    pub group: u32,
    /// `platform_online`, `tamper`, ..
    pub name: Cow<'a, str>,
    /// How bad it is.
    pub severity: Severity,
    /// Names and values.
    pub detail: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// What a codec found in one payload.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decoded<'a> {
    /// Who sent it, where the payload itself says so: a profile's `[device]`.
    pub sender: Option<Cow<'a, str>>,
    /// The gateway that carried it, where the payload says so.
    pub via: Option<Cow<'a, str>>,
    /// Children that the uplink names, in order. Samples of one device lie together.
    pub devices: Vec<Cow<'a, str>>,
    /// In order.
    pub groups: Vec<Group<'a>>,
    /// In order.
    pub samples: Vec<Sample<'a>>,
    /// Events, in order.
    pub notes: Vec<Note<'a>>,
    /// Parts that are no samples.
    pub faults: Faults,
    /// `devices` are addresses of meters as their frames carry them, and not names that somebody gave: one
    /// alone, which the inventory does not know, is the sender's own.
    pub addressed: bool,
    /// The payload piece by piece, where somebody looks.
    pub trace: Option<Trace>,
}

impl<'a> Decoded<'a> {
    /// Empties it, keeps the memory, and cuts the ties to the payload.
    #[must_use]
    pub fn recycle<'b>(mut self) -> Decoded<'b> {
        self.faults.clear();
        Decoded {
            sender: None,
            via: None,
            devices: recycle(self.devices, |_| Cow::Borrowed("")),
            groups: recycle(self.groups, |_| Group::default()),
            samples: recycle(self.samples, |_| Sample::empty()),
            notes: Vec::new(),
            faults: self.faults,
            addressed: false,
            trace: None,
        }
    }

    /// Notes a piece of the payload, where somebody looks; where nobody does, `piece` is not called.
    pub fn show(&mut self, piece: impl FnOnce() -> Traced) {
        if let Some(trace) = &mut self.trace {
            trace.pieces.push(piece());
        }
    }

    /// Moves all of it to where it may outlive what it borrows from.
    pub(crate) fn move_to(self, out: &mut Decoded<'_>) {
        out.sender = self.sender.map(owned);
        out.via = self.via.map(owned);
        out.devices = self.devices.into_iter().map(owned).collect();
        out.groups = self.groups.into_iter().map(Group::into_owned).collect();
        out.samples = self.samples.into_iter().map(Sample::into_owned).collect();
        out.notes = self.notes.into_iter().map(Note::into_owned).collect();
        out.faults = self.faults;
        out.addressed = self.addressed;
        out.trace = self.trace;
    }

    /// Opens a group and returns its index.
    pub fn open(&mut self, group: Group<'a>) -> u32 {
        let at = self.groups.len().min(GROUPS_MAX);
        self.groups.push(group);
        u32::try_from(at).unwrap_or(u32::MAX)
    }

    /// The group of this index.
    pub fn group(&self, group: u32) -> Option<&Group<'a>> {
        self.groups.get(usize::try_from(group).ok()?)
    }

    /// The group of the object that a group lies in: its own, or its parent.
    pub fn object(&self, group: u32) -> u32 {
        self.group(group).and_then(|of| of.parent).unwrap_or(group)
    }

    /// The device that a group names.
    pub fn device_of(&self, group: u32) -> Option<&str> {
        let device = self.group(group)?.device?;
        let device = self.devices.get(usize::try_from(device).ok()?)?;
        Some(device.as_ref())
    }

    /// Where a group lies: nothing, `[2]`, `meter-7`, `meter-7[2]`.
    pub fn place(&self, group: u32) -> String {
        let mut place = self.device_of(group).map(quote).unwrap_or_default();
        if let Some(at) = self.group(group).and_then(|group| group.at) {
            place.extend(["[", &at.to_string(), "]"]);
        }
        place
    }

    /// Where a metric's value lies: `voltage`, `[2].voltage`, `meter-7[2].voltage[1]`.
    pub fn place_of(&self, group: u32, metric: &str, item: Option<u32>) -> String {
        let mut place = self.place(group);
        if !place.is_empty() {
            place.push('.');
        }
        place.push_str(&quote(metric));
        if let Some(item) = item {
            place.extend(["[", &item.to_string(), "]"]);
        }
        place
    }
}

impl Sample<'_> {
    const fn empty() -> Self {
        Self {
            group: 0,
            item: None,
            metric: Cow::Borrowed(""),
            value: Sent::Null,
            unit: Cow::Borrowed(""),
            labels: Vec::new(),
            origin: None,
            digits: None,
        }
    }

    /// A copy that borrows nothing.
    pub fn into_owned<'b>(self) -> Sample<'b> {
        Sample {
            group: self.group,
            item: self.item,
            metric: owned(self.metric),
            value: match self.value {
                Sent::Number(number, text) => Sent::Number(number, owned(text)),
                Sent::Flag(flag) => Sent::Flag(flag),
                Sent::Text(text) => Sent::Text(owned(text)),
                Sent::Data(text) => Sent::Data(owned(text)),
                Sent::NotFinite(text) => Sent::NotFinite(owned(text)),
                Sent::Null => Sent::Null,
            },
            unit: owned(self.unit),
            labels: self
                .labels
                .into_iter()
                .map(|(name, value)| (owned(name), owned(value)))
                .collect(),
            origin: self.origin.map(|origin| AsSent {
                text: owned(origin.text),
                unit: owned(origin.unit),
            }),
            digits: self.digits,
        }
    }
}

impl Note<'_> {
    /// A copy that borrows nothing.
    pub fn into_owned<'b>(self) -> Note<'b> {
        Note {
            group: self.group,
            name: owned(self.name),
            severity: self.severity,
            detail: self
                .detail
                .into_iter()
                .map(|(name, value)| (owned(name), owned(value)))
                .collect(),
        }
    }
}

impl Group<'_> {
    /// A copy that borrows nothing.
    pub fn into_owned<'b>(self) -> Group<'b> {
        Group {
            device: self.device,
            parent: self.parent,
            at: self.at,
            time: match self.time {
                SentTime::Absent => SentTime::Absent,
                SentTime::Number(text) => SentTime::Number(owned(text)),
                SentTime::Text(text) => SentTime::Text(owned(text)),
                SentTime::Unix(nanos) => SentTime::Unix(nanos),
                SentTime::Relative(nanos) => SentTime::Relative(nanos),
            },
        }
    }
}

/// A copy that borrows nothing.
pub fn owned<'b>(text: Cow<'_, str>) -> Cow<'b, str> {
    Cow::Owned(text.into_owned())
}

/// Largest capacity that [`recycle`] keeps: one large uplink must not hold its memory for as long as
/// the connection lives.
const KEPT_MAX: usize = 256;

/// Empties a vector and gives its memory to one of another lifetime: collecting in place keeps the
/// allocation, and no element is there to be converted.
pub fn recycle<A, B>(mut emptied: Vec<A>, never: impl Fn(A) -> B) -> Vec<B> {
    if emptied.capacity() > KEPT_MAX {
        return Vec::new();
    }
    emptied.clear();
    emptied.into_iter().map(never).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recycled_vectors_keep_their_memory() {
        let payload = String::from("voltage");
        let mut decoded = Decoded::default();
        for _ in 0..100 {
            let mut sample = Sample::empty();
            sample.metric = Cow::Borrowed(&payload);
            decoded.samples.push(sample);
        }
        let capacity = decoded.samples.capacity();
        let recycled: Decoded<'static> = decoded.recycle();
        drop(payload);
        assert!(recycled.samples.is_empty());
        assert_eq!(recycled.samples.capacity(), capacity);
    }
}
