//! Files that are replaced under a running gateway: configuration, tokens, certificates.
//!
//! Decisions: metadata is polled, for a handful of `stat` a second cost nothing, work on every file
//! system, and see through symbolic links: Kubernetes and Docker replace a secret by pointing a link
//! elsewhere, which a kernel watch on the file never hears of. A file counts as changed once two looks
//! agree, so that one that is still being written is left alone.
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

/// Between two looks. A change is seen at the second look after it: within two seconds.
pub const WATCH_EVERY: Duration = Duration::from_secs(1);
/// Most files of one watch; those beyond are not looked at.
pub const WATCHED_MAX: usize = 1_024;

/// What a file is, whatever its name: a file that was written, replaced or linked anew has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileIdentity {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileIdentity {
    /// Out of a file's metadata.
    pub fn of(found: &fs::Metadata) -> Self {
        Self {
            device: found.dev(),
            inode: found.ino(),
            bytes: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }
}

/// A set of files that are read as one.
#[derive(Clone, Debug)]
pub struct Watch {
    files: Vec<PathBuf>,
    /// As they were when they were last read.
    known: Vec<Option<FileIdentity>>,
    /// As they were at the last look.
    last: Vec<Option<FileIdentity>>,
}

impl Watch {
    /// Looks at the files for the first time. Make it before the files are read: what changes in
    /// between is then seen at the next look, and read again. Blocks for a `stat` per file.
    pub fn new(files: impl IntoIterator<Item = PathBuf>) -> Self {
        let files: Vec<PathBuf> = files.into_iter().take(WATCHED_MAX).collect();
        let known = look(&files);
        Self {
            files,
            last: known.clone(),
            known,
        }
    }

    /// Looks once more: are they other files than those that were read, and the same as at the last
    /// look? True once for each change; a file that appears or goes away is a change. Blocks for a
    /// `stat` per file.
    pub fn changed(&mut self) -> bool {
        let now = look(&self.files);
        let settled = now == self.last;
        let changed = settled && now != self.known;
        if changed {
            self.known.clone_from(&now);
        }
        self.last = now;
        changed
    }

    /// The files are about to be read for another reason: how they are now is what is known of them.
    /// Blocks for a `stat` per file.
    pub fn accept(&mut self) {
        self.known = look(&self.files);
        self.last.clone_from(&self.known);
    }

    /// The files.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// Watches these files from now on. Those that it watched before it knows already; the others it
    /// looks at, so they are to be read after this: true if there are such. Blocks for a `stat` per file.
    pub fn set(&mut self, files: impl IntoIterator<Item = PathBuf>) -> bool {
        let mut next = Self::new(files);
        let mut joined = false;
        let seen = next.known.iter_mut().zip(&mut next.last);
        for (file, (known, last)) in next.files.iter().zip(seen) {
            let before = self.files.iter().position(|own| own == file);
            let before = before.and_then(|at| self.known.get(at).zip(self.last.get(at)));
            if let Some((known_before, last_before)) = before {
                (*known, *last) = (*known_before, *last_before);
            } else {
                joined = true;
            }
        }
        *self = next;
        joined
    }
}

/// `None`: it cannot be looked at, most likely because it is not there.
fn look(files: &[PathBuf]) -> Vec<Option<FileIdentity>> {
    let identity = |file: &PathBuf| Some(FileIdentity::of(&fs::metadata(file).ok()?));
    files.iter().map(identity).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    fn watch(file: &Path) -> Watch {
        Watch::new([file.to_owned()])
    }

    #[test]
    fn a_change_is_told_once_it_has_settled_and_only_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a");
        fs::write(&file, "1").unwrap();
        let mut watch = watch(&file);
        assert!(!watch.changed());
        fs::write(&file, "12").unwrap();
        assert!(!watch.changed(), "it may still be being written");
        fs::write(&file, "123").unwrap();
        assert!(!watch.changed(), "it was");
        assert!(watch.changed());
        assert!(!watch.changed());
        fs::remove_file(&file).unwrap();
        assert!(!watch.changed() && watch.changed() && !watch.changed());
    }

    #[test]
    fn a_copy_put_in_its_place_is_a_change() {
        let dir = tempfile::tempdir().unwrap();
        let (file, other) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&file, "1").unwrap();
        fs::copy(&file, &other).unwrap();
        let mut watch = watch(&file);
        // Same content, same length, and, where the clock is coarse, the same time.
        fs::rename(&other, &file).unwrap();
        assert!(!watch.changed() && watch.changed());
    }

    #[test]
    fn files_may_join_and_what_is_known_of_the_others_stays() {
        let dir = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "b"].map(|name| dir.path().join(name));
        fs::write(&a, "1").unwrap();
        let mut watch = watch(&a);
        fs::write(&a, "12").unwrap();
        assert!(watch.set([a.clone(), b.clone()]));
        assert!(!watch.set([a.clone(), b.clone()]));
        assert!(
            !watch.changed() && watch.changed(),
            "`a` was written before"
        );
        fs::write(&b, "1").unwrap();
        watch.accept();
        assert!(!watch.changed() && !watch.changed());
    }

    #[test]
    fn a_link_that_points_elsewhere_is_a_change() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        // As Kubernetes does it: token -> ..data/token, ..data -> ..1, then ..data -> ..2.
        for version in ["..1", "..2"] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("token"), "t").unwrap();
        }
        symlink("..1", at("..data")).unwrap();
        symlink("..data/token", at("token")).unwrap();
        let mut watch = watch(&at("token"));
        symlink("..2", at("..new")).unwrap();
        fs::rename(at("..new"), at("..data")).unwrap();
        assert!(!watch.changed() && watch.changed());
    }
}
