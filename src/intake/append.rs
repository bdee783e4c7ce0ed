//! From plans to batches, and the release of packet ids.
use super::pending::{Pending, Record, Taken};
use super::plan::Plan;
use super::settle::{lane, lane_of_parts};
use super::uplink::{Refusal, Ticket};
use super::{Intake, lock};
use crate::log::record::{Arrived, Keys, Kind};
use crate::log::{AppendError, Batch};
use std::sync::Arc;
use tokio::sync::Notify;

impl Intake {
    /// Frees a `QoS` 2 packet id (PUBREL). PUBCOMP leaves after the ticket. `None`: the id is not
    /// open (MQTT 5: 0x92).
    ///
    /// # Errors
    /// Nothing was appended, and the id is still open.
    pub fn release(
        &self,
        session: u64,
        packet_id: u16,
        waiter: &Arc<Notify>,
    ) -> Result<Option<Ticket>, Refusal> {
        let mut state = lock(&self.state);
        let Some(key) = state.dedup.open(session, packet_id) else {
            return Ok(None);
        };
        let keys = Keys {
            content: None,
            redelivery: Some(key),
            exactly_once: true,
            recovers: None,
        };
        state.log.push(Kind::Release, &keys, &[]);
        let appended = self.log.append(&mut state.log, waiter);
        let sequence = outcome(Some(appended), &mut state.log)?;
        state.dedup.release(&key);
        Ok(Some(Ticket {
            log: sequence,
            rejects: 0,
        }))
    }
}

/// The first sequence; 0 where there was nothing to append.
pub(super) fn outcome(
    appended: Option<Result<u64, AppendError>>,
    batch: &mut Batch,
) -> Result<u64, Refusal> {
    let Some(appended) = appended else {
        return Ok(0);
    };
    appended.map_err(|error| {
        batch.clear();
        Refusal::from(error)
    })
}

impl From<AppendError> for Refusal {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::DiskFull { .. } => Self::DiskFull,
            // `take` writes no record of that size.
            AppendError::Backlog { .. } | AppendError::TooLarge { .. } => Self::Backlog,
            AppendError::Closed => Self::Closed,
        }
    }
}

pub(super) fn push_rejects(pending: &Pending, plans: &mut [Plan], batch: &mut Batch) -> bool {
    for (taken, plan) in pending.uplinks.iter().zip(plans) {
        if plan.refused.is_some() || !plan.append_rejects {
            continue;
        }
        let mut keys = keys(taken);
        keys.content = taken.parts_key;
        for part in pending.parts_of(taken) {
            batch.push(Kind::Reject, &keys, pending.bytes_at(&part.body));
            keys = Keys::default();
        }
        if taken.records.is_empty() {
            batch.weigh(lane(taken.source, taken.unassured), 1);
        } else {
            batch.weigh(lane_of_parts(taken.source), taken.parts.len() as u64);
        }
        plan.rejects_end = batch.len() as u64;
    }
    !batch.is_empty()
}

pub(super) fn push_log(pending: &Pending, plans: &mut [Plan], batch: &mut Batch) -> bool {
    for (taken, plan) in pending.uplinks.iter().zip(plans) {
        if plan.refused.is_some() || !plan.append_log {
            continue;
        }
        let mut keys = keys(taken);
        keys.recovers = plan.recovers;
        let mut arrived = Arrived::Here(pending.bytes_at(&taken.arrival));
        for at in taken.records.clone() {
            push_record(pending, at, &mut keys, &mut arrived, batch);
        }
        batch.weigh(lane(taken.source, taken.unassured), 1);
        plan.log_end = batch.len() as u64;
    }
    !batch.is_empty()
}

/// Pushes a record that is not to be skipped, and what was found of its registers.
pub(super) fn push_record<'p>(
    pending: &'p Pending,
    at: usize,
    keys: &mut Keys,
    arrived: &mut Arrived<'p>,
    batch: &mut Batch,
) {
    let record = pending.records.get(at).filter(|record| !record.skip);
    let Some(Record {
        kind,
        content,
        body,
        ..
    }) = record
    else {
        return;
    };
    keys.content = *content;
    batch.push_arrived(*kind, keys, *arrived, pending.bytes_at(body));
    *keys = Keys::default();
    *arrived = Arrived::Before;
    for event in pending.told_of(at) {
        batch.push_arrived(Kind::Event, keys, *arrived, event);
    }
}

/// The transmission's identity goes with the first record of each half.
fn keys(taken: &Taken) -> Keys {
    Keys {
        content: None,
        redelivery: taken.transmission.map(|sent| sent.key),
        exactly_once: taken.transmission.is_some_and(|sent| sent.exactly_once),
        recovers: None,
    }
}
