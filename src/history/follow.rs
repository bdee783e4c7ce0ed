//! The thread that follows the log.
//!
//! It reads, feeds the writer and commits. Whatever goes wrong with the state, a full disk first of
//! all, it forgets what is in memory, has the state opened again when there is room, and reads on
//! from the place that was committed last: the same way as after a crash.
use super::shared::Shared;
use super::writer::{Found, Writer};
use crate::log::{Log, ReadError, Reader, Start};
use crate::model::chain;
use crate::state;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The name under which the log's retention watches history.
const NAME: &str = "history";
/// Bytes of frames that are read at once. Queries wait while one frame is taken in.
const READ_BYTES: usize = 1 << 20;
/// Longest wait for the log: how late a stop or a due commit is noticed.
const WAIT: Duration = Duration::from_millis(250);
/// Pause before the state, or the log, is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// Reads after the stop was asked for, so that the little that came last is committed with the rest.
/// What is left waits in the log for the next start.
const LAST_READS_MAX: usize = 16;

/// Called with the first and last sequence that history will never see.
pub type OnGap = Box<dyn Fn(u64, u64) + Send>;

/// Runs until [`Shared::stop`].
pub(super) fn run(shared: &Arc<Shared>, log: &Log, on_gap: &OnGap) {
    while let Err(error) = follow(shared, log, on_gap) {
        tracing::error!(
            error = chain(&error),
            "history has stopped; the log keeps what comes"
        );
        // The points are in the log; what is shown meanwhile is what is stored.
        shared.clear(0);
        loop {
            if shared.stop.load(Ordering::Acquire) {
                return;
            }
            std::thread::park_timeout(RETRY);
            match shared.state.reopen() {
                Ok(()) => break,
                Err(error) => tracing::debug!(%error, "the state is not opened again yet"),
            }
        }
        tracing::warn!("the state is open again; history reads on");
    }
}

fn follow(shared: &Arc<Shared>, log: &Log, on_gap: &OnGap) -> Result<(), state::Error> {
    let (mut writer, found) = Writer::open(Arc::clone(shared), log.id())?;
    if let Found::Other(other) = found {
        tracing::warn!(?other, own = ?log.id(), "history followed another log: it reads this one from the start");
    }
    let mut reader = begin(&mut writer, log, on_gap);
    // So that a gap is told once.
    writer.flush()?;
    let follower = log.follow(NAME, writer.durable_position());
    shared.marks.reach(writer.position(), &shared.clock);
    let mut last_reads = 0;
    loop {
        if shared.stop.load(Ordering::Acquire) {
            last_reads += 1;
            if last_reads > LAST_READS_MAX || log.watermark() < reader.position() {
                writer.flush()?;
                follower.advance(writer.durable_position().saturating_sub(1));
                return Ok(());
            }
        } else {
            reader.wait(WAIT);
        }
        match reader.read(READ_BYTES) {
            Ok(frames) => {
                for frame in frames {
                    writer.feed(frame.records());
                    writer.commit_if_full()?;
                }
                // Also past sequences that were never used.
                writer.reach(reader.position());
            }
            Err(error) => reader = recover(&error, reader, &mut writer, log, on_gap)?,
        }
        writer.maintain()?;
        follower.advance(writer.durable_position().saturating_sub(1));
        let lag = (log.watermark() + 1).saturating_sub(writer.position());
        shared.marks.reach(writer.position(), &shared.clock);
        shared.update_stats(|stats| stats.lag = lag);
    }
}

/// A reader at the writer's place, or at the oldest record if that is gone.
fn begin(writer: &mut Writer, log: &Log, on_gap: &OnGap) -> Reader {
    let position = writer.position();
    let known = position > 0 && position <= log.watermark() + 1;
    if known && let Ok(reader) = log.reader(Start::At(position)) {
        return reader;
    }
    loop {
        let (oldest, _) = log.oldest();
        if position > log.watermark() + 1 {
            tracing::error!(
                position,
                watermark = log.watermark(),
                "history is ahead of its log: it reads the log from the start"
            );
            writer.start_at(oldest);
        } else if position > 0 && position < oldest {
            lose(writer, position, oldest - 1, on_gap);
        } else {
            writer.start_at(oldest);
        }
        // Retention may have moved on in between.
        if let Ok(reader) = log.reader(Start::At(writer.position())) {
            return reader;
        }
    }
}

fn lose(writer: &mut Writer, from: u64, to: u64, on_gap: &OnGap) {
    tracing::error!(
        from,
        to,
        "the log no longer has these records, and history never saw them"
    );
    on_gap(from, to);
    writer.skip(from, to);
}

fn recover(
    error: &ReadError,
    reader: Reader,
    writer: &mut Writer,
    log: &Log,
    on_gap: &OnGap,
) -> Result<Reader, state::Error> {
    match error {
        ReadError::Damaged { from, to, .. } => {
            tracing::error!(error = chain(error), "history passes over damaged records");
            lose(writer, *from, *to, on_gap);
            writer.flush()?;
            Ok(reader)
        }
        ReadError::Cursor(_) => {
            let reader = begin(writer, log, on_gap);
            writer.flush()?;
            Ok(reader)
        }
        ReadError::Io { .. } => {
            tracing::error!(
                error = chain(error),
                "history cannot read the log; it tries again"
            );
            std::thread::park_timeout(RETRY);
            Ok(reader)
        }
    }
}
