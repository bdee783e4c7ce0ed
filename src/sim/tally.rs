//! What the simulation has sent and what came back, while it runs and at the end.
use super::latency::Histogram;
use serde::Serialize;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Live counters, shared by all connections.
#[derive(Debug, Default)]
pub struct Tally {
    /// Different messages given to a socket.
    pub sent: AtomicU64,
    /// Of those, acknowledged (`QoS` 0: written).
    pub acknowledged: AtomicU64,
    /// Packets sent again after a lost connection.
    pub retransmitted: AtomicU64,
    /// Acknowledged before an older one: MQTT forbids it.
    pub out_of_order: AtomicU64,
    /// Acknowledgements of nothing in flight.
    pub unexpected: AtomicU64,
    /// Connections open now.
    pub connected: AtomicU64,
    /// Connections made again after a loss.
    pub reconnects: AtomicU64,
    /// Reconnects at which the gateway had forgotten the session.
    pub sessions_lost: AtomicU64,
    /// Faults played on purpose.
    pub faults: AtomicU64,
    /// CSV cells without a value.
    pub missing: AtomicU64,
    /// Time from the first sending of a message to its acknowledgement.
    pub latency: Histogram,
    last_error: Mutex<Option<String>>,
}

impl Tally {
    /// Keeps the reason of the latest loss of a connection, for the progress line.
    pub(super) fn note_error(&self, error: &impl fmt::Display) {
        *self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }

    /// Why a connection was lost last.
    pub fn last_error(&self) -> Option<String> {
        self.last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The figures after `elapsed`.
    pub fn summary(&self, seed: u64, elapsed: Duration) -> Summary {
        let acknowledged = self.acknowledged.load(Relaxed);
        let sent = self.sent.load(Relaxed);
        let ms = |share| self.latency.quantile(share).map(millis);
        let latency = || {
            Some(Latency {
                p50_ms: ms(0.5)?,
                p99_ms: ms(0.99)?,
                max_ms: millis(self.latency.max()),
            })
        };
        #[expect(clippy::cast_precision_loss, reason = "a rate is rounded anyway")]
        let rate = acknowledged as f64 / elapsed.as_secs_f64().max(1e-9);
        Summary {
            seed,
            sent,
            acknowledged,
            unacknowledged: sent.saturating_sub(acknowledged),
            retransmitted: self.retransmitted.load(Relaxed),
            out_of_order: self.out_of_order.load(Relaxed),
            unexpected: self.unexpected.load(Relaxed),
            reconnects: self.reconnects.load(Relaxed),
            sessions_lost: self.sessions_lost.load(Relaxed),
            faults: self.faults.load(Relaxed),
            missing: self.missing.load(Relaxed),
            elapsed_s: (elapsed.as_secs_f64() * 1e3).round() / 1e3,
            rate_per_s: (rate * 10.0).round() / 10.0,
            latency: latency(),
            last_error: self.last_error(),
        }
    }
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// Time from the first sending of a message to its acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// Median in ms.
    pub p50_ms: f64,
    /// 99 % were faster, in ms.
    pub p99_ms: f64,
    /// The slowest, in ms.
    pub max_ms: f64,
}

/// The figures of [`Tally`] at one moment. Counts are of messages unless they say otherwise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Makes the same data again.
    pub seed: u64,
    /// Different messages given to a socket.
    pub sent: u64,
    /// Of those, acknowledged.
    pub acknowledged: u64,
    /// Of those, not.
    pub unacknowledged: u64,
    /// Packets sent again.
    pub retransmitted: u64,
    /// Acknowledgements before an older one.
    pub out_of_order: u64,
    /// Acknowledgements of nothing in flight.
    pub unexpected: u64,
    /// Connections made again.
    pub reconnects: u64,
    /// Sessions that the gateway had forgotten.
    pub sessions_lost: u64,
    /// Faults played on purpose.
    pub faults: u64,
    /// CSV cells without a value.
    pub missing: u64,
    /// Running time in seconds.
    pub elapsed_s: f64,
    /// Acknowledged messages per second.
    pub rate_per_s: f64,
    /// Time to the acknowledgement; none without any.
    pub latency: Option<Latency>,
    /// Why a connection was lost last.
    pub last_error: Option<String>,
}

impl Summary {
    /// Was everything acknowledged?
    pub const fn is_complete(&self) -> bool {
        self.unacknowledged == 0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, name: &str, value: &dyn fmt::Display| {
            writeln!(f, "{name:<16}{value}")
        };
        line(f, "sent", &self.sent)?;
        line(f, "acknowledged", &self.acknowledged)?;
        for (name, count) in [
            ("unacknowledged", self.unacknowledged),
            ("retransmitted", self.retransmitted),
            ("out of order", self.out_of_order),
            ("unexpected acks", self.unexpected),
            ("reconnects", self.reconnects),
            ("sessions lost", self.sessions_lost),
            ("faults played", self.faults),
            ("missing values", self.missing),
        ] {
            if count > 0 {
                line(f, name, &count)?;
            }
        }
        if let Some(Latency {
            p50_ms,
            p99_ms,
            max_ms,
        }) = self.latency
        {
            let text = format_args!("p50 {p50_ms} ms, p99 {p99_ms} ms, max {max_ms} ms");
            line(f, "latency", &text)?;
        }
        line(
            f,
            "rate",
            &format_args!("{}/s over {} s", self.rate_per_s, self.elapsed_s),
        )?;
        if let Some(error) = self.last_error.as_ref().filter(|_| !self.is_complete()) {
            line(f, "last error", error)?;
        }
        write!(f, "{:<16}{}", "seed", self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_says_what_is_missing() {
        let tally = Tally::default();
        tally.sent.store(10, Relaxed);
        tally.acknowledged.store(9, Relaxed);
        tally.latency.record(Duration::from_millis(2), 9);
        tally.note_error(&"connection refused");
        let summary = tally.summary(42, Duration::from_secs(3));
        assert!(!summary.is_complete());
        let text = summary.to_string();
        assert!(text.contains("unacknowledged  1\n"), "{text}");
        assert!(text.contains("rate            3/s over 3 s"), "{text}");
        assert!(text.contains("connection refused") && text.ends_with("seed            42"));
    }
}
