//! Who had an uplink when.
//!
//! The time of the append is in the log's frame; the readers' are in their marks ([`crate::telemetry::Marks`]), which
//! are as exact as a second, less so for what is hours old, and of this process only. A mark is a place: a store
//! that is past an uplink has it or has refused it, and history forgets what was observed too long ago.
use super::{Passage, Uplink};
use crate::access::Grant;
use crate::api::Shared;
use crate::api::grpc::Stream;
use crate::log::{Log, ReadError, Start};
use crate::model::Timestamp;
use crate::store::{Look, Phase};
use crate::telemetry::Passed;
use std::time::Duration;

/// Marks nearer than this are told as one time.
const EXACT: Duration = Duration::from_millis(1_500);

/// What is looked at once for all uplinks of a story.
pub(super) struct Passages<'s> {
    shared: &'s Shared,
    grant: &'s Grant,
    stores: Vec<Look>,
    streams: Vec<Stream>,
}

impl<'s> Passages<'s> {
    pub(super) fn new(shared: &'s Shared, grant: &'s Grant) -> Self {
        let (stores, streams) = if grant.gateway {
            (shared.stores.look(), shared.streams.look())
        } else {
            (Vec::new(), Vec::new())
        };
        Self {
            shared,
            grant,
            stores,
            streams,
        }
    }

    /// Who had this uplink; the log alone for who may not see the gateway itself. Blocks on the disk.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn of(&mut self, uplink: &Uplink) -> Result<Vec<Passage>, ReadError> {
        let log = if uplink.accepted {
            &self.shared.log
        } else {
            &self.shared.rejects
        };
        let mut passages: Vec<Passage> = durable(log, uplink.sequence)?.into_iter().collect();
        let at = passages.first().and_then(|log| log.by);
        if !self.grant.gateway {
            return Ok(passages);
        }
        let [reports, rejects] = self.shared.devices.marks();
        if !uplink.accepted {
            // Only the registry reads the log of rejects.
            passages.push(passage("registry", rejects.passed(uplink.sequence), at));
            return Ok(passages);
        }
        let history = &self.shared.history;
        let mut kept = passage("history", history.marks().passed(uplink.sequence), at);
        kept.kept_since = too_old(uplink, history.keeps_since(self.shared.clock.now()));
        passages.push(kept);
        passages.push(passage("registry", reports.passed(uplink.sequence), at));
        for (name, passed) in self.shared.stores.passed(uplink.sequence) {
            let mut passage = passage(name, passed, at);
            let look = self.stores.iter().find(|look| *look.config.name == *name);
            if let Some(look) = look.filter(|_| !passage.passed) {
                trouble(&mut passage, look);
            }
            passages.push(passage);
        }
        // Who asks for it is looked for by the device of the readings: here there are none of its own.
        if !uplink.readings.is_empty() {
            passages.push(self.subscribers(uplink));
        }
        Ok(passages)
    }

    /// Streams that let the device pass and have begun before the uplink.
    fn subscribers(&self, uplink: &Uplink) -> Passage {
        let place = self
            .shared
            .devices
            .seen_by(self.grant)
            .place(&uplink.device);
        let (kind, district) = place.unwrap_or_default();
        let wants = |stream: &&Stream| {
            stream.begun <= uplink.sequence
                && stream
                    .selection
                    .takes_device(&uplink.device, &kind, &district)
        };
        let wanting = self.streams.iter().filter(wants);
        let (past, behind): (Vec<&Stream>, Vec<&Stream>) =
            wanting.partition(|stream| stream.next > uplink.sequence);
        let mut tokens = Vec::new();
        if self.grant.operate {
            let names = past.iter().map(|stream| &stream.selection.grant().name);
            tokens = names.map(|name| (**name).to_owned()).collect();
            tokens.sort_unstable();
            tokens.dedup();
        }
        Passage {
            reader: "subscribers".to_owned(),
            passed: behind.is_empty(),
            streams: Some((past.len(), past.len() + behind.len())),
            tokens,
            ..Passage::default()
        }
    }
}

/// When the log had it on the disk; `None`: retention has removed it.
fn durable(log: &Log, sequence: u64) -> Result<Option<Passage>, ReadError> {
    let Ok(mut reader) = log.reader(Start::At(sequence)) else {
        return Ok(None);
    };
    let frames = match reader.read(1) {
        Ok(frames) => frames,
        Err(ReadError::Damaged { .. } | ReadError::Cursor(_)) => return Ok(None),
        Err(error @ ReadError::Io { .. }) => return Err(error),
    };
    let frame = frames.first();
    let frame = frame.filter(|frame| (frame.first..=frame.last).contains(&sequence));
    Ok(frame.map(|frame| Passage {
        reader: "log".to_owned(),
        passed: true,
        by: Some(frame.appended_at),
        ..Passage::default()
    }))
}

/// `durable`: since when the log had it; no reader had it before.
fn passage(reader: &str, passed: Passed, durable: Option<Timestamp>) -> Passage {
    let mut passage = Passage {
        reader: reader.to_owned(),
        ..Passage::default()
    };
    match passed {
        Passed::Unknown | Passed::Not => {}
        Passed::Before(start) => {
            passage.passed = true;
            passage.before_start = Some(start);
        }
        Passed::Between(after, by) => {
            passage.passed = true;
            passage.by = Some(by);
            let after = durable.map_or(after, |at| at.max(after));
            passage.after = (by.since(after) > EXACT).then_some(after);
        }
    }
    passage
}

/// Since when history keeps readings, if that is later than any of these was observed.
fn too_old(uplink: &Uplink, keeps_since: Timestamp) -> Option<Timestamp> {
    let mut readings = uplink.readings.iter();
    let old = readings.any(|reading| reading.observed_at < keeps_since);
    old.then_some(keeps_since)
}

/// What keeps a store, if anything does.
fn trouble(passage: &mut Passage, look: &Look) {
    if !matches!(look.phase, Phase::Retrying | Phase::Alarm) {
        return;
    }
    if let Some((_, why)) = &look.facts.last_error {
        passage.error.clone_from(why);
    }
    passage.error_since = look.facts.troubled_since;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::explain::Reading;

    #[test]
    fn marks_a_second_apart_are_one_time_and_history_forgets() {
        let at = |secs| Timestamp::from_secs(secs);
        let near = passage("history", Passed::Between(at(10), at(11)), None);
        assert_eq!(
            (near.passed, near.after, near.by),
            (true, None, Some(at(11)))
        );
        let far = passage("history", Passed::Between(at(10), at(90)), Some(at(5)));
        assert_eq!(far.after, Some(at(10)));
        // The reader had slept: it passed what came when it came.
        let idle = passage("history", Passed::Between(at(10), at(90)), Some(at(89)));
        assert_eq!((idle.after, idle.by), (None, Some(at(90))));
        assert!(
            !passage("x", Passed::Not, None).passed && !passage("x", Passed::Unknown, None).passed
        );
        let mut uplink = Uplink {
            readings: vec![Reading {
                observed_at: at(50),
                ..Reading::default()
            }],
            ..Uplink::default()
        };
        assert_eq!(too_old(&uplink, at(50)), None);
        assert_eq!(too_old(&uplink, at(51)), Some(at(51)));
        uplink.readings.clear();
        assert_eq!(too_old(&uplink, at(51)), None);
        let before = passage("x", Passed::Before(at(5)), None);
        assert_eq!((before.passed, before.before_start), (true, Some(at(5))));
    }
}
