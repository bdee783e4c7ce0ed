//! Signs of life that the log does not get: duplicates.
//!
//! A device whose acknowledgement was lost sends again. Nothing new is written then, but somebody
//! was heard, and whoever keeps track of devices wants to know. What is noted here waits in memory
//! for that reader; it is no reading, so that losing it in a crash costs nothing but a minute of
//! "last seen".
use super::pending::{Pending, Taken};
use super::{Intake, lock};
use crate::log::record::Kind;
use crate::model::{ReportView, Timestamp};
use hashbrown::HashMap;
use std::sync::Mutex;

/// Devices that wait for the reader; further ones are not noted. It looks once a second.
const DEVICES_MAX: usize = 65_536;

/// A device that sent what had been taken before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// When, last.
    pub at: Timestamp,
    /// Copies since the last look.
    pub copies: u64,
}

/// Sightings by device.
#[derive(Debug, Default)]
pub(super) struct Sightings(Mutex<HashMap<Box<str>, Sighting>>);

impl Intake {
    /// Takes what was seen since the last call.
    pub fn sightings(&self) -> HashMap<Box<str>, Sighting> {
        std::mem::take(&mut *lock(&self.sightings.0))
    }

    /// The devices of an uplink of which nothing was new.
    #[cold]
    pub(super) fn sighted_all(&self, taken: &Taken, pending: &Pending) {
        for record in pending.records_of(taken) {
            if record.kind == Kind::Report
                && let Ok(report) = ReportView::parse(pending.bytes_at(&record.body))
            {
                self.sighted(report.device_id, report.received_at);
            }
        }
    }

    /// Notes a device that sent a copy.
    pub(crate) fn sighted(&self, device: &str, at: Timestamp) {
        let mut devices = lock(&self.sightings.0);
        if let Some(known) = devices.get_mut(device) {
            known.at = known.at.max(at);
            known.copies += 1;
        } else if devices.len() < DEVICES_MAX && !device.is_empty() {
            devices.insert(device.into(), Sighting { at, copies: 1 });
        }
    }
}
