//! The registry as others hold it.
use super::disk::{self, Disk, Found};
use super::query::{Concern, Counts, Page, Query, Stranger};
use super::renew::Renewed;
use super::table::Table;
use super::view::Device;
use super::{Config, follow};
use crate::catalogue::Catalogue;
use crate::intake::Intake;
use crate::inventory::Inventory;
use crate::log::Log;
use crate::model::{Clock, Timestamp};
use crate::state::{self, State};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;
use tokio::sync::watch;

/// Counts and gauges at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Devices heard and tracked.
    pub devices: u64,
    /// Devices that the inventory names.
    pub listed: u64,
    /// Strangers remembered.
    pub strangers: u64,
    /// Bytes in memory, without what the allocator adds; estimated.
    pub bytes: u64,
    /// Records of the log that are not applied yet.
    pub lag: u64,
    /// Records of the rejects' log that are not applied yet.
    pub rejects_lag: u64,
    /// Records about devices that are not tracked, because `devices.max` is reached.
    pub untracked: u64,
    /// Changes by time since the start: to late.
    pub late: u64,
    /// To offline.
    pub offline: u64,
    /// Records that could not be read.
    pub skipped: u64,
    /// Records that the logs no longer had, or could not read.
    pub expired: u64,
    /// Devices changed and not saved yet.
    pub unsaved: u64,
    /// How long the last save took, in microseconds.
    pub save_us: u64,
}

/// What the registry is made of.
#[derive(Debug)]
pub struct Parts {
    /// Where the devices are kept.
    pub state: Arc<State>,
    /// Reports and events.
    pub log: Log,
    /// What was refused.
    pub rejects: Log,
    /// For the copies that it recognised.
    pub intake: Arc<Intake>,
    /// Metrics.
    pub catalogue: Arc<Catalogue>,
    /// Limits.
    pub config: Config,
    /// Wall clock.
    pub clock: Clock,
}

