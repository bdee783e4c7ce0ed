//! Promise 2 as `/v1/accounting` tells it of one source.
use super::{BOUND, Gateway};
use serde_json::Value;
use std::time::{Duration, Instant};

/// What `/v1/accounting` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub received: u64,
    pub logged: u64,
    pub rejected: u64,
    pub duplicate: u64,
    pub refused: u64,
    pub dropped: u64,
    pub in_flight: u64,
    pub protocol_errors: u64,
}

impl Counts {
    /// Of `source`, now.
    pub fn of(gateway: &Gateway, source: &str) -> Self {
        let (status, body) = gateway.get("/v1/accounting").expect("it answers");
        assert_eq!(status, 200, "{body}");
        let body: Value = serde_json::from_str(&body).expect("JSON");
        let sources = body["sources"].as_array().expect("a list");
        let named = sources.iter().find(|one| one["name"] == source);
        let named = named.expect("this source is listed");
        let count = |key: &str| {
            let text = named[key].as_str().expect("64-bit numbers are texts");
            text.parse().expect("a number")
        };
        Self {
            received: count("received"),
            logged: count("logged"),
            rejected: count("rejected"),
            duplicate: count("duplicate"),
            refused: count("refused"),
            dropped: count("dropped"),
            in_flight: count("in_flight"),
            protocol_errors: count("protocol_errors"),
        }
    }

    /// Waits for what is `reached`. The identity holds at every look.
    #[track_caller]
    pub fn until(gateway: &Gateway, source: &str, reached: impl Fn(&Self) -> bool) -> Self {
        let start = Instant::now();
        loop {
            let counts = Self::of(gateway, source);
            let known = counts.logged
                + counts.rejected
                + counts.duplicate
                + counts.refused
                + counts.dropped
                + counts.in_flight;
            assert_eq!(counts.received, known, "{counts:?}");
            if reached(&counts) {
                return counts;
            }
            assert!(start.elapsed() < BOUND, "{counts:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
