//! Bytes to points.
use super::{
    ABSENT, ChunkError, EXPONENTS, FLAG, NUMBER, POINTS_MAX, SCALES, TEXT, VERSION, unzigzag,
};
use crate::history::point::{Context, Datum, Origin, Point};
use crate::model::wire::Fields;
use std::sync::Arc;

/// Reads a chunk: 1 to [`POINTS_MAX`] points with growing times.
///
/// # Errors
/// Truncated or malformed.
pub(in crate::history) fn decode(chunk: &[u8]) -> Result<Vec<Point>, ChunkError> {
    let mut columns = Columns(Fields::new(chunk));
    let version = columns.byte()?;
    if version != VERSION {
        return Err(ChunkError::Version { found: version });
    }
    let count = columns.count("count", POINTS_MAX)?;
    if count == 0 {
        return Err(columns.bounds("count"));
    }
    let contexts = columns.contexts()?;
    let mut points = columns.times(count, contexts.first())?;
    columns.sequences(&mut points)?;
    let scale = columns.scale()?;
    for point in &mut points {
        let delay = unzigzag(columns.0.varint()?).wrapping_mul(scale);
        point.received = point.time.wrapping_add(delay);
    }
    columns.runs(&mut points, |point, value| {
        let quality = u8::try_from(value).ok().filter(|quality| *quality <= 4);
        quality.map(|quality| point.quality = quality)
    })?;
    columns.runs(&mut points, |point, value| {
        let context = contexts.get(usize::try_from(value).ok()?)?;
        if !Arc::ptr_eq(&point.context, context) {
            point.context = Arc::clone(context);
        }
        Some(())
    })?;
    columns.values(&mut points)?;
    columns.raws(&mut points)?;
    if !columns.0.rest().is_empty() {
        return Err(columns.bounds("length"));
    }
    Ok(points)
}

/// The rest of a chunk.
struct Columns<'a>(Fields<'a>);

impl<'a> Columns<'a> {
    const fn bounds(&self, what: &'static str) -> ChunkError {
        ChunkError::Bounds {
            what,
            left: self.0.rest().len(),
        }
    }

    fn byte(&mut self) -> Result<u8, ChunkError> {
        let byte = self.0.take(1)?;
        byte.first().copied().ok_or_else(|| self.bounds("byte"))
    }

    fn count(&mut self, what: &'static str, max: usize) -> Result<usize, ChunkError> {
        usize::try_from(self.0.varint()?)
            .ok()
            .filter(|count| *count <= max)
            .ok_or_else(|| self.bounds(what))
    }

