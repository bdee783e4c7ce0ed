//! Since when nothing of a name came: the table of strangers forgets, so the rejects themselves are looked through.
use super::Stranger;
use crate::access::Grant;
use crate::api::Shared;
use crate::api::rejects::{Error, Wanted, walk};
use crate::codecs::Reason;
use crate::model::{Reject, Timestamp};
use std::sync::Arc;

/// Names that are looked for: a walk each, of 0.1 s at most.
const NAMES_MAX: usize = 4;
/// Rejects that are counted.
const REJECTS_MAX: usize = 100;

/// What a look back found.
pub(super) struct Reach {
    /// How far back all has been looked at.
    pub(super) since: Timestamp,
    /// All names were looked for.
    pub(super) all: bool,
    /// Who was refused under one of the names; the count is as far as was looked.
    pub(super) found: Option<Stranger>,
}

/// Looks back for the name that was asked for, and its aliases. Reports need no look: the registry, which
/// does not know it, has read them all. Blocks on the disk.
///
/// # Errors
/// The disk's.
pub(super) fn look(
    shared: &Shared,
    grant: &Arc<Grant>,
    id: &str,
    aliases: &[String],
) -> Result<Reach, Error> {
    // Of others' names a narrow grant sees no rejects.
    let looked = if grant.sees_all_devices() {
        NAMES_MAX
    } else {
        1
    };
    let others = aliases
        .iter()
        .map(String::as_str)
        .filter(|name| *name != id);
    let others: Vec<&str> = others.collect();
    let mut reach = Reach {
        since: shared.log.oldest().1.max(shared.rejects.oldest().1),
        all: others.len() < looked,
        found: None,
    };
    for name in std::iter::once(id).chain(others).take(looked) {
        let wanted = Wanted {
            reason: None,
            device: Some(name.to_owned()),
            route: None,
            recovered: None,
            from: None,
            to: None,
            grant: Arc::clone(grant),
        };
        let found = walk(shared, &wanted, None, REJECTS_MAX)?;
        let own = |reject: &&Reject| reject.reason != Reason::StoreRejected.as_str();
        let rejects = found.rejects.iter().map(|item| &item.reject).filter(own);
        if let Some(last) = rejects.clone().next() {
            let by = if name == id { "name" } else { "alias" };
            reach.found = Some(stranger(last, rejects.count(), by));
            break;
        }
        if found.next.is_some() {
            reach.since = reach
                .since
                .max(found.reached_at.unwrap_or_else(|| shared.clock.now()));
        }
    }
    Ok(reach)
}

fn stranger(last: &Reject, times: usize, by: &str) -> Stranger {
    Stranger {
        name: last.device_id.clone(),
        address: last.address.clone(),
        topic: last.topic.clone(),
        last: Timestamp::from_nanos(last.received_at_ns),
        rejects: times as u64,
        reason: last.reason.clone(),
        sentence: last.sentence.clone(),
        by: by.to_owned(),
    }
}
