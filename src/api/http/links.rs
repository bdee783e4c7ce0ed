//! Links to city brokers, as `/v1/sources` shows them.
use super::json::text_of_u64;
use crate::sources::broker::LinkState;
use serde::Serialize;

/// One link.
#[derive(Debug, Serialize)]
pub struct Link {
    /// `NAME/INDEX`: the broker's name in the configuration, and which of its clients.
    name: String,
    client_id: String,
    url: String,
    version: &'static str,
    /// Filters as subscribed to.
    topics: Vec<String>,
    /// `connecting`, `connected`, `waiting` or `stopped`.
    state: &'static str,
    /// When it became that.
    since: String,
    /// Had the broker kept the session? Absent: never connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_present: Option<bool>,
    /// `pending`, `granted` or `refused`.
    subscription: &'static str,
    /// Messages not acknowledged yet.
    #[serde(serialize_with = "text_of_u64")]
    in_flight: u64,
    #[serde(serialize_with = "text_of_u64")]
    received: u64,
    /// Of them, with DUP.
    #[serde(serialize_with = "text_of_u64")]
    redelivered: u64,
    #[serde(serialize_with = "text_of_u64")]
    acknowledged: u64,
    /// Connections that the broker accepted.
    #[serde(serialize_with = "text_of_u64")]
    connects: u64,
    /// What went wrong last, and when.
    #[serde(skip_serializing_if = "String::is_empty")]
    last_error: String,
}

impl From<LinkState> for Link {
    fn from(state: LinkState) -> Self {
        Self {
            name: state.name(),
            client_id: state.client_id,
            url: state.url,
            version: state.version,
            topics: state.topics,
            state: state.phase.name(),
            since: state.since.to_string(),
            session_present: state.session_present,
            subscription: state.subscription.name(),
            in_flight: state.in_flight,
            received: state.received,
            redelivered: state.redelivered,
            acknowledged: state.acknowledged,
            connects: state.connects,
            last_error: state.last_error,
        }
    }
}
