//! `Query`: history by observation time, device by device.
//!
//! Pulled like `Subscribe`: each response is filled on a blocking thread when the client has room
//! for it, and a client that goes drops the query, which stops that thread. So nothing is read that
//! nobody takes.
use super::frame::RESPONSE_BYTES_MAX;
use super::status;
use super::subscribe::time_of;
use crate::access::Grant;
use crate::api::Shared;
use crate::api::selection::Violations;
use crate::history::{self, QueryError};
use crate::model::{Timestamp, proto};
use prost::Message;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

/// How far back a query without `from` looks.
const SPAN_DEFAULT: Duration = Duration::from_hours(24);
/// Key and length before each report.
const WRAP_BYTES_MAX: usize = 8;

/// One running query.
pub struct Query {
    shared: Arc<Shared>,
    /// `None` at the end, and while it is on a blocking thread.
    rows: Option<Rows>,
    /// Ends what a blocking thread is reading for it.
    stop: Arc<AtomicBool>,
    halt: CancellationToken,
    grant: Arc<Grant>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Query {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.shared.metrics.queries.dec();
    }
}

/// What goes to the blocking thread and back.
struct Rows {
    query: history::Query,
    /// Did not fit the response before.
    held: Option<proto::Report>,
}

/// `from..to` of a request: the last 24 h where neither is given.
fn span_of(
    request: &proto::QueryRequest,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), Violations> {
    let read = |field, time: &Option<prost_types::Timestamp>| {
        time.as_ref().map(|time| time_of(field, time)).transpose()
    };
    let to = read("to", &request.to)?.unwrap_or(now);
    let from = read("from", &request.from)?.unwrap_or_else(|| to.minus(SPAN_DEFAULT));
    if from >= to {
        let description = format!("{from} must lie before `to`, {to}");
        return Err(Violations::one("from", description));
    }
    Ok((from, to))
}

impl Query {
    /// Checks the request and starts.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT`, `PERMISSION_DENIED`.
    pub fn open(
        shared: Arc<Shared>,
        request: &proto::QueryRequest,
        grant: &Arc<Grant>,
        permit: OwnedSemaphorePermit,
        halt: CancellationToken,
    ) -> Result<Self, Status> {
        let filter = request.filter.clone().unwrap_or_default();
        let selection = shared.select(&filter, grant);
        let selection = selection.map_err(|unfit| status::unfit(&unfit))?;
        let span = span_of(request, shared.clock.now());
        let (from, to) = span.map_err(|wrong| status::invalid(&wrong))?;
        let query = shared.history.query(selection.into_history(), from, to);
        shared.metrics.queries.inc();
        Ok(Self {
            stop: query.stop(),
            rows: Some(Rows { query, held: None }),
            shared,
            halt,
            grant: Arc::clone(grant),
            _permit: permit,
        })
    }

    /// The next response; `None` at the end or after an error. For `unfold`.
    pub async fn step(mut self) -> Option<(Result<proto::QueryResponse, Status>, Self)> {
        let mut rows = self.rows.take()?;
        let (shared, grant) = (Arc::clone(&self.shared), Arc::clone(&self.grant));
        let filled = tokio::task::spawn_blocking(move || {
            let filled = rows.fill(&shared, &grant);
            (rows, filled)
        });
        // Whatever ends this, `Drop` stops the thread.
        let filled = tokio::select! {
            biased;
            () = self.halt.cancelled() => return Some((Err(status::draining()), self)),
            filled = filled => filled,
        };
        let response = match filled {
            Ok((rows, Ok(response))) => {
                if response.reports.is_empty() {
                    return None;
                }
                self.rows = Some(rows);
                Ok(response)
            }
            Ok((_, Err(error))) => Err(failure(&error, &self.shared, &self.grant)),
            Err(_) => Err(Status::internal("the reader of this query is gone")),
        };
        Some((response, self))
    }
}

fn failure(error: &QueryError, shared: &Shared, grant: &Grant) -> Status {
    match error {
        QueryError::TooManySeries { limit, device } => status::error(
            Code::ResourceExhausted,
            // Whose they are is not told of a device that is not seen.
            if grant.sees_all_devices() || shared.devices.seen_by(grant).has(device) {
                error.to_string()
            } else {
                format!("a device has more than {limit} series in this time: name devices")
            },
            "TOO_MANY_SERIES",
            &[("limit", limit.to_string())],
        ),
        QueryError::State(cause) => {
            tracing::error!(error = %cause, "history cannot be read");
            let message = "history cannot be read now".to_owned();
            status::error(Code::Unavailable, message, "HISTORY_UNAVAILABLE", &[])
        }
    }
}

impl Rows {
    /// Fills one response; an empty one is the end. Blocks on the disk.
    fn fill(&mut self, shared: &Shared, grant: &Grant) -> Result<proto::QueryResponse, QueryError> {
        let mut response = proto::QueryResponse::default();
        let mut bytes = 0;
        loop {
            let mut report = match self.held.take() {
                Some(report) => report,
                None => match self.query.next() {
                    Some(report) => report?,
                    None => return Ok(response),
                },
            };
            // The selection is the grant's already; who carried the report is not in it.
            if !shared.cut(grant).report(&mut report) {
                continue;
            }
            bytes += report.encoded_len() + WRAP_BYTES_MAX;
            // A report alone may be larger than it was in the log by little; it is sent as it is.
            if bytes > RESPONSE_BYTES_MAX && !response.reports.is_empty() {
                self.held = Some(report);
                return Ok(response);
            }
            response.reports.push(report);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]
    use super::*;

    #[test]
    fn a_query_without_times_asks_for_the_last_day() {
        let now = Timestamp::from_secs(1_800_000_000);
        let request = |from: Option<i64>, to: Option<i64>| proto::QueryRequest {
            filter: None,
            from: from.map(|seconds| prost_types::Timestamp { seconds, nanos: 0 }),
            to: to.map(|seconds| prost_types::Timestamp { seconds, nanos: 0 }),
        };
        let secs = Timestamp::from_secs;
        assert_eq!(
            span_of(&request(None, None), now),
            Ok((secs(1_799_913_600), now))
        );
        assert_eq!(
            span_of(&request(Some(5), Some(6)), now),
            Ok((secs(5), secs(6)))
        );
        assert_eq!(
            span_of(&request(None, Some(86_400)), now),
            Ok((secs(0), secs(86_400)))
        );
        let fields = |request| span_of(&request, now).map_err(|wrong| wrong.0[0].field.clone());
        assert_eq!(fields(request(Some(6), Some(6))), Err("from".to_owned()));
        let year_2300 = request(None, Some(10_413_792_000));
        assert_eq!(fields(year_2300), Err("to".to_owned()));
    }
}
