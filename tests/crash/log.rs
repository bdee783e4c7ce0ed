//! The log alone under power cuts: threads that append, a reader with a cursor, in a process of their own.
//!
//! The gateway's test is the same with sockets; when both fail, look here first.
use crate::campaign::{Campaign, Rng};
use crate::disk::Disk;
use citygate::log::record::{Keys, Kind};
use citygate::log::{
    AppendError, Batch, Cursor, CursorError, Log, Options, Reader, Settled, Start,
};
use citygate::model::Clock;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// Folder outside the disk where the actor writes down what it sent, what was acknowledged, what it received.
const NOTES: &str = "CITYGATE_CRASH_NOTES";
const ROUND: &str = "CITYGATE_CRASH_ROUND";
const THREADS: u64 = 3;
const BATCH_MAX: u64 = 20;
const BODY_BYTES: usize = 200;
const ROLL: &str = "*.seg";
/// Between the wish to kill and the kill: some thirty syncs.
const OPERATIONS_MAX: u64 = 100;

fn open(dir: &Path) -> Log {
    let options = Options {
        segment_bytes: 1 << 20,
        min_free: 1 << 20,
        ..Options::default()
    };
    Log::open(dir, options, Clock::system(), Box::new(|_, _| {})).unwrap()
}

/// Not a test: the process under the shim. Without notes to write it does nothing.
#[test]
fn actor() {
    let Ok(notes) = std::env::var(NOTES) else {
        return;
    };
    let notes = PathBuf::from(notes);
    let round: u64 = std::env::var(ROUND).unwrap().parse().unwrap();
    let log = open(Path::new(&std::env::var("CITYGATE_SHIM_ROOT").unwrap()));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (log, notes) = (&log, &notes);
            scope.spawn(move || append_forever(log, notes, round * THREADS + thread));
        }
        let mut received = Received::resume(&notes, &log).unwrap();
        loop {
            received.reader.wait(Duration::from_secs(1));
            received.take(&log);
        }
    });
}

/// Appends values that were never used before, and notes each before it is sent and after it is durable.
fn append_forever(log: &Log, notes: &Path, lane: u64) {
    let note = |what: &str| File::create(notes.join(format!("{what}-{lane}"))).unwrap();
    let (mut sent, mut acked) = (note("sent"), note("acked"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let waiter = Arc::new(Notify::new());
    let mut rng = Rng(lane);
    let mut next = lane << 32;
    loop {
        let mut batch = Batch::default();
        let mut values = Vec::new();
        for _ in 0..=rng.below(BATCH_MAX) {
            next += 1;
            values.extend(next.to_le_bytes());
            batch.push(Kind::Report, &Keys::default(), &body(next));
        }
        let count = batch.len() as u64;
        sent.write_all(&values).unwrap();
        let first = loop {
            match log.append(&mut batch, &waiter) {
                Ok(first) => break first,
                Err(AppendError::Backlog { .. }) => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        };
        while log.settled(first + count - 1) == Settled::Pending {
            runtime.block_on(waiter.notified());
        }
        assert_eq!(log.settled(first), Settled::Durable);
        acked.write_all(&values).unwrap();
    }
}

/// A value and bytes that follow from it and do not compress.
fn body(value: u64) -> Vec<u8> {
    let mut rng = Rng(value);
    let mut body = value.to_le_bytes().to_vec();
    while body.len() < BODY_BYTES {
        body.extend(rng.next().to_le_bytes());
    }
    body
}

/// A subscriber that keeps its cursor with its data: a line each of cursor and values.
struct Received {
    reader: Reader,
    file: File,
}

impl Received {
    fn resume(notes: &Path, log: &Log) -> Result<Self, CursorError> {
        let path = notes.join("received");
        let text = fs::read_to_string(&path).unwrap_or_default();
        // A kill may have left half a line.
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        fs::write(&path, whole).unwrap();
        let cursor = whole
            .lines()
            .last()
            .map(|line| line.split(' ').next().unwrap());
        let start = cursor.map_or(Start::Earliest, |cursor| {
            Start::After(cursor.parse::<Cursor>().unwrap())
        });
        // Its cursor covers durable records alone, so no power cut makes it a cursor of the future.
        let reader = log.reader(start)?;
        let file = File::options().append(true).open(path).unwrap();
        Ok(Self { reader, file })
    }

    fn take(&mut self, log: &Log) -> bool {
        let position = self.reader.position();
        let frames = self.reader.read(1 << 20).unwrap();
        let mut line = String::new();
        for (sequence, record) in frames.iter().flat_map(|frame| frame.records()) {
            if sequence < position {
                continue;
            }
            let value = u64::from_le_bytes(record.body[..8].try_into().unwrap());
            assert_eq!(record.body, body(value), "not as it was sent");
            line = format!("{line} {value}");
        }
        if let Some(last) = frames.last() {
            writeln!(self.file, "{}{line}", log.cursor(last.last)).unwrap();
        }
        !frames.is_empty()
    }
}

fn start(disk: &Disk, notes: &Path, round: u64) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "log::actor", "--nocapture"])
        .env(NOTES, notes)
        .env(ROUND, round.to_string())
        .stdout(Stdio::null());
    disk.attach(&mut command, ROLL, 300, false);
    command.spawn().unwrap()
}

