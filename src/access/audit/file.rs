//! The files of the audit log.
use rustix::fs::OFlags;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

/// A file is closed and numbered at this size.
pub const FILE_BYTES_MAX: u64 = 16 << 20;
/// Files in all; the oldest goes.
pub const FILES_MAX: usize = 4;

/// Opens for appending, makes it if need be: for its owner only, who is the folder's. A symbolic link
/// in its place is refused: root runs the commands, too, in a folder that is another's.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).mode(0o600);
    let file = match options.clone().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let no_link = OFlags::NOFOLLOW.bits().cast_signed();
            return options.custom_flags(no_link).open(path);
        }
        made => made?,
    };
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let folder = fs::metadata(parent.unwrap_or(Path::new(".")))?;
    if folder.uid() != file.metadata()?.uid() {
        // Only root may; for anybody else the file is his own.
        let _ = fchown(&file, Some(folder.uid()), Some(folder.gid()));
    }
    Ok(file)
}

fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// The newest file, while it is written.
#[derive(Debug)]
pub(super) struct Files {
    path: PathBuf,
    file: Option<File>,
    bytes_max: u64,
}

impl Files {
    pub(super) fn open(path: PathBuf, bytes_max: u64) -> io::Result<Self> {
        let file = Some(open(&path)?);
        Ok(Self {
            path,
            file,
            bytes_max,
        })
    }

    /// Appends whole lines and syncs them.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => open(&self.path)?,
        };
        let file = if self.is_full(&file)? {
            self.rotate()?
        } else {
            file
        };
        let written = (&file).write_all(lines).and_then(|()| file.sync_data());
        // After a failure it is opened anew: the disk may be another one by then.
        self.file = written.is_ok().then_some(file);
        written
    }

    /// Somebody may have moved the file away, which ends it as well.
    fn is_full(&self, file: &File) -> io::Result<bool> {
        let meta = file.metadata()?;
        let there = fs::metadata(&self.path);
        let moved = there.map_or(true, |there| there.ino() != meta.ino());
        Ok(moved || meta.len() >= self.bytes_max)
    }

    fn rotate(&self) -> io::Result<File> {
        let full = fs::metadata(&self.path).is_ok_and(|meta| meta.len() >= self.bytes_max);
        if full {
            for number in (1..FILES_MAX).rev() {
                let from = match number {
                    1 => self.path.clone(),
                    _ => numbered(&self.path, number - 1),
                };
                match fs::rename(from, numbered(&self.path, number)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
        }
        open(&self.path)
    }
}
