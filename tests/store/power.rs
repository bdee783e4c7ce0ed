//! The power goes while a store is being filled: `tests/crash`'s disk gives back what was synced and nothing else.
//!
//! A place in the log that is ahead of what the store has would lose readings, and nothing but a power cut or a store that
//! forgot would show it.
use super::city::{City, same_as, section};
use super::disk::Disk;
use super::load::{self, Load};
use super::peers::{Kind, Store};
use super::proxy::{Proxy, Script};
use std::thread;

const CUTS: u64 = 4;
/// How long a sync takes.
const SYNC_US: u32 = 200;

#[test]
fn the_store_has_all_that_was_acknowledged_before_each_cut() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::new(dir.path());
    let store = Store::started(Kind::Influx, dir.path());
    let proxy = Proxy::start(store.port, Script::Mixed { seed: 5 });
    let more = "batch_lines = 100\ntimeout = \"1s\"";
    let sections =
        section("store", Kind::Influx, proxy.port, more) + "[log]\nsegment_bytes = \"1MiB\"\n";
    let mut city = City::start_with(dir, &sections, |command| {
        disk.attach(command, "log/*.seg", SYNC_US, false);
    });
    let (load, ports) = (Load::of(0, 30), city.gateway.ports);
    let messages = load.messages.clone();
    let publisher = thread::spawn(move || load::publish(ports, &messages));
    let mut lost = 0;
    for cut in 0..CUTS {
        let before = city.look("store").stored;
        city.until("store", |counts| counts.stored > before);
        city.gateway.kill();
        lost += disk.cut(cut * 25).bytes;
        city.start_again_with(|command| disk.attach(command, "log/*.seg", SYNC_US, false));
    }
    publisher.join().unwrap();
    let counts = city.delivered("store", load.count());
    assert_eq!((counts.rejected, counts.expired), (0, 0), "{counts:?}");
    same_as(&store, &load.readings);
    println!(
        "{lost} unsynced bytes lost in {CUTS} cuts; the proxy did {:?}",
        proxy.did()
    );
    assert!(lost > 0, "the cuts took nothing away");
}
