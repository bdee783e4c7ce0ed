//! What lies on the disk, opened before anything else uses it.
use super::Error;
use crate::access::Access;
use crate::config::Config;
use crate::intake;
use crate::log::{self, Log};
use crate::model::Clock;
use crate::sources::mqtt;
use crate::state::State;
use crate::telemetry::Accounting;
use std::sync::Arc;
use tracing::warn;

/// Rejects have a budget of their own, so that garbage never evicts readings.
const REJECTS_BYTES: u64 = 1 << 30;

/// What lies in `data_dir`.
pub(super) struct Disk {
    pub(super) state: Arc<State>,
    pub(super) sessions: mqtt::Sessions,
    pub(super) log: Log,
    pub(super) rejects: Log,
    pub(super) accounting: Arc<Accounting>,
    pub(super) access: Access,
}

impl Disk {
    /// Opens it, and recovers what a crash left. Blocks.
    pub(super) fn open(config: &Config, clock: &Clock) -> Result<Self, Error> {
        let dir = &config.data_dir;
        std::fs::create_dir_all(dir).map_err(|source| Error::DataDir {
            path: dir.clone(),
            source,
        })?;
        let accounting = Arc::new(Accounting::default());
        let log = Log::open(
            &dir.join("log"),
            config.log.clone(),
            clock.clone(),
            intake::settle_log(Arc::clone(&accounting)),
        )?;
        let reject_options = log::Options {
            segment_bytes: config.log.segment_bytes.min(REJECTS_BYTES / 16),
            retain_bytes: REJECTS_BYTES,
            cache_bytes: 0,
            ..config.log.clone()
        };
        let rejects = Log::open(
            &dir.join("rejects"),
            reject_options,
            clock.clone(),
            intake::settle_rejects(Arc::clone(&accounting)),
        )?;
        let state = Arc::new(State::open(&dir.join("state"))?);
        let sessions = mqtt::Sessions::load(
            mqtt::SessionDisk::new(Arc::clone(&state)),
            config.mqtt.sessions_max,
            clock.now(),
            |error| warn!(%error, "cannot keep MQTT sessions"),
        )?;
        let access = config
            .access
            .as_ref()
            .map_or(Ok(Access::open()), |access| {
                Access::load(access, dir, &config.catalogue, clock.now())
            })?;
        Ok(Self {
            state,
            sessions,
            log,
            rejects,
            accounting,
            access,
        })
    }
}
