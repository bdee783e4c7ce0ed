//! The thread on a real log.
use super::*;
use crate::history::History;
use crate::log::{Batch, Log, Options};
use std::sync::Mutex;
use std::time::Instant;
use tokio::sync::Notify;

/// Longest that a test waits for the thread.
const PATIENCE: Duration = Duration::from_secs(30);

fn log(dir: &Path, mut options: Options) -> Log {
    options.min_free = 1;
    Log::open(
        &dir.join("log"),
        options,
        Clock::manual(noon()),
        Box::new(|_, _| {}),
    )
    .unwrap()
}

fn append(log: &Log, reports: &[ReportDraft<'_>]) -> u64 {
    let mut batch = Batch::default();
    for report in reports {
        let mut body = Vec::new();
        report.encode(&mut body);
        batch.push(Kind::Report, &Keys::default(), &body);
    }
    let waiter = Arc::new(Notify::new());
    let first = log.append(&mut batch, &waiter).unwrap();
    let last = first + reports.len() as u64 - 1;
    wait_for("the append", || log.watermark() >= last);
    last
}

fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < deadline, "{what} did not come");
        std::thread::sleep(Duration::from_millis(2));
    }
}

type Gaps = Arc<Mutex<Vec<(u64, u64)>>>;

fn start(dir: &Path, log: &Log) -> (History, Gaps) {
    let state = Arc::new(State::open(&dir.join("state")).unwrap());
    let gaps = Gaps::default();
    let own = Arc::clone(&gaps);
    let on_gap = Box::new(move |from, to| own.lock().unwrap().push((from, to)));
    let clock = Clock::manual(noon());
    let history = History::start(state, log.clone(), config(), clock, on_gap).unwrap();
    (history, gaps)
}

fn values(history: &History) -> Vec<f64> {
    let reports: Vec<_> = history
        .query(Selection::default(), ALL.0, ALL.1)
        .map(Result::unwrap)
        .collect();
    numbers(&reports)
}

fn minutes(range: std::ops::Range<u32>) -> Vec<ReportDraft<'static>> {
    let time = |n| noon().minus(DAY).plus(Duration::from_mins(1) * n);
    range.map(|n| one("m", time(n), f64::from(n))).collect()
}

#[test]
fn what_is_logged_can_be_asked_for_and_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let log = log(dir.path(), Options::default());
    append(&log, &minutes(0..10));
    let (history, _) = start(dir.path(), &log);
    let last = append(&log, &minutes(10..20));
    wait_for("the last report", || history.stats().next > last);
    assert_eq!(values(&history).len(), 20);
    assert_eq!(history.stats().lag, 0);
    history.close();
    let stats = history.stats();
    assert_eq!(
        (stats.stored, stats.open, stats.durable_next),
        (20, 0, last + 1)
    );
    drop(history);
    let last = append(&log, &minutes(20..30));
    let (history, gaps) = start(dir.path(), &log);
    wait_for("the last report", || history.stats().next > last);
    let wanted: Vec<f64> = (0..30).map(f64::from).collect();
    assert_eq!(values(&history), wanted);
    history.close();
    assert_eq!(history.stats().stored, 30);
    assert_eq!(*gaps.lock().unwrap(), []);
}

#[test]
fn what_the_log_has_forgotten_is_a_gap_told_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let small = Options {
        segment_bytes: 4096,
        retain_bytes: 16_384,
        ..Options::default()
    };
    let log = log(dir.path(), small);
    let (history, _) = start(dir.path(), &log);
    let first = append(&log, &minutes(0..1));
    history.close();
    drop(history);
    // Incompressible, so that segments fill.
    let mut seed = 7u64;
    let mut last = first;
    while log.oldest().0 <= first + 1 {
        let text: String = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'!' + u8::try_from(seed >> 58).unwrap())
        })
        .take(2000)
        .collect();
        let mut filler = one("filler", noon(), 0.0);
        filler.readings[0].value = Value::Text(text.into());
        last = append(&log, &[filler]);
    }
    let (history, gaps) = start(dir.path(), &log);
    wait_for("the last report", || history.stats().next > last);
    let oldest = log.oldest().0;
    let told = gaps.lock().unwrap().clone();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, first + 1);
    assert!(told[0].1 < oldest);
    history.close();
    assert_eq!(history.stats().expired, told[0].1 - told[0].0 + 1);
    drop(history);
    let (history, gaps) = start(dir.path(), &log);
    history.close();
    assert_eq!(*gaps.lock().unwrap(), [], "a gap is told once");
}

#[test]
fn another_log_is_read_from_its_start() {
    let dir = tempfile::tempdir().unwrap();
    let log = log(dir.path(), Options::default());
    let (history, _) = start(dir.path(), &log);
    append(&log, &minutes(0..5));
    history.close();
    log.close();
    drop((history, log));
    std::fs::remove_dir_all(dir.path().join("log")).unwrap();
    let log = super::follow::log(dir.path(), Options::default());
    let last = append(&log, &minutes(5..8));
    let (history, gaps) = start(dir.path(), &log);
    wait_for("the last report", || history.stats().next > last);
    assert_eq!(values(&history).len(), 8);
    history.close();
    assert_eq!((history.stats().stored, gaps.lock().unwrap().len()), (3, 0));
}

#[test]
fn damaged_records_are_a_gap_and_the_rest_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let log = log(dir.path(), Options::default());
    let mut firsts = Vec::new();
    for n in 0..3 {
        firsts.push(append(&log, &minutes(n * 10..n * 10 + 10)) - 9);
    }
    log.close();
    drop(log);
    // A byte in the middle of the middle frame.
    let segments: Vec<_> = std::fs::read_dir(dir.path().join("log"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.metadata().unwrap().len() > 500)
        .collect();
    assert_eq!(segments.len(), 1, "{segments:?}");
    let mut bytes = std::fs::read(&segments[0]).unwrap();
    let written = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[written / 2] ^= 1;
    std::fs::write(&segments[0], bytes).unwrap();
    let log = super::follow::log(dir.path(), Options::default());
    let (history, gaps) = start(dir.path(), &log);
    wait_for("the last report", || history.stats().next > log.watermark());
    history.close();
    assert_eq!(*gaps.lock().unwrap(), [(firsts[1], firsts[1] + 9)]);
    let stats = history.stats();
    assert_eq!((stats.stored, stats.expired), (20, 10));
    let wanted: Vec<f64> = (0..10).chain(20..30).map(f64::from).collect();
    assert_eq!(values(&history), wanted);
}
