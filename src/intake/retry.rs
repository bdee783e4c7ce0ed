//! A rejected uplink, taken once more: by the routes, profiles and inventory of now, as it came then.
//!
//! ```text
//!  reject + payload --> take (time, address, topic, client of then) --> readings
//!     recovered before?           -- by its place in the log of rejects, for as long as that is kept
//!     said again by the device?   -- dated: by content, in deduplication's window and in history
//!  --> one append: reports, events, and with the first of them which rejects they recover
//! ```
//! - **A retried uplink that fails again** stays the reject that it is; nothing is written.
//! - **Parts.** Where an uplink was taken in part, its parts are retried together, and of what it
//!   decodes to now only the readings of those places are taken. A place that may mean more than what
//!   was refused there is compared with history as well. The report's key is of the whole uplink's
//!   content: if the device sends it all again, there is nothing new in it.
//! - **Without a device time** content is no identity (promise 6), and two equal uplinks are two. So a
//!   whole undated uplink is recovered by its place alone.
//! - **An uplink that is redelivered** after its rejection, and accepted, recovers its reject by itself
//!   (`plan`), and a retried one is known to the redelivery that comes later.
use super::again::{Again, Found, Missing};
use super::append::outcome;
use super::commit::{State, secs};
use super::dedup::Original;
use super::pending::Pending;
use super::settle::{lane_of_parts, lane_of_recovered};
use super::uplink::{Refusal, Ticket, Uplink};
use super::{Intake, lock, reject};
use crate::codecs::{Fault, Reason};
use crate::log::Settled;
use crate::log::record::{Arrived, Keys, Kind, Recovers};
use crate::model::{ReadingDraft, Reject, Source, Timestamp};
use crate::state;
use prost::Message;
use std::sync::Arc;
use tokio::sync::Notify;

/// Which of a device's readings are there already, one answer each: what history knows. Its error is for a
/// person, and the retry is put off.
pub type Had<'a> = dyn Fn(&str, &[ReadingDraft<'_>]) -> Result<Vec<bool>, String> + 'a;

/// The rejects of one uplink.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// All of them, with their sequences.
    pub rejects: Vec<(u64, Reject)>,
    /// The keys of the first one's record.
    pub keys: Keys,
}

/// What becomes of one reject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its readings are in the report or event of this sequence.
    Recovered(u64),
    /// They had been there: in the report of this sequence, or where 0, in one that only history knows.
    Before(u64),
    /// It would be rejected again, and stays what it is. Is it another fault now, this is it.
    Rejected(Fault),
    /// It cannot be retried, in words.
    Cannot(String),
}

/// What becomes of an uplink's rejects.
#[derive(Debug, Default)]
pub struct Retried {
    /// In their order. In a trial `Recovered(0)` is what would be.
    pub fates: Vec<(u64, Fate)>,
    /// The bodies of reports that were appended, or would be.
    pub reports: Vec<Vec<u8>>,
    /// What would be rejected beside them.
    pub faults: Vec<Fault>,
    /// To wait for.
    pub ticket: Ticket,
}

/// How a retry ended before it decided.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    /// The log does not take anything now.
    #[error("the log takes nothing now ({0:?}); try again later")]
    Refused(Refusal),
    /// Which rejects were recovered is not known.
    #[error("the state cannot be used")]
    State(#[from] state::Error),
    /// What is there already is not known.
    #[error("history cannot be read: {0}")]
    History(String),
    /// Too many marks wait for the state.
    #[error("too many recovered rejects are not saved yet; try again later")]
    Unsaved,
}

