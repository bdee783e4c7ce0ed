//! What is known of devices and formats: one snapshot, swapped as a whole.
use crate::inventory::{Inventory, Unknown};
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
}
