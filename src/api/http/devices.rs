//! `/v1/devices`, `/v1/devices/{id}` and `/v1/strangers`: who is heard, and who is not accepted.
use super::Http;
use super::json::{self, text_of_u64};
use super::params::Params;
use super::problem::Problem;
use crate::access::{Grant, Pass};
use crate::api::Shared;
use crate::api::device::{self, List, PAGE_DEFAULT, PAGE_MAX, named};
use crate::api::selection::{Outside, Unfit, Violations};
use crate::devices::{Level, State, Stranger};
use crate::model::settings::nearest;
use crate::model::{Timestamp, proto};
use axum::extract::rejection::PathRejection;
use axum::extract::{self, Path};
use axum::http::{StatusCode, Uri, header};
use axum::{Extension, Json};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// How far back `/v1/strangers` looks by default.
const STRANGERS_SPAN: Duration = Duration::from_mins(15);

/// A page of devices.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    devices: Vec<json::Device<'a>>,
    counts: json::Counts,
    /// For `page_token`; absent at the end.
    #[serde(skip_serializing_if = "str::is_empty")]
    next_page_token: &'a str,
    /// For `WatchDevices`.
    cursor: &'a str,
}

/// `/v1/devices?state&health&kind&district&q&heard_not_accepted&parent&values&metric&limit&page_token`.
pub async fn list(
    extract::State(http): extract::State<Http>,
    Extension(pass): Extension<Pass>,
    uri: Uri,
) -> Result<Body, Problem> {
    let list = wanted(&http.shared, &uri, pass.grant())?;
    let body = http.read(move |shared| {
        let page = list.page(&shared.devices);
        body(&Page {
            devices: page.devices.iter().map(json::Device::from).collect(),
            counts: json::Counts::from(&page.counts.unwrap_or_default()),
            next_page_token: &page.next_page_token,
            cursor: &page.cursor,
        })
    });
    body.await
}

/// JSON that is written where the work is done.
pub(super) type Body = ([(header::HeaderName, &'static str); 1], Vec<u8>);

pub(super) fn body(page: &impl Serialize) -> Result<Body, Problem> {
    let json = serde_json::to_vec(page)
        .map_err(|error| Problem::internal("the answer cannot be written", &error))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], json))
}

/// The request as gRPC would have it, so that one place checks both.
fn wanted(shared: &Shared, uri: &Uri, grant: &Arc<Grant>) -> Result<List, Problem> {
    let mut params = Params::of(uri)?;
    let mut request = proto::ListDevicesRequest {
        filter: Some(proto::Filter {
            devices: params.list("device", |name| Ok(name.to_owned())),
            kinds: params.list("kind", |name| Ok(name.to_owned())),
            districts: params.list("district", |name| Ok(name.to_owned())),
            metrics: params.list("metric", |name| Ok(name.to_owned())),
        }),
        states: params.list("state", |text| {
            word(text, State::ALL, State::word).map(|state| state as i32)
        }),
        healths: params.list("health", |text| {
            word(text, Level::ALL, Level::word).map(|level| level as i32)
        }),
        search: params.text("q").unwrap_or_default(),
        heard_not_accepted: params.flag("heard_not_accepted"),
        parent: params.text("parent").unwrap_or_default(),
        values: params.flag("values"),
        page_size: 0,
        page_token: params.text("page_token").unwrap_or_default(),
    };
    let limit = params.limit("limit", PAGE_DEFAULT, PAGE_MAX);
    request.page_size = i32::try_from(limit).unwrap_or_default();
    match List::check(request, shared, grant) {
        Ok(list) => params.finish().map(|()| list),
        Err(Unfit::Outside(outside)) => params.finish().and(Err(Outside {
            field: renamed(&outside.field),
            ..outside
        }
        .into())),
        Err(Unfit::Wrong(wrong)) => {
            for violation in wrong.0 {
                params.wrong(&renamed(&violation.field), violation.description);
            }
            params.finish().and(Err(Problem::new(
                StatusCode::BAD_REQUEST,
                "the request is wrong",
            )))
        }
    }
}

/// A field of the message as the query has it: `filter.kinds[0]` is `kind`.
fn renamed(field: &str) -> String {
    let name = field.strip_prefix("filter.").unwrap_or(field);
    let (name, _) = name.split_once('[').unwrap_or((name, ""));
    match name {
        "search" => "q",
        "healths" => "health",
        "page_size" => "limit",
        "page_token" => "page_token",
        plural => plural.strip_suffix('s').unwrap_or(plural),
    }
    .to_owned()
}

/// One of the words, or the one that was probably meant.
fn word<T: Copy>(text: &str, all: &[T], word: fn(T) -> &'static str) -> Result<T, String> {
    let words = || all.iter().map(|one| word(*one));
    if let Some(found) = all.iter().find(|one| word(**one) == text) {
        return Ok(*found);
    }
    let text: String = text.chars().take(80).collect();
    let known = words().collect::<Vec<_>>().join(", ");
    let near = nearest(&text, words()).map(|near| format!("; did you mean {near:?}?"));
    Err(format!(
        "{text:?} is none of {known}{}",
        near.unwrap_or_default()
    ))
}

