//! Whose uplink it is: what route, credentials and payload say, and what the inventory makes of it.
//!
//! ```text
//!  route names a device     the payload's name may confirm it or name a child of it, nothing else
//!  route names nobody       the payload names it (platforms that push for all their devices)
//! ```
//! Names may be addresses of meters, as their frames carry them: `meters` says what is different then.
//!
//! Decision: who is named by topic or token wins, for that is what credentials are checked against. A
//! payload that claims to be another known device is refused (promise 7), and not quietly renamed.
use super::Knowledge;
use super::report::Sender;
use crate::codecs::{Decoded, Fault, Reason, quote};
use crate::inventory::{Entry, Standing};
use crate::model::{DeviceId, Timestamp};

/// Most steps from a device to the concentrator that carries it.
const CARRIED_MAX: usize = 4;

impl Knowledge {
    /// May a device of this name report?
    pub(super) fn admits(&self, device: &str, entry: Option<Entry<'_>>) -> Result<(), Fault> {
        DeviceId::check(device)
            .map_err(|error| Fault::whole(Reason::InvalidDeviceId, error.to_string()))?;
        if entry.is_none() && !self.inventory.accepts_unknown() {
            let sentence =
                format!("the inventory has no device `{device}`, and devices.unknown is reject");
            return Err(Fault::whole(Reason::UnknownDevice, sentence));
        }
        Ok(())
    }

    /// The row of a name at a time. Of a device that is out of service, or not in it yet, its last or
    /// its next row: what it says is taken all the same, by its id.
    pub(super) fn entry<'k>(&'k self, name: &'k str, at: Timestamp) -> Option<Entry<'k>> {
        let holds = self.inventory.lookup(name, at);
        let standing = || self.inventory.standing(name, at).map(Standing::entry);
        holds.or_else(standing)
    }

    /// Does the inventory give `child` to `carrier`, directly or by concentrators in between?
    pub(super) fn carries(&self, carrier: &str, child: Entry<'_>, at: Timestamp) -> bool {
        let mut parent = child.parent();
        for _ in 0..CARRIED_MAX {
            if parent.is_empty() {
                return false;
            }
            if parent == carrier {
                return true;
            }
            let above = self.inventory.lookup(parent, at);
            parent = above.map(Entry::parent).unwrap_or_default();
        }
        false
    }

    /// May `sender` report for the device that its payload names? `entry` is that device's.
    pub(super) fn may_report_for(
        &self,
        sender: &Sender<'_>,
        named: &str,
        entry: Option<Entry<'_>>,
        at: Timestamp,
    ) -> Result<(), Fault> {
        self.admits(named, entry)?;
        let Some(child) = entry else { return Ok(()) };
        if sender.device.is_empty() || self.carries(sender.device, child, at) {
            return Ok(());
        }
        let parent = match child.parent() {
            "" => "no parent".to_owned(),
            parent => format!("the parent `{parent}`"),
        };
        let sentence = format!(
            "`{}` reports for `{named}`, which has {parent} in the inventory",
            quote(sender.device)
        );
        Err(Fault::whole(Reason::OtherDevice, sentence))
    }

