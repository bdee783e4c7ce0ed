//! The ways in which simulated devices fail: those in which devices fail.
use super::Rng;

/// How a message goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The last values again and again, under new times.
    Stuck,
    /// The clock is years off.
    Clock,
    /// A value far outside any range.
    Spike,
    /// A metric that no catalogue has.
    UnknownMetric,
    /// The message breaks off.
    Malformed,
    /// Nothing for a while.
    Silent,
    /// The same message twice.
    Repeated,
}

impl Fault {
    const ALL: [Self; 7] = [
        Self::Stuck,
        Self::Clock,
        Self::Spike,
        Self::UnknownMetric,
        Self::Malformed,
        Self::Silent,
        Self::Repeated,
    ];

    /// One of them with probability `share`, which does not change the other values of a device.
    pub(super) fn draw(rng: &mut Rng, share: f64) -> Option<Self> {
        rng.draw(&Self::ALL, share)
    }
}
