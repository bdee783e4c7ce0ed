//! Uplinks per second over the last minute, by source.
//!
//! The counters of promise 2 only grow; a sample of them every five seconds, kept for a minute,
//! says how fast. Counting in the path of an uplink would say the same for more.
use crate::model::Source;
use crate::telemetry::Accounting;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two samples.
pub const SAMPLE_EVERY: Duration = Duration::from_secs(5);
/// Samples kept: a minute of them.
const SAMPLES_MAX: usize = 13;

type Received = [u64; Source::ALL.len()];

/// Samples of the last minute.
#[derive(Debug, Default)]
pub struct Rates(Mutex<VecDeque<(Instant, Received)>>);

fn received(accounting: &Accounting) -> Received {
    Source::ALL.map(|source| accounting.snapshot(source).received)
}

impl Rates {
    /// Notes the counters of now. Called every five seconds.
    pub fn sample(&self, now: Instant, accounting: &Accounting) {
        let received = received(accounting);
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if samples.len() >= SAMPLES_MAX {
            samples.pop_front();
        }
        samples.push_back((now, received));
    }

    /// Uplinks per second since the oldest sample, in the order of [`Source::ALL`]; zero without one.
    pub fn per_second(&self, now: Instant, accounting: &Accounting) -> [f64; Source::ALL.len()] {
        let oldest = {
            let samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            samples.front().copied()
        };
        let received = received(accounting);
        let Some((then, before)) = oldest else {
            return [0.0; Source::ALL.len()];
        };
        let secs = now.saturating_duration_since(then).as_secs_f64();
        let mut rates = [0.0; Source::ALL.len()];
        for (rate, (now, before)) in rates.iter_mut().zip(received.iter().zip(before)) {
            // Less than a second says nothing about a rate.
            if secs >= 1.0 {
                *rate = double(now.saturating_sub(before)) / secs;
            }
        }
        rates
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a minute's uplinks are far below 2^53"
)]
const fn double(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_that_of_the_last_minute() {
        let accounting = Accounting::default();
        let rates = Rates::default();
        let start = Instant::now();
        let none = [0.0; Source::ALL.len()].map(f64::to_bits);
        let found = rates.per_second(start, &accounting).map(f64::to_bits);
        assert_eq!(found, none);
        let mut now = start;
        for step in 0..40 {
            rates.sample(now, &accounting);
            // A quiet hour would be forgotten: the first hundred seconds have no uplinks.
            if step >= 20 {
                accounting.update(Source::Mqtt, |counts| counts.received += 50);
            }
            now += SAMPLE_EVERY;
        }
        let [mqtt, coap, ..] = rates.per_second(now, &accounting);
        assert!((mqtt - 10.0).abs() < 1e-9, "{mqtt}");
        assert_eq!(coap.to_bits(), 0);
    }
}
