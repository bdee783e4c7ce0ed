//! How long a link waits before it connects again. Pure.
use std::time::Duration;

/// After the first failure.
const FIRST: Duration = Duration::from_millis(500);
/// At most: a broker that is back is found within half a minute.
const MAX: Duration = Duration::from_secs(30);

/// The pause after failure number `attempt`, from 0: doubled from one to the next and capped, of which
/// `jitter` takes up to half away, so that many gateways do not come at once.
pub(super) fn delay(attempt: u32, jitter: u64) -> Duration {
    let doubled = FIRST.saturating_mul(1u32.checked_shl(attempt).unwrap_or(u32::MAX));
    let full = doubled.min(MAX);
    let half = u64::try_from(full.as_millis() / 2).unwrap_or(u64::MAX);
    full.saturating_sub(Duration::from_millis(jitter % (half + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_doubles_up_to_the_cap() {
        let pauses = [0, 1, 2, 6, 7, 31, 32, u32::MAX].map(|attempt| delay(attempt, 0));
        let millis = pauses.map(|pause| pause.as_millis());
        let cap = 30_000;
        assert_eq!(millis, [500, 1_000, 2_000, cap, cap, cap, cap, cap]);
    }

    proptest! {
        #[test]
        fn jitter_takes_half_at_most(attempt: u32, jitter: u64) {
            let (full, pause) = (delay(attempt, 0), delay(attempt, jitter));
            prop_assert!(pause <= full && pause >= full / 2, "{pause:?} of {full:?}");
        }
    }
}
