//! Sessions and connections by client id.
//!
//! A session is what lets a device find its messages again after a break: a random number under
//! which intake remembers packet ids, and a time to live. It persists when it outlives its
//! connection, over restarts of the gateway too: MQTT 5 clients throw away what they had in flight
//! when Session Present is false. A new CONNECT of the same client id takes over: the old
//! connection is stopped before the new one gets its CONNACK, and its end changes nothing any more
//! (each connection has a number, its epoch).
pub mod disk;
mod handle;
pub mod record;
mod wills;

pub use handle::Handle;
pub use wills::DueWill;

use crate::model::Timestamp;
use crate::state;
use disk::{SessionDisk, Writer, Written};
use record::Record;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wills::Wills;

/// Random numbers: a keyed hash of a counter, the key drawn from the system once.
#[derive(Debug, Default)]
struct Numbers(RandomState, AtomicU64);

impl Numbers {
    fn draw(&self) -> u64 {
        self.0.hash_one(self.1.fetch_add(1, Ordering::Relaxed))
    }
}

struct Entry {
    record: Record,
    /// The connection's epoch and handle while there is one.
    live: Option<(u64, Arc<Handle>)>,
}

#[derive(Default)]
struct Table {
    entries: HashMap<Box<str>, Entry>,
    /// Sessions without a connection, by the time it ended: the oldest goes first.
    ended: BTreeMap<(Timestamp, u64), Box<str>>,
    wills: Wills,
}

/// What a CONNECT asks of its session.
#[derive(Clone, Debug)]
pub struct Open<'a> {
    /// Client id.
    pub client: &'a str,
    /// Clean Start, or `clean_session`.
    pub clean: bool,
    /// How long it is to outlive the connection, in seconds; 0: not at all.
    pub expiry_secs: u32,
    /// Of the new connection.
    pub handle: &'a Arc<Handle>,
    /// The time now.
    pub now: Timestamp,
}

/// An open session.
#[derive(Debug)]
pub struct Opened {
    /// The session's number.
    pub number: u64,
    /// The connection's number, unique in this process.
    pub epoch: u64,
    /// Session Present.
    pub present: bool,
    /// An older connection was ended.
    pub took_over: bool,
    /// The CONNACK must wait for this.
    pub written: Option<Written>,
}

/// Why a session cannot be opened now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Every session that is kept is connected.
    #[error("{limit} sessions are kept and all are connected")]
    Full {
        /// `mqtt.sessions_max`.
        limit: usize,
    },
    /// The disk does not keep up.
    #[error("too many sessions wait for the disk")]
    Busy,
}

/// All sessions and connections.
pub struct Sessions {
    shared: Arc<Mutex<Table>>,
    numbers: Numbers,
    epoch: AtomicU64,
    limit: usize,
    evicted: AtomicU64,
    writer: Option<Writer>,
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Table {
    /// Takes a session without a connection out.
    fn remove_ended(&mut self, place: (Timestamp, u64)) -> Option<Box<str>> {
        let client = self.ended.remove(&place)?;
        self.entries.remove(&client);
        Some(client)
    }
}

impl Sessions {
    /// Sessions that end with the process (tests, and a gateway without a data directory).
    pub fn in_memory(limit: usize) -> Self {
        Self {
            shared: Arc::default(),
            numbers: Numbers::default(),
            epoch: AtomicU64::new(0),
            limit,
            evicted: AtomicU64::new(0),
            writer: None,
        }
    }

    /// Sessions that persist; those on `disk` are there again. `failed` hears of failed writes.
    ///
    /// # Errors
    /// Unreadable disk, or no thread for the writer.
    pub fn load(
        disk: SessionDisk,
        limit: usize,
        now: Timestamp,
        failed: impl Fn(state::Error) + Send + 'static,
    ) -> Result<Self, LoadError> {
        let mut sessions = Self::in_memory(limit);
        let mut gone = Vec::new();
        for (client, value) in disk.read()? {
            let record = Record::decode(&value);
            let Some(mut record) = record.filter(|record| !record.expired(now)) else {
                gone.push(client);
                continue;
            };
            // Connected when the gateway stopped: its time to live starts now.
            let ended_at = *record.ended_at.get_or_insert(now);
            let client: Box<str> = client.into();
            let mut table = lock(&sessions.shared);
            table
                .ended
                .insert((ended_at, record.number), client.clone());
            table.entries.insert(client, Entry { record, live: None });
            if table.entries.len() > limit
                && let Some((&oldest, _)) = table.ended.first_key_value()
                && let Some(client) = table.remove_ended(oldest)
            {
                gone.push(client.into());
            }
        }
        let table = Arc::clone(&sessions.shared);
        let state = move |client: &str| {
            let table = lock(&table);
            let record = table.entries.get(client).map(|entry| entry.record);
            let record = record.filter(|record| record.expiry_secs > 0);
            record.map(|record| record.encode().to_vec())
        };
        let writer = Writer::start(disk, state, failed)?;
        for client in gone {
            writer.mark(&client);
        }
        sessions.writer = Some(writer);
        Ok(sessions)
    }

