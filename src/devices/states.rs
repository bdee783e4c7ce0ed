//! From the last sign of life to a state (domain.md section 4, names of design.md).
use super::Config;
use super::entry::{ACCEPTED, DOWN, Entry, SILENT};
use super::rhythm::{late_after, offline_after};
use super::view::State;
use crate::model::Timestamp;
use std::time::Duration;

/// How long a device that sleeps can be reached after it spoke: `MAX_TRANSMIT_WAIT` of RFC 7252
/// §4.8.2, which LwM2M's queue mode waits.
pub(super) const AWAKE: Duration = Duration::from_secs(93);

/// Late or offline.
pub(super) const fn is_silent(state: State) -> bool {
    matches!(state, State::Late | State::Offline)
}

/// Is the change worth a trace? That a device sleeps between its reports is not, nor that it was
/// heard for the first time.
pub(super) const fn is_told(before: State, after: State) -> bool {
    let heard = matches!(after, State::Online | State::Sleeping);
    let calm = matches!(before, State::Never | State::Online | State::Sleeping);
    !(heard && calm)
}

/// Has the inventory taken it out of service?
pub(super) fn is_over(end: Option<Timestamp>, now: Timestamp) -> bool {
    end.is_some_and(|end| end <= now)
}

/// The second at which that will happen; [`u32::MAX`]: never, or it has.
pub(super) fn end_secs(end: Option<Timestamp>, state: State) -> u32 {
    match end {
        Some(end) if state != State::Retired => ceil_secs(end),
        _ => u32::MAX,
    }
}

fn ceil_secs(time: Timestamp) -> u32 {
    let (secs, nanos) = time.as_secs_nanos();
    u32::try_from((secs + i64::from(nanos > 0)).max(0)).unwrap_or(u32::MAX)
}

/// When what will be judged of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timing {
    pub interval: Option<Duration>,
    /// Interval that is judged by.
    pub judged: Duration,
    pub sleepy: bool,
    pub late_at: Timestamp,
    pub offline_at: Timestamp,
}

impl Timing {
    /// Silence counts from the last sign of life, or from the start of the gateway: while it was
    /// down, nobody listened.
    pub fn of(entry: &Entry, config: &Config, started_at: Timestamp) -> Self {
        let interval = entry.interval();
        let judged = interval.unwrap_or(config.interval_default);
        let from = entry.last_seen.max(started_at);
        Self {
            interval,
            judged,
            sleepy: entry.is_sleepy(config.sleepy_after),
            late_at: from.plus(late_after(judged)),
            offline_at: from.plus(offline_after(judged)),
        }
    }

    /// The state at `now` of a device that was in `before` and is in service.
    pub fn judge(&self, entry: &Entry, before: State, now: Timestamp) -> State {
        if !entry.is(ACCEPTED) {
            return State::Never;
        }
        if entry.is(DOWN) || now >= self.offline_at {
            return State::Offline;
        }
        // What was silent stays so until it is heard, whatever the gateway's restarts.
        if entry.is(SILENT) && is_silent(before) {
            return before;
        }
        if now >= self.late_at {
            return State::Late;
        }
        if self.sleepy && now >= entry.last_seen.plus(AWAKE) {
            return State::Sleeping;
        }
        State::Online
    }

    /// The second at which time may change `state`; [`u32::MAX`]: never.
    pub fn next(&self, entry: &Entry, state: State) -> u32 {
        let time = match state {
            State::Online if self.sleepy => self.late_at.min(entry.last_seen.plus(AWAKE)),
            State::Online | State::Sleeping => self.late_at,
            State::Late => self.offline_at,
            State::Never | State::Offline | State::Retired => return u32::MAX,
        };
        ceil_secs(time)
    }
}
