//! Sessions on disk, written in groups by one thread.
//!
//! ```text
//! CONNECT -> names its client id "dirty" -> thread takes all names, writes their latest state in
//!            and waits                      one batch, syncs once, wakes all that waited
//! ```
//! The thread asks for the latest state when it writes, so two changes of one session can never
//! arrive in the wrong order, and a device that flaps costs one entry. Rejected: a queue of changes,
//! which has to be bounded and ordered.
use crate::state::{self, State};
use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// Sessions that may wait for the disk, by client id. Each has a small entry; when the disk hangs,
/// new sessions are refused past this.
pub const DIRTY_MAX: usize = 65_536;

/// The keyspace, which holds sessions and nothing else.
const SPACE: &str = "sessions";
/// Above every key: keys are UTF-8, in which this byte does not occur.
const BEYOND: &[u8] = &[0xff];
/// Pause after a failed write, before the state is opened again and what could not be written is
/// tried again; doubled from failure to failure up to the second.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(30);

/// Where sessions are kept.
#[derive(Clone, Debug)]
pub struct SessionDisk(Arc<State>);

impl SessionDisk {
    /// In the state's keyspace "sessions".
    pub const fn new(state: Arc<State>) -> Self {
        Self(state)
    }

    /// All that is there: client id and value.
    ///
    /// # Errors
    /// Unreadable.
    pub fn read(&self) -> Result<Vec<(String, Vec<u8>)>, state::Error> {
        let access = self.0.access()?;
        let space = access.space(SPACE)?;
        let mut all = Vec::new();
        for item in space.range(&[], BEYOND) {
            let (key, value) = item?;
            // Only UTF-8 is ever written.
            if let Ok(client) = std::str::from_utf8(&key) {
                all.push((client.to_owned(), value.to_vec()));
            }
        }
        Ok(all)
    }

    fn write(&self, states: &[(Box<str>, Option<Vec<u8>>)]) -> Result<(), state::Error> {
        let access = self.0.access()?;
        let space = access.space(SPACE)?;
        let mut batch = access.batch();
        for (client, value) in states {
            match value {
                Some(value) => batch.insert(&space, client.as_bytes(), value),
                None => batch.remove(&space, client.as_bytes()),
            }
        }
        batch.commit(&[space])
    }

    /// What a failed write needs. No reader of the log may be there to do it: while sessions cannot
    /// be written, no device connects, and nothing is logged.
    fn reopen(&self) {
        // Fails while there is no room; the next write fails then, and says so.
        let _ = self.0.reopen();
    }
}

#[derive(Default)]
struct Queue {
    dirty: HashSet<Box<str>>,
    waiting: Vec<oneshot::Sender<bool>>,
    /// The last write failed: nobody need wait for the next attempt to hear that.
    failing: bool,
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

/// Resolves to true once what was marked is on disk; to false or an error if it cannot be written.
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
        failed: impl Fn(state::Error) + Send + 'static,
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
        if !queue.closed && !queue.failing {
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
    failed: impl Fn(state::Error),
) {
    let mut pause = RETRY_PAUSE;
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
        let written = if states.is_empty() {
            Ok(())
        } else {
            disk.write(&states)
        };
        for done in waiting {
            // The connection may have gone meanwhile.
            let _ = done.send(written.is_ok());
        }
        let mut queue = shared.lock();
        queue.failing = written.is_err();
        let Err(cause) = written else {
            pause = RETRY_PAUSE;
            if closed {
                return;
            }
            continue;
        };
        failed(cause);
        if closed {
            return;
        }
        // Who waited has been told; what others changed is still to be written.
        queue
            .dirty
            .extend(states.into_iter().map(|(client, _)| client));
        let paused = shared
            .wake
            .wait_timeout_while(queue, pause, |queue| !queue.closed);
        drop(paused.unwrap_or_else(PoisonError::into_inner));
        pause = (2 * pause).min(RETRY_PAUSE_MAX);
        disk.reopen();
    }
}
