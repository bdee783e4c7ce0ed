//! A payload by itself, without an uplink around it: what it would become by what is known now.
use super::preview::{Assumed, Preview, preview};
use super::{Intake, Knowledge};
use crate::inventory::Unknown;

/// What is tried.
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    /// Name of a profile; "": the device's by the inventory, else `json`.
    pub profile: &'a str,
    /// Id or alias of who would send it, or "".
    pub device: &'a str,
    /// The bytes.
    pub payload: &'a [u8],
    /// Does what the inventory knows of the device count?
    pub with_inventory: bool,
}

/// How it went.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tried {
    /// The profile that was taken, known or not.
    pub profile: String,
    /// Its version; "" of one that needs no file.
    pub version: String,
    /// What it gave.
    pub preview: Preview,
}

impl Intake {
    /// Decodes and normalises a payload as if it had arrived now.
    pub fn try_out(&self, trial: &Trial<'_>) -> Tried {
        let settings = self.settings();
        let unseen;
        let knowledge = if trial.with_inventory {
            &*settings.knowledge
        } else {
            unseen = Knowledge {
                profiles: settings.knowledge.profiles.clone(),
                ..Knowledge::nothing(Unknown::Accept)
            };
            &unseen
        };
        let received_at = self.clock.now();
        let profile = match trial.profile {
            "" => knowledge
                .profile_of(trial.device, received_at)
                .unwrap_or("json"),
            named => named,
        };
        let assumed = Assumed {
            profile,
            device: trial.device,
            kind: "unknown",
            zone: &self.zone,
            received_at,
            readings_max: settings.readings_max,
        };
        let codec = knowledge.profiles.find(profile);
        Tried {
            profile: profile.to_owned(),
            version: codec.map_or_else(String::new, |codec| codec.version().to_owned()),
            preview: preview(&self.catalogue, knowledge, trial.payload, &assumed),
        }
    }
}
