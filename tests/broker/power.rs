//! Power cuts of the gateway under load, with the method of `tests/crash`: after each only what was synced is left.
use crate::publisher::{Load, Times};
use crate::{City, Link};

/// Between the wish to kill and the kill: some ten syncs.
const OPERATIONS_MAX: u64 = 60;
const ACKS: usize = 200;
const CUTS: u32 = 6;

impl City {
    /// Kills the gateway within some operations and takes away what it has not synced: so many bytes.
    #[track_caller]
    fn cut_power(&mut self, operations: u64) -> u64 {
        let disk = self.disk.as_ref().unwrap();
        disk.arm(operations);
        let start = std::time::Instant::now();
        while self.gateway.child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < crate::support::BOUND, "still alive");
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        disk.cut(0).bytes
    }
}

fn power_cut(link: Link) {
    let mut city = City::with(
        link,
        "[log]\nsegment_bytes = \"1MiB\"\nmin_free = \"1MiB\"\n",
        true,
    );
    city.subscribed();
    let loads = [("dated", Times::Dated), ("undated", Times::Undated)]
        .map(|(device, times)| Load::start(city.mosquitto.port, device, times));
    let mut bytes = Vec::new();
    // Each cut comes at another operation; enough of them take something.
    for round in 0.. {
        let before = city.tap.acked().len();
        city.wait("acks", || city.tap.acked().len() >= before + ACKS);
        bytes.push(city.cut_power(1 + round * 17 % OPERATIONS_MAX));
        city.restart();
        if bytes.iter().filter(|bytes| **bytes > 0).count() >= CUTS as usize {
            break;
        }
        assert!(round < 40, "{bytes:?}");
    }
    let sent: Vec<_> = loads.into_iter().flat_map(Load::finish).collect();
    city.quiet();
    println!(
        "{} published, {} redelivered, cut {bytes:?} bytes",
        sent.len(),
        city.tap.redelivered()
    );
    let ended = city.stop();
    assert_eq!(ended.check(), sent.len());
    ended.holds(&sent);
}

#[test]
fn every_ack_outlives_a_power_cut_in_version_3() {
    power_cut(Link::alone("3.1.1"));
}

#[test]
fn every_ack_outlives_a_power_cut_in_version_5_with_a_group() {
    power_cut(Link::shared("5", 2));
}

/// The method sees it: syncs that do nothing lose what was acknowledged, and the broker has forgotten it.
#[test]
fn a_sync_that_does_nothing_is_caught() {
    let mut city = City::with(Link::alone("5"), "", true);
    city.subscribed();
    let load = Load::start(city.mosquitto.port, "dated", Times::Dated);
    city.wait("acks", || city.tap.acked().len() >= ACKS);
    city.disk.as_ref().unwrap().lie();
    let before = city.tap.acked().len();
    city.wait("acks", || city.tap.acked().len() >= before + ACKS);
    assert!(city.cut_power(1) > 0);
    city.restart();
    load.finish();
    city.quiet();
    let status = city.gateway.stop();
    assert!(status.success());
    let ended = city.ended();
    let logged = ended.logged();
    assert!(
        ended
            .acked
            .iter()
            .any(|message| !logged.contains_key(message)),
        "nothing is missing"
    );
}
