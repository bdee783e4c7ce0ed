//! A device as it is kept: one row, whole, under its number.
//!
//! ```text
//! row := version:u8 id kind:u16 district:u16 state:u8 entry values findings traces ..   little-endian
//! ```
//! Names and series are numbers here, too; their texts have rows of their own. What follows from
//! other rows, such as the number of children, is not kept.
use super::entry::{ACCEPTED, Address, DOWN, Entry, Extra, Last, Recent, SILENT, Shape};
use super::health::{Finding, Troubles};
use super::rhythm::Rhythm;
use super::table::Mark;
use super::view::{Code, Level, State, Trace, TraceKind};
use crate::model::Timestamp;

const VERSION: u8 = 1;

/// A device out of its row.
#[derive(Debug)]
pub(super) struct Kept<'r> {
    pub id: &'r str,
    pub mark: Mark,
    pub entry: Entry,
    pub version: u64,
    /// Texts among the last values, by series.
    pub texts: Vec<(u16, &'r str)>,
}

/// Writes fields one after the other.
pub(super) struct Out<'o>(pub &'o mut Vec<u8>);

impl Out<'_> {
    pub fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub fn u16(&mut self, value: u16) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub fn u32(&mut self, value: u32) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub fn u64(&mut self, value: u64) {
        self.0.extend_from_slice(&value.to_le_bytes());
    }

    pub fn time(&mut self, time: Timestamp) {
        self.0.extend_from_slice(&time.as_nanos().to_le_bytes());
    }

    /// Of at most 64 KiB.
    pub fn text(&mut self, text: &str) {
        self.u16(u16::try_from(text.len()).unwrap_or(0));
        self.0.extend_from_slice(text.as_bytes());
    }

    /// The length of a list of at most 255.
    pub fn len(&mut self, len: usize) {
        self.u8(u8::try_from(len).unwrap_or(0));
    }
}

/// Reads them.
pub(super) struct In<'r>(pub &'r [u8]);

impl<'r> In<'r> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    pub fn u128(&mut self) -> Option<u128> {
        self.take().map(u128::from_le_bytes)
    }

    pub fn time(&mut self) -> Option<Timestamp> {
        self.take()
            .map(|bytes| Timestamp::from_nanos(i64::from_le_bytes(bytes)))
    }

    pub fn text(&mut self) -> Option<&'r str> {
        let len = usize::from(self.u16()?);
        let (text, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

/// Appends the row of a device. `text`: that of a last value.
pub(super) fn encode<'t>(
    id: &str,
    mark: &Mark,
    entry: &Entry,
    version: u64,
    text: impl Fn(u16) -> &'t str,
    row: &mut Vec<u8>,
) {
    let mut out = Out(row);
    out.u8(VERSION);
    out.text(id);
    out.u32(mark.parent);
    out.u16(mark.kind);
    out.u16(mark.district);
    out.u8(mark.state as u8);
    for time in [
        entry.first_seen,
        entry.last_seen,
        entry.last_report,
        entry.last_reject,
    ] {
        out.time(time);
    }
    out.time(entry.state_since);
    for number in [
        entry.log_sequence,
        entry.reject_sequence,
        entry.reports,
        entry.readings,
        version,
    ] {
        out.u64(number);
    }
    out.u32(entry.rejects);
    out.u16(entry.profile);
    out.u8(entry.source);
    out.u8(entry.flags & (ACCEPTED | DOWN | SILENT));
    out.0.extend_from_slice(&entry.address.ip);
    out.u16(entry.address.port);
    out.time(entry.rhythm.counted_at);
    out.time(entry.rhythm.observed_at);
    out.len(entry.rhythm.gaps().count());
    entry.rhythm.gaps().for_each(|gap| out.u32(gap));
    let steps = entry
        .recent
        .steps
        .iter()
        .take(usize::from(entry.recent.len));
    out.u64(entry.recent.sequence);
    out.u8(entry.recent.len);
    for (back, gap) in steps {
        out.u32(*back);
        out.u32(*gap);
    }
    out.len(entry.values.len());
    for last in &entry.values {
        out.time(last.observed_at);
        out.u64(last.sequence);
        out.u64(last.bits);
        out.u32(last.since_secs);
        out.u16(last.series);
        out.u8(last.shape);
        out.u8(last.run);
        if Shape::unpack(last.shape).0 == Shape::Text {
            out.text(text(last.series));
        }
    }
    out.u8(entry.extra.is_some().into());
    if let Some(extra) = &entry.extra {
        encode_extra(extra, &mut out);
    }
}

