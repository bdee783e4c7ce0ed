//! When to try again. Pure: attempt, randomness and the time now are arguments.
use crate::model::Timestamp;
use std::time::Duration;

/// Of the first wait.
const FIRST: Duration = Duration::from_millis(100);
/// Longest wait of our own: how late a store is noticed that has come back.
pub const DELAY_MAX: Duration = Duration::from_secs(15);
/// Longest wait that a store may ask for: a mistaken `Retry-After` must not stop delivery for a day.
const ASKED_MAX: Duration = Duration::from_mins(5);

/// Wait before attempt `attempt` (1: the first that is repeated): doubles up to [`DELAY_MAX`], less up
/// to half of it by `jitter` in 0..=255, so that the shards of many gateways do not come at once.
pub fn delay(attempt: u32, jitter: u8) -> Duration {
    let doubled = FIRST.saturating_mul(1 << attempt.saturating_sub(1).min(16));
    let whole = doubled.min(DELAY_MAX);
    whole.saturating_sub(whole / 2 * u32::from(jitter) / 255)
}

/// What a `Retry-After` asks for (RFC 9110 §10.2.3): seconds, or a date; `None` if it is neither.
pub fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let asked = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are more than the limit.
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        let at = i64::try_from(at.as_nanosecond()).ok()?;
        Timestamp::from_nanos(at).since(now)
    };
    Some(asked.min(ASKED_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn waits_grow_and_stay_within_bounds(attempt: u32, jitter: u8) {
            let wait = delay(attempt, jitter);
            prop_assert!(wait >= FIRST / 2 && wait <= DELAY_MAX);
            prop_assert!(delay(attempt.saturating_add(1), jitter) >= wait);
            prop_assert!(delay(attempt, jitter.saturating_add(1)) <= wait);
        }

        #[test]
        fn no_text_stops_delivery_for_long(text in ".{0,40}") {
            let asked = retry_after(&text, Timestamp::EPOCH);
            prop_assert!(asked.is_none_or(|wait| wait <= ASKED_MAX));
        }
    }

    #[test]
    fn both_forms_of_retry_after_are_read() {
        // The date of RFC 9110's example.
        let now = Timestamp::from_secs(784_111_777 - 30);
        let read = |text| retry_after(text, now);
        assert_eq!(
            read("Sun, 06 Nov 1994 08:49:37 GMT"),
            Some(Duration::from_secs(30))
        );
        assert_eq!(read(" 7 "), Some(Duration::from_secs(7)));
        assert_eq!(read("0"), Some(Duration::ZERO));
        assert_eq!(read("99999999999999999999999"), Some(ASKED_MAX));
        assert_eq!(read("Sun, 06 Nov 1904 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(read("soon"), None);
        assert_eq!(read("-1"), None);
    }
}
