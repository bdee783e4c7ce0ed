//! A report on its way into the log, and out of it.
use super::wire::{
    FIXED64, Field, Fields, VARINT, WireError, put_bytes, put_bytes_always, put_key, put_message,
    put_u64, put_varint,
};
use super::{Quality, Source, Timestamp};
use std::borrow::Cow;

/// A reading's value, as the metric's type demands.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// In the metric's canonical unit.
    Number(f64),
    /// True or false.
    Flag(bool),
    /// A text, or a name of an enumeration.
    Text(Cow<'a, str>),
    /// None: the quality is `NOT_AVAILABLE`.
    Absent,
}

/// One value of one metric at one time, before it is written. Fields as in `citygate.v1.Reading`.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadingDraft<'a> {
    /// Catalogue name.
    pub metric: &'a str,
    /// Canonical unit.
    pub unit: &'a str,
    /// In that unit.
    pub value: Value<'a>,
    /// The device's time, else the time of reception.
    pub observed_at: Timestamp,
    /// Trust.
    pub quality: Quality,
    /// phase, tariff, channel, storage, freeze.
    pub labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// As sent, where the canonical value differs, else empty.
    pub raw: Cow<'a, str>,
    /// Unit of `raw`.
    pub raw_unit: Cow<'a, str>,
}

/// One uplink normalised, for one device, before it is written. Fields as in `citygate.v1.Report`,
/// without the sequence, which the log gives and the reader adds.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportDraft<'a> {
    /// A valid device id.
    pub device_id: &'a str,
    /// Dotted kind.
    pub kind: &'a str,
    /// GB/T 2260 code or name.
    pub district: &'a str,
    /// The profile that decoded it.
    pub profile: &'a str,
    /// Reception.
    pub received_at: Timestamp,
    /// Where it came in.
    pub source: Source,
    /// What was read.
    pub readings: Vec<ReadingDraft<'a>>,
    /// This gateway.
    pub node: &'a str,
    /// The concentrator, if any.
    pub via: &'a str,
}

fn put_time(out: &mut Vec<u8>, field: u32, time: Timestamp) {
    let (secs, nanos) = time.as_secs_nanos();
    put_message(out, field, |out| {
        put_u64(out, 1, secs.cast_unsigned());
        put_u64(out, 2, u64::from(nanos));
    });
}

impl ReadingDraft<'_> {
    fn encode(&self, out: &mut Vec<u8>) {
        put_bytes(out, 1, self.metric.as_bytes());
        put_bytes(out, 2, self.unit.as_bytes());
        match &self.value {
            Value::Number(number) => {
                put_key(out, 3, FIXED64);
                out.extend_from_slice(&number.to_le_bytes());
            }
            Value::Flag(flag) => {
                put_key(out, 4, VARINT);
                put_varint(out, u64::from(*flag));
            }
            Value::Text(text) => put_bytes_always(out, 5, text.as_bytes()),
            Value::Absent => {}
        }
        put_time(out, 6, self.observed_at);
        put_u64(out, 7, self.quality as u64);
        for (name, value) in &self.labels {
            put_message(out, 8, |out| {
                put_bytes(out, 1, name.as_bytes());
                put_bytes(out, 2, value.as_bytes());
            });
        }
        put_bytes(out, 9, self.raw.as_bytes());
        put_bytes(out, 10, self.raw_unit.as_bytes());
    }
}

impl ReportDraft<'_> {
    /// Appends the `citygate.v1.Report` message, without its sequence.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_bytes(out, 2, self.device_id.as_bytes());
        put_bytes(out, 3, self.kind.as_bytes());
        put_bytes(out, 4, self.district.as_bytes());
        put_bytes(out, 5, self.profile.as_bytes());
        put_time(out, 6, self.received_at);
        put_u64(out, 7, self.source as u64);
        for reading in &self.readings {
            put_message(out, 8, |out| reading.encode(out));
        }
        put_bytes(out, 9, self.node.as_bytes());
        put_bytes(out, 10, self.via.as_bytes());
    }
}

/// A `citygate.v1.Report` read in place. The sequence is the log's, not in the bytes.
#[derive(Clone, Copy, Debug)]
pub struct ReportView<'a> {
    /// The device.
    pub device_id: &'a str,
    /// Dotted kind.
    pub kind: &'a str,
    /// GB/T 2260 code or name.
    pub district: &'a str,
    /// The profile that decoded it.
    pub profile: &'a str,
    /// Reception.
    pub received_at: Timestamp,
    /// `citygate.v1.Source` as its number.
    pub source: u64,
    /// The gateway that took it.
    pub node: &'a str,
    /// The concentrator, if any.
    pub via: &'a str,
    /// The whole message, for passing on.
    pub bytes: &'a [u8],
    /// From the first reading on.
    readings: &'a [u8],
}

