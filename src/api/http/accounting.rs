//! `/v1/accounting` and `/v1/sources`: promise 2, per source.
use super::Http;
use super::json::text_of_u64;
use crate::api::Shared;
use crate::model::Source;
use crate::telemetry::Counts;
use axum::Json;
use axum::extract::State;
use serde::Serialize;

/// One source's counts, as texts for 64-bit integers are in proto3's JSON.
#[derive(Debug, Serialize)]
struct SourceCounts {
    name: &'static str,
    #[serde(serialize_with = "text_of_u64")]
    received: u64,
    #[serde(serialize_with = "text_of_u64")]
    logged: u64,
    #[serde(serialize_with = "text_of_u64")]
    rejected: u64,
    #[serde(serialize_with = "text_of_u64")]
    duplicate: u64,
    #[serde(serialize_with = "text_of_u64")]
    refused: u64,
    #[serde(serialize_with = "text_of_u64")]
    dropped: u64,
    #[serde(serialize_with = "text_of_u64")]
    in_flight: u64,
    #[serde(serialize_with = "text_of_u64")]
    reject_parts: u64,
    #[serde(serialize_with = "text_of_u64")]
    recovered: u64,
    #[serde(serialize_with = "text_of_u64")]
    protocol_errors: u64,
}

impl SourceCounts {
    const fn new(source: Source, counts: Counts) -> Self {
        Self {
            name: source.name(),
            received: counts.received,
            logged: counts.logged,
            rejected: counts.rejected,
            duplicate: counts.duplicate,
            refused: counts.refused,
            dropped: counts.dropped,
            in_flight: counts.in_flight,
            reject_parts: counts.reject_parts,
            recovered: counts.recovered,
            protocol_errors: counts.protocol_errors,
        }
    }
}

fn counts(shared: &Shared) -> Vec<SourceCounts> {
    // The other sources come with their listeners.
    [Source::Mqtt]
        .into_iter()
        .map(|source| SourceCounts::new(source, shared.accounting.snapshot(source)))
        .collect()
}

/// The answer of `/v1/accounting`.
#[derive(Debug, Serialize)]
pub struct Accounting {
    sources: Vec<SourceCounts>,
    /// Configured stores; the history is not one.
    stores: [(); 0],
}

/// `/v1/accounting`.
pub async fn accounting(State(http): State<Http>) -> Json<Accounting> {
    Json(Accounting {
        sources: counts(&http.shared),
        stores: [],
    })
}

/// The answer of `/v1/sources`.
#[derive(Debug, Serialize)]
pub struct Sources {
    sources: Vec<SourceState>,
}

#[derive(Debug, Serialize)]
struct SourceState {
    #[serde(flatten)]
    counts: SourceCounts,
    /// Why uplinks are refused now; absent: they are taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusing: Option<String>,
}

/// `/v1/sources`.
pub async fn sources(State(http): State<Http>) -> Json<Sources> {
    let refusing = http.shared.log.refusing().map(|why| why.to_string());
    let sources = counts(&http.shared)
        .into_iter()
        .map(|counts| SourceState {
            counts,
            refusing: refusing.clone(),
        })
        .collect();
    Json(Sources { sources })
}
