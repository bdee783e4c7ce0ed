//! A slow disk between a message and its ack.
use crate::publisher::{Times, publish};
use crate::{City, Link};
use std::cell::Cell;
use std::time::{Duration, Instant};

const MESSAGES: u32 = 20;
const SYNC_US: u32 = 1_500_000;

/// Publishes, and waits until all is delivered and nothing durable.
fn waiting_for_the_disk(version: &'static str) -> City {
    let city = City::with(Link::alone(version), "", true);
    city.subscribed();
    city.disk.as_ref().unwrap().slow(SYNC_US);
    publish(city.mosquitto.port, "meter-1", 0..MESSAGES, Times::Undated);
    city.wait("the delivery", || city.tap.delivered() == MESSAGES as usize);
    city.until(|counts| counts.received == u64::from(MESSAGES));
    city
}

/// The connection breaks before the messages are durable. Their acks belong to it, and must not go out on the next one,
/// where nothing has been delivered yet.
fn no_ack_outlives_its_connection(version: &'static str) {
    let city = waiting_for_the_disk(version);
    let acked = city.tap.acked().len();
    assert!(acked < MESSAGES as usize, "the disk is not slow");
    city.tap.hold(true);
    city.tap.cut(false);
    city.wait("the next connection", || city.tap.connections() == 2);
    city.links_until(|link| link["state"] == "connected" && link["connects"] == "2");
    city.until(|counts| counts.logged == u64::from(MESSAGES));
    let durable = Instant::now();
    while durable.elapsed() < Duration::from_secs(1) {
        assert_eq!((city.tap.stale(), city.tap.acked().len()), (vec![], acked));
        std::thread::sleep(Duration::from_millis(20));
    }
    city.disk.as_ref().unwrap().slow(1);
    city.tap.hold(false);
    // They come again, are known, and are acknowledged now.
    let left = u64::from(MESSAGES) - acked as u64;
    let counts = city.until(|counts| counts.duplicate == left);
    assert_eq!(counts.logged, u64::from(MESSAGES));
    city.wait("the acks", || city.tap.acked().len() == MESSAGES as usize);
    let ended = city.stop();
    assert_eq!(ended.check(), MESSAGES as usize);
}

#[test]
fn no_ack_outlives_its_connection_in_version_3() {
    no_ack_outlives_its_connection("3.1.1");
}

#[test]
fn no_ack_outlives_its_connection_in_version_5() {
    no_ack_outlives_its_connection("5");
}

/// What is taken is acknowledged before the gateway ends, and the broker hears a good-bye.
#[test]
fn a_stopping_gateway_acknowledges_what_it_has_taken() {
    for version in ["3.1.1", "5"] {
        let mut city = waiting_for_the_disk(version);
        city.disk.as_ref().unwrap().slow(1);
        let status = city.gateway.stop();
        assert!(status.success(), "{status}\n{}", city.gateway.said());
        let ended = city.ended();
        assert_eq!(ended.check(), MESSAGES as usize);
        assert_eq!(ended.acked.len(), MESSAGES as usize);
        let said = city.mosquitto.said();
        assert!(
            said.contains("citygate-test-plant-0 disconnected."),
            "{said}"
        );
    }
}

/// Promise 5: past `inflight_max` nothing more is taken until the disk has caught up; then all is.
#[test]
fn a_full_window_waits_for_the_disk() {
    for (version, keys) in [
        ("3.1.1", "inflight_max = 50\n"),
        ("5", "inflight_max = 50\n"),
        ("5", "inflight_bytes = \"1KiB\"\n"),
    ] {
        let city = City::with(Link::alone(version), keys, true);
        city.subscribed();
        let disk = city.disk.as_ref().unwrap();
        disk.slow(500_000);
        publish(city.mosquitto.port, "meter-1", 0..400, Times::Undated);
        let most = Cell::new(0);
        city.until(|counts| {
            most.set(counts.in_flight.max(most.get()));
            if counts.logged > 100 {
                disk.slow(1);
            }
            counts.logged == 400
        });
        // One read of rumqttc brings up to ten packets; a payload has some 48 bytes.
        assert!(
            (1..=60).contains(&most.get()),
            "{version} {keys}: {} at once",
            most.get()
        );
        city.wait("the acks", || city.tap.acked().len() == 400);
        assert_eq!(city.tap.connections(), 1);
        assert_eq!(city.stop().check(), 400);
    }
}
