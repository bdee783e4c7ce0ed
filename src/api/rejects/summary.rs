//! How many rejects there are, of which reason, device and route.
//!
//! Counted by reading them: an index would have to be kept for each way of asking. The newest are read,
//! up to a bound, and the answer says how far back they reach.
use super::{Error, Look, Wanted};
use crate::api::Shared;
use crate::log::record::Kind;
use crate::log::{ReadError, Start};
use crate::model::Timestamp;
use std::collections::HashMap;

/// Records looked at: about a second.
const SCAN_MAX: u64 = 262_144;
/// Names of one kind that are counted one by one: strangers choose theirs.
const NAMES_MAX: usize = 10_000;
/// The name of all further ones.
const OTHERS: &str = "(others)";
/// Bytes of frames asked of the log at a time.
const READ_BYTES: usize = 1 << 20;

/// What rejects of one name have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// Rejects and reject parts.
    pub count: u64,
    /// Of these, recovered.
    pub recovered: u64,
    /// The latest of them.
    pub last: Timestamp,
}

/// Groups by name, the largest first.
#[derive(Debug, Default)]
pub struct Groups(HashMap<String, Group>);

impl Groups {
    fn add(&mut self, name: &str, at: Timestamp, recovered: bool) {
        let known = self.0.contains_key(name) || self.0.len() < NAMES_MAX;
        let name = if known { name } else { OTHERS };
        if !self.0.contains_key(name) {
            let empty = Group {
                count: 0,
                recovered: 0,
                last: at,
            };
            self.0.insert(name.to_owned(), empty);
        }
        if let Some(group) = self.0.get_mut(name) {
            group.count += 1;
            group.recovered += u64::from(recovered);
            group.last = group.last.max(at);
        }
    }

    /// How many names there are.
    pub fn names(&self) -> usize {
        self.0.len()
    }

    /// The largest `limit`.
    pub fn largest(self, limit: usize) -> Vec<(String, Group)> {
        let mut groups: Vec<_> = self.0.into_iter().collect();
        groups.sort_unstable_by(|a, b| (b.1.count, &a.0).cmp(&(a.1.count, &b.0)));
        groups.truncate(limit);
        groups
    }
}

/// All of them.
#[derive(Debug, Default)]
pub struct Summary {
    /// Rejects and reject parts.
    pub count: u64,
    /// Of these, recovered.
    pub recovered: u64,
    /// Where older ones were not looked at: the time since which all were.
    pub since: Option<Timestamp>,
    /// By code.
    pub by_reason: Groups,
    /// By device, as topic or payload named it.
    pub by_device: Groups,
    /// By pattern; "" where none matched.
    pub by_route: Groups,
}

/// Counts them. Blocks on the disk.
///
/// # Errors
/// The disk's.
pub fn summary(shared: &Shared, wanted: &Wanted) -> Result<Summary, Error> {
    let log = &shared.rejects;
    let oldest = log.oldest().0;
    let since = wanted.from.map(|from| log.reader(Start::Since(from)));
    let floor = match since {
        Some(Ok(reader)) => reader.position().max(oldest),
        Some(Err(_)) | None => oldest,
    };
    let end = log.watermark() + 1;
    let start = floor.max(end.saturating_sub(SCAN_MAX));
    let mut summary = Summary::default();
    let Ok(mut reader) = log.reader(Start::At(start)) else {
        return Ok(summary);
    };
    let marks = shared.intake.marks()?;
    let look = Look {
        shared,
        wanted,
        marks: &marks,
    };
    while reader.position() < end {
        let frames = match reader.read(READ_BYTES) {
            Ok(frames) if frames.is_empty() => break,
            Ok(frames) => frames,
            Err(ReadError::Damaged { .. }) => continue,
            Err(ReadError::Cursor(_)) => break,
            Err(error @ ReadError::Io { .. }) => return Err(error.into()),
        };
        if let (Some(first), true) = (frames.first(), start > floor) {
            summary.since.get_or_insert(first.appended_at);
        }
        for (sequence, record) in frames.iter().flat_map(|frame| frame.records()) {
            if !(start..end).contains(&sequence) || record.kind != Kind::Reject {
                continue;
            }
            let Some(item) = look.item(sequence, record.body)? else {
                continue;
            };
            let (reject, recovered) = (&item.reject, item.recovered.is_some());
            let at = Timestamp::from_nanos(reject.received_at_ns);
            summary.count += 1;
            summary.recovered += u64::from(recovered);
            summary.by_reason.add(&reject.reason, at, recovered);
            summary.by_device.add(&reject.device_id, at, recovered);
            summary.by_route.add(&reject.route, at, recovered);
        }
    }
    Ok(summary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn further_names_are_counted_as_one() {
        let mut groups = Groups::default();
        for number in 0..NAMES_MAX + 7 {
            groups.add(&number.to_string(), Timestamp::MIN, false);
        }
        groups.add("0", Timestamp::MIN, true);
        assert_eq!(groups.names(), NAMES_MAX + 1);
        let largest = groups.largest(2);
        let counts = largest
            .iter()
            .map(|(name, group)| (name.as_str(), group.count));
        assert_eq!(counts.collect::<Vec<_>>(), [(OTHERS, 7), ("0", 2)]);
    }
}
