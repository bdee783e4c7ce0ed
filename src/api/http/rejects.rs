//! `/v1/rejects`: what could not become readings, newest first. A filter that matches little gives a
//! short or empty page with a token that goes on from there.
use super::Http;
use super::json::RejectJson;
use super::params::Params;
use super::problem::Problem;
use crate::access::Pass;
use crate::api::rejects::{Wanted, walk};
use crate::api::selection::Outside;
use crate::api::token::{MALFORMED, PageToken, request_hash};
use crate::codecs::Reason;
use crate::model::settings::nearest;
use axum::extract::State;
use axum::http::Uri;
use axum::{Extension, Json};
use serde::Serialize;
use std::sync::Arc;

/// Rejects on a page.
const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 1_000;

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    rejects: Vec<RejectJson>,
    /// For `page_token`; absent at the end. A page may be empty and still have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// `/v1/rejects?reason&device&from&to&limit&page_token`.
pub async fn rejects(
    State(http): State<Http>,
    Extension(pass): Extension<Pass>,
    uri: Uri,
) -> Result<Json<Page>, Problem> {
    let mut params = Params::of(&uri)?;
    let wanted = Wanted {
        reason: params.get("reason", reason),
        device: params.text("device"),
        from: params.time("from"),
        to: params.time("to"),
        grant: Arc::clone(pass.grant()),
    };
    if let (Some(from), Some(to)) = (wanted.from, wanted.to)
        && from >= to
    {
        params.wrong("from", "must lie before `to`");
    }
    let texts = [wanted.from, wanted.to].map(|time| time.map(|time| time.to_string()));
    let [from, to] = &texts;
    let request = request_hash(&[
        wanted.reason.as_deref(),
        wanted.device.as_deref(),
        from.as_deref(),
        to.as_deref(),
    ]);
    let limit = params.limit("limit", LIMIT_DEFAULT, LIMIT_MAX);
    let token = params.get("page_token", |text| {
        PageToken::decode(text, request).ok_or_else(|| MALFORMED.to_owned())
    });
    params.finish()?;
    let cut = http.shared.cut(pass.grant());
    if let Some(device) = wanted.device.as_ref().filter(|name| !cut.sees_reject(name)) {
        return Err(Outside::device("device", device).into());
    }
    let page = http
        .read(move |shared| {
            walk(shared, &wanted, token.map(|token| token.at), limit)
                .map_err(|error| Problem::internal("the rejects cannot be read", &error))
        })
        .await?;
    let token = page.next.map(|at| {
        PageToken {
            request,
            at,
            skip: 0,
            place: 0,
        }
        .encode()
    });
    Ok(Json(Page {
        rejects: page
            .rejects
            .into_iter()
            .map(|(sequence, reject)| RejectJson::new(sequence, reject))
            .collect(),
        next_page_token: token,
    }))
}

/// A reason out of the closed set: another would give an empty page, which looks like good news.
fn reason(name: &str) -> Result<String, String> {
    let known = || Reason::ALL.iter().map(|reason| reason.as_str());
    if known().any(|reason| reason == name) {
        return Ok(name.to_owned());
    }
    Err(nearest(name, known()).map_or_else(
        || "unknown reason".to_owned(),
        |near| format!("unknown reason; did you mean {near:?}?"),
    ))
}