/// The values in all notes of this name.
fn noted(notes: &Path, what: &str) -> Vec<u64> {
    let mut values = Vec::new();
    for entry in fs::read_dir(notes).unwrap() {
        let path = entry.unwrap().path();
        if path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .starts_with(what)
        {
            let bytes = fs::read(path).unwrap();
            values.extend(
                bytes
                    .chunks_exact(8)
                    .map(|v| u64::from_le_bytes(v.try_into().unwrap())),
            );
        }
    }
    values
}

fn count_acked(notes: &Path) -> u64 {
    let files = fs::read_dir(notes).unwrap().map(Result::unwrap);
    let acked = files.filter(|file| file.file_name().to_str().unwrap().starts_with("acked"));
    acked.map(|file| file.metadata().unwrap().len() / 8).sum()
}

/// What is wrong with the log and the subscriber at the end.
fn problems(disk: &Disk, notes: &Path) -> Vec<String> {
    let log = open(disk.root());
    let mut problems = Vec::new();
    match Received::resume(notes, &log) {
        Ok(mut received) => while received.take(&log) {},
        Err(error) => problems.push(format!("the subscriber cannot resume: {error}")),
    }
    let mut times: HashMap<u64, (u32, u32)> = HashMap::new();
    let mut reader = log.reader(Start::Earliest).unwrap();
    loop {
        let frames = reader.read(1 << 20).unwrap();
        if frames.is_empty() {
            break;
        }
        for (_, record) in frames.iter().flat_map(|frame| frame.records()) {
            let value = u64::from_le_bytes(record.body[..8].try_into().unwrap());
            times.entry(value).or_default().0 += 1;
        }
    }
    for line in fs::read_to_string(notes.join("received")).unwrap().lines() {
        for value in line.split(' ').skip(1) {
            times.entry(value.parse().unwrap()).or_default().1 += 1;
        }
    }
    let (sent, acked) = (noted(notes, "sent"), noted(notes, "acked"));
    let missing = acked
        .iter()
        .filter(|value| !times.contains_key(value))
        .count();
    let unequal = times.values().filter(|times| **times != (1, 1)).count();
    let known: std::collections::HashSet<u64> = sent.iter().copied().collect();
    let unknown = times.keys().filter(|value| !known.contains(value)).count();
    println!(
        "{} sent, {} acknowledged, {} in the log",
        sent.len(),
        acked.len(),
        times.len()
    );
    let counts = [
        (missing, "acknowledged records are missing"),
        (
            unequal,
            "records are not once in the log and once with the subscriber",
        ),
        (unknown, "records were never sent"),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    problems.extend(counts.map(|(count, what)| format!("{count} {what}")));
    problems
}

#[test]
fn what_was_settled_survives_power_cuts() {
    let dir = tempfile::tempdir().unwrap();
    let notes = tempfile::tempdir().unwrap();
    let disk = Disk::new(dir.path());
    let mut campaign = Campaign::new(OPERATIONS_MAX);
    for round in 0.. {
        let mut child = start(&disk, notes.path(), round);
        campaign.kill(&disk, &mut child, || count_acked(notes.path()));
        if campaign.done() {
            break;
        }
    }
    campaign.report();
    assert_eq!(problems(&disk, notes.path()), Vec::<String>::new());
}

/// The method sees a missing sync: with syncs that do nothing the same checks find the loss.
#[test]
fn a_log_that_does_not_sync_is_caught() {
    let dir = tempfile::tempdir().unwrap();
    let notes = tempfile::tempdir().unwrap();
    let disk = Disk::new(dir.path());
    let mut campaign = Campaign::new(OPERATIONS_MAX);
    for round in 0..2 {
        let mut child = start(&disk, notes.path(), round);
        if round == 1 {
            let before = count_acked(notes.path());
            crate::campaign::wait_until("life", || count_acked(notes.path()) > before);
            disk.lie();
        }
        campaign.kill(&disk, &mut child, || count_acked(notes.path()));
    }
    let problems = problems(&disk, notes.path());
    println!("{problems:#?}");
    assert!(!problems.is_empty());
}
