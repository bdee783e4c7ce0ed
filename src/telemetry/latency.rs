//! How long something took, since the start and over the last minute, in a fixed amount of memory.
//!
//! Eight buckets per octave, so a quantile is at most an eighth too high. The last minute is six
//! slots of ten seconds that are overwritten in turn. One writer and rare readers: a lock costs
//! less than atomics in every bucket.
use super::buckets;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Bits of a value that are kept below its leading one.
const PRECISION_BITS: u32 = 3;
/// Longest time told apart: 2^27 us, two minutes. Beyond it counts as this.
const LONGEST_US: u64 = (1 << 27) - 1;
const BUCKETS: usize = 25 * 8;
/// Slots of the last minute.
const SLOTS: usize = 6;
const SLOT: Duration = Duration::from_secs(10);
/// Bounds for Prometheus, in seconds; behind the last one comes infinity.
const BOUNDS: [f64; 14] = [
    0.000_25, 0.000_5, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.0,
    4.0,
];

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Number of the slot since the start: which ten seconds these are.
    number: u64,
    buckets: [u32; BUCKETS],
}

#[derive(Debug)]
struct State {
    slots: [Slot; SLOTS],
    all: [u64; BOUNDS.len() + 1],
    sum: Duration,
}

/// Times that are recorded by one thread and looked at by others.
#[derive(Debug)]
pub struct Latency {
    started: Instant,
    state: Mutex<Box<State>>,
}

/// What [`Latency`] saw in the last minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    /// How many.
    pub count: u64,
    /// Half of them took no longer; zero if there were none.
    pub p50: Duration,
    /// 99 % of them took no longer; zero if there were none.
    pub p99: Duration,
}

/// Everything since the start, as Prometheus wants it.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    /// Seconds, together.
    pub sum: f64,
    /// How many.
    pub count: u64,
    /// Upper bound in seconds, and how many lie between it and the one before.
    pub buckets: Vec<(f64, u64)>,
}

fn bucket_of(us: u64) -> usize {
    buckets::bucket_of(us.min(LONGEST_US), PRECISION_BITS)
}

fn upper_bound_us(bucket: usize) -> u64 {
    buckets::upper_bound_us(bucket, PRECISION_BITS)
}

impl Latency {
    /// Nothing recorded yet.
    pub fn new(now: Instant) -> Self {
        let slot = Slot {
            number: 0,
            buckets: [0; BUCKETS],
        };
        let state = State {
            slots: [slot; SLOTS],
            all: [0; BOUNDS.len() + 1],
            sum: Duration::ZERO,
        };
        Self {
            started: now,
            state: Mutex::new(Box::new(state)),
        }
    }

    fn slot_number(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.started).as_secs() / SLOT.as_secs()
    }

    /// Something that has ended now took `time`.
    pub fn record(&self, now: Instant, time: Duration) {
        let number = self.slot_number(now);
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let secs = time.as_secs_f64();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.sum = state.sum.saturating_add(time);
        let bound = BOUNDS.partition_point(|bound| *bound < secs);
        if let Some(count) = state.all.get_mut(bound) {
            *count += 1;
        }
        let at = usize::try_from(number).unwrap_or(0) % SLOTS;
        let Some(slot) = state.slots.get_mut(at) else {
            return;
        };
        if slot.number != number {
            slot.number = number;
            slot.buckets = [0; BUCKETS];
        }
        if let Some(count) = slot.buckets.get_mut(bucket_of(us)) {
            *count = count.saturating_add(1);
        }
    }

    /// The last minute, give or take ten seconds.
    pub fn recent(&self, now: Instant) -> Recent {
        let oldest = (self.slot_number(now) + 1).saturating_sub(SLOTS as u64);
        let mut counts = [0u64; BUCKETS];
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for slot in state.slots.iter().filter(|slot| slot.number >= oldest) {
            for (total, count) in counts.iter_mut().zip(slot.buckets) {
                *total += u64::from(count);
            }
        }
        drop(state);
        let count: u64 = counts.iter().sum();
        let quantile = |percent: u64| {
            let mut left = (count * percent).div_ceil(100);
            for (bucket, found) in counts.iter().enumerate() {
                if left <= *found && *found > 0 {
                    return Duration::from_micros(upper_bound_us(bucket));
                }
                left = left.saturating_sub(*found);
            }
            Duration::ZERO
        };
        Recent {
            count,
            p50: quantile(50),
            p99: quantile(99),
        }
    }

    /// Everything since the start.
    pub fn distribution(&self) -> Distribution {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
        Distribution {
            sum: state.sum.as_secs_f64(),
            count: state.all.iter().sum(),
            buckets: bounds.zip(state.all).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_are_of_the_last_minute_and_the_distribution_of_everything() {
        let start = Instant::now();
        let latency = Latency::new(start);
        assert_eq!(latency.recent(start), Recent::default());
        for ms in 1..=100 {
            latency.record(start, Duration::from_millis(ms));
        }
        let recent = latency.recent(start + Duration::from_secs(49));
        assert_eq!(recent.count, 100);
        assert!((50..=57).contains(&recent.p50.as_millis()), "{recent:?}");
        assert!((99..=112).contains(&recent.p99.as_millis()), "{recent:?}");
        let later = start + Duration::from_secs(62);
        latency.record(later, Duration::from_secs(3));
        let recent = latency.recent(later);
        assert_eq!(recent.count, 1);
        assert!(recent.p50 >= Duration::from_secs(3));
        let all = latency.distribution();
        assert_eq!(all.count, 101);
        assert!((all.sum - 8.05).abs() < 1e-9, "{}", all.sum);
        assert_eq!(all.buckets.last(), Some(&(f64::INFINITY, 0)));
        let of = |bound: f64| all.buckets.iter().find(|(b, _)| *b >= bound).map(|b| b.1);
        assert_eq!(of(0.001), Some(1));
        assert_eq!(of(4.0), Some(1));
    }

    proptest! {
        #[test]
        fn a_bucket_holds_its_value_within_an_eighth(us in 0..=LONGEST_US) {
            let bucket = bucket_of(us);
            prop_assert!(bucket < BUCKETS);
            let bound = upper_bound_us(bucket);
            prop_assert!(bound >= us && bound <= us + us / 8, "{us} in bucket to {bound}");
        }

        #[test]
        fn absurd_times_are_counted_in_the_last_bucket(us in LONGEST_US..) {
            prop_assert_eq!(bucket_of(us), BUCKETS - 1);
        }
    }
}
