//! The words of the gateway: identities, times, qualities, and the messages of `proto/`.
//!
//! A report exists in three shapes. [`ReportDraft`] borrows from the uplink and is written once, as
//! protobuf, into the log. [`ReportView`] borrows from those bytes and is what readers look at.
//! [`proto::Report`] owns everything; tests and clients use it. The first two exist because a report
//! is written once and read by several readers, and neither side should allocate per reading.
mod amend;
mod arrival;
mod chain;
mod clock;
mod device;
mod lines;
mod problem;
pub mod proto;
mod random;
mod reject;
mod report;
mod secret;
pub mod settings;
mod time;
mod watch;
pub mod wire;

pub use amend::set_quality;
pub use arrival::Arrival;
pub use chain::{Chain, chain};
pub use clock::Clock;
pub use device::{DeviceId, InvalidDeviceId};
pub use lines::Lines;
pub use random::random_bytes;
pub use reject::Reject;
pub use report::{LabelsView, ReadingDraft, ReadingView, ReportDraft, ReportView, Value};
pub use secret::{SECRET_BYTES_MAX, Secret, SecretError};
pub use time::{Timestamp, TimestampError};
pub use watch::{FileIdentity, WATCH_EVERY, WATCHED_MAX, Watch};

use serde::Serialize;

/// Where an uplink came in. The discriminants are those of `citygate.v1.Source`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Source {
    /// The built-in MQTT listener.
    Mqtt = 1,
    /// The `CoAP` server.
    Coap = 2,
    /// The `LwM2M` server.
    Lwm2m = 3,
    /// A city broker.
    Broker = 4,
    /// `POST /v1/push`.
    Http = 5,
    /// Another citygate.
    Relay = 6,
}

impl Source {
    /// Every source, in the order of the discriminants.
    pub const ALL: [Self; 6] = [
        Self::Mqtt,
        Self::Coap,
        Self::Lwm2m,
        Self::Broker,
        Self::Http,
        Self::Relay,
    ];

    /// The name in `/v1/accounting`, labels and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Coap => "coap",
            Self::Lwm2m => "lwm2m",
            Self::Broker => "broker",
            Self::Http => "http",
            Self::Relay => "relay",
        }
    }

    /// From the protobuf number; `None` for 0 and unknown numbers.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|source| *source as i64 == number)
    }

    /// 0-based place in [`Source::ALL`].
    pub const fn index(self) -> usize {
        self as usize - 1
    }
}

/// How far a reading can be trusted. The discriminants are those of `citygate.v1.Quality`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Quality {
    /// In range, with a plausible time.
    Good = 1,
    /// Usable with care.
    Uncertain = 2,
    /// Outside the plausible range.
    Bad = 3,
    /// The device said that it has no value.
    NotAvailable = 4,
}

impl Quality {
    /// From the protobuf number; `None` for 0 and unknown numbers.
    pub const fn from_number(number: u64) -> Option<Self> {
        match number {
            1 => Some(Self::Good),
            2 => Some(Self::Uncertain),
            3 => Some(Self::Bad),
            4 => Some(Self::NotAvailable),
            _ => None,
        }
    }

    /// The name in proto3 JSON.
    pub const fn json_name(self) -> &'static str {
        match self {
            Self::Good => "QUALITY_GOOD",
            Self::Uncertain => "QUALITY_UNCERTAIN",
            Self::Bad => "QUALITY_BAD",
            Self::NotAvailable => "QUALITY_NOT_AVAILABLE",
        }
    }
}
