//! `POST /v1/decode`: what a payload would become. Nothing is taken, and nothing is kept.
use super::Http;
use super::json::Decoded;
use super::params::Params;
use super::problem::Problem;
use crate::access::Pass;
use crate::api::decode::{Asked, decode};
use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Bytes of a pasted payload: twice the largest that intake takes by default, for two digits are a byte.
const PASTED_BYTES_MAX: usize = 256 << 10;

/// `POST /v1/decode?profile&device`; the body is JSON as it stands, or hexadecimal digits.
pub async fn post(
    State(http): State<Http>,
    Extension(pass): Extension<Pass>,
    uri: Uri,
    body: Body,
) -> Result<Response, Problem> {
    let mut params = Params::of(&uri)?;
    let (profile, device) = (params.text("profile"), params.text("device"));
    params.finish()?;
    let body = to_bytes(body, PASTED_BYTES_MAX).await.map_err(|_| {
        let detail = format!("a pasted payload has at most {PASTED_BYTES_MAX} bytes");
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    })?;
    let grant = Arc::clone(pass.grant());
    http.read(move |shared| {
        let asked = Asked {
            profile: profile.unwrap_or_default(),
            device: device.unwrap_or_default(),
            pasted: String::from_utf8_lossy(&body).into_owned(),
        };
        let tried = decode(shared, &grant, &asked)
            .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.to_string()))?;
        let shown = Decoded::new(&tried.profile, &tried.version, "", &tried.preview);
        let body = serde_json::to_vec(&shown)
            .map_err(|error| Problem::internal("the answer cannot be written", &error))?;
        Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
    })
    .await
}
