//! The power goes while a store is being filled: `tests/crash`'s disk gives back what was synced and nothing else.
//!
//! A place in the log that is ahead of what the store has would lose readings, and nothing but a power cut or a store that
//! forgot would show it.
use super::city::{City, same_as, section};
use super::disk::Disk;
use super::load::{self, Load};
use super::peers::{Kind, Store};
use super::proxy::{Proxy, Script};
use super::support::BOUND;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

/// At least, and at most until one has taken unsynced bytes away.
const CUTS: u64 = 3;
const CUTS_MAX: u64 = 12;
/// Messages of each device between two cuts.
const PART: u64 = 3;
/// Each cut comes so many operations of the disk later in its part.
const OPERATIONS: u64 = 3;
/// How long a sync takes.
const SYNC_US: u32 = 200;

#[test]
fn the_store_has_all_that_was_acknowledged_before_each_cut() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::new(dir.path());
    let store = Store::started(Kind::Influx, dir.path());
    let proxy = Proxy::start(store.port, Script::Mixed { seed: 5 });
    let more = "batch_lines = 150\ntimeout = \"1s\"";
    let sections =
        section("store", Kind::Influx, proxy.port, more) + "[log]\nsegment_bytes = \"1MiB\"\n";
    let mut city = City::start_with(dir, &sections, |command| {
        disk.attach(command, "log/*.seg", SYNC_US, false);
    });
    let (mut load, ports, mut lost) = (Load::default(), city.gateway.ports, 0);
    for cut in 0..CUTS_MAX {
        if cut >= CUTS && lost > 0 {
            break;
        }
        let part = Load::of(cut * PART, PART);
        let messages = part.messages.clone();
        let publisher = thread::spawn(move || load::publish(ports, &messages));
        // In the middle of the part, and of what the store gets of the one before.
        disk.arm(OPERATIONS + cut % CUTS * OPERATIONS);
        wait_for_end(&mut city.gateway.child);
        lost += disk.cut(cut % 4 * 25).bytes;
        city.start_again_with(|command| disk.attach(command, "log/*.seg", SYNC_US, false));
        publisher.join().unwrap();
        load = load.and(part);
        city.until("store", |counts| counts.stored > 0);
    }
    let counts = city.delivered("store", load.count());
    assert_eq!((counts.rejected, counts.expired), (0, 0), "{counts:?}");
    same_as(&store, &load.readings);
    println!(
        "{lost} unsynced bytes lost in the cuts; the proxy did {:?}",
        proxy.did()
    );
    assert!(lost > 0, "the cuts took nothing away");
}

fn wait_for_end(child: &mut Child) {
    let start = Instant::now();
    while child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < BOUND, "the power stays on");
        thread::sleep(Duration::from_millis(5));
    }
}
