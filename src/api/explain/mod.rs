//! The story of a device's last uplinks, and of its silence: for a field engineer at the pole.
//!
//! ```text
//! timeline: its last uplinks and rejects, of a concentrator also what it carried --> when who had each: marks of history, registry, stores, streams
//! registry: state, rhythm, parent, cell, way in --\
//! links, log, strangers ---------------------------+--> verdict: one sentence --> HTTP, page, `citygate explain`
//! ```
//! - **Never more than is known.** What was silent at the same time is said beside a silence, not as its
//!   reason; what nobody kept is said to be not kept.
//! - **The grant cuts everything.** Uplinks come cut out of [`timeline`]; devices around are counted as
//!   far as they are seen; stores, subscribers, links and the gateway's own life are for grants of
//!   the gateway, names of tokens for those that may operate, strangers for those of all devices. Of a
//!   device that is not granted the story is that of one that does not exist.
//! - **Bounded**: a page of the timeline (`ENTRIES_MAX`), a frame of the log for each uplink and two
//!   for the gateway's start, one look at the marks of each device (in `devices`), at `STRANGERS_MAX` strangers;
//!   of who never came, a few walks through the rejects (`reach`).
mod around;
mod carried;
mod gather;
mod passages;
mod reach;
mod story;
mod strangers;
mod uplink;
mod verdict;

pub use story::{Cell, Expected, Life, Link, Others, Parent, Story, Stranger, Subject};
pub use uplink::{Carried, Doubt, Named, Passage, Reading, Refused, Said, Uplink};
pub use verdict::{Cause, Verdict};

use super::Shared;
use super::timeline;
use crate::access::Grant;
use crate::devices::{Device, State};
use crate::inventory::Entry;
use crate::model::Timestamp;
use std::sync::Arc;

/// Uplinks of a story.
pub const UPLINKS_DEFAULT: usize = 5;
/// See [`UPLINKS_DEFAULT`].
pub const UPLINKS_MAX: usize = 20;
/// Entries of the timeline that are looked at: events and changes of state stand between the uplinks.
const ENTRIES_MAX: usize = 4 * UPLINKS_MAX;
/// Readings of one uplink that are shown.
const READINGS_MAX: usize = 64;
/// Events of one uplink that are shown.
const EVENTS_MAX: usize = 32;
/// Names of devices in a concentrator's uplink that are shown.
const NAMES_MAX: usize = 16;
/// Devices that a concentrator carries whose last uplinks are looked for.
const CHILDREN_MAX: usize = 512;
/// Strangers that are compared, the latest first.
const STRANGERS_MAX: usize = 1_000;

/// Tells the story of a name, without its sentences. Blocks on the disk.
///
/// # Errors
/// The log's or history's.
pub fn explain(
    shared: &Shared,
    grant: &Arc<Grant>,
    name: &str,
    count: usize,
) -> Result<Story, timeline::Error> {
    let now = shared.clock.now();
    let device = shared.devices.seen_by(grant).get(name);
    let mut story = Story {
        asked: name.to_owned(),
        at: now,
        ..Story::default()
    };
    let knowledge = shared.intake.knowledge();
    let id = device.as_ref().map_or(name, |device| &*device.id);
    // Of what is not seen, the inventory tells nothing either.
    let told = device.is_some() || grant.sees_all_devices();
    let entry = told.then(|| knowledge.inventory.lookup(id, now)).flatten();
    if let Some(device) = &device {
        story.device = Some(subject(device));
        story.uplinks = gather::uplinks(shared, grant, device, count)?;
        story.expected = Some(around::expected(device, entry, &knowledge.profiles));
        story.parent = around::parent(shared, grant, device, entry);
        story.cell = around::cell(shared, grant, device);
        let topic = story.uplinks.first().map_or("", |last| &*last.topic);
        story.link = around::link(shared, grant, device, topic);
    } else if let Some(near) = shared.devices.seen_by(grant).nearest(name) {
        story.nearest.push(near.into());
    }
    story.gateway = grant.gateway.then(|| around::life(shared));
    let aliases = aliases(device.as_ref(), entry);
    story.strangers = strangers::strangers(shared, grant, name, device.as_ref(), &aliases);
    let will = device.as_ref().is_some_and(|device| has_will(device, now));
    let all = grant.sees_all_devices();
    story.verdict = verdict::judge(&story, now, all, will);
    if let Verdict::Unknown { .. } | Verdict::Never { .. } = story.verdict {
        let reach = reach::look(shared, grant, id, &aliases)?;
        story.strangers.extend(reach.found);
        story.verdict = verdict::judge(&story, reach.since, all, will);
        if let Verdict::Never { aliases, .. } = &mut story.verdict {
            *aliases = reach.all;
        }
    }
    story.well = matches!(
        story.verdict,
        Verdict::Heard { .. } | Verdict::Parts { .. } | Verdict::Undelivered { .. }
    );
    Ok(story)
}

fn subject(device: &Device) -> Subject {
    let heard = device.last_report.is_some() || device.last_reject.is_some();
    Subject {
        id: (*device.id).to_owned(),
        kind: (*device.kind).to_owned(),
        district: (*device.district).to_owned(),
        state: device.state.word().to_owned(),
        state_since: device.state_since,
        last_heard: heard.then_some(device.last_seen),
        last_accepted: device.last_report,
        last_refused: device.last_reject,
        duplicates: device.duplicates,
    }
}

fn aliases(device: Option<&Device>, entry: Option<Entry<'_>>) -> Vec<String> {
    let own = device.into_iter().flat_map(|device| device.aliases.iter());
    let mut all: Vec<String> = own.map(|alias| (**alias).to_owned()).collect();
    all.extend(
        entry
            .into_iter()
            .flat_map(Entry::aliases)
            .map(str::to_owned),
    );
    all.sort_unstable();
    all.dedup();
    all
}

/// Offline although its time has not come: then its will said so.
fn has_will(device: &Device, now: Timestamp) -> bool {
    device.state == State::Offline && device.offline_at.is_none_or(|at| at > now)
}
