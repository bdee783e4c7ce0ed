//! What is known of each device: identity, aliases, profile, place, children.
//!
//! This version reads no inventory file, so nothing is known of any device. Intake asks here all
//! the same, for kind, district and zone and for whether a device may report at all, so that a
//! file changes nothing but this module.
use crate::model::settings::Section;
use jiff::tz::TimeZone;

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

/// One device.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The city's name for it.
    pub device_id: Box<str>,
    /// Dotted kind.
    pub kind: Box<str>,
    /// GB/T 2260 code or name.
    pub district: Box<str>,
    /// Its clock's zone, where that is not the site's.
    pub zone: Option<TimeZone>,
}

/// All devices that are known.
#[derive(Clone, Debug)]
pub struct Inventory {
    unknown: Unknown,
}

impl Inventory {
    /// An inventory that knows nobody.
    pub const fn none(unknown: Unknown) -> Self {
        Self { unknown }
    }

    /// Looks a device up by its id or an alias.
    pub fn lookup(&self, _name: &str) -> Option<&Entry> {
        None
    }

    /// Looks a device up by its access token.
    pub fn lookup_token(&self, _token: &str) -> Option<&Entry> {
        None
    }

    /// May a device report that [`Inventory::lookup`] did not find?
    pub fn accepts_unknown(&self) -> bool {
        self.unknown == Unknown::Accept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inventory_file_is_a_problem_and_unknown_is_read() {
        let table = toml::from_str("inventory = 'devices.csv'\nunknown = 'reject'").expect("TOML");
        let mut problems = Vec::new();
        let config = Config::read(&mut Section::new("devices", table, &mut problems));
        assert_eq!(config.unknown, Unknown::Reject);
        assert!(!Inventory::none(config.unknown).accepts_unknown());
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            ["devices.inventory = \"devices.csv\": an inventory is not in this version"]
        );
    }
}
