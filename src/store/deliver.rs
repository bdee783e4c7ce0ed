//! One batch to the store, until every line of it is settled.
//!
//! ```text
//!  2xx: stored | later, alarm: the same again, for ever | 413: in halves | 400, 422: find the lines
//! ```
//! **Finding the lines.** A refused batch is sent in halves, the first half first, so that the order of
//! a device's readings holds. Good lines may be written twice, which is one write to a store. A single
//! line that is refused is a reject, *if the store takes anything at all*: else it is the store that is
//! wrong (another kind of database, a policy, a precision), not thousands of lines, and an operator's
//! mistake must lose nothing. What counts as proof: a request of any shard that was stored *after* the
//! line was refused (a store may go wrong between two requests); or else the line that this shard had
//! stored last is taken once more, sent in the same way. Without proof the search ends after
//! [`PROBES_MAX`] lines, an alarm is raised, and the batch is tried again later.
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
    /// Which shards have a batch on its way.
    pub flying: RefCell<Vec<bool>>,
    /// Proofs by another shard's line that are on their way: no shard begins a batch meanwhile.
    pub proving: Cell<usize>,
    /// The line that each shard had stored last.
    pub proofs: RefCell<Vec<Vec<u8>>>,
}

/// Counts a proof by another shard's line, also when it is dropped.
struct Proving<'c>(&'c Cell<usize>);

impl<'c> Proving<'c> {
    fn new(count: &'c Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Proving<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl Context {
    /// Notes whether a shard has a batch on its way: true before it is made, so that nobody sees less.
    pub fn mark(&self, shard: usize, flying: bool) {
        if let Some(place) = self.flying.borrow_mut().get_mut(shard) {
            *place = flying;
        }
    }
}

/// A shard's batch on its way, until it is settled or dropped.
struct Flying<'c>(&'c Context, usize);

impl Drop for Flying<'_> {
    fn drop(&mut self) {
        self.0.mark(self.1, false);
    }
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
    /// Or too large.
    Refused(String),
}

/// Delivers a batch. Never gives up. Dropping it is safe: the batch is sent again from the log.
pub async fn deliver(context: &Context, shard: usize, batch: Batch) -> Done {
    let _flight = Flying(context, shard);
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
    Done {
        shard,
        batch: delivery.batch,
        rejected: delivery.rejected,
    }
}

/// A line that was refused, by a store that may be refusing all.
struct Doubt {
    line: usize,
    why: String,
    /// [`Context::accepted`] when it was refused: one more is a proof.
    since: u64,
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
        let mut open = vec![all];
        let mut doubts: Vec<Doubt> = Vec::new();
        // Those of before the last pause.
        let mut earlier: Vec<Doubt> = Vec::new();
        while let Some(lines) = open.pop() {
            match self.send(&lines).await {
                Said::Stored => self.keep_proof(&lines),
                Said::Refused(_) if lines.len() > 1 => {
                    let middle = lines.start + lines.len() / 2;
                    open.push(middle..lines.end);
                    open.push(lines.start..middle);
                }
                Said::Refused(why) => {
                    let line = lines.start;
                    // Refused, something stored, refused again: what was stored meanwhile counts.
                    let before = earlier.iter().find(|doubt| doubt.line == line);
                    let since = before.map_or(self.context.accepted.get(), |doubt| doubt.since);
                    doubts.push(Doubt { line, why, since });
                }
            }
            let accepted = self.context.accepted.get();
            while let Some(doubt) = doubts.first().filter(|doubt| doubt.since < accepted) {
                self.reject(doubt.line, &doubt.why).await;
                doubts.remove(0);
            }
            if doubts.is_empty() || !(open.is_empty() || doubts.len() >= PROBES_MAX) {
                continue;
            }
            if self.prove().await {
                for doubt in std::mem::take(&mut doubts) {
                    self.reject(doubt.line, &doubt.why).await;
                }
                continue;
            }
            earlier = std::mem::take(&mut doubts);
            let Some(Doubt { line, why, .. }) = earlier.first() else {
                continue;
            };
            let why = format!("every line is refused, so none is given up: {why}");
            open.clear();
            open.push(*line..self.batch.lines.len());
            self.pause(Trouble::Alarm, &why, None).await;
        }
        self.context
            .status
            .trouble(self.shard, Trouble::None, "", self.context.clock.now());
    }

    /// Remembers the last of these lines: the store has taken it.
    fn keep_proof(&self, lines: &Lines) {
        let line = self.bytes(&(lines.end.saturating_sub(1)..lines.end));
        if let Some(place) = self.context.proofs.borrow_mut().get_mut(self.shard) {
            place.clear();
            place.extend_from_slice(line);
        }
    }

    /// The next requests are smaller than what was too large.
    fn shrink(&self, lines: &Lines) {
        let largest = self.context.bytes_max.get().max(BYTES_MIN);
        let smaller = (self.bytes(lines).len() / 2).clamp(BYTES_MIN, largest);
        self.context.bytes_max.set(smaller);
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
                Outcome::TooLarge { why } => {
                    self.shrink(lines);
                    return Said::Refused(why);
                }
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
        let own = self.context.proofs.borrow().get(self.shard).cloned();
        let Some(line) = own.filter(|line| !line.is_empty()) else {
            return self.prove_by_another().await;
        };
        let body = Body::new(&line, self.context.config.gzip);
        loop {
            match self.request(&body).await {
                Outcome::Stored => return true,
                Outcome::Refused { .. } | Outcome::TooLarge { .. } => return false,
                Outcome::Later { why, after } => self.pause(Trouble::Retrying, &why, after).await,
                Outcome::Alarm { why } => self.pause(Trouble::Alarm, &why, None).await,
            }
        }
    }

    /// The same for a shard that has stored nothing yet, by the line of another one that has nothing on
    /// its way, and begins nothing meanwhile: else an older value could overtake a newer one.
    async fn prove_by_another(&self) -> bool {
        let line = {
            let (proofs, flying) = (self.context.proofs.borrow(), self.context.flying.borrow());
            let mut shards = proofs.iter().zip(flying.iter());
            let idle = shards.find(|(line, flying)| !line.is_empty() && !**flying);
            idle.map(|(line, _)| line.clone())
        };
        let Some(line) = line else {
            return false;
        };
        let _all_wait = Proving::new(&self.context.proving);
        let body = Body::new(&line, self.context.config.gzip);
        // Once, for all shards wait.
        matches!(self.request(&body).await, Outcome::Stored)
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
}

/// The device's tag of a line: an id needs no escaping.
fn device(line: &[u8]) -> &str {
    let text = std::str::from_utf8(line).unwrap_or_default();
    let rest = text.split_once(",device=").map_or("", |(_, rest)| rest);
    rest.split([',', ' ']).next().unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests;
