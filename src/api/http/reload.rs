//! `POST /v1/reload`: the files are read again, and whoever asks hears what became of it.
use super::Http;
use super::json::text_of_u64;
use super::params::Params;
use super::problem::Problem;
use crate::telemetry::{AskError, Force, Loss, Outcome, cut};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use serde::Serialize;

/// Letters of [`Loss::code`], at most.
const CODE_LEN_MAX: usize = 16;

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    #[serde(serialize_with = "text_of_u64")]
    generation: u64,
    took_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    devices: Option<Devices>,
    profiles: u64,
    /// Names of profiles that are new, went, or read otherwise.
    changed_profiles: Vec<String>,
    /// Keys of the configuration that have another value now.
    changed_keys: Vec<String>,
    /// Keys whose new value waits for a restart.
    needs_restart: Vec<String>,
}

/// Of the inventory; absent: there is none.
#[derive(Debug, Serialize)]
struct Devices {
    #[serde(serialize_with = "text_of_u64")]
    count: u64,
    #[serde(serialize_with = "text_of_u64")]
    added: u64,
    #[serde(serialize_with = "text_of_u64")]
    removed: u64,
    #[serde(serialize_with = "text_of_u64")]
    changed: u64,
}

/// `POST /v1/reload?force`.
pub async fn reload(State(http): State<Http>, uri: Uri) -> Result<Json<Answer>, Problem> {
    let mut params = Params::of(&uri)?;
    let force = params.get("force", force).unwrap_or_default();
    params.finish()?;
    let outcome = http.shared.config.asks.ask(force).map_err(|error| {
        let status = match error {
            AskError::Nobody => StatusCode::SERVICE_UNAVAILABLE,
            AskError::Busy => StatusCode::TOO_MANY_REQUESTS,
        };
        Problem::new(status, error.to_string())
    })?;
    let ending = |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "shutting down");
    answer(outcome.await.map_err(ending)?).map(Json)
}

/// `false`, `true` for what was refused last, or the code of a loss.
fn force(text: &str) -> Result<Force, String> {
    match text {
        "false" => Ok(Force::No),
        "true" => Ok(Force::Refused),
        code if (1..=CODE_LEN_MAX).contains(&code.len())
            && code.bytes().all(|b| b.is_ascii_hexdigit()) =>
        {
            Ok(Force::Code(code.to_ascii_lowercase()))
        }
        _ => Err("must be true, false, or the code that a refusal names".to_owned()),
    }
}

fn answer(outcome: Outcome) -> Result<Answer, Problem> {
    match outcome {
        Outcome::Loaded {
            snapshot,
            changed,
            keys,
            needs_restart,
        } => Ok(Answer {
            generation: snapshot.generation,
            took_seconds: snapshot.took.as_secs_f64(),
            devices: snapshot.devices.map(|count| Devices {
                count,
                added: changed.added,
                removed: changed.removed,
                changed: changed.changed,
            }),
            profiles: snapshot.profiles,
            changed_profiles: changed.profiles,
            changed_keys: keys,
            needs_restart,
        }),
        Outcome::Wrong(problems) => {
            let count = problems.len();
            let detail = format!("{count} problems: what worked before works on");
            let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail);
            Err(problem.reasons(cut(problems)))
        }
        Outcome::Lossy(loss) => Err(lossy(&loss)),
    }
}

fn lossy(loss: &Loss) -> Problem {
    Problem::new(StatusCode::CONFLICT, loss.to_string()).confirm(&loss.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forced_is_a_word_or_a_code() {
        assert_eq!(force("true"), Ok(Force::Refused));
        assert_eq!(force("false"), Ok(Force::No));
        assert_eq!(force("1A2b3c4d"), Ok(Force::Code("1a2b3c4d".to_owned())));
        for text in ["", "yes", "1a2b3c4d1a2b3c4d1"] {
            assert!(force(text).is_err(), "{text}");
        }
    }
}
