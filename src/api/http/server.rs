//! Connections: how many, how long, and how they end.
use super::{Http, router};
use crate::api::Shared;
use crate::api::caller::Peer;
use crate::api::rates::SAMPLE_EVERY;
use crate::tls::{Listener, Stream};
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// Connections at a time: some browsers, Prometheus and scripts; further ones wait to be accepted.
const CONNECTIONS_MAX: usize = 256;
/// From connect, or from the last answer, to a complete request head.
const HEAD_MAX: Duration = Duration::from_secs(30);
/// Bytes of a request's head.
const HEAD_BYTES_MAX: usize = 32 << 10;
/// Headers of a request.
const HEADERS_MAX: usize = 64;
/// After this time a connection ends with its next answer, so that peers that never read do not
/// hold one for ever.
const AGE_MAX: Duration = Duration::from_mins(10);
/// What a connection gets to finish its last answer, within the 5 s that sources and readers share.
const GRACE: Duration = Duration::from_secs(1);

/// Serves until `halt`, then finishes what is being answered.
pub async fn serve(mut listener: Listener, shared: Arc<Shared>, halt: CancellationToken) {
    let app = router(Http::new(Arc::clone(&shared)));
    let mut samples = tokio::time::interval(SAMPLE_EVERY);
    samples.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let accepted = async {
            let permit = permits.clone().acquire_owned().await;
            (listener.next().await, permit)
        };
        tokio::select! {
            biased;
            () = halt.cancelled() => break,
            Some(_) = connections.join_next() => {}
            at = samples.tick() => shared.rates.sample(at.into_std(), &shared.accounting),
            ((stream, _), permit) = accepted => {
                let serving = connection(stream, app.clone(), halt.clone());
                connections.spawn(async move {
                    let _permit = permit;
                    serving.await;
                });
            }
        }
    }
    drop(listener);
    // Each ends within GRACE.
    while connections.join_next().await.is_some() {}
}

async fn connection(stream: Stream, app: Router, halt: CancellationToken) {
    let peer = Peer {
        // Of a connection that has broken already there is none, nor anybody to answer.
        address: stream.tcp().peer_addr().ok(),
        tls: stream.is_tls(),
    };
    let app = app.layer(Extension(peer));
    let mut serving = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_MAX)
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app))
    );
    let mut ended = tokio::select! {
        ended = serving.as_mut() => Some(ended),
        () = halt.cancelled() => None,
        () = tokio::time::sleep(AGE_MAX) => None,
    };
    if ended.is_none() {
        serving.as_mut().graceful_shutdown();
        ended = tokio::time::timeout(GRACE, serving).await.ok();
    }
    if let Some(Err(error)) = ended {
        tracing::debug!(%error, "HTTP connection ended");
    }
}
