//! Device identity.
use std::fmt;

/// A device's name in the city: 1 to 64 of `A-Z a-z 0-9 . _ : -`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceId(Box<str>);

/// Why a text is no device id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDeviceId {
    /// Nothing there.
    #[error("a device id is empty; it needs 1 to {} characters", DeviceId::LEN_MAX)]
    Empty,
    /// More than [`DeviceId::LEN_MAX`] characters.
    #[error("device id of {len} bytes; at most {} are allowed", DeviceId::LEN_MAX)]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// A character outside the alphabet.
    #[error("device id has {found:?} at byte {at}; only A-Z a-z 0-9 . _ : - are allowed")]
    Character {
        /// The first such character.
        found: char,
        /// Its byte offset.
        at: usize,
    },
}

impl DeviceId {
    /// Longest id, in bytes.
    pub const LEN_MAX: usize = 64;

    /// Checks a text without copying it.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn check(text: &str) -> Result<&str, InvalidDeviceId> {
        if text.is_empty() {
            return Err(InvalidDeviceId::Empty);
        }
        if text.len() > Self::LEN_MAX {
            return Err(InvalidDeviceId::TooLong { len: text.len() });
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-');
        match text.char_indices().find(|(_, c)| !allowed(*c)) {
            Some((at, found)) => Err(InvalidDeviceId::Character { found, at }),
            None => Ok(text),
        }
    }

    /// A checked, owned id.
    ///
    /// # Errors
    /// As [`DeviceId::check`].
    pub fn parse(text: &str) -> Result<Self, InvalidDeviceId> {
        Self::check(text).map(|text| Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeviceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_the_field_are_accepted() {
        for id in [
            "pole-7",
            "urn:imei:863703031234567",
            "m_1.2",
            &"x".repeat(64),
        ] {
            assert_eq!(
                DeviceId::parse(id).map(|id| id.to_string()),
                Ok(id.to_owned())
            );
        }
    }

    #[test]
    fn invalid_ids_say_what_and_where() {
        assert_eq!(DeviceId::check(""), Err(InvalidDeviceId::Empty));
        assert_eq!(
            DeviceId::check(&"x".repeat(65)),
            Err(InvalidDeviceId::TooLong { len: 65 })
        );
        assert_eq!(
            DeviceId::check("pole/7"),
            Err(InvalidDeviceId::Character { found: '/', at: 4 })
        );
        assert!(DeviceId::check("灯杆").is_err());
    }
}
