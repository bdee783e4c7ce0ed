//! How often a device speaks, learned, and when its silence means something.
use crate::model::Timestamp;
use std::time::Duration;

/// Gaps of which the interval is the median (domain.md section 4).
const GAPS: usize = 10;
/// Fewer gaps than this teach nothing.
const GAPS_MIN: usize = 3;
/// Uplinks nearer than this are one: several topics of one waking.
const GAP_MIN: Duration = Duration::from_millis(500);
/// Where the times that a device gives run this much faster than the reception, it hands in what it
/// had stored, and says nothing of its rhythm.
const BACKFILL: i64 = 4;

/// Slack on every judgement, for the way and for the clock of a device that sends each second.
pub(super) const JITTER: Duration = Duration::from_secs(5);
/// Grace of devices that report once a day or less often (domain.md section 4).
const GRACE: Duration = Duration::from_hours(6);

/// The last gaps between the uplinks of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rhythm {
    /// The last uplink that counted; [`Timestamp::MIN`]: none.
    pub counted_at: Timestamp,
    /// The newest observation of all.
    pub observed_at: Timestamp,
    /// In milliseconds, as a ring.
    pub gaps_ms: [u32; GAPS],
    pub len: u8,
    pub next: u8,
    /// The median; 0: not known.
    interval_ms: u32,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self {
            counted_at: Timestamp::MIN,
            observed_at: Timestamp::MIN,
            gaps_ms: [0; GAPS],
            len: 0,
            next: 0,
            interval_ms: 0,
        }
    }
}

impl Rhythm {
    /// From what was kept.
    pub fn restore(counted_at: Timestamp, observed_at: Timestamp, gaps_ms: &[u32]) -> Self {
        let mut rhythm = Self {
            counted_at,
            observed_at,
            ..Self::default()
        };
        for gap in gaps_ms.iter().take(GAPS) {
            rhythm.push(*gap);
        }
        rhythm.learn();
        rhythm
    }

    /// The gaps, oldest first.
    pub fn gaps(&self) -> impl Iterator<Item = u32> {
        let skip = if usize::from(self.len) < GAPS {
            0
        } else {
            usize::from(self.next)
        };
        let len = usize::from(self.len);
        self.gaps_ms.into_iter().cycle().skip(skip).take(len)
    }

    /// An uplink was accepted; `observed_at` is the newest time in it.
    pub fn uplink(&mut self, received_at: Timestamp, observed_at: Timestamp) {
        if self.counted_at == Timestamp::MIN {
            self.counted_at = received_at;
            self.observed_at = observed_at;
            return;
        }
        let progress = observed_at
            .as_nanos()
            .saturating_sub(self.observed_at.as_nanos());
        let gap = received_at.since(self.counted_at);
        self.observed_at = self.observed_at.max(observed_at);
        if gap < GAP_MIN {
            return;
        }
        let gap_ns = i64::try_from(gap.as_nanos()).unwrap_or(i64::MAX);
        if progress < 0 || progress > gap_ns.saturating_mul(BACKFILL) {
            return;
        }
        self.counted_at = received_at;
        self.push(u32::try_from(gap.as_millis()).unwrap_or(u32::MAX));
        self.learn();
    }

    fn push(&mut self, gap_ms: u32) {
        if let Some(slot) = self.gaps_ms.get_mut(usize::from(self.next)) {
            *slot = gap_ms;
        }
        self.next = if usize::from(self.next) + 1 == GAPS {
            0
        } else {
            self.next + 1
        };
        self.len = self
            .len
            .saturating_add(1)
            .min(u8::try_from(GAPS).unwrap_or(u8::MAX));
    }

    fn learn(&mut self) {
        let len = usize::from(self.len);
        if len < GAPS_MIN {
            return;
        }
        let mut sorted = self.gaps_ms;
        let Some(gaps) = sorted.get_mut(..len) else {
            return;
        };
        gaps.sort_unstable();
        let at = |place: usize| gaps.get(place).copied().unwrap_or_default();
        let (low, high) = (at((len - 1) / 2), at(len / 2));
        self.interval_ms = low + (high - low) / 2;
    }

