//! What the simulation has sent and what came back, while it runs and at the end.
use super::latency::Histogram;
use serde::Serialize;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Live counters of a run.
#[derive(Debug, Default)]
pub struct Tally {
    targets: Vec<(String, Arc<Counts>)>,
    /// Faults played on purpose.
    pub faults: AtomicU64,
    /// CSV cells without a value.
    pub missing: AtomicU64,
}

/// Live counters of one target, shared by all that speak to it.
#[derive(Debug, Default)]
pub struct Counts {
    /// Different messages given to a socket.
    pub sent: AtomicU64,
    /// Of those, answered for good (`QoS` 0: written).
    pub acknowledged: AtomicU64,
    /// Of the acknowledged, those that the gateway will never take: CoAP 4.xx.
    pub refused: AtomicU64,
    /// Packets sent again: after a lost connection, or for want of an answer.
    pub retransmitted: AtomicU64,
    /// Answers that asked to come back later: CoAP 4.29 and 5.xx, resets.
    pub deferred: AtomicU64,
    /// CoAP answers that came on their own, after an empty acknowledgement.
    pub separate: AtomicU64,
    /// Datagrams sent twice on purpose.
    pub duplicated: AtomicU64,
    /// Datagrams to the gateway lost on purpose.
    pub lost_requests: AtomicU64,
    /// Datagrams from the gateway lost on purpose.
    pub lost_answers: AtomicU64,
    /// Datagrams held back on purpose, so that others overtake them.
    pub reordered: AtomicU64,
    /// Acknowledged before an older one: MQTT forbids it.
    pub out_of_order: AtomicU64,
    /// Acknowledgements of nothing in flight.
    pub unexpected: AtomicU64,
    /// Connections open now; with CoAP, endpoints with a socket.
    pub connected: AtomicU64,
    /// Connections made again after a loss.
    pub reconnects: AtomicU64,
    /// Reconnects at which the gateway had forgotten the session.
    pub sessions_lost: AtomicU64,
    /// Time from the first sending of a message to its acknowledgement.
    pub latency: Histogram,
    last_error: Mutex<Option<String>>,
}

impl Counts {
    /// Keeps the reason of the latest loss of a connection or refusal, for the progress line.
    pub(super) fn note_error(&self, error: &impl fmt::Display) {
        *self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
    }

    fn last_error(&self) -> Option<String> {
        self.last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn figures(&self) -> Figures {
        let sent = self.sent.load(Relaxed);
        let acknowledged = self.acknowledged.load(Relaxed);
        Figures {
            sent,
            acknowledged,
            unacknowledged: sent.saturating_sub(acknowledged),
            refused: self.refused.load(Relaxed),
            retransmitted: self.retransmitted.load(Relaxed),
            deferred: self.deferred.load(Relaxed),
            separate: self.separate.load(Relaxed),
            duplicated: self.duplicated.load(Relaxed),
            lost_requests: self.lost_requests.load(Relaxed),
            lost_answers: self.lost_answers.load(Relaxed),
            reordered: self.reordered.load(Relaxed),
            out_of_order: self.out_of_order.load(Relaxed),
            unexpected: self.unexpected.load(Relaxed),
            reconnects: self.reconnects.load(Relaxed),
            sessions_lost: self.sessions_lost.load(Relaxed),
        }
    }
}

impl Tally {
    /// Counters for targets of these names.
    pub fn new(targets: impl IntoIterator<Item = String>) -> Self {
        Self {
            targets: targets
                .into_iter()
                .map(|name| (name, Arc::default()))
                .collect(),
            ..Self::default()
        }
    }

    /// The counters of the target with this number; of one that is unknown, counters that nobody reads.
    pub fn counts(&self, target: usize) -> Arc<Counts> {
        let counts = self.targets.get(target);
        counts.map_or_else(Arc::default, |(_, counts)| Arc::clone(counts))
    }

    fn sum(&self, of: impl Fn(&Counts) -> &AtomicU64) -> u64 {
        self.targets
            .iter()
            .map(|(_, counts)| of(counts).load(Relaxed))
            .sum()
    }

    /// Messages acknowledged so far.
    pub fn acknowledged(&self) -> u64 {
        self.sum(|counts| &counts.acknowledged)
    }

    /// Connections open now.
    pub fn connected(&self) -> u64 {
        self.sum(|counts| &counts.connected)
    }

    /// Latencies of all targets.
    pub fn latency(&self) -> Histogram {
        let all = Histogram::default();
        for (_, counts) in &self.targets {
            all.absorb(&counts.latency);
        }
        all
    }

    /// Why something went wrong last.
    pub fn last_error(&self) -> Option<String> {
        self.targets
            .iter()
            .find_map(|(_, counts)| counts.last_error())
    }

