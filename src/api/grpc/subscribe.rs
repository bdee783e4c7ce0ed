//! `Subscribe`: the live stream, from any place that the log still has.
//!
//! ```text
//! client <--HTTP/2 window-- hyper <--poll-- stream <--fill-- Feed <--frames-- log
//! ```
//! The stream is pulled: hyper asks for the next response only when the client's window has room.
//! So there is no queue to bound, and no task: a subscriber that stops reading holds the response
//! in flight and the frames of its feed, until keep-alive finds it dead or it reads on. Pushing
//! through a channel was rejected for the task and the second buffer that it needs.
//!
//! A feed that is far behind fills its responses on a blocking thread, a few feeds at a time; at
//! the tail the frames lie in the log's cache and are copied where the stream runs.
use super::feed::{Feed, Filled};
use super::frame::{Draft, SubscribeFrame};
use super::status;
use super::streams::Place;
use crate::api::Shared;
use crate::api::selection::{Selection, Violations};
use crate::log::{Cursor, ReadError, Start};
use crate::model::{Timestamp, proto};
use proto::subscribe_request::Start as Wanted;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// Further behind than this many records, a feed reads on a blocking thread.
const INLINE_RECORDS_MAX: u64 = 2_000;

/// One subscription.
pub struct Subscription {
    shared: Arc<Shared>,
    /// `None` only while it is on a blocking thread, or after that thread has panicked.
    feed: Option<Feed>,
    limits: Limits,
    place: Place,
    heartbeat_at: Instant,
    started: bool,
    ended: bool,
}

/// What a subscription shares with the others.
pub struct Limits {
    /// One of the streams that may be open; given back with the subscription.
    pub _permit: OwnedSemaphorePermit,
    /// Feeds that may fill on a blocking thread at a time.
    pub replays: Arc<Semaphore>,
    /// A response leaves at least this often.
    pub heartbeat: Duration,
    /// The gateway stops.
    pub halt: CancellationToken,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.shared.metrics.subscribers.dec();
    }
}

/// Where the caller wants to start.
///
/// # Errors
/// A malformed cursor or time.
pub fn start_of(request: &proto::SubscribeRequest, shared: &Shared) -> Result<Start, Status> {
    match &request.start {
        None | Some(Wanted::Earliest(false)) => Ok(Start::Now),
        Some(Wanted::Earliest(true)) => Ok(Start::Earliest),
        Some(Wanted::Since(since)) => time_of("since", since)
            .map(Start::Since)
            .map_err(|wrong| status::invalid(&wrong)),
        Some(Wanted::AfterCursor(text)) => text
            .parse::<Cursor>()
            .map(Start::After)
            .map_err(|cause| status::cursor(&cause, &shared.log)),
    }
}

/// A time out of a request.
///
/// # Errors
/// Outside 1677 to 2262, or not a valid `google.protobuf.Timestamp`.
pub fn time_of(field: &str, time: &prost_types::Timestamp) -> Result<Timestamp, Violations> {
    Timestamp::from_secs_nanos(time.seconds, time.nanos).ok_or_else(|| {
        let found = format!("{} s and {} ns", time.seconds, time.nanos);
        Violations::one(field, format!("{found} is no time between 1677 and 2262"))
    })
}

impl Subscription {
    /// Opens a reader at `start`. Blocks on the disk.
    ///
    /// # Errors
    /// The cursor's.
    pub fn open(
        shared: Arc<Shared>,
        start: Start,
        selection: Selection,
        limits: Limits,
    ) -> Result<Self, Status> {
        let reader = shared
            .log
            .reader(start)
            .map_err(|cause| status::start(&cause, &shared.log, selection.grant()))?;
        shared.metrics.subscribers.inc();
        let feed = Feed::new(reader, selection, shared.devices.clone());
        Ok(Self {
            place: shared
                .streams
                .open(Arc::clone(feed.selection()), feed.seen() + 1),
            feed: Some(feed),
            limits,
            heartbeat_at: Instant::now(),
            started: false,
            ended: false,
            shared,
        })
    }

    /// The next response and the subscription behind it; `None` after an error. For `unfold`.
    pub async fn step(mut self) -> Option<(Result<SubscribeFrame, Status>, Self)> {
        if self.ended {
            return None;
        }
        let response = self.next().await;
        self.ended = response.is_err();
        Some((response, self))
    }

    async fn next(&mut self) -> Result<SubscribeFrame, Status> {
        if !self.started {
            // At once, so that the caller knows where it stands before anything happens.
            self.started = true;
            return self.response(Filled::default());
        }
        loop {
            if self.limits.halt.is_cancelled() {
                return Err(status::draining());
            }
            let filled = self.fill().await?;
            if !filled.draft.is_empty() || Instant::now() >= self.heartbeat_at {
                return self.response(filled);
            }
            if filled.caught_up {
                let feed = self.feed.as_mut().ok_or_else(lost)?;
                tokio::select! {
                    biased;
                    () = self.limits.halt.cancelled() => return Err(status::draining()),
                    () = feed.ready() => {}
                    () = tokio::time::sleep_until(self.heartbeat_at) => return self.response(filled),
                }
            }
        }
    }

    /// Fills one response, on a blocking thread when far behind.
    async fn fill(&mut self) -> Result<Filled, Status> {
        let mut feed = self.feed.take().ok_or_else(lost)?;
        let behind = self.shared.log.watermark().saturating_sub(feed.seen());
        let filled = if behind <= INLINE_RECORDS_MAX {
            let filled = feed.fill();
            self.feed = Some(feed);
            filled
        } else {
            let _turn = tokio::select! {
                () = self.limits.halt.cancelled() => return Err(status::draining()),
                turn = self.limits.replays.acquire() => turn.map_err(|_| status::draining())?,
            };
            let work = move || {
                let filled = feed.fill();
                (feed, filled)
            };
            let (feed, filled) = tokio::task::spawn_blocking(work)
                .await
                .map_err(|_| lost())?;
            self.feed = Some(feed);
            filled
        };
        filled.map_err(|cause| self.failure(&cause))
    }

    fn failure(&self, cause: &ReadError) -> Status {
        match cause {
            ReadError::Cursor(_) => {}
            ReadError::Damaged { .. } | ReadError::Io { .. } => {
                tracing::error!(error = %cause, "a subscriber cannot read the log");
            }
        }
        status::read(cause, &self.shared.log)
    }

    fn response(&mut self, filled: Filled) -> Result<SubscribeFrame, Status> {
        self.heartbeat_at = Instant::now() + self.limits.heartbeat;
        let feed = self.feed.as_ref().ok_or_else(lost)?;
        let (watermark, now) = (self.shared.log.watermark(), self.shared.clock.now());
        let lag = feed.behind(&filled, watermark, now);
        let draft = filled.draft;
        self.place.reach(feed.seen() + 1);
        self.shared
            .metrics
            .sent(draft.records(), Draft::len(&draft));
        let cursor = self.shared.log.cursor(feed.seen());
        Ok(draft.finish(&cursor.to_string(), lag))
    }
}

fn lost() -> Status {
    Status::internal("the reader of this stream is gone")
}