    /// The usual time between two uplinks.
    pub fn interval(&self) -> Option<Duration> {
        (self.interval_ms > 0).then(|| Duration::from_millis(self.interval_ms.into()))
    }
}

/// Silence of more than this is late: 1.5 intervals.
pub(super) fn late_after(interval: Duration) -> Duration {
    interval + interval / 2 + JITTER
}

/// Silence of more than this is offline: three intervals, or two and six hours for those that speak
/// about once a day; the smaller, so that there is no step between the two.
pub(super) fn offline_after(interval: Duration) -> Duration {
    (interval * 3).min(interval * 2 + GRACE) + JITTER * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(1_800_000_000 + secs)
    }

    /// Uplinks that observe now.
    fn heard(times: &[i64]) -> Rhythm {
        let mut rhythm = Rhythm::default();
        for time in times {
            rhythm.uplink(at(*time), at(*time));
        }
        rhythm
    }

    #[test]
    fn three_gaps_teach_and_the_median_stands_an_outage() {
        assert_eq!(heard(&[0, 60, 120]).interval(), None);
        assert_eq!(
            heard(&[0, 60, 120, 180]).interval(),
            Some(Duration::from_mins(1))
        );
        let outage = heard(&[0, 60, 120, 180, 86_400, 86_460]);
        assert_eq!(outage.interval(), Some(Duration::from_mins(1)));
        // Another interval is learned after six of its gaps.
        let slower: Vec<i64> = (0..5)
            .map(|n| n * 10)
            .chain((1..=11).map(|n| 40 + n * 90))
            .collect();
        assert_eq!(heard(&slower).interval(), Some(Duration::from_secs(90)));
    }

    #[test]
    fn several_reports_of_one_waking_count_once() {
        let mut rhythm = Rhythm::default();
        for n in 0..4 {
            for copy in 0..3 {
                let time = at(n * 60).plus(Duration::from_millis(100 * copy));
                rhythm.uplink(time, time);
            }
        }
        assert_eq!(rhythm.interval(), Some(Duration::from_mins(1)));
    }

    #[test]
    fn back_fill_says_nothing_of_the_rhythm() {
        let mut rhythm = heard(&[0, 900, 1_800, 2_700]);
        // Away for a day; then 90 stored reports in 90 seconds, in either order of their times.
        for backwards in [false, true] {
            for n in 0..90 {
                let observed = if backwards { 90 - n } else { n };
                rhythm.uplink(at(90_000 + n), at(3_600 + observed * 900));
            }
            assert_eq!(
                rhythm.interval(),
                Some(Duration::from_mins(15)),
                "{backwards}"
            );
        }
        // Live and stored reports in turn.
        for n in 1..30 {
            rhythm.uplink(at(100_000 + n * 900), at(100_000 + n * 900));
            rhythm.uplink(at(100_002 + n * 900), at(4_000 + n));
        }
        assert_eq!(rhythm.interval(), Some(Duration::from_mins(15)));
    }

    #[test]
    fn what_was_kept_is_restored() {
        for count in [2, 5, 10, 17] {
            let times: Vec<i64> = (0..count).map(|n| n * n * 7).collect();
            let rhythm = heard(&times);
            let gaps: Vec<u32> = rhythm.gaps().collect();
            let restored = Rhythm::restore(rhythm.counted_at, rhythm.observed_at, &gaps);
            assert_eq!(restored.interval(), rhythm.interval());
            assert_eq!(restored.gaps().collect::<Vec<_>>(), gaps);
        }
    }

    #[test]
    fn late_and_offline_have_no_step() {
        let minute = Duration::from_mins(1);
        assert_eq!(late_after(minute), Duration::from_secs(95));
        assert_eq!(offline_after(minute), Duration::from_secs(190));
        let day = Duration::from_hours(24);
        assert_eq!(offline_after(day), Duration::from_hours(54) + JITTER * 2);
        for secs in [0u64, 1, 20, 3_600, 21_600, 43_200, 86_400, 700_000] {
            let interval = Duration::from_secs(secs);
            assert!(late_after(interval) < offline_after(interval), "{secs}");
        }
    }
}
