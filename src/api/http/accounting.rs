//! `/v1/accounting` and `/v1/sources`: promise 2, per source.
use super::Http;
use super::json::text_of_u64;
use super::links::Link;
use crate::api::Shared;
use crate::model::Source;
use crate::sources::State as Facts;
use crate::sources::broker;
use crate::store::Look;
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

/// One store's readings: `logged = stored + pending + rejected + expired + skipped`.
#[derive(Debug, Serialize)]
struct StoreCounts {
    name: Box<str>,
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
}

impl StoreCounts {
    fn new(look: Look) -> Self {
        Self {
            name: look.config.name,
            logged: look.logged,
            stored: look.facts.counts.stored,
            pending: look.pending,
            rejected: look.facts.counts.rejected,
            expired: look.facts.counts.expired,
            skipped: look.facts.counts.skipped,
        }
    }
}

/// History's readings. It is no store: what it takes is fixed, it rejects nothing, and it may be
/// emptied and built again from the log. The log's readings are `stored + pending + late + skipped`,
/// and those of `expired_records`, `lag_records` behind.
#[derive(Debug, Serialize)]
struct HistoryCounts {
    #[serde(serialize_with = "text_of_u64")]
    stored: u64,
    #[serde(serialize_with = "text_of_u64")]
    pending: u64,
    #[serde(serialize_with = "text_of_u64")]
    late: u64,
    #[serde(serialize_with = "text_of_u64")]
    skipped: u64,
    #[serde(serialize_with = "text_of_u64")]
    conflicts: u64,
    #[serde(serialize_with = "text_of_u64")]
    expired_records: u64,
    #[serde(serialize_with = "text_of_u64")]
    lag_records: u64,
}

/// The answer of `/v1/accounting`.
#[derive(Debug, Serialize)]
pub struct Accounting {
    sources: Vec<SourceCounts>,
    /// The configured stores.
    stores: Vec<StoreCounts>,
    history: HistoryCounts,
}

/// Sources that this gateway has.
fn served(shared: &Shared) -> impl Iterator<Item = Source> {
    let broker = (!shared.links.is_empty()).then_some(Source::Broker);
    let push = (!shared.push.is_empty()).then_some(Source::Http);
    let always = [Source::Mqtt, Source::Coap].into_iter();
    always.chain(broker).chain(push)
}

/// `/v1/accounting`.
pub async fn accounting(State(http): State<Http>) -> Json<Accounting> {
    let counts = |source| SourceCounts::new(source, http.shared.accounting.snapshot(source));
    let stats = http.shared.history.stats();
    Json(Accounting {
        sources: served(&http.shared).map(counts).collect(),
        stores: http
            .shared
            .stores
            .look()
            .into_iter()
            .map(StoreCounts::new)
            .collect(),
        history: HistoryCounts {
            stored: stats.stored,
            pending: stats.open,
            late: stats.late,
            skipped: stats.skipped,
            conflicts: stats.conflicts,
            expired_records: stats.expired,
            lag_records: stats.lag,
        },
    })
}

/// The answer of `/v1/sources`.
#[derive(Debug, Serialize)]
pub struct Sources {
    sources: Vec<SourceState>,
    /// Links to city brokers.
    links: Vec<Link>,
}

#[derive(Debug, Serialize)]
struct SourceState {
    #[serde(flatten)]
    counts: SourceCounts,
    /// Where it listens; of brokers, where they are.
    bind: String,
    /// Where it listens with TLS; absent: nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    tls_bind: Option<String>,
    /// Devices, or links to brokers, connected now.
    #[serde(serialize_with = "text_of_u64")]
    connections: u64,
    /// Sessions kept, connected or not; of brokers, those that had been kept when a link came back.
    #[serde(serialize_with = "text_of_u64")]
    sessions: u64,
    /// What went wrong last on the gateway's side, and when.
    #[serde(skip_serializing_if = "String::is_empty")]
    last_error: String,
    /// Why uplinks are refused now; absent: they are taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    refusing: Option<String>,
}

/// `/v1/sources`.
pub async fn sources(State(http): State<Http>) -> Json<Sources> {
    let shared = &http.shared;
    let refusing = shared.log.refusing().map(|why| why.to_string());
    let links = shared.links.states();
    let sources = served(shared).map(|source| {
        let state = match source {
            Source::Mqtt => shared.mqtt.state(),
            Source::Coap => shared.coap.state(),
            // It is served on this very port.
            Source::Http => Facts::default(),
            _ => broker::overall(&links),
        };
        SourceState {
            counts: SourceCounts::new(source, shared.accounting.snapshot(source)),
            bind: state.bind,
            tls_bind: state.tls_bind,
            connections: state.connections,
            sessions: state.sessions,
            last_error: state.last_error,
            refusing: refusing.clone(),
        }
    });
    Json(Sources {
        sources: sources.collect(),
        links: links.into_iter().map(Link::from).collect(),
    })
}
