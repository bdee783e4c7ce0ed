//! The accounting identity of a running gateway as one line.
use super::http::{Gateway, HttpError};
use serde_json::Value;
use std::fmt;

/// Names of the terms in `/v1/accounting`, and as shown.
const TERMS: [(&str, &str); 6] = [
    ("logged", "logged"),
    ("rejected", "rejected"),
    ("duplicate", "duplicate"),
    ("refused", "refused"),
    ("dropped", "dropped"),
    ("in_flight", "in flight"),
];

/// Promise 2, summed over all sources: `received` and its terms, in uplinks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Score {
    pub(super) received: u64,
    terms: [u64; TERMS.len()],
}

impl Score {
    /// Asks a gateway.
    pub(super) async fn fetch(gateway: &Gateway) -> Result<Self, HttpError> {
        gateway
            .get("/v1/accounting")
            .await
            .map(|answer| Self::of(&answer))
    }

    fn of(answer: &Value) -> Self {
        let mut score = Self::default();
        let sources = answer.get("sources").and_then(Value::as_array);
        for source in sources.into_iter().flatten() {
            // 64-bit integers are texts in proto3's JSON.
            let count = |name: &str| -> u64 {
                let text = source.get(name).and_then(Value::as_str);
                text.and_then(|text| text.parse().ok()).unwrap_or(0)
            };
            score.received += count("received");
            for (term, (name, _)) in score.terms.iter_mut().zip(TERMS) {
                *term += count(name);
            }
        }
        score
    }

    /// Do the terms add up?
    pub(super) fn holds(&self) -> bool {
        self.received == self.terms.iter().sum::<u64>()
    }

    /// Is nothing on its way?
    pub(super) fn at_rest(&self) -> bool {
        self.terms.last() == Some(&0)
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.holds() { "=" } else { "IS NOT" };
        write!(f, "received {} {sign} ", self.received)?;
        for (place, (term, (_, name))) in self.terms.iter().zip(TERMS).enumerate() {
            let plus = if place == 0 { "" } else { " + " };
            write!(f, "{plus}{name} {term}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sources_are_summed_and_a_gap_is_shouted() {
        let source = json!({"name": "mqtt", "received": "7", "logged": "5", "rejected": "1", "in_flight": "1"});
        let answer = json!({"sources": [source, source]});
        let score = Score::of(&answer);
        assert!(score.holds() && !score.at_rest());
        assert_eq!(
            score.to_string(),
            "received 14 = logged 10 + rejected 2 + duplicate 0 + refused 0 + dropped 0 + in flight 2"
        );
        let lost = Score {
            received: 15,
            ..score
        };
        assert!(!lost.holds() && lost.to_string().contains("15 IS NOT"));
    }
}
