//! The one fjall database of the process: history's days, the MQTT sessions, the device registry.
//!
//! ```text
//! State --access()--> Access --space("d20780_20780")--> Space --get, range
//!   |                    `----batch()--> Batch --insert, remove--> commit (fdatasync)
//!   `--reopen(): waits until no Access is left, closes, opens again
//! ```
//! fjall refuses all writes once one of them failed, a full disk included, until it is opened anew.
//! That takes every handle to be gone, because each holds the lock of the folder. So handles live no
//! longer than an [`Access`], which is a read lock; who works for long takes a new one now and then.
//!
//! Decisions. One worker thread: with two, fjall's first one hands compactions back to the queue in
//! a busy loop while the second compacts. Memtables of 4 MiB instead of 64, because up to 64
//! keyspaces are open at once. A batch waits *before* it is written while its keyspaces have
//! memtables queued: fjall would wait afterwards, and forever if its worker has died of a full disk.
#[cfg(test)]
pub(crate) mod small;
#[cfg(test)]
mod tests;

use fjall::{
    AbstractTree, Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode,
    Readable, Snapshot,
};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

pub use fjall::Slice;

/// Bytes of journal past which fjall empties the memtables that hold it back; its smallest.
const JOURNAL_BYTES_MAX: u64 = 64 << 20;
/// Bytes of cached blocks: enough for the blocks of the series written now, small beside 40 MB of RSS.
const CACHE_BYTES: u64 = 8 << 20;
/// Bytes of a keyspace's memtable before it is written out.
const MEMTABLE_BYTES: u64 = 4 << 20;
/// Bytes of all memtables together, past which the one just written to is written out as well:
/// back-fill touches many days.
const MEMTABLES_BYTES_MAX: u64 = 16 << 20;
/// A smaller memtable is left alone then: 64 of this size are the limit above.
const MEMTABLE_BYTES_MIN: u64 = MEMTABLES_BYTES_MAX / 64;
/// Files that stay open between reads.
const OPEN_FILES_MAX: usize = 256;
/// Memtables or level-0 tables of a keyspace that may wait for the worker before a batch waits.
const QUEUED_MEMTABLES_MAX: usize = 2;
const LEVEL0_TABLES_MAX: usize = 18;
/// Pause between two looks at that queue.
const QUEUE_POLL: Duration = Duration::from_millis(5);
/// Bytes that must be free before [`State::reopen`] tries: recovery writes memtables and a journal.
const REOPEN_BYTES_MIN: u64 = 16 << 20;

/// Why the state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has it.
    #[error("{dir} is in use by another citygate")]
    Locked {
        /// The folder.
        dir: String,
    },
    /// It cannot be opened as it is.
    #[error(
        "{dir} cannot be opened; moved aside, it is rebuilt from the log as far as that reaches"
    )]
    Open {
        /// The folder.
        dir: String,
        /// Why.
        #[source]
        source: fjall::Error,
    },
    /// The last attempt to open it again failed, or has not been made yet.
    #[error("the state is closed until its disk has room")]
    Closed,
    /// Too little room to open it again.
    #[error("{free} bytes free, {needed} needed to open the state again")]
    Room {
        /// Free for this user.
        free: u64,
        /// Must be free.
        needed: u64,
    },
    /// A read or write failed. After a failed write only [`State::reopen`] helps.
    #[error("the state's storage failed")]
    Storage(#[from] fjall::Error),
}

