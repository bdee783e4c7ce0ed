//! Deduplicates and appends what was taken: one lock, at most one append to each log.
//!
//! ```text
//!  plan each uplink: new, duplicate, refused   (keys go in at once: a copy may be in the same batch)
//!  count: received = in flight + duplicate + refused + dropped
//!  append rejects, then reports                 (a part twice is better than a report twice)
//!  give the keys their sequences, or take them out again; correct the counts of what failed
//! ```
//! The lock is held over the appends, so that the order of the log is the order of the decisions.
//! It is never held over the disk: an append only copies.
use super::budget::Budgets;
use super::clock::Clocks;
use super::dedup::{Dedup, Original};
use super::pending::{Pending, Record, Taken};
use super::settle::{Delta, Deltas, lane, lane_of_parts};
use super::uplink::{Answer, Refusal, Ticket, Verdict};
use super::{Intake, lock};
use crate::log::record::{Keys, Kind};
use crate::log::{AppendError, Batch, Log, Settled};
use crate::model::Timestamp;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::Notify;

/// Marks a sequence that is not known yet: the rest is the uplink's place in the batch. Real ones
/// begin with the microseconds since 1970, far below.
const IN_BATCH: u64 = 1 << 63;

/// All that changes.
#[derive(Debug)]
pub(super) struct State {
    pub(super) dedup: Dedup,
    pub(super) budgets: Budgets,
    pub(super) clocks: Clocks,
    pub(super) log: Batch,
    pub(super) rejects: Batch,
}

/// Seconds since 1970, for ages.
pub(super) fn secs(now: Timestamp) -> u32 {
    u32::try_from(now.as_secs_nanos().0).unwrap_or(0)
}

/// What is to be done with one uplink.
#[derive(Clone, Debug, Default)]
struct Plan {
    /// Where what need not be appended lies.
    original: Original,
    /// An earlier uplink of this batch that it is a copy of.
    twin: Option<usize>,
    append_log: bool,
    append_rejects: bool,
    /// Known by its packet id, with everything it has: the entry is right as it is.
    redelivery: bool,
    refused: Option<Refusal>,
    /// Offsets of its last record in the batches, from 1.
    log_end: u64,
    rejects_end: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    InFlight,
    Duplicate,
    Refused,
}

impl Plan {
    fn class(&self, taken: &Taken) -> Class {
        let rejected = taken.records.is_empty();
        match self.refused {
            Some(_) => Class::Refused,
            None if self.append_log || (rejected && self.append_rejects) => Class::InFlight,
            None => Class::Duplicate,
        }
    }

    /// Notes that a half lies at `sequence`, which may be of this batch.
    fn found(&mut self, own: usize, sequence: u64, half: fn(&mut Original) -> &mut u64) {
        if sequence & IN_BATCH == 0 {
            let known = half(&mut self.original);
            *known = sequence.max(*known);
            return;
        }
        let twin = usize::try_from(sequence ^ IN_BATCH).unwrap_or(usize::MAX);
        if twin != own {
            self.twin = Some(twin);
        }
    }
}

const fn log_half(original: &mut Original) -> &mut u64 {
    &mut original.log
}

const fn rejects_half(original: &mut Original) -> &mut u64 {
    &mut original.rejects
}

const fn in_batch(uplink: usize) -> u64 {
    IN_BATCH | uplink as u64
}

