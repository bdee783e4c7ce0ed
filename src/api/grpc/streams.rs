//! Which `Subscribe` streams are open, and how far each has come: for whoever asks what became of a
//! report. A stream says so once a response.
use crate::api::selection::Selection;
use hashbrown::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
struct Way {
    selection: Arc<Selection>,
    begun: u64,
    next: AtomicU64,
}

type Ways = HashMap<u64, Arc<Way>>;

/// All open streams; as many as `grpc.streams_max` at most, which the server sees to.
#[derive(Debug, Default)]
pub struct Streams {
    ways: Arc<Mutex<Ways>>,
    opened: AtomicU64,
}

/// A stream as it is now.
#[derive(Clone, Debug)]
pub struct Stream {
    /// What it lets pass, and to whose grant.
    pub selection: Arc<Selection>,
    /// The first sequence that it looked at.
    pub begun: u64,
    /// Everything below was looked at and, as far as it is wanted, handed to the connection.
    pub next: u64,
}

/// A stream's own entry, until it is dropped.
#[derive(Debug)]
pub struct Place {
    ways: Arc<Mutex<Ways>>,
    number: u64,
    way: Arc<Way>,
}

fn lock(ways: &Mutex<Ways>) -> MutexGuard<'_, Ways> {
    ways.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Streams {
    /// Notes a stream that begins at `begun`.
    pub fn open(&self, selection: Arc<Selection>, begun: u64) -> Place {
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let way = Arc::new(Way {
            selection,
            begun,
            next: begun.into(),
        });
        lock(&self.ways).insert(number, Arc::clone(&way));
        Place {
            ways: Arc::clone(&self.ways),
            number,
            way,
        }
    }

    /// Those that are open.
    pub fn look(&self) -> Vec<Stream> {
        let ways = lock(&self.ways);
        let stream = |way: &Arc<Way>| Stream {
            selection: Arc::clone(&way.selection),
            begun: way.begun,
            next: way.next.load(Ordering::Relaxed),
        };
        ways.values().map(stream).collect()
    }
}

impl Place {
    /// Everything below `next` was looked at.
    pub fn reach(&self, next: u64) {
        self.way.next.store(next, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.ways).remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Grant;

    #[test]
    fn a_stream_is_there_until_it_is_dropped() {
        let streams = Streams::default();
        let selection = Arc::new(Selection::granted(&Arc::new(Grant::everything("brain"))));
        let place = streams.open(selection, 10);
        place.reach(25);
        let seen: Vec<(u64, u64)> = streams.look().iter().map(|s| (s.begun, s.next)).collect();
        assert_eq!(seen, [(10, 25)]);
        drop(place);
        assert!(streams.look().is_empty());
    }
}
