//! `/healthz`: the process answers. `/readyz`: send traffic here.
use super::Http;
use super::problem::Problem;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

/// Alive: nothing else is asked, so that no supervisor restarts a gateway that waits for its disk.
pub async fn health() -> Json<Value> {
    Json(json!({"status": "ok"}))
}

/// Ready, or 503 with the reasons.
pub async fn ready(State(http): State<Http>) -> Result<Json<Value>, Problem> {
    let reasons = http.shared.readiness.reasons(http.shared.clock.now());
    if reasons.is_empty() {
        Ok(Json(json!({"status": "ready"})))
    } else {
        Err(Problem::unready(reasons))
    }
}
