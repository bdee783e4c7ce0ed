//! Takeover, and devices that go away.
use crate::City;
use crate::peers::Paho;

#[test]
fn the_later_connection_of_a_client_id_stays() {
    let city = City::new();
    for (version, client) in [("5", "pole-5"), ("4", "pole-4")] {
        let said = Paho::start(city.port(), "takeover", &[version, client]).next();
        if version == "5" {
            assert_eq!(said["reason"], 0x8e);
        }
        assert_eq!(said["present"], true);
        assert_eq!(said["acknowledged"], true);
    }
    assert_eq!(city.settled(2).logged, 2);
    // The old connection's will says nothing of a device that is there.
    assert!(city.stop().events.is_empty());
}

#[test]
fn a_device_that_goes_away_leaves_its_will_as_an_event() {
    let city = City::new();
    for version in ["4", "5"] {
        let mut peer = Paho::start(city.port(), "will", &[version, &format!("pole-{version}")]);
        assert_eq!(peer.next()["connected"], true);
        peer.kill();
    }
    // The connection's end is seen before the gateway's stop is: both are events of the same loop.
    let mut probe = Paho::start(city.port(), "publish", &["5", "probe", "1", "50"]);
    assert_eq!(probe.next()["acknowledged"], 50);
    city.settled(50);
    let logs = city.stop();
    let mut said: Vec<_> = logs
        .events
        .iter()
        .filter(|event| event.name == "will")
        .map(|event| (event.device_id.as_str(), event.detail["payload"].as_str()))
        .collect();
    said.sort_unstable();
    assert_eq!(said, [("pole-4", "mains lost"), ("pole-5", "mains lost")]);
}