/// A voided original is none.
fn alive(log: &Log, sequence: u64) -> bool {
    sequence != 0 && (sequence & IN_BATCH != 0 || log.settled(sequence) != Settled::Voided)
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
            refuse(&mut plans, refusal, |plan| plan.append_rejects);
        }
        let log = push_log(pending, &mut plans, &mut state.log)
            .then(|| self.log.append(&mut state.log, waiter));
        let log = outcome(log, &mut state.log);
        let answers = self.finish(pending, &plans, state, rejects, log, waiter);
        let (entries, evictions) = state.dedup.size();
        drop(guard);
        self.stats
            .dedup_entries
            .store(entries as u64, Ordering::Relaxed);
        self.stats
            .dedup_evictions
            .store(evictions, Ordering::Relaxed);
        pending.clear();
        answers
    }

    fn plan(&self, own: usize, pending: &mut Pending, state: &mut State, now: u32) -> Plan {
        let mut plan = Plan::default();
        let (records, parts) = (&mut pending.records, &pending.parts);
        let Some(taken) = pending.uplinks.get(own) else {
            return plan;
        };
        let records = records.get_mut(taken.records.clone()).unwrap_or_default();
        let (all_records, all_parts) = self.redelivered(own, taken, state, &mut plan);
        for record in records.iter_mut().filter(|record| record.clock.is_none()) {
            record.skip = all_records;
            if let (false, Some(content)) = (all_records, record.content)
                && let Some((&sequence, _)) = state.dedup.content().get(&content)
                && alive(&self.log, sequence)
            {
                record.skip = true;
                plan.found(own, sequence, log_half);
            }
        }
        plan.append_log = records
            .iter()
            .any(|record| record.clock.is_none() && !record.skip);
        plan.append_rejects = !taken.parts.is_empty() && !all_parts;
        if let (true, Some(key)) = (plan.append_rejects, taken.parts_key)
            && let Some((&sequence, _)) = state.dedup.parts().get(&key)
            && alive(&self.rejects, sequence)
        {
            plan.append_rejects = false;
            plan.found(own, sequence, rejects_half);
        }
        if plan.append_rejects {
            let parts = parts.get(taken.parts.clone()).unwrap_or_default();
            let bytes: usize = parts.iter().map(|part| part.body.len()).sum();
            let [address, device] = taken.senders;
            let senders = [address, device];
            let senders = if address == device {
                &senders[..1]
            } else {
                &senders[..]
            };
            if !state.budgets.charge(senders, bytes as u64, now) {
                return Plan {
                    refused: Some(Refusal::Budget),
                    ..Plan::default()
                };
            }
        }
        let mut said = false;
        for record in records {
            match &record.clock {
                None => said = !record.skip,
                Some((device, wrong)) => {
                    record.skip = !said || !state.clocks.due(*device, wrong, now);
                    if said && record.skip {
                        self.stats.events_suppressed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
        }
        plan.redelivery = all_records && all_parts;
        remember(own, pending, state, &plan, now);
        plan
    }

    /// Looks the packet id up: are all records, are all parts there already?
    fn redelivered(
        &self,
        own: usize,
        taken: &Taken,
        state: &mut State,
        plan: &mut Plan,
    ) -> (bool, bool) {
        let sent = taken.transmission.as_ref();
        let Some(first) = sent.and_then(|sent| state.dedup.redelivered(sent)) else {
            return (false, false);
        };
        let records = alive(&self.log, first.log);
        let mut parts = alive(&self.rejects, first.rejects);
        if records {
            plan.found(own, first.log, log_half);
            // What was logged once is not rejected now, because the settings changed in between.
            parts |= taken.records.is_empty();
        }
        if alive(&self.rejects, first.rejects) {
            plan.found(own, first.rejects, rejects_half);
        }
        (records, parts || (records && taken.parts.is_empty()))
    }

    /// Gives answers, sequences to keys, and corrects the counts of what failed.
    fn finish(
        &self,
        pending: &Pending,
        plans: &[Plan],
        state: &mut State,
        rejects: Result<u64, Refusal>,
        log: Result<u64, Refusal>,
        waiter: &Arc<Notify>,
    ) -> Vec<Answer> {
        let mut answers: Vec<Answer> = Vec::with_capacity(plans.len());
        let mut failed = Deltas::default();
        for (taken, plan) in pending.uplinks.iter().zip(plans) {
            let twin = plan.twin.and_then(|twin| answers.get(twin)).copied();
            let at = |first: Result<u64, Refusal>, end: u64| match (first, end) {
                (Ok(first), 1..) => first + end - 1,
                _ => 0,
            };
            let own = Original {
                log: at(log, plan.log_end),
                rejects: at(rejects, plan.rejects_end),
            };
            let of_twin = twin.map(|twin| twin.ticket).unwrap_or_default();
            let ticket = Ticket {
                log: own.log.max(plan.original.log).max(of_twin.log),
                rejects: own.rejects.max(plan.original.rejects).max(of_twin.rejects),
            };
            let log_failed = log.err().filter(|_| plan.log_end > 0);
            let refused = plan
                .refused
                .or(log_failed)
                .or(match twin.map(|twin| twin.verdict) {
                    Some(Verdict::Refused(refusal)) => Some(refusal),
                    _ => None,
                });
            self.settle_keys(pending, taken, plan, state, own, ticket);
            let wanted = plan.append_log && own.log == 0;
            let verdict = match refused {
                Some(refusal) => {
                    let class = Plan {
                        refused: None,
                        ..plan.clone()
                    }
                    .class(taken);
                    let counted = class == Class::InFlight && !wanted && own != Original::default();
                    if plan.refused != Some(Refusal::Budget) && !counted {
                        failed.of(taken.source, |delta| uncount(delta, class, taken.unassured));
                    }
                    Verdict::Refused(refusal)
                }
                None if taken.records.is_empty() && plan.original.log == 0 => taken.rejected,
                None if plan.append_log => Verdict::Accepted,
                None => Verdict::Duplicate,
            };
            if verdict == Verdict::Duplicate || own == Original::default() {
                self.wait_for(ticket, waiter);
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
        for record in pending
            .records
            .get(taken.records.clone())
            .unwrap_or_default()
        {
            if record.skip || !plan.append_log {
                continue;
            }
            if let (false, Some((device, _))) = (appended, &record.clock) {
                state.clocks.unsay(*device);
            }
            if let Some(content) = record.content {
                set(state.dedup.content(), &content, appended.then_some(own.log));
            }
        }
        let kept = plan.rejects_end > 0 && own.rejects != 0;
        if plan.append_rejects
            && let Some(key) = taken.parts_key
        {
            set(state.dedup.parts(), &key, kept.then_some(own.rejects));
        }
        if kept {
            for part in pending.parts.get(taken.parts.clone()).unwrap_or_default() {
                self.stats.reject(part.reason);
            }
        }
        if let (Some(sent), false) = (&taken.transmission, plan.refused == Some(Refusal::Budget)) {
            let original = Original {
                log: ticket.log,
                rejects: ticket.rejects,
            };
            state.dedup.settle_delivery(&sent.key, original);
        }
    }

    /// The original of a duplicate may be in flight.
    fn wait_for(&self, ticket: Ticket, waiter: &Arc<Notify>) {
        for (log, sequence) in [(&self.log, ticket.log), (&self.rejects, ticket.rejects)] {
            if log.settled(sequence) == Settled::Pending {
                log.notify_settled(sequence, waiter);
            }
        }
    }

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

/// Keys of what will be appended go in at once, with the place in the batch for a sequence.
fn remember(own: usize, pending: &Pending, state: &mut State, plan: &Plan, now: u32) {
    let Some(taken) = pending.uplinks.get(own) else {
        return;
    };
    let records = pending
        .records
        .get(taken.records.clone())
        .unwrap_or_default();
    for record in records.iter().filter(|record| !record.skip) {
        if let Some(content) = record.content {
            state.dedup.content().insert(content, in_batch(own), now);
        }
    }
    if let (true, Some(key)) = (plan.append_rejects, taken.parts_key) {
        state.dedup.parts().insert(key, in_batch(own), now);
    }
    if let (Some(sent), false) = (&taken.transmission, plan.redelivery) {
        let half = |append: bool, sequence| if append { in_batch(own) } else { sequence };
        let original = Original {
            log: half(plan.append_log, plan.original.log),
            rejects: half(plan.append_rejects, plan.original.rejects),
        };
        state.dedup.deliver(sent, original, now);
    }
}

fn count(pending: &Pending, plans: &[Plan]) -> Deltas {
    let mut deltas = Deltas::default();
    for (taken, plan) in pending.uplinks.iter().zip(plans) {
        deltas.of(taken.source, |delta| {
            delta.received += 1;
            match plan.class(taken) {
                Class::InFlight => delta.in_flight += 1,
                Class::Duplicate => delta.duplicate += 1,
                Class::Refused if taken.unassured => delta.dropped += 1,
                Class::Refused => delta.refused += 1,
            }
        });
    }
    deltas
}

/// What was counted as `class` was refused after all.
const fn uncount(delta: &mut Delta, class: Class, unassured: bool) {
    match class {
        Class::InFlight => delta.in_flight += 1,
        Class::Duplicate => delta.duplicate += 1,
        Class::Refused => return,
    }
    if unassured {
        delta.dropped += 1;
    } else {
        delta.refused += 1;
    }
}

fn refuse(plans: &mut [Plan], refusal: Refusal, which: impl Fn(&Plan) -> bool) {
    for plan in plans.iter_mut().filter(|plan| which(plan)) {
        plan.refused = plan.refused.or(Some(refusal));
        plan.rejects_end = 0;
    }
}

/// The first sequence; 0 where there was nothing to append.
fn outcome(appended: Option<Result<u64, AppendError>>, batch: &mut Batch) -> Result<u64, Refusal> {
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
            // take() writes no record of that size.
            AppendError::Backlog { .. } | AppendError::TooLarge { .. } => Self::Backlog,
            AppendError::Closed => Self::Closed,
        }
    }
}

fn push_rejects(pending: &Pending, plans: &mut [Plan], batch: &mut Batch) -> bool {
    for (taken, plan) in pending.uplinks.iter().zip(plans) {
        if plan.refused.is_some() || !plan.append_rejects {
            continue;
        }
        let mut keys = keys(taken);
        keys.content = taken.parts_key;
        for part in pending.parts.get(taken.parts.clone()).unwrap_or_default() {
            push(batch, pending, Kind::Reject, &keys, &part.body);
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

fn push_log(pending: &Pending, plans: &mut [Plan], batch: &mut Batch) -> bool {
    for (taken, plan) in pending.uplinks.iter().zip(plans) {
        if plan.refused.is_some() || !plan.append_log {
            continue;
        }
        let mut keys = keys(taken);
        let records = pending
            .records
            .get(taken.records.clone())
            .unwrap_or_default();
        for Record {
            kind,
            content,
            body,
            ..
        } in records.iter().filter(|record| !record.skip)
        {
            keys.content = *content;
            push(batch, pending, *kind, &keys, body);
            keys = Keys::default();
        }
        batch.weigh(lane(taken.source, taken.unassured), 1);
        plan.log_end = batch.len() as u64;
    }
    !batch.is_empty()
}

/// The transmission's identity goes with the first record of each half.
fn keys(taken: &Taken) -> Keys {
    Keys {
        content: None,
        redelivery: taken.transmission.map(|sent| sent.key),
        exactly_once: taken.transmission.is_some_and(|sent| sent.exactly_once),
    }
}

fn push(batch: &mut Batch, pending: &Pending, kind: Kind, keys: &Keys, body: &Range<usize>) {
    let body = pending.bytes.get(body.clone()).unwrap_or_default();
    batch.push(kind, keys, body);
}
