//! Names in the database: the keys of chunks, and the keyspaces of day groups.
//!
//! ```text
//! key      := device 0x00 metric 0x00 labels 0x00 start
//! labels   := { name 0x02 value 0x03 }..   sorted by name; bytes below 0x04 become 0x01 and byte + 0x10
//! start    := time of the chunk's first point, big-endian, the sign flipped: in order of time
//! keyspace := "d" first "_" last           days since 1970, both inclusive
//! ```
//! So a device's series lie together, each in order of time, and none of the parts holds a 0x00.
use crate::model::{LabelsView, Timestamp};
use std::collections::HashMap;

/// Longest key of a series, in bytes: fjall takes 65,535, and every chunk repeats it.
pub(super) const SERIES_BYTES_MAX: usize = 4096;
/// Bytes of the start at the end of a key.
const START_BYTES: usize = 8;
const DAY_NANOS: i64 = 86_400_000_000_000;

const NAME_END: u8 = 2;
const VALUE_END: u8 = 3;
const ESCAPE: u8 = 1;
const ESCAPED_ADD: u8 = 0x10;

/// Replaces what follows the device in `key` by metric and labels; false if they make no valid key.
pub(super) fn put_series(
    key: &mut Vec<u8>,
    device_bytes: usize,
    metric: &str,
    labels: &LabelsView<'_>,
) -> bool {
    let labels = if labels.is_empty() {
        Vec::new()
    } else {
        labels.iter().collect()
    };
    put_labelled(key, device_bytes, metric, labels)
}

/// The same, of labels in any order.
pub(super) fn put_labelled(
    key: &mut Vec<u8>,
    device_bytes: usize,
    metric: &str,
    mut labels: Vec<(&str, &str)>,
) -> bool {
    key.truncate(device_bytes);
    key.extend_from_slice(metric.as_bytes());
    key.push(0);
    labels.sort_by_key(|(name, _)| *name);
    for (at, (name, value)) in labels.iter().enumerate() {
        // Of two values for one name the later counts, as in protobuf's maps.
        if labels.get(at + 1).is_some_and(|(next, _)| next == name) {
            continue;
        }
        put_escaped(key, name);
        key.push(NAME_END);
        put_escaped(key, value);
        key.push(VALUE_END);
    }
    key.push(0);
    key.len() <= SERIES_BYTES_MAX && !metric.is_empty() && !metric.as_bytes().contains(&0)
}

/// Starts `key` with the device; returns the length so far.
pub(super) fn put_device(key: &mut Vec<u8>, device: &str) -> usize {
    key.clear();
    key.extend_from_slice(device.as_bytes());
    key.push(0);
    key.len()
}

fn put_escaped(key: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        if byte <= VALUE_END {
            key.extend_from_slice(&[ESCAPE, byte + ESCAPED_ADD]);
        } else {
            key.push(byte);
        }
    }
}

fn unescaped(text: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        out.push(if *byte == ESCAPE {
            bytes.next()?.checked_sub(ESCAPED_ADD)?
        } else {
            *byte
        });
    }
    String::from_utf8(out).ok()
}

/// A series taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Series {
    pub device: String,
    pub metric: String,
    pub labels: HashMap<String, String>,
}

/// Reads the key of a series, without a start.
pub(super) fn parse_series(key: &[u8]) -> Option<Series> {
    let mut parts = key.strip_suffix(&[0])?.split(|byte| *byte == 0);
    let device = std::str::from_utf8(parts.next()?).ok()?.to_owned();
    let metric = std::str::from_utf8(parts.next()?).ok()?.to_owned();
    let mut labels = HashMap::new();
    for label in parts.next()?.split_inclusive(|byte| *byte == VALUE_END) {
        let label = label.strip_suffix(&[VALUE_END])?;
        let end = label.iter().position(|byte| *byte == NAME_END)?;
        let (name, value) = label.split_at_checked(end)?;
        labels.insert(unescaped(name)?, unescaped(value.get(1..)?)?);
    }
    parts.next().is_none().then_some(Series {
        device,
        metric,
        labels,
    })
}

/// The device of a key, with or without a start.
pub(super) fn device_of(key: &[u8]) -> &[u8] {
    key.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// The metric of a key, with or without a start.
pub(super) fn metric_of(key: &[u8]) -> &[u8] {
    key.split(|byte| *byte == 0).nth(1).unwrap_or_default()
}

/// `series` and the start `time`.
pub(super) fn chunk(series: &[u8], time: i64) -> Vec<u8> {
    let mut key = Vec::with_capacity(series.len() + START_BYTES);
    key.extend_from_slice(series);
    key.extend_from_slice(&(time.cast_unsigned() ^ 1 << 63).to_be_bytes());
    key
}

/// The first key past all chunks of `series` (which ends in a 0x00).
pub(super) fn past(series: &[u8]) -> Vec<u8> {
    let mut key = series.to_vec();
    if let Some(last) = key.last_mut() {
        *last = 1;
    }
    key
}

/// Series and start of a chunk's key.
pub(super) fn split_chunk(key: &[u8]) -> Option<(&[u8], i64)> {
    let (series, start) = key.split_last_chunk::<START_BYTES>()?;
    Some((series, (u64::from_be_bytes(*start) ^ 1 << 63).cast_signed()))
}

/// Days since 1970 in UTC.
pub(super) const fn day_of(time: i64) -> i64 {
    time.div_euclid(DAY_NANOS)
}

/// Neighbouring days that share a keyspace, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DayGroup {
    pub first: i64,
    pub last: i64,
}

