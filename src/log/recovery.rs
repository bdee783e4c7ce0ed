//! From a folder as a power cut left it to a log that can be trusted.
//!
//! Only the last segment can be in doubt: each group is synced before the next is written, and a
//! segment is closed behind a synced group. So the last segment's sound frames are copied into a new
//! file, synced and renamed over it, whatever ended the process. After a failed sync the page cache
//! may hold what the disk does not; a copy is on the disk either way, and it costs one segment.
//! What lies behind its last sound frame is a torn tail and is cut. A damaged place with sound
//! frames behind it is kept, for readers to report.
use super::segment::{Found, HEADER_BYTES, Scan, SegmentHeader, first_of};
use super::segments::{Segment, Segments};
use super::{LogId, OpenError};
use crate::model::{Clock, Timestamp, random_bytes};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tracing::{info, warn};

/// An opened folder.
pub(super) struct Recovered {
    pub(super) id: LogId,
    pub(super) lock: File,
    pub(super) segments: Segments,
    pub(super) tail: Tail,
}

/// Where the writer goes on.
pub(super) struct Tail {
    pub(super) file: File,
    pub(super) segment: Arc<Segment>,
    pub(super) last: u64,
    pub(super) last_appended_at: Timestamp,
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> OpenError + '_ {
    move |source| OpenError::Io {
        path: path.to_owned(),
        source,
    }
}

/// Makes a folder's entries durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Takes the folder's lock, which ends with the process.
pub(super) fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(io_error(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(OpenError::Locked {
            dir: dir.to_owned(),
        }),
        Err(fs::TryLockError::Error(source)) => Err(OpenError::Io { path, source }),
    }
}

/// Opens or creates the log in `dir`.
pub(super) fn open(dir: &Path, clock: &Clock) -> Result<Recovered, OpenError> {
    fs::create_dir_all(dir).map_err(io_error(dir))?;
    let lock = lock(dir)?;
    remove_drafts(dir).map_err(io_error(dir))?;
    let mut files = list(dir)?;
    let id = identity(dir, &files)?;
    let tail = loop {
        let Some((first, path)) = files.pop() else {
            break create(dir, id, clock.now())?;
        };
        if let Some(tail) = repair(dir, id, first, &path)? {
            break tail;
        }
    };
    let mut segments = Vec::with_capacity(files.len() + 1);
    for (first, path) in files {
        segments.push(Arc::new(sealed(dir, first, &path)?));
    }
    segments.push(Arc::clone(&tail.segment));
    for (a, b) in segments.iter().zip(segments.iter().skip(1)) {
        if b.previous < a.previous {
            return Err(OpenError::Format {
                path: b.path.clone(),
                what: "it does not follow the segment before it",
            });
        }
    }
    sync_dir(dir).map_err(io_error(dir))?;
    Ok(Recovered {
        id,
        lock,
        segments: Segments::new(dir, segments),
        tail,
    })
}

/// Removes what an earlier recovery left half done.
fn remove_drafts(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tmp") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Segments by first sequence.
pub(super) fn list(dir: &Path) -> Result<Vec<(u64, PathBuf)>, OpenError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(io_error(dir))? {
        let path = entry.map_err(io_error(dir))?.path();
        if let Some(first) = first_of(&path) {
            files.push((first, path));
        }
    }
    files.sort_unstable();
    Ok(files)
}

/// The log's id: from the file `id`, else from a segment's header, else new.
fn identity(dir: &Path, files: &[(u64, PathBuf)]) -> Result<LogId, OpenError> {
    if let Some(id) = read_identity(dir, files)? {
        return Ok(id);
    }
    let id = random_id().map_err(io_error(dir))?;
    write_identity(dir, id)?;
    Ok(id)
}

/// The log's id, if it has one.
pub(super) fn read_identity(
    dir: &Path,
    files: &[(u64, PathBuf)],
) -> Result<Option<LogId>, OpenError> {
    let path = dir.join("id");
    let text = fs::read_to_string(&path).unwrap_or_default();
    if let Ok(id) = u128::from_str_radix(text.trim(), 16) {
        return Ok(Some(LogId(id)));
    }
    for (_, path) in files {
        let file = File::open(path).map_err(io_error(path))?;
        if let Some(header) = SegmentHeader::read(&file).map_err(io_error(path))? {
            return Ok(Some(header.log_id));
        }
    }
    let has_data = files
        .iter()
        .any(|(_, path)| fs::metadata(path).is_ok_and(|file| file.len() > HEADER_BYTES));
    if has_data {
        return Err(OpenError::Format {
            path,
            what: "there are segments, but neither this file nor any segment's header can be read",
        });
    }
    Ok(None)
}

fn write_identity(dir: &Path, id: LogId) -> Result<(), OpenError> {
    let (path, draft) = (dir.join("id"), dir.join("id.tmp"));
    let write = || {
        let mut file = File::create(&draft)?;
        writeln!(file, "{id}")?;
        file.sync_all()?;
        fs::rename(&draft, &path)?;
        sync_dir(dir)?;
        dir.parent().map_or(Ok(()), sync_dir)
    };
    write().map_err(io_error(&path))
}

