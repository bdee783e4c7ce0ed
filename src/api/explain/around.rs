//! What is expected of a device, and what goes on around it.
use super::{Cell, Expected, Life, Link, Others, Parent};
use crate::access::Grant;
use crate::api::Shared;
use crate::devices::{Device, Neighbours};
use crate::inventory::Entry;
use crate::log::{Log, Start};
use crate::model::{Source, Timestamp, Value};
use crate::profiles::{Codec, Profiles};
use crate::sources::broker::LinkState;

/// The metric in which a device names its radio cell.
const CELL_METRIC: &str = "cell_id";

/// When it should be heard.
pub(super) fn expected(device: &Device, entry: Option<Entry<'_>>, profiles: &Profiles) -> Expected {
    let inventory = entry.and_then(Entry::interval);
    let profile = match profiles.find(&device.profile) {
        Some(Codec::File(profile)) => profile.interval(),
        Some(Codec::BuiltIn(..)) | None => None,
    };
    let from = match device.interval {
        None => "not_known",
        Some(interval) if inventory == Some(interval) => "inventory",
        Some(interval) if profile == Some(interval) => "profile",
        Some(_) => "learned",
    };
    Expected {
        every_secs: device.interval.map(|interval| interval.as_secs_f64()),
        from: from.to_owned(),
        next: device.due,
        late: device.late_at,
        offline: device.offline_at,
        say: String::new(),
    }
}

/// What carries it, as far as that is seen: the one of its last report, else the inventory's.
pub(super) fn parent(
    shared: &Shared,
    grant: &Grant,
    device: &Device,
    entry: Option<Entry<'_>>,
) -> Option<Parent> {
    let known = entry.map_or("", Entry::parent);
    let id = if device.parent.is_empty() {
        known
    } else {
        &device.parent
    };
    if id.is_empty() {
        return None;
    }
    let Some(parent) = shared.devices.seen_by(grant).get(id) else {
        // Nothing of it is in the registry; that is told only to whoever would see it there.
        return grant.sees_all_devices().then(|| Parent {
            id: id.to_owned(),
            ..Parent::default()
        });
    };
    let heard = parent.last_report.is_some() || parent.last_reject.is_some() || parent.children > 0;
    Some(Parent {
        id: (*parent.id).to_owned(),
        state: parent.state.word().to_owned(),
        last_heard: (heard && parent.last_seen.as_nanos() > 0).then_some(parent.last_seen),
        children: parent.children,
        silent: parent.children_silent,
        say: String::new(),
    })
}

/// Its cell by its last report of one, and the others there.
pub(super) fn cell(shared: &Shared, grant: &Grant, device: &Device) -> Option<Cell> {
    let value = device.values.iter().find(|v| *v.metric == *CELL_METRIC)?;
    let Value::Number(number) = value.value else {
        return None;
    };
    let seen = shared.devices.seen_by(grant);
    Some(Cell {
        id: number.to_string(),
        others: others(seen.with_value(&device.id, CELL_METRIC, number)),
        say: String::new(),
    })
}

/// The way by which its last uplink came in. How that is, is told to grants of the gateway; of which
/// devices come in by it, each is told of those that it sees.
pub(super) fn link(shared: &Shared, grant: &Grant, device: &Device, topic: &str) -> Option<Link> {
    let source = device.source?;
    let seen = shared.devices.seen_by(grant);
    let mut link = Link {
        name: source.name().to_owned(),
        counted_by: source.name().to_owned(),
        others: others(seen.by_source(&device.id, source)),
        ..Link::default()
    };
    if !grant.gateway {
        return Some(link);
    }
    if let Some(why) = shared.log.refusing() {
        link.refusing = why.to_string();
    }
    match source {
        Source::Broker => match link_of(shared.links.states(), topic) {
            Some(state) => {
                link.name = state.name();
                link.counted_by = counted_by(&link.name, shared.links.states().len());
                state.phase.name().clone_into(&mut link.state);
                link.since = Some(state.since);
                link.last_error = state.last_error;
            }
            None => "stopped".clone_into(&mut link.state),
        },
        Source::Mqtt => {
            "listening".clone_into(&mut link.state);
            link.last_error = shared.mqtt.state().last_error;
        }
        Source::Coap => {
            "listening".clone_into(&mut link.state);
            link.last_error = shared.coap.state().last_error;
        }
        Source::Http => "listening".clone_into(&mut link.state),
        Source::Lwm2m | Source::Relay => {}
    }
    Some(link)
}

/// Of the links whose filters match its last topic, one that is up: several may share them, and which
/// one brought it is not kept.
fn link_of(links: Vec<LinkState>, topic: &str) -> Option<LinkState> {
    let links = links.into_iter();
    let of_topic = links.filter(|link| topic.is_empty() || link.brings(topic));
    of_topic.max_by_key(|link| link.phase.name() == "connected")
}

/// Of a device it is kept that a link brought it, and not which: several are counted together.
fn counted_by(link: &str, links: usize) -> String {
    if links == 1 {
        link.to_owned()
    } else {
        Source::Broker.name().to_owned()
    }
}

fn others(found: Neighbours) -> Others {
    Others {
        heard: found.heard,
        silent: found.silent,
        cut_short: found.cut_short,
    }
}

/// When the gateway started, and what it had written last before.
pub(super) fn life(shared: &Shared) -> Life {
    let started = shared.started_at;
    let before = [&shared.log, &shared.rejects].map(|log| record_before(log, started));
    Life {
        started,
        record_before: before.into_iter().flatten().max(),
        say: String::new(),
    }
}

/// When the last frame before `time` was appended.
fn record_before(log: &Log, time: Timestamp) -> Option<Timestamp> {
    let position = log.reader(Start::Since(time)).ok()?.position();
    let last = position.checked_sub(1)?;
    let mut reader = log.reader(Start::At(last)).ok()?;
    let frames = reader.read(1).ok()?;
    let at = frames.first().map(|frame| frame.appended_at)?;
    (at < time).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_several_links_are_the_brokers() {
        assert_eq!(counted_by("city/0", 1), "city/0");
        assert_eq!(counted_by("city/0", 2), "broker");
    }
}