/// The name of a device out of a path.
pub(super) fn name(path: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    let Path(name) = path.map_err(|error| Violations::one("id", error.body_text()))?;
    named("id", &name)?;
    Ok(name)
}

/// `/v1/devices/{id}`, by id or alias, with last values.
pub async fn get(
    extract::State(http): extract::State<Http>,
    Extension(pass): Extension<Pass>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Body, Problem> {
    let name = name(path)?;
    Params::of(&uri)?.finish()?;
    let found = http.read(move |shared| {
        let found = shared.devices.seen_by(pass.grant()).get(&name);
        let found = found.ok_or_else(|| unknown(shared, pass.grant(), &name))?;
        body(&json::Device::from(&device::message(&found)))
    });
    found.await
}

/// 404 that says who was probably meant, and whether anybody of this name was heard. Of a device that is
/// not granted the same as of one that does not exist.
pub(super) fn unknown(shared: &Shared, grant: &Grant, name: &str) -> Problem {
    let devices = shared.devices.seen_by(grant);
    let nearest = devices.nearest(name);
    let mut detail = device::unknown(name, nearest.as_deref());
    if let Some(stranger) = devices.stranger(name) {
        let Stranger {
            rejects,
            last,
            reason,
            sentence,
            ..
        } = &stranger;
        let times = match rejects {
            1 => "once".to_owned(),
            rejects => format!("{rejects} times"),
        };
        detail = format!(
            "{name:?} was heard and not accepted: refused {times}, last at {} ({reason}): {sentence}",
            json::time(*last)
        );
    }
    Problem::new(StatusCode::NOT_FOUND, detail).nearest(nearest.as_deref())
}

/// `/v1/strangers`.
#[derive(Debug, Serialize)]
pub struct Strangers {
    /// The latest first.
    strangers: Vec<StrangerJson>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StrangerJson {
    /// As it calls itself; "" if nothing does.
    name: Box<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    topic: Box<str>,
    first_at: String,
    last_at: String,
    #[serde(serialize_with = "text_of_u64")]
    rejects: u64,
    reason: Box<str>,
    sentence: Box<str>,
    /// Of its last reject, in the log of rejects.
    #[serde(serialize_with = "text_of_u64")]
    sequence: u64,
    /// Something of this name was accepted before.
    known: bool,
    /// The device that the inventory means by this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<Box<str>>,
}

impl From<Stranger> for StrangerJson {
    fn from(stranger: Stranger) -> Self {
        Self {
            name: stranger.name,
            address: stranger.address.map(|address| address.to_string()),
            topic: stranger.topic,
            first_at: json::time(stranger.first),
            last_at: json::time(stranger.last),
            rejects: stranger.rejects,
            reason: stranger.reason,
            sentence: stranger.sentence,
            sequence: stranger.sequence,
            known: stranger.known,
            device: stranger.device,
        }
    }
}

/// `/v1/strangers?since&limit`: who was heard and not accepted, in the last 15 minutes by default.
pub async fn strangers(
    extract::State(http): extract::State<Http>,
    Extension(pass): Extension<Pass>,
    uri: Uri,
) -> Result<Json<Strangers>, Problem> {
    if !pass.grant().sees_all_devices() {
        // Nobody knows of what kind they are, or where.
        let detail = "this token does not grant every device, so none that is not known";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let mut params = Params::of(&uri)?;
    let since: Option<Timestamp> = params.time("since");
    let limit = params.limit("limit", PAGE_DEFAULT, PAGE_MAX);
    params.finish()?;
    let since = since.unwrap_or_else(|| http.shared.clock.now().minus(STRANGERS_SPAN));
    let found = http.read(move |shared| {
        let devices = shared.devices.seen_by(pass.grant());
        Ok(devices.strangers(since, limit))
    });
    Ok(Json(Strangers {
        strangers: found.await?.into_iter().map(StrangerJson::from).collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_the_names_of_the_query() {
        for (field, name) in [
            ("filter.kinds[0]", "kind"),
            ("filter.districts", "district"),
            ("states[3]", "state"),
            ("healths[0]", "health"),
            ("search", "q"),
            ("parent", "parent"),
            ("page_size", "limit"),
            ("page_token", "page_token"),
        ] {
            assert_eq!(renamed(field), name);
        }
    }

    #[test]
    fn an_unknown_word_names_the_nearest() {
        assert_eq!(word("late", State::ALL, State::word), Ok(State::Late));
        let wrong = word("offlin", State::ALL, State::word);
        assert!(
            wrong
                .as_ref()
                .is_err_and(|why| why.ends_with("did you mean \"offline\"?")),
            "{wrong:?}"
        );
    }
}
