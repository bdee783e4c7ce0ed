//! What a retried uplink leaves in the logs, and what is remembered of it.
use super::attempt::Attempt;
use super::{Fate, Rejected, RetryError};
use crate::intake::append::{outcome, push_record};
use crate::intake::commit::{State, secs};
use crate::intake::dedup::Original;
use crate::intake::pending::{Record, Taken};
use crate::intake::settle::{lane_of_parts, lane_of_recovered};
use crate::intake::uplink::{Refusal, Ticket};
use crate::intake::{Intake, lock};
use crate::log::record::{Arrived, Keys, Kind, Recovers, RedeliveryKey};
use crate::log::{Settled, Start};
use crate::model::Reject;
use prost::Message;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Longest wait for the sync of the rejects that a retry leaves over.
const SYNC_WAIT: Duration = Duration::from_secs(10);

/// Sequences of the rejects that a retry leaves over.
#[derive(Clone, Copy, Debug)]
struct Left {
    first: u64,
    last: u64,
}

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
        let left = self.leave_parts(&mended, recovers, now)?;
        let leaving = left.map_or(recovers, |left| recovers.leaving(left.first));
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        state.dedup.expire(now);
        // A redelivery may have come since they were looked up: it notes its mark under this lock.
        let redelivered = marks.iter().find_map(|mark| self.unsaved_mark(*mark));
        let known = self.skip_known(&mut mended.attempt, state, now);
        let new = mended.attempt.pending.records.iter();
        let is_new = redelivered.is_none() && new.into_iter().any(|record| !record.skip);
        if is_new {
            let all = 0..mended.attempt.pending.records.len();
            self.judge(&mut mended.attempt.pending, all, now);
        }
        let (by, ticket) = if is_new {
            let appended = self.append_retried(&mended, leaving, left, state);
            let last = appended.as_ref().map_or(0, |(_, ticket)| ticket.log);
            self.settle_truth(last, now);
            appended?
        } else {
            let log = redelivered.unwrap_or(known);
            (log, Ticket { log, rejects: 0 })
        };
        if redelivered.is_none() {
            let recovers = if is_new { leaving } else { recovers };
            self.recovered.note(recovers, by);
        }
        drop(guard);
        mended.found(by, is_new);
        self.wait_for(ticket, mended.waiter);
        Ok(ticket)
    }

    /// Where the content of a report lies already.
    fn known(&self, record: &Record, state: &mut State) -> Option<u64> {
        let sequence = *state.dedup.content().get(&record.content?)?.0;
        (self.log.settled(sequence) != Settled::Voided).then_some(sequence)
    }

    /// Marks the records whose content is known; returns the last sequence of those.
    fn skip_known(&self, attempt: &mut Attempt, state: &mut State, now: u32) -> u64 {
        let records = &mut attempt.pending.records;
        let mut known = 0;
        let (mut reports, mut new) = (false, false);
        for record in records.iter_mut() {
            if record.kind == Kind::Report {
                let found = self.known(record, state);
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
        left: Option<Left>,
        state: &mut State,
    ) -> Result<(u64, Ticket), RetryError> {
        let pending = &mended.attempt.pending;
        let Some(taken) = pending.uplinks.first() else {
            return Ok((0, Ticket::default()));
        };
        let whole = recovers.is_whole();
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
        for (at, record) in pending.records.iter().enumerate() {
            contents.extend(record.content.filter(|_| !record.skip));
            push_record(pending, at, &mut keys, &mut arrived, &mut state.log);
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
        let rejects = left.map_or(0, |left| left.last);
        Ok((first, Ticket { log, rejects }))
    }

    /// The parts of a mended uplink that are still bad are rejects of their own now, for the rest of it
    /// is taken. Returns when they are durable: what is refused after that leaves them as strays.
    fn leave_parts(
        &self,
        mended: &Mended<'_>,
        recovers: Recovers,
        now: u32,
    ) -> Result<Option<Left>, RetryError> {
        let pending = &mended.attempt.pending;
        let taken = pending.uplinks.first();
        let Some(taken) = taken.filter(|taken| recovers.is_whole() && !taken.parts.is_empty())
        else {
            return Ok(None);
        };
        if let Some(error) = self.log.refusing() {
            return Err(RetryError::Refused(error.into()));
        }
        let Ok(mut settled) = self.rejects.reader(Start::Now) else {
            return Err(RetryError::Refused(Refusal::Closed));
        };
        let left = {
            let mut guard = lock(&self.state);
            let state = &mut *guard;
            state.dedup.expire(now);
            let mut reports = pending.records.iter();
            let is_new = reports
                .any(|record| record.kind == Kind::Report && self.known(record, state).is_none());
            if !is_new {
                return Ok(None);
            }
            self.append_parts(mended, taken, recovers, state)?
        };
        let started = Instant::now();
        while self.rejects.settled(left.last) == Settled::Pending {
            let patience = SYNC_WAIT.saturating_sub(started.elapsed());
            if patience.is_zero() || !settled.wait(patience) {
                return Err(RetryError::Refused(Refusal::Backlog));
            }
            // From the watermark of now: whatever settles next wakes it.
            settled = match self.rejects.reader(Start::Now) {
                Ok(settled) => settled,
                Err(_) => return Err(RetryError::Refused(Refusal::Closed)),
            };
        }
        if self.rejects.settled(left.last) == Settled::Voided {
            return Err(RetryError::Refused(Refusal::DiskFull));
        }
        Ok(Some(left))
    }

    fn append_parts(
        &self,
        mended: &Mended<'_>,
        taken: &Taken,
        recovers: Recovers,
        state: &mut State,
    ) -> Result<Left, RetryError> {
        let pending = &mended.attempt.pending;
        let parts = pending.parts_of(taken);
        let keys = Keys::default();
        let out_of = Reject {
            out_of: recovers.first & !Reject::WHOLE,
            ..Reject::default()
        };
        let out_of = out_of.encode_to_vec();
        for part in parts {
            // The payload is kept already, with the uplink.
            let body = pending.bytes_at(&(part.body.start..part.short));
            // A field at the end is as good as one in its place.
            state
                .rejects
                .push(Kind::Reject, &keys, &[body, &out_of].concat());
        }
        let count = parts.len() as u64;
        state.rejects.weigh(lane_of_parts(taken.source), count);
        let appended = self.rejects.append(&mut state.rejects, mended.waiter);
        let first = outcome(Some(appended), &mut state.rejects).map_err(RetryError::Refused)?;
        for part in parts {
            self.stats.reject(part.reason);
        }
        let last = first + count - 1;
        Ok(Left { first, last })
    }
}
