//! What the city should think of a device that was heard at some times and not at others.
//!
//! From the words of README and domain.md section 4 alone: late after one and a half intervals, offline
//! after three, of a daily meter after two and six hours; in between, what reports every ten minutes or
//! less often sleeps as soon as its radio is off.
use super::fleet::Meter;
use crate::model::Timestamp;
use std::time::Duration;

/// Is it heard?
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Not once.
    Never,
    /// Just now.
    Online,
    /// Lately.
    Sleeping,
    /// Overdue.
    Late,
    /// Given up.
    Offline,
    /// Another one has its place.
    Retired,
}

impl State {
    /// As the gateway calls it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Online => "online",
            Self::Sleeping => "sleeping",
            Self::Late => "late",
            Self::Offline => "offline",
            Self::Retired => "retired",
        }
    }
}

/// The radio is on for so long after a message (`MAX_TRANSMIT_WAIT`).
const AWAKE: Duration = Duration::from_secs(93);
const HOUR: Duration = Duration::from_hours(1);
/// Slack, once for late and twice for offline. The checks of this scenario keep a minute away from it.
const SLACK: Duration = Duration::from_secs(5);

/// The interval of a meter.
pub(super) fn interval(meter: &Meter) -> Duration {
    match meter.interval() {
        "1h" => HOUR,
        _ => HOUR * 24,
    }
}

/// The state at `now` of a device with such an interval, heard at these times, which are in order.
pub fn state(heard: &[Timestamp], interval: Duration, now: Timestamp) -> State {
    let last = heard.iter().rev().find(|at| **at <= now);
    let Some(silent) = last.map(|last| now.since(*last)) else {
        return State::Never;
    };
    let offline = (interval * 3).min(interval * 2 + HOUR * 6) + SLACK * 2;
    if silent >= offline {
        State::Offline
    } else if silent >= interval + interval / 2 + SLACK {
        State::Late
    } else if silent >= AWAKE {
        State::Sleeping
    } else {
        State::Online
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_grows_from_online_to_offline() {
        let heard = [Timestamp::from_secs(1_000_000)];
        let after = |hours| {
            let now = Timestamp::from_secs(1_000_000).plus(HOUR * hours);
            state(&heard, HOUR * 24, now)
        };
        assert_eq!(state(&[], HOUR, heard[0]), State::Never);
        assert_eq!(
            [0, 1, 35, 37, 53, 55].map(after),
            [
                State::Online,
                State::Sleeping,
                State::Sleeping,
                State::Late,
                State::Late,
                State::Offline
            ]
        );
    }
}
