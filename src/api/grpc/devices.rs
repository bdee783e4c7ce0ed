//! `citygate.v1.DeviceService`: lists and lookups. Watches are in [`super::watch`].
//!
//! Whatever may look at every device runs on a blocking thread, a few at a time.
use super::admit::{Responses, exported, hold, pass_of, peer_of, told as asked_for};
use super::status;
use super::watch::{Limits, Watch};
use crate::api::device::{self, List, Watched, named};
use crate::api::{Shared, grpc};
use crate::model::proto;
use futures_util::stream::unfold;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Response, Status};

/// The generated service.
#[allow(missing_docs, clippy::pedantic, reason = "generated")]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/citygate.v1.DeviceService.rs"));
}
pub(super) use generated::device_service_server::{DeviceService, DeviceServiceServer};

/// Requests that look at many devices at a time; others wait for their turn.
const SCANS_MAX: usize = 4;

pub(super) struct Service {
    shared: Arc<Shared>,
    watches: Arc<Semaphore>,
    watches_max: usize,
    scans: Arc<Semaphore>,
    heartbeat: Duration,
    halt: CancellationToken,
}

impl Service {
    pub(super) fn new(shared: Arc<Shared>, config: &grpc::Config, halt: CancellationToken) -> Self {
        Self {
            shared,
            watches: Arc::new(Semaphore::new(config.streams_max)),
            watches_max: config.streams_max,
            scans: Arc::new(Semaphore::new(SCANS_MAX)),
            heartbeat: config.heartbeat,
            halt,
        }
    }

    /// Runs blocking work, a few at a time.
    async fn scan<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> T + Send + 'static,
    ) -> Result<T, Status> {
        if self.halt.is_cancelled() {
            return Err(status::draining());
        }
        let turn = self.scans.clone().acquire_owned().await;
        let turn = turn.map_err(|_| status::draining())?;
        let shared = self.shared.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&shared)
        });
        done.await
            .map_err(|_| Status::internal("the answer could not be made"))
    }
}

#[tonic::async_trait]
impl DeviceService for Service {
    type WatchDevicesStream = Responses<proto::WatchDevicesResponse>;

    async fn list_devices(
        &self,
        request: Request<proto::ListDevicesRequest>,
    ) -> Result<Response<proto::ListDevicesResponse>, Status> {
        let pass = pass_of(&request)?;
        let peer = peer_of(request.extensions());
        let request = request.into_inner();
        let asked = request.values.then(|| asked_for(request.filter.as_ref()));
        let list = List::check(request, &self.shared, pass.grant())
            .map_err(|unfit| status::unfit(&unfit))?;
        let page = self.scan(move |shared| list.page(&shared.devices)).await?;
        if let Some(asked) = asked {
            exported(&self.shared, &pass, "ListDevices", peer, &asked);
        }
        Ok(Response::new(page))
    }

    async fn get_device(
        &self,
        request: Request<proto::GetDeviceRequest>,
    ) -> Result<Response<proto::GetDeviceResponse>, Status> {
        let pass = pass_of(&request)?;
        let peer = peer_of(request.extensions());
        let name = request.into_inner().device_id;
        named("device_id", &name).map_err(|wrong| status::invalid(&wrong))?;
        let (grant, asked) = (Arc::clone(pass.grant()), format!("device_id={name}"));
        let found = self.scan(move |shared| {
            let seen = shared.devices.seen_by(&grant);
            // The version first: what changes meanwhile comes again in a watch, and is not missed.
            let version = seen.version();
            let found = seen.get(&name);
            found
                .map(|found| proto::GetDeviceResponse {
                    device: Some(device::message(&found)),
                    cursor: device::cursor(&shared.devices, version),
                })
                .ok_or_else(|| unknown(&name, seen.nearest(&name)))
        });
        let found = found.await??;
        exported(&self.shared, &pass, "GetDevice", peer, &asked);
        Ok(Response::new(found))
    }

    async fn watch_devices(
        &self,
        request: Request<proto::WatchDevicesRequest>,
    ) -> Result<Response<Self::WatchDevicesStream>, Status> {
        if self.halt.is_cancelled() {
            return Err(status::draining());
        }
        let pass = pass_of(&request)?;
        let held = hold(&request, &pass);
        let peer = peer_of(request.extensions());
        let request = request.into_inner();
        let filter = request.filter.unwrap_or_default();
        let selection = self.shared.select(&filter, pass.grant());
        let selection = selection.map_err(|unfit| status::unfit(&unfit))?;
        let registry = &self.shared.devices;
        let (after, told) = match request.after_cursor.as_str() {
            "" => {
                // All that has changed so far is behind the watcher; told is only what it may know.
                let now = registry.version();
                let grant = Arc::clone(pass.grant());
                let told = self.scan(move |shared| shared.devices.seen_by(&grant).version());
                (now, told.await?.min(now))
            }
            text => {
                let after = device::after(registry, text).map_err(|cause| status::place(&cause))?;
                (after, after)
            }
        };
        let permit = self.watches.clone().try_acquire_owned();
        let permit = permit.map_err(|_| status::exhausted("watches", self.watches_max))?;
        if request.values {
            exported(
                &self.shared,
                &pass,
                "WatchDevices",
                peer,
                &asked_for(Some(&filter)),
            );
        }
        let watched = Watched {
            selection,
            values: request.values,
        };
        let limits = Limits {
            _permit: permit,
            scans: self.scans.clone(),
            heartbeat: self.heartbeat,
            halt: self.halt.clone(),
        };
        let watch = Watch::new(self.shared.clone(), (after, told), watched, limits);
        let responses = unfold(watch, Watch::step);
        Ok(Response::new(Responses::new(pass, held, responses)))
    }
}

fn unknown(name: &str, nearest: Option<Box<str>>) -> Status {
    let message = device::unknown(name, nearest.as_deref());
    let nearest = nearest.map(|near| ("nearest", String::from(near)));
    let metadata: Vec<_> = nearest.into_iter().collect();
    status::error(Code::NotFound, message, "UNKNOWN_DEVICE", &metadata)
}
