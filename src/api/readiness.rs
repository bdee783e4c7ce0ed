//! May traffic be sent to this gateway?
//!
//! A store outage is no reason to say no: the log holds what the store will get later.
use crate::model::Timestamp;
use tokio::sync::watch;

/// No gateway of this version ran before 2026-11-01: an earlier clock has lost its battery, and
/// everything that it would stamp is wrong.
const CLOCK_MIN: Timestamp = Timestamp::from_secs(1_793_491_200);

/// Where the process stands between start and end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not everything is up; the text says what is awaited.
    Starting(&'static str),
    /// Up.
    Ready,
    /// On its way down: takes nothing new.
    Draining,
}

/// The phase, for whoever asks and whoever waits.
#[derive(Debug)]
pub struct Readiness(watch::Sender<Phase>);

impl Default for Readiness {
    fn default() -> Self {
        Self(watch::Sender::new(Phase::Starting("opening")))
    }
}

impl Readiness {
    /// Moves on.
    pub fn set(&self, phase: Phase) {
        self.0.send_replace(phase);
    }

    /// The phase now.
    pub fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// For whoever waits for a change.
    pub fn watch(&self) -> watch::Receiver<Phase> {
        self.0.subscribe()
    }

    /// Why no traffic should come now; empty: it should.
    pub fn reasons(&self, now: Timestamp) -> Vec<String> {
        let phase = match self.phase() {
            Phase::Starting(what) => Some(format!("starting: {what}")),
            Phase::Draining => Some("draining".to_owned()),
            Phase::Ready => None,
        };
        let clock = (now < CLOCK_MIN)
            .then(|| format!("clock: {now} lies before this version was built ({CLOCK_MIN})"));
        phase.into_iter().chain(clock).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_needs_the_phase_and_a_plausible_clock() {
        let readiness = Readiness::default();
        assert_eq!(readiness.reasons(CLOCK_MIN), ["starting: opening"]);
        readiness.set(Phase::Ready);
        assert!(readiness.reasons(CLOCK_MIN).is_empty());
        assert_eq!(readiness.reasons(Timestamp::from_secs(9)).len(), 1);
        readiness.set(Phase::Draining);
        assert_eq!(readiness.reasons(Timestamp::EPOCH).len(), 2);
        assert_eq!(CLOCK_MIN.to_string(), "2026-11-01T00:00:00Z");
    }
}
