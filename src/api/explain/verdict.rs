//! The whole in one sentence: which fact of a story matters most. Pure, so that the order is tested.
//!
//! Whatever is said was seen: a silence *goes together* with what else is silent, and what is heard
//! around it says where not to look.
use super::{Link, Others, Parent, Story, Stranger, Uplink};
use crate::model::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A gateway that was down for less than this missed nothing that a retransmission does not bring.
const STOPPED_MIN: Duration = Duration::from_secs(10);
/// Fewer silent devices than this of one cell, or of one way in, are chance.
const SILENT_MIN: u64 = 2;

/// One sentence about a device, as a code with its facts.
#[allow(missing_docs, reason = "the variants say it")]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "code",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum Verdict {
    /// No device of this name is known, or none that the caller may see.
    #[default]
    Hidden,
    /// Nothing of this name ever came, as far back as the logs were looked through.
    Unknown { since: Timestamp },
    /// The inventory knows it, and nothing of it ever came, as far back as the logs were looked through;
    /// `aliases`: under its other names neither.
    Never { since: Timestamp, aliases: bool },
    /// Only ever refused.
    OnlyRefused {
        last: Timestamp,
        times: u64,
        reason: String,
        sentence: String,
    },
    /// Heard, and its last uplink was refused.
    Refused {
        at: Timestamp,
        reason: String,
        sentence: String,
    },
    /// Heard, and parts of its last uplink were refused.
    Parts {
        at: Timestamp,
        parts: usize,
        reason: String,
        sentence: String,
    },
    /// Heard and accepted, and a store does not have it.
    Undelivered {
        at: Timestamp,
        store: String,
        error: String,
        since: Option<Timestamp>,
    },
    /// Heard and accepted.
    Heard { at: Timestamp },
    /// Silent for longer than it should be.
    Silent {
        since: Timestamp,
        every_secs: Option<f64>,
        cause: Cause,
    },
    /// Taken out of service.
    Retired,
}

/// What a silence goes together with. It is never more than what was seen at the same time.
#[allow(missing_docs, reason = "the variants say it")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "what",
    rename_all = "snake_case",
    rename_all_fields = "camelCase"
)]
pub enum Cause {
    /// The gateway takes nothing now.
    Refusing { why: String },
    /// Something that may be the device is refused.
    Stranger {
        name: String,
        last: Timestamp,
        reason: String,
        sentence: String,
    },
    /// What carries it is silent, too.
    Parent {
        id: String,
        since: Timestamp,
        silent: u32,
        of: u32,
    },
    /// What carries it is heard, and nothing that it carries.
    Bus { id: String, of: u32 },
    /// What carries it is not due yet, was not heard since either, and all that it carries is silent.
    Deserted {
        id: String,
        since: Option<Timestamp>,
        of: u32,
    },
    /// The link to the broker is not up.
    Link {
        name: String,
        state: String,
        since: Timestamp,
        error: String,
    },
    /// It was due between the last record before the gateway's start and that start.
    Restarted { from: Timestamp, to: Timestamp },
    /// All others of its cell are silent.
    Cell { cell: String, silent: u64 },
    /// All others that come in the same way are silent.
    Way { source: String, silent: u64 },
    /// Its connection ended with its will.
    Will,
    /// Others that share its concentrator, cell or way in are heard.
    Alone { heard: u64, by: String },
    /// Nothing around it is known.
    Nothing,
}

/// Judges a story whose facts are all there. `reach`: since when there would be a record of anything;
/// `all`: the caller may see every device; `will`: its connection ended with its will.
pub(super) fn judge(story: &Story, reach: Timestamp, all: bool, will: bool) -> Verdict {
    let Some(device) = &story.device else {
        return match own_stranger(story) {
            Some(stranger) => only_refused(stranger),
            None if all => Verdict::Unknown { since: reach },
            None => Verdict::Hidden,
        };
    };
    let last = last(story);
    match device.state.as_str() {
        "retired" => Verdict::Retired,
        "never" => match (own_stranger(story), last) {
            (Some(stranger), _) => only_refused(stranger),
            (None, Some(last)) if !last.accepted => refused(last),
            (None, _) => Verdict::Never {
                since: reach,
                aliases: false,
            },
        },
        "late" | "offline" => Verdict::Silent {
            since: device.last_heard.unwrap_or(device.state_since),
            every_secs: story.expected.as_ref().and_then(|e| e.every_secs),
            cause: cause(story, will),
        },
        _ => heard(story, device.last_heard.unwrap_or(device.state_since)),
    }
}

/// The last uplink, those apart that were recovered.
fn last(story: &Story) -> Option<&Uplink> {
    story.uplinks.iter().find(|uplink| uplink.counts())
}

fn own_stranger(story: &Story) -> Option<&Stranger> {
    let own = |stranger: &&Stranger| ["name", "alias"].contains(&stranger.by.as_str());
    story.strangers.iter().find(own)
}

fn only_refused(stranger: &Stranger) -> Verdict {
    Verdict::OnlyRefused {
        last: stranger.last,
        times: stranger.rejects,
        reason: stranger.reason.clone(),
        sentence: stranger.sentence.clone(),
    }
}

fn refused(uplink: &Uplink) -> Verdict {
    let mut standing = uplink.refused.iter().filter(|refused| refused.stands());
    let first = standing.next().cloned().unwrap_or_default();
    Verdict::Refused {
        at: uplink.at,
        reason: first.reason,
        sentence: first.sentence,
    }
}