/// The database, shared by all who keep something in it.
pub struct State {
    dir: PathBuf,
    database: RwLock<Option<Database>>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

impl State {
    /// Opens the database in `dir`, which is made if need be.
    ///
    /// # Errors
    /// Locked by another process, damaged, or not readable.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        Ok(Self {
            dir: dir.to_owned(),
            database: RwLock::new(Some(open(dir)?)),
        })
    }

    /// Holds the database open for a short piece of work. Blocks while it is being reopened.
    ///
    /// # Errors
    /// [`Error::Closed`].
    pub fn access(&self) -> Result<Access<'_>, Error> {
        let guard = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let snapshot = guard.as_ref().ok_or(Error::Closed)?.snapshot();
        Ok(Access { guard, snapshot })
    }

    /// Closes the database and opens it again, if there is room: what a failed write needs. Blocks
    /// until every [`Access`] is gone. All that was committed is there again.
    ///
    /// # Errors
    /// No room (then it stays as it was, readable), or as [`State::open`] (then it is closed until
    /// the next attempt).
    pub fn reopen(&self) -> Result<(), Error> {
        let free = self.free_bytes();
        if free < REOPEN_BYTES_MIN {
            return Err(Error::Room {
                free,
                needed: REOPEN_BYTES_MIN,
            });
        }
        let mut guard = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *guard = None;
        *guard = Some(open(&self.dir)?);
        Ok(())
    }

    /// Would a write be refused because one has failed before?
    ///
    /// # Errors
    /// What refuses it; [`State::reopen`] helps.
    pub fn check(&self) -> Result<(), Error> {
        self.access()?.check()
    }

    /// Bytes that this user may still write on the disk of the state; 0 where that cannot be told.
    pub fn free_bytes(&self) -> u64 {
        rustix::fs::statvfs(&self.dir).map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

/// Makes the name of a folder durable. fjall syncs what is in its folders, but not where they are
/// named; without this a power cut may take a whole keyspace, whatever was committed to it. (ext4 and
/// XFS do it unasked, POSIX does not promise it.)
fn sync_name(folder: &Path) -> std::io::Result<()> {
    let above = folder
        .parent()
        .filter(|above| !above.as_os_str().is_empty());
    File::open(above.unwrap_or(Path::new(".")))?.sync_all()
}

fn open(dir: &Path) -> Result<Database, Error> {
    let shown = || dir.display().to_string();
    let failed = |error| match error {
        fjall::Error::Locked => Error::Locked { dir: shown() },
        source => Error::Open {
            dir: shown(),
            source,
        },
    };
    let database = Database::builder(dir)
        .max_journaling_size(JOURNAL_BYTES_MAX)
        .cache_size(CACHE_BYTES)
        .max_cached_files(Some(OPEN_FILES_MAX))
        .worker_threads(1)
        .open()
        .map_err(failed)?;
    // Its own keyspace is number 0.
    for folder in [dir, &dir.join("keyspaces").join("0")] {
        sync_name(folder).map_err(|source| failed(source.into()))?;
    }
    Ok(database)
}

/// The open database, as it is when this is taken: a batch that is being applied is seen as a whole
/// or not at all. A lock: hold it for one piece of work, not across waits.
pub struct Access<'s> {
    guard: RwLockReadGuard<'s, Option<Database>>,
    snapshot: Snapshot,
}

impl Access<'_> {
    fn database(&self) -> &Database {
        self.guard
            .as_ref()
            .expect("an Access is made only over an open database")
    }

    fn check(&self) -> Result<(), Error> {
        Ok(self.database().persist(PersistMode::Buffer)?)
    }

    /// The keyspace `name`, made if need be.
    ///
    /// # Errors
    /// The disk.
    pub fn space(&self, name: &str) -> Result<Space<'_>, Error> {
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE_BYTES);
        let new = !self.database().keyspace_exists(name);
        let keyspace = self.database().keyspace(name, options)?;
        if new {
            sync_name(keyspace.path()).map_err(fjall::Error::Io)?;
        }
        Ok(Space {
            keyspace,
            access: self,
        })
    }

    /// The keyspace `name`, if there is one.
    ///
    /// # Errors
    /// The disk.
    pub fn existing(&self, name: &str) -> Result<Option<Space<'_>>, Error> {
        if !self.database().keyspace_exists(name) {
            return Ok(None);
        }
        self.space(name).map(Some)
    }

    /// The names of all keyspaces, in no order.
    pub fn names(&self) -> Vec<String> {
        let names = self.database().list_keyspace_names();
        names.iter().map(ToString::to_string).collect()
    }

    /// Deletes a keyspace with all that is in it, in one step.
    ///
    /// # Errors
    /// The disk.
    pub fn delete(&self, name: &str) -> Result<(), Error> {
        if let Some(space) = self.existing(name)? {
            self.database().delete_keyspace(space.keyspace)?;
        }
        Ok(())
    }

    /// Starts a batch, which takes effect as a whole or not at all.
    pub fn batch(&self) -> Batch<'_> {
        Batch {
            items: self
                .database()
                .batch()
                .durability(Some(PersistMode::SyncData)),
            access: self,
            bytes: 0,
        }
    }
}

