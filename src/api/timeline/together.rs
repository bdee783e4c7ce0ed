//! What one uplink became: its records lie beside one another in one frame of the log.
use super::Entry;
use super::archive::Archive;
use super::recent::entry_of;
use crate::access::Grant;
use crate::api::Shared;
use crate::log::ReadError;

/// The records of one uplink, of whichever devices, as far as they are granted.
#[derive(Clone, Debug, Default)]
pub struct Together {
    /// Sequence of its first record.
    pub first: u64,
    /// That of its last.
    pub last: u64,
    /// Its payload names no device but its sender.
    pub alone: bool,
    /// Reports and events, in their order.
    pub entries: Vec<Entry>,
}

/// Reads uplinks; asked in order, it reads each frame once.
pub struct Uplinks<'s> {
    shared: &'s Shared,
    grant: &'s Grant,
    archive: Archive<'s>,
}

impl<'s> Uplinks<'s> {
    /// As the holder of a grant sees them.
    pub const fn new(shared: &'s Shared, grant: &'s Grant) -> Self {
        Self {
            shared,
            grant,
            archive: Archive::new(&shared.log),
        }
    }

    /// That of the record at `sequence`; `None`: none brought it, or the log has it no more, or enough
    /// has been read. Blocks on the disk.
    ///
    /// # Errors
    /// The disk's.
    pub fn of(&mut self, sequence: u64) -> Result<Option<Together>, ReadError> {
        let records = self.archive.beside(sequence)?;
        let (Some(first), Some(last)) = (records.first(), records.last()) else {
            return Ok(None);
        };
        let arrived = first.1.arrived.as_ref();
        let mut together = Together {
            first: first.0,
            last: last.0,
            alone: arrived.is_some_and(|arrived| arrived.alone),
            entries: Vec::new(),
        };
        let cut = self.shared.cut(self.grant);
        for (sequence, kept) in records {
            let entry = entry_of(sequence, kept);
            let seen = entry.and_then(|mut entry| cut.entry(&mut entry).then_some(entry));
            together.entries.extend(seen);
        }
        Ok(Some(together))
    }
}
