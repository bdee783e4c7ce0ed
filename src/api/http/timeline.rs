//! `/v1/devices/{id}/timeline`: what happened to a device, and one entry with its bytes decoded.
use super::Http;
use super::devices::{Body, body, name, unknown};
use super::json::{self, RejectJson, printable, text_of_u64};
use super::params::Params;
use super::problem::Problem;
use crate::access::{Grant, Pass};
use crate::api::Shared;
use crate::api::selection::Violations;
use crate::api::timeline::{
    self, Arrived, Entry, Error, PAGE_DEFAULT, PAGE_MAX, Place, Wanted, What, Which,
};
use crate::api::token::{MALFORMED, PageToken, request_hash};
use crate::model::Timestamp;
use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::sync::Arc;

/// A page.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    entries: Vec<EntryJson<'a>>,
    /// For `page_token`; absent at the end. A page may be empty and still have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// One entry. What happened is in the member that the type names; an uplink's is `report`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryJson<'a> {
    r#type: &'static str,
    at: String,
    #[serde(serialize_with = "text_of_u64")]
    sequence: u64,
    /// Which log the sequence is of, for the entry alone.
    #[serde(skip_serializing_if = "str::is_empty")]
    log: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<json::Report<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reject: Option<RejectJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<json::Event<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<Change>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arrival: Option<ArrivalJson<'a>>,
    /// Why there is no arrival.
    #[serde(skip_serializing_if = "str::is_empty")]
    note: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    decoded: Option<json::Decoded<'a>>,
}

#[derive(Debug, Serialize)]
struct Change {
    from: String,
    to: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ArrivalJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    topic: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    client: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_format: Option<u16>,
    /// Base64.
    raw: String,
    raw_text: String,
    /// Bytes of the whole payload; `raw` has as many as `intake.keep_raw` says.
    #[serde(serialize_with = "text_of_u64")]
    raw_len: u64,
}

impl<'a> From<&'a Entry> for EntryJson<'a> {
    fn from(entry: &'a Entry) -> Self {
        let mut shown = Self {
            r#type: "state",
            at: json::time(entry.at),
            sequence: entry.sequence,
            log: "reports",
            report: None,
            reject: None,
            event: None,
            state: None,
            arrival: None,
            note: "",
            decoded: None,
        };
        match &entry.what {
            What::Uplink(uplink) => {
                shown.r#type = "uplink";
                shown.report = Some(json::Report::from(&uplink.report));
                shown.arrival = uplink.arrived.as_ref().map(ArrivalJson::from);
                shown.note = uplink.note;
            }
            What::Reject(reject, recovered) => {
                shown.r#type = "reject";
                shown.log = "rejects";
                let reject = RejectJson::new(entry.sequence, (**reject).clone());
                shown.reject = Some(reject.recovered(*recovered));
            }
            What::Event(event, arrived) => {
                shown.r#type = "event";
                shown.event = Some(json::Event::from(&**event));
                shown.arrival = arrived.as_ref().map(ArrivalJson::from);
            }
            What::State(from, to) => {
                shown.log = "";
                shown.state = Some(Change {
                    from: from.json_name(),
                    to: to.json_name(),
                });
            }
        }
        shown
    }
}

impl<'a> From<&'a Arrived> for ArrivalJson<'a> {
    fn from(arrived: &'a Arrived) -> Self {
        Self {
            address: arrived.address.map(|address| address.to_string()),
            topic: &arrived.topic,
            client: &arrived.client,
            content_format: arrived.content_format,
            raw: STANDARD.encode(&arrived.raw),
            raw_text: printable(&arrived.raw),
            raw_len: arrived.raw_len,
        }
    }
}

fn failure(shared: &Shared, grant: &Grant, error: Error) -> Problem {
    match error {
        Error::Unknown(name) => unknown(shared, grant, &name),
        Error::Gone(detail) => Problem::new(StatusCode::NOT_FOUND, detail),
        Error::Log(cause) => Problem::internal("the log cannot be read", &cause),
        Error::Rejects(cause) => Problem::internal("the rejects cannot be read", &cause),
        Error::History(cause) => super::readings::failure(cause),
    }
}

/// `/v1/devices/{id}/timeline?from&to&limit&page_token`: `to` is exclusive.
pub async fn timeline(
    State(http): State<Http>,
    Extension(pass): Extension<Pass>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Body, Problem> {
    let name = name(path)?;
    let mut params = Params::of(&uri)?;
    let (from, to) = (params.time("from"), params.time("to"));
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        params.wrong("from", "must lie before `to`");
    }
    let texts = [from, to].map(|time| time.map(|time| time.to_string()));
    let [from_text, to_text] = &texts;
    let request = request_hash(&[Some(&name), from_text.as_deref(), to_text.as_deref()]);
    let limit = params.limit("limit", PAGE_DEFAULT, PAGE_MAX);
    let token = params.get("page_token", |text| {
        PageToken::decode(text, request).ok_or_else(|| MALFORMED.to_owned())
    });
    params.finish()?;
    let place = token.map(|token| Place {
        at: Timestamp::from_nanos(token.at.cast_signed()),
        skip: token.skip,
        rejects: token.place,
    });
    let wanted = Wanted {
        name,
        from,
        to,
        limit,
        place,
        grant: Arc::clone(pass.grant()),
    };
    let answer = http.read(move |shared| {
        let page = timeline::page(shared, &wanted);
        let page = page.map_err(|error| failure(shared, &wanted.grant, error))?;
        let token = page.next.map(|next| PageToken {
            request,
            at: next.at.as_nanos().cast_unsigned(),
            skip: next.skip,
            place: next.rejects,
        });
        body(&Page {
            entries: page.entries.iter().map(EntryJson::from).collect(),
            next_page_token: token.map(|token| token.encode()),
        })
    });
    answer.await
}

/// `/v1/devices/{id}/timeline/{sequence}?log=reports|rejects`: one entry, its bytes decoded once more.
pub async fn entry(
    State(http): State<Http>,
    Extension(pass): Extension<Pass>,
    path: Result<Path<(String, u64)>, PathRejection>,
    uri: Uri,
) -> Result<Body, Problem> {
    let Path((name, sequence)) =
        path.map_err(|error| Violations::one("sequence", error.body_text()))?;
    crate::api::device::named("id", &name)?;
    let mut params = Params::of(&uri)?;
    let which = params.get("log", |word| match word {
        "reports" => Ok(Which::Reports),
        "rejects" => Ok(Which::Rejects),
        _ => Err("must be reports or rejects".to_owned()),
    });
    params.finish()?;
    let which = which.unwrap_or(Which::Reports);
    let answer = http.read(move |shared| {
        let grant = pass.grant();
        let found = timeline::entry(shared, grant, &name, which, sequence);
        let (entry, decoded) = found.map_err(|error| failure(shared, grant, error))?;
        body(&EntryJson {
            decoded: Some(json::Decoded::new(
                &decoded.profile,
                "",
                &decoded.note,
                &decoded.preview,
            )),
            ..EntryJson::from(&entry)
        })
    });
    answer.await
}
