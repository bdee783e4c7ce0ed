//! `/v1/devices/{id}/explain`: the story of a device's last uplinks and of its silence, with sentences in English and
//! times in UTC.
//! A name that nobody knows has a story, too, so it is no 404.
use super::Http;
use super::devices::{Body, body, name};
use super::page::{Lang, Teller, tell};
use super::params::Params;
use super::problem::Problem;
use crate::access::Pass;
use crate::api::explain::{UPLINKS_DEFAULT, UPLINKS_MAX, explain};
use crate::api::timeline::Error;
use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::Uri;

/// `/v1/devices/{id}/explain?limit`.
pub async fn get(
    State(http): State<Http>,
    Extension(pass): Extension<Pass>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Body, Problem> {
    let name = name(path)?;
    let mut params = Params::of(&uri)?;
    let count = params.limit("limit", UPLINKS_DEFAULT, UPLINKS_MAX);
    params.finish()?;
    let answer = http.read(move |shared| {
        let mut story = explain(shared, pass.grant(), &name, count).map_err(failure)?;
        let teller = Teller {
            lang: Lang::En,
            now: story.at,
            zone: None,
        };
        tell(&mut story, &teller);
        body(&story)
    });
    answer.await
}

fn failure(error: Error) -> Problem {
    match error {
        Error::History(cause) => super::readings::failure(cause),
        other => Problem::internal("the log cannot be read", &other),
    }
}
