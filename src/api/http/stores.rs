//! `/v1/stores`: the city's own stores, and setting one back.
use super::Http;
use super::json::{self, text_of_u64};
use super::params::Params;
use super::problem::Problem;
use crate::api::{Shared, reader};
use crate::model::Timestamp;
use crate::store::{Check, Look, RewindError, Rewound};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use serde::Serialize;

/// The answer of `/v1/stores`.
#[derive(Debug, Serialize)]
pub struct Stores {
    stores: Vec<Store>,
}

#[derive(Debug, Serialize)]
struct Store {
    name: Box<str>,
    /// Without credentials.
    url: String,
    api: &'static str,
    /// Bucket or database.
    target: String,
    /// `idle`, `delivering`, `retrying` or `alarm`.
    state: &'static str,
    /// Behind the last record of which everything before is settled, too.
    cursor: String,
    #[serde(serialize_with = "text_of_u64")]
    lag_records: u64,
    /// Age of the first record that is not settled.
    lag_seconds: f64,
    #[serde(serialize_with = "text_of_u64")]
    logged: u64,
    #[serde(serialize_with = "text_of_u64")]
    stored: u64,
    #[serde(serialize_with = "text_of_u64")]
    pending: u64,
    #[serde(serialize_with = "text_of_u64")]
    rejected: u64,
    #[serde(serialize_with = "text_of_u64")]
    expired: u64,
    #[serde(serialize_with = "text_of_u64")]
    skipped: u64,
    /// Readings stored a second, over the last minute.
    rate: f64,
    /// Since the start.
    #[serde(serialize_with = "text_of_u64")]
    batches: u64,
    #[serde(serialize_with = "text_of_u64")]
    requests: u64,
    #[serde(serialize_with = "text_of_u64")]
    bytes_sent: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_success: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<Failure>,
    /// The part of the log's retention that lies behind the store.
    retention_percent: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_gap: Option<Gap>,
    checks: Checks,
}

#[derive(Debug, Serialize)]
struct Failure {
    at: String,
    what: String,
}

#[derive(Debug, Serialize)]
struct Gap {
    #[serde(serialize_with = "text_of_u64")]
    from: u64,
    #[serde(serialize_with = "text_of_u64")]
    to: u64,
    #[serde(serialize_with = "text_of_u64")]
    readings: u64,
    at: String,
}

/// What was found at the start.
#[derive(Debug, Serialize)]
struct Checks {
    reachable: Found,
    target: Found,
    write: Found,
}

#[derive(Debug, Serialize)]
struct Found {
    /// `ok`, `failed` or `unknown`.
    result: &'static str,
    what: String,
}

impl From<&Check> for Found {
    fn from(check: &Check) -> Self {
        let (result, what) = check.parts();
        Self {
            result,
            what: what.to_owned(),
        }
    }
}

impl Store {
    fn new(look: Look, shared: &Shared) -> Self {
        let Look { config, facts, .. } = look;
        let now = shared.clock.now();
        let lag = reader(&config.name, &shared.log, look.lag_records, now);
        Self {
            api: config.api_name(),
            target: config.target().to_owned(),
            url: config.url,
            name: config.name,
            state: look.phase.name(),
            cursor: shared.log.cursor(facts.next.saturating_sub(1)).to_string(),
            lag_records: look.lag_records,
            lag_seconds: lag.behind.as_secs_f64(),
            logged: look.logged,
            stored: facts.counts.stored,
            pending: look.pending,
            rejected: facts.counts.rejected,
            expired: facts.counts.expired,
            skipped: facts.counts.skipped,
            rate: look.rate,
            batches: facts.batches,
            requests: facts.requests,
            bytes_sent: facts.bytes,
            last_success: facts.last_success.map(json::time),
            last_error: facts.last_error.map(|(at, what)| Failure {
                at: json::time(at),
                what,
            }),
            retention_percent: look.retention_percent,
            last_gap: facts.gap.map(|gap| Gap {
                from: gap.from,
                to: gap.to,
                readings: gap.readings,
                at: json::time(gap.at),
            }),
            checks: Checks {
                reachable: (&facts.checks.reachable).into(),
                target: (&facts.checks.target).into(),
                write: (&facts.checks.write).into(),
            },
        }
    }
}

/// `/v1/stores`.
pub async fn stores(State(http): State<Http>) -> Result<Json<Stores>, Problem> {
    let look = |shared: &Shared| {
        let stores = shared.stores.look().into_iter();
        Ok(stores.map(|look| Store::new(look, shared)).collect())
    };
    let stores = http.read(look).await?;
    Ok(Json(Stores { stores }))
}

/// The answer to a rewind.
#[derive(Debug, Serialize)]
pub struct Answer {
    store: String,
    /// Where it was, and where it is.
    old_cursor: String,
    new_cursor: String,
    /// To be sent again.
    #[serde(serialize_with = "text_of_u64")]
    records: u64,
    #[serde(serialize_with = "text_of_u64")]
    readings: u64,
}

/// `POST /v1/stores/{name}/rewind?to`.
pub async fn rewind(
    State(http): State<Http>,
    Path(name): Path<String>,
    uri: Uri,
) -> Result<Json<Answer>, Problem> {
    let mut params = Params::of(&uri)?;
    let to = params.time("to");
    if to.is_none() {
        params.wrong(
            "to",
            "is needed: the append time from which all is sent again",
        );
    }
    params.finish()?;
    let to = to.unwrap_or(Timestamp::MAX);
    let Rewound {
        from,
        to,
        records,
        readings,
    } = http
        .shared
        .stores
        .rewind(&name, to)
        .await
        .map_err(problem)?;
    Ok(Json(Answer {
        store: name,
        old_cursor: from.to_string(),
        new_cursor: to.to_string(),
        records,
        readings,
    }))
}

fn problem(error: RewindError) -> Problem {
    let status = match &error {
        RewindError::Unknown { .. } => StatusCode::NOT_FOUND,
        RewindError::BeforeOldest { .. } | RewindError::NotBefore | RewindError::NotCounted => {
            StatusCode::CONFLICT
        }
        RewindError::Busy | RewindError::State(_) => StatusCode::SERVICE_UNAVAILABLE,
        RewindError::Log(_) => return Problem::internal("the log cannot be read", &error),
    };
    let detail = error.to_string();
    match error {
        RewindError::Unknown { nearest, .. } => {
            Problem::new(status, detail).nearest(nearest.as_deref())
        }
        RewindError::BeforeOldest { oldest } => {
            let detail = format!("{detail}; ask for to={oldest}");
            Problem::new(status, detail)
        }
        _ => Problem::new(status, detail),
    }
}
