//! Kill after kill: when each comes, what it must have found, and when there were enough.
use crate::disk::Disk;
use std::os::unix::process::ExitStatusExt;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

/// Kills that took unsynced bytes away.
pub const CUTS: u32 = 30;
/// Of these, kills between the creation of a segment and the sync of its directory.
pub const ROLL_CUTS: u32 = 5;
/// Acknowledgements before each kill.
pub const ACKS_BEFORE_KILL: u64 = 1_000;
/// A kill may find nothing unsynced and does not count then; more of these than cuts is a broken test.
const KILLS_MAX: u32 = 4 * CUTS;
/// Operations of a roll, with some to spare: create, write, sync, directory, each with a beginning and an end.
const ROLL_OPERATIONS_MAX: u64 = 7;
/// Nothing that the test waits for takes so long.
const BOUND: Duration = Duration::from_mins(1);

/// A `SplitMix64` generator: the test is repeatable up to the scheduling of threads.
#[derive(Clone)]
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// In `0..end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

pub struct Campaign {
    pub rng: Rng,
    kills: u32,
    cuts: u32,
    roll_cuts: u32,
    bytes: u64,
    torn: u64,
    start: Instant,
    operations_max: u64,
}

impl Campaign {
    /// A kill comes at the latest `operations_max` operations after it was asked for, unless it is to be in a roll.
    ///
    /// The seed is `CITYGATE_CRASH_SEED`, or the time; it is printed.
    pub fn new(operations_max: u64) -> Self {
        let now = std::time::UNIX_EPOCH.elapsed().unwrap();
        let seed = std::env::var("CITYGATE_CRASH_SEED")
            .map_or(u64::from(now.subsec_nanos()), |seed| seed.parse().unwrap());
        println!("CITYGATE_CRASH_SEED={seed}");
        Self {
            rng: Rng(seed),
            kills: 0,
            cuts: 0,
            roll_cuts: 0,
            bytes: 0,
            torn: 0,
            start: Instant::now(),
            operations_max,
        }
    }

    pub fn done(&self) -> bool {
        self.cuts >= CUTS && self.roll_cuts >= ROLL_CUTS
    }

    /// Waits for the acknowledgements, kills, and cuts the disk back to what was synced.
    pub fn kill(&mut self, disk: &Disk, child: &mut Child, acks: impl Fn() -> u64) {
        let before = acks();
        wait_until("1,000 acknowledgements", || {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("ended by itself before the kill: {status}");
            }
            acks() >= before + ACKS_BEFORE_KILL
        });
        // Rolls are rare: one kill in two waits for one until there were enough.
        if self.roll_cuts < ROLL_CUTS && self.rng.below(2) == 0 {
            disk.arm_roll(1 + self.rng.below(ROLL_OPERATIONS_MAX));
        } else {
            disk.arm(1 + self.rng.below(self.operations_max));
        }
        let status = wait_for(child);
        assert_eq!(status.signal(), Some(9), "ended by itself: {status}");
        let counters = disk.counters();
        let tear = if self.rng.below(3) == 0 {
            self.rng.below(100)
        } else {
            0
        };
        let cut = disk.cut(tear);
        self.kills += 1;
        self.cuts += u32::from(cut.bytes > 0);
        self.roll_cuts += u32::from(cut.bytes > 0 && counters.died_in_roll);
        self.bytes += cut.bytes;
        self.torn += cut.torn;
        println!(
            "{:4} s  kill {}: operation {}{}, {} acks, cut {} bytes and {} names, torn {}",
            self.start.elapsed().as_secs(),
            self.kills,
            counters.died,
            if counters.died_in_roll {
                " in a roll"
            } else {
                ""
            },
            acks() - before,
            cut.bytes,
            cut.names,
            cut.torn,
        );
        assert!(
            self.kills <= KILLS_MAX,
            "{} kills cut only {} times",
            self.kills,
            self.cuts
        );
    }

    pub fn report(&self) {
        println!(
            "{} kills, {} cut unsynced bytes, {} of them in a roll; {} bytes cut, {} of them torn; {:?}",
            self.kills,
            self.cuts,
            self.roll_cuts,
            self.bytes,
            self.torn,
            self.start.elapsed()
        );
    }
}

pub fn wait_for(child: &mut Child) -> std::process::ExitStatus {
    let mut status = None;
    wait_until("the end of the process", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    status.unwrap()
}

pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < BOUND, "{what}: not within {BOUND:?}");
        thread::sleep(Duration::from_millis(2));
    }
}
