//! `[devices]`, as far as it concerns profiles.
use super::Profiles;
use crate::model::settings::Section;
use std::fs;
use std::io;
use std::path::PathBuf;

/// Where profiles lie, unless the configuration says otherwise.
const FOLDER: &str = "profiles";

/// `[devices]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `profiles`: a folder, or a file alone.
    pub folder: PathBuf,
    /// The configuration names it, so it must be there.
    pub is_named: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            folder: FOLDER.into(),
            is_named: false,
        }
    }
}

impl Config {
    /// Reads the key `profiles` of `[devices]`.
    pub fn read(section: &mut Section<'_>) -> Self {
        section
            .path("profiles")
            .map_or_else(Self::default, |folder| Self {
                folder,
                is_named: true,
            })
    }

    /// The files of the folder, by name; none where it is not there and need not be.
    ///
    /// # Errors
    /// It cannot be listed.
    pub fn files(&self) -> io::Result<Vec<PathBuf>> {
        if self.is_named {
            fs::metadata(&self.folder)?;
        }
        Profiles::candidates(&self.folder)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_folder_is_listed_and_one_that_is_named_must_be_there() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "b.toml",
            "a.toml",
            ".a.toml.swp",
            ".b.toml",
            "a.toml~",
            "README.md",
        ] {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let config = |folder: PathBuf, is_named| Config { folder, is_named };
        let files = config(dir.path().to_owned(), true).files().unwrap();
        assert_eq!(
            files,
            ["a.toml", "b.toml"].map(|name| dir.path().join(name))
        );
        let alone = config(dir.path().join("b.toml"), true).files().unwrap();
        assert_eq!(alone, [dir.path().join("b.toml")]);
        let absent = dir.path().join("absent");
        assert_eq!(
            config(absent.clone(), false).files().unwrap(),
            [""; 0].map(PathBuf::from)
        );
        assert_eq!(
            config(absent, true).files().unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }
}
