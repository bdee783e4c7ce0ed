//! What is held of one device: some 300 bytes, and 32 for each last value.
use super::health::{Finding, Findings, Troubles};
use super::rhythm::Rhythm;
use super::view::{Trace, TraceKind};
use crate::model::{Quality, Timestamp};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// Reports that are remembered as places in the log.
pub(super) const REPORT_TRACES: usize = 8;
/// Events, rejects and changes of state that are remembered, together.
pub(super) const OTHER_TRACES: usize = 8;
/// Rejects among them.
const REJECT_TRACES: usize = 2;
/// No time.
pub(super) const NEVER: Timestamp = Timestamp::MIN;

/// Something of it was accepted: a report, an event, or a report of a child.
pub(super) const ACCEPTED: u8 = 1;
/// Its connection ended with a will, and it was not heard since.
pub(super) const DOWN: u8 = 2;
/// Late or offline, and not heard since.
pub(super) const SILENT: u8 = 4;
/// Its profile says that its radio is off between reports ..
pub(super) const SLEEPY: u8 = 16;
/// .. or that it never is.
pub(super) const AWAKE: u8 = 32;
/// Changed since it was saved.
pub(super) const DIRTY: u8 = 8;

/// One device.
#[derive(Debug)]
pub(super) struct Entry {
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub last_report: Timestamp,
    pub last_reject: Timestamp,
    pub state_since: Timestamp,
    /// The last records that were applied to it; a repeated one changes nothing.
    pub log_sequence: u64,
    pub reject_sequence: u64,
    pub reports: u64,
    pub readings: u64,
    pub rejects: u32,
    pub duplicates: u32,
    pub rhythm: Rhythm,
    pub recent: Recent,
    pub address: Address,
    pub profile: u16,
    pub source: u8,
    pub flags: u8,
    /// Its number in the table.
    pub number: u32,
    /// What inventory or profile say of its interval, in seconds; 0: nothing.
    pub interval_secs: u32,
    pub values: Vec<Last>,
    /// Of those that had some trouble.
    pub extra: Option<Box<Extra>>,
}

impl Entry {
    pub fn new(at: Timestamp) -> Self {
        Self {
            first_seen: at,
            last_seen: at,
            last_report: NEVER,
            last_reject: NEVER,
            state_since: at,
            log_sequence: 0,
            reject_sequence: 0,
            reports: 0,
            readings: 0,
            rejects: 0,
            duplicates: 0,
            rhythm: Rhythm::default(),
            recent: Recent::default(),
            address: Address::default(),
            profile: 0,
            source: 0,
            flags: 0,
            number: 0,
            interval_secs: 0,
            values: Vec::new(),
            extra: None,
        }
    }

    pub const fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Usual time between two uplinks: the inventory's, else the profile's, else learned.
    pub fn interval(&self) -> Option<Duration> {
        match self.interval_secs {
            0 => self.rhythm.interval(),
            secs => Some(Duration::from_secs(secs.into())),
        }
    }

    /// Is it out of reach between its reports? By its profile, else by its interval.
    pub fn is_sleepy(&self, sleepy_after: Duration) -> bool {
        if self.is(SLEEPY | AWAKE) {
            return self.is(SLEEPY);
        }
        self.interval()
            .is_some_and(|interval| interval >= sleepy_after)
    }

    pub fn extra(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    /// Remembers what is no report. Of rejects only the last few: they are found in a log of their
    /// own, and garbage must not push out what happened.
    pub fn trace(&mut self, at: Timestamp, what: TraceKind) {
        let traces = &mut self.extra().traces;
        let is_reject = |what: &TraceKind| matches!(what, TraceKind::Reject(_));
        let mut rejects = traces.iter().filter(|trace| is_reject(&trace.what));
        if is_reject(&what) && rejects.by_ref().count() >= REJECT_TRACES {
            let oldest = traces.iter().position(|trace| is_reject(&trace.what));
            oldest.and_then(|oldest| traces.remove(oldest));
        } else if traces.len() >= OTHER_TRACES {
            traces.pop_front();
        }
        traces.push_back(Trace { at, what });
    }

    /// All traces, newest first.
    pub fn traces(&self) -> Vec<Trace> {
        let others = self
            .extra
            .iter()
            .flat_map(|extra| extra.traces.iter().copied());
        let mut traces: Vec<Trace> = self.recent.iter(self.last_report).chain(others).collect();
        traces.sort_by_key(|trace| std::cmp::Reverse(trace.at));
        traces
    }

    /// Bytes behind pointers, without what the allocator adds.
    pub fn heap_bytes(&self) -> usize {
        let extra = self.extra.as_ref().map_or(0, |extra| {
            size_of::<Extra>()
                + extra.traces.capacity() * size_of::<Trace>()
                + extra.findings.0.capacity() * size_of::<Finding>()
        });
        self.values.capacity() * size_of::<Last>() + extra
    }
}

/// What only some devices have.
#[derive(Debug, Default)]
pub(super) struct Extra {
    /// Oldest first.
    pub traces: VecDeque<Trace>,
    /// When its connection ended with a will; with [`DOWN`].
    pub down_at: Timestamp,
    pub findings: Findings,
    pub troubles: Troubles,
    /// Series beyond the limit that were left to history, counted once a reading.
    pub values_left: u64,
}

/// The last value of one series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Last {
    pub observed_at: Timestamp,
    pub sequence: u64,
    /// A number's bits, a flag; a text lies in the table of texts.
    pub bits: u64,
    /// In seconds since the epoch: since when [`Last::run`] lasts.
    pub since_secs: u32,
    pub series: u16,
    /// Quality and type of value: see [`Shape`].
    pub shape: u8,
    /// Reports in a row with the same value, or beyond a limit; what counts depends on the metric.
    pub run: u8,
}

