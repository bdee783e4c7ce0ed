//! Round trips, and bytes that no encoder wrote.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::{POINTS_MAX, decode, encode};
use crate::history::point::{Context, Datum, Origin, Point};
use proptest::prelude::*;
use std::sync::Arc;

fn datum() -> impl Strategy<Value = Datum> {
    prop_oneof![
        any::<u64>().prop_map(|bits| Datum::Number(f64::from_bits(bits))),
        (-1_000_000i32..1_000_000).prop_map(|n| Datum::Number(f64::from(n) / 100.0)),
        Just(Datum::Number(-0.0)),
        any::<bool>().prop_map(Datum::Flag),
        ".{0,20}".prop_map(|text| Datum::Text(Box::new(text.into()))),
        Just(Datum::Absent),
    ]
}

fn contexts() -> Vec<Arc<Context>> {
    (0..3)
        .map(|n| {
            Arc::new(Context {
                origin: Arc::new(Origin {
                    source: n,
                    kind: "meter.gas".into(),
                    district: format!("37010{n}").into(),
                    profile: "json".into(),
                    node: "lixia-1".into(),
                    via: "".into(),
                }),
                unit: "m3".into(),
                raw_unit: if n == 2 { "GJ".into() } else { "".into() },
            })
        })
        .collect()
}

prop_compose! {
    fn points()(
        all in prop::collection::btree_map(
            prop_oneof![any::<i64>(), (0i64..100_000).prop_map(|s| s * 1_000_000_000)],
            (any::<u64>(), any::<i64>(), datum(), prop::option::of("[0-9.]{1,8}"), 0usize..3, 0u8..=4),
            1..40,
        )
    ) -> Vec<Point> {
        let contexts = contexts();
        all.into_iter()
            .map(|(time, (sequence, received, value, raw, context, quality))| Point {
                time,
                sequence,
                received,
                value,
                raw: raw.map(|raw| Box::new(raw.into())),
                context: Arc::clone(&contexts[context]),
                quality,
            })
            .collect()
    }
}

fn bytes(points: &[Point]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(&mut out, points);
    out
}

proptest! {
    #[test]
    fn chunks_round_trip_to_the_last_bit(points in points()) {
        prop_assert_eq!(decode(&bytes(&points)), Ok(points));
    }

    #[test]
    fn a_truncated_chunk_is_an_error(points in points(), cut: prop::sample::Index) {
        let bytes = bytes(&points);
        prop_assert!(decode(&bytes[..cut.index(bytes.len())]).is_err());
    }

    #[test]
    fn flipped_bits_give_an_error_or_growing_times(points in points(), at: prop::sample::Index, bit in 0u8..8) {
        let mut bytes = bytes(&points);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(points) = decode(&bytes) {
            prop_assert!(points.is_sorted_by(|a, b| a.time < b.time));
        }
    }

    #[test]
    fn garbage_is_bounded(bytes: Vec<u8>) {
        let mut chunk = vec![1];
        chunk.extend(bytes);
        if let Ok(points) = decode(&chunk) {
            prop_assert!(points.len() <= POINTS_MAX);
        }
    }
}

#[test]
fn a_regular_decimal_series_takes_few_bytes() {
    let context = &contexts()[0];
    let points: Vec<Point> = (0..POINTS_MAX as u64)
        .map(|n| Point {
            time: 1_700_000_000_000_000_000 + n.cast_signed() * 60_000_000_000,
            sequence: 1_700_000_000_000_000 + n * 40,
            received: 1_700_000_000_000_000_000 + n.cast_signed() * 60_000_000_000,
            value: Datum::Number(230.0 + f64::from(u32::try_from(n % 17).unwrap()) / 10.0),
            raw: None,
            context: Arc::clone(context),
            quality: 1,
        })
        .collect();
    let bytes = bytes(&points);
    assert!(bytes.len() < 5 * points.len(), "{}", bytes.len());
    assert_eq!(decode(&bytes), Ok(points));
}

#[test]
fn a_later_version_is_named() {
    let error = decode(&[9, 1]).unwrap_err();
    assert_eq!(error.to_string(), "version 9, known up to 1");
}

#[test]
fn the_bytes_of_a_chunk_stay_readable() {
    // Written by version 1. If this fails, old histories can no longer be read.
    let chunk = [
        1, 2, 1, 1, 1, b'k', 1, b'd', 0, 0, 0, 1, b'V', 0, // one context
        3, 20, 5, // times: 10 s, then 15 s
        7, 4, // sequences 7, 9
        3, 0, 0, // received when observed
        2, 1, // GOOD twice
        2, 0, // the first context twice
        2, 1, // two numbers
        2, 46, 1, // tenths: 2.3, 2.2
        0, // no raw values
    ];
    let points = decode(&chunk).unwrap();
    assert_eq!(points.len(), 2);
    assert_eq!(points[1].time, 15_000_000_000);
    assert_eq!(points[1].received, 15_000_000_000);
    assert_eq!(points[1].sequence, 9);
    assert_eq!(points[1].value, Datum::Number(2.2));
    assert_eq!(&*points[1].context.unit, "V");
    assert_eq!(bytes(&points), chunk);
}
