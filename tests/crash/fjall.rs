//! What fjall, which keeps history and sessions, does with a power cut.
//!
//! It syncs its journals, its tables and their folders. What it leaves to the file system (3.1: `Keyspace::create_new`,
//! `Database::create_new`) is the name of a keyspace's new folder in `keyspaces/`. ext4 and XFS keep that name with the
//! sync of the new folder itself; POSIX does not promise it, and without it fjall opens as if the keyspace were new.
//! `state.rs` closes the gap by a sync of `keyspaces/` whenever it has made one.
use crate::disk::Disk;
use fjall::{Database, KeyspaceCreateOptions, PersistMode};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const FOLDER: &str = "CITYGATE_CRASH_FJALL";
/// Set: the actor syncs `keyspaces/` after it has opened the database and after each new keyspace.
const CAREFUL: &str = "CITYGATE_CRASH_FJALL_CAREFUL";

/// Not a test: the process under the shim, killed at the end of its work.
#[test]
fn actor() {
    let Ok(folder) = std::env::var(FOLDER) else {
        return;
    };
    let folder = PathBuf::from(folder);
    let keyspaces = folder.join("keyspaces");
    let sync = || {
        if std::env::var(CAREFUL).is_ok() {
            File::open(&keyspaces).unwrap().sync_all().unwrap();
        }
    };
    let database = Database::builder(&folder).open().unwrap();
    sync();
    for day in ["a", "b"] {
        let keyspace = database
            .keyspace(day, KeyspaceCreateOptions::default)
            .unwrap();
        sync();
        let mut batch = database.batch().durability(Some(PersistMode::SyncData));
        batch.insert(&keyspace, "key", day);
        batch.commit().unwrap();
    }
    std::process::exit(0);
}

/// The values that are left after a cut.
fn left(relax: bool, careful: bool) -> Result<Vec<Option<String>>, fjall::Error> {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::new(dir.path());
    std::fs::create_dir(disk.root().join("db")).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "fjall::actor"])
        .env(FOLDER, disk.root().join("db"));
    command.stdout(Stdio::null());
    if careful {
        command.env(CAREFUL, "1");
    }
    disk.attach(&mut command, "", 0, relax);
    assert!(command.status().unwrap().success());
    disk.cut(0);
    read(&disk.root().join("db"))
}

fn read(path: &Path) -> Result<Vec<Option<String>>, fjall::Error> {
    let database = Database::builder(path).open()?;
    let mut values = Vec::new();
    for day in ["a", "b"] {
        let keyspace = database.keyspace(day, KeyspaceCreateOptions::default)?;
        let value = keyspace.get("key")?;
        values.push(value.map(|value| String::from_utf8(value.to_vec()).unwrap()));
    }
    Ok(values)
}

#[test]
fn synced_batches_survive() {
    let all = [Some("a".to_owned()), Some("b".to_owned())];
    assert_eq!(left(true, false).unwrap(), all, "as on ext4");
    assert_eq!(
        left(false, true).unwrap(),
        all,
        "as POSIX says, with the name synced"
    );
}

/// If this fails, fjall syncs the names by itself now: whatever works around it can go.
#[test]
fn the_gap_is_still_there() {
    assert_eq!(left(false, false).unwrap(), [None, None]);
}
