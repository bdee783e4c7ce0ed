//! What is known of devices and formats: one snapshot, swapped as a whole.
use crate::codecs::{Fault, Reason};
use crate::inventory::{Entry, Inventory, Unknown};
use crate::model::DeviceId;
use crate::profiles::Profiles;

/// Inventory and profiles that were read and checked together. An uplink sees one of them.
#[derive(Clone, Debug)]
pub struct Knowledge {
    /// The devices.
    pub inventory: Inventory,
    /// The formats, besides those that need no file.
    pub profiles: Profiles,
    /// Counts the snapshots of this process, from 1.
    pub generation: u64,
}

impl Knowledge {
    /// Nothing is known, but for the profiles that need no file.
    pub fn nothing(unknown: Unknown) -> Self {
        Self {
            inventory: Inventory::none(unknown),
            profiles: Profiles::default(),
            generation: 1,
        }
    }

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
}