impl DayGroup {
    /// Reads a keyspace's name; `None` for the keyspaces of others.
    pub fn parse(name: &str) -> Option<Self> {
        let (first, last) = name.strip_prefix('d')?.split_once('_')?;
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (first <= last).then_some(Self { first, last })
    }

    /// The name of its keyspace.
    pub fn name(self) -> String {
        format!("d{}_{}", self.first, self.last)
    }

    pub const fn contains(self, day: i64) -> bool {
        self.first <= day && day <= self.last
    }

    /// Start of the day after its last.
    pub fn end(self) -> Timestamp {
        Timestamp::from_nanos(self.last.saturating_add(1).saturating_mul(DAY_NANOS))
    }

    /// Does it hold any time in `from..to` (nanoseconds)?
    pub const fn meets(self, from: i64, to: i64) -> bool {
        self.first <= day_of(to.saturating_sub(1)) && day_of(from) <= self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Quality, ReadingDraft, ReportDraft, ReportView, Source, Value};
    use proptest::prelude::*;

    fn with_labels<T>(labels: &[(String, String)], look: impl FnOnce(&LabelsView<'_>) -> T) -> T {
        let draft = ReportDraft {
            device_id: "m",
            kind: "",
            district: "",
            profile: "",
            received_at: Timestamp::EPOCH,
            source: Source::Mqtt,
            readings: vec![ReadingDraft {
                metric: "m",
                unit: "",
                value: Value::Absent,
                observed_at: Timestamp::EPOCH,
                quality: Quality::Good,
                labels: labels
                    .iter()
                    .map(|(name, value)| (name.into(), value.into()))
                    .collect(),
                raw: "".into(),
                raw_unit: "".into(),
            }],
            node: "",
            via: "",
        };
        let mut bytes = Vec::new();
        draft.encode(&mut bytes);
        let view = ReportView::parse(&bytes).expect("valid");
        let reading = view.readings().next().expect("one").expect("valid");
        look(&reading.labels)
    }

    proptest! {
        #[test]
        fn series_round_trip_whatever_the_labels_hold(
            labels in prop::collection::hash_map("[\\x00-\\x05a-c]{0,4}", "[\\x00-\\x05x-z\u{7535}]{0,4}", 0..4),
        ) {
            let mut sent: Vec<_> = labels.clone().into_iter().collect();
            let mut key = Vec::new();
            let device = put_device(&mut key, "pole-7");
            prop_assert!(with_labels(&sent, |view| put_series(&mut key, device, "voltage", view)));
            let series = parse_series(&key).expect("just written");
            prop_assert_eq!(series.device, "pole-7");
            prop_assert_eq!(series.metric, "voltage");
            prop_assert_eq!(series.labels, labels);
            sent.reverse();
            let once = key.clone();
            with_labels(&sent, |view| put_series(&mut key, device, "voltage", view));
            prop_assert_eq!(key, once);
        }

        #[test]
        fn chunks_lie_in_order_of_time_inside_their_series(a: i64, b: i64) {
            let series = b"m\0v\0\0";
            prop_assert_eq!(a.cmp(&b), chunk(series, a).cmp(&chunk(series, b)));
            prop_assert!(chunk(series, a) < past(series));
            let key = chunk(series, a);
            prop_assert_eq!(split_chunk(&key), Some((&series[..], a)));
        }

        #[test]
        fn garbage_is_no_series_or_one(key: Vec<u8>) {
            let _ = parse_series(&key);
        }
    }

    #[test]
    fn metrics_that_would_break_the_key_are_refused() {
        let mut key = Vec::new();
        let device = put_device(&mut key, "m");
        let none = LabelsView::default();
        assert!(!put_series(&mut key, device, "a\0b", &none));
        assert!(!put_series(&mut key, device, "", &none));
        assert!(!put_series(&mut key, device, &"x".repeat(5000), &none));
        assert!(put_series(&mut key, device, "voltage", &none));
    }

    #[test]
    fn groups_are_named_by_their_days() {
        for group in [
            DayGroup {
                first: -5,
                last: -3,
            },
            DayGroup {
                first: 20_780,
                last: 20_780,
            },
        ] {
            assert_eq!(DayGroup::parse(&group.name()), Some(group));
        }
        for other in ["sessions", "d7_5", "d1", "meta", "d1_x"] {
            assert_eq!(DayGroup::parse(other), None, "{other}");
        }
        let group = DayGroup { first: 1, last: 2 };
        assert!(group.meets(DAY_NANOS * 3 - 1, DAY_NANOS * 3));
        assert!(!group.meets(DAY_NANOS * 3, DAY_NANOS * 4));
        assert!(!group.meets(0, DAY_NANOS));
    }
}
