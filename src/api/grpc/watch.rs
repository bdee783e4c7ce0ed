//! `WatchDevices`: each device in its latest shape, as it changes.
//!
//! The stream is pulled, as a subscription is: between two responses it holds a version and nothing
//! else. A watcher that reads slowly skips what lies between, for the registry has only what is
//! latest; there is no queue that could grow. Changes are gathered for [`GATHER`], so that a city
//! that speaks a thousand times a second does not make a thousand responses.
use super::status;
use crate::api::Shared;
use crate::api::device::{self, PAGE_BYTES_MAX, Watched};
use crate::model::proto;
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// Between two responses with devices at least.
const GATHER: Duration = Duration::from_millis(200);
/// Devices asked of the registry at a time.
const DEVICES_MAX: usize = 500;

/// One watch.
pub(super) struct Watch {
    shared: Arc<Shared>,
    watched: Arc<Watched>,
    /// The version that the watcher has seen.
    after: u64,
    /// The version that it is told: where a grant hides devices, that of the last one that it saw, so
    /// that nobody counts the changes of others.
    told: u64,
    limits: Limits,
    heartbeat_at: Instant,
    /// Nothing is sent before.
    quiet_until: Instant,
    started: bool,
    ended: bool,
}

/// What a watch shares with the others.
pub(super) struct Limits {
    /// One of the watches that may be open; given back with the watch.
    pub(super) _permit: OwnedSemaphorePermit,
    /// Looks at many devices that may run at a time.
    pub(super) scans: Arc<Semaphore>,
    /// A response leaves at least this often.
    pub(super) heartbeat: Duration,
    /// The gateway stops.
    pub(super) halt: CancellationToken,
}

/// What one look at the registry gave.
struct Seen {
    devices: Vec<proto::Device>,
    after: u64,
    /// Version of the last of the devices.
    last: Option<u64>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.metrics.watches.dec();
    }
}

impl Watch {
    /// `places`: what the watcher has seen, and what it is told of it.
    pub(super) fn new(
        shared: Arc<Shared>,
        places: (u64, u64),
        watched: Watched,
        limits: Limits,
    ) -> Self {
        let now = Instant::now();
        shared.metrics.watches.inc();
        Self {
            shared,
            watched: Arc::new(watched),
            after: places.0,
            told: places.1,
            limits,
            heartbeat_at: now,
            quiet_until: now,
            started: false,
            ended: false,
        }
    }

    /// The next response and the watch behind it; `None` after an error. For `unfold`.
    pub(super) async fn step(
        mut self,
    ) -> Option<(Result<proto::WatchDevicesResponse, Status>, Self)> {
        if self.ended {
            return None;
        }
        let response = self.next().await;
        self.ended = response.is_err();
        Some((response, self))
    }

    async fn next(&mut self) -> Result<proto::WatchDevicesResponse, Status> {
        if !self.started {
            // At once, so that the caller knows where it stands before anything happens.
            self.started = true;
            return Ok(self.response(Vec::new()));
        }
        let halt = self.limits.halt.clone();
        loop {
            tokio::select! {
                biased;
                () = halt.cancelled() => return Err(status::draining()),
                () = sleep_until(self.quiet_until) => {}
            }
            let before = self.after;
            let seen = self.look().await?;
            self.after = seen.after;
            self.told = if self.watched.selection.grant().sees_all_devices() {
                seen.after
            } else {
                seen.last.unwrap_or(self.told)
            };
            if !seen.devices.is_empty() {
                self.quiet_until = Instant::now() + GATHER;
                return Ok(self.response(seen.devices));
            }
            if Instant::now() >= self.heartbeat_at {
                return Ok(self.response(Vec::new()));
            }
            if self.after != before {
                // What changed is not wanted; there may be more of it, which is gathered, too.
                self.quiet_until = Instant::now() + GATHER;
            }
            tokio::select! {
                biased;
                () = halt.cancelled() => return Err(status::draining()),
                () = self.shared.devices.wait(self.after) => {}
                () = sleep_until(self.heartbeat_at) => return Ok(self.response(Vec::new())),
            }
        }
    }

    /// The changes behind `after`, on a blocking thread.
    async fn look(&self) -> Result<Seen, Status> {
        let turn = tokio::select! {
            () = self.limits.halt.cancelled() => return Err(status::draining()),
            turn = self.limits.scans.clone().acquire_owned() => turn,
        };
        let turn = turn.map_err(|_| status::draining())?;
        let (shared, watched, after) = (self.shared.clone(), self.watched.clone(), self.after);
        let looked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            look(&shared, &watched, after)
        });
        looked
            .await
            .map_err(|_| Status::internal("the registry could not be read"))
    }

    fn response(&mut self, devices: Vec<proto::Device>) -> proto::WatchDevicesResponse {
        self.heartbeat_at = Instant::now() + self.limits.heartbeat;
        proto::WatchDevicesResponse {
            devices,
            cursor: device::cursor(&self.shared.devices, self.told),
        }
    }
}

/// As many changed devices as fit one response, in the order of their changes.
fn look(shared: &Shared, watched: &Watched, after: u64) -> Seen {
    let registry = shared.devices.seen_by(watched.selection.grant());
    let (changed, end) = registry.changed(after, DEVICES_MAX);
    let mut seen = Seen {
        devices: Vec::new(),
        after: end,
        last: None,
    };
    let mut bytes = 0;
    let mut last = after;
    for device in &changed {
        if watched
            .selection
            .takes_device(&device.id, &device.kind, &device.district)
        {
            let message = watched.shown(device);
            bytes += message.encoded_len();
            if bytes > PAGE_BYTES_MAX && !seen.devices.is_empty() {
                seen.after = last;
                break;
            }
            seen.devices.push(message);
            seen.last = Some(device.version);
        }
        last = device.version;
    }
    seen
}
