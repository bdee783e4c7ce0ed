//! Sessions over a crash of the gateway: present, and what was in flight counts once.
use crate::peers::Paho;
use crate::raw::{Raw, again, connect, publish, release};
use crate::{City, payload};

#[test]
fn what_was_in_flight_at_a_crash_counts_once() {
    let mut city = City::new();
    for level in [4, 5] {
        let client = format!("meter-{level}");
        let (mut raw, present) = Raw::resume(city.port(), level, &client);
        assert!(!present);
        let one = publish(level, 1, 1, &client, &payload(1));
        let two = publish(level, 2, 2, &client, &payload(2));
        let three = publish(level, 2, 3, &client, &payload(3));
        raw.send(&[one.clone(), two.clone(), three.clone()].concat());
        // Durable, and then the answers are lost with the gateway.
        assert_eq!(raw.packet(), (0x40, vec![0, 1]));
        assert_eq!(raw.packet(), (0x50, vec![0, 2]));
        assert_eq!(raw.packet(), (0x50, vec![0, 3]));
        city.crash_and_restart();

        let (mut raw, present) = Raw::resume(city.port(), level, &client);
        assert!(present, "the session outlives the gateway");
        // One: the PUBACK did not arrive. Two: the PUBREC did not. Three: it did.
        raw.send(&[again(one), again(two), release(3)].concat());
        assert_eq!(raw.packet(), (0x40, vec![0, 1]));
        assert_eq!(raw.packet(), (0x50, vec![0, 2]));
        assert_eq!(raw.packet(), (0x70, vec![0, 3]));
        raw.send(&release(2));
        assert_eq!(raw.packet(), (0x70, vec![0, 2]));
        // A new message of a used id is new.
        raw.send(&publish(level, 1, 1, &client, &payload(4)));
        assert_eq!(raw.packet(), (0x40, vec![0, 1]));
        let counts = city.settled(3);
        assert_eq!((counts.duplicate, counts.logged), (2, 1), "{counts:?}");
    }
    let logs = city.stop();
    for client in ["meter-4", "meter-5"] {
        assert_eq!(logs.energies(client), [1, 2, 3, 4]);
    }
}

#[test]
fn a_clean_start_forgets_the_session() {
    let mut city = City::new();
    for level in [4, 5] {
        let client = format!("meter-{level}");
        let (_, present) = Raw::resume(city.port(), level, &client);
        assert!(!present);
        city.crash_and_restart();
        let mut clean = Raw::new(city.port());
        clean.send(&connect(level, &client, true));
        assert_eq!(clean.packet().1[..2], [0, 0]);
        drop(clean);
        city.crash_and_restart();
        assert!(!Raw::resume(city.port(), level, &client).1);
    }
    city.stop();
}

#[test]
fn an_orderly_stop_keeps_sessions_and_says_goodbye() {
    let mut city = City::new();
    let (mut new, _) = Raw::resume(city.port(), 5, "new");
    let (mut old, _) = Raw::resume(city.port(), 4, "old");
    new.send(&publish(5, 1, 1, "new", &payload(1)));
    assert_eq!(new.packet(), (0x40, vec![0, 1]));
    let status = city.gateway.stop();
    assert!(status.success(), "{}", city.gateway.said());
    assert_eq!(new.rest(), [0xe0, 1, 0x8b]);
    assert!(old.rest().is_empty());
    city.gateway =
        crate::support::Gateway::start(city.dir.path(), city.gateway.ports, &city.config);
    assert!(Raw::resume(city.port(), 5, "new").1);
    assert!(Raw::resume(city.port(), 4, "old").1);
    assert_eq!(city.stop().energies("new"), [1]);
}

#[test]
fn paho_streams_over_a_crash_and_every_message_is_there_once() {
    let mut city = City::new();
    for (version, client) in [("4", "stream-4"), ("5", "stream-5")] {
        let mut peer = Paho::start(city.port(), "stream", &[version, client, "2000"]);
        assert_eq!(peer.next()["present"], false);
        peer.next();
        city.crash_and_restart();
        let said = peer.next();
        assert_eq!(said["acknowledged"], 2000);
        let present = said["present"].as_array().unwrap();
        assert!(
            !present.is_empty() && present.iter().all(|present| present == true),
            "{present:?}"
        );
        city.until(|counts| counts.in_flight == 0);
    }
    let logs = city.stop();
    for client in ["stream-4", "stream-5"] {
        let mut energies = logs.energies(client);
        energies.sort_unstable();
        assert_eq!(energies, (0..2000).collect::<Vec<_>>(), "{client}");
    }
}
