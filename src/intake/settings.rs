//! What may change while uplinks are taken.
use super::{Config, Intake, Knowledge, Routes, lock};
use crate::codecs::Limits;
use std::sync::{Arc, PoisonError};

/// What an uplink is judged by, from its topic to its last reading: one snapshot for all of it.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) routes: Routes,
    pub(super) knowledge: Arc<Knowledge>,
    pub(super) keep_raw: usize,
    pub(super) readings_max: usize,
}

impl Settings {
    pub(super) const fn new(routes: Routes, knowledge: Arc<Knowledge>, config: &Config) -> Self {
        Self {
            routes,
            knowledge,
            keep_raw: config.keep_raw,
            readings_max: config.readings_max,
        }
    }

    /// Limits of a codec.
    pub(super) const fn limits(&self) -> Limits {
        Limits {
            readings_max: self.readings_max,
        }
    }
}

impl Intake {
    /// The settings of now. Held for one uplink, not for longer.
    pub(super) fn settings(&self) -> Arc<Settings> {
        let settings = self.settings.read();
        Arc::clone(&settings.unwrap_or_else(PoisonError::into_inner))
    }

    /// What is known of devices and formats now.
    pub fn knowledge(&self) -> Arc<Knowledge> {
        Arc::clone(&self.settings().knowledge)
    }

    /// Takes the next uplinks by other routes, by what is known now, and by `keep_raw`, `readings_max`
    /// and `reject_budget` of `config`; its other keys are left as they are. Uplinks that are being
    /// taken end by the old ones. The routes' kinds must be those of this intake's catalogue. Hold what
    /// was known until nobody else does: the last uplink that sees it would have to free it.
    pub fn reload(&self, routes: Routes, knowledge: Arc<Knowledge>, config: &Config) {
        let settings = Arc::new(Settings::new(routes, knowledge, config));
        let current = self.settings.write();
        let mut current = current.unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *current, settings);
        // Whoever takes an uplink waits for the lock, so what was is freed behind it.
        drop(current);
        drop(before);
        lock(&self.state).budgets.limit(config.reject_budget);
    }
}
