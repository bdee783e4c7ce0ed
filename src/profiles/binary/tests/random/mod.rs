//! Any layout decodes what an encoder of the same profile text made.
//!
//! ```text
//!  seed --draw.rs--> profile text --Profile::parse--> profile --decode--> readings
//!                        '--encode.rs, random values--> payload, expected readings ----' the same
//! ```
//! The encoder reads the text by itself, as a table, and writes bits with arithmetic of its own.
mod draw;
mod encode;
mod values;

use super::{LIMITS, parse};
use crate::codecs::{Decoded, Sent, SentTime};
use crate::profiles::{Around, Profiles, Spot};
use encode::{Expected, Is};
use proptest::prelude::*;

/// `SplitMix64` (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators).
pub(super) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to `max` - 1.
    fn below(&mut self, max: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(max).expect("small")).expect("small")
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<'t, T>(&mut self, all: &'t [T]) -> &'t T {
        &all[self.below(all.len())]
    }
}

/// Nanoseconds; `None`: none given.
fn nanos(time: &SentTime<'_>) -> Option<i64> {
    match time {
        SentTime::Absent => None,
        SentTime::Unix(nanos) => Some(*nanos),
        SentTime::Number(text) => {
            let number: i64 = text.parse().expect("whole");
            let unit = if number >= 100_000_000_000 {
                1_000_000
            } else {
                1_000_000_000
            };
            Some(number * unit)
        }
        other => panic!("not drawn: {other:?}"),
    }
}

fn same(is: &Is, sent: &Sent<'_>) -> bool {
    match (is, sent) {
        (Is::Exactly(number), Sent::Number(sent, _)) => number.to_bits() == sent.to_bits(),
        (Is::Nearly(number), Sent::Number(sent, _)) => {
            (number - sent).abs() <= 1e-9 * (1.0 + number.abs())
        }
        (Is::Flag(flag), Sent::Number(sent, _)) => {
            sent.to_bits() == f64::from(u8::from(*flag)).to_bits()
        }
        (Is::Flag(flag), Sent::Flag(sent)) => flag == sent,
        (Is::Text(text), Sent::Text(sent)) => text == sent,
        (Is::Nothing, Sent::Null) => true,
        _ => false,
    }
}

fn compare(expected: &[Expected], decoded: &Decoded<'_>) -> Result<(), String> {
    if expected.len() != decoded.samples.len() {
        let metrics: Vec<&str> = expected.iter().map(|one| one.metric.as_str()).collect();
        return Err(format!(
            "{} readings expected, {} found: {metrics:?}, {:?}",
            expected.len(),
            decoded.samples.len(),
            super::readings(decoded)
        ));
    }
    for (one, found) in expected.iter().zip(&decoded.samples) {
        let group = decoded.group(found.group).expect("its group");
        let labels: Vec<(String, String)> = found
            .labels
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let raw = found.origin.as_ref().map(|origin| origin.text.to_string());
        let right = one.metric == *found.metric
            && same(&one.is, &found.value)
            && one.labels == labels
            && one.time == nanos(&group.time)
            && (one.raw.is_none() || one.raw == raw);
        if !right {
            return Err(format!(
                "expected {one:?}\nfound {found:?}\nat {:?}",
                group.time
            ));
        }
    }
    Ok(())
}

/// Draws, encodes, decodes and compares; the text and payload in what is wrong.
fn round_trip(seed: u64) -> Result<(), String> {
    let mut random = Random(seed);
    let text = draw::layout(&mut random);
    let table: toml::Table = toml::from_str(&text).map_err(|error| format!("{text}\n{error}"))?;
    let profile = parse(&text).map_err(|mistakes| format!("{text}\n{mistakes:#?}"))?;
    for _ in 0..4 {
        let encoded = encode::payload(&table, &mut random);
        let profiles = Profiles::default();
        let around = Around {
            limits: LIMITS,
            profiles: &profiles,
            profile_of: &|_| None,
        };
        let shown = || format!("{text}\n{:02x?}", encoded.bytes);
        let mut decoded = Decoded::default();
        let done = profile.decode(&encoded.payload, around, &mut decoded);
        match done {
            Err(_) if encoded.readings.is_empty() => continue,
            Err(fault) => return Err(format!("{}\n{fault}", shown())),
            Ok(()) => {}
        }
        if !decoded.faults.is_empty() {
            return Err(format!("{}\n{:?}", shown(), decoded.faults));
        }
        if decoded.sender.as_deref() != encoded.device.as_deref() {
            return Err(format!("{}\n{:?}", shown(), decoded.sender));
        }
        compare(&encoded.readings, &decoded).map_err(|wrong| format!("{}\n{wrong}", shown()))?;
        every_byte_is_traced(&encoded.bytes, &profile.trace(&encoded.payload, around))
            .map_err(|wrong| format!("{}\n{wrong}", shown()))?;
    }
    Ok(())
}

/// In order, and without a gap.
fn every_byte_is_traced(bytes: &[u8], trace: &crate::profiles::Trace) -> Result<(), String> {
    let (mut seen, mut start) = (0, 0);
    for piece in &trace.pieces {
        let Spot::Bytes(range) = &piece.spot else {
            return Err("a path".to_owned());
        };
        if range.start > seen || range.start < start {
            return Err(format!("{range:?} after {seen}: {trace:#?}"));
        }
        start = range.start;
        seen = seen.max(range.end);
    }
    if seen == bytes.len() {
        Ok(())
    } else {
        Err(format!("{seen} of {} bytes", bytes.len()))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, max_shrink_iters: 0, ..ProptestConfig::default() })]
    #[test]
    fn any_layout_decodes_what_its_encoder_made(seed: u64) {
        if let Err(wrong) = round_trip(seed) {
            return Err(TestCaseError::fail(wrong));
        }
    }
}

/// The words of the language that 500 layouts use: a draw that forgets one proves nothing of it.
#[test]
fn the_draw_uses_the_whole_language() {
    let mut random = Random(5);
    let texts: String = (0..500).map(|_| draw::layout(&mut random)).collect();
    for word in [
        "'u8'",
        "'u16'",
        "'u24'",
        "'u32'",
        "'u40'",
        "'u48'",
        "'u56'",
        "'u64'",
        "'i8'",
        "'i16'",
        "'i24'",
        "'i32'",
        "'i40'",
        "'i48'",
        "'i56'",
        "'i64'",
        "'f32'",
        "'f64'",
        "'bcd'",
        "'digits'",
        "'text'",
        "'hex'",
        "'little'",
        "'big'",
        "'magnitude'",
        "at = -",
        "mask = ",
        "shift = ",
        "bit = ",
        "scale = ",
        "offset = ",
        "absent = ",
        "skip = ",
        "words = ",
        "labels = ",
        "label = ",
        "when = ",
        "count = 'rest'",
        "count = {",
        "count = 2",
        "step = '",
        "step = {",
        "[repeat.time]",
        "length = 'u8'",
        "length = 'u16'",
        "key = 1",
        "key = 2",
        "key = 3",
        "key = 4",
        "bytes = {",
        "[item.time]",
        "behind = ",
        "'base64'",
        "[device]",
        "[time]",
        "unit = 'ms'",
        "format = ",
        "{index}",
    ] {
        assert!(texts.contains(word), "{word}");
    }
}
