//! The registry's thread brings in what is known of devices when that changes.
use super::apply::RETIRED_HEARD;
use super::enrol::STEP;
use super::follow::Follow;
use super::table::Table;
use crate::intake::{EventDraft, Knowledge};
use crate::inventory::Entry;
use crate::model::Timestamp;
use crate::model::proto::Severity;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Rows that begin to hold are brought in no more often than this: each time costs a look at all.
const ROWS_EVERY: Duration = Duration::from_mins(1);
/// Events in one second; the others follow.
const EVENTS_MAX: usize = 100;

/// Which snapshot the table has, and since when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Renewed {
    pub generation: u64,
    pub at: Timestamp,
}

impl Follow {
    /// Brings in another snapshot, or rows that hold by now.
    pub(super) fn renew(&mut self, now: Timestamp) {
        let knowledge = self.intake.knowledge();
        let over = now.since(self.renewed.at) >= ROWS_EVERY && self.shared.read().roll.is_over(now);
        if knowledge.generation == self.renewed.generation && !over {
            return;
        }
        self.renewed = Renewed {
            generation: knowledge.generation,
            at: now,
        };
        self.bring_in(&knowledge, now);
        let version = self.shared.read().changes.version();
        self.shared.announce(version);
    }

    /// In steps, between which the logs are followed.
    fn bring_in(&mut self, knowledge: &Arc<Knowledge>, now: Timestamp) {
        self.shared.write().begin(knowledge, now);
        for take in [Table::enter, Table::hang] as [fn(&mut Table, Entry<'_>, Timestamp); 2] {
            let mut devices = knowledge.inventory.standings(now).peekable();
            while devices.peek().is_some() && !self.is_stopping() {
                let mut table = self.shared.write();
                for standing in devices.by_ref().take(STEP) {
                    take(&mut table, standing.entry(), now);
                }
                drop(table);
                self.step();
            }
        }
        let mut from = 0;
        while from < self.shared.read().len() && !self.is_stopping() {
            self.shared.write().review(from, STEP, now);
            from += STEP;
            self.step();
        }
    }

    /// The next start brings it in anew.
    fn is_stopping(&self) -> bool {
        self.shared.stop.load(Ordering::Acquire)
    }

    /// Says which devices reported that are out of service.
    pub(super) fn tell_retired(&self) {
        let told = self.shared.write().roll.tell_retired(EVENTS_MAX);
        for (number, at) in told {
            let (id, kind, end) = {
                let table = self.shared.read();
                let kind = table
                    .mark(number)
                    .map_or("", |mark| table.names.get(mark.kind));
                let end = table.roll.end(number).map(|end| end.to_string());
                let id: Box<str> = table.ids.get(number).into();
                (id, Box::<str>::from(kind), end.unwrap_or_default())
            };
            self.intake.event(EventDraft {
                device_id: &id,
                kind: &kind,
                name: RETIRED_HEARD,
                at,
                severity: Severity::Warning as i32,
                detail: &[("retired_at", &end)],
            });
        }
    }
}
