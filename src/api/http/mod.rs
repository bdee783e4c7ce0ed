//! HTTP: probes, metrics and JSON for operators.
//!
//! Decisions: hyper serves each connection, not `axum::serve`, which has no limit of connections and
//! no time limit for a request's head. Every error is a problem (RFC 9457), those of routing included.
mod accounting;
mod admit;
mod decode;
mod devices;
mod explain;
mod gateway;
mod guard;
mod hosts;
pub mod json;
mod links;
mod metrics;
mod openapi;
mod page;
mod params;
mod probes;
mod problem;
mod push;
mod readings;
mod rejects;
mod reload;
mod routes;
mod server;
mod stores;
mod timeline;

pub use hosts::Hosts;
#[cfg(test)]
pub(in crate::api) use page::{Lang, Teller, tell};
pub use server::serve;

use crate::api::Shared;
use crate::model::settings::Section;
use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use problem::Problem;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Requests that read history or rejects at a time; others wait for their turn.
const READS_MAX: usize = 4;
/// Names in `http.hosts`.
const HOSTS_MAX: usize = 64;

/// `[http]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen; 127.0.0.1:8080 by default.
    pub bind: SocketAddr,
    /// Over TLS: with `[tls]`, unless it says `tls = false`.
    pub tls: bool,
    /// Names under which browsers and programs may call this gateway, besides addresses, loopback
    /// names and the node's name.
    pub hosts: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            bind: (Ipv4Addr::LOCALHOST, 8080).into(),
            tls: false,
            hosts: Vec::new(),
        }
    }
}

impl Config {
    /// Reads the section.
    pub fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        let hosts = section.texts("hosts").unwrap_or(default.hosts);
        let plain = |name: &String| !name.is_empty() && !name.contains([':', '/', '*', ' ']);
        if hosts.len() > HOSTS_MAX || !hosts.iter().all(plain) {
            let rule = format!(
                "must be at most {HOSTS_MAX} host names without scheme, port and wildcard, such as \"citygate.example\""
            );
            section.problem("hosts", format!("{hosts:?}"), rule);
        }
        Self {
            bind: section.address("bind").unwrap_or(default.bind),
            tls: default.tls,
            hosts,
        }
    }
}

/// What every request sees.
#[derive(Clone, Debug)]
struct Http {
    shared: Arc<Shared>,
    reads: Arc<Semaphore>,
}

impl Http {
    fn new(shared: Arc<Shared>) -> Self {
        Self {
            reads: Arc::new(Semaphore::new(READS_MAX)),
            shared,
        }
    }

    /// Runs blocking work, a few at a time.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let closed = |_| Problem::new(StatusCode::SERVICE_UNAVAILABLE, "shutting down");
        let turn = self.reads.clone().acquire_owned().await.map_err(closed)?;
        let shared = self.shared.clone();
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&shared)
        })
        .await
        .unwrap_or_else(|error| Err(Problem::internal("the answer could not be made", &error)))
    }
}

fn router(http: Http) -> Router {
    let routes = routes::ROUTES.iter().fold(Router::new(), |router, route| {
        let require = from_fn_with_state((http.clone(), route), admit::require);
        router.route(route.path, (route.handler)().route_layer(require))
    });
    routes
        .merge(page::routes())
        .fallback(not_found)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(http.clone(), guard::guard))
        .with_state(http)
}

async fn not_found(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    Problem::new(StatusCode::NOT_FOUND, format!("nothing is at {path}"))
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(200).collect();
    let detail = format!("{path} cannot be asked with {method}");
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}