    fn text(&mut self) -> Result<&'a str, ChunkError> {
        let len = self.0.varint()?;
        let bytes = self.0.take(len)?;
        std::str::from_utf8(bytes).map_err(|_| self.bounds("text"))
    }

    fn scale(&mut self) -> Result<i64, ChunkError> {
        let byte = self.byte()?;
        SCALES
            .get(usize::from(byte))
            .copied()
            .ok_or_else(|| self.bounds("scale"))
    }

    fn contexts(&mut self) -> Result<Vec<Arc<Context>>, ChunkError> {
        let count = self.count("contexts", POINTS_MAX)?;
        let mut contexts = Vec::with_capacity(count);
        for _ in 0..count {
            let source = self.0.varint()?;
            let [kind, district, profile, node, via] = [
                self.text()?,
                self.text()?,
                self.text()?,
                self.text()?,
                self.text()?,
            ];
            contexts.push(Arc::new(Context {
                origin: Arc::new(Origin {
                    source,
                    kind: kind.into(),
                    district: district.into(),
                    profile: profile.into(),
                    node: node.into(),
                    via: via.into(),
                }),
                unit: self.text()?.into(),
                raw_unit: self.text()?.into(),
            }));
        }
        Ok(contexts)
    }

    /// The points, so far with nothing but a time.
    fn times(
        &mut self,
        count: usize,
        context: Option<&Arc<Context>>,
    ) -> Result<Vec<Point>, ChunkError> {
        let context = context.ok_or_else(|| self.bounds("contexts"))?;
        let scale = self.scale()?;
        let mut points = Vec::with_capacity(count);
        let mut time = 0i64;
        for at in 0..count {
            let step = self.0.varint()?;
            let next = if at == 0 {
                Some(unzigzag(step))
            } else {
                time.checked_add_unsigned(step).filter(|_| step > 0)
            };
            time = next.ok_or_else(|| self.bounds("time"))?;
            points.push(Point {
                time: time.checked_mul(scale).ok_or_else(|| self.bounds("time"))?,
                sequence: 0,
                received: 0,
                value: Datum::Absent,
                raw: None,
                context: Arc::clone(context),
                quality: 0,
            });
        }
        Ok(points)
    }

    fn sequences(&mut self, points: &mut [Point]) -> Result<(), ChunkError> {
        let mut sequence = 0u64;
        for (at, point) in points.iter_mut().enumerate() {
            let step = self.0.varint()?;
            sequence = if at == 0 {
                step
            } else {
                sequence.wrapping_add(unzigzag(step).cast_unsigned())
            };
            point.sequence = sequence;
        }
        Ok(())
    }

    fn runs(
        &mut self,
        points: &mut [Point],
        mut set: impl FnMut(&mut Point, u64) -> Option<()>,
    ) -> Result<(), ChunkError> {
        let mut rest = points;
        while !rest.is_empty() {
            let length = self.count("run", rest.len())?;
            let value = self.0.varint()?;
            let (run, tail) = rest
                .split_at_mut_checked(length)
                .filter(|(run, _)| !run.is_empty())
                .ok_or_else(|| self.bounds("run"))?;
            for point in run {
                set(point, value).ok_or_else(|| self.bounds("run's value"))?;
            }
            rest = tail;
        }
        Ok(())
    }

    fn values(&mut self, points: &mut [Point]) -> Result<(), ChunkError> {
        self.runs(points, |point, value| {
            point.value = match value {
                ABSENT => Datum::Absent,
                NUMBER => Datum::Number(0.0),
                FLAG => Datum::Flag(false),
                TEXT => Datum::Text(Box::default()),
                _ => return None,
            };
            Some(())
        })?;
        let form = self.byte()?;
        let exponent = match form {
            0 => None,
            form => Some(
                *EXPONENTS
                    .get(usize::from(form) - 1)
                    .ok_or_else(|| self.bounds("form"))?,
            ),
        };
        let mut last = 0i64;
        for point in points.iter_mut() {
            if let Datum::Number(number) = &mut point.value {
                *number = self.number(exponent, &mut last)?;
            }
        }
        for point in points.iter_mut() {
            if let Datum::Flag(flag) = &mut point.value {
                *flag = self.byte()? != 0;
            }
        }
        for point in points.iter_mut() {
            if let Datum::Text(text) = &mut point.value {
                **text = self.text()?.into();
            }
        }
        Ok(())
    }

    fn number(&mut self, exponent: Option<f64>, last: &mut i64) -> Result<f64, ChunkError> {
        let Some(exponent) = exponent else {
            let bytes = self.0.take(8)?;
            let bytes = bytes.try_into().map_err(|_| self.bounds("number"))?;
            return Ok(f64::from_le_bytes(bytes));
        };
        *last = last.wrapping_add(unzigzag(self.0.varint()?));
        #[expect(clippy::cast_precision_loss, reason = "written from up to 2^53")]
        Ok(*last as f64 / exponent)
    }

    fn raws(&mut self, points: &mut [Point]) -> Result<(), ChunkError> {
        let count = self.count("raws", points.len())?;
        let mut at = 0usize;
        for _ in 0..count {
            at += self.count("raw's place", POINTS_MAX)?;
            let raw = self.text()?;
            let point = points
                .get_mut(at)
                .ok_or_else(|| self.bounds("raw's place"))?;
            point.raw = Some(Box::new(raw.into()));
        }
        Ok(())
    }
}
