#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::*;
use crate::log::Batch;
use crate::log::record::Keys;
use crate::store::deliver::tests::log;
use std::path::{Path, PathBuf};
use tokio::sync::Notify;

/// A report as far as the tally looks: two readings.
const REPORT: &[u8] = &[8 << 3 | 2, 0, 8 << 3 | 2, 0];

/// A log of one segment with `records` frames of two readings each, counted; its file and its first record.
pub fn counted(dir: &Path, records: u64) -> (Arc<Tally>, PathBuf, u64) {
    let log = log(&dir.join("log"));
    let tally = Tally::open(
        log.clone(),
        Arc::new(State::open(&dir.join("state")).unwrap()),
    )
    .unwrap();
    let first = log.watermark() + 1;
    for sequence in first..first + records {
        let mut batch = Batch::default();
        batch.push(Kind::Report, &Keys::default(), REPORT);
        let given = log.append(&mut batch, &Arc::new(Notify::new())).unwrap();
        assert_eq!(given, sequence);
        while log.watermark() < sequence {
            std::thread::yield_now();
        }
    }
    let mut reader = tally.begin();
    while tally.counted().next < first + records {
        tally.step(&mut reader, &mut Changes::default());
    }
    (Arc::new(tally), segment(&dir.join("log")), first)
}

/// The only segment.
fn segment(dir: &Path) -> PathBuf {
    let mut files = std::fs::read_dir(dir)
        .unwrap()
        .map(|file| file.unwrap().path());
    files
        .find(|path| path.extension().is_some_and(|end| end == "seg"))
        .unwrap()
}

impl Tally {
    pub fn log(&self) -> &Log {
        &self.log
    }

    pub fn state(&self) -> &Arc<State> {
        &self.state
    }
}

/// Destroys the frame of this record, counted from 1.
pub fn damage(segment: &Path, record: u64) {
    let mut bytes = std::fs::read(segment).unwrap();
    let frames = bytes
        .windows(4)
        .enumerate()
        .filter(|(_, four)| *four == b"CGF1");
    let at = frames
        .map(|(at, _)| at)
        .nth(usize::try_from(record - 1).unwrap())
        .unwrap();
    bytes[at + 42] ^= 0xff;
    std::fs::write(segment, bytes).unwrap();
}

#[test]
fn damage_on_one_side_leaves_an_exact_count() {
    let dir = tempfile::tempdir().unwrap();
    let (tally, segment, first) = counted(dir.path(), 10);
    assert_eq!(
        tally.counted(),
        Counted {
            next: first + 10,
            total: 20
        }
    );
    damage(&segment, 3);
    assert_eq!(tally.at(first + 4), Some(8));
    assert_eq!(tally.at(first + 1), Some(2));
}

#[test]
fn two_damaged_places_in_a_segment_still_have_an_answer() {
    let dir = tempfile::tempdir().unwrap();
    let (tally, segment, first) = counted(dir.path(), 10);
    damage(&segment, 3);
    damage(&segment, 8);
    // Behind the first: the two readings of it are not known.
    assert_eq!(tally.at(first + 3), Some(4));
    assert_eq!(tally.at(first + 8), Some(16));
    assert_eq!(tally.at(first + 11), None);
}

#[test]
fn a_log_that_cannot_be_read_is_told_and_not_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let (tally, segment, first) = counted(dir.path(), 3);
    tally.row().next = first;
    let aside = dir.path().join("aside");
    std::fs::rename(&segment, &aside).unwrap();
    std::fs::create_dir(&segment).unwrap();
    let mut reader = tally.begin();
    tally.step(&mut reader, &mut Changes::default());
    assert!(tally.trouble().unwrap().contains("cannot read"));
    assert_eq!(tally.row().next, first);
    std::fs::remove_dir(&segment).unwrap();
    std::fs::rename(&aside, &segment).unwrap();
    tally.step(&mut reader, &mut Changes::default());
    assert_eq!((tally.trouble(), tally.row().next), (None, first + 3));
}
