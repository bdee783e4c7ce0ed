//! `[devices]`, as far as it concerns the inventory.
use crate::model::settings::Section;
use std::path::PathBuf;

/// What becomes of a device that the inventory does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    /// It may report. The default without an inventory.
    #[default]
    Accept,
    /// Its uplinks are rejected as `unknown_device`. The default with an inventory.
    Reject,
}

/// `[devices]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// `inventory`: a file of CSV or TOML; without it nothing is known of any device.
    pub file: Option<PathBuf>,
    /// `unknown`.
    pub unknown: Unknown,
}

impl Config {
    /// Reads `[devices]`.
    pub fn read(section: &mut Section<'_>) -> Self {
        let file = section.path("inventory");
        let unknown = section.word("unknown", &["accept", "reject"]);
        Self {
            unknown: match unknown {
                Some("accept") => Unknown::Accept,
                Some(_) => Unknown::Reject,
                None if file.is_some() => Unknown::Reject,
                None => Unknown::Accept,
            },
            file,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn strangers_are_rejected_where_there_is_an_inventory() {
        for (text, unknown) in [
            ("", Unknown::Accept),
            ("unknown = 'reject'", Unknown::Reject),
            ("inventory = 'devices.csv'", Unknown::Reject),
            (
                "inventory = 'devices.csv'\nunknown = 'accept'",
                Unknown::Accept,
            ),
        ] {
            let mut problems = Vec::new();
            let mut section = Section::new("devices", text.parse().unwrap(), &mut problems);
            assert_eq!(Config::read(&mut section).unknown, unknown, "{text}");
            section.finish();
            assert!(problems.is_empty(), "{problems:?}");
        }
    }
}
