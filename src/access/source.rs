//! The tokens file on the disk: has it changed?
//!
//! Its identity is looked at twice a second, which also sees what inotify does not: a link that is
//! swapped, as with mounted secrets, and a change on a network disk. A change is read once two looks
//! agree, so that a file which is just being written in place is not taken for one without tokens.
use super::tokens::Tokens;
use crate::catalogue::Catalogue;
use crate::model::FileIdentity;
use crate::model::settings::Problem;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Longest tokens file: some 600 bytes for each of the most tokens.
const FILE_BYTES_MAX: u64 = 8 << 20;
/// A file written this short a time ago may be written again within the same tick of its time stamp.
const RACY: Duration = Duration::from_secs(2);

/// Why a tokens file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokensError {
    /// The file itself.
    #[error("cannot read {path:?}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Every mistake in it.
    #[error("{path:?}: {}", show(problems))]
    Problems {
        /// Which.
        path: PathBuf,
        /// All of them.
        problems: Vec<Problem>,
    },
}

impl TokensError {
    /// Is there no such file?
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

fn show(problems: &[Problem]) -> String {
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    shown.join("; ")
}

/// The file and what was last seen of it.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    catalogue: Catalogue,
    /// As of the last look.
    seen: Option<FileIdentity>,
    /// What was read last has this identity and will not change under it.
    settled: Option<FileIdentity>,
    /// Of the text that was read last.
    text: Option<[u8; 32]>,
}

impl Source {
    pub(super) const fn new(path: PathBuf, catalogue: Catalogue) -> Self {
        Self {
            path,
            catalogue,
            seen: None,
            settled: None,
            text: None,
        }
    }

    fn io(&self, source: io::Error) -> TokensError {
        TokensError::Io {
            path: self.path.clone(),
            source,
        }
    }

    fn look(&self) -> io::Result<(FileIdentity, SystemTime)> {
        let meta = std::fs::metadata(&self.path)?;
        Ok((FileIdentity::of(&meta), meta.modified()?))
    }

    /// The tokens if the file has changed and is at rest; `None`: nothing new. Blocks on the disk.
    ///
    /// # Errors
    /// What is wrong with the new file, told once.
    pub(super) fn poll(&mut self) -> Option<Result<Tokens, TokensError>> {
        let (identity, modified) = match self.look() {
            Ok(seen) => seen,
            Err(error) => {
                let was_there = self.seen.take().is_some();
                self.settled = None;
                self.text = None;
                return was_there.then(|| Err(self.io(error)));
            }
        };
        if self.settled == Some(identity) {
            return None;
        }
        if self.seen.replace(identity) != Some(identity) {
            return None; // At the next look it may be at rest.
        }
        let read = self.read_if_new();
        let age = SystemTime::now().duration_since(modified);
        // What cannot be read is told once; it is tried again when it is another file.
        let unreadable = matches!(read, Err(TokensError::Io { .. }));
        if unreadable || age.is_ok_and(|age| age > RACY) {
            self.settled = Some(identity);
        }
        read.transpose()
    }

    fn read_if_new(&mut self) -> Result<Option<Tokens>, TokensError> {
        let text = self.text().map_err(|error| self.io(error))?;
        let digest = Sha256::digest(text.as_bytes()).into();
        if self.text.replace(digest) == Some(digest) {
            return Ok(None);
        }
        self.parse(&text).map(Some)
    }

    /// The tokens as they are now. Blocks on the disk.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(super) fn read(&mut self) -> Result<Tokens, TokensError> {
        let text = self.text().map_err(|error| self.io(error))?;
        self.text = Some(Sha256::digest(text.as_bytes()).into());
        self.parse(&text)
    }

    fn text(&self) -> io::Result<String> {
        let mut text = String::new();
        let file = File::open(&self.path)?;
        file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
        if text.len() as u64 > FILE_BYTES_MAX {
            let what = format!("longer than {FILE_BYTES_MAX} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, what));
        }
        Ok(text)
    }

    fn parse(&self, text: &str) -> Result<Tokens, TokensError> {
        Tokens::parse(text, &self.catalogue).map_err(|problems| TokensError::Problems {
            path: self.path.clone(),
            problems,
        })
    }
}

/// Reads a tokens file once.
///
/// # Errors
/// What is wrong with it.
pub fn read_tokens(path: PathBuf, catalogue: &Catalogue) -> Result<Tokens, TokensError> {
    Source::new(path, catalogue.clone()).read()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::access::new_token;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn text(name: &str) -> String {
        let digest = new_token().unwrap().1;
        format!("[[token]]\nname = '{name}'\nsha256 = '{digest}'\n")
    }

    fn source(path: PathBuf) -> Source {
        Source::new(path, Catalogue::shipped())
    }

    /// Looks until something is new, at most thrice; the names then.
    fn seen(source: &mut Source) -> Vec<String> {
        let read = (0..3).find_map(|_| source.poll());
        let tokens = read.map_or_else(Vec::new, |read| read.unwrap().tokens);
        tokens
            .iter()
            .map(|token| token.grant.name.to_string())
            .collect()
    }

    #[test]
    fn a_file_that_is_being_written_in_place_is_not_taken_for_an_empty_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens.toml");
        fs::write(&path, text("a")).unwrap();
        let mut source = source(path.clone());
        source.read().unwrap();
        assert!(seen(&mut source).is_empty(), "nothing is new");
        fs::write(&path, "").unwrap();
        assert!(source.poll().is_none(), "it may not be at rest");
        fs::write(&path, text("b")).unwrap();
        assert!(source.poll().is_none());
        assert_eq!(seen(&mut source), ["b"]);
        fs::write(&path, "# nobody\n").unwrap();
        assert!(source.poll().is_none());
        let nobody = source.poll().unwrap().unwrap();
        assert_eq!(nobody, Tokens::default());
    }

    #[test]
    fn a_link_that_is_swapped_is_followed_and_a_file_that_goes_is_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let (path, new) = (dir.path().join("tokens.toml"), dir.path().join("new"));
        fs::write(dir.path().join("one"), text("one")).unwrap();
        fs::write(dir.path().join("two"), text("two")).unwrap();
        symlink("one", &path).unwrap();
        let mut source = source(path.clone());
        source.read().unwrap();
        symlink("two", &new).unwrap();
        fs::rename(&new, &path).unwrap();
        assert_eq!(seen(&mut source), ["two"]);
        fs::remove_file(&path).unwrap();
        assert!(source.poll().unwrap().unwrap_err().is_missing());
        assert!(source.poll().is_none());
        symlink("one", &path).unwrap();
        assert_eq!(seen(&mut source), ["one"]);
    }

    #[test]
    fn a_mistake_is_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokens.toml");
        fs::write(&path, text("a")).unwrap();
        let mut source = source(path.clone());
        source.read().unwrap();
        fs::write(&path, "[[token]]\n").unwrap();
        let told = (0..10).filter_map(|_| source.poll());
        let told: Vec<_> = told.map(|read| read.is_err()).collect();
        assert_eq!(told, [true]);
        fs::write(
            &path,
            vec![b'#'; usize::try_from(FILE_BYTES_MAX).unwrap() + 1],
        )
        .unwrap();
        let too_long = (0..3).find_map(|_| source.poll()).unwrap().unwrap_err();
        assert!(matches!(too_long, TokensError::Io { .. }), "{too_long}");
    }
}