    /// A carrier that only the payload names: the inventory must agree, or know nothing and let
    /// unknown devices in.
    fn carrier<'d>(
        &self,
        via: &'d str,
        device: &str,
        entry: Option<Entry<'_>>,
        at: Timestamp,
    ) -> &'d str {
        if via == device || DeviceId::check(via).is_err() {
            return "";
        }
        let believed = match entry {
            Some(entry) if !entry.parent().is_empty() => self.carries(via, entry, at),
            _ => self.inventory.accepts_unknown(),
        };
        if believed { via } else { "" }
    }

    /// Who a group of samples is of: the sender, or a device that it reports for. Not necessarily one
    /// that may report: a part of the fault says which.
    ///
    /// # Errors
    /// The sender may not report for it; `part` names it.
    pub(super) fn of_group<'d>(
        &'d self,
        sender: &Sender<'d>,
        decoded: &'d Decoded<'_>,
        group: u32,
        at: Timestamp,
    ) -> Result<Sender<'d>, Fault> {
        let named = decoded.device_of(group);
        let Some(named) = named.filter(|name| ![sender.device, sender.own].contains(name)) else {
            return Ok(*sender);
        };
        let entry = self.of_address(decoded, named, at);
        let before = self.before_exchange(sender, decoded, group, entry, at);
        self.of_named(sender, named, before.or(entry), at)
    }

    /// The same of a device that the payload names.
    pub(super) fn of_named<'d>(
        &'d self,
        sender: &Sender<'d>,
        named: &'d str,
        entry: Option<Entry<'d>>,
        at: Timestamp,
    ) -> Result<Sender<'d>, Fault> {
        let device = entry.map_or(named, Entry::id);
        // An alias of its own is no child.
        if device == sender.device {
            return Ok(*sender);
        }
        self.may_report_for(sender, device, entry, at)
            .map_err(|fault| Fault {
                part: quote(device),
                ..fault
            })?;
        let via = match sender.device {
            "" => self.carrier(sender.via, device, entry, at),
            carrier => carrier,
        };
        Ok(Sender {
            device,
            entry,
            via,
            ..*sender
        })
    }

    /// Name of the profile that the inventory gives a device.
    pub fn profile_of(&self, name: &str, at: Timestamp) -> Option<&str> {
        self.given(name, at).filter(|name| !name.is_empty())
    }

    /// The same, but "" where it gives none to one that it has.
    pub(super) fn given(&self, name: &str, at: Timestamp) -> Option<&str> {
        self.inventory.lookup(name, at).map(Entry::profile)
    }

    /// Who it is, once the payload has been read: `sender` as route and credentials have it, which is
    /// nobody where the route leaves it to the payload.
    ///
    /// # Errors
    /// Nobody is named, or another device than the route's.
    pub(super) fn identify<'d>(
        &'d self,
        sender: &Sender<'d>,
        decoded: &'d Decoded<'_>,
        at: Timestamp,
    ) -> Result<Sender<'d>, Fault> {
        let via = decoded.via.as_deref().unwrap_or_default();
        let via = self.inventory.lookup(via, at).map_or(via, Entry::id);
        let Some(named) = decoded.sender.as_deref() else {
            let unnamed = |group: u32| decoded.device_of(group).is_none();
            let mut samples = decoded.samples.iter().map(|sample| sample.group);
            let events_only = decoded.samples.is_empty() && decoded.faults.is_empty();
            let mut events = decoded.notes.iter().map(|note| note.group);
            let nobody = samples.any(unnamed) || (events_only && events.all(unnamed));
            if sender.device.is_empty() && nobody {
                let sentence = "neither the route nor the payload names a device";
                return Err(Fault::whole(Reason::InvalidDeviceId, sentence));
            }
            // Who is named by the topic is carried by none that a payload claims.
            let via = if sender.device.is_empty() { via } else { "" };
            return Ok(Sender { via, ..*sender });
        };
        let entry = self.entry(named, at);
        let device = entry.map_or(named, Entry::id);
        if sender.device.is_empty() {
            self.admits(device, entry)?;
            let via = self.carrier(via, device, entry, at);
            return Ok(Sender {
                device,
                entry,
                via,
                ..*sender
            });
        }
        // A name that the inventory does not know says nothing against the topic's.
        let Some(known) = entry.filter(|entry| entry.id() != sender.device) else {
            return Ok(*sender);
        };
        if self.carries(sender.device, known, at) {
            return Ok(Sender {
                device,
                entry,
                via: sender.device,
                ..*sender
            });
        }
        let sentence = format!(
            "the topic names `{}`, and the payload `{}`, which is `{device}` in the inventory",
            quote(sender.device),
            quote(named)
        );
        Err(Fault::whole(Reason::OtherDevice, sentence))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::inventory::{Inventory, Unknown};
    use crate::profiles::Profiles;
    use jiff::tz::TimeZone;
    use std::path::Path;

    #[test]
    fn who_is_out_of_service_is_taken_by_its_id() {
        let rows = "id,kind,aliases,valid_from,valid_to\n\
            old,meter.gas,sn:1,,2026-03-01\n\
            next,meter.gas,sn:1,2027-03-01,\n";
        let (catalogue, zone) = (Catalogue::shipped(), TimeZone::UTC);
        let inventory = Inventory::of_csv(
            Path::new("devices.csv"),
            rows,
            &catalogue,
            &zone,
            Unknown::Reject,
        )
        .unwrap();
        let known = Knowledge {
            inventory,
            profiles: Profiles::default(),
            generation: 1,
        };
        let at = Timestamp::from_secs(1_795_435_200); // 2026-11-23T12:00:00Z
        let admitted = |name: &'static str| {
            let entry = known.entry(name, at);
            (
                entry.map_or("", Entry::kind),
                known.admits(name, entry).is_ok(),
            )
        };
        assert_eq!(admitted("old"), ("meter.gas", true));
        assert_eq!(admitted("next"), ("meter.gas", true));
        // Its address is nobody's then, and another name is nobody's ever.
        assert_eq!(admitted("sn:1"), ("", false));
        assert_eq!(admitted("other"), ("", false));
    }
}