impl Intake {
    /// Takes a rejected uplink once more; `trial`: says what would come of it, and changes nothing.
    /// Returns before it is durable; `waiter` is notified then. Blocks on the disk of the state, one
    /// retry at a time.
    ///
    /// # Errors
    /// Nothing was decided; all is as it was.
    pub fn retry(
        &self,
        rejected: &Rejected,
        had: &Had<'_>,
        trial: bool,
        waiter: &Arc<Notify>,
    ) -> Result<Retried, RetryError> {
        let _turn = self.recovered.turn();
        if self.recovered.is_full() {
            return Err(RetryError::Unsaved);
        }
        let mut retried = Retried::default();
        let mut open: Vec<(u64, &Reject)> = Vec::new();
        let marks = self.marks()?;
        for (sequence, reject) in &rejected.rejects {
            match marks.find(reject.mark(*sequence))? {
                Some(by) => {
                    retried.fates.push((*sequence, Fate::Before(by)));
                    retried.ticket.log = retried.ticket.log.max(by);
                }
                None => open.push((*sequence, reject)),
            }
        }
        drop(marks);
        let Some((_, first)) = open.first() else {
            self.wait_for(retried.ticket, waiter);
            return Ok(retried);
        };
        let whole = first.is_whole();
        let attempt = match self.retake(rejected, &open, had) {
            Ok(attempt) => attempt,
            Err(Trouble::History(words)) => return Err(RetryError::History(words)),
            Err(Trouble::Cannot(words)) => {
                let cannot = open
                    .iter()
                    .map(|(at, _)| (*at, Fate::Cannot(words.clone())));
                retried.fates.extend(cannot);
                retried
                    .fates
                    .sort_unstable_by_key(|(sequence, _)| *sequence);
                return Ok(retried);
            }
        };
        let mut fates = attempt.fates(&open, whole);
        retried.reports = attempt.reports();
        retried.faults = attempt.faults();
        if !trial {
            self.settle_retry(
                rejected,
                &open,
                &mut fates,
                attempt,
                waiter,
                &mut retried.ticket,
            )?;
        }
        let own = open.iter().map(|(sequence, _)| *sequence);
        retried.fates.extend(own.zip(fates));
        retried
            .fates
            .sort_unstable_by_key(|(sequence, _)| *sequence);
        Ok(retried)
    }

    /// Decodes what is kept.
    fn retake(
        &self,
        rejected: &Rejected,
        open: &[(u64, &Reject)],
        had: &Had<'_>,
    ) -> Result<Attempt, Trouble> {
        let Some((_, head)) = rejected.rejects.first() else {
            return Err(Trouble::Cannot("it is no longer kept".to_owned()));
        };
        let payload = [head.raw.as_slice(), &head.rest].concat();
        let uplink = uplink(head, &payload).map_err(Trouble::Cannot)?;
        let parts = open.iter().map(|(_, reject)| reject.part.as_str());
        let missing = (!head.is_whole()).then(|| Missing::new(parts));
        let again = Again::new(&head.device_id, missing, had);
        let mut pending = Pending::default();
        self.take_again(&uplink, Some(&again), &mut pending);
        if let Some(words) = again.failed() {
            return Err(Trouble::History(words));
        }
        if !head.is_whole() {
            // Its events were noted when it came.
            pending.records.retain(|record| record.kind == Kind::Report);
        }
        Ok(Attempt {
            there: again.there() > 0,
            parts: again.parts(),
            source: uplink.source,
            by_credentials: self.is_by_credentials(&uplink),
            pending,
        })
    }

    /// Does the sender's name come from what is not kept?
    fn is_by_credentials(&self, uplink: &Uplink<'_>) -> bool {
        let settings = self.settings();
        let target = settings.routes.find(uplink.topic, uplink.source);
        target.is_some_and(|target| target.device.is_none() && !target.payload_names)
    }