fn encode_extra(extra: &Extra, out: &mut Out<'_>) {
    out.time(extra.down_at);
    out.u64(extra.values_left);
    let Troubles {
        row,
        skewed,
        hour,
        restarted,
    } = extra.troubles;
    out.u8(row);
    out.u8(skewed);
    for number in [hour.0, hour.1, hour.2].into_iter().chain(restarted) {
        out.u32(number);
    }
    out.len(extra.traces.len());
    for trace in &extra.traces {
        out.time(trace.at);
        let (kind, number) = match trace.what {
            TraceKind::Report(sequence) => (0, sequence),
            TraceKind::Event(sequence) => (1, sequence),
            TraceKind::Reject(sequence) => (2, sequence),
            TraceKind::State(before, after) => (3, (before as u64) << 8 | after as u64),
        };
        out.u8(kind);
        out.u64(number);
    }
    out.len(extra.findings.0.len());
    for finding in &extra.findings.0 {
        out.u8(finding.code as u8);
        out.u8(finding.level as u8);
        out.u16(finding.series);
        out.time(finding.since);
        out.u64(finding.value.to_bits());
        out.u64(finding.limit.to_bits());
    }
}

/// `None`: damaged, or of a later version.
pub(super) fn decode(row: &[u8]) -> Option<Kept<'_>> {
    let mut row = In(row);
    if row.u8()? != VERSION {
        return None;
    }
    let id = row.text()?;
    let mut mark = Mark {
        parent: row.u32()?,
        kind: row.u16()?,
        district: row.u16()?,
        state: State::from_number(row.u8()?)?,
        ..super::table::NEW
    };
    let mut entry = Entry::new(row.time()?);
    entry.last_seen = row.time()?;
    entry.last_report = row.time()?;
    entry.last_reject = row.time()?;
    entry.state_since = row.time()?;
    entry.log_sequence = row.u64()?;
    entry.reject_sequence = row.u64()?;
    entry.reports = row.u64()?;
    entry.readings = row.u64()?;
    let version = row.u64()?;
    entry.rejects = row.u32()?;
    entry.profile = row.u16()?;
    entry.source = row.u8()?;
    entry.flags = row.u8()?;
    entry.address = Address {
        ip: row.take()?,
        port: row.u16()?,
    };
    let (counted_at, observed_at) = (row.time()?, row.time()?);
    let gaps: Vec<u32> = (0..row.u8()?).map(|_| row.u32()).collect::<Option<_>>()?;
    entry.rhythm = Rhythm::restore(counted_at, observed_at, &gaps);
    entry.recent = recent(&mut row)?;
    let mut texts = Vec::new();
    let values = usize::from(row.u8()?);
    entry.values.reserve_exact(values);
    for _ in 0..values {
        let last = last(&mut row)?;
        if Shape::unpack(last.shape).0 == Shape::Text {
            texts.push((last.series, row.text()?));
        }
        entry.values.push(last);
    }
    if row.u8()? != 0 {
        let extra = extra(&mut row)?;
        (mark.level, mark.alarm) = extra.findings.worst();
        entry.extra = Some(Box::new(extra));
    }
    mark.refused = entry.last_reject > entry.last_report;
    Some(Kept {
        id,
        mark,
        entry,
        version,
        texts,
    })
}

fn recent(row: &mut In<'_>) -> Option<Recent> {
    let mut recent = Recent {
        sequence: row.u64()?,
        len: row.u8()?,
        ..Recent::default()
    };
    for step in recent.steps.iter_mut().take(usize::from(recent.len)) {
        *step = (row.u32()?, row.u32()?);
    }
    Some(recent)
}

fn last(row: &mut In<'_>) -> Option<Last> {
    Some(Last {
        observed_at: row.time()?,
        sequence: row.u64()?,
        bits: row.u64()?,
        since_secs: row.u32()?,
        series: row.u16()?,
        shape: row.u8()?,
        run: row.u8()?,
    })
}

fn extra(row: &mut In<'_>) -> Option<Extra> {
    let mut extra = Extra {
        down_at: row.time()?,
        values_left: row.u64()?,
        ..Extra::default()
    };
    let troubles = &mut extra.troubles;
    (troubles.row, troubles.skewed) = (row.u8()?, row.u8()?);
    troubles.hour = (row.u32()?, row.u32()?, row.u32()?);
    for secs in &mut troubles.restarted {
        *secs = row.u32()?;
    }
    for _ in 0..row.u8()? {
        let at = row.time()?;
        let (kind, number) = (row.u8()?, row.u64()?);
        let state = |number: u64| State::from_number(u8::try_from(number & 0xff).ok()?);
        let what = match kind {
            0 => TraceKind::Report(number),
            1 => TraceKind::Event(number),
            2 => TraceKind::Reject(number),
            _ => TraceKind::State(state(number >> 8)?, state(number)?),
        };
        extra.traces.push_back(Trace { at, what });
    }
    for _ in 0..row.u8()? {
        extra.findings.0.push(Finding {
            code: Code::from_number(row.u8()?)?,
            level: Level::from_number(row.u8()?)?,
            series: row.u16()?,
            since: row.time()?,
            value: f64::from_bits(row.u64()?),
            limit: f64::from_bits(row.u64()?),
        });
    }
    Some(extra)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn garbage_is_no_device(row: Vec<u8>) {
            let _ = decode(&row);
        }
    }
}
