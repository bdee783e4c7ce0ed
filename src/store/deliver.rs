//! One batch to the store, until every line of it is settled.
//!
//! ```text
//!  2xx: stored | later, alarm: the same again, for ever | 413: in halves | 400, 422: find the lines
//! ```
//! **Finding the lines.** A refused batch is sent in halves, the first half first, so that the order of
//! a device's readings holds. Good lines may be written twice, which is one write to a store. A single
//! line that is refused is a reject, *if the store takes anything at all*: else it is the store that is
//! wrong (another kind of database, a policy, a precision), not thousands of lines, and an operator's
//! mistake must lose nothing. What counts as proof: another part of this batch was taken, or a batch of
//! any shard since; or else the line that this shard had stored last is taken once more. Without proof
//! the search ends after [`PROBES_MAX`] lines, an alarm is raised, and the batch is tried again later.
use super::backoff::delay;
use super::batch::{Batch, Body, Lines};
use super::client::{Client, Outcome};
use super::config::Config;
use super::status::{Status, Trouble};
use crate::intake::{Intake, RefusedLine};
use crate::log::Settled;
use crate::model::{Clock, random_bytes};
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;

/// Single lines that may be refused before the store has to prove that it takes any.
const PROBES_MAX: usize = 16;
/// A batch is not made smaller than this by 413.
const BYTES_MIN: usize = 4 << 10;

/// What all shards of a store share.
pub struct Context {
    pub config: Config,
    pub client: Client,
    pub status: Arc<Status>,
    pub intake: Arc<Intake>,
    pub clock: Clock,
    /// Requests that stored something.
    pub accepted: Cell<u64>,
    /// Bytes of a batch: less than configured once the store found them too many.
    pub bytes_max: Cell<usize>,
    /// A shard has found the store well again: the others need not wait longer.
    pub recovered: Notify,
    /// The line that each shard had stored last.
    pub proofs: RefCell<Vec<Vec<u8>>>,
}

/// A batch that is settled.
#[derive(Debug)]
pub struct Done {
    pub shard: usize,
    pub batch: Batch,
    /// Its lines that the store refused.
    pub rejected: Vec<usize>,
}

/// What the store says to a request in the end.
enum Said {
    Stored,
    Refused(String),
    TooLarge(String),
}

/// Delivers a batch. Never gives up. Dropping it is safe: the batch is sent again from the log.
pub async fn deliver(context: &Context, shard: usize, batch: Batch) -> Done {
    let mut delivery = Delivery {
        context,
        shard,
        starts: batch.starts(),
        batch,
        attempt: 0,
        rejected: Vec::new(),
    };
    let all = 0..delivery.batch.lines.len();
    delivery.settle(all).await;
    if let Some(last) = delivery.last_stored() {
        let line = delivery.bytes(&(last..last + 1)).to_vec();
        if let Some(place) = context.proofs.borrow_mut().get_mut(shard) {
            *place = line;
        }
    }
    Done {
        shard,
        batch: delivery.batch,
        rejected: delivery.rejected,
    }
}

struct Delivery<'c> {
    context: &'c Context,
    shard: usize,
    batch: Batch,
    starts: Vec<usize>,
    attempt: u32,
    rejected: Vec<usize>,
}