    /// The figures after `elapsed`.
    pub fn summary(&self, seed: u64, elapsed: Duration) -> Summary {
        let mut total = Figures::default();
        let targets: Vec<TargetSummary> = self
            .targets
            .iter()
            .map(|(target, counts)| TargetSummary {
                target: target.clone(),
                figures: counts.figures(),
                latency: Latency::of(&counts.latency),
            })
            .collect();
        for target in &targets {
            total.add(&target.figures);
        }
        #[expect(clippy::cast_precision_loss, reason = "a rate is rounded anyway")]
        let rate = total.acknowledged as f64 / elapsed.as_secs_f64().max(1e-9);
        Summary {
            seed,
            total,
            faults: self.faults.load(Relaxed),
            missing: self.missing.load(Relaxed),
            elapsed_s: (elapsed.as_secs_f64() * 1e3).round() / 1e3,
            rate_per_s: (rate * 10.0).round() / 10.0,
            latency: Latency::of(&self.latency()),
            last_error: self.last_error(),
            targets,
        }
    }
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

impl Latency {
    fn of(histogram: &Histogram) -> Option<Self> {
        let millis = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
        Some(Self {
            p50_ms: histogram.quantile(0.5).map(millis)?,
            p99_ms: histogram.quantile(0.99).map(millis)?,
            max_ms: millis(histogram.max()),
        })
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            p50_ms,
            p99_ms,
            max_ms,
        } = self;
        write!(f, "p50 {p50_ms} ms, p99 {p99_ms} ms, max {max_ms} ms")
    }
}

/// Counts of [`Counts`] at one moment, under the same names; `unacknowledged` is the rest of `sent`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "as in `Counts`")]
pub struct Figures {
    pub sent: u64,
    pub acknowledged: u64,
    pub unacknowledged: u64,
    pub refused: u64,
    pub retransmitted: u64,
    pub deferred: u64,
    pub separate: u64,
    pub duplicated: u64,
    pub lost_requests: u64,
    pub lost_answers: u64,
    pub reordered: u64,
    pub out_of_order: u64,
    pub unexpected: u64,
    pub reconnects: u64,
    pub sessions_lost: u64,
}

impl Figures {
    /// With the names that a person reads; the first two are always shown.
    fn named(&mut self) -> [(&'static str, &mut u64); 15] {
        [
            ("sent", &mut self.sent),
            ("acknowledged", &mut self.acknowledged),
            ("unacknowledged", &mut self.unacknowledged),
            ("refused", &mut self.refused),
            ("retransmitted", &mut self.retransmitted),
            ("told to wait", &mut self.deferred),
            ("separate answers", &mut self.separate),
            ("sent twice", &mut self.duplicated),
            ("requests lost", &mut self.lost_requests),
            ("answers lost", &mut self.lost_answers),
            ("held back", &mut self.reordered),
            ("out of order", &mut self.out_of_order),
            ("unexpected acks", &mut self.unexpected),
            ("reconnects", &mut self.reconnects),
            ("sessions lost", &mut self.sessions_lost),
        ]
    }

    fn add(&mut self, other: &Self) {
        let mut other = other.clone();
        for ((_, sum), (_, more)) in self.named().into_iter().zip(other.named()) {
            *sum += *more;
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, margin: &str) -> fmt::Result {
        for (place, (name, count)) in self.clone().named().into_iter().enumerate() {
            if place < 2 || *count > 0 {
                writeln!(f, "{margin}{name:<18}{count}")?;
            }
        }
        Ok(())
    }
}

/// One target's share of a [`Summary`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetSummary {
    /// As it was given.
    pub target: String,
    /// Its counts.
    #[serde(flatten)]
    pub figures: Figures,
    /// Time to the acknowledgement; none without any.
    pub latency: Option<Latency>,
}

/// The figures of a run. Counts are of messages unless they say otherwise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Makes the same data again.
    pub seed: u64,
    /// Sums over all targets.
    #[serde(flatten)]
    pub total: Figures,
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
    /// Why a connection was lost or a report refused last.
    pub last_error: Option<String>,
    /// The same for each target.
    pub targets: Vec<TargetSummary>,
}

impl Summary {
    /// Was everything acknowledged?
    pub const fn is_complete(&self) -> bool {
        self.total.unacknowledged == 0
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.total.write(f, "")?;
        for (name, count) in [
            ("faults played", self.faults),
            ("missing values", self.missing),
        ] {
            if count > 0 {
                writeln!(f, "{name:<18}{count}")?;
            }
        }
        if let Some(latency) = self.latency {
            writeln!(f, "{:<18}{latency}", "latency")?;
        }
        writeln!(
            f,
            "{:<18}{}/s over {} s",
            "rate", self.rate_per_s, self.elapsed_s
        )?;
        if self.targets.len() > 1 {
            for target in &self.targets {
                writeln!(f, "to {}", target.target)?;
                target.figures.write(f, "  ")?;
                if let Some(latency) = target.latency {
                    writeln!(f, "  {:<18}{latency}", "latency")?;
                }
            }
        }
        let worth_telling = !self.is_complete() || self.total.refused > 0;
        if let Some(error) = self.last_error.as_ref().filter(|_| worth_telling) {
            writeln!(f, "{:<18}{error}", "last error")?;
        }
        write!(f, "{:<18}{}", "seed", self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_says_what_is_missing_and_where() {
        let tally = Tally::new(["mqtt://a:1".to_owned(), "coap://b:2".to_owned()]);
        let [mqtt, coap] = [0, 1].map(|target| tally.counts(target));
        mqtt.sent.store(6, Relaxed);
        mqtt.acknowledged.store(6, Relaxed);
        coap.sent.store(4, Relaxed);
        coap.acknowledged.store(3, Relaxed);
        coap.lost_requests.store(2, Relaxed);
        coap.latency.record(Duration::from_millis(2), 9);
        coap.note_error(&"connection refused");
        let summary = tally.summary(42, Duration::from_secs(3));
        assert!(!summary.is_complete());
        let text = summary.to_string();
        assert!(text.contains("\nunacknowledged    1\n"), "{text}");
        assert!(text.contains("rate              3/s over 3 s"), "{text}");
        let theirs = "to coap://b:2\n  sent              4\n  acknowledged      3\n";
        assert!(
            text.contains(theirs) && text.contains("  requests lost     2"),
            "{text}"
        );
        assert!(text.contains("connection refused") && text.ends_with("seed              42"));
        let json = serde_json::to_value(&summary).unwrap_or_default();
        assert_eq!(json.get("sent"), Some(&10.into()));
        let coap = json.pointer("/targets/1/lost_requests");
        assert_eq!(coap, Some(&2.into()));
    }
}
