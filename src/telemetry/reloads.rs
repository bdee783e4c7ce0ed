//! What became of the configuration, and of the snapshot of inventory and profiles: for `/v1/gateway`,
//! the page and metrics.
use super::asks::Asks;
use crate::model::Timestamp;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Problems that are kept of one attempt; a file of garbage has no bound.
const PROBLEMS_MAX: usize = 100;

/// What a problem lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The configuration itself.
    Config,
    /// Users, tokens, certificates.
    Files,
    /// The inventory.
    Inventory,
    /// A profile.
    Profiles,
    /// The inventory has no mistakes, but too few of the devices.
    Loss,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Config,
        Self::Files,
        Self::Inventory,
        Self::Profiles,
        Self::Loss,
    ];

    /// The name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Files => "files",
            Self::Inventory => "inventory",
            Self::Profiles => "profiles",
            Self::Loss => "loss",
        }
    }
}

/// The snapshot that works.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotState {
    /// Counts the snapshots of this process, from 1.
    pub generation: u64,
    /// When it was read.
    pub loaded_at: Timestamp,
    /// How long that took.
    pub took: Duration,
    /// Devices in the inventory; `None`: there is no inventory.
    pub devices: Option<u64>,
    /// Profiles out of files, those shipped included.
    pub profiles: u64,
}

/// Devices that another inventory would lose: too many to be taken without a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The inventory, as it is named.
    pub file: String,
    /// Devices that work and would not any more.
    pub lost: u64,
    /// Devices that work.
    pub of: u64,
    /// Names exactly these devices: whoever confirms it loses them and no others.
    pub code: String,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, code, .. } = self;
        let (lost, of) = (grouped(self.lost), grouped(self.of));
        // Rounded up: what is refused is never shown as the 10 % that are allowed.
        let tenths = (self.lost * 1_000).div_ceil(self.of.max(1));
        let percent = match tenths % 10 {
            0 => (tenths / 10).to_string(),
            rest => format!("{}.{rest}", tenths / 10),
        };
        write!(
            f,
            "{file} would lose {lost} of {of} devices ({percent} %): put it in order, or confirm with citygate reload --force={code}"
        )
    }
}

/// `1,234,567`
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

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
    /// How often something was wrong with each part, as [`Part::ALL`].
    pub failed_parts: [u64; Part::ALL.len()],
    /// What is known of devices and formats.
    pub snapshot: SnapshotState,
    /// Waits for somebody who confirms it.
    pub loss: Option<Loss>,
    /// Snapshots that were swapped out and that somebody still looks at.
    pub retired: usize,
}

/// Changed by whoever reads configurations, looked at by others.
#[derive(Debug, Default)]
pub struct Reloads {
    state: Mutex<ConfigState>,
    /// Who wants it to be read again.
    pub asks: Asks,
}

impl Reloads {
    /// The first configuration, of the start.
    pub fn started(now: Timestamp, snapshot: SnapshotState) -> Self {
        Self {
            state: Mutex::new(ConfigState {
                loaded_at: now,
                tried_at: now,
                snapshot,
                ..ConfigState::default()
            }),
            asks: Asks::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, ConfigState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another configuration works now, but for keys that need a restart.
    pub fn loaded(&self, now: Timestamp, needs_restart: Vec<String>, snapshot: SnapshotState) {
        let mut state = self.lock();
        state.loaded_at = now;
        state.tried_at = now;
        state.problems.clear();
        state.loss = None;
        state.needs_restart = needs_restart;
        state.loaded += 1;
        state.snapshot = snapshot;
    }

    /// Another configuration is wrong; what worked goes on.
    pub fn failed(&self, now: Timestamp, wrong: &[(Part, String)], loss: Option<Loss>) {
        let mut state = self.lock();
        state.tried_at = now;
        state.problems = cut(wrong.iter().map(|(_, problem)| problem.clone()).collect());
        state.failed += 1;
        state.loss = loss;
        let parts = state.failed_parts.iter_mut().zip(Part::ALL);
        for (count, part) in parts {
            *count += u64::from(wrong.iter().any(|(of, _)| *of == part));
        }
    }

    /// So many snapshots of before are still held.
    pub fn retired(&self, count: usize) {
        self.lock().retired = count;
    }

    /// As of now.
    pub fn state(&self) -> ConfigState {
        self.lock().clone()
    }
}

/// The first problems, and how many there are more.
pub fn cut(mut problems: Vec<String>) -> Vec<String> {
    let more = problems.len().saturating_sub(PROBLEMS_MAX);
    problems.truncate(PROBLEMS_MAX);
    if more > 0 {
        problems.push(format!("and {more} more"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_kept_until_the_next_success_and_is_bounded() {
        let reloads = Reloads::started(Timestamp::from_secs(1), SnapshotState::default());
        let problems: Vec<_> = (0..PROBLEMS_MAX + 7)
            .map(|n| (Part::Profiles, n.to_string()))
            .collect();
        reloads.failed(Timestamp::from_secs(2), &problems, None);
        let state = reloads.state();
        assert_eq!(state.problems.len(), PROBLEMS_MAX + 1);
        assert_eq!(
            state.problems.last().map(String::as_str),
            Some("and 7 more")
        );
        assert_eq!(state.loaded_at, Timestamp::from_secs(1));
        assert_eq!(state.failed_parts, [0, 0, 0, 1, 0]);
        let snapshot = SnapshotState {
            generation: 2,
            ..SnapshotState::default()
        };
        reloads.loaded(Timestamp::from_secs(3), vec!["node".to_owned()], snapshot);
        let state = reloads.state();
        assert!(state.problems.is_empty() && state.failed == 1 && state.loaded == 1);
        assert_eq!(state.loaded_at, Timestamp::from_secs(3));
        assert_eq!(state.snapshot.generation, 2);
    }

    #[test]
    fn a_loss_says_how_much_and_how_to_confirm_it() {
        let loss = |lost, of| Loss {
            file: "devices.csv".to_owned(),
            lost,
            of,
            code: "1a2b3c4d".to_owned(),
        };
        assert_eq!(
            loss(1_200, 10_000).to_string(),
            "devices.csv would lose 1,200 of 10,000 devices (12 %): put it in order, or confirm with citygate reload --force=1a2b3c4d"
        );
        assert!(
            loss(100_001, 1_000_000)
                .to_string()
                .contains("100,001 of 1,000,000 devices (10.1 %)")
        );
        assert!(loss(3, 3).to_string().contains("3 of 3 devices (100 %)"));
    }
}
