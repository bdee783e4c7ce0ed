//! A password or token out of a file, never shown.
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longest secret, in bytes: tokens of a few hundred exist, keys are not read by this.
pub const SECRET_BYTES_MAX: usize = 4096;

/// Text that `Debug` and `Display` do not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file's error.
    #[error("cannot read {path:?}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Its content cannot be a secret.
    #[error("{path:?} must hold one line of 1 to {SECRET_BYTES_MAX} bytes of UTF-8")]
    Shape {
        /// The file.
        path: PathBuf,
    },
}

impl Secret {
    /// A secret that is in memory already.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// Reads the one line of a file; white space around it does not belong to the secret.
    ///
    /// # Errors
    /// Unreadable, empty, too long, several lines, not UTF-8.
    pub fn read(path: &Path) -> Result<Self, SecretError> {
        let io = |source| SecretError::Io {
            path: path.to_owned(),
            source,
        };
        let mut bytes = Vec::new();
        let limit = SECRET_BYTES_MAX as u64 + 2;
        let file = File::open(path).map_err(io)?;
        file.take(limit).read_to_end(&mut bytes).map_err(io)?;
        let line = std::str::from_utf8(&bytes).map(str::trim).ok();
        let fits = |line: &&str| {
            (1..=SECRET_BYTES_MAX).contains(&line.len()) && !line.contains(char::is_control)
        };
        let line = line.filter(fits).ok_or_else(|| SecretError::Shape {
            path: path.to_owned(),
        })?;
        Ok(Self(line.into()))
    }

    /// The text itself, for the one who is asked for it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn one_line_is_read_and_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "  s3cret \n").unwrap();
        let secret = Secret::read(&path).unwrap();
        assert_eq!(secret.reveal(), "s3cret");
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        for wrong in ["", "\n", "a\nb", &"x".repeat(SECRET_BYTES_MAX + 1)] {
            std::fs::write(&path, wrong).unwrap();
            let error = Secret::read(&path).unwrap_err();
            assert!(matches!(error, SecretError::Shape { .. }), "{error}");
        }
        let missing = Secret::read(&dir.path().join("none")).unwrap_err();
        assert!(matches!(missing, SecretError::Io { .. }));
    }
}
