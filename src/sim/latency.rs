//! Latencies in a fixed amount of memory.
//!
//! Log-linear buckets: 32 per octave of microseconds, so a quantile is at most 1/32 too high, in
//! 9 kB for any number of samples. Counters are atomic because all connections share one histogram;
//! one per connection would cost 90 MB at 10,000 connections.
use crate::telemetry::buckets;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Bits of a value that are kept below its leading one.
const PRECISION_BITS: u32 = 5;
/// Longest latency told apart: 2^37 us, 38 hours. Beyond it counts as this.
const LONGEST_US: u64 = (1 << 37) - 1;
/// Values below 32 us have a bucket each; each of the 32 octaves above has 32.
const BUCKETS: usize = 33 * 32;

/// How often each latency occurred.
#[derive(Debug)]
pub struct Histogram {
    buckets: Box<[AtomicU64]>,
    max_us: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            max_us: AtomicU64::new(0),
        }
    }
}

fn bucket_of(us: u64) -> usize {
    buckets::bucket_of(us.min(LONGEST_US), PRECISION_BITS)
}

fn upper_bound_us(bucket: usize) -> u64 {
    buckets::upper_bound_us(bucket, PRECISION_BITS)
}

impl Histogram {
    /// Counts `latency` `times` times.
    pub fn record(&self, latency: Duration, times: u64) {
        let us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get(bucket_of(us)) {
            bucket.fetch_add(times, Relaxed);
        }
        if us > self.max_us.load(Relaxed) {
            self.max_us.fetch_max(us, Relaxed);
        }
    }

    /// Adds what `other` has counted.
    pub fn absorb(&self, other: &Self) {
        for (own, theirs) in self.buckets.iter().zip(&other.buckets) {
            own.fetch_add(theirs.load(Relaxed), Relaxed);
        }
        self.max_us.fetch_max(other.max_us.load(Relaxed), Relaxed);
    }

    /// The latency that a `share` (0 to 1) of the samples does not exceed; `None` without samples.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        let counts: Vec<u64> = self.buckets.iter().map(|b| b.load(Relaxed)).collect();
        let total: u64 = counts.iter().sum();
        if total == 0 {
            return None;
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "counts above 2^53 do not occur, and a quantile is approximate"
        )]
        let mut left = share.clamp(0.0, 1.0) * total as f64;
        for (bucket, &count) in counts.iter().enumerate() {
            #[expect(clippy::cast_precision_loss, reason = "as above")]
            let count_f = count as f64;
            if count > 0 && left <= count_f {
                let bound = upper_bound_us(bucket).min(self.max_us.load(Relaxed));
                return Some(Duration::from_micros(bound));
            }
            left -= count_f;
        }
        Some(self.max())
    }

    /// The longest latency, exactly.
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.max_us.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_of_one_to_thousand() {
        let histogram = Histogram::default();
        for us in 1..=1_000 {
            histogram.record(Duration::from_micros(us), 1);
        }
        let at = |share| histogram.quantile(share).expect("has samples").as_micros();
        assert!((500..=516).contains(&at(0.5)), "{}", at(0.5));
        assert!((990..=1_000).contains(&at(0.99)), "{}", at(0.99));
        assert_eq!(at(1.0), 1_000);
        assert_eq!(histogram.max(), Duration::from_millis(1));
    }

    #[test]
    fn no_samples_have_no_quantile() {
        assert_eq!(Histogram::default().quantile(0.5), None);
    }

    proptest! {
        #[test]
        fn a_bucket_holds_its_value_within_a_thirty_second(us in 0..=LONGEST_US) {
            let bucket = bucket_of(us);
            prop_assert!(bucket < BUCKETS);
            let bound = upper_bound_us(bucket);
            prop_assert!(bound >= us && bound <= us + us / 32, "{us} in bucket to {bound}");
            prop_assert_eq!(bucket_of(bound), bucket);
        }

        #[test]
        fn absurd_latencies_are_counted_in_the_last_bucket(us in LONGEST_US..) {
            prop_assert_eq!(bucket_of(us), BUCKETS - 1);
        }
    }
}