fn random_id() -> io::Result<LogId> {
    random_bytes().map(|bytes| LogId(u128::from_le_bytes(bytes)))
}

/// A new log. Its first sequence is its creation time in microseconds, so that (node, sequence)
/// never repeats when an operator starts over with an empty disk.
fn create(dir: &Path, id: LogId, now: Timestamp) -> Result<Tail, OpenError> {
    let first = u64::try_from(now.as_micros()).unwrap_or(1).max(1);
    let header = SegmentHeader {
        log_id: id,
        first,
        previous: first - 1,
        created_at: now,
    };
    let path = super::segment::path_of(dir, first);
    let write = || {
        let mut file = File::create(&path)?;
        file.write_all(&header.encode())?;
        file.sync_all()?;
        Ok(file)
    };
    let file = write().map_err(io_error(&path))?;
    Ok(Tail {
        file,
        segment: Arc::new(Segment::new(dir, first, first - 1, now, HEADER_BYTES)),
        last: first - 1,
        last_appended_at: now,
    })
}

/// What the sound frames of a segment say.
pub(super) struct Survey {
    pub(super) header: Option<SegmentHeader>,
    /// End of the last sound frame.
    pub(super) end: u64,
    pub(super) last: Option<(u64, Timestamp)>,
    first: Option<(u64, Timestamp)>,
    /// Damaged places with sound frames behind them.
    pub(super) damaged: Vec<u64>,
    pub(super) len: u64,
}

/// Reads a whole segment.
pub(super) fn survey(id: LogId, path: &Path) -> Result<Survey, OpenError> {
    let file = File::open(path).map_err(io_error(path))?;
    let len = file.metadata().map_err(io_error(path))?.len();
    let header = SegmentHeader::read(&file).map_err(io_error(path))?;
    let mut scan = Scan::new(file, id, HEADER_BYTES, len);
    let mut survey = Survey {
        header,
        end: HEADER_BYTES,
        last: None,
        first: None,
        damaged: Vec::new(),
        len,
    };
    loop {
        match scan.step().map_err(io_error(path))? {
            Found::Frame(header, _) => {
                survey.end = scan.offset();
                survey
                    .first
                    .get_or_insert((header.first, header.appended_at));
                survey.last = Some((header.last(), header.appended_at));
            }
            Found::End => return Ok(survey),
            Found::Bad(offset) => {
                let last = survey.last.map_or(0, |(last, _)| last);
                if scan.resync(last).map_err(io_error(path))?.is_none() {
                    return Ok(survey);
                }
                survey.damaged.push(offset);
            }
        }
    }
}

/// Makes the last segment sound and durable; `None` when it holds nothing and was removed.
fn repair(dir: &Path, id: LogId, first: u64, path: &Path) -> Result<Option<Tail>, OpenError> {
    let survey = survey(id, path)?;
    if survey.header.is_none() && survey.last.is_none() {
        info!(?path, "removing a segment that was never synced");
        fs::remove_file(path).map_err(io_error(path))?;
        return Ok(None);
    }
    for offset in &survey.damaged {
        warn!(
            ?path,
            offset, "segment is damaged; its other records are kept"
        );
    }
    if survey.len > survey.end {
        info!(
            ?path,
            bytes = survey.len - survey.end,
            "cutting a torn tail"
        );
    }
    let header = survey.header.unwrap_or(SegmentHeader {
        log_id: id,
        first,
        previous: first.saturating_sub(1),
        created_at: survey.first.map_or(Timestamp::EPOCH, |(_, at)| at),
    });
    let draft = path.with_extension("tmp");
    let copy = || {
        let mut from = File::open(path)?;
        from.seek(SeekFrom::Start(HEADER_BYTES))?;
        let mut to = File::create(&draft)?;
        to.write_all(&header.encode())?;
        io::copy(&mut from.take(survey.end - HEADER_BYTES), &mut to)?;
        to.sync_all()?;
        fs::rename(&draft, path)?;
        sync_dir(dir)?;
        Ok(to)
    };
    let file = copy().map_err(io_error(path))?;
    let (last, last_appended_at) = survey.last.unwrap_or((header.previous, header.created_at));
    let segment = Segment::new(dir, first, header.previous, header.created_at, survey.end);
    Ok(Some(Tail {
        file,
        segment: Arc::new(segment),
        last: last.max(header.previous),
        last_appended_at,
    }))
}

/// A segment that is not the last. A damaged header costs its times, not its records.
fn sealed(dir: &Path, first: u64, path: &Path) -> Result<Segment, OpenError> {
    let file = File::open(path).map_err(io_error(path))?;
    let metadata = file.metadata().map_err(io_error(path))?;
    let header = SegmentHeader::read(&file).map_err(io_error(path))?;
    if header.is_none() {
        warn!(?path, "segment's header is damaged; its records are kept");
    }
    let created_at = header.map_or(Timestamp::EPOCH, |header| header.created_at);
    let previous = header.map_or(first.saturating_sub(1), |header| header.previous);
    Ok(Segment::new(
        dir,
        first,
        previous,
        created_at,
        metadata.len(),
    ))
}
