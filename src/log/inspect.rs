//! A stopped gateway's log, looked at without changing it: `citygate log check|stat|export`.
use super::recovery::{self, list, read_identity};
use super::segment::{Found, HEADER_BYTES, Scan};
use super::{Frame, LogId, OpenError, record};
use serde::Serialize;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// A log's folder, locked while this lives.
#[derive(Debug)]
pub struct Folder {
    id: LogId,
    files: Vec<(u64, PathBuf)>,
    _lock: File,
}

/// What one segment's bytes say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SegmentCheck {
    /// Its file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Can its header be read?
    pub header_sound: bool,
    /// Last sequence in it, if it has any.
    pub last: Option<u64>,
    /// Offsets of damaged places with sound frames behind them.
    pub damaged: Vec<u64>,
    /// Bytes behind the last sound frame: a torn tail in the last segment, damage in any other.
    pub trailing_bytes: u64,
}

/// What lies in a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Files.
    pub segments: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Group commits.
    pub frames: u64,
    /// First sequence.
    pub oldest: u64,
    /// Last sequence.
    pub newest: u64,
    /// Reports.
    pub reports: u64,
    /// Rejects and reject parts.
    pub rejects: u64,
    /// Events.
    pub events: u64,
    /// Freed packet ids.
    pub releases: u64,
}

impl Folder {
    /// Locks the log in `dir`.
    ///
    /// # Errors
    /// In use, or no log.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let missing = || OpenError::Format {
            path: dir.to_owned(),
            what: "there is no log here",
        };
        if !dir.is_dir() {
            return Err(missing());
        }
        let files = list(dir)?;
        let id = read_identity(dir, &files)?.ok_or_else(missing)?;
        let lock = recovery::lock(dir)?;
        Ok(Self {
            id,
            files,
            _lock: lock,
        })
    }

    /// The log's random name.
    pub const fn id(&self) -> LogId {
        self.id
    }

    /// Verifies every byte.
    ///
    /// # Errors
    /// The disk's.
    pub fn check(&self) -> Result<Vec<SegmentCheck>, OpenError> {
        let mut checks = Vec::with_capacity(self.files.len());
        for (_, path) in &self.files {
            let survey = recovery::survey(self.id, path)?;
            checks.push(SegmentCheck {
                path: path.clone(),
                bytes: survey.len,
                header_sound: survey.header.is_some(),
                last: survey.last.map(|(last, _)| last),
                damaged: survey.damaged,
                trailing_bytes: survey.len.saturating_sub(survey.end),
            });
        }
        Ok(checks)
    }

    /// Counts what is there; damaged places are passed over.
    ///
    /// # Errors
    /// The disk's.
    pub fn count(&self) -> Result<Count, OpenError> {
        let mut count = Count {
            segments: self.files.len() as u64,
            ..Count::default()
        };
        for (_, path) in &self.files {
            count.bytes += std::fs::metadata(path).map_or(0, |file| file.len());
        }
        self.frames(|frame| {
            count.frames += 1;
            if count.oldest == 0 {
                count.oldest = frame.first;
            }
            count.newest = frame.last;
            for (_, record) in frame.records() {
                let kind = match record.kind {
                    record::Kind::Report => &mut count.reports,
                    record::Kind::Reject => &mut count.rejects,
                    record::Kind::Event => &mut count.events,
                    record::Kind::Release => &mut count.releases,
                };
                *kind += 1;
            }
            ControlFlow::Continue(())
        })?;
        Ok(count)
    }

    /// Gives every sound frame in order until `visit` breaks.
    ///
    /// # Errors
    /// The disk's.
    pub fn frames(
        &self,
        mut visit: impl FnMut(&Frame) -> ControlFlow<()>,
    ) -> Result<(), OpenError> {
        let mut last = 0;
        for (_, path) in &self.files {
            let io_error = |source| OpenError::Io {
                path: path.clone(),
                source,
            };
            let file = File::open(path).map_err(io_error)?;
            let end = file.metadata().map_err(io_error)?.len();
            let mut scan = Scan::new(file, self.id, HEADER_BYTES, end);
            loop {
                match scan.step().map_err(io_error)? {
                    Found::End => break,
                    Found::Bad(_) => {
                        if scan.resync(last).map_err(io_error)?.is_none() {
                            break;
                        }
                    }
                    Found::Frame(header, _) => {
                        last = header.last();
                        let frame = Frame::decompress(&header, &scan);
                        if frame.is_some_and(|frame| visit(&frame).is_break()) {
                            return Ok(());
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
