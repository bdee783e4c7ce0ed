//! What uplinks became beside a device's own readings: events, and of a concentrator what it carries.
//!
//! The registry remembers uplinks with the devices of their reports. Those of a concentrator are found by
//! what it carries, and put together from the log.
use super::gather::{named_by, source_name, time_of};
use super::{CHILDREN_MAX, Carried, ENTRIES_MAX, EVENTS_MAX, NAMES_MAX, Said, Uplink};
use crate::access::Grant;
use crate::api::Shared;
use crate::api::timeline::{Arrived, Entry, Error, Together, Uplinks, What};
use crate::devices::{Device, Query, TraceKind};
use crate::model::{Timestamp, proto};
use std::collections::BTreeSet;

/// The last uplinks that became something else than one report of the device.
pub(super) struct Told<'d> {
    device: &'d Device,
    uplinks: Vec<Together>,
}

impl<'d> Told<'d> {
    /// Looks for the newest `count` that belong to it. Blocks on the disk.
    ///
    /// # Errors
    /// The disk's.
    pub(super) fn look(
        shared: &Shared,
        grant: &Grant,
        device: &'d Device,
        own: &[Entry],
        count: usize,
    ) -> Result<Self, Error> {
        let children = children(shared, grant, device);
        let carries = !children.is_empty();
        let mut sequences: Vec<u64> = own
            .iter()
            .filter(|entry| match &entry.what {
                What::Event(_, by) => by.is_some(),
                What::Uplink(_) => carries,
                What::Reject(..) | What::State(..) => false,
            })
            .map(|entry| entry.sequence)
            .collect();
        let traces = children.iter().flat_map(|child| &child.traces);
        sequences.extend(traces.filter_map(|trace| match trace.what {
            TraceKind::Report(sequence) | TraceKind::Event(sequence) => Some(sequence),
            TraceKind::Reject(_) | TraceKind::State(..) => None,
        }));
        // By the log, newest first: what one uplink brought is read once.
        sequences.sort_unstable_by(|one, other| other.cmp(one));
        let ids: BTreeSet<&str> = children.iter().map(|child| &*child.id).collect();
        let mut told = Self {
            device,
            uplinks: Vec::new(),
        };
        let (mut reader, mut looked, mut done) = (Uplinks::new(shared, grant), 0, u64::MAX);
        for sequence in sequences.into_iter().filter(|sequence| *sequence > 0) {
            if sequence >= done || told.uplinks.len() > count || looked >= ENTRIES_MAX {
                continue;
            }
            let Some(together) = reader.of(sequence)? else {
                continue;
            };
            (looked, done) = (looked + 1, together.first);
            if is_of(&together, &device.id, &ids) {
                told.uplinks.push(together);
            }
        }
        Ok(told)
    }

    /// Adds to an uplink with readings of the device what else it became.
    pub(super) fn add_to(&mut self, uplink: &mut Uplink) {
        let is_it = |together: &Together| {
            (together.first..=together.last).contains(&uplink.sequence) && uplink.sequence > 0
        };
        if let Some(at) = self.uplinks.iter().position(is_it) {
            let together = self.uplinks.remove(at);
            self.fill(uplink, &together);
        }
    }

    /// Those without readings of the device.
    pub(super) fn others(mut self) -> Vec<Uplink> {
        let uplinks = std::mem::take(&mut self.uplinks).into_iter();
        uplinks.map(|together| self.uplink(&together)).collect()
    }

