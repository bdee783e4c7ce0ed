//! `Query`: history by observation time, device by device.
use crate::api::Shared;
use crate::model::proto;
use std::sync::Arc;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// One running query.
pub struct Query {}

impl Query {
    /// Checks the request.
    pub fn open(
        _shared: Arc<Shared>,
        _request: &proto::QueryRequest,
        _permit: OwnedSemaphorePermit,
        _halt: CancellationToken,
    ) -> Result<Self, Status> {
        Err(Status::unimplemented("history"))
    }

    /// The next response; `None` at the end or after an error. For `unfold`.
    pub async fn step(self) -> Option<(Result<proto::QueryResponse, Status>, Self)> {
        None
    }
}
