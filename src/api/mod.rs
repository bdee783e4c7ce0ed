//! What the gateway offers to people and programs: gRPC for the city brain, HTTP for operators.
//!
//! ```text
//! log -----------> grpc::subscribe ---------\
//! history -------> grpc::query               +--> city brain
//! devices -------> grpc::devices ------------/
//!    \-----------> http::devices --\
//! log, rejects,                     +--> operators, scripts, the page
//!  history ------> timeline -------/
//! counters ------> http::metrics, overview --> Prometheus, the page
//! ```
//! Both servers only read. Each call has its own reader and its own place in the log, so that a slow
//! or dead caller holds its own memory (a few MiB at most) and nothing else.
mod caller;
mod cut;
mod decode;
mod device;
pub mod grpc;
pub mod http;
mod overview;
mod rates;
mod readiness;
mod rejects;
pub mod selection;
pub mod timeline;
mod token;

pub use overview::{Overview, Reader, overview, reader};
pub use rates::Rates;
pub use readiness::{Phase, Readiness};

use crate::access::{Access, Grant};
use crate::catalogue::Catalogue;
use crate::devices::Registry;
use crate::history::History;
use crate::intake::Intake;
use crate::log::Log;
use crate::model::{Clock, Timestamp, proto};
use crate::sources::broker;
use crate::sources::coap;
use crate::sources::mqtt;
use crate::sources::push;
use crate::store::Stores;
use crate::telemetry::{Accounting, Metrics, Reloads};
use crate::tls;
use cut::Cut;
use jiff::tz::TimeZone;
use selection::{DEVICES_MAX, Judge, Selection, Unfit};
use std::sync::Arc;

/// What both servers look at. Built once by `app`, shared by all calls.
pub struct Shared {
    /// This gateway's name.
    pub node: Box<str>,
    /// What became of the configuration.
    pub config: Arc<Reloads>,
    /// Names under which browsers and programs may call.
    pub hosts: http::Hosts,
    /// Who may see what.
    pub access: Arc<Access>,
    /// The certificate in use, with `[tls]`.
    pub tls: Option<Arc<tls::Server>>,
    /// Reports and events.
    pub log: Log,
    /// What could not become readings.
    pub rejects: Log,
    /// By device and observation time.
    pub history: History,
    /// What is seen of each device.
    pub devices: Registry,
    /// External stores, for their state, and to set one back.
    pub stores: Stores,
    /// For its counters.
    pub intake: Arc<Intake>,
    /// The listener for devices, for its counters.
    pub mqtt: Arc<mqtt::Service>,
    /// The `CoAP` server, for its counters.
    pub coap: Arc<coap::Service>,
    /// The links to city brokers.
    pub links: Arc<broker::Links>,
    /// Platforms that push over HTTP.
    pub push: push::Service,
    /// Metrics and kinds that a filter may name.
    pub catalogue: Arc<Catalogue>,
    /// Promise 2.
    pub accounting: Arc<Accounting>,
    /// Counters that are pushed.
    pub metrics: Arc<Metrics>,
    /// How fast uplinks come; sampled by the HTTP server.
    pub rates: Rates,
    /// Wall-clock time.
    pub clock: Clock,
    /// The site's zone, in which the page shows times.
    pub zone: TimeZone,
    /// May traffic be sent here?
    pub readiness: Readiness,
    /// When the process started.
    pub started_at: Timestamp,
}

impl Shared {
    /// What leaves the gateway for the holder of a grant.
    pub const fn cut<'a>(&'a self, grant: &'a Grant) -> Cut<'a> {
        Cut::new(&self.devices, grant)
    }

    /// Checks a filter for the holder of a grant.
    ///
    /// Devices may be named by an alias.
    ///
    /// # Errors
    /// See [`Selection::check`].
    pub fn select(&self, filter: &proto::Filter, grant: &Arc<Grant>) -> Result<Selection, Unfit> {
        let seen = self.devices.seen_by(grant);
        let mut filter = filter.clone();
        // What comes back bears ids. A name that leads to nobody who is seen stays what it is.
        for name in filter.devices.iter_mut().take(DEVICES_MAX) {
            if let Some(id) = seen.id(name) {
                *name = id.into();
            }
        }
        let judge = Judge {
            catalogue: &self.catalogue,
            grant,
            sees: &|device| seen.has(device),
        };
        Selection::check(&filter, &judge)
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}
