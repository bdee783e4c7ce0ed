#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;
use crate::log::record::{Keys, Kind};
use crate::log::{Batch, Log, Options};
use crate::model::Clock;
use tokio::sync::Notify;

#[test]
fn what_was_read_before_the_disk_fails_is_given_out() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        min_free: 0,
        cache_bytes: 0,
        ..Options::default()
    };
    let log = Log::open(dir.path(), options, Clock::system(), Box::new(|_, _| {})).unwrap();
    // More than a scan reads at once.
    let mut noise = 1_u32;
    let mut all = Vec::new();
    for _ in 0..40 {
        let body: Vec<u8> = std::iter::repeat_with(|| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise.to_be_bytes()
        })
        .take(4 << 10)
        .flatten()
        .collect();
        let mut batch = Batch::default();
        batch.push(Kind::Report, &Keys::default(), &body);
        let sequence = log.append(&mut batch, &Arc::new(Notify::new())).unwrap();
        all.push(sequence);
        while log.watermark() < sequence {
            std::thread::yield_now();
        }
    }
    let mut reader = log.reader(Start::Earliest).unwrap();
    let mut read: Vec<u64> = reader.read(1).unwrap().iter().map(|f| f.first).collect();
    // What the scan holds can still be read, no more: reading a folder fails.
    let folder = File::open(dir.path()).unwrap();
    reader.disk.as_mut().unwrap().1.put_file(folder);
    let frames = reader.read(1 << 20).unwrap();
    assert!((2..39).contains(&frames.len()), "{}", frames.len());
    assert_eq!(reader.position(), frames.last().unwrap().last + 1);
    read.extend(frames.iter().map(|frame| frame.first));
    // The disk is still bad: now it is told, and nothing moves.
    let position = reader.position();
    let path = lock(&log.0.segments)
        .holding(position)
        .unwrap()
        .path
        .clone();
    let aside = dir.path().join("aside");
    std::fs::rename(&path, &aside).unwrap();
    std::fs::create_dir(&path).unwrap();
    let failed = reader.read(1 << 20);
    assert!(matches!(failed, Err(ReadError::Io { .. })), "{failed:?}");
    assert_eq!(reader.position(), position);
    std::fs::remove_dir(&path).unwrap();
    std::fs::rename(&aside, &path).unwrap();
    read.extend(reader.read(1 << 20).unwrap().iter().map(|f| f.first));
    assert_eq!(read, all);
}
