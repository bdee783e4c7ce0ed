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
//! - **What is still bad** of a whole uplink that is mended becomes rejects of their own, which are durable
//!   before the report is appended, so that no bad part vanishes. The report's record names the first of
//!   them. Those that no report names are of an attempt that came to nothing: their uplink is still there
//!   to be retried, so they are not, or a reading could come by both.
//! - **Without a device time** content is no identity (promise 6), and two equal uplinks are two. So a
//!   whole undated uplink is recovered by its place alone.
//! - **An uplink that is redelivered** after its rejection, and accepted, recovers its reject by itself
//!   (`plan`), and a retried one is known to the redelivery that comes later.
mod append;
mod attempt;

use super::again::{Again, Missing};
use super::pending::Pending;
use super::uplink::{Refusal, Ticket, Uplink};
use super::{Intake, reject};
use crate::codecs::{Fault, Reason};
use crate::log::record::Keys;
use crate::model::{ReadingDraft, Reject, Source, Timestamp};
use crate::state;
use append::Mended;
use attempt::Attempt;
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
    #[error("what is there already is not known: {0}")]
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
            match marks.of(*sequence, reject)? {
                Some(by) => {
                    retried.fates.push((*sequence, Fate::Before(by)));
                    retried.ticket.log = retried.ticket.log.max(by);
                }
                None => open.push((*sequence, reject)),
            }
        }
        let Some((first_at, first)) = open.first() else {
            self.wait_for(retried.ticket, waiter);
            return Ok(retried);
        };
        let whole = first.is_whole();
        let is_stray = first.is_stray(*first_at, |mark| marks.find(mark))?;
        drop(marks);
        let attempt = if is_stray {
            let words = format!(
                "it is left of a retry that came to nothing; the uplink itself is reject {}: retry that",
                first.out_of
            );
            Err(Trouble::Cannot(words))
        } else {
            self.retake(rejected, &open, had)
        };
        let fates = match attempt {
            Err(Trouble::History(words)) => return Err(RetryError::History(words)),
            Err(Trouble::Cannot(words)) => vec![Fate::Cannot(words); open.len()],
            Ok(attempt) => {
                let mut fates = attempt.fates(&open, whole);
                retried.reports = attempt.reports();
                retried.faults = attempt.faults();
                if !trial {
                    let ticket = self.settle_retry(Mended {
                        rejected,
                        open: &open,
                        fates: &mut fates,
                        attempt,
                        waiter,
                    })?;
                    retried.ticket.log = retried.ticket.log.max(ticket.log);
                    retried.ticket.rejects = ticket.rejects;
                }
                fates
            }
        };
        let own = open.iter().map(|(sequence, _)| *sequence);
        retried.fates.extend(own.zip(fates));
        let fates = &mut retried.fates;
        fates.sort_unstable_by_key(|(sequence, _)| *sequence);
        Ok(retried)
    }

    /// Decodes what is kept.
    fn retake(
        &self,
        rejected: &Rejected,
        open: &[(u64, &Reject)],
        had: &Had<'_>,
    ) -> Result<Attempt, Trouble> {
        let Some((_, leader)) = rejected.rejects.first() else {
            return Err(Trouble::Cannot("it is no longer kept".to_owned()));
        };
        let payload = [leader.raw.as_slice(), &leader.rest].concat();
        let uplink = uplink(leader, &payload).map_err(Trouble::Cannot)?;
        let parts = open.iter().map(|(_, reject)| reject.part.as_str());
        let missing = (!leader.is_whole()).then(|| Missing::new(parts));
        let again = Again::new(leader.sender(), missing, had);
        let mut pending = Pending::default();
        self.take_again(&uplink, Some(&again), &mut pending);
        if let Some(words) = again.failed() {
            return Err(Trouble::History(words));
        }
        if !leader.is_whole() {
            // Its events were noted when it came.
            pending.keep_reports();
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
    let source = Source::from_number(reject.source.into());
    let source = source.ok_or_else(|| format!("its source {} is not known", reject.source))?;
    if reject::may_be_cut(&reject.topic) || reject::may_be_cut(reject.sender()) {
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