    /// Appends what is new, and notes what the rejects have become.
    fn settle_retry(
        &self,
        rejected: &Rejected,
        open: &[(u64, &Reject)],
        fates: &mut [Fate],
        mut attempt: Attempt,
        waiter: &Arc<Notify>,
        ticket: &mut Ticket,
    ) -> Result<(), RetryError> {
        let now = secs(self.clock.now());
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        let is_mended = |fate: &Fate| matches!(fate, Fate::Recovered(_) | Fate::Before(_));
        let mended = open.iter().zip(&*fates).filter(|(_, fate)| is_mended(fate));
        let marks = mended.map(|((sequence, reject), _)| reject.mark(*sequence));
        let mut marks: Vec<u64> = marks.collect();
        marks.dedup();
        let Some(mut recovers) = Recovers::new(marks.iter().copied()) else {
            return Ok(());
        };
        // A redelivery may have come since: it notes its mark under this lock.
        if let Some(by) = marks.iter().find_map(|mark| self.unsaved_mark(*mark)) {
            recovers.set = 0;
            fates
                .iter_mut()
                .filter(|fate| is_mended(fate))
                .for_each(|fate| *fate = Fate::Before(by));
            ticket.log = ticket.log.max(by);
        }
        state.dedup.expire(now);
        let known = self.skip_known(&mut attempt.pending, state, now);
        let is_new = attempt.pending.records.iter().any(|record| !record.skip);
        let by = if recovers.set == 0 {
            return Ok(self.wait_for(*ticket, waiter));
        } else if is_new {
            self.append_retried(rejected, recovers, fates, &attempt, waiter, state, ticket)?
        } else {
            known
        };
        for fate in fates.iter_mut() {
            match fate {
                Fate::Recovered(sequence) if is_new => *sequence = by,
                Fate::Recovered(_) => *fate = Fate::Before(by),
                _ => {}
            }
        }
        ticket.log = ticket.log.max(by);
        self.recovered.note(recovers, by);
        drop(guard);
        self.wait_for(*ticket, waiter);
        Ok(())
    }

    /// Marks the records whose content is known; returns the last sequence of those.
    fn skip_known(&self, pending: &mut Pending, state: &mut State, now: u32) -> u64 {
        let mut known = 0;
        let (mut reports, mut new) = (false, false);
        for record in &mut pending.records {
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
            pending
                .records
                .iter_mut()
                .for_each(|record| record.skip = true);
        }
        known
    }

    /// Appends a retried uplink; returns the sequence of its first record.
    #[expect(
        clippy::too_many_arguments,
        reason = "the one place where all of them meet"
    )]
    fn append_retried(
        &self,
        rejected: &Rejected,
        recovers: Recovers,
        fates: &[Fate],
        attempt: &Attempt,
        waiter: &Arc<Notify>,
        state: &mut State,
        ticket: &mut Ticket,
    ) -> Result<u64, RetryError> {
        let pending = &attempt.pending;
        let Some(taken) = pending.uplinks.first() else {
            return Ok(0);
        };
        let whole = recovers.first & Reject::WHOLE != 0;
        let mut rejects = 0;
        if whole && !taken.parts.is_empty() {
            for part in pending.parts_of(taken) {
                let keys = Keys::default();
                state
                    .rejects
                    .push(Kind::Reject, &keys, pending.bytes_at(&part.body));
            }
            let parts = state.rejects.len() as u64;
            state.rejects.weigh(lane_of_parts(taken.source), parts);
            let appended = Some(self.rejects.append(&mut state.rejects, waiter));
            let first = outcome(appended, &mut state.rejects).map_err(RetryError::Refused)?;
            rejects = first + parts - 1;
            pending
                .parts_of(taken)
                .iter()
                .for_each(|part| self.stats.reject(part.reason));
        }
        let redelivery = rejected.keys.redelivery.filter(|_| whole);
        let last = recovers.first & !Reject::WHOLE;
        let still = redelivery.and_then(|key| Some((key, state.dedup.rejected_as(&key, last)?)));
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
        let parts = fates
            .iter()
            .filter(|fate| matches!(fate, Fate::Recovered(_)))
            .count();
        let uplinks = if whole { 1 } else { parts as u64 };
        state.log.weigh(lane_of_recovered(attempt.source), uplinks);
        let count = state.log.len() as u64;
        let appended = Some(self.log.append(&mut state.log, waiter));
        let first = outcome(appended, &mut state.log).map_err(RetryError::Refused)?;
        let now = secs(self.clock.now());
        for content in contents {
            state.dedup.content().insert(content, first, now);
        }
        if let Some((key, _)) = still {
            let log = first + count - 1;
            state
                .dedup
                .settle_delivery(&key, Original { log, rejects: last });
        }
        *ticket = Ticket {
            log: first + count - 1,
            rejects,
        };
        Ok(first)
    }
}

