//! What of a report, an event or a reject the holder of a grant sees.
//!
//! - A report is judged by the kind and district that it was taken with; readings of other metrics
//!   are left out, and a report without any left is none. Who carried it is told if that is granted.
//! - An event that names no kind is judged by what its device is now. Its details come from devices,
//!   in words of theirs, and may hold any reading: a restricted grant gets those that the gateway
//!   itself writes ([`PLAIN`]), of registers if it has the metric ([`OF_REGISTERS`]), and no others.
//! - A reject is judged by what its device is now. Its bytes, its sentence, which quotes them, and the
//!   name of its part hold what could not be read, of whatever metric and whichever device: for
//!   grants of everything. Where it came from may be another device's place: for grants of all devices.
use crate::access::Grant;
use crate::devices::Registry;
use crate::model::{Reject, proto};

/// Events that the gateway itself writes, and those of their details in which a device has no say.
const PLAIN: [(&str, &[&str]); 3] = [
    (
        "clock_wrong",
        &["device_time", "received_at", "ahead_seconds"],
    ),
    ("will", &["reason"]),
    ("gap", &["reader", "from", "to"]),
];

/// Events of a register that the gateway writes, with numbers of the metric that their detail names, and
/// of no other device: for whoever is granted that metric.
const OF_REGISTERS: [&str; 6] = [
    "register_rollover",
    "register_rollback",
    "register_restarted",
    "register_conflict",
    "register_not_advancing",
    "consumption_implausible",
];

/// A grant, and the devices as they are now.
#[derive(Clone, Copy, Debug)]
pub struct Cut<'a> {
    devices: &'a Registry,
    grant: &'a Grant,
}

impl<'a> Cut<'a> {
    /// To this grant.
    pub const fn new(devices: &'a Registry, grant: &'a Grant) -> Self {
        Self { devices, grant }
    }

    /// What is granted.
    pub const fn grant(&self) -> &'a Grant {
        self.grant
    }

    /// Is this device, which carried a report, not to be named?
    pub fn hides_via(&self, via: &str) -> bool {
        !via.is_empty()
            && !self.grant.sees_all_devices()
            && !self.devices.seen_by(self.grant).has(via)
    }

    /// Leaves of a report what is granted; false: nothing.
    pub fn report(&self, report: &mut proto::Report) -> bool {
        if self.grant.is_unrestricted() {
            return true;
        }
        if !self.grant.sees_device(&report.kind, &report.district) {
            return false;
        }
        if self.hides_via(&report.via) {
            report.via.clear();
        }
        let before = report.readings.len();
        let is_seen = |reading: &proto::Reading| self.grant.sees_metric(&reading.metric);
        report.readings.retain(is_seen);
        before == 0 || !report.readings.is_empty()
    }

    /// Kind and district of an event: its own, else those of its device now, if that is seen.
    pub fn place(&self, event: &proto::Event) -> Option<(Box<str>, Box<str>)> {
        if event.kind.is_empty() && !event.device_id.is_empty() {
            return self.devices.seen_by(self.grant).place(&event.device_id);
        }
        let seen = self.grant.sees_device(&event.kind, &event.district);
        seen.then(|| (event.kind.as_str().into(), event.district.as_str().into()))
    }

    /// Leaves of an event that is seen what is granted of it.
    pub fn details(&self, event: &mut proto::Event) {
        if self.grant.is_unrestricted() {
            return;
        }
        let metric = event.detail.get("metric");
        let sees = metric.is_some_and(|metric| self.grant.sees_metric(metric));
        if sees && OF_REGISTERS.contains(&event.name.as_str()) {
            return;
        }
        let plain = PLAIN.iter().find(|(name, _)| *name == event.name);
        let plain = plain.map_or(&[][..], |(_, names)| names);
        event
            .detail
            .retain(|name, _| plain.contains(&name.as_str()));
    }

    /// Leaves of an event what is granted; false: nothing.
    pub fn event(&self, event: &mut proto::Event) -> bool {
        let seen = match event.device_id.as_str() {
            "" => self.grant.gateway,
            _ => self.place(event).is_some(),
        };
        if seen {
            self.details(event);
        }
        seen
    }

    /// Is a reject of a device of this name seen?
    pub fn sees_reject(&self, device: &str) -> bool {
        self.sees_named(device)
    }

    /// Is a device of this name seen?
    pub fn sees_named(&self, device: &str) -> bool {
        self.grant.sees_all_devices() || self.devices.seen_by(self.grant).has(device)
    }

    /// Leaves of a reject that is seen what is granted of it.
    pub fn reject(&self, reject: &mut Reject) {
        if self.grant.is_unrestricted() {
            return;
        }
        reject.sentence.clear();
        reject.part.clear();
        reject.raw.clear();
        reject.rest.clear();
        // The connection it came by may be another device's.
        reject.client.clear();
        if !self.grant.sees_all_devices() {
            reject.topic.clear();
            reject.address.clear();
            reject.via.clear();
        }
    }
}
