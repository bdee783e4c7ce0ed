//! `[devices]`, as far as it concerns the inventory.
use crate::model::settings::Section;

/// What becomes of a device that the inventory does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    /// It may report. The default without an inventory.
    #[default]
    Accept,
    /// Its uplinks are rejected as `unknown_device`.
    Reject,
}

/// `[devices]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// `unknown`.
    pub unknown: Unknown,
}

impl Config {
    /// Reads `[devices]`.
    pub fn read(section: &mut Section<'_>) -> Self {
        if let Some(value) = section.raw("inventory") {
            section.problem("inventory", value, "an inventory is not in this version");
        }
        let unknown = section.word("unknown", &["accept", "reject"]);
        Self {
            unknown: match unknown {
                Some("reject") => Unknown::Reject,
                _ => Unknown::Accept,
            },
        }
    }
}
