//! `/v1/rejects/summary`: how many there are, of which reason, device and route.
use super::{may_see, unreadable, wanted};
use crate::access::Pass;
use crate::api::http::Http;
use crate::api::http::json::{self, text_of_u64};
use crate::api::http::params::Params;
use crate::api::http::problem::Problem;
use crate::api::rejects::summary::{Group, Groups, Summary, summary as count};
use axum::extract::State;
use axum::http::Uri;
use axum::{Extension, Json};
use serde::Serialize;

/// Groups of each kind.
const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: usize = 1_000;

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// Rejects and reject parts.
    #[serde(serialize_with = "text_of_u64")]
    count: u64,
    #[serde(serialize_with = "text_of_u64")]
    recovered: u64,
    /// Older ones were not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    by_reason: GroupsJson,
    by_device: GroupsJson,
    by_route: GroupsJson,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupsJson {
    /// The largest.
    groups: Vec<GroupJson>,
    /// How many there are.
    #[serde(serialize_with = "text_of_u64")]
    total: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupJson {
    name: String,
    #[serde(serialize_with = "text_of_u64")]
    count: u64,
    #[serde(serialize_with = "text_of_u64")]
    recovered: u64,
    /// When the latest of them was received.
    last: String,
}

impl GroupsJson {
    fn new(groups: Groups, limit: usize) -> Self {
        let total = groups.names() as u64;
        let json = |(name, group): (String, Group)| GroupJson {
            name,
            count: group.count,
            recovered: group.recovered,
            last: json::time(group.last),
        };
        Self {
            groups: groups.largest(limit).into_iter().map(json).collect(),
            total,
        }
    }
}

/// `/v1/rejects/summary?reason&device&route&recovered&from&to&limit`.
pub async fn summary(
    State(http): State<Http>,
    Extension(pass): Extension<Pass>,
    uri: Uri,
) -> Result<Json<Answer>, Problem> {
    let mut params = Params::of(&uri)?;
    let (wanted, _) = wanted(&mut params, pass.grant());
    let limit = params.limit("limit", LIMIT_DEFAULT, LIMIT_MAX);
    params.finish()?;
    may_see(&http.shared, &wanted)?;
    let summary = http
        .read(move |shared| count(shared, &wanted).map_err(|error| unreadable(&error)))
        .await?;
    let Summary {
        count,
        recovered,
        since,
        by_reason,
        by_device,
        by_route,
    } = summary;
    Ok(Json(Answer {
        count,
        recovered,
        since: since.map(json::time),
        by_reason: GroupsJson::new(by_reason, limit),
        by_device: GroupsJson::new(by_device, limit),
        by_route: GroupsJson::new(by_route, limit),
    }))
}
