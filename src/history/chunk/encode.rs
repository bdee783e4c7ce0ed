//! Points to bytes.
use super::{
    ABSENT, EXACT_MAX, EXPONENTS, FLAG, NUMBER, POINTS_MAX, SCALES, TEXT, VERSION, zigzag,
};
use crate::history::point::{Context, Datum, Point};
use crate::model::wire::put_varint;
use std::sync::Arc;

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn put_runs(out: &mut Vec<u8>, values: impl Iterator<Item = u64>) {
    let mut run = (0u64, 0u64);
    for value in values {
        if run.0 > 0 && run.1 != value {
            put_varint(out, run.0);
            put_varint(out, run.1);
            run.0 = 0;
        }
        run = (run.0 + 1, value);
    }
    put_varint(out, run.0);
    put_varint(out, run.1);
}

/// The power of 1,000 that divides all.
fn put_scale(out: &mut Vec<u8>, all: &(impl Iterator<Item = i64> + Clone)) -> u8 {
    // The largest first: it fits, or fails at the first value. Constants, so that none is divided by.
    let scale = if all.clone().all(|value| value % SCALES[3] == 0) {
        3
    } else if all.clone().all(|value| value % SCALES[2] == 0) {
        2
    } else {
        u8::from(all.clone().all(|value| value % SCALES[1] == 0))
    };
    out.push(scale);
    scale
}

const fn divide(value: i64, scale: u8) -> i64 {
    match scale {
        3 => value / SCALES[3],
        2 => value / SCALES[2],
        1 => value / SCALES[1],
        _ => value,
    }
}

/// Appends the chunk of `points`: 1 to [`POINTS_MAX`], with growing times.
pub(in crate::history) fn encode(out: &mut Vec<u8>, points: &[Point]) {
    out.push(VERSION);
    put_varint(out, points.len() as u64);
    let places = put_contexts(out, points);
    let scale = put_scale(out, &points.iter().map(|point| point.time));
    let mut last = 0;
    for (at, point) in points.iter().enumerate() {
        let time = divide(point.time, scale);
        if at == 0 {
            put_varint(out, zigzag(time));
        } else {
            put_varint(out, time.abs_diff(last));
        }
        last = time;
    }
    let mut last = 0u64;
    for (at, point) in points.iter().enumerate() {
        if at == 0 {
            put_varint(out, point.sequence);
        } else {
            put_varint(out, zigzag(point.sequence.wrapping_sub(last).cast_signed()));
        }
        last = point.sequence;
    }
    let delays = points
        .iter()
        .map(|point| point.received.wrapping_sub(point.time));
    let scale = put_scale(out, &delays);
    for delay in delays {
        put_varint(out, zigzag(divide(delay, scale)));
    }
    put_runs(out, points.iter().map(|point| u64::from(point.quality)));
    put_runs(out, places.into_iter());
    put_values(out, points);
    put_raws(out, points);
}

/// Appends the distinct contexts; returns the place of each point's.
fn put_contexts(out: &mut Vec<u8>, points: &[Point]) -> Vec<u64> {
    let mut distinct: Vec<&Arc<Context>> = Vec::new();
    let mut places = Vec::with_capacity(points.len());
    let mut last: Option<(&Arc<Context>, u64)> = None;
    for point in points {
        let place = match last {
            Some((context, place)) if Arc::ptr_eq(context, &point.context) => place,
            _ => {
                let known = distinct.iter().position(|known| **known == point.context);
                known.unwrap_or_else(|| {
                    distinct.push(&point.context);
                    distinct.len() - 1
                }) as u64
            }
        };
        last = Some((&point.context, place));
        places.push(place);
    }
    put_varint(out, distinct.len() as u64);
    for context in distinct {
        let origin = &context.origin;
        put_varint(out, origin.source);
        for text in [
            &origin.kind,
            &origin.district,
            &origin.profile,
            &origin.node,
            &origin.via,
            &context.unit,
            &context.raw_unit,
        ] {
            put_text(out, text);
        }
    }
    places
}

fn put_values(out: &mut Vec<u8>, points: &[Point]) {
    put_runs(
        out,
        points.iter().map(|point| match &point.value {
            Datum::Absent => ABSENT,
            Datum::Number(_) => NUMBER,
            Datum::Flag(_) => FLAG,
            Datum::Text(_) => TEXT,
        }),
    );
    put_numbers(
        out,
        points.iter().filter_map(|point| match point.value {
            Datum::Number(number) => Some(number),
            _ => None,
        }),
    );
    for point in points {
        if let Datum::Flag(flag) = point.value {
            out.push(u8::from(flag));
        }
    }
    for point in points {
        if let Datum::Text(text) = &point.value {
            put_text(out, text);
        }
    }
}

/// `number * exponent` as an integer, if that gives `number` back to the last bit.
fn decimal(number: f64, exponent: f64) -> Option<i64> {
    let scaled = number * exponent;
    if !(-EXACT_MAX..=EXACT_MAX).contains(&scaled) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "up to 2^53; half up is rounding"
    )]
    let integer = (scaled + 0.5_f64.copysign(scaled)) as i64;
    #[expect(clippy::cast_precision_loss, reason = "an integer up to 2^53")]
    let back = integer as f64 / exponent;
    (back.to_bits() == number.to_bits()).then_some(integer)
}

fn put_numbers(out: &mut Vec<u8>, numbers: impl Iterator<Item = f64> + Clone) {
    let mut scaled: Vec<i64> = Vec::with_capacity(POINTS_MAX);
    for (form, exponent) in (1u8..).zip(EXPONENTS) {
        scaled.clear();
        let fits = numbers.clone().all(|number| {
            let integer = decimal(number, exponent);
            scaled.extend(integer);
            integer.is_some()
        });
        if fits {
            out.push(form);
            let mut last = 0;
            for integer in scaled {
                put_varint(out, zigzag(integer - last));
                last = integer;
            }
            return;
        }
    }
    out.push(0);
    for number in numbers {
        out.extend_from_slice(&number.to_le_bytes());
    }
}

fn put_raws(out: &mut Vec<u8>, points: &[Point]) {
    let raws = points.iter().enumerate().filter_map(|(at, point)| {
        let raw = point.raw.as_ref()?;
        Some((at, raw))
    });
    put_varint(out, raws.clone().count() as u64);
    let mut last = 0;
    for (at, raw) in raws {
        put_varint(out, (at - last) as u64);
        put_text(out, raw);
        last = at;
    }
}
