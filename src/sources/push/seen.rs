//! Signatures of the window, and the body that each came with.
use super::signature::WINDOW;
use crate::model::Timestamp;
use std::collections::{HashMap, VecDeque};

/// Signatures that are remembered, some 16 MiB: `IoTDA` sends 800 pushes a second at most by default, and
/// a signature is good for the window, and what its clock may be ahead, at most.
const SIGNATURES_MAX: usize = 400_000;

/// How a signature is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// For the first time.
    First,
    /// Again, with the same body: the platform had no answer.
    Copy,
    /// Again, with another body.
    Other,
    /// There is no room to remember it, so it must not be taken.
    Full,
}

/// Signatures by the hash of what is signed.
#[derive(Debug, Default)]
pub(super) struct Seen {
    bodies: HashMap<u64, u64>,
    /// In the order of their coming.
    until: VecDeque<(Timestamp, u64)>,
}

impl Seen {
    /// Notes a signature that is good, with the hash of its body.
    pub(super) fn note(&mut self, key: u64, body: u64, now: Timestamp) -> Sight {
        while let Some((_, old)) = self.until.pop_front_if(|(until, _)| *until < now) {
            self.bodies.remove(&old);
        }
        if let Some(known) = self.bodies.get(&key) {
            return if *known == body {
                Sight::Copy
            } else {
                Sight::Other
            };
        }
        if self.bodies.len() >= SIGNATURES_MAX {
            return Sight::Full;
        }
        self.bodies.insert(key, body);
        // Signed by a clock that is ahead by the window, it is good for twice as long.
        self.until.push_back((now.plus(WINDOW * 2), key));
        Sight::First
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    #[test]
    fn a_signature_is_good_for_one_body() {
        let mut seen = Seen::default();
        assert_eq!(seen.note(1, 10, NOW), Sight::First);
        assert_eq!(seen.note(1, 10, NOW), Sight::Copy);
        assert_eq!(seen.note(1, 11, NOW), Sight::Other);
        assert_eq!(seen.note(2, 11, NOW), Sight::First);
        let later = NOW.plus(WINDOW * 2);
        assert_eq!(seen.note(1, 11, later), Sight::Other, "still in the window");
        let over = later.plus(Duration::from_secs(1));
        assert_eq!(seen.note(1, 11, over), Sight::First);
        assert_eq!(seen.bodies.len(), 1, "what is over is forgotten");
    }

    #[test]
    fn there_is_an_end_to_what_is_remembered() {
        let mut seen = Seen::default();
        for key in 0..SIGNATURES_MAX as u64 {
            assert_eq!(seen.note(key, 0, NOW), Sight::First);
        }
        assert_eq!(seen.note(u64::MAX, 0, NOW), Sight::Full);
        let over = NOW.plus(WINDOW * 2 + Duration::from_secs(1));
        assert_eq!(seen.note(u64::MAX, 0, over), Sight::First);
    }
}
