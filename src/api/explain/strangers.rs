//! Who was refused lately and may be the device that is asked for.
use super::{STRANGERS_MAX, Stranger};
use crate::access::Grant;
use crate::api::Shared;
use crate::devices::{self, Device};
use crate::model::Timestamp;
use crate::model::settings::nearest;
use std::time::Duration;

/// Of those who share no name with it: as long ago at most.
const LATELY: Duration = Duration::from_hours(24);
/// Strangers of one story.
const SHOWN_MAX: usize = 5;

/// Those of its name and aliases; else those from its address or of a name like its own. Grants that
/// do not see all devices are told of none.
pub(super) fn strangers(
    shared: &Shared,
    grant: &Grant,
    name: &str,
    device: Option<&Device>,
    aliases: &[String],
) -> Vec<Stranger> {
    let seen = shared.devices.seen_by(grant);
    let mut found: Vec<(devices::Stranger, &str)> = Vec::new();
    let id = device.map_or(name, |device| &*device.id);
    // What is refused of a device that was ever accepted stands among its uplinks.
    let by_name = device.is_none_or(|device| device.last_report.is_none());
    let own = by_name.then(|| seen.stranger(id)).flatten();
    found.extend(own.map(|stranger| (stranger, "name")));
    let by_alias = aliases.iter().filter_map(|alias| seen.stranger(alias));
    found.extend(by_alias.map(|stranger| (stranger, "alias")));
    // A device that is heard and accepted under its own name is no stranger by another.
    let silent = device.is_none_or(|device| {
        use devices::State::{Late, Never, Offline};
        matches!(device.state, Late | Never | Offline)
    });
    if silent {
        let since = shared.clock.now().minus(LATELY);
        let heard = device.map_or(Timestamp::MIN, |device| device.last_seen);
        let address = device.and_then(|device| device.address);
        for stranger in seen.strangers(since.max(heard), STRANGERS_MAX) {
            let same = stranger.address.map(|other| other.ip());
            let same = same.is_some() && same == address.map(|own| own.ip());
            let by = if stranger.known {
                continue;
            } else if is_like(id, &stranger.name) {
                "similar"
            } else if same && is_one_host(address) {
                "address"
            } else {
                continue;
            };
            if !found.iter().any(|(f, _)| f.sequence == stranger.sequence) {
                found.push((stranger, by));
            }
        }
    }
    found.truncate(SHOWN_MAX);
    found.into_iter().map(shown).collect()
}

/// Behind loopback, or an address that gateways of carriers share, anybody may be: the name decides.
fn is_one_host(address: Option<std::net::SocketAddr>) -> bool {
    address.is_some_and(|address| !address.ip().to_canonical().is_loopback())
}

fn is_like(own: &str, name: &str) -> bool {
    !name.is_empty()
        && own != name
        && (own.eq_ignore_ascii_case(name) || nearest(own, [name]).is_some())
        && own.len().max(name.len()) >= 4
}

fn shown((stranger, by): (devices::Stranger, &str)) -> Stranger {
    Stranger {
        name: stranger.name.into(),
        address: stranger
            .address
            .map(|address| address.to_string())
            .unwrap_or_default(),
        topic: stranger.topic.into(),
        last: stranger.last,
        rejects: stranger.rejects,
        reason: stranger.reason.into(),
        sentence: stranger.sentence.into(),
        by: by.to_owned(),
    }
}
