//! Retention waits for nobody, and says so; a full disk takes nothing and loses nothing.
use crate::support::{append, clock, noise, open, options, read_from_start, segments, wait_until};
use citygate::log::record::{Keys, Kind};
use citygate::log::{AppendError, Batch, CursorError, Log, Options, ReadError, Settled, Start};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Notify;

#[test]
fn an_overtaken_reader_is_told_the_oldest_and_the_others_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let small = Options {
        retain_bytes: 3 << 20,
        cache_bytes: 0,
        ..options()
    };
    let log = Log::open(dir.path(), small, clock(), Box::new(|_, _| {})).unwrap();
    let mut slow = log.reader(Start::Earliest).unwrap();
    let follower = log.follow("slow", log.watermark());
    let start = log.cursor(log.watermark());
    for seed in 1..=30 {
        append(&log, &[noise(seed, 300_000)]);
    }
    wait_until("trimmed", || log.stat().bytes <= 3 << 20);
    let oldest = log.oldest().0;
    let refused = log.reader(Start::After(start)).unwrap_err();
    assert!(
        matches!(refused, CursorError::Overtaken { oldest: o, .. } if o == oldest),
        "{refused}"
    );
    let overtaken = slow.read(1 << 20).unwrap_err();
    assert!(
        matches!(overtaken, ReadError::Cursor(CursorError::Overtaken { .. })),
        "{overtaken}"
    );
    assert!(!read_from_start(&log).is_empty());
    assert!(log.reader(Start::After(log.cursor(oldest))).is_ok());
    drop(follower);
    log.close();
    drop(log);
    let log = open(dir.path());
    assert_eq!(log.oldest().0, oldest);
    assert!(segments(dir.path()).len() <= 4);
}

struct Unmount<'a>(&'a std::path::Path);
impl Drop for Unmount<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

/// On a tmpfs of its own, where the machine lets us mount one.
#[test]
fn a_full_disk_voids_refuses_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"])
        .arg(dir.path())
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        eprintln!("SKIPPED: this user may not mount a tmpfs");
        return;
    }
    let _unmount = Unmount(dir.path());
    let ballast = dir.path().join("ballast");
    let (durable, voided) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let counts = (Arc::clone(&durable), Arc::clone(&voided));
    let settle = move |weights: &[u64; citygate::log::LANES], ok: bool| {
        let total = if ok { &counts.0 } else { &counts.1 };
        total.fetch_add(weights[0], Ordering::SeqCst);
    };
    let log_dir = dir.path().join("log");
    let log = Log::open(&log_dir, options(), clock(), Box::new(settle)).unwrap();
    append(&log, &[b"before".to_vec()]);
    wait_until("disk looked at", || log.stat().free_bytes < 4 << 20);
    // Passes the look at free space, for that is stale, and finds no room when it is written.
    std::fs::write(&ballast, vec![1; 2_800_000]).unwrap();
    let mut batch = Batch::default();
    for seed in 0..4 {
        batch.push(Kind::Report, &Keys::default(), &noise(seed, 500_000));
    }
    batch.weigh(0, 4);
    let first = log.append(&mut batch, &Arc::new(Notify::new())).unwrap();
    wait_until("settled", || log.settled(first) != Settled::Pending);
    assert_eq!(log.settled(first), Settled::Voided);
    assert_eq!(voided.load(Ordering::SeqCst), 4);
    batch.push(Kind::Report, &Keys::default(), b"refused");
    let refused = log
        .append(&mut batch, &Arc::new(Notify::new()))
        .unwrap_err();
    assert!(matches!(refused, AppendError::DiskFull { .. }), "{refused}");
    assert_eq!(batch.len(), 1);
    std::fs::remove_file(&ballast).unwrap();
    wait_until("room again", || log.refusing().is_none());
    append(&log, &[b"after".to_vec()]);
    let bodies: Vec<_> = read_from_start(&log)
        .into_iter()
        .map(|(_, body)| body)
        .collect();
    assert_eq!(bodies, [b"before".to_vec(), b"after".to_vec()]);
    log.close();
    drop(log);
    let log = open(&log_dir);
    assert_eq!(read_from_start(&log).len(), 2);
}
