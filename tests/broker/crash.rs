//! Kill -9 under load: of the gateway, of the broker, of both. And what an orderly restart of the broker forgets.
use crate::publisher::{Load, Times, publish};
use crate::{City, Link};

/// Acks of the gateway between two kills.
const ACKS: usize = 300;
const KILLS: usize = 4;

impl City {
    /// Waits for so many more acks of the gateway.
    #[track_caller]
    fn acks(&self, more: usize) {
        let before = self.tap.acked().len();
        self.wait("acks", || self.tap.acked().len() >= before + more);
    }
}

/// The broker lives, so all that it has acknowledged arrives, messages without a time included: DUP tells the copies.
fn gateway_killed(link: Link) {
    let mut city = City::new(link);
    city.subscribed();
    let loads = [("dated", Times::Dated), ("undated", Times::Undated)]
        .map(|(device, times)| Load::start(city.mosquitto.port, device, times));
    for _ in 0..KILLS {
        city.acks(ACKS);
        city.gateway.kill();
        city.restart();
    }
    let sent: Vec<_> = loads.into_iter().flat_map(Load::finish).collect();
    city.quiet();
    println!(
        "{} published, {} redelivered",
        sent.len(),
        city.tap.redelivered()
    );
    let ended = city.stop();
    assert_eq!(ended.check(), sent.len());
    ended.holds(&sent);
}

#[test]
fn gateway_killed_in_version_3() {
    gateway_killed(Link::alone("3.1.1"));
}

#[test]
fn gateway_killed_in_version_5_with_a_group() {
    gateway_killed(Link::shared("5", 2));
}

/// What the broker has not saved is the broker's loss: what the gateway has acknowledged is there, once.
fn broker_killed(link: Link, gateway_too: bool) {
    let mut city = City::new(link);
    city.subscribed();
    let load = Load::start(city.mosquitto.port, "dated", Times::Dated);
    for round in 0..KILLS {
        city.acks(ACKS);
        // A session of a while ago: it delivers again what has long been acknowledged.
        city.mosquitto.save();
        city.acks(ACKS);
        city.mosquitto.kill();
        if gateway_too && round % 2 == 0 {
            city.gateway.kill();
        }
        city.mosquitto.start_again();
        if gateway_too && round % 2 == 0 {
            city.restart();
        }
    }
    let sent = load.finish();
    city.subscribed();
    city.quiet();
    let (links, redelivered) = (city.links(), city.tap.redelivered());
    let ended = city.stop();
    let logged = ended.check();
    println!(
        "{} published, {logged} logged, {} acknowledged, {redelivered} with DUP",
        sent.len(),
        ended.acked.len()
    );
    assert!(
        links.iter().any(|link| link["connects"] != "1"),
        "{links:#?}"
    );
}

#[test]
fn broker_killed_in_version_5() {
    broker_killed(Link::alone("5"), false);
}

#[test]
fn broker_killed_in_version_3_with_a_group() {
    broker_killed(Link::shared("3.1.1", 2), false);
}

#[test]
fn both_killed() {
    broker_killed(Link::alone("3.1.1"), true);
    broker_killed(Link::shared("5", 2), true);
}

/// The broker restarts in order, and devices are back before the gateway is.
fn published_before_the_gateway_is_back(link: Link) -> u64 {
    let mut city = City::new(link);
    city.subscribed();
    city.tap.cut(true);
    city.mosquitto.stop();
    city.mosquitto.start_again();
    publish(city.mosquitto.port, "early", 0..10, Times::Undated);
    city.tap.open();
    city.subscribed();
    publish(city.mosquitto.port, "late", 0..10, Times::Undated);
    city.until(|counts| counts.logged >= 10);
    city.quiet();
    let ended = city.stop();
    ended.check();
    assert_eq!(ended.logs.energies("late").len(), 10);
    ended.logs.energies("early").len() as u64
}

#[test]
fn a_broker_that_restarts_keeps_what_comes_for_a_session_of_its_own() {
    for version in ["3.1.1", "5"] {
        assert_eq!(
            published_before_the_gateway_is_back(Link::alone(version)),
            10
        );
        // Mosquitto 2.0.11 forgets that a session was shared; the README says so.
        let shared = published_before_the_gateway_is_back(Link::shared(version, 1));
        println!("{version}: {shared} of 10 with a group");
    }
}
