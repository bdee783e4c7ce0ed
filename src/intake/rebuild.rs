//! Deduplication after a restart: its keys lie in the tails of both logs, and so do the newest values of
//! registers.
use super::commit::secs;
use super::dedup::{Dedup, EXCHANGE_LIFETIME, Original, exchanges_since};
use super::{Intake, lock};
use crate::log::record::{Kind, RecordView};
use crate::log::{CursorError, Frame, Log, ReadError, Reader, Start};
use crate::model::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes read at once.
const READ_BYTES: usize = 4 << 20;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Records with a key.
    pub keys: u64,
    /// Reports of retried rejects that had not been saved as such.
    pub recovered: u64,
    /// Damaged places that were passed over; copies of what lay there may come twice.
    pub damaged: u64,
}

/// One log's tail.
struct Tail {
    reader: Option<Reader>,
    frames: VecDeque<Arc<Frame>>,
    damaged: u64,
}

impl Tail {
    fn new(log: &Log, records: u64, since: Timestamp) -> Result<Self, ReadError> {
        let reader = match log.reader(Start::At(log.tail_start(records, since))) {
            Err(CursorError::Overtaken { .. }) => log.reader(Start::Earliest)?,
            other => other?,
        };
        Ok(Self {
            reader: Some(reader),
            frames: VecDeque::new(),
            damaged: 0,
        })
    }

    fn front(&mut self) -> Result<Option<&Arc<Frame>>, ReadError> {
        while self.frames.is_empty()
            && let Some(reader) = &mut self.reader
        {
            match reader.read(READ_BYTES) {
                Ok(frames) if frames.is_empty() => self.reader = None,
                Ok(frames) => self.frames.extend(frames),
                Err(ReadError::Damaged { .. }) => self.damaged += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(self.frames.front())
    }
}

impl Intake {
    /// Reads the tails of both logs, in the order of appending. Call it before anything is taken.
    /// Blocks on the disk.
    ///
    /// # Errors
    /// The disk's; damage is passed over and counted.
    pub fn rebuild(&self) -> Result<Rebuilt, ReadError> {
        let now = self.clock.now();
        let since = now.minus(self.config.dedup_window.max(EXCHANGE_LIFETIME));
        // Exchanges that are over would push out those that are not.
        let exchanges_since = exchanges_since(secs(now));
        let records = self.config.dedup_entries as u64;
        let mut log = Tail::new(&self.log, records, since)?;
        let mut rejects = Tail::new(&self.rejects, records, since)?;
        let mut rebuilt = Rebuilt::default();
        let mut state = lock(&self.state);
        loop {
            let of_log = log.front()?.map(|frame| frame.appended_at);
            let of_rejects = rejects.front()?.map(|frame| frame.appended_at);
            let first = match (of_log, of_rejects) {
                (None, None) => break,
                (Some(log_at), Some(rejects_at)) if rejects_at < log_at => &mut rejects,
                (Some(_), _) => &mut log,
                (None, Some(_)) => &mut rejects,
            };
            if let Some(frame) = first.frames.pop_front()
                && frame.appended_at >= since
            {
                let now = secs(frame.appended_at);
                for (sequence, record) in frame.records() {
                    let over = now < exchanges_since;
                    let restored = restore(&mut state.dedup, sequence, &record, now, over);
                    rebuilt.keys += u64::from(restored);
                    self.learn(&record, now);
                    self.learn_carrier(&record);
                }
            }
        }
        drop(state);
        rebuilt.recovered = self.rebuild_marks()?;
        rebuilt.damaged = log.damaged + rejects.damaged;
        Ok(rebuilt)
    }
}

/// `over`: an exchange of that time is.
fn restore(
    dedup: &mut Dedup,
    sequence: u64,
    record: &RecordView<'_>,
    now: u32,
    over: bool,
) -> bool {
    let rejected = record.kind == Kind::Reject;
    if let Some(content) = record.keys.content {
        let table = if rejected {
            dedup.parts()
        } else {
            dedup.content()
        };
        table.insert(content, sequence, now);
    }
    let redelivery = record.keys.redelivery.as_ref();
    if let Some(key) = redelivery.filter(|key| !(key.exchange && over)) {
        let half = match record.kind {
            Kind::Release => {
                dedup.restore_release(key);
                return true;
            }
            Kind::Reject => Original {
                log: 0,
                rejects: sequence,
            },
            Kind::Report | Kind::Event => Original {
                log: sequence,
                rejects: 0,
            },
        };
        dedup.restore(key, half, record.keys.exactly_once, now);
    }
    record.keys.content.is_some() || record.keys.redelivery.is_some()
}