/// A rejected uplink, decoded once more.
struct Attempt {
    pending: Pending,
    /// Readings of it are there already.
    there: bool,
    /// What became of its parts, where parts of it are wanted.
    parts: Vec<Found>,
    source: Source,
    by_credentials: bool,
}

impl Attempt {
    /// What would be rejected now.
    fn faults(&self) -> Vec<Fault> {
        let parts = self.pending.parts.iter();
        let decoded = parts.filter_map(|part| {
            let reject = Reject::decode(self.pending.bytes_at(&part.body)).ok()?;
            let mut fault = Fault::part(part.reason, reject.part, reject.sentence);
            if self.by_credentials && part.reason == Reason::UnknownDevice {
                fault.sentence.push_str("; the access token that it came with is not kept: give the device this name as an alias");
            }
            Some(fault)
        });
        decoded.collect()
    }

    fn reports(&self) -> Vec<Vec<u8>> {
        let records = self.pending.records.iter();
        let reports = records.filter(|record| record.kind == Kind::Report);
        reports
            .map(|record| self.pending.bytes_at(&record.body).to_vec())
            .collect()
    }

    /// What becomes of each open reject, as far as decoding tells.
    fn fates(&self, open: &[(u64, &Reject)], whole: bool) -> Vec<Fate> {
        let faults = self.faults();
        let first = faults.first().cloned();
        let nothing = |part: &str| {
            Fault::part(
                Reason::NoReadings,
                part,
                "no reading is made of it any more",
            )
        };
        if whole {
            let fate = match first {
                _ if !self.pending.records.is_empty() => Fate::Recovered(0),
                _ if self.there => Fate::Before(0),
                first => Fate::Rejected(first.unwrap_or_else(|| nothing(""))),
            };
            return vec![fate; open.len()];
        }
        let fate = |((_, reject), found): (&(u64, &Reject), &Found)| match found {
            Found::Taken => Fate::Recovered(0),
            Found::There => Fate::Before(0),
            Found::Nothing => {
                let own = faults.iter().find(|fault| fault.part == reject.part);
                // A fault of the whole uplink, such as a route that is gone, has no part.
                let own = own.or_else(|| first.as_ref().filter(|fault| fault.part.is_empty()));
                Fate::Rejected(own.cloned().unwrap_or_else(|| nothing(&reject.part)))
            }
        };
        open.iter().zip(&self.parts).map(fate).collect()
    }
}

/// Why an uplink cannot be taken once more.
enum Trouble {
    Cannot(String),
    History(String),
}

/// An uplink as it came, but for what is not kept.
fn uplink<'a>(reject: &'a Reject, payload: &'a [u8]) -> Result<Uplink<'a>, String> {
    if reject.reason == Reason::StoreRejected.as_str() {
        return Err("a store refused this line; its reading is in the log, and `stores rewind` sends it again".to_owned());
    }
    if reject.index != 0 {
        return Err(
            "the first reject of its uplink, which has the payload, is no longer kept".to_owned(),
        );
    }
    if !reject.has_payload() {
        let kept = reject.raw.len() + reject.rest.len();
        return Err(format!(
            "of its {} bytes only the first {kept} are kept",
            reject.raw_len
        ));
    }
    let source = Source::ALL
        .into_iter()
        .find(|source| *source as u32 == reject.source);
    let source = source.ok_or_else(|| format!("its source {} is not known", reject.source))?;
    if reject::may_be_cut(&reject.topic) || reject::may_be_cut(&reject.device_id) {
        return Err("its topic is too long to be kept as a whole".to_owned());
    }
    let format = reject.content_format.checked_sub(1);
    Ok(Uplink {
        source,
        received_at: Timestamp::from_nanos(reject.received_at_ns),
        address: reject
            .address
            .parse()
            .map_err(|_| format!("its address {:?} cannot be read", reject.address))?,
        topic: &reject.topic,
        client: &reject.client,
        user: "",
        payload,
        content_format: format.and_then(|format| u16::try_from(format).ok()),
        delivery: None,
        unassured: false,
    })
}
