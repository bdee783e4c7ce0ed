//! What a retried uplink leaves in the logs, and what is remembered of it.
use super::attempt::Attempt;
use super::{Fate, Rejected, RetryError};
use crate::intake::append::outcome;
use crate::intake::commit::{State, secs};
use crate::intake::dedup::Original;
use crate::intake::pending::Taken;
use crate::intake::settle::{lane_of_parts, lane_of_recovered};
use crate::intake::uplink::Ticket;
use crate::intake::{Intake, lock};
use crate::log::Settled;
use crate::log::record::{Arrived, Keys, Kind, Recovers, RedeliveryKey};
use crate::model::Reject;
use std::sync::Arc;
use tokio::sync::Notify;

/// One uplink, decoded, and what that means for its rejects.
pub(super) struct Mended<'r> {
    pub(super) rejected: &'r Rejected,
    /// Those that were not recovered before.
    pub(super) open: &'r [(u64, &'r Reject)],
    /// Of these, as far as decoding tells.
    pub(super) fates: &'r mut [Fate],
    pub(super) attempt: Attempt,
    pub(super) waiter: &'r Arc<Notify>,
}

fn is_mended(fate: &Fate) -> bool {
    matches!(fate, Fate::Recovered(_) | Fate::Before(_))
}

impl Mended<'_> {
    /// What is to be noted; `None`: nothing is mended.
    fn marks(&self) -> Vec<u64> {
        let all = self.open.iter().zip(&*self.fates);
        let mended = all.filter(|(_, fate)| is_mended(fate));
        let mut marks: Vec<u64> = mended
            .map(|((sequence, reject), _)| reject.mark(*sequence))
            .collect();
        marks.dedup();
        marks
    }

    fn found(&mut self, by: u64, is_new: bool) {
        for fate in self.fates.iter_mut() {
            match fate {
                Fate::Recovered(sequence) if is_new => *sequence = by,
                Fate::Recovered(_) => *fate = Fate::Before(by),
                Fate::Before(_) | Fate::Rejected(_) | Fate::Cannot(_) => {}
            }
        }
    }
}

impl Intake {
    /// Appends what is new, notes what the rejects have become, and says so in the fates.
    pub(super) fn settle_retry(&self, mut mended: Mended<'_>) -> Result<Ticket, RetryError> {
        let now = secs(self.clock.now());
        let marks = mended.marks();
        let Some(recovers) = Recovers::new(marks.iter().copied()) else {
            return Ok(Ticket::default());
        };
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        state.dedup.expire(now);
        // A redelivery may have come since they were looked up: it notes its mark under this lock.
        let redelivered = marks.iter().find_map(|mark| self.unsaved_mark(*mark));
        let known = self.skip_known(&mut mended.attempt, state, now);
        let new = mended.attempt.pending.records.iter();
        let is_new = redelivered.is_none() && new.into_iter().any(|record| !record.skip);
        let (by, ticket) = if is_new {
            self.append_retried(&mended, recovers, state)?
        } else {
            let log = redelivered.unwrap_or(known);
            (log, Ticket { log, rejects: 0 })
        };
        if redelivered.is_none() {
            self.recovered.note(recovers, by);
        }
        drop(guard);
        mended.found(by, is_new);
        self.wait_for(ticket, mended.waiter);
        Ok(ticket)
    }

    /// Marks the records whose content is known; returns the last sequence of those.
    fn skip_known(&self, attempt: &mut Attempt, state: &mut State, now: u32) -> u64 {
        let records = &mut attempt.pending.records;
        let mut known = 0;
        let (mut reports, mut new) = (false, false);
        for record in records.iter_mut() {
            if record.kind == Kind::Report {
                let found = record.content.and_then(|content| {
                    let sequence = *state.dedup.content().get(&content)?.0;
                    (self.log.settled(sequence) != Settled::Voided).then_some(sequence)
                });
                record.skip = found.is_some();
                known = known.max(found.unwrap_or_default());
                (reports, new) = (true, new || found.is_none());
            } else if let Some((device, wrong)) = &record.clock {
                record.skip = !state.clocks.due(*device, wrong, now);
            }
        }
        if reports && !new {
            for record in records.iter_mut() {
                record.skip = true;
            }
        }
        known
    }

    /// Appends what is left of a retried uplink; all of it is of one batch, which a crash keeps as a
    /// whole or not at all. Returns the sequence of the first record; in the ticket is the last.
    fn append_retried(
        &self,
        mended: &Mended<'_>,
        recovers: Recovers,
        state: &mut State,
    ) -> Result<(u64, Ticket), RetryError> {
        let pending = &mended.attempt.pending;
        let Some(taken) = pending.uplinks.first() else {
            return Ok((0, Ticket::default()));
        };
        let whole = recovers.first & Reject::WHOLE != 0;
        // A part twice is better than a report twice.
        let rejects = if whole && !taken.parts.is_empty() {
            self.append_parts(mended, taken, state)?
        } else {
            0
        };
        let last = recovers.first & !Reject::WHOLE;
        let still = mended.rejected.keys.redelivery.filter(|_| whole);
        let still: Option<(RedeliveryKey, bool)> =
            still.and_then(|key| Some((key, state.dedup.rejected_as(&key, last)?)));
        let mut keys = Keys {
            content: None,
            redelivery: still.map(|(key, _)| key),
            exactly_once: still.is_some_and(|(_, open)| open),
            recovers: Some(recovers),
        };
        let mut arrived = Arrived::Here(pending.bytes_at(&taken.arrival));
        let mut contents = Vec::new();
        for record in pending.records.iter().filter(|record| !record.skip) {
            keys.content = record.content;
            contents.extend(record.content);
            let body = pending.bytes_at(&record.body);
            state.log.push_arrived(record.kind, &keys, arrived, body);
            keys = Keys::default();
            arrived = Arrived::Before;
        }
        let is_recovered = |fate: &&Fate| matches!(fate, Fate::Recovered(_));
        let parts = mended.fates.iter().filter(is_recovered).count() as u64;
        let lane = lane_of_recovered(mended.attempt.source);
        state.log.weigh(lane, if whole { 1 } else { parts });
        let count = state.log.len() as u64;
        let appended = self.log.append(&mut state.log, mended.waiter);
        let first = outcome(Some(appended), &mut state.log).map_err(RetryError::Refused)?;
        let log = first + count - 1;
        let now = secs(self.clock.now());
        for content in contents {
            state.dedup.content().insert(content, log, now);
        }
        if let Some((key, _)) = still {
            let original = Original { log, rejects: last };
            state.dedup.settle_delivery(&key, original);
        }
        Ok((first, Ticket { log, rejects }))
    }

    /// The parts of a mended uplink that are still bad are rejects of their own now, for the rest of it
    /// has been taken. Returns the last one's sequence.
    fn append_parts(
        &self,
        mended: &Mended<'_>,
        taken: &Taken,
        state: &mut State,
    ) -> Result<u64, RetryError> {
        let pending = &mended.attempt.pending;
        let parts = pending.parts_of(taken);
        let keys = Keys::default();
        for part in parts {
            let body = pending.bytes_at(&part.body);
            state.rejects.push(Kind::Reject, &keys, body);
        }
        let count = parts.len() as u64;
        state.rejects.weigh(lane_of_parts(taken.source), count);
        let appended = self.rejects.append(&mut state.rejects, mended.waiter);
        let first = outcome(Some(appended), &mut state.rejects).map_err(RetryError::Refused)?;
        for part in parts {
            self.stats.reject(part.reason);
        }
        Ok(first + count - 1)
    }
}