fn heard(story: &Story, at: Timestamp) -> Verdict {
    let Some(last) = last(story) else {
        return Verdict::Heard { at };
    };
    if !last.accepted {
        return refused(last);
    }
    let parts = || last.refused.iter().filter(|refused| refused.stands());
    if let Some(first) = parts().next() {
        return Verdict::Parts {
            at,
            parts: parts().count(),
            reason: first.reason.clone(),
            sentence: first.sentence.clone(),
        };
    }
    // An older one that has waited says more than the last, which may just have come.
    let waiting = story
        .uplinks
        .iter()
        .rev()
        .flat_map(|uplink| &uplink.passages);
    let mut waiting = waiting.filter(|passage| !passage.passed && !passage.error.is_empty());
    match waiting.next() {
        Some(passage) => Verdict::Undelivered {
            at,
            store: passage.reader.clone(),
            error: passage.error.clone(),
            since: passage.error_since,
        },
        None => Verdict::Heard { at },
    }
}

fn cause(story: &Story, will: bool) -> Cause {
    let since = story.device.as_ref().and_then(|device| device.last_heard);
    let after = |at: Timestamp| since.is_none_or(|since| at >= since);
    if let Some(link) = story.link.as_ref().filter(|link| !link.refusing.is_empty()) {
        return Cause::Refusing {
            why: link.refusing.clone(),
        };
    }
    // A name that is only like its own is another device's, as far as anybody knows.
    let own = |s: &&Stranger| s.by != "similar" && after(s.last);
    if let Some(stranger) = story.strangers.iter().find(own) {
        return as_stranger(stranger);
    }
    if let Some(cause) = story.parent.as_ref().and_then(|p| silent_parent(p, since)) {
        return cause;
    }
    if let Some(cause) = story.link.as_ref().and_then(broken_link) {
        return cause;
    }
    if let Some(cause) = restarted(story) {
        return cause;
    }
    if let Some(cell) = &story.cell
        && all_silent(&cell.others)
    {
        return Cause::Cell {
            cell: cell.id.clone(),
            silent: cell.others.silent,
        };
    }
    if let Some(link) = &story.link
        && all_silent(&link.others)
    {
        return Cause::Way {
            source: link.counted_by.clone(),
            silent: link.others.silent,
        };
    }
    if will {
        return Cause::Will;
    }
    alone(story)
}

fn as_stranger(stranger: &Stranger) -> Cause {
    let name = if stranger.name.is_empty() {
        &stranger.address
    } else {
        &stranger.name
    };
    Cause::Stranger {
        name: name.clone(),
        last: stranger.last,
        reason: stranger.reason.clone(),
        sentence: stranger.sentence.clone(),
    }
}

/// Of a parent that is heard, its children's silence lies between it and them.
fn silent_parent(parent: &Parent, since: Option<Timestamp>) -> Option<Cause> {
    let id = parent.id.clone();
    if ["late", "offline"].contains(&parent.state.as_str()) {
        return Some(Cause::Parent {
            id,
            since: parent.last_heard.unwrap_or_default(),
            silent: parent.silent,
            of: parent.children,
        });
    }
    if parent.children < 2 || parent.silent < parent.children {
        return None;
    }
    let of = parent.children;
    // What it carries is a sign of life of itself, too: only a later one shows that it lives.
    let is_heard = ["online", "sleeping"].contains(&parent.state.as_str())
        && parent.last_heard.is_some_and(|at| Some(at) > since);
    Some(if is_heard {
        Cause::Bus { id, of }
    } else {
        let since = parent.last_heard;
        Cause::Deserted { id, since, of }
    })
}

fn broken_link(link: &Link) -> Option<Cause> {
    let up = ["", "listening", "connected"].contains(&link.state.as_str());
    (!up).then(|| Cause::Link {
        name: link.name.clone(),
        state: link.state.clone(),
        since: link.since.unwrap_or_default(),
        error: link.last_error.clone(),
    })
}

/// Due while nothing was recorded, and not once more since. No record does not say that the gateway was
/// down, so no more is said than when it started.
fn restarted(story: &Story) -> Option<Cause> {
    let (life, expected) = (story.gateway.as_ref()?, story.expected.as_ref()?);
    let (from, to) = (life.record_before?, life.started);
    let every = Duration::try_from_secs_f64(expected.every_secs?).ok()?;
    let missed = (from..=to).contains(&expected.next?) && to.since(from) >= STOPPED_MIN;
    // As long as a device is not late: then it would have come again.
    let again = every.saturating_mul(3) / 2;
    (missed && story.at.since(to) <= again).then_some(Cause::Restarted { from, to })
}

const fn all_silent(others: &Others) -> bool {
    others.heard == 0 && others.silent >= SILENT_MIN && !others.cut_short
}

/// The nearest of those around it that are heard.
fn alone(story: &Story) -> Cause {
    if let Some(parent) = &story.parent
        && parent.children > parent.silent
    {
        return Cause::Alone {
            heard: u64::from(parent.children - parent.silent),
            by: parent.id.clone(),
        };
    }
    let cell = story.cell.as_ref();
    let cell = cell.map(|cell| (cell.others.heard, format!("cell {}", cell.id)));
    let way = story.link.as_ref();
    let way = way.map(|link| (link.others.heard, link.counted_by.clone()));
    let mut around = [cell, way].into_iter().flatten();
    let heard = around.find(|(heard, _)| *heard > 0);
    heard.map_or(Cause::Nothing, |(heard, by)| Cause::Alone { heard, by })
}

#[cfg(test)]
mod tests;
