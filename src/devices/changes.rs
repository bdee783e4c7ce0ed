//! In which order devices changed: what a watcher has missed.
//!
//! Each change has a version of its own. The last ones are remembered in order, so that a watcher
//! that keeps up pays for what changed and nothing else; one that was away for long costs a look at
//! every device.
use std::collections::VecDeque;

/// Changes remembered in order: 1 MiB of them.
const RING_MAX: usize = 1 << 18;

/// Versions by device, and the last changes.
#[derive(Debug, Default)]
pub(super) struct Changes {
    version: u64,
    versions: Vec<u64>,
    /// The devices of the versions `version - len + 1 ..= version`.
    ring: VecDeque<u32>,
}

impl Changes {
    /// The last change.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Begins behind `version`.
    pub fn start(&mut self, version: u64) {
        self.version = version;
        self.ring.clear();
    }

    /// One more device, unchanged.
    pub fn push(&mut self) {
        self.versions.push(0);
    }

    pub fn get(&self, number: u32) -> u64 {
        self.versions
            .get(number as usize)
            .copied()
            .unwrap_or_default()
    }

    /// A device as it was kept.
    pub fn set(&mut self, number: u32, version: u64) {
        if let Some(own) = self.versions.get_mut(number as usize) {
            *own = version;
        }
    }

    /// The device changed.
    pub fn touch(&mut self, number: u32) {
        self.version += 1;
        if let Some(version) = self.versions.get_mut(number as usize) {
            *version = self.version;
        }
        if self.ring.len() >= RING_MAX {
            self.ring.pop_front();
        }
        self.ring.push_back(number);
    }

    /// Devices with a version above `after`, in order of their versions, each once, at most `max`;
    /// and the version that has been reached.
    pub fn after(&self, after: u64, max: usize) -> (Vec<u32>, u64) {
        let first = self.version - self.ring.len() as u64 + 1;
        if after.saturating_add(1) < first {
            return self.scan(after, max);
        }
        let skip = usize::try_from(after.saturating_add(1) - first).unwrap_or(usize::MAX);
        let mut numbers = Vec::new();
        let mut reached = after.min(self.version);
        for (number, version) in self.ring.iter().skip(skip).zip(after + 1..) {
            if numbers.len() >= max {
                return (numbers, reached);
            }
            // An older change of what changed again comes later.
            if self.get(*number) == version {
                numbers.push(*number);
            }
            reached = version;
        }
        (numbers, reached)
    }

    fn scan(&self, after: u64, max: usize) -> (Vec<u32>, u64) {
        let mut found: Vec<(u64, u32)> = self
            .versions
            .iter()
            .zip(0u32..)
            .filter(|(version, _)| **version > after)
            .map(|(version, number)| (*version, number))
            .collect();
        if found.len() > max {
            found.select_nth_unstable(max);
            found.truncate(max);
            found.sort_unstable();
            let reached = found.last().map_or(after, |(version, _)| *version);
            return (
                found.into_iter().map(|(_, number)| number).collect(),
                reached,
            );
        }
        found.sort_unstable();
        let numbers = found.into_iter().map(|(_, number)| number).collect();
        (numbers, self.version)
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        self.versions.capacity() * size_of::<u64>() + self.ring.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_watcher_misses_nothing(touched in prop::collection::vec(0u32..6, 1..60), max in 1usize..5, start in 0u64..3) {
            let mut changes = Changes::default();
            changes.start(start);
            for _ in 0..6 {
                changes.push();
            }
            for number in &touched {
                changes.touch(*number);
            }
            for scanned in [false, true] {
                let (mut after, mut seen) = (start, Vec::new());
                while after < changes.version() {
                    let (numbers, reached) = if scanned { changes.scan(after, max) } else { changes.after(after, max) };
                    prop_assert!(reached > after && numbers.len() <= max);
                    seen.extend(numbers);
                    after = reached;
                }
                let mut expected: Vec<u32> = Vec::new();
                for number in &touched {
                    expected.retain(|other| other != number);
                    expected.push(*number);
                }
                prop_assert_eq!(seen, expected, "scanned: {}", scanned);
            }
        }
    }
}
