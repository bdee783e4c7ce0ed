//! A log in a folder of its own.
use citygate::log::record::{Keys, Kind};
use citygate::log::{Batch, Log, OpenError, Options, Reader, Start};
use citygate::model::{Clock, Timestamp};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

pub const BOUND: Duration = Duration::from_secs(20);

pub fn options() -> Options {
    Options {
        segment_bytes: 1 << 20,
        min_free: 1 << 20,
        ..Options::default()
    }
}

pub fn clock() -> Clock {
    Clock::manual(Timestamp::from_secs(1_800_000_000))
}

pub fn open(dir: &Path) -> Log {
    let start = Instant::now();
    loop {
        match Log::open(dir, options(), clock(), Box::new(|_, _| {})) {
            // A process that another test is just starting holds copies of all descriptors, locks included, until it
            // has become what it is to run.
            Err(OpenError::Locked { .. }) if start.elapsed() < BOUND => {
                std::thread::sleep(Duration::from_millis(1));
            }
            opened => return opened.unwrap(),
        }
    }
}

/// Appends one record per body and waits until they are settled; the first sequence.
pub fn append(log: &Log, bodies: &[Vec<u8>]) -> u64 {
    let mut batch = Batch::default();
    for body in bodies {
        batch.push(Kind::Report, &Keys::default(), body);
    }
    let count = batch.len() as u64;
    let first = log.append(&mut batch, &Arc::new(Notify::new())).unwrap();
    wait_until("settled", || log.watermark() >= first + count - 1);
    first
}

pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < BOUND, "not {what} within {BOUND:?}");
        std::thread::yield_now();
    }
}

/// Everything that `reader` can give now: (sequence, body). Damage is passed over.
pub fn read_all(reader: &mut Reader) -> Vec<(u64, Vec<u8>)> {
    let mut all = Vec::new();
    loop {
        let position = reader.position();
        let frames = match reader.read(64 << 10) {
            Ok(frames) if frames.is_empty() => return all,
            Ok(frames) => frames,
            Err(citygate::log::ReadError::Damaged { .. }) => continue,
            Err(error) => panic!("{error}"),
        };
        for frame in frames {
            for (sequence, record) in frame.records() {
                if sequence >= position {
                    all.push((sequence, record.body.to_vec()));
                }
            }
        }
    }
}

pub fn read_from_start(log: &Log) -> Vec<(u64, Vec<u8>)> {
    read_all(&mut log.reader(Start::Earliest).unwrap())
}

/// The segments' files, oldest first.
pub fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "seg"))
        .collect();
    files.sort();
    files
}

/// Pseudo-random bytes, so that LZ4 cannot shrink them.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    (0..len)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            u8::try_from(state >> 56).unwrap()
        })
        .collect()
}
