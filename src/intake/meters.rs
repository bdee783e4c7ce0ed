//! Addresses of meters in a payload: which device each is of.
//!
//! ```text
//!  one address, which nobody knows, of a device without children   it is the device's own, as `own` remembers
//!  otherwise each is an alias in the inventory                     its device, `via` the sender; unknown: a part
//!  a frame from before a meter exchange                            who had the address then, for some weeks
//! ```
//! To know an address, and to have children, is to have a row of it at any time: a meter that was taken
//! out, or is to come, still talks on its concentrator's bus.
use super::Knowledge;
use super::report::Sender;
use super::time::{self, Judged};
use crate::codecs::{Decoded, quote};
use crate::inventory::{Entry, Standing};
use crate::model::Timestamp;
use std::ops::Range;
use std::time::Duration;

/// How long after its exchange what a meter had said may still come, and how old it may be: meters keep
/// daily values of 62 days. Beyond that a clock that was never set is likelier.
const BACK_FILL_MAX: Duration = Duration::from_hours(62 * 24);

/// Whose parts of an uplink are, whose names begin so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meter {
    /// As in a part's name.
    named: String,
    /// Its id, or its address where nobody knows it.
    pub(super) device: String,
    /// Only what refuses it as a whole is its, and nothing else that the sender says of it.
    refused: bool,
}

impl Meter {
    /// Is a part of this name its?
    pub(super) fn has(&self, part: &str) -> bool {
        let rest = part.strip_prefix(&*self.named);
        rest.is_some_and(|rest| {
            rest.is_empty() || (!self.refused && rest.starts_with(['.', '[', ' ']))
        })
    }
}

impl Knowledge {
    /// The addresses in a payload that may be the sender's own. One that is known means what the inventory
    /// says, and so does any of a device that carries others.
    pub(super) fn unknown_addresses<'d>(
        &'d self,
        sender: &Sender<'_>,
        decoded: &'d Decoded<'_>,
    ) -> impl Iterator<Item = &'d str> + use<'d> {
        let named = decoded.addressed && !sender.device.is_empty();
        let may = named && !self.inventory.is_parent(sender.device);
        let all = decoded.devices.iter().map(|name| &**name);
        all.filter(move |name| may && self.inventory.entries_named(name).next().is_none())
    }

    /// The one of them that is the sender's own if nothing was heard of it before, or "".
    pub(super) fn sole_address<'d>(
        &'d self,
        sender: &Sender<'_>,
        decoded: &'d Decoded<'_>,
    ) -> &'d str {
        let first = self.unknown_addresses(sender, decoded).next();
        let alone = |first: &&str| decoded.devices.iter().all(|name| name == first);
        first.filter(alone).unwrap_or_default()
    }

    /// The row of a device that a payload names. An address that no row has now is that of the one device
    /// that has it at other times, if that is out of service or to come: one that two devices had in
    /// turn, or whose device has another now, is nobody's.
    pub(super) fn of_address<'k>(
        &'k self,
        decoded: &Decoded<'_>,
        named: &'k str,
        at: Timestamp,
    ) -> Option<Entry<'k>> {
        let entry = self.entry(named, at);
        if entry.is_some() || !decoded.addressed {
            return entry;
        }
        let mut rows = self.inventory.entries_named(named);
        let id = rows.next()?.id();
        let alone = rows.all(|row| row.id() == id);
        let standing = self.inventory.standing(id, at).filter(|_| alone)?;
        (!matches!(standing, Standing::Valid(_))).then(|| standing.entry())
    }

    /// Who had the address of `now` when a frame was made that came after an exchange; `None`: the same.
    pub(super) fn before_exchange<'d>(
        &'d self,
        sender: &Sender<'d>,
        decoded: &'d Decoded<'_>,
        group: u32,
        now: Option<Entry<'d>>,
        at: Timestamp,
    ) -> Option<Entry<'d>> {
        let now = now.filter(|_| decoded.addressed)?;
        let exchanged = now.valid_from()?;
        let group_of = decoded.group(group)?;
        let zone = now.zone().unwrap_or(sender.site);
        let Judged::Plausible(made) = time::judge(&group_of.time, at, zone) else {
            return None;
        };
        if made >= exchanged || at.since(made) > BACK_FILL_MAX {
            return None;
        }
        let then = self.inventory.lookup(decoded.device_of(group)?, made)?;
        let own = sender.device.is_empty() || then.id() == sender.device;
        (then.id() != now.id() && (own || self.carries(sender.device, then, made))).then_some(then)
    }

    /// As much of a run of samples of one address as is of one device.
    pub(super) fn of_one(
        &self,
        sender: &Sender<'_>,
        decoded: &Decoded<'_>,
        run: Range<usize>,
        at: Timestamp,
    ) -> Range<usize> {
        if !decoded.addressed {
            return run;
        }
        let of = |group: u32| {
            let named = decoded.device_of(group)?;
            let now = self.of_address(decoded, named, at);
            let then = self.before_exchange(sender, decoded, group, now, at);
            then.map(Entry::id)
        };
        let samples = decoded.samples.get(run.clone()).unwrap_or_default();
        let Some(first) = samples.first() else {
            return run;
        };
        let (mut last, owner) = (first.group, of(first.group));
        let len = samples.iter().take_while(|sample| {
            let same = sample.group == last || of(sample.group) == owner;
            last = sample.group;
            same
        });
        run.start..run.start + len.count()
    }

    /// Whose the parts of an uplink are, beside the sender's.
    pub(super) fn meters(
        &self,
        sender: &Sender<'_>,
        decoded: &Decoded<'_>,
        at: Timestamp,
    ) -> Vec<Meter> {
        if !decoded.addressed {
            return Vec::new();
        }
        let mut meters: Vec<Meter> = Vec::new();
        for named in decoded.devices.iter().filter(|name| **name != sender.own) {
            let entry = self.of_address(decoded, named, at);
            let device = entry.map_or(&**named, Entry::id);
            let may = self.of_named(sender, named, entry, at);
            let meter = |named: &str, refused| Meter {
                named: quote(named),
                device: device.to_owned(),
                refused,
            };
            // What is said of a device by one that may not is no word about that device.
            let refused = may.is_err() && entry.is_some();
            let found = [meter(named, refused), meter(device, refused)];
            let new = found.into_iter().filter(|_| device != sender.device);
            meters.extend(
                new.filter(|meter| !meters.contains(meter))
                    .collect::<Vec<_>>(),
            );
        }
        meters
    }
}
