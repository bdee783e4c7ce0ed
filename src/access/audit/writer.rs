//! The thread that writes the audit log.
use super::file::Files;
use super::repeats::Repeats;
use super::{Entry, FILE_BYTES_MAX, Line};
use crate::model::Timestamp;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tracing::warn;

/// Entries that wait for the disk, of at most some 1,200 bytes each.
const QUEUE_MAX: usize = 4_096;
/// Entries of one write and sync.
const GROUP_MAX: usize = 1_024;

/// Takes entries without ever waiting for the disk.
#[derive(Debug)]
pub(in crate::access) struct Writer {
    queue: Mutex<Queue>,
    lost: Arc<Lost>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Queue {
    /// `None` once it is closed.
    lines: Option<SyncSender<Line>>,
    repeats: Repeats,
}

impl Queue {
    /// Of so many lines, those for which there was no room.
    fn send(&self, lines: impl IntoIterator<Item = Line>) -> u64 {
        let open = self.lines.as_ref();
        let sent = |line| open.is_some_and(|queue| queue.try_send(line).is_ok());
        lines.into_iter().map(|line| u64::from(!sent(line))).sum()
    }
}

/// Entries that were not written.
#[derive(Debug, Default)]
struct Lost {
    all: AtomicU64,
    /// Of these no line tells yet.
    untold: AtomicU64,
}

impl Lost {
    fn add(&self, count: u64) {
        self.all.fetch_add(count, Ordering::Relaxed);
        self.untold.fetch_add(count, Ordering::Relaxed);
    }
}

impl Writer {
    /// Opens the file and starts the thread.
    ///
    /// # Errors
    /// The file cannot be appended to, or the system has no thread.
    pub(in crate::access) fn start(path: PathBuf) -> io::Result<Self> {
        let files = Files::open(path, FILE_BYTES_MAX)?;
        let (queue, lines) = sync_channel(QUEUE_MAX);
        let lost = Arc::<Lost>::default();
        let shared = Arc::clone(&lost);
        let thread = std::thread::Builder::new()
            .name("citygate-audit".to_owned())
            .spawn(move || run(files, &lines, &shared))?;
        Ok(Self {
            queue: Mutex::new(Queue {
                lines: Some(queue),
                repeats: Repeats::default(),
            }),
            lost,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Takes an entry; when too many wait, it is counted instead.
    pub(in crate::access) fn note(&self, entry: &Entry<'_>, now: Timestamp) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let line = queue.repeats.take(entry, now);
        self.lost.add(queue.send(line));
    }

    /// Has what was only counted written, once its minute is over.
    pub(in crate::access) fn tick(&self, now: Timestamp) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = queue.repeats.sweep(now, false);
        self.lost.add(queue.send(lines));
    }

    /// Entries that were not written.
    pub(in crate::access) fn dropped(&self) -> u64 {
        self.lost.all.load(Ordering::Relaxed)
    }

    /// Writes what waits and ends the thread. Blocks.
    pub(in crate::access) fn close(&self, now: Timestamp) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = queue.repeats.sweep(now, true);
        self.lost.add(queue.send(lines));
        queue.lines = None;
        drop(queue);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // A panic of the thread has been printed by then.
            let _ = thread.join();
        }
    }
}

/// Ends when the queue is closed and empty.
fn run(mut files: Files, lines: &Receiver<Line>, lost: &Lost) {
    let mut failing = false;
    while let Ok(mut line) = lines.recv() {
        let untold = lost.untold.swap(0, Ordering::Relaxed);
        line.dropped = untold;
        let mut bytes = line.bytes();
        let mut count = 1;
        while count < GROUP_MAX
            && let Ok(line) = lines.try_recv()
        {
            bytes.extend(line.bytes());
            count += 1;
        }
        match files.append(&bytes) {
            Ok(()) => failing = false,
            Err(error) => {
                lost.add(count as u64);
                lost.untold.fetch_add(untold, Ordering::Relaxed);
                if !failing {
                    warn!(%error, "the audit log cannot be written; what is missing is counted");
                }
                failing = true;
            }
        }
    }
}
