//! Sessions on disk, written in groups by one thread.
//!
//! ```text
//! CONNECT -> names its client id "dirty" -> thread takes all names, writes their latest state in
//!            and waits                      one batch, syncs once, wakes all that waited
//! ```
//! The thread asks for the latest state when it writes, so two changes of one session can never
//! arrive in the wrong order, and a device that flaps costs one entry. Rejected: a queue of changes,
//! which has to be bounded and ordered.
use fjall::{Database, Keyspace, PersistMode};
use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Sessions that may wait for the disk, by client id. Each has a small entry; when the disk hangs,
/// new sessions are refused past this.
pub const DIRTY_MAX: usize = 65_536;

/// Where sessions are kept: a keyspace that the caller opened.
#[derive(Clone)]
pub struct SessionDisk {
    /// For batches and syncs.
    pub database: Database,
    /// Holds sessions and nothing else.
    pub keyspace: Keyspace,
}

/// A failed read or write.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} sessions")]
pub struct DiskError {
    /// "read" or "write".
    pub what: &'static str,
    /// Why.
    #[source]
    pub source: fjall::Error,
}

impl SessionDisk {
    /// All that is there: client id and value.
    ///
    /// # Errors
    /// Unreadable.
    pub fn read(&self) -> Result<Vec<(String, Vec<u8>)>, DiskError> {
        let failed = |source| DiskError {
            what: "read",
            source,
        };
        let mut all = Vec::new();
        for item in self.keyspace.iter() {
            let (key, value) = item.into_inner().map_err(failed)?;
            // Only UTF-8 is ever written.
            if let Ok(client) = std::str::from_utf8(&key) {
                all.push((client.to_owned(), value.to_vec()));
            }
        }
        Ok(all)
    }

    fn write(&self, states: &[(Box<str>, Option<Vec<u8>>)]) -> Result<(), DiskError> {
        let mut batch = self
            .database
            .batch()
            .durability(Some(PersistMode::SyncData));
        for (client, value) in states {
            match value {
                Some(value) => batch.insert(&self.keyspace, client.as_bytes(), value.as_slice()),
                None => batch.remove(&self.keyspace, client.as_bytes()),
            }
        }
        let failed = |source| DiskError {
            what: "write",
            source,
        };
        batch.commit().map_err(failed)
    }
}

#[derive(Default)]
struct Queue {
    dirty: HashSet<Box<str>>,
    waiting: Vec<oneshot::Sender<bool>>,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writing thread's handle.
pub struct Writer {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Resolves to true once what was marked is on disk, false if it could not be written.
pub type Written = oneshot::Receiver<bool>;

impl Writer {
    /// Starts the thread. `state` gives a session's value now (`None`: remove it), `failed` hears
    /// of every failed write.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub fn start(
        disk: SessionDisk,
        state: impl Fn(&str) -> Option<Vec<u8>> + Send + 'static,
        failed: impl Fn(DiskError) + Send + 'static,
    ) -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let seen = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("citygate-sessions".to_owned())
            .spawn(move || run(&seen, &disk, state, failed))?;
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Has a session written; false: too many wait, or the writer is closed.
    pub fn mark(&self, client: &str) -> bool {
        let mut queue = self.shared.lock();
        if queue.closed || (queue.dirty.len() >= DIRTY_MAX && !queue.dirty.contains(client)) {
            return false;
        }
        queue.dirty.insert(client.into());
        self.shared.wake.notify_one();
        true
    }

    /// Resolves when all that was marked before is on disk.
    pub fn written(&self) -> Written {
        let (done, written) = oneshot::channel();
        let mut queue = self.shared.lock();
        if !queue.closed {
            queue.waiting.push(done);
        }
        self.shared.wake.notify_one();
        written
    }

    /// Writes what is marked and ends the thread. Blocks.
    pub fn close(&self) {
        self.shared.lock().closed = true;
        self.shared.wake.notify_one();
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // A panic of the thread has been printed by then; nothing else is left to do here.
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

fn run(
    shared: &Shared,
    disk: &SessionDisk,
    state: impl Fn(&str) -> Option<Vec<u8>>,
    failed: impl Fn(DiskError),
) {
    loop {
        let mut queue = shared.lock();
        while queue.dirty.is_empty() && queue.waiting.is_empty() && !queue.closed {
            queue = shared
                .wake
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let dirty = std::mem::take(&mut queue.dirty);
        let waiting = std::mem::take(&mut queue.waiting);
        let closed = queue.closed;
        drop(queue);
        let states: Vec<_> = dirty
            .into_iter()
            .map(|client| {
                let value = state(&client);
                (client, value)
            })
            .collect();
        let written = states.is_empty() || disk.write(&states).map_err(&failed).is_ok();
        for done in waiting {
            // The connection may have gone meanwhile.
            let _ = done.send(written);
        }
        if closed {
            return;
        }
    }
}
