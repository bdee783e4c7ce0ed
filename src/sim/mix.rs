//! Of which kinds the devices of a city are.
use super::kind::Kind;
use std::str::FromStr;

/// Weights of the kinds, `meter.gas=2,pole.light=1`.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix(Vec<(Kind, f64)>);

/// Why a text is no [`Mix`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part:?}: need KIND=WEIGHT, kinds being {}", kinds())]
pub struct MixError {
    part: String,
}

fn kinds() -> String {
    Kind::ALL.map(Kind::name).join(", ")
}

impl Default for Mix {
    fn default() -> Self {
        Self(
            Kind::ALL
                .map(|kind| (kind, kind.interval_and_share().1))
                .into(),
        )
    }
}

impl FromStr for Mix {
    type Err = MixError;

    /// A kind may be a prefix: `meter=3` gives each of the four meters the weight 3.
    fn from_str(text: &str) -> Result<Self, MixError> {
        let mut mix = Vec::new();
        for part in text.split(',') {
            let error = || MixError {
                part: part.to_owned(),
            };
            let (name, weight) = part.split_once('=').unwrap_or((part, "1"));
            let weight: f64 = weight.trim().parse().map_err(|_| error())?;
            let name = name.trim();
            let matching = Kind::ALL.into_iter().filter(|kind| {
                let rest = kind.name().strip_prefix(name);
                !name.is_empty()
                    && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            });
            let before = mix.len();
            mix.extend(matching.map(|kind| (kind, weight)));
            if mix.len() == before || !weight.is_finite() || weight <= 0.0 {
                return Err(error());
            }
        }
        Ok(Self(mix))
    }
}

impl Mix {
    /// How many of `devices`, at most 1,000,000, are of each kind: largest remainders, so that they add up.
    pub(super) fn split(&self, devices: usize) -> Vec<(Kind, usize)> {
        let total: f64 = self.0.iter().map(|(_, weight)| weight).sum();
        let mut counts: Vec<(Kind, usize)> = Vec::new();
        let (mut so_far, mut given) = (0.0, 0);
        for (kind, weight) in &self.0 {
            so_far += weight;
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "0 to DEVICES_MAX"
            )]
            let upto = (so_far / total * devices as f64).round() as usize;
            counts.push((*kind, upto.saturating_sub(given)));
            given = upto;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_mix_adds_up_and_knows_prefixes() {
        let mix: Mix = "meter=1,pole.light=4".parse().unwrap();
        let counts = mix.split(101);
        assert_eq!(counts.iter().map(|(_, n)| n).sum::<usize>(), 101);
        assert!(counts.contains(&(Kind::PoleLight, 50)), "{counts:?}");
        assert_eq!(
            Mix::default()
                .split(1)
                .iter()
                .map(|(_, n)| n)
                .sum::<usize>(),
            1
        );
    }

    #[test]
    fn a_wrong_mix_names_its_part() {
        for text in ["", "meter=0", "meter=x", "mete=1", "=1", "pole.light=NaN"] {
            let error = text.parse::<Mix>().unwrap_err().to_string();
            assert!(error.contains("meter.electricity"), "{error}");
        }
    }
}