/// A `citygate.v1.Reading` read in place.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadingView<'a> {
    /// Catalogue name.
    pub metric: &'a str,
    /// Canonical unit.
    pub unit: &'a str,
    /// In that unit.
    pub value: Value<'a>,
    /// The device's time, else the time of reception.
    pub observed_at: Timestamp,
    /// Trust; `None` only in damaged or foreign data.
    pub quality: Option<Quality>,
    /// In the order sent.
    pub labels: LabelsView<'a>,
    /// As sent, where the canonical value differs.
    pub raw: &'a str,
    /// Unit of `raw`.
    pub raw_unit: &'a str,
    /// The whole message, for passing on.
    pub bytes: &'a [u8],
}

/// The labels of a reading, in place.
#[derive(Clone, Copy, Debug, Default)]
pub struct LabelsView<'a> {
    /// The reading's message from its first label on; looked at when the reading was parsed.
    bytes: &'a [u8],
}

impl<'a> LabelsView<'a> {
    /// Name and value of each.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let mut fields = Fields::new(self.bytes);
        std::iter::from_fn(move || {
            loop {
                match fields.next() {
                    Ok(Some((8, value))) => return label_of(value.bytes()).ok(),
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => return None,
                }
            }
        })
    }

    /// No labels?
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// The same labels in the same order.
impl PartialEq for LabelsView<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.is_empty() == other.is_empty() && self.iter().eq(other.iter())
    }
}

fn time_of(message: &[u8]) -> Result<Timestamp, WireError> {
    let (mut secs, mut nanos) = (0, 0);
    let mut fields = Fields::new(message);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => secs = value.number().cast_signed(),
            2 => nanos = value.number(),
            _ => {}
        }
    }
    i32::try_from(nanos)
        .ok()
        .and_then(|nanos| Timestamp::from_secs_nanos(secs, nanos))
        .ok_or(WireError {
            what: "timestamp",
            left: fields.rest().len(),
        })
}

impl<'a> ReportView<'a> {
    /// Looks at the fields of the report itself; unknown fields are passed over.
    ///
    /// # Errors
    /// Truncated or malformed bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut view = Self {
            device_id: "",
            kind: "",
            district: "",
            profile: "",
            received_at: Timestamp::EPOCH,
            source: 0,
            node: "",
            via: "",
            bytes,
            readings: &[],
        };
        let mut fields = Fields::new(bytes);
        let mut rest = bytes;
        while let Some((field, value)) = fields.next()? {
            let before = std::mem::replace(&mut rest, fields.rest());
            match field {
                2 => view.device_id = value.text()?,
                3 => view.kind = value.text()?,
                4 => view.district = value.text()?,
                5 => view.profile = value.text()?,
                6 => view.received_at = time_of(value.bytes())?,
                7 => view.source = value.number(),
                8 if view.readings.is_empty() => view.readings = before,
                9 => view.node = value.text()?,
                10 => view.via = value.text()?,
                _ => {}
            }
        }
        Ok(view)
    }

    /// The readings, in order.
    pub fn readings(&self) -> impl Iterator<Item = Result<ReadingView<'a>, WireError>> + use<'a> {
        let mut fields = Fields::new(self.readings);
        std::iter::from_fn(move || {
            loop {
                match fields.next() {
                    Ok(Some((8, value))) => return Some(ReadingView::parse(value.bytes())),
                    Ok(Some(_)) => {}
                    Ok(None) => return None,
                    Err(error) => {
                        fields = Fields::new(&[]);
                        return Some(Err(error));
                    }
                }
            }
        })
    }
}

