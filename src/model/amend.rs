//! What may still change of an encoded report: the quality of its readings.
use super::Quality;
use super::wire::{Fields, WireError};

/// Changes the quality of the reading at this index of an encoded report, in place. Is there one?
pub fn set_quality(report: &mut [u8], reading: usize, quality: Quality) -> bool {
    let at = quality_at(report, reading).ok().flatten();
    let place = at.and_then(|at| report.get_mut(at));
    place.map(|place| *place = quality as u8).is_some()
}

/// Where the quality of a reading lies: a varint of one byte.
fn quality_at(report: &[u8], reading: usize) -> Result<Option<usize>, WireError> {
    let mut fields = Fields::new(report);
    let mut left = reading;
    while let Some((field, value)) = fields.next()? {
        if field != 8 {
            continue;
        }
        if left > 0 {
            left -= 1;
            continue;
        }
        let end = report.len() - fields.rest().len();
        let mut fields = Fields::new(value.bytes());
        while let Some((field, value)) = fields.next()? {
            if field == 7 && (1..0x80).contains(&value.number()) {
                return Ok((end - fields.rest().len()).checked_sub(1));
            }
        }
        return Ok(None);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::model::{ReadingDraft, ReportDraft, ReportView, Source, Timestamp, Value};

    #[test]
    fn only_that_readings_quality_changes() {
        let reading = |number: f64| ReadingDraft {
            metric: "water_volume",
            unit: "m3",
            value: Value::Number(number),
            observed_at: Timestamp::from_secs(1_795_420_800),
            quality: Quality::Good,
            labels: vec![("channel".into(), "x".repeat(100).into())],
            raw: "7".into(),
            raw_unit: "".into(),
        };
        let mut draft = ReportDraft {
            device_id: "m",
            kind: "meter.water",
            district: "",
            profile: "json",
            received_at: Timestamp::EPOCH,
            source: Source::Mqtt,
            readings: vec![reading(1.0), reading(2.0), reading(3.0)],
            node: "n",
            via: "v",
        };
        let mut bytes = Vec::new();
        draft.encode(&mut bytes);
        assert!(set_quality(&mut bytes, 1, Quality::Uncertain));
        draft.readings.get_mut(1).unwrap().quality = Quality::Uncertain;
        let mut expected = Vec::new();
        draft.encode(&mut expected);
        assert_eq!(bytes, expected);
        let view = ReportView::parse(&bytes).unwrap();
        assert_eq!(view.readings().count(), 3);
        assert!(!set_quality(&mut bytes, 3, Quality::Bad));
        for end in 0..bytes.len() {
            let mut cut = bytes.get(..end).unwrap().to_vec();
            let _ = set_quality(&mut cut, 2, Quality::Bad);
        }
        assert_eq!(bytes, expected);
    }
}