    fn uplink(&self, together: &Together) -> Uplink {
        let report = reports(together).next();
        let arrived = together.entries.iter().find_map(|entry| match &entry.what {
            What::Uplink(uplink) => uplink.arrived.clone(),
            What::Event(_, arrived) => arrived.clone(),
            What::Reject(..) | What::State(..) => None,
        });
        let arrived = arrived.unwrap_or_else(Arrived::default);
        let at = report.map(|report| time_of(report.received_at.as_ref()));
        let first = together.entries.first();
        let own = self.device.children == 0 && !together.alone;
        let via = match report {
            // The report is another's: the device has events alone.
            Some(report) if own => report.via.clone(),
            None if own => (*self.device.parent).to_owned(),
            Some(_) | None => String::new(),
        };
        let mut uplink = Uplink {
            at: at
                .or_else(|| first.map(|entry| entry.at))
                .unwrap_or(Timestamp::EPOCH),
            sequence: together.first,
            accepted: true,
            source: report.map_or_else(String::new, |report| source_name(report.source.into())),
            address: arrived
                .address
                .map(|address| address.to_string())
                .unwrap_or_default(),
            topic: arrived.topic,
            client: arrived.client,
            route: arrived.route,
            profile: report.map_or_else(String::new, |report| report.profile.clone()),
            version: arrived.version,
            device: (*self.device.id).to_owned(),
            via,
            ..Uplink::default()
        };
        uplink.named_by = named_by(&uplink);
        self.fill(&mut uplink, together);
        uplink
    }

    fn fill(&self, uplink: &mut Uplink, together: &Together) {
        let carries = self.device.children > 0;
        let id = &*self.device.id;
        let mut events: Vec<Said> = together.entries.iter().filter_map(said).collect();
        events.retain(|said| carries || said.device == id);
        uplink.events_left_out = events.len().saturating_sub(EVENTS_MAX);
        events.truncate(EVENTS_MAX);
        uplink.events = events;
        if carries {
            uplink.carried = carried(id, together);
        }
    }
}

/// What it carries, as far as that is seen.
fn children(shared: &Shared, grant: &Grant, device: &Device) -> Vec<Device> {
    if device.children == 0 {
        return Vec::new();
    }
    let query = Query {
        parent: device.id.clone(),
        limit: CHILDREN_MAX,
        ..Query::default()
    };
    shared.devices.seen_by(grant).list(&query).devices
}

/// Is it of this device, or did this carry it? Of events nothing says who carried them: it is the one that
/// carries their device, if that did not speak for itself.
fn is_of(together: &Together, id: &str, children: &BTreeSet<&str>) -> bool {
    together.entries.iter().any(|entry| match &entry.what {
        What::Uplink(uplink) => uplink.report.device_id == id || uplink.report.via == id,
        What::Event(event, _) => {
            let is_carried = children.contains(event.device_id.as_str()) && !together.alone;
            event.device_id == id || (is_carried && reports(together).next().is_none())
        }
        What::Reject(..) | What::State(..) => false,
    })
}

fn reports(together: &Together) -> impl Iterator<Item = &proto::Report> {
    together
        .entries
        .iter()
        .filter_map(|entry| match &entry.what {
            What::Uplink(uplink) => Some(&uplink.report),
            What::Reject(..) | What::Event(..) | What::State(..) => None,
        })
}

fn said(entry: &Entry) -> Option<Said> {
    let What::Event(event, _) = &entry.what else {
        return None;
    };
    Some(Said {
        device: event.device_id.clone(),
        name: event.name.clone(),
        detail: event.detail.clone().into_iter().collect(),
        sequence: entry.sequence,
    })
}

/// Reports of others than `id`; `None`: there is none.
fn carried(id: &str, together: &Together) -> Option<Carried> {
    let others = || reports(together).filter(|report| report.device_id != id);
    let mut names: Vec<&str> = Vec::new();
    let mut known = BTreeSet::new();
    for report in others() {
        if known.insert(report.device_id.as_str()) {
            names.push(&report.device_id);
        }
    }
    let is_meter = |report: &proto::Report| report.kind.split('.').next() == Some("meter");
    (!names.is_empty()).then(|| Carried {
        reports: others().count(),
        devices: names.len(),
        meters: others().all(is_meter),
        names: names
            .iter()
            .take(NAMES_MAX)
            .map(|name| (*name).to_owned())
            .collect(),
        say: String::new(),
    })
}
