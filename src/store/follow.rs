//! A store's way along the log: read, encode, hand to the shards, settle, commit.
//!
//! ```text
//! log --frames--> encode --> shard 0: filling | ready | in flight --> store
//!                      \---> shard 1: filling | ready | in flight --> store    (by hash of the device)
//!                                             settled --> ledger --> row in fjall, once a second
//! ```
//! Nothing is read while a shard has a batch that is ready beside one in flight: what a store that is
//! away costs is these batches and the rest of one frame. The log is the only buffer.
use super::Command;
use super::batch::Batch;
use super::client::chain;
use super::deliver::{Context, Done, deliver};
use super::ledger::{Counts, Ledger};
use super::line::{self, Encoder};
use super::place;
use super::row::{Gap, Row};
use super::status::Trouble;
use super::tally::{Counted, Tally};
use crate::log::record::{Kind, RecordView};
use crate::log::{Follower, Frame, Log, ReadError, Reader};
use crate::model::ReportView;
use crate::state::State;
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::xxh3_64;

/// Bytes of frames that are read at once.
const READ_BYTES: usize = 256 << 10;
/// After all was read: how long to wait for more before the next look, so that a steady trickle does
/// not wake this thread for each group commit.
const LINGER: Duration = Duration::from_millis(50);
/// Between two commits of the place, each a sync of the disk.
const COMMIT: Duration = Duration::from_secs(1);
/// What requests in flight get at the end, out of the gateway's 5 s.
const DRAIN: Duration = Duration::from_secs(2);
/// Pause before a log is read again that could not be read.
const RETRY: Duration = Duration::from_secs(1);

/// Where the parts of a store meet.
pub struct Parts<'p> {
    pub context: Rc<Context>,
    pub log: &'p Log,
    pub state: &'p Arc<State>,
    pub tally: &'p Tally,
    pub stop: &'p CancellationToken,
}

/// How following ended.
pub enum Ended {
    /// The stop was asked for.
    Stopped,
    /// It goes on from another place.
    Rewound(Row),
}

#[derive(Debug, Default)]
struct Shard {
    filling: Batch,
    ready: VecDeque<Batch>,
    is_flying: bool,
}

struct Follow<'p> {
    parts: &'p Parts<'p>,
    reader: Reader,
    frames: VecDeque<Arc<Frame>>,
    /// The next sequence to take in.
    reached: u64,
    ledger: Ledger,
    row: Row,
    encoder: Encoder,
    shards: Vec<Shard>,
    flights: FuturesUnordered<LocalBoxFuture<'p, Done>>,
    /// Empty batches, for their memory.
    spare: Vec<Batch>,
    follower: Follower,
    watch: watch::Receiver<Counted>,
    committed: Instant,
    /// A commit has failed, and it was said.
    unsaved: bool,
    not_before: Instant,
    /// Why the log cannot be read now, and what was said of it last.
    unreadable: Option<String>,
    said: Option<String>,
}

/// Follows the log from a row's place.
pub async fn follow(parts: &Parts<'_>, row: Row, commands: &mut mpsc::Receiver<Command>) -> Ended {
    let (reader, lost) = place::begin(parts.log, row.next);
    parts.context.status.clear();
    let mut follow = Follow::new(parts, row, reader);
    if let Some((from, to)) = lost {
        follow.lose(from, to).await;
    }
    follow.run(commands).await
}

impl<'p> Follow<'p> {
    fn new(parts: &'p Parts<'p>, row: Row, reader: Reader) -> Self {
        let name = &*parts.context.config.name;
        let shards = std::iter::repeat_with(Shard::default);
        Self {
            reached: row.next,
            reader,
            frames: VecDeque::new(),
            ledger: Ledger::new(row.next, row.counts),
            follower: parts.log.follow(name, row.next.saturating_sub(1)),
            row,
            encoder: Encoder::default(),
            shards: shards.take(parts.context.config.shards).collect(),
            flights: FuturesUnordered::new(),
            spare: Vec::new(),
            watch: parts.tally.watch(),
            committed: Instant::now(),
            unsaved: false,
            not_before: Instant::now(),
            unreadable: None,
            said: None,
            parts,
        }
    }
}

