//! `/v1/rejects/{sequence}`: one reject, its bytes, and what they would become now.
use super::unreadable;
use crate::access::Pass;
use crate::api::Shared;
use crate::api::http::Http;
use crate::api::http::json::{self, RejectJson};
use crate::api::http::problem::Problem;
use crate::api::rejects::retry::{Outcome, retry};
use crate::api::rejects::{Error, one};
use crate::intake::Fate;
use crate::model::proto;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::{Extension, Json};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::Notify;

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    reject: RejectJson,
    /// Base64: all that is kept of the payload, by the first reject of an uplink.
    payload: String,
    /// For grants of everything.
    #[serde(skip_serializing_if = "Option::is_none")]
    now: Option<Now>,
}

/// What would come of a reject if it were retried now.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Now {
    /// `recovered`, `before`, `rejected` or `cannot`.
    pub outcome: &'static str,
    /// The report that has it, if it is `before`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    /// Why it would be rejected, or cannot be retried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The same for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentence: Option<String>,
    /// What would be logged, as `citygate.v1.Report`.
    pub reports: Vec<Value>,
    /// What would be rejected beside them.
    pub faults: Vec<FaultJson>,
}

#[derive(Debug, Serialize)]
pub struct FaultJson {
    reason: &'static str,
    part: String,
    sentence: String,
}

/// Outcome, report, reason and sentence of a fate.
pub(super) fn words(
    fate: &Fate,
) -> (
    &'static str,
    Option<String>,
    Option<&'static str>,
    Option<String>,
) {
    let report = |sequence: u64| (sequence != 0).then(|| sequence.to_string());
    match fate {
        Fate::Recovered(by) => ("recovered", report(*by), None, None),
        Fate::Before(by) => ("before", report(*by), None, None),
        Fate::Rejected(fault) => (
            "rejected",
            None,
            Some(fault.reason.as_str()),
            Some(fault.sentence.clone()),
        ),
        Fate::Cannot(words) => ("cannot", None, None, Some(words.clone())),
    }
}

impl Now {
    fn new(outcome: Outcome, sequence: u64) -> Option<Self> {
        let fates = &outcome.retried.fates;
        let (_, fate) = fates.iter().find(|(at, _)| *at == sequence)?;
        let (word, report, reason, sentence) = words(fate);
        let reports = outcome.retried.reports.iter().filter_map(|body| {
            let report = proto::Report::decode(body.as_slice()).ok()?;
            serde_json::to_value(json::Report::from(&report)).ok()
        });
        Some(Self {
            outcome: word,
            report,
            reason,
            sentence,
            reports: reports.collect(),
            faults: outcome
                .retried
                .faults
                .into_iter()
                .map(|fault| FaultJson {
                    reason: fault.reason.as_str(),
                    part: fault.part,
                    sentence: fault.sentence,
                })
                .collect(),
        })
    }
}

/// What would come of the reject at `sequence`. Blocks on the disk.
///
/// # Errors
/// The disk's.
pub(crate) fn now_of(shared: &Shared, sequence: u64) -> Result<Option<Now>, Error> {
    let waiter = Arc::new(Notify::new());
    let outcomes = retry(shared, [sequence].into(), true, &waiter)?;
    if let Some(sentence) = outcomes.stopped {
        return Ok(Some(Now {
            outcome: "cannot",
            sentence: Some(sentence),
            ..Now::default()
        }));
    }
    let first = outcomes.uplinks.into_iter().next();
    Ok(first.and_then(|outcome| Now::new(outcome, sequence)))
}

/// `/v1/rejects/{sequence}`.
pub async fn show(
    State(http): State<Http>,
    Extension(pass): Extension<Pass>,
    Path(sequence): Path<String>,
) -> Result<Json<Shown>, Problem> {
    let none = |sequence: &str| {
        let sequence: String = sequence.chars().take(40).collect();
        let detail = format!("there is no reject {sequence}, or retention has removed it");
        Problem::new(StatusCode::NOT_FOUND, detail)
    };
    let at: u64 = sequence.parse().map_err(|_| none(&sequence))?;
    let shown = http
        .read(move |shared| {
            let grant = pass.grant();
            let found = one(shared, grant, at).map_err(|error| unreadable(&error))?;
            let Some(item) = found else {
                return Ok(None);
            };
            let now = if grant.is_unrestricted() {
                now_of(shared, at).map_err(|error| unreadable(&error))?
            } else {
                None
            };
            let payload = [item.reject.raw.as_slice(), &item.reject.rest].concat();
            Ok(Some(Shown {
                payload: STANDARD.encode(payload),
                reject: item.into(),
                now,
            }))
        })
        .await?;
    shown.map(Json).ok_or_else(|| none(&sequence))
}
