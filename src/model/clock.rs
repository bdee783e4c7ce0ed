//! Time as an argument.
use super::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

/// Wall-clock time: the system's, or one that a test moves by hand.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The system's wall clock.
    pub const fn system() -> Self {
        Self(None)
    }

    /// A clock that stands at `start` until [`Clock::set`]. Clones share it.
    pub fn manual(start: Timestamp) -> Self {
        Self(Some(Arc::new(AtomicI64::new(start.as_nanos()))))
    }

    /// Does it show the system's time?
    pub const fn is_system(&self) -> bool {
        self.0.is_none()
    }

    /// Moves a manual clock; the system's clock is left alone.
    pub fn set(&self, now: Timestamp) {
        if let Some(manual) = &self.0 {
            manual.store(now.as_nanos(), Ordering::Relaxed);
        }
    }

    /// The time now. Before 1970 and after 2262 it is clamped.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Some(manual) => Timestamp::from_nanos(manual.load(Ordering::Relaxed)),
            None => SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .ok()
                .and_then(|since| i64::try_from(since.as_nanos()).ok())
                .map_or(Timestamp::EPOCH, Timestamp::from_nanos),
        }
    }
}