impl<'a> ReadingView<'a> {
    /// Looks at one reading; unknown fields are passed over.
    ///
    /// # Errors
    /// Truncated or malformed bytes.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut view = Self {
            metric: "",
            unit: "",
            value: Value::Absent,
            observed_at: Timestamp::EPOCH,
            quality: None,
            labels: LabelsView::default(),
            raw: "",
            raw_unit: "",
            bytes,
        };
        let mut fields = Fields::new(bytes);
        let mut rest = bytes;
        while let Some((field, value)) = fields.next()? {
            let before = std::mem::replace(&mut rest, fields.rest());
            match (field, value) {
                (1, _) => view.metric = value.text()?,
                (2, _) => view.unit = value.text()?,
                (3, Field::Fixed64(bits)) => view.value = Value::Number(f64::from_bits(bits)),
                (4, _) => view.value = Value::Flag(value.number() != 0),
                (5, _) => view.value = Value::Text(Cow::Borrowed(value.text()?)),
                (6, _) => view.observed_at = time_of(value.bytes())?,
                (7, _) => view.quality = Quality::from_number(value.number()),
                (8, _) => {
                    label_of(value.bytes())?;
                    if view.labels.is_empty() {
                        view.labels.bytes = before;
                    }
                }
                (9, _) => view.raw = value.text()?,
                (10, _) => view.raw_unit = value.text()?,
                _ => {}
            }
        }
        Ok(view)
    }
}

fn label_of(message: &[u8]) -> Result<(&str, &str), WireError> {
    let (mut name, mut text) = ("", "");
    let mut fields = Fields::new(message);
    while let Some((field, value)) = fields.next()? {
        match field {
            1 => name = value.text()?,
            2 => text = value.text()?,
            _ => {}
        }
    }
    Ok((name, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::proto;
    use proptest::prelude::*;
    use prost::Message;

    fn value() -> impl Strategy<Value = Value<'static>> {
        prop_oneof![
            any::<f64>()
                .prop_filter("NaN is unequal to itself", |n| !n.is_nan())
                .prop_map(Value::Number),
            any::<bool>().prop_map(Value::Flag),
            ".{0,200}".prop_map(|text| Value::Text(text.into())),
            Just(Value::Absent),
        ]
    }

    prop_compose! {
        fn reading()(value in value(), nanos: i64, quality in 1u64..=4,
                     labels in prop::collection::btree_map("[a-z]{1,8}", ".{0,8}", 0..4),
                     raw in ".{0,12}") -> ReadingDraft<'static> {
            ReadingDraft {
                metric: "active_energy_import",
                unit: "kW.h",
                value,
                observed_at: Timestamp::from_nanos(nanos),
                quality: Quality::from_number(quality).expect("1 to 4"),
                labels: labels.into_iter().map(|(n, v)| (n.into(), v.into())).collect(),
                raw: raw.into(),
                raw_unit: "GJ".into(),
            }
        }
    }

    prop_compose! {
        fn report()(readings in prop::collection::vec(reading(), 0..5), nanos: i64) -> ReportDraft<'static> {
            ReportDraft {
                device_id: "meter-7",
                kind: "meter.electricity",
                district: "370102",
                profile: "json",
                received_at: Timestamp::from_nanos(nanos),
                source: Source::Mqtt,
                readings,
                node: "lixia-1",
                via: "",
            }
        }
    }

    proptest! {
        #[test]
        fn prost_reads_what_a_draft_writes_and_a_view_agrees(draft in report()) {
            let mut bytes = Vec::new();
            draft.encode(&mut bytes);
            let owned = proto::Report::decode(bytes.as_slice()).expect("valid protobuf");
            prop_assert_eq!(&owned.device_id, draft.device_id);
            prop_assert_eq!(owned.readings.len(), draft.readings.len());
            let view = ReportView::parse(&bytes).expect("valid protobuf");
            prop_assert_eq!(view.received_at, draft.received_at);
            prop_assert_eq!(view.source, 1);
            for ((seen, sent), owned) in view.readings().zip(&draft.readings).zip(&owned.readings) {
                let seen = seen.expect("valid protobuf");
                prop_assert_eq!(&seen.value, &sent.value);
                prop_assert_eq!(seen.observed_at, sent.observed_at);
                prop_assert_eq!(seen.quality, Some(sent.quality));
                prop_assert_eq!(seen.raw, sent.raw.as_ref());
                prop_assert_eq!(owned.observed_at, Some(sent.observed_at.into()));
                prop_assert_eq!(owned.labels.len(), sent.labels.len());
                for (name, value) in seen.labels.iter() {
                    prop_assert_eq!(owned.labels.get(name).map(String::as_str), Some(value));
                }
            }
        }

        #[test]
        fn truncation_is_an_error_or_a_shorter_report(draft in report(), cut: prop::sample::Index) {
            let mut bytes = Vec::new();
            draft.encode(&mut bytes);
            let cut = bytes.get(..cut.index(bytes.len())).expect("in range");
            if let Ok(view) = ReportView::parse(cut) {
                prop_assert!(view.readings().count() <= draft.readings.len());
            }
        }
    }
}