impl Follow<'_> {
    async fn run(&mut self, commands: &mut mpsc::Receiver<Command>) -> Ended {
        loop {
            let now = Instant::now();
            self.launch(now);
            if now.duration_since(self.committed) >= COMMIT {
                self.commit();
                self.look_behind().await;
            }
            self.publish(now);
            self.tell_log();
            let wanted = self.frames.front().map_or(self.reached, |frame| frame.last);
            let can_read = self.shards.iter().all(|shard| shard.ready.is_empty());
            let (wake, linger) = (self.wake(now), self.not_before);
            tokio::select! {
                biased;
                () = self.parts.stop.cancelled() => {
                    self.drain().await;
                    return Ended::Stopped;
                }
                Some(command) = commands.recv() => {
                    if let Some(row) = self.rewind(command) {
                        return Ended::Rewound(row);
                    }
                }
                Some(done) = self.flights.next() => self.settle(done),
                () = readable(&mut self.watch, wanted, linger), if can_read => self.step().await,
                () = sleep_until(wake.into()) => {}
            }
        }
    }

    /// When there is something to do without anything happening.
    fn wake(&self, now: Instant) -> Instant {
        let filling = self.shards.iter().filter(|shard| !shard.is_flying);
        let due = filling.filter_map(|shard| shard.filling.opened_at);
        let age = self.parts.context.config.batch_age;
        let commit = (self.committed + COMMIT).max(now + Duration::from_millis(1));
        due.map(|opened| opened + age)
            .chain([commit])
            .min()
            .unwrap_or(commit)
    }

    /// Sends what is full or old enough, a batch at a time from each shard.
    fn launch(&mut self, now: Instant) {
        let context = &self.parts.context;
        if context.proving.get() > 0 {
            return;
        }
        for (number, shard) in self.shards.iter_mut().enumerate() {
            if shard.is_flying {
                continue;
            }
            let old = |opened: Instant| now.duration_since(opened) >= context.config.batch_age;
            let batch = match shard.ready.pop_front() {
                Some(batch) => batch,
                None if shard.filling.opened_at.is_some_and(old) => {
                    std::mem::replace(&mut shard.filling, self.spare.pop().unwrap_or_default())
                }
                None => continue,
            };
            shard.is_flying = true;
            context.mark(number, true);
            let context = Rc::clone(context);
            let flight = async move { deliver(&context, number, batch).await };
            self.flights.push(Box::pin(flight));
        }
    }

    fn settle(&mut self, done: Done) {
        let mut delivered = 0;
        for (stretch, stored, rejected) in done.batch.settled(&done.rejected) {
            delivered += stored;
            self.ledger.settle(stretch, stored, rejected);
        }
        if let Some(shard) = self.shards.get_mut(done.shard) {
            shard.is_flying = false;
        }
        self.parts.context.status.update(|facts| {
            facts.batches += 1;
            facts.delivered += delivered;
        });
        if self.spare.len() < self.shards.len() {
            let mut batch = done.batch;
            batch.clear();
            self.spare.push(batch);
        }
    }

    /// Reads on, or takes in one frame.
    async fn step(&mut self) {
        if self.frames.is_empty() {
            let read = self.reader.read(READ_BYTES);
            self.unreadable = None;
            match read {
                Ok(frames) => self.frames.extend(frames),
                Err(ReadError::Damaged { from, to, .. }) => {
                    if !self.lose(from, to).await {
                        return;
                    }
                }
                Err(ReadError::Cursor(_)) => {
                    if !self.begin_again().await {
                        return;
                    }
                }
                Err(error @ ReadError::Io { .. }) => {
                    self.unreadable = Some(chain(&error));
                    self.tell_log();
                    sleep(RETRY).await;
                    return;
                }
            }
        }
        // Never past what is counted: an account is held against the tally.
        let counted = self.parts.tally.counted().next;
        if let Some(frame) = self.frames.pop_front_if(|frame| frame.last < counted) {
            self.take_frame(&frame);
        }
        if self.frames.is_empty() {
            // Also past sequences that were never used.
            self.reached = self.reached.max(self.reader.position().min(counted));
            if self.reached > self.parts.log.watermark() {
                self.not_before = Instant::now() + LINGER;
            }
        }
        self.ledger.reach(self.reached);
        // This thread's connections are polled in between.
        tokio::task::yield_now().await;
    }

    fn take_frame(&mut self, frame: &Frame) {
        for (sequence, record) in frame.records() {
            if sequence >= self.reached {
                self.take(sequence, &record);
            }
        }
        self.reached = self.reached.max(frame.last + 1);
    }

    fn take(&mut self, sequence: u64, record: &RecordView<'_>) {
        if record.kind != Kind::Report {
            return;
        }
        let skipped = |skipped| Counts {
            skipped,
            ..Counts::default()
        };
        let Ok(report) = ReportView::parse(record.body) else {
            self.ledger
                .take(sequence, 0, skipped(line::count(record.body)));
            return;
        };
        let hash = xxh3_64(report.device_id.as_bytes());
        let shards = self.shards.len() as u64;
        let number = usize::try_from(hash % shards.max(1)).unwrap_or(0);
        let Some(shard) = self.shards.get_mut(number) else {
            return;
        };
        let filling = &mut shard.filling;
        let written = self
            .encoder
            .report(&report, &mut filling.body, &mut filling.lines);
        let stretch = self
            .ledger
            .take(sequence, written.readings, skipped(written.skipped));
        if written.lines > 0 {
            filling.mark(stretch, written.lines, Instant::now());
        }
        let context = &self.parts.context;
        if filling.lines.len() >= context.config.batch_lines
            || filling.body.len() >= context.bytes_max.get()
        {
            let empty = self.spare.pop().unwrap_or_default();
            shard
                .ready
                .push_back(std::mem::replace(&mut shard.filling, empty));
        }
    }

    /// While the store is away nothing is read, and retention goes on: what it takes is told when it
    /// is gone, not when the store comes back.
    async fn look_behind(&mut self) {
        if self.parts.log.oldest().0 <= self.reader.position() {
            return;
        }
        // What was read before is not lost. It goes beyond the bound of the shards by one read.
        let counted = self.parts.tally.counted().next;
        if self.frames.back().is_some_and(|last| last.last >= counted) {
            return;
        }
        while let Some(frame) = self.frames.pop_front() {
            self.take_frame(&frame);
        }
        self.begin_again().await;
    }

    /// Behind what retention has taken; `false`: stopped meanwhile.
    async fn begin_again(&mut self) -> bool {
        let (reader, lost) = place::begin(self.parts.log, self.reached);
        self.reader = reader;
        match lost {
            Some((from, to)) => self.lose(from, to).await,
            None => true,
        }
    }

    /// A log that cannot be read is an alarm: nothing is delivered, and the store is not to blame.
    fn tell_log(&mut self) {
        let why = self
            .unreadable
            .clone()
            .or_else(|| self.parts.tally.trouble());
        if why == self.said {
            return;
        }
        let context = &self.parts.context;
        let trouble = why.as_ref().map_or(Trouble::None, |_| Trouble::Alarm);
        let words = why.as_deref().unwrap_or_default();
        context
            .status
            .trouble_of_all(trouble, words, context.clock.now());
        self.said = why;
    }

    /// Passes over records that cannot be had any more; `false`: stopped before that, and the place
    /// must not move on.
    async fn lose(&mut self, from: u64, to: u64) -> bool {
        let context = &self.parts.context;
        let store = &*context.config.name;
        let before = self.row.base + self.ledger.read();
        let Some(after) = self.parts.tally.after(to, before, self.parts.stop).await else {
            return false;
        };
        let readings = after.saturating_sub(before);
        tracing::error!(
            store,
            from,
            to,
            readings,
            "the log no longer has these records, and the store never got them"
        );
        place::tell_gap(&context.intake, context.clock.now(), store, from, to);
        let expired = Counts {
            expired: readings,
            ..Counts::default()
        };
        self.ledger.take(to, 0, expired);
        self.reached = self.reached.max(to + 1);
        let gap = Gap {
            from,
            to,
            readings,
            at: context.clock.now(),
        };
        self.row.gap = Some(self.row.gap.map_or(gap, |before| before.with(gap)));
        // So that it is told once.
        self.commit();
        true
    }

    /// Makes the place durable.
    fn commit(&mut self) {
        self.committed = Instant::now();
        self.ledger.advance();
        let (next, counts) = self.ledger.settled();
        let row = Row {
            next,
            counts,
            ..self.row
        };
        let context = &self.parts.context;
        if row != self.row || self.unsaved {
            match row.save(self.parts.state, &context.config.name) {
                Ok(()) => self.unsaved = false,
                Err(error) => {
                    if !std::mem::replace(&mut self.unsaved, true) {
                        let store = &*context.config.name;
                        tracing::warn!(store, %error, "the store's place cannot be kept; after a crash more is sent again");
                    }
                    place::reopen(self.parts.state);
                    return;
                }
            }
            self.row = row;
        }
        self.follower.advance(next.saturating_sub(1));
        context.status.sample(self.committed);
    }

    fn publish(&self, now: Instant) {
        let Context { status, clock, .. } = &*self.parts.context;
        status.marks.reach(self.ledger.settled().0, clock);
        status.update(|facts| {
            facts.next = self.row.next;
            facts.reached = self.reached;
            facts.base = self.row.base;
            facts.counts = self.ledger.counts();
            facts.open = self.ledger.open();
            facts.gap = self.row.gap;
        });
        status.sample(now);
    }

    /// Lets requests in flight finish, but not those that wait for a store that is away.
    async fn drain(&mut self) {
        let context = Rc::clone(&self.parts.context);
        let waiting = async {
            while self.is_worth_waiting() {
                let Some(done) = self.flights.next().await else {
                    return;
                };
                self.settle(done);
            }
        };
        if timeout(DRAIN, waiting).await.is_err() {
            let store = &*context.config.name;
            tracing::info!(store, "requests in flight are left; they are sent again");
        }
        self.commit();
        self.publish(Instant::now());
    }

    fn is_worth_waiting(&self) -> bool {
        let status = &self.parts.context.status;
        let mut shards = self.shards.iter().enumerate();
        shards.any(|(number, shard)| shard.is_flying && status.is_clear(number))
    }

    /// Goes back to a time; `None`: it does not.
    fn rewind(&mut self, command: Command) -> Option<Row> {
        // Who asked has gone before anything was done.
        if command.answer.is_closed() {
            return None;
        }
        self.commit();
        let context = &self.parts.context;
        let (store, now) = (&*context.config.name, context.clock.now());
        let made = place::set_back(store, self.row, command.to, self.parts);
        let (row, answer) = match made {
            Ok((row, rewound)) => {
                place::tell_rewound(&context.intake, now, store, command.to, &rewound);
                (Some(row), Ok(rewound))
            }
            Err(error) => (None, Err(error)),
        };
        // Who asked may have gone; the place has changed all the same, and that is told.
        let _ = command.answer.send(answer);
        row
    }
}

/// Resolves when the tally has passed `wanted`, but not before `linger`. Cancel-safe.
async fn readable(watch: &mut watch::Receiver<Counted>, wanted: u64, linger: Instant) {
    sleep_until(linger.into()).await;
    if watch
        .wait_for(|counted| counted.next > wanted)
        .await
        .is_err()
    {
        // The tally has ended, and with it the gateway.
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests;
