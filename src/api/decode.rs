//! A payload that somebody pastes: what it would become, piece by piece. Nothing is taken.
use super::Shared;
use crate::access::Grant;
use crate::codecs::{PastedError, pasted};
use crate::intake::{Preview, Trial};

/// What is to be decoded.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Name of a profile; "": the device's by the inventory, else `json`.
    pub profile: String,
    /// Who would send it; "": nobody in particular.
    pub device: String,
    /// JSON or hexadecimal digits.
    pub pasted: String,
}

/// What it would become.
#[derive(Clone, Debug, Default)]
pub struct Tried {
    /// The profile that read it.
    pub profile: String,
    /// Its version; "" of one that needs no file.
    pub version: String,
    /// The bytes that were decoded.
    pub payload: Vec<u8>,
    /// What they gave.
    pub preview: Preview,
}

/// Decodes as if it had arrived now. Blocks for as long as decoding takes.
///
/// What the inventory knows of a device (kind, zone, multiplier) counts only for a grant of all
/// devices: how a foreign device's payload is judged would tell of that device.
///
/// # Errors
/// The text is no payload.
pub fn decode(shared: &Shared, grant: &Grant, asked: &Asked) -> Result<Tried, PastedError> {
    let payload = pasted(asked.pasted.as_bytes())?;
    let tried = shared.intake.try_out(&Trial {
        profile: &asked.profile,
        device: &asked.device,
        payload: &payload,
        with_inventory: grant.sees_all_devices(),
    });
    Ok(Tried {
        profile: tried.profile,
        version: tried.version,
        preview: tried.preview,
        payload,
    })
}
