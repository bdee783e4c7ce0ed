//! How a gateway may fail.
use super::DRAIN_MAX;
use crate::access;
use crate::api;
use crate::devices;
use crate::log::{self, FailedSync};
use crate::model::settings::Problem;
use crate::sources::coap;
use crate::sources::mqtt;
use crate::state;
use crate::store;
use crate::tls;
use std::net::SocketAddr;
use std::path::PathBuf;
use tokio::task::JoinError;

/// Why a gateway did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data directory cannot be made.
    #[error("cannot use data_dir {path:?}")]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The log.
    #[error("cannot open the log")]
    Log(#[from] log::OpenError),
    /// Sessions and history.
    #[error("cannot open the state")]
    State(#[from] state::Error),
    /// MQTT sessions.
    #[error("cannot read MQTT sessions")]
    Sessions(#[from] mqtt::LoadError),
    /// The files that the configuration names.
    #[error("{}", listed(.0))]
    Files(Vec<Problem>),
    /// The files of `[tls]`.
    #[error("cannot use [tls]")]
    Tls(#[from] tls::Error),
    /// `[access]`.
    #[error("cannot set up access")]
    Access(#[from] access::LoadError),
    /// The device registry.
    #[error("cannot start the device registry")]
    Devices(#[from] devices::Error),
    /// Stores.
    #[error("cannot start the stores")]
    Stores(#[from] store::Error),
    /// History's thread.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
    /// What was taken before cannot be read.
    #[error("cannot read the log's tail")]
    Tail(#[from] log::ReadError),
    /// The gRPC server.
    #[error("gRPC ended")]
    Grpc(#[from] api::grpc::Error),
    /// The MQTT listener.
    #[error("the MQTT listener ended")]
    Mqtt(#[from] mqtt::Error),
    /// The `CoAP` server.
    #[error("the CoAP server ended")]
    Coap(#[from] coap::Error),
    /// An address is taken or not ours.
    #[error("{key} = {address}: cannot listen there")]
    Bind {
        /// Setting.
        key: &'static str,
        /// Its value.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// While running: the log cannot be synced, so nothing more can be promised.
    #[error("the log failed")]
    Sync(#[from] FailedSync),
    /// A part panicked.
    #[error("a part of the gateway failed")]
    Task(#[from] JoinError),
    /// The drain took too long; what was not acknowledged will be sent again.
    #[error("not drained within {DRAIN_MAX:?}")]
    Grace,
}

fn listed(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("; ")
}

impl Error {
    /// Did the gateway not even start?
    pub const fn is_start(&self) -> bool {
        !matches!(
            self,
            Self::Sync(_)
                | Self::Task(_)
                | Self::Grace
                | Self::Grpc(_)
                | Self::Mqtt(_)
                | Self::Coap(_)
        )
    }
}
