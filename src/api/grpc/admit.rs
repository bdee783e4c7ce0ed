//! The one way that all RPCs go: who has no pass does not reach a service.
//!
//! ```text
//! request --> admit --pass--> service --> Responses: ends with the pass
//! ```
//! Health and reflection are open: they tell nothing of what the city's devices say. Whatever else
//! is added to the server lies behind this, unknown methods included.
use super::incoming::Link;
use super::status;
use crate::access::Pass;
use crate::access::audit::What;
use crate::api::Shared;
use crate::api::caller::{self, Peer};
use crate::model::proto;
use axum::extract::{Request, State};
use axum::http::Extensions;
use axum::middleware::Next;
use axum::response::Response;
use futures_util::Stream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tonic::Status;

/// Services that need no token.
const OPEN: [&str; 2] = ["/grpc.health.v1.Health/", "/grpc.reflection."];

/// The middleware around every service.
pub(super) async fn admit(
    State(shared): State<Arc<Shared>>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    if OPEN.iter().any(|service| path.starts_with(service)) {
        return next.run(request).await;
    }
    let peer = peer_of(request.extensions());
    let rpc = path.rsplit('/').next().unwrap_or_default().to_owned();
    match shared.enter(peer, &rpc, caller::token(request.headers())) {
        Ok(pass) => {
            request.extensions_mut().insert(pass.clone());
            let response = next.run(request).await;
            // An error before the first response comes as headers.
            let status = response.headers().get("grpc-status");
            if status.is_some_and(|status| status == PERMISSION_DENIED) {
                let detail = "outside the grant";
                shared.audit(What::Refused, pass.grant(), peer.ip(), &rpc, detail);
            }
            response
        }
        Err(denied) => status::denied(denied).into_http(),
    }
}

/// [`tonic::Code::PermissionDenied`] as a header has it.
const PERMISSION_DENIED: &str = "7";

pub(super) fn peer_of(extensions: &Extensions) -> Peer {
    let link = extensions.get::<Link>();
    link.map(|link| link.peer).unwrap_or_default()
}

/// Notes in the audit log that readings leave; once the request has been checked.
pub(super) fn exported(shared: &Shared, pass: &Pass, rpc: &str, peer: Peer, detail: &str) {
    shared.audit(What::Export, pass.grant(), peer.ip(), rpc, detail);
}

/// A filter as the audit log has it.
pub(super) fn told(filter: Option<&proto::Filter>) -> String {
    filter.map_or_else(String::new, |filter| {
        let lists = [
            ("devices", &filter.devices),
            ("kinds", &filter.kinds),
            ("districts", &filter.districts),
            ("metrics", &filter.metrics),
        ];
        let given = lists.iter().filter(|(_, names)| !names.is_empty());
        let texts = given.map(|(name, names)| {
            let shown: Vec<&str> = names.iter().take(NAMED_MAX).map(String::as_str).collect();
            format!("{name}={}", shown.join(","))
        });
        texts.collect::<Vec<_>>().join(" ")
    })
}

/// Names of one list of a filter in the audit log.
const NAMED_MAX: usize = 8;

/// The pass that [`admit`] handed on.
///
/// # Errors
/// None: a service that is not behind it, which serves nobody.
pub(super) fn pass_of<T>(request: &tonic::Request<T>) -> Result<Pass, Status> {
    let pass = request.extensions().get::<Pass>();
    pass.cloned()
        .ok_or_else(|| status::denied(crate::access::Denied::Missing))
}

/// Notes on a stream's connection that the stream ends with its pass; kept by the stream.
pub(super) fn hold<T>(request: &tonic::Request<T>, pass: &Pass) -> Arc<()> {
    let link = request.extensions().get::<Link>();
    link.map_or_else(Arc::default, |link| link.leash.hold(pass.clone()))
}

/// A stream of responses that ends with the pass it was opened with. There is no other kind of
/// stream in this server, so that none can outlive a revoked token.
pub(super) struct Responses<T> {
    stream: Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>,
    ended: Pin<Box<dyn Future<Output = ()> + Send>>,
    _held: Arc<()>,
    over: bool,
}

impl<T> Responses<T> {
    pub(super) fn new(
        pass: Pass,
        held: Arc<()>,
        stream: impl Stream<Item = Result<T, Status>> + Send + 'static,
    ) -> Self {
        Self {
            stream: Box::pin(stream),
            ended: Box::pin(async move { pass.ended().await }),
            _held: held,
            over: false,
        }
    }
}

impl<T> Stream for Responses<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.over {
            return Poll::Ready(None);
        }
        if self.ended.as_mut().poll(cx).is_ready() {
            self.over = true;
            return Poll::Ready(Some(Err(status::revoked())));
        }
        self.stream.as_mut().poll_next(cx)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::access::Grant;
    use futures_util::StreamExt;

    #[tokio::test]
    async fn a_stream_ends_with_its_pass_while_idle_too() {
        let pass = Pass::new(Arc::new(Grant::everything("a")));
        let silent = futures_util::stream::pending::<Result<(), Status>>();
        let mut responses = Responses::new(pass.clone(), Arc::default(), silent);
        let (first, ()) = tokio::join!(responses.next(), async { pass.end() });
        assert_eq!(
            first.unwrap().unwrap_err().code(),
            tonic::Code::Unauthenticated
        );
        assert!(responses.next().await.is_none());
    }
}
