//! A file that is there as a whole, before and after.
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Readable for its owner only, unless the file that it replaces had more.
const MODE: u32 = 0o600;

/// The folder of a file.
fn folder(path: &Path) -> &Path {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Writes `bytes` in place of the file: whoever reads it, also after a power cut, sees all of the old
/// or all of the new. A symbolic link stays one. Owner and mode of the old file are kept, so that
/// root's edit leaves it readable for the gateway; a new one gets the folder's owner.
///
/// # Errors
/// The disk.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = match fs::canonicalize(path) {
        Ok(real) => real,
        Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(error),
    };
    let folder = folder(&path);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = folder.join(name);
    let written = write(&new, &path, bytes).and_then(|()| fs::rename(&new, &path));
    if let Err(error) = written {
        // What is left of it helps nobody; it may not even be there.
        let _ = fs::remove_file(&new);
        return Err(error);
    }
    File::open(folder)?.sync_all()
}

fn write(new: &PathBuf, old: &Path, bytes: &[u8]) -> io::Result<()> {
    // Whatever lies there is of a process that was killed and had our number.
    match fs::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(MODE).open(new)?;
    like(&file, old)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Gives a new file the owner and mode of the one that it replaces.
fn like(file: &File, old: &Path) -> io::Result<()> {
    let (owner, mode) = match fs::metadata(old) {
        Ok(old) => (old.clone(), old.mode() & 0o770),
        Err(_) => (fs::metadata(folder(old))?, MODE),
    };
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (owner.uid(), owner.gid()) {
        // Only root may; for anybody else the file is his own, as before.
        let _ = fchown(file, Some(owner.uid()), Some(owner.gid()));
    }
    file.set_permissions(Permissions::from_mode(mode))
}
