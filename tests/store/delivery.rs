//! All that was sent arrives, whatever happens on the way.
use super::city::{City, same_as, section};
use super::load::Load;
use super::peers::{Kind, Store};
use super::proxy::{Fault, Proxy, Script};
use std::thread;

/// Of each of the six devices, a fifth of a second's worth of a city's.
const MESSAGES: u64 = 12;

/// As many as were sent, all stored or without a value.
#[track_caller]
fn complete(city: &City, store: &Store, load: &Load) {
    let counts = city.delivered("store", load.count());
    assert_eq!((counts.rejected, counts.expired), (0, 0), "{counts:?}");
    same_as(store, &load.readings);
}

fn plain(kind: Kind) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::started(kind, dir.path());
    let city = City::start(dir, &section("store", kind, store.port, ""));
    let load = Load::of(0, MESSAGES);
    city.publish(&load);
    complete(&city, &store, &load);
}

#[test]
fn victoria_has_all_that_was_sent() {
    plain(Kind::Victoria);
}

#[test]
fn influx_has_all_that_was_sent() {
    plain(Kind::Influx);
}

fn down_for_the_whole_load(kind: Kind) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::new(kind, dir.path());
    let mut city = City::start(dir, &section("store", kind, store.port, ""));
    let load = Load::of(0, MESSAGES);
    city.publish(&load);
    let counts = city.until("store", |counts| counts.logged == load.count());
    assert_eq!(counts.pending + counts.skipped, load.count(), "{counts:?}");
    // Nor does it matter that the gateway was away meanwhile.
    city.stop_and_restart();
    city.until("store", |counts| counts.logged == load.count());
    store.start();
    complete(&city, &store, &load);
    // And down once more, with a store that had been there.
    store.stop();
    let more = Load::of(MESSAGES, MESSAGES);
    city.publish(&more);
    store.start();
    complete(&city, &store, &load.and(more));
}

#[test]
fn victoria_gets_what_it_missed() {
    down_for_the_whole_load(Kind::Victoria);
}

#[test]
fn influx_gets_what_it_missed() {
    down_for_the_whole_load(Kind::Influx);
}

/// All faults mixed, with a store that ends and comes again on the way.
fn a_way_full_of_faults(kind: Kind, seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::started(kind, dir.path());
    let proxy = Proxy::start(store.port, Script::Mixed { seed });
    let city = City::start(dir, &faulty(kind, &proxy));
    let load = Load::of(0, 2 * MESSAGES);
    city.publish(&load);
    complete(&city, &store, &load);
    println!("{kind:?}: {:?}", proxy.did());
    assert!(proxy.did().len() >= 4, "{:?}", proxy.did());
}

/// Small batches, many at a time: many requests to go wrong.
fn faulty(kind: Kind, proxy: &Proxy) -> String {
    section(
        "store",
        kind,
        proxy.port,
        "batch_lines = 100\ntimeout = \"1s\"",
    )
}

#[test]
fn victoria_has_all_after_every_fault() {
    a_way_full_of_faults(Kind::Victoria, 1);
}

#[test]
fn influx_has_all_after_every_fault() {
    a_way_full_of_faults(Kind::Influx, 2);
}

/// Killed and stopped in turn while it delivers, and while it takes more.
fn a_gateway_that_dies(kind: Kind, seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::started(kind, dir.path());
    let proxy = Proxy::start(store.port, Script::Mixed { seed });
    let mut city = City::start(dir, &faulty(kind, &proxy));
    let (load, ports) = (Load::of(0, 2 * MESSAGES), city.gateway.ports);
    let messages = load.messages.clone();
    let publisher = thread::spawn(move || super::load::publish(ports, &messages));
    for life in 0..5 {
        // It has delivered something in this life, and has more to do.
        let before = city.look("store").stored;
        city.until("store", |counts| counts.stored > before);
        if life % 2 == 0 {
            city.kill_and_restart();
        } else {
            city.stop_and_restart();
        }
    }
    publisher.join().unwrap();
    complete(&city, &store, &load);
    println!("{kind:?}: {:?}", proxy.did());
}

#[test]
fn victoria_has_all_after_kills() {
    a_gateway_that_dies(Kind::Victoria, 3);
}

#[test]
fn influx_has_all_after_kills() {
    a_gateway_that_dies(Kind::Influx, 4);
}

/// A proxy before the store that takes small bodies only.
#[test]
fn batches_that_are_too_large_are_split() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::started(Kind::Influx, dir.path());
    let proxy = Proxy::start(store.port, Script::AtMost(2_000));
    let city = City::start(dir, &section("store", Kind::Influx, proxy.port, ""));
    let load = Load::of(0, MESSAGES);
    city.publish(&load);
    complete(&city, &store, &load);
    assert!(proxy.times(Fault::TooLarge) > 0 && proxy.times(Fault::Pass) > 1);
}
