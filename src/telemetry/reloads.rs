//! What became of the configuration: for `/v1/gateway` and metrics.
use crate::model::Timestamp;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Problems that are kept of one attempt; a file of garbage has no bound.
const PROBLEMS_MAX: usize = 100;

/// The configuration that works, and why another one does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigState {
    /// When what works now was read.
    pub loaded_at: Timestamp,
    /// When it was last tried to read another.
    pub tried_at: Timestamp,
    /// What was wrong then; empty: nothing, and that is what works now.
    pub problems: Vec<String>,
    /// Keys whose new value waits for a restart.
    pub needs_restart: Vec<String>,
    /// How often another one was taken.
    pub loaded: u64,
    /// How often one was not taken.
    pub failed: u64,
}

/// Changed by whoever reads configurations, looked at by others.
#[derive(Debug, Default)]
pub struct Reloads(Mutex<ConfigState>);

impl Reloads {
    /// The first configuration, of the start.
    pub fn started(now: Timestamp) -> Self {
        Self(Mutex::new(ConfigState {
            loaded_at: now,
            tried_at: now,
            ..ConfigState::default()
        }))
    }

    fn lock(&self) -> MutexGuard<'_, ConfigState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another configuration works now, but for keys that need a restart.
    pub fn loaded(&self, now: Timestamp, needs_restart: Vec<String>) {
        let mut state = self.lock();
        state.loaded_at = now;
        state.tried_at = now;
        state.problems.clear();
        state.needs_restart = needs_restart;
        state.loaded += 1;
    }

    /// Another configuration is wrong; what worked goes on.
    pub fn failed(&self, now: Timestamp, mut problems: Vec<String>) {
        let more = problems.len().saturating_sub(PROBLEMS_MAX);
        problems.truncate(PROBLEMS_MAX);
        if more > 0 {
            problems.push(format!("and {more} more"));
        }
        let mut state = self.lock();
        state.tried_at = now;
        state.problems = problems;
        state.failed += 1;
    }

    /// As of now.
    pub fn state(&self) -> ConfigState {
        self.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_kept_until_the_next_success_and_is_bounded() {
        let reloads = Reloads::started(Timestamp::from_secs(1));
        let problems = (0..PROBLEMS_MAX + 7).map(|n| n.to_string()).collect();
        reloads.failed(Timestamp::from_secs(2), problems);
        let state = reloads.state();
        assert_eq!(state.problems.len(), PROBLEMS_MAX + 1);
        assert_eq!(
            state.problems.last().map(String::as_str),
            Some("and 7 more")
        );
        assert_eq!(state.loaded_at, Timestamp::from_secs(1));
        reloads.loaded(Timestamp::from_secs(3), vec!["node".to_owned()]);
        let state = reloads.state();
        assert!(state.problems.is_empty() && state.failed == 1 && state.loaded == 1);
        assert_eq!(state.loaded_at, Timestamp::from_secs(3));
    }
}