/// Why a registry does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The devices cannot be read.
    #[error("cannot read the devices")]
    State(#[from] state::Error),
    /// No thread.
    #[error("cannot start the registry's thread")]
    Thread(#[source] std::io::Error),
}

#[derive(Debug)]
pub(super) struct Shared {
    pub clock: Clock,
    /// Ends the thread.
    pub stop: AtomicBool,
    log: Log,
    rejects: Log,
    /// The next record of each log.
    next: [AtomicU64; 2],
    table: RwLock<Table>,
    /// What is not read off the table.
    stats: Mutex<Stats>,
    version: watch::Sender<u64>,
    /// Versions are comparable as long as this is the same.
    pub id: u128,
}

impl Shared {
    pub fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// For short steps in memory only: whoever asks waits meanwhile.
    pub fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn stats(&self) -> MutexGuard<'_, Stats> {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything below is applied.
    pub fn reached(&self, log: u64, rejects: u64) {
        for (place, next) in self.next.iter().zip([log, rejects]) {
            place.store(next, Ordering::Release);
        }
    }

    fn lags(&self) -> [u64; 2] {
        let [log, rejects] = &self.next;
        let lag = |log: &Log, next: &AtomicU64| {
            (log.watermark() + 1).saturating_sub(next.load(Ordering::Acquire))
        };
        [lag(&self.log, log), lag(&self.rejects, rejects)]
    }

    /// Wakes those who wait for changes.
    pub fn announce(&self, version: u64) {
        self.version.send_if_modified(|known| {
            let changed = *known != version;
            *known = version;
            changed
        });
    }
}

/// The registry at work. Clones share it.
#[derive(Clone, Debug)]
pub struct Registry {
    shared: Arc<Shared>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Registry {
    /// Reads the devices that were kept, and starts the thread that follows both logs. Blocks on the
    /// disk: some seconds for a million devices.
    ///
    /// # Errors
    /// The devices cannot be read, or no thread can be started.
    pub fn start(parts: Parts) -> Result<Self, Error> {
        let started_at = parts.clock.now();
        let (log, rejects) = (&parts.log, &parts.rejects);
        let seed = follow::seed(log.id());
        let mut table = Table::new(parts.config, parts.catalogue, seed, started_at);
        let ends = (
            (log.id(), log.watermark()),
            (rejects.id(), rejects.watermark()),
        );
        let found = disk::load(&parts.state, &mut table, ends.0, ends.1)?;
        let disk = Disk::new(parts.state, &table, found, started_at);
        let mut id = log.id().0 ^ u128::from(started_at.as_nanos().unsigned_abs());
        match found {
            Found::Kept(progress) => id = progress.id,
            Found::Nothing => {}
            Found::Useless(why) => {
                tracing::warn!("the device registry is read again from the logs, for {why}");
                disk.clear()?;
            }
        }
        // Before anybody asks: devices do not come and go with a restart.
        let knowledge = parts.intake.knowledge();
        table.enrol(&knowledge, started_at);
        let renewed = Renewed {
            generation: knowledge.generation,
            at: started_at,
        };
        let version = table.changes.version();
        let shared = Arc::new(Shared {
            clock: parts.clock,
            stop: AtomicBool::new(false),
            log: parts.log.clone(),
            rejects: parts.rejects.clone(),
            next: [disk.durable().0, disk.durable().1].map(AtomicU64::new),
            table: RwLock::new(table),
            stats: Mutex::default(),
            version: watch::Sender::new(version),
            id,
        });
        let follower = follow::Follow::new(
            Arc::clone(&shared),
            disk,
            parts.log,
            parts.rejects,
            parts.intake,
            renewed,
        );
        let thread = std::thread::Builder::new()
            .name("devices".into())
            .spawn(move || follower.run())
            .map_err(Error::Thread)?;
        Ok(Self {
            shared,
            thread: Arc::new(Mutex::new(Some(thread))),
        })
    }

    /// A page of devices, in the order in which they were first heard. Devices that are added while
    /// somebody pages come behind.
    pub fn list(&self, query: &Query) -> Page {
        let now = self.now();
        self.shared.read().list(query, now)
    }

    /// By id or alias.
    pub fn get(&self, name: &str) -> Option<Device> {
        let now = self.now();
        let table = self.shared.read();
        let found = table.find(name, now).into_iter().flatten().next();
        table.show(found?, now, true)
    }

    /// The id most like `name`, if one is close.
    pub fn nearest(&self, name: &str) -> Option<Box<str>> {
        self.shared.read().nearest(name)
    }

    /// Judges devices by other limits from now on, within seconds also those that are silent.
    pub fn reload(&self, config: Config) {
        self.shared.write().reload(config);
    }

    /// How many devices are in which state and health.
    pub fn counts(&self) -> Counts {
        self.shared.read().count()
    }

    /// What needs somebody, the worst first, then the latest. A silent device folds the silent
    /// devices that it carries into its line.
    pub fn concerns(&self, max: usize) -> Vec<Concern> {
        let now = self.now();
        self.shared.read().concerns(max, now)
    }

    /// Who was heard at or after `since` and not accepted, newest first.
    pub fn strangers(&self, since: Timestamp, max: usize) -> Vec<Stranger> {
        let now = self.now();
        self.shared.read().strangers(since, max, now)
    }

    /// By name, or by address where no name could be read.
    pub fn stranger(&self, name: &str) -> Option<Stranger> {
        let now = self.now();
        self.shared.read().stranger(name, now)
    }

    /// The last change: the place where a watch begins.
    pub fn version(&self) -> u64 {
        self.shared.read().changes.version()
    }

    /// Devices that changed after the version `after`, in the order of their last changes, with
    /// values, and the version that has been reached: with `max` devices there may be more behind it.
    pub fn changed(&self, after: u64, max: usize) -> (Vec<Device>, u64) {
        let now = self.now();
        let table = self.shared.read();
        let (numbers, reached) = table.changes.after(after, max);
        let show = |number: u32| table.show(number, now, true);
        (numbers.into_iter().filter_map(show).collect(), reached)
    }

    /// Resolves when something has changed after the version `after`. Cancel-safe.
    pub async fn wait(&self, after: u64) {
        let mut version = self.shared.version.subscribe();
        // An error means that the registry is gone; then there is nothing more to wait for.
        let _ = version.wait_for(|version| *version > after).await;
    }

    /// Versions are comparable as long as this is the same.
    pub fn id(&self) -> u128 {
        self.shared.id
    }

    /// Counts and gauges.
    pub fn stats(&self) -> Stats {
        let [lag, rejects_lag] = self.shared.lags();
        let told = *self.shared.stats();
        let table = self.shared.read();
        Stats {
            devices: table.entries.len() as u64,
            listed: table.roll.inventory().map_or(0, Inventory::devices) as u64,
            strangers: table.strangers.len() as u64,
            bytes: table.bytes() as u64,
            lag,
            rejects_lag,
            untracked: table.counts.untracked,
            late: table.counts.late,
            offline: table.counts.offline,
            skipped: table.counts.skipped,
            unsaved: table.dirty.len() as u64,
            ..told
        }
    }

    /// Ends the thread, and saves. Blocks.
    pub fn close(&self) {
        self.shared.stop.store(true, Ordering::Release);
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("the registry's thread has panicked");
            }
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    pub(super) fn table(&self) -> RwLockReadGuard<'_, Table> {
        self.shared.read()
    }
}
