//! `[devices]`, as far as it concerns profiles.
use crate::model::settings::Section;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

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

    /// The profiles of the folder, by name; none where it is not there and need not be. Files that are
    /// hidden, or have another ending than `.toml`, are none: editors and Kubernetes leave such behind.
    ///
    /// # Errors
    /// It cannot be listed.
    pub fn files(&self) -> io::Result<Vec<PathBuf>> {
        let listed = listed(&self.folder);
        let may_lack =
            |error: &io::Error| error.kind() == io::ErrorKind::NotFound && !self.is_named;
        listed.or_else(|error| {
            if may_lack(&error) {
                Ok(Vec::new())
            } else {
                Err(error)
            }
        })
    }
}

fn listed(folder: &Path) -> io::Result<Vec<PathBuf>> {
    if fs::metadata(folder)?.is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if !name.starts_with('.') && path.extension().is_some_and(|end| end == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
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
