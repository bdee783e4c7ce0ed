//! What happens to datagrams on their way, on purpose: lost, doubled, overtaken.
use crate::sim::Rng;
use std::time::{Duration, Instant};

/// How long a datagram that is to be overtaken is held back.
const HELD: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(300));
/// Datagrams held back at a time by one endpoint.
const HELD_MAX: usize = 16;

/// Shares of the datagrams, 0 to 1 each.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Air {
    /// Of those to the gateway, lost.
    pub lost_requests: f64,
    /// Of those from it, lost.
    pub lost_answers: f64,
    /// Of those to the gateway, sent twice.
    pub doubled: f64,
    /// Of those to the gateway, held back for up to 300 ms, so that others overtake them.
    pub reordered: f64,
}

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Through,
    Lost,
    Doubled,
    Held,
}

/// The air around one endpoint.
#[derive(Debug)]
pub(super) struct Weather {
    air: Air,
    rng: Rng,
    held: Vec<(Instant, Vec<u8>)>,
}

impl Weather {
    pub(super) fn new(air: Air, rng: Rng) -> Self {
        Self {
            air,
            rng,
            held: Vec::new(),
        }
    }

    /// Decides over a datagram to the gateway, and keeps it if it is to be held.
    pub(super) fn handle_request(&mut self, now: Instant, datagram: &[u8]) -> Fate {
        // Always three draws: one share does not change what the others hit.
        let [lost, doubled, held] = [self.air.lost_requests, self.air.doubled, self.air.reordered]
            .map(|share| self.rng.chance(share));
        if lost {
            Fate::Lost
        } else if held && self.held.len() < HELD_MAX {
            let (least, most) = HELD;
            let wait = least + most.saturating_sub(least).mul_f64(self.rng.unit());
            self.held.push((now + wait, datagram.to_vec()));
            Fate::Held
        } else if doubled {
            Fate::Doubled
        } else {
            Fate::Through
        }
    }

    /// Does this answer get lost?
    pub(super) fn loses_answer(&mut self) -> bool {
        self.rng.chance(self.air.lost_answers)
    }

    /// When the next held datagram goes.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.held.iter().map(|(at, _)| *at).min()
    }

    /// A held datagram whose time has come.
    pub(super) fn poll_held(&mut self, now: Instant) -> Option<Vec<u8>> {
        let place = self.held.iter().position(|(at, _)| *at <= now)?;
        Some(self.held.swap_remove(place).1)
    }

    /// Is nothing held back?
    pub(super) fn is_clear(&self) -> bool {
        self.held.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_kept_and_nothing_held_is_forgotten() {
        let air = Air {
            lost_requests: 0.2,
            lost_answers: 0.5,
            doubled: 0.1,
            reordered: 0.05,
        };
        let mut weather = Weather::new(air, Rng::new(1));
        let mut now = Instant::now();
        let (mut fates, mut back, mut answers_lost) = ([0; 4], 0, 0);
        for number in 0..10_000_u32 {
            let place = match weather.handle_request(now, &number.to_be_bytes()) {
                Fate::Through => 0,
                Fate::Lost => 1,
                Fate::Doubled => 2,
                Fate::Held => 3,
            };
            if let Some(fate) = fates.get_mut(place) {
                *fate += 1;
            }
            answers_lost += u32::from(weather.loses_answer());
            now += Duration::from_millis(40);
            while weather.poll_held(now).is_some() {
                back += 1;
            }
        }
        now += HELD.1;
        while weather.poll_held(now).is_some() {
            back += 1;
        }
        let [_, lost, doubled, held] = fates;
        assert!((1_800..2_200).contains(&lost), "{fates:?}");
        assert!((650..900).contains(&doubled), "{fates:?}");
        assert!((330..470).contains(&held) && held == back, "{fates:?}");
        assert!((4_800..5_200).contains(&answers_lost));
        assert!(weather.is_clear() && weather.poll_timeout().is_none());
    }
}
