//! `/v1/gateway`: how the gateway itself is.
use super::Http;
use super::json::{self, text_of_u64};
use super::problem::Problem;
use crate::api::device::counts;
use crate::api::{Overview, Phase, overview};
use crate::telemetry::{self, SnapshotState};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gateway {
    version: &'static str,
    node: Box<str>,
    now: String,
    started_at: String,
    uptime_seconds: u64,
    phase: &'static str,
    /// Why no traffic should come now.
    unready: Vec<String>,
    /// Uplinks per second over the last minute, by source.
    uplinks_per_second: BTreeMap<&'static str, f64>,
    ack: Ack,
    readers: Vec<Reader>,
    /// `citygate.v1.DeviceCounts`.
    devices: json::Counts,
    #[serde(serialize_with = "text_of_u64")]
    free_bytes: u64,
    config: Config,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusing: Option<String>,
}

/// From append to durable, over the last minute.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Ack {
    #[serde(serialize_with = "text_of_u64")]
    groups: u64,
    p50_ms: f64,
    p99_ms: f64,
}

/// The configuration that works, and why another one does not.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    /// When what works now was read.
    loaded_at: String,
    /// When it was last tried to read another.
    tried_at: String,
    /// What was wrong then; empty: nothing.
    problems: Vec<String>,
    /// Keys whose new value waits for a restart.
    needs_restart: Vec<String>,
    snapshot: Snapshot,
    /// Devices that another inventory would lose; absent: none waits to be confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    loss: Option<Loss>,
}

/// What is known of devices and formats.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Snapshot {
    #[serde(serialize_with = "text_of_u64")]
    generation: u64,
    loaded_at: String,
    took_seconds: f64,
    /// Of the inventory; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    devices: Option<String>,
    /// Those shipped included.
    profiles: u64,
}

impl From<SnapshotState> for Snapshot {
    fn from(state: SnapshotState) -> Self {
        Self {
            generation: state.generation,
            loaded_at: json::time(state.loaded_at),
            took_seconds: state.took.as_secs_f64(),
            devices: state.devices.map(|count| count.to_string()),
            profiles: state.profiles,
        }
    }
}

#[derive(Debug, Serialize)]
struct Loss {
    file: String,
    #[serde(serialize_with = "text_of_u64")]
    lost: u64,
    #[serde(serialize_with = "text_of_u64")]
    of: u64,
    /// What confirms it.
    confirm: String,
}

impl From<telemetry::Loss> for Loss {
    fn from(loss: telemetry::Loss) -> Self {
        Self {
            file: loss.file,
            lost: loss.lost,
            of: loss.of,
            confirm: loss.code,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Reader {
    name: Box<str>,
    #[serde(serialize_with = "text_of_u64")]
    records: u64,
    seconds: f64,
}

/// `/v1/gateway`.
pub async fn gateway(State(http): State<Http>) -> Result<Json<Gateway>, Problem> {
    let seen = http.read(|shared| Ok(overview(shared))).await?;
    Ok(Json(seen.into()))
}

impl From<Overview> for Gateway {
    fn from(seen: Overview) -> Self {
        // To the microsecond: more digits would be noise.
        let millis = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
        let reader = |reader: &crate::api::Reader| Reader {
            name: reader.name.clone(),
            records: reader.records,
            seconds: reader.behind.as_secs_f64(),
        };
        let rates = seen.rates.iter();
        Self {
            version: seen.version,
            now: json::time(seen.now),
            started_at: json::time(seen.started_at),
            uptime_seconds: seen.now.since(seen.started_at).as_secs(),
            phase: match seen.phase {
                Phase::Starting(_) => "starting",
                Phase::Ready => "ready",
                Phase::Draining => "draining",
            },
            unready: seen.unready,
            uplinks_per_second: rates.map(|(source, rate)| (source.name(), *rate)).collect(),
            ack: Ack {
                groups: seen.ack.count,
                p50_ms: millis(seen.ack.p50),
                p99_ms: millis(seen.ack.p99),
            },
            readers: seen.readers.iter().map(reader).collect(),
            devices: (&counts(&seen.devices)).into(),
            config: Config {
                loaded_at: json::time(seen.config.loaded_at),
                tried_at: json::time(seen.config.tried_at),
                problems: seen.config.problems,
                needs_restart: seen.config.needs_restart,
                snapshot: seen.config.snapshot.into(),
                loss: seen.config.loss.map(Loss::from),
            },
            node: seen.node,
            free_bytes: seen.free_bytes,
            refusing: seen.refusing,
        }
    }
}