/// Quality and type of value, in one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Number = 0,
    Flag = 1,
    Text = 2,
    Absent = 3,
}

impl Shape {
    pub const fn pack(self, quality: Quality) -> u8 {
        (self as u8) | (quality as u8) << 2
    }

    pub const fn unpack(byte: u8) -> (Self, Quality) {
        let shape = match byte & 3 {
            0 => Self::Number,
            1 => Self::Flag,
            2 => Self::Text,
            _ => Self::Absent,
        };
        let quality = match Quality::from_number((byte >> 2) as u64) {
            Some(quality) => quality,
            None => Quality::Uncertain,
        };
        (shape, quality)
    }
}

/// The last reports, as steps back from the last one: sequences and milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Recent {
    pub sequence: u64,
    pub steps: [(u32, u32); REPORT_TRACES - 1],
    pub len: u8,
}

impl Recent {
    /// The report `sequence`, `gap_ms` after the one before.
    pub fn push(&mut self, sequence: u64, gap_ms: u64) {
        let back = sequence.saturating_sub(self.sequence);
        match (u32::try_from(back), u32::try_from(gap_ms)) {
            (Ok(back), Ok(gap)) if self.sequence > 0 => {
                self.steps.copy_within(..REPORT_TRACES - 2, 1);
                if let Some(first) = self.steps.first_mut() {
                    *first = (back, gap);
                }
                let max = u8::try_from(self.steps.len()).unwrap_or(u8::MAX);
                self.len = self.len.saturating_add(1).min(max);
            }
            // The first one, or weeks later.
            _ => self.len = 0,
        }
        self.sequence = sequence;
    }

    /// Newest first; the newest is of `at`.
    fn iter(&self, at: Timestamp) -> impl Iterator<Item = Trace> {
        let trace = |(sequence, at)| Trace {
            at,
            what: TraceKind::Report(sequence),
        };
        let steps = self.steps.iter().take(usize::from(self.len));
        let older = steps.scan((self.sequence, at), |(sequence, at), (back, gap)| {
            *sequence = sequence.saturating_sub((*back).into());
            *at = at.minus(Duration::from_millis((*gap).into()));
            Some((*sequence, *at))
        });
        let newest = (self.sequence > 0).then_some((self.sequence, at));
        newest.into_iter().chain(older).map(trace)
    }
}

/// A socket address in 18 bytes; port 0 of `::` is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Address {
    pub ip: [u8; 16],
    pub port: u16,
}

impl Address {
    pub fn get(self) -> Option<SocketAddr> {
        let ip = IpAddr::V6(Ipv6Addr::from(self.ip)).to_canonical();
        (self != Self::default()).then(|| SocketAddr::new(ip, self.port))
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        let ip = match address.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        Self {
            ip: ip.octets(),
            port: address.port(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_million_devices_fit() {
        assert!(size_of::<Entry>() <= 320, "{}", size_of::<Entry>());
        assert_eq!(size_of::<Last>(), 32);
    }

    proptest! {
        #[test]
        fn addresses_round_trip(ip: [u8; 16], v4: bool, port in 1u16..) {
            let ip = if v4 { IpAddr::from([ip[0], ip[1], ip[2], ip[3]]) } else { IpAddr::from(ip).to_canonical() };
            let address = SocketAddr::new(ip, port);
            prop_assert_eq!(Address::from(address).get(), Some(address));
        }

        #[test]
        fn shapes_round_trip(quality in 1u64..=4, shape in 0u8..4) {
            let quality = Quality::from_number(quality).expect("1 to 4");
            let (shape, _) = Shape::unpack(shape);
            prop_assert_eq!(Shape::unpack(shape.pack(quality)), (shape, quality));
        }
    }

    #[test]
    fn the_last_reports_are_remembered_with_their_times() {
        let mut entry = Entry::new(NEVER);
        for n in 1..=20u64 {
            entry.recent.push(1_000_000 * n, 60_000);
        }
        entry.last_report = Timestamp::from_secs(1_200);
        let traces = entry.traces();
        assert_eq!(traces.len(), REPORT_TRACES);
        for (n, trace) in (13..=20u64).rev().zip(traces) {
            assert_eq!(trace.what, TraceKind::Report(1_000_000 * n));
            assert_eq!(trace.at.as_secs_nanos().0.unsigned_abs(), 60 * n);
        }
        entry.recent.push(u64::MAX, 0);
        assert_eq!(entry.traces().len(), 1, "too far away to be a step");
    }
}