/// A keyspace: keys and values in order of the keys.
pub struct Space<'a> {
    keyspace: Keyspace,
    access: &'a Access<'a>,
}

impl Space<'_> {
    /// The value of `key`, as of the taking of the [`Access`].
    ///
    /// # Errors
    /// The disk.
    pub fn get(&self, key: &[u8]) -> Result<Option<Slice>, Error> {
        Ok(self.access.snapshot.get(&self.keyspace, key)?)
    }

    /// Keys and values with `from <= key < to`, from both ends, as of the taking of the [`Access`].
    pub fn range(
        &self,
        from: &[u8],
        to: &[u8],
    ) -> impl DoubleEndedIterator<Item = Result<(Slice, Slice), Error>> + use<'_> {
        self.access
            .snapshot
            .range(&self.keyspace, from..to.max(from))
            .map(|item| Ok(item.into_inner()?))
    }

    /// Bytes of its tables on the disk, without what is only in the journal.
    pub fn bytes(&self) -> u64 {
        self.keyspace.disk_space()
    }

    /// Writes the memtable out, which otherwise happens when it is full, so that [`Space::bytes`] counts it.
    #[cfg(test)]
    pub(crate) fn write_out(&self) -> Result<(), Error> {
        Ok(self.keyspace.rotate_memtable_and_wait()?)
    }

    /// Waits until the worker has room for another batch.
    fn wait_for_worker(&self) -> Result<(), Error> {
        while self.keyspace.sealed_memtable_count() >= QUEUED_MEMTABLES_MAX
            || self.keyspace.l0_table_count() >= LEVEL0_TABLES_MAX
        {
            // Fails if the worker has died.
            self.access.check()?;
            std::thread::sleep(QUEUE_POLL);
        }
        Ok(())
    }
}

/// Changes that are committed together.
pub struct Batch<'a> {
    items: OwnedWriteBatch,
    access: &'a Access<'a>,
    bytes: usize,
}

impl<'a> Batch<'a> {
    /// Adds or replaces.
    pub fn insert(&mut self, space: &Space<'a>, key: &[u8], value: &[u8]) {
        self.bytes += key.len() + value.len();
        self.items.insert(&space.keyspace, key, value);
    }

    /// Removes, if it is there.
    pub fn remove(&mut self, space: &Space<'a>, key: &[u8]) {
        self.bytes += key.len();
        self.items.remove(&space.keyspace, key);
    }

    /// Bytes of keys and values so far.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes and syncs. Blocks on the disk, and on the worker while it is behind in `busy`, the
    /// keyspaces that take most of the batch. On success the batch survives a power cut.
    ///
    /// # Errors
    /// The disk. Whether the batch took effect is not known until [`State::reopen`].
    pub fn commit(self, busy: &[Space<'_>]) -> Result<(), Error> {
        for space in busy {
            space.wait_for_worker()?;
        }
        self.items.commit()?;
        if self.access.database().write_buffer_size() > MEMTABLES_BYTES_MAX {
            let large = |space: &&Space<'_>| {
                space.keyspace.tree.active_memtable().size() > MEMTABLE_BYTES_MIN
            };
            for space in busy.iter().filter(large) {
                space.keyspace.rotate_memtable()?;
            }
        }
        Ok(())
    }
}
