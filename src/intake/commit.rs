//! Deduplicates and appends what was taken: one lock, at most one append to each log.
//!
//! ```text
//!  plan each uplink: new, duplicate, refused   (keys go in at once: a copy may be in the same batch)
//!  count: received = in flight + duplicate + refused + dropped
//!  append rejects                               (a part twice is better than a report twice)
//!  judge registers, append reports and what was found of them
//!  give the keys their sequences, or take them out again; correct the counts of what failed
//! ```
//! The lock is held over the appends, so that the order of the log is the order of the decisions.
//! It is never held over the disk: an append only copies.
use super::alarm::Alarms;
use super::append::{outcome, push_log, push_rejects};
use super::budget::Budgets;
use super::clock::Clocks;
use super::dedup::{Dedup, Original};
use super::pending::{Pending, Taken};
use super::plan::{Class, Plan};
use super::settle::{Delta, Deltas};
use super::uplink::{Answer, Refusal, Ticket, Verdict};
use super::{Intake, lock};
use crate::log::{Batch, Settled};
use crate::model::Timestamp;
use std::sync::Arc;
use tokio::sync::Notify;

/// All that changes.
#[derive(Debug)]
pub(super) struct State {
    pub(super) dedup: Dedup,
    pub(super) budgets: Budgets,
    pub(super) clocks: Clocks,
    pub(super) alarms: Alarms,
    pub(super) log: Batch,
    pub(super) rejects: Batch,
}

/// Seconds since 1970, for ages.
pub(super) fn secs(now: Timestamp) -> u32 {
    u32::try_from(now.as_secs_nanos().0).unwrap_or(0)
}

/// The first sequence in each log; 0 where nothing was to be appended.
#[derive(Clone, Copy, Debug)]
struct Appended {
    rejects: Result<u64, Refusal>,
    log: Result<u64, Refusal>,
}

impl Appended {
    /// Where the last records of an uplink lie; 0: none was appended.
    fn of(self, plan: &Plan) -> Original {
        let at = |first: Result<u64, Refusal>, end: u64| match (first, end) {
            (Ok(first), 1..) => first + end - 1,
            _ => 0,
        };
        Original {
            log: at(self.log, plan.log_end),
            rejects: at(self.rejects, plan.rejects_end),
        }
    }
}

impl Intake {
    /// Deduplicates and appends all of `pending`, in order, and empties it. One answer per uplink,
    /// in order; `waiter` is notified whenever a ticket among them may have settled.
    pub fn commit(&self, pending: &mut Pending, waiter: &Arc<Notify>) -> Vec<Answer> {
        if pending.is_empty() {
            return Vec::new();
        }
        let now = secs(self.clock.now());
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        state.dedup.expire(now);
        let mut plans = Vec::with_capacity(pending.len());
        for own in 0..pending.len() {
            plans.push(self.plan(own, pending, state, now));
        }
        count(pending, &plans).add_to(&self.accounting);
        let rejects = push_rejects(pending, &mut plans, &mut state.rejects)
            .then(|| self.rejects.append(&mut state.rejects, waiter));
        let rejects = outcome(rejects, &mut state.rejects);
        if let Err(refusal) = rejects {
            refuse_rejects(&mut plans, refusal);
        }
        self.judge_planned(pending, &plans, now);
        let pushed = push_log(pending, &mut plans, &mut state.log);
        let count = state.log.len() as u64;
        let log = pushed.then(|| self.log.append(&mut state.log, waiter));
        let log = outcome(log, &mut state.log);
        let last = log.map_or(0, |first| (first + count).saturating_sub(1));
        self.settle_truth(last, now);
        let answers = self.finish(pending, &plans, state, Appended { rejects, log });
        let (entries, evictions) = state.dedup.size();
        drop(guard);
        self.stats.dedup(entries, evictions);
        for (taken, (answer, plan)) in pending.uplinks.iter().zip(answers.iter().zip(&plans)) {
            if answer.verdict == Verdict::Duplicate {
                self.sighted_all(taken, pending);
            }
            // What this batch appended tells the waiter by itself.
            if plan.log_end == 0 && plan.rejects_end == 0 {
                self.wait_for(answer.ticket, waiter);
            }
        }
        pending.clear();
        answers
    }

    /// Judges the registers in what will be appended.
    fn judge_planned(&self, pending: &mut Pending, plans: &[Plan], now: u32) {
        if pending.watched.is_empty() {
            return;
        }
        for (own, plan) in plans.iter().enumerate() {
            if plan.append_log
                && plan.refused.is_none()
                && let Some(taken) = pending.uplinks.get(own)
            {
                self.judge(pending, taken.records.clone(), now);
            }
        }
    }