    /// Opens or resumes a session and ends an older connection of the same client id.
    ///
    /// # Errors
    /// No room; nothing has changed then.
    pub fn open(&self, open: &Open<'_>) -> Result<Opened, OpenError> {
        let mut table = lock(&self.shared);
        let before = table.entries.get(open.client).map(|entry| entry.record);
        let kept = before
            .filter(|record| !open.clean && record.expiry_secs > 0 && !record.expired(open.now));
        if before.is_none() && table.entries.len() >= self.limit {
            self.evict(&mut table)?;
        }
        let record = Record {
            number: kept.map_or_else(|| self.numbers.draw(), |record| record.number),
            expiry_secs: open.expiry_secs,
            ended_at: None,
        };
        // Marked before the table changes: the writer cannot look before the lock is free.
        let on_disk = before.filter(|before| before.expiry_secs > 0);
        let mut written = None;
        if let Some(writer) = &self.writer
            && on_disk != Some(record).filter(|record| record.expiry_secs > 0)
        {
            if !writer.mark(open.client) {
                return Err(OpenError::Busy);
            }
            // Only the end of the last connection was forgotten? Nobody needs to wait for that.
            let same = |before: Record| {
                before.number == record.number && before.expiry_secs == record.expiry_secs
            };
            written = (!on_disk.is_some_and(same)).then(|| writer.written());
        }
        table.wills.cancel(open.client);
        if let Some(Record {
            number,
            ended_at: Some(ended_at),
            ..
        }) = before
        {
            table.ended.remove(&(ended_at, number));
        }
        let epoch = self.epoch.fetch_add(1, Ordering::Relaxed) + 1;
        let live = Some((epoch, Arc::clone(open.handle)));
        let entry = Entry { record, live };
        let old = table.entries.insert(open.client.into(), entry);
        drop(table);
        let old = old.and_then(|entry| entry.live);
        if let Some((_, handle)) = &old {
            handle.take_over();
        }
        Ok(Opened {
            number: record.number,
            epoch,
            present: kept.is_some(),
            took_over: old.is_some(),
            written,
        })
    }

    fn evict(&self, table: &mut Table) -> Result<(), OpenError> {
        let oldest = table.ended.first_key_value().map(|(place, _)| *place);
        let Some(client) = oldest.and_then(|oldest| table.remove_ended(oldest)) else {
            return Err(OpenError::Full { limit: self.limit });
        };
        self.evicted.fetch_add(1, Ordering::Relaxed);
        self.mark(&client);
        Ok(())
    }

    fn mark(&self, client: &str) {
        if let Some(writer) = &self.writer {
            // A lost note of an end or of an eviction costs a stale session after a restart.
            writer.mark(client);
        }
    }

    /// A connection is over. False: another has taken over, and the end of this one, its will
    /// included, counts for nothing. `expiry_secs` replaces the session's.
    pub fn end(&self, client: &str, epoch: u64, expiry_secs: Option<u32>, now: Timestamp) -> bool {
        let mut guard = lock(&self.shared);
        let table = &mut *guard;
        let Some(entry) = table.entries.get_mut(client) else {
            return false;
        };
        if entry.live.as_ref().is_none_or(|(live, _)| *live != epoch) {
            return false;
        }
        let persistent = entry.record.expiry_secs > 0;
        entry.live = None;
        entry.record.expiry_secs = expiry_secs.unwrap_or(entry.record.expiry_secs);
        if entry.record.expiry_secs == 0 {
            table.entries.remove(client);
        } else {
            entry.record.ended_at = Some(now);
            table
                .ended
                .insert((now, entry.record.number), client.into());
        }
        drop(guard);
        if persistent {
            self.mark(client);
        }
        true
    }

    /// Keeps a will until `due`; a CONNECT of the same client id before that cancels it.
    ///
    /// # Errors
    /// Too many wait: the will acts now.
    pub fn delay(&self, will: DueWill, due: Timestamp) -> Result<(), DueWill> {
        let mut table = lock(&self.shared);
        let reconnected = table
            .entries
            .get(&will.client)
            .is_some_and(|entry| entry.live.is_some());
        if reconnected {
            return Ok(());
        }
        table.wills.delay(will, due)
    }

    /// Takes the wills whose delay is over.
    pub fn due_wills(&self, now: Timestamp) -> Vec<DueWill> {
        lock(&self.shared).wills.due(now)
    }

    /// Forgets sessions that have expired.
    pub fn sweep(&self, now: Timestamp) {
        let mut table = lock(&self.shared);
        let expired: Vec<_> = table
            .ended
            .iter()
            .filter(|(_, client)| {
                let entry = table.entries.get(*client);
                entry.is_none_or(|entry| entry.record.expired(now))
            })
            .map(|(place, _)| *place)
            .collect();
        for place in expired {
            if let Some(client) = table.remove_ended(place) {
                self.mark(&client);
            }
        }
    }

    /// Tells every connection to stop reading, to send the acks that are still due, and to close.
    pub fn stop_all(&self) {
        self.each_live(Handle::stop);
    }

    /// Has every connection look around.
    pub fn wake_all(&self) {
        self.each_live(|handle| handle.waiter.notify_one());
    }

    fn each_live(&self, tell: impl Fn(&Handle)) {
        let table = lock(&self.shared);
        let live = table
            .entries
            .values()
            .filter_map(|entry| entry.live.as_ref());
        for (_, handle) in live {
            tell(handle);
        }
    }

    /// Sessions kept, connected or not.
    pub fn len(&self) -> usize {
        lock(&self.shared).entries.len()
    }

    /// Is none kept?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sessions given up for newer ones because the limit was reached.
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    /// A client id for a device that sent none; random, so nobody meets another's session.
    pub fn assign(&self) -> String {
        format!("auto-{:016x}", self.numbers.draw())
    }

    /// Writes what is not on disk yet and ends the writer. Blocks.
    pub fn close(&self) {
        if let Some(writer) = &self.writer {
            writer.close();
        }
    }
}

/// Why the sessions cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The disk.
    #[error(transparent)]
    Disk(#[from] state::Error),
    /// The writer's thread.
    #[error("no thread for the sessions")]
    Thread(#[from] std::io::Error),
}

#[cfg(test)]
mod tests;
