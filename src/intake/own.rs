//! Which address of a meter is that of the topic's device itself, where the inventory does not say.
//!
//! ```text
//!  the first uplink with one address            it is the device's own, and no other is from then on
//!  an uplink with several                       a concentrator: none is its own but one that was before
//! ```
//! A transparent modem polls one meter per uplink: without a memory two meters would share a series, or
//! one would have two names, by how many happen to share an uplink.
//!
//! Decision: an address is bound when it is decoded, for the next uplink may be in the same batch, and
//! let go again unless an uplink with it is appended: what is refused, a copy or without a record binds
//! nobody. That several came at once is true of the bus whatever becomes of the uplink. What is taken
//! once more asks and binds not. (An append that the disk voids later was said by a meter all the same.)
//!
//! It is in memory only. After a restart the log tells who carried others, not which address was whose.
use super::aged::Aged;
use super::report::Sender;
use super::{Intake, Knowledge, lock};
use crate::codecs::Decoded;
use crate::log::record::{Kind, RecordView};
use crate::model::ReportView;
use std::sync::Mutex;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Devices remembered, those of the least recent uplinks out; some 52 bytes each, as they come. One that
/// is forgotten is bound anew.
const DEVICES_MAX: usize = 1 << 20;

/// What addresses of meters begin with.
const ADDRESSES: [&str; 3] = ["dlt645:", "cjt188:", "dlt698:"];

/// Nothing is forgotten by age.
const NO_AGE: u32 = 0;

/// What is known of a device.
#[derive(Clone, Copy, Debug, Default)]
struct Bound {
    /// Hash of its own address; 0: none yet.
    address: u64,
    /// An uplink with it was appended.
    kept: bool,
    /// It sent several in one uplink.
    many: bool,
}

/// An uplink that takes an address as its device's own, by hashes of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    device: u64,
    address: u64,
}

/// By the hash of the device.
#[derive(Debug)]
pub(super) struct Owners(Mutex<Aged<u64, Bound>>);

impl Default for Owners {
    fn default() -> Self {
        Self(Mutex::new(Aged::new(DEVICES_MAX)))
    }
}

impl Intake {
    fn key(&self, name: &str) -> u64 {
        // 0 is none.
        xxh3_64_with_seed(name.as_bytes(), self.seed) | 1
    }

    /// The address in a payload that is the sender's own, or "". `claim` must be settled.
    pub(super) fn own_address<'d>(
        &self,
        knowledge: &'d Knowledge,
        sender: &Sender<'_>,
        decoded: &'d Decoded<'_>,
        claim: &mut Option<Claim>,
    ) -> &'d str {
        let mut unknown = knowledge.unknown_addresses(sender, decoded);
        let Some(first) = unknown.next() else {
            return "";
        };
        let alone = decoded.devices.iter().all(|name| *name == first);
        let device = self.key(sender.device);
        let mut owners = lock(&self.owners.0);
        let known = owners.get(&device).map(|(bound, _)| *bound);
        let mut bound = known.unwrap_or_default();
        bound.many |= !alone;
        let free = bound.address == 0 && !bound.many;
        if free {
            bound.address = self.key(first);
        }
        if let Some(again) = sender.again {
            // It was found to be another's.
            if free && again.refused(first, sender.device) {
                return "";
            }
        } else {
            owners.insert(device, bound, NO_AGE);
        }
        drop(owners);
        let is_own = |name: &&str| bound.address != 0 && self.key(name) == bound.address;
        let own = std::iter::once(first).chain(unknown).find(is_own);
        if own.is_some() && sender.again.is_none() {
            *claim = Some(Claim {
                device,
                address: bound.address,
            });
        }
        own.unwrap_or_default()
    }

    /// What became of an uplink that took an address as its device's own.
    pub(super) fn settle_claim(&self, claim: Claim, appended: bool) {
        let mut owners = lock(&self.owners.0);
        let known = owners.get(&claim.device).map(|(bound, _)| *bound);
        let mut bound = known.unwrap_or_default();
        if appended && (bound.address == 0 || bound.address == claim.address) {
            if !bound.kept {
                bound.address = claim.address;
                bound.kept = true;
                owners.insert(claim.device, bound, NO_AGE);
            }
        } else if !bound.kept && bound.address == claim.address {
            bound.address = 0;
            owners.insert(claim.device, bound, NO_AGE);
        }
    }

    /// Who carried meters that the inventory may not know, before a restart.
    pub(super) fn learn_carrier(&self, record: &RecordView<'_>) {
        if record.kind == Kind::Report
            && let Ok(report) = ReportView::parse(record.body)
            && !report.via.is_empty()
            && ADDRESSES
                .iter()
                .any(|start| report.device_id.starts_with(start))
        {
            let bound = Bound {
                many: true,
                ..Bound::default()
            };
            lock(&self.owners.0).insert(self.key(report.via), bound, NO_AGE);
        }
    }
}