    /// Gives answers, sequences to keys, and corrects the counts of what failed.
    fn finish(
        &self,
        pending: &Pending,
        plans: &[Plan],
        state: &mut State,
        appended: Appended,
    ) -> Vec<Answer> {
        let mut answers: Vec<Answer> = Vec::with_capacity(plans.len());
        let mut failed = Deltas::default();
        for (taken, plan) in pending.uplinks.iter().zip(plans) {
            let twin = plan.twin.and_then(|twin| answers.get(twin)).copied();
            let own = appended.of(plan);
            let of_twin = twin.map(|twin| twin.ticket).unwrap_or_default();
            let ticket = Ticket {
                log: own.log.max(plan.original.log).max(of_twin.log),
                rejects: own.rejects.max(plan.original.rejects).max(of_twin.rejects),
            };
            self.settle_keys(pending, taken, plan, state, own, ticket);
            let log_failed = appended.log.err().filter(|_| plan.log_end > 0);
            let refused = plan
                .refused
                .or(log_failed)
                .or(match twin.map(|twin| twin.verdict) {
                    Some(Verdict::Refused(refusal)) => Some(refusal),
                    _ => None,
                });
            let verdict = match refused {
                Some(refusal) => {
                    failed.of(taken.source, |delta| uncount(delta, taken, plan, own));
                    Verdict::Refused(refusal)
                }
                None if taken.records.is_empty() && ticket.log == 0 => taken.rejected,
                None if plan.append_log => Verdict::Accepted,
                None => Verdict::Duplicate,
            };
            if let Some(claim) = taken.claim {
                self.settle_claim(claim, verdict == Verdict::Accepted);
            }
            answers.push(Answer { ticket, verdict });
        }
        failed.subtract_from(&self.accounting);
        answers
    }

    fn settle_keys(
        &self,
        pending: &Pending,
        taken: &Taken,
        plan: &Plan,
        state: &mut State,
        own: Original,
        ticket: Ticket,
    ) {
        let appended = plan.log_end > 0 && own.log != 0;
        for record in pending.records_of(taken) {
            if record.skip || !plan.append_log {
                continue;
            }
            if let (false, Some((device, _))) = (appended, &record.clock) {
                state.clocks.unsay(*device);
            }
            if let (false, Some(alarm)) = (appended, &record.alarm) {
                state.alarms.unsay(alarm);
            }
            if let Some(content) = record.content {
                set(state.dedup.content(), &content, appended.then_some(own.log));
            }
        }
        if let (true, Some(recovers)) = (appended, plan.recovers) {
            self.recovered.note(recovers, own.log);
        }
        let kept = plan.rejects_end > 0 && own.rejects != 0;
        if plan.append_rejects
            && let Some(key) = taken.parts_key
        {
            set(state.dedup.parts(), &key, kept.then_some(own.rejects));
        }
        if kept {
            for part in pending.parts_of(taken) {
                self.stats.reject(part.reason);
            }
        }
        if let (Some(sent), false) = (&taken.transmission, plan.counted == Class::Refused) {
            let original = Original {
                log: ticket.log,
                rejects: ticket.rejects,
            };
            state.dedup.settle_delivery(&sent.key, original);
        }
    }

    /// The original of a duplicate may be in flight.
    pub(super) fn wait_for(&self, ticket: Ticket, waiter: &Arc<Notify>) {
        for (log, sequence) in [(&self.log, ticket.log), (&self.rejects, ticket.rejects)] {
            if log.settled(sequence) == Settled::Pending {
                log.notify_settled(sequence, waiter);
            }
        }
    }
}

fn set(table: &mut super::aged::Aged<u128, u64>, key: &u128, sequence: Option<u64>) {
    match sequence {
        Some(sequence) => {
            if let Some(known) = table.get_mut(key) {
                *known = sequence;
            }
        }
        None => {
            table.remove(key);
        }
    }
}

fn count(pending: &Pending, plans: &[Plan]) -> Deltas {
    let mut deltas = Deltas::default();
    for (taken, plan) in pending.uplinks.iter().zip(plans) {
        deltas.of(taken.source, |delta| {
            delta.received += 1;
            match plan.counted {
                Class::InFlight => delta.in_flight += 1,
                Class::Duplicate => delta.duplicate += 1,
                Class::Refused if taken.unassured => delta.dropped += 1,
                Class::Refused => delta.refused += 1,
            }
        });
    }
    deltas
}

/// An uplink was refused after it had been counted as in flight or duplicate. What of it is in
/// flight all the same stays so: the disk will settle it.
fn uncount(delta: &mut Delta, taken: &Taken, plan: &Plan, own: Original) {
    let under_way = if plan.append_log {
        own.log
    } else {
        own.rejects
    };
    match plan.counted {
        Class::InFlight if under_way == 0 => delta.in_flight += 1,
        Class::Duplicate => delta.duplicate += 1,
        Class::InFlight | Class::Refused => return,
    }
    if taken.unassured {
        delta.dropped += 1;
    } else {
        delta.refused += 1;
    }
}

/// The rejects could not be appended: their uplinks are refused as a whole.
fn refuse_rejects(plans: &mut [Plan], refusal: Refusal) {
    for plan in plans.iter_mut().filter(|plan| plan.rejects_end > 0) {
        plan.refused = Some(refusal);
        plan.rejects_end = 0;
    }
}
