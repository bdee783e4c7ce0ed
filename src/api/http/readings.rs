//! `/v1/devices/{id}/readings`
use super::Http;
use super::problem::Problem;
use axum::extract::State;
use axum::http::StatusCode;

pub async fn readings(State(_http): State<Http>) -> Problem {
    Problem::new(StatusCode::NOT_IMPLEMENTED, "history")
}
