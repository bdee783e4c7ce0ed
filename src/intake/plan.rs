//! What is to be done with one uplink: new, duplicate or refused.
use super::Intake;
use super::commit::State;
use super::dedup::Original;
use super::pending::{Part, Pending, Record, Taken};
use super::uplink::Refusal;
use crate::log::record::Recovers;
use crate::log::{Log, Settled};
use crate::model::{Reject, Source};
use std::sync::atomic::Ordering;

/// Marks a sequence that is not known yet: the rest is the uplink's place in the batch. Real ones
/// begin with the microseconds since 1970, far below.
const IN_BATCH: u64 = 1 << 63;

/// What is to be done with one uplink.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// Where what need not be appended lies.
    pub(super) original: Original,
    /// An earlier uplink of this batch that it is a copy of.
    pub(super) twin: Option<usize>,
    pub(super) append_log: bool,
    pub(super) append_rejects: bool,
    /// Known by its packet id, with everything it has: the entry is right as it is.
    pub(super) redelivery: bool,
    /// As what it is counted before anything is appended.
    pub(super) counted: Class,
    pub(super) refused: Option<Refusal>,
    /// It was rejected when it came first, and is not now.
    pub(super) recovers: Option<Recovers>,
    /// Offsets of its last record in the batches, from 1.
    pub(super) log_end: u64,
    pub(super) rejects_end: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Class {
    InFlight,
    #[default]
    Duplicate,
    /// Its sender has used up his budget.
    Refused,
}

impl Plan {
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
    /// Decides about one uplink, and remembers its keys.
    pub(super) fn plan(
        &self,
        own: usize,
        pending: &mut Pending,
        state: &mut State,
        now: u32,
    ) -> Plan {
        let mut plan = Plan::default();
        let (records, parts) = (&mut pending.records, &mut pending.parts);
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
        skip_alarms_of_copies(records);
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
        // A broker sends for all devices behind it, and again and again what is refused: one of them
        // would hold up all.
        let charged = plan.append_rejects && taken.source != Source::Broker;
        if charged && !charge(taken, parts, state, now) {
            return Plan {
                counted: Class::Refused,
                refused: Some(Refusal::Budget),
                ..Plan::default()
            };
        }
        if plan.append_rejects {
            keep_rest(taken, parts, state, now);
        }
        let left_out = leave_alarms_out(taken, records, &pending.off, state, now);
        let suppressed = &self.stats.events_suppressed;
        suppressed.fetch_add(left_out, Ordering::Relaxed);
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
        let rejected = taken.records.is_empty();
        if plan.append_log || (rejected && plan.append_rejects) {
            plan.counted = Class::InFlight;
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
            // A power cut may take what is pending, and give its sequence to another uplink's reject.
            if !records && self.rejects.settled(first.rejects) == Settled::Durable {
                plan.recovers = Recovers::new([first.rejects | Reject::WHOLE]);
            }
        }
        (records, parts || (records && taken.parts.is_empty()))
    }
}

fn is_carrier(record: &Record) -> bool {
    record.clock.is_none() && record.alarm.is_none()
}

/// An alarm that came with a report is as new as that: it may have been left out of the log.
fn skip_alarms_of_copies(records: &mut [Record]) {
    let mut carriers = records
        .iter()
        .filter(|record| is_carrier(record))
        .peekable();
    if carriers.peek().is_some() && carriers.all(|record| record.skip) {
        for record in records.iter_mut().filter(|record| record.alarm.is_some()) {
            record.skip = true;
        }
    }
}

/// Leaves out the alarms that were told, but none that is all there is of an uplink. Returns how many.
fn leave_alarms_out(
    taken: &Taken,
    records: &mut [Record],
    off: &[(usize, u64)],
    state: &mut State,
    now: u32,
) -> u64 {
    let from = off.partition_point(|(record, _)| *record < taken.records.start);
    let of = off.get(from..).unwrap_or_default().iter();
    for (record, alarm) in of.take_while(|(record, _)| *record < taken.records.end) {
        let place = record - taken.records.start;
        if records.get(place).is_some_and(|record| !record.skip) {
            state.alarms.off(*alarm);
        }
    }
    let carries = |record: &Record| is_carrier(record) && !record.skip;
    let is_more = records.iter().any(carries);
    let mut left_out = 0;
    for record in records.iter_mut().filter(|record| !record.skip) {
        if let Some(alarm) = &record.alarm {
            record.skip = !state.alarms.due(alarm, now) && is_more;
            left_out += u64::from(record.skip);
        }
    }
    left_out
}

/// May the sender cause these rejects?
fn charge(taken: &Taken, parts: &[Part], state: &mut State, now: u32) -> bool {
    let parts = parts.get(taken.parts.clone()).unwrap_or_default();
    let bytes: usize = parts.iter().map(|part| part.short - part.body.start).sum();
    let (address, device) = taken.senders;
    match device {
        None => state.budgets.charge(&[address], bytes as u64, now),
        Some(device) => state.budgets.charge(&[address, device], bytes as u64, now),
    }
}

/// A payload is kept beyond its beginning, for a retry, while its sender has half of his budget left:
/// what serves a retry is never a reason to refuse an uplink.
fn keep_rest(taken: &Taken, parts: &mut [Part], state: &mut State, now: u32) {
    let parts = parts.get_mut(taken.parts.clone()).unwrap_or_default();
    let rest = |part: &Part| part.body.end.saturating_sub(part.short);
    let bytes: usize = parts.iter().map(rest).sum();
    if bytes == 0 {
        return;
    }
    let (address, device) = taken.senders;
    // The address of a broker is everybody's.
    let address = (taken.source != Source::Broker || device.is_none()).then_some(address);
    let senders: Vec<u64> = address.into_iter().chain(device).collect();
    if !state.budgets.charge_half(&senders, bytes as u64, now) {
        for part in parts {
            part.body.end = part.short;
        }
    }
}

/// Keys of what will be appended go in at once, with the place in the batch for a sequence.
fn remember(own: usize, pending: &Pending, state: &mut State, plan: &Plan, now: u32) {
    let Some(taken) = pending.uplinks.get(own) else {
        return;
    };
    for record in pending
        .records_of(taken)
        .iter()
        .filter(|record| !record.skip)
    {
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
