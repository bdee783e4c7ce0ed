//! How a connection behaves, and why it ends.
use super::packet::PacketError;
use crate::sim::Target;
use crate::tls::Client;
use std::io;
use std::time::Duration;

/// How connections behave.
#[derive(Clone, Debug)]
pub struct Session {
    /// Where to.
    pub target: Target,
    /// Connects where the target is one with TLS.
    pub tls: Option<Client>,
    /// User name and password.
    pub login: Option<(String, String)>,
    /// 0, 1 or 2.
    pub qos: u8,
    /// Packets in flight per connection.
    pub window: u16,
    /// MQTT keep-alive in seconds; at least 15, as it is looked after every 5 s.
    pub keep_alive_s: u16,
    /// How long a gateway may be unreachable before the simulation gives up.
    pub patience: Duration,
}

/// Why a connection gave up.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// Not reachable again in time.
    #[error("{to} was out of reach for {} s", waited.as_secs())]
    OutOfReach {
        /// The gateway.
        to: String,
        /// As long as patience lasted.
        waited: Duration,
        /// The last failure.
        #[source]
        source: Broken,
    },
    /// It will not have us.
    #[error("{to} refuses the connection")]
    Refused {
        /// The gateway.
        to: String,
        /// Why.
        #[source]
        source: Broken,
    },
}

/// Why a connection broke.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The socket failed.
    #[error("{0}")]
    Socket(#[from] io::Error),
    /// The gateway closed it.
    #[error("the gateway closed the connection")]
    Closed,
    /// Something took too long.
    #[error("no {what} within {} s", limit.as_secs())]
    Silent {
        /// What was waited for.
        what: &'static str,
        /// How long.
        limit: Duration,
    },
    /// The peer does not speak MQTT 3.1.1 as a server should.
    #[error(transparent)]
    Protocol(#[from] PacketError),
    /// CONNACK with a return code.
    #[error("CONNACK with return code {code} ({})", return_code(*code))]
    Code {
        /// MQTT 3.1.1 table 3.1.
        code: u8,
    },
}

const fn return_code(code: u8) -> &'static str {
    match code {
        1 => "protocol version",
        2 => "client id",
        3 => "server unavailable",
        4 => "bad user name or password",
        5 => "not authorised",
        _ => "reserved",
    }
}

impl Broken {
    /// Would the same happen again? Code 3 says: later.
    pub(super) const fn is_permanent(&self) -> bool {
        matches!(self, Self::Code { code } if *code != 3)
    }
}