impl Delivery<'_> {
    /// Settles these lines.
    async fn settle(&mut self, all: Lines) {
        let mut before = self.context.accepted.get();
        let mut open = vec![all];
        let mut doubtful: Vec<(usize, String)> = Vec::new();
        while let Some(lines) = open.pop() {
            let why = match self.send(&lines).await {
                Said::Stored => continue,
                Said::Refused(why) => why,
                Said::TooLarge(why) => {
                    let bytes = self.bytes(&lines).len();
                    let smaller =
                        (bytes / 2).clamp(BYTES_MIN, self.context.bytes_max.get().max(BYTES_MIN));
                    self.context.bytes_max.set(smaller);
                    why
                }
            };
            if lines.len() > 1 {
                let middle = lines.start + lines.len() / 2;
                open.push(middle..lines.end);
                open.push(lines.start..middle);
            } else {
                doubtful.push((lines.start, why));
            }
            let is_proven = self.context.accepted.get() > before;
            if doubtful.is_empty()
                || !(is_proven || open.is_empty() || doubtful.len() >= PROBES_MAX)
            {
                continue;
            }
            if is_proven || self.prove().await {
                for (line, why) in std::mem::take(&mut doubtful) {
                    self.reject(line, &why).await;
                }
                continue;
            }
            let (first, why) = doubtful.swap_remove(0);
            doubtful.clear();
            let why = format!("every line is refused, so none is given up: {why}");
            self.pause(Trouble::Alarm, &why, None).await;
            before = self.context.accepted.get();
            open.clear();
            open.push(first..self.batch.lines.len());
        }
        if !doubtful.is_empty() {
            debug_assert!(false, "doubts are settled with the last open part");
        }
        self.context
            .status
            .trouble(self.shard, Trouble::None, "", self.context.clock.now());
    }

    /// Sends some lines until the store says something about them.
    async fn send(&mut self, lines: &Lines) -> Said {
        let body = Body::new(self.bytes(lines), self.context.config.gzip);
        loop {
            match self.request(&body).await {
                Outcome::Stored => {
                    if std::mem::take(&mut self.attempt) > 0 {
                        self.context.recovered.notify_waiters();
                    }
                    self.context.accepted.set(self.context.accepted.get() + 1);
                    let now = self.context.clock.now();
                    self.context
                        .status
                        .update(|facts| facts.last_success = Some(now));
                    self.context
                        .status
                        .trouble(self.shard, Trouble::None, "", now);
                    return Said::Stored;
                }
                Outcome::Refused { why } => return Said::Refused(why),
                Outcome::TooLarge { why } => return Said::TooLarge(why),
                Outcome::Later { why, after } => self.pause(Trouble::Retrying, &why, after).await,
                Outcome::Alarm { why } => self.pause(Trouble::Alarm, &why, None).await,
            }
        }
    }

    async fn request(&self, body: &Body) -> Outcome {
        self.context.status.update(|facts| {
            facts.requests += 1;
            facts.bytes += body.bytes.len() as u64;
        });
        self.context
            .client
            .write(body.bytes.clone(), body.is_gzip)
            .await
    }

    async fn pause(&mut self, trouble: Trouble, why: &str, asked: Option<Duration>) {
        let now = self.context.clock.now();
        self.context.status.trouble(self.shard, trouble, why, now);
        self.attempt = self.attempt.saturating_add(1);
        let [jitter] = random_bytes().unwrap_or([0]);
        let own = delay(self.attempt, jitter);
        tokio::select! {
            () = sleep(asked.map_or(own, |asked| asked.max(own))) => {}
            () = self.context.recovered.notified(), if asked.is_none() => {}
        }
    }

    /// Does the store take a line that it has taken before?
    async fn prove(&mut self) -> bool {
        let line = self
            .context
            .proofs
            .borrow()
            .get(self.shard)
            .cloned()
            .unwrap_or_default();
        if line.is_empty() {
            return false;
        }
        let body = Body::new(&line, false);
        loop {
            match self.request(&body).await {
                Outcome::Stored => return true,
                Outcome::Refused { .. } | Outcome::TooLarge { .. } => return false,
                Outcome::Later { why, after } => self.pause(Trouble::Retrying, &why, after).await,
                Outcome::Alarm { why } => self.pause(Trouble::Alarm, &why, None).await,
            }
        }
    }

    /// Makes a reject of a line, and waits until that is durable.
    async fn reject(&mut self, line: usize, why: &str) {
        let waiter = Arc::new(Notify::new());
        loop {
            let bytes = self.bytes(&(line..line + 1));
            let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
            let refused = RefusedLine {
                store: &self.context.config.name,
                device: device(bytes),
                line: bytes,
                sentence: why,
            };
            let appended = self.context.intake.reject_line(&refused, &waiter);
            let why = match appended {
                Ok(sequence) => {
                    let settled = loop {
                        match self.context.intake.reject_settled(sequence) {
                            Settled::Pending => waiter.notified().await,
                            settled => break settled,
                        }
                    };
                    if settled == Settled::Durable {
                        self.rejected.push(line);
                        return;
                    }
                    "the reject of a line was not written".to_owned()
                }
                Err(error) => format!("a line is refused, and its reject cannot be kept: {error}"),
            };
            self.pause(Trouble::Retrying, &why, None).await;
        }
    }

    fn bytes(&self, lines: &Lines) -> &[u8] {
        let at = |line: usize| {
            self.starts
                .get(line)
                .copied()
                .unwrap_or(self.batch.body.len())
        };
        self.batch
            .body
            .get(at(lines.start)..at(lines.end))
            .unwrap_or_default()
    }

    fn last_stored(&self) -> Option<usize> {
        let mut rejected = self.rejected.iter().rev().peekable();
        (0..self.batch.lines.len())
            .rev()
            .find(|line| rejected.next_if_eq(&line).is_none())
    }
}

/// The device's tag of a line: an id needs no escaping.
fn device(line: &[u8]) -> &str {
    let text = std::str::from_utf8(line).unwrap_or_default();
    let rest = text.split_once(",device=").map_or("", |(_, rest)| rest);
    rest.split([',', ' ']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
