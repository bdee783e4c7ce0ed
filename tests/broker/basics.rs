//! A link in both versions, shared and alone: what is published is logged and acknowledged, and what comes while the
//! gateway is away comes afterwards.
use crate::publisher::{Times, payload, publish, topic};
use crate::{City, Link};

fn stream(link: Link) {
    let mut city = City::new(link);
    let links = city.subscribed();
    assert_eq!(links.len(), usize::from(link.clients));
    let mut sent = publish(city.mosquitto.port, "meter-1", 0..500, Times::Undated);
    let counts = city.until(|counts| counts.logged == 500 && counts.in_flight == 0);
    assert_eq!(
        (counts.received, counts.duplicate, counts.rejected),
        (500, 0, 0)
    );
    let links = city.links_until(|link| link["in_flight"] == "0");
    let acknowledged: u64 = links
        .iter()
        .map(|link| {
            link["acknowledged"]
                .as_str()
                .unwrap()
                .parse::<u64>()
                .unwrap()
        })
        .sum();
    assert_eq!(acknowledged, 500, "{links:#?}");
    assert_eq!(links[0]["session_present"], false);
    let (_, metrics) = city.gateway.get("/metrics").unwrap();
    assert!(
        metrics.contains("citygate_broker_connected{broker=\"plant\",client=\"0\"} 1"),
        "{metrics}"
    );

    // The session is left to the broker, which keeps what comes.
    assert!(city.gateway.stop().success(), "{}", city.gateway.said());
    sent.extend(publish(
        city.mosquitto.port,
        "meter-1",
        500..700,
        Times::Undated,
    ));
    city.restart();
    city.until(|counts| counts.logged == 200);
    city.links_until(|link| link["session_present"] == true);
    city.quiet();
    let ended = city.stop();
    assert_eq!(ended.check(), 700);
    assert_eq!(ended.acked.len(), 700);
    ended.holds(&sent);
}

#[test]
fn version_3_alone() {
    stream(Link::alone("3.1.1"));
}

#[test]
fn version_5_alone() {
    stream(Link::alone("5"));
}

#[test]
fn version_3_shared_by_three_clients() {
    stream(Link::shared("3.1.1", 3));
}

#[test]
fn version_5_shared_by_three_clients() {
    stream(Link::shared("5", 3));
}

/// A message that cannot become readings is acknowledged once its reject is durable, also when its like have used up
/// what one sender may cause: it must not hold up the others behind the same broker.
#[test]
fn rejects_are_acknowledged_and_hold_up_nobody() {
    let city = City::with(
        Link::alone("5"),
        "[intake]\nreject_budget = \"64KiB\"\n",
        false,
    );
    city.subscribed();
    let junk = format!(
        "{{\"active_energy_import\": 1, \"nonsense\": \"{}\"}}",
        "x".repeat(2_000)
    );
    for _ in 0..100 {
        city.mosquitto
            .publish(&["-t", "city/meter-1/nothing", "-m", &junk]);
    }
    publish(city.mosquitto.port, "meter-2", 0..10, Times::Undated);
    let counts = city.until(|counts| counts.received == 110 && counts.in_flight == 0);
    assert_eq!(
        (counts.rejected, counts.logged, counts.refused),
        (100, 10, 0)
    );
    city.links_until(|link| link["acknowledged"] == "110");
    let ended = city.stop();
    assert_eq!(ended.logs.rejects.len(), 100);
}

/// What a session was subscribed to outlives the configuration, unless it is revoked.
#[test]
fn a_filter_that_is_gone_from_the_configuration_is_revoked() {
    let mut city = City::new(Link::alone("3.1.1"));
    city.subscribed();
    assert!(city.gateway.stop().success());
    city.config = city
        .config
        .replace("topics = [\"city/#\"]", "topics = [\"city/meter-1/#\"]");
    city.restart();
    city.subscribed();
    // The broker works a client's packets off in order: with the second grant the first filter is gone.
    publish(city.mosquitto.port, "meter-2", 0..10, Times::Undated);
    publish(city.mosquitto.port, "meter-1", 0..10, Times::Undated);
    city.until(|counts| counts.logged == 10 && counts.in_flight == 0);
    city.quiet();
    let ended = city.stop();
    assert_eq!(ended.logs.energies("meter-1").len(), 10);
    assert_eq!(ended.logs.energies("meter-2"), [0; 0]);
}

/// A client that is gone from the configuration does not keep its share of a group to itself: neither what the broker
/// holds for it, nor what comes.
#[test]
fn fewer_clients_lose_nothing_of_a_group() {
    for version in ["3.1.1", "5"] {
        let mut city = City::new(Link::shared(version, 3));
        city.subscribed();
        assert!(city.gateway.stop().success());
        publish(city.mosquitto.port, "meter-1", 0..30, Times::Undated);
        city.config = city.config.replace("clients = 3", "clients = 1");
        city.restart();
        publish(city.mosquitto.port, "meter-1", 30..60, Times::Undated);
        city.until(|counts| counts.logged == 60 && counts.in_flight == 0);
        let ended = city.stop();
        assert_eq!(ended.logs.energies("meter-1").len(), 60, "{version}");
    }
}

/// In MQTT 5 a retained message, which is old, is not asked for.
#[test]
fn retained_messages_do_not_come_in_version_5() {
    let mut city = City::new(Link::alone("5"));
    city.subscribed();
    assert!(city.gateway.stop().success());
    let text = String::from_utf8(payload(1, Times::Undated)).unwrap();
    city.mosquitto
        .publish(&["-r", "-t", &topic("meter-9"), "-m", &text]);
    // It was published while the session lay in wait, so it comes once, as a message.
    city.restart();
    city.until(|counts| counts.logged == 1 && counts.in_flight == 0);
    city.links_until(|link| link["acknowledged"] == "1");
    for _ in 0..2 {
        assert!(city.gateway.stop().success());
        city.restart();
        city.subscribed();
    }
    publish(city.mosquitto.port, "meter-1", 0..1, Times::Undated);
    let counts = city.until(|counts| counts.logged == 1);
    assert_eq!(counts.received, 1, "only what is new");
    city.quiet();
    city.stop().check();
}

/// Nobody is there, then the wrong password, then all is well: the gateway runs all the while, and says what is wrong.
#[test]
fn a_broker_that_is_away_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut city = City::new(Link::alone("5"));
    city.subscribed();
    city.mosquitto.stop();
    let links = city.links_until(|link| link["state"] == "waiting");
    assert_eq!(links[0]["subscription"], "pending");
    let links = city.links_until(|link| {
        link["last_error"]
            .as_str()
            .is_some_and(|error| error.contains("closed by peer"))
    });
    assert!(
        links[0]["url"]
            .as_str()
            .unwrap()
            .starts_with("mqtt://127.0.0.1:")
    );
    city.mosquitto.start_again();
    city.subscribed();
    assert!(city.gateway.stop().success());

    let wrong = dir.path().join("wrong");
    std::fs::write(&wrong, "wrong").unwrap();
    let right = city.config.clone();
    let password = city.dir.path().join("password");
    city.config = right.replace(password.to_str().unwrap(), wrong.to_str().unwrap());
    city.restart();
    city.links_until(|link| {
        link["last_error"]
            .as_str()
            .is_some_and(|error| error.contains("NotAuthorized"))
    });
    assert!(!city.gateway.said().contains(crate::mosquitto::PASSWORD));
    assert!(city.gateway.stop().success());
    city.config = right;
    city.restart();
    city.subscribed();
    city.stop();
}
