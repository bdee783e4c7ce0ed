//! Where a store begins in the log, and what the log no longer has.
use super::city::{City, same_as, section};
use super::load::Load;
use super::peers::{Kind, Store};
use super::proxy::{Fault, Proxy, Script};
use super::readback;

/// A store of `start = "now"` gets nothing of before it was there.
#[test]
fn now_sends_nothing_of_before() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::started(Kind::Victoria, dir.path());
    let mut city = City::start(dir, "");
    let (before, after) = (Load::of(0, 3), Load::of(3, 3));
    city.publish(&before);
    assert!(city.gateway.stop().success());
    city.configure(&section(
        "store",
        Kind::Victoria,
        store.port,
        "start = \"now\"",
    ));
    city.start_again();
    city.publish(&after);
    let counts = city.until("store", |counts| {
        counts.pending == 0 && counts.stored >= after.count()
    });
    assert_eq!(
        (counts.stored, counts.rejected, counts.expired),
        (after.count(), 0, 0),
        "{counts:?}"
    );
    same_as(&store, &after.readings);
    // After a restart it is no new store.
    city.stop_and_restart();
    let more = Load::of(6, 1);
    city.publish(&more);
    let sent = after.count() + more.count();
    city.until("store", |counts| {
        counts.pending == 0 && counts.stored == sent
    });
    same_as(&store, &after.and(more).readings);
}

/// A store that never answers delays nobody else.
#[test]
fn a_store_that_hangs_slows_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let influx = Store::started(Kind::Influx, dir.path());
    let victoria = Store::started(Kind::Victoria, dir.path());
    let proxy = Proxy::start(victoria.port, Script::Always(Fault::Hang));
    let sections = section("dead", Kind::Victoria, proxy.port, "timeout = \"1s\"")
        + &section("live", Kind::Influx, influx.port, "");
    let city = City::start(dir, &sections);
    let load = Load::of(0, 12);
    city.publish(&load);
    city.delivered("live", load.count());
    assert_eq!(city.look("dead").stored, 0);
    same_as(&influx, &load.readings);
    proxy.set(Script::Always(Fault::Pass));
    city.delivered("dead", load.count());
    same_as(&victoria, &load.readings);
    assert!(proxy.times(Fault::Hang) > 0);
}

/// Retention does not wait for a store that is down. What is gone is counted to the reading and told in an event; the
/// rest arrives.
#[test]
fn what_retention_takes_is_counted_and_the_rest_arrives() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::new(Kind::Influx, dir.path());
    let log = "[log]\nsegment_bytes = \"1MiB\"\nretain_bytes = \"2MiB\"\nmin_free = \"1MiB\"\n";
    let mut city = City::start(
        dir,
        &(log.to_owned() + &section("store", Kind::Influx, store.port, "")),
    );
    let load = Load::bulky(800);
    city.publish(&load);
    city.until("store", |counts| counts.logged == load.count());
    // Told while the store is away, not only when it comes back.
    city.until_status("store", |status| status["last_gap"].is_object());
    city.kill_and_restart();
    let counts = city.until("store", |counts| counts.expired > 0);
    assert_eq!(counts.stored, 0, "{counts:?}");
    store.start();
    let counts = city.delivered("store", load.count());
    assert_eq!(counts.stored + counts.expired, load.count(), "{counts:?}");
    assert!(counts.stored > 0, "{counts:?}");
    // The readings that are missing are the first ones that were sent, as many as `expired` says.
    let lost = usize::try_from(counts.expired).unwrap();
    let found = readback::all(&store);
    println!("{lost} of {} expired, {} points", load.count(), found.len());
    same_as(&store, &load.readings[lost..]);
    let told = city.status("store")["last_gap"].clone();
    assert_eq!(told["readings"], counts.expired.to_string(), "{told}");
    let gaps = city.gaps("store");
    // Those of before the kill and those after it, which begin at the place that was durable.
    let final_gap = gaps.last().expect("a gap is told");
    assert_eq!(final_gap["to"], told["to"], "{gaps:?}");
    assert!(
        gaps.iter().any(|gap| gap["from"] == told["from"]),
        "{gaps:?} {told}"
    );
}
