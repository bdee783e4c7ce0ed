//! `/v1/rejects`: what could not become readings, newest first. A filter that matches little gives a
//! short or empty page with a token that goes on from there.
mod retry;
mod show;
mod summary;

pub use retry::{Answer, retry};
pub use show::show;
pub use summary::summary;

pub(super) use retry::{Selected, run};

use super::Http;
use super::json::RejectJson;
use super::params::Params;
use super::problem::Problem;
use crate::access::{Grant, Pass};
use crate::api::Shared;
use crate::api::rejects::{Error, Item, Wanted, walk};
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

impl From<Item> for RejectJson {
    fn from(item: Item) -> Self {
        Self::new(item.sequence, item.reject).recovered(item.recovered)
    }
}

/// `/v1/rejects?reason&device&route&recovered&from&to&limit&page_token`.
pub async fn rejects(
    State(http): State<Http>,
    Extension(pass): Extension<Pass>,
    uri: Uri,
) -> Result<Json<Page>, Problem> {
    let mut params = Params::of(&uri)?;
    let (wanted, request) = wanted(&mut params, pass.grant());
    let limit = params.limit("limit", LIMIT_DEFAULT, LIMIT_MAX);
    let before = page_token(&mut params, request);
    params.finish()?;
    may_see(&http.shared, &wanted)?;
    let page = http
        .read(move |shared| {
            walk(shared, &wanted, before, limit).map_err(|error| unreadable(&error))
        })
        .await?;
    Ok(Json(Page {
        rejects: page.rejects.into_iter().map(RejectJson::from).collect(),
        next_page_token: page.next.map(|at| token(request, at)),
    }))
}

/// The filter of a request, and a hash of it.
fn wanted(params: &mut Params, grant: &Arc<Grant>) -> (Wanted, u64) {
    let wanted = Wanted {
        reason: params.get("reason", reason),
        device: params.text("device"),
        route: params.text("route"),
        recovered: params.get("recovered", |text| {
            text.parse().map_err(|_| "must be true or false".to_owned())
        }),
        from: params.time("from"),
        to: params.time("to"),
        grant: Arc::clone(grant),
    };
    if let (Some(from), Some(to)) = (wanted.from, wanted.to)
        && from >= to
    {
        params.wrong("from", "must lie before `to`");
    }
    let times = [wanted.from, wanted.to].map(|time| time.map(|time| time.to_string()));
    let [from, to] = &times;
    let recovered = wanted.recovered.map(|recovered| recovered.to_string());
    let request = request_hash(&[
        wanted.reason.as_deref(),
        wanted.device.as_deref(),
        wanted.route.as_deref(),
        recovered.as_deref(),
        from.as_deref(),
        to.as_deref(),
    ]);
    (wanted, request)
}

/// Where an earlier page ended.
fn page_token(params: &mut Params, request: u64) -> Option<u64> {
    params.get("page_token", |text| {
        let token = PageToken::decode(text, request);
        token
            .map(|token| token.at)
            .ok_or_else(|| MALFORMED.to_owned())
    })
}

fn token(request: u64, at: u64) -> String {
    PageToken {
        request,
        at,
        skip: 0,
        place: 0,
    }
    .encode()
}

/// A device that is asked for by name must be one that is seen.
fn may_see(shared: &Shared, wanted: &Wanted) -> Result<(), Problem> {
    let cut = shared.cut(&wanted.grant);
    let unseen = wanted.device.as_ref().filter(|name| !cut.sees_reject(name));
    unseen.map_or(Ok(()), |device| {
        Err(Outside::device("device", device).into())
    })
}

fn unreadable(error: &Error) -> Problem {
    Problem::internal("the rejects cannot be read", error)
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
