//! One point per series and time: the later sequence wins.
use super::chunk;
use super::point::Point;
use std::borrow::Cow;

/// Merges `new` into `stored`, both in order of time; `new` may hold a time more than once. Returns
/// how many points lost to another with a different value.
pub(super) fn merge(stored: Vec<Point>, new: &[Point]) -> (Cow<'_, [Point]>, u64) {
    if stored.is_empty() && new.is_sorted_by(|a, b| a.time < b.time) {
        return (Cow::Borrowed(new), 0);
    }
    let mut conflicts = 0;
    let mut merged: Vec<Point> = Vec::with_capacity(stored.len() + new.len());
    let mut stored = stored.into_iter().peekable();
    for point in new {
        while let Some(older) = stored.next_if(|stored| stored.time <= point.time) {
            merged.push(older);
        }
        match merged.last_mut() {
            Some(last) if last.time == point.time => {
                // A replay brings the same sequence again: then nothing is in conflict.
                conflicts += u64::from(last.value != point.value);
                if point.sequence >= last.sequence {
                    last.clone_from(point);
                }
            }
            _ => merged.push(point.clone()),
        }
    }
    merged.extend(stored);
    (Cow::Owned(merged), conflicts)
}

/// Cuts `points` into chunks of equal size within the bounds of a chunk.
pub(super) fn split(points: &[Point]) -> impl Iterator<Item = &[Point]> {
    let pieces = points.len().div_ceil(chunk::POINTS_MAX).max(1);
    points
        .chunks(points.len().div_ceil(pieces).max(1))
        .flat_map(Texts)
}

/// Cuts off pieces whose texts stay below the bound, or that are one point.
struct Texts<'a>(&'a [Point]);

impl<'a> Iterator for Texts<'a> {
    type Item = &'a [Point];

    fn next(&mut self) -> Option<&'a [Point]> {
        let mut bytes = 0;
        let fits = |point: &&Point| {
            bytes += point.text_bytes();
            bytes <= chunk::TEXT_BYTES_MAX
        };
        let count = self.0.iter().take_while(fits).count().max(1);
        let (piece, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use crate::history::point::Datum;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn point(time: i64, sequence: u64, value: f64) -> Point {
        Point {
            time,
            sequence,
            received: time,
            value: Datum::Number(value),
            raw: None,
            context: std::sync::Arc::default(),
            quality: 1,
        }
    }

    fn sorted(mut points: Vec<Point>) -> Vec<Point> {
        points.sort_by_key(|point| point.time);
        points
    }

    proptest! {
        #[test]
        fn merging_is_a_map_by_time_whatever_the_cuts(
            arrivals in prop::collection::vec((0i64..30, 0i32..3), 0..100),
            cut: prop::sample::Index,
        ) {
            let points: Vec<Point> = (0u64..)
                .zip(&arrivals)
                .map(|(n, (time, value))| point(*time, n, f64::from(*value)))
                .collect();
            let cut = cut.index(points.len() + 1);
            let (first_part, second_part) = (sorted(points[..cut].to_vec()), sorted(points[cut..].to_vec()));
            let (stored, first) = merge(Vec::new(), &first_part);
            let (merged, second) = merge(stored.into_owned(), &second_part);
            let mut model = BTreeMap::new();
            let mut conflicts = 0;
            for point in &points {
                let last: Option<Point> = model.insert(point.time, point.clone());
                conflicts += u64::from(last.is_some_and(|last| last.value != point.value));
            }
            let merged = merged.into_owned();
            prop_assert_eq!(&merged, &model.into_values().collect::<Vec<_>>());
            prop_assert_eq!(first + second, conflicts);
            let again = merge(merged.clone(), &merged);
            prop_assert_eq!(again, (merged.as_slice().into(), 0), "a replay changes nothing");
        }
    }

    #[test]
    fn an_earlier_sequence_never_replaces_a_later() {
        let late = [point(1, 5, 2.0)];
        let (merged, conflicts) = merge(vec![point(1, 9, 1.0)], &late);
        assert_eq!((&*merged, conflicts), (&[point(1, 9, 1.0)][..], 1));
    }

    #[test]
    fn pieces_are_even_and_bounded() {
        let points: Vec<Point> = (0..1200).map(|n| point(n, 0, 0.0)).collect();
        let sizes: Vec<usize> = split(&points).map(<[Point]>::len).collect();
        assert_eq!(sizes, [400, 400, 400]);
        let text = |n| Point {
            value: Datum::Text(Box::new("x".repeat(100 << 10).into())),
            ..point(n, 0, 0.0)
        };
        let texts: Vec<Point> = (0..5).map(text).collect();
        let sizes: Vec<usize> = split(&texts).map(<[Point]>::len).collect();
        assert_eq!(sizes, [2, 2, 1]);
        assert_eq!(split(&[]).count(), 0);
    }
}
