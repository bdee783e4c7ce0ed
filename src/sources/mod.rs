//! Where uplinks come in: one module per protocol.
//!
//! A source decodes at the edge, hands each uplink to `intake`, and answers the device when what it
//! answers is durable. It stops reading while its window is full; there is no channel in between.
pub mod broker;
pub mod coap;
pub mod mqtt;
pub mod push;

use serde::Serialize;

/// One source, as `/v1/sources` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct State {
    /// As in `/v1/accounting`.
    pub name: String,
    /// Address that it listens on.
    pub bind: String,
    /// Address that it listens on with TLS, if it does.
    pub tls_bind: Option<String>,
    /// Devices connected now.
    pub connections: u64,
    /// Sessions kept, connected or not.
    pub sessions: u64,
    /// What went wrong last on the gateway's side, and when; empty: nothing yet.
    pub last_error: String,
}
