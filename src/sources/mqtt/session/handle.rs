//! How a connection is reached from outside: to wake it, to end it, to stop it.
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// How others reach a connection.
#[derive(Debug, Default)]
pub struct Handle {
    /// Wakes the connection: something settled, or it was told to stop.
    pub waiter: Arc<Notify>,
    /// True: taken over. Held while the connection reads and appends, so that after a takeover
    /// nothing of the old connection is appended after something of the new one.
    taken: Mutex<bool>,
    halt: AtomicBool,
}

impl Handle {
    /// Keeps a takeover out until the guard is dropped; true: it has happened.
    pub fn taken(&self) -> MutexGuard<'_, bool> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Is the gateway stopping?
    pub fn halting(&self) -> bool {
        self.halt.load(Ordering::Relaxed)
    }

    pub(super) fn take_over(&self) {
        *self.taken() = true;
        self.waiter.notify_one();
    }

    pub(super) fn stop(&self) {
        self.halt.store(true, Ordering::Relaxed);
        self.waiter.notify_one();
    }
}
