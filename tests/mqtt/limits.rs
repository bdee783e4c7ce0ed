//! Refusals: what the protocol lets the gateway say.
use crate::City;
use crate::peers::Paho;
use serde_json::json;

#[test]
fn mqtt_5_is_told_the_reason() {
    let city = City::new();
    let mut peer = Paho::start(city.port(), "refusals", &["5", "pole-1"]);
    let said = peer.next();
    // QoS 1: the PUBACK's reason. QoS 2: paho sends a PUBREL although the PUBREC refused, and hears that the id is
    // free; a client that follows MQTT 5 §4.3.3 would not ask.
    assert_eq!(said["published"], json!([0x99, 0x92]));
    assert_eq!(said["subscribed"], json!([0x87, 0x87]));
    assert_eq!(said["unsubscribed"], json!([0x11]));
    assert_eq!(peer.next()["acknowledged"], true);
    let counts = city.settled(3);
    assert_eq!((counts.rejected, counts.logged), (2, 1));
    let logs = city.stop();
    assert_eq!((logs.rejects.len(), logs.reports.len()), (2, 1));
    assert_eq!(logs.rejects[0].reason, "unknown_metric");
    assert_eq!(logs.rejects[0].client, "pole-1");
}

#[test]
fn mqtt_3_1_1_gets_an_ordinary_acknowledgement_of_a_reject() {
    let city = City::new();
    let mut peer = Paho::start(city.port(), "refusals", &["4", "pole-1"]);
    let said = peer.next();
    assert_eq!(said["published"], json!([0, 0]));
    assert_eq!(said["subscribed"], json!([0x80, 0x80]));
    assert_eq!(peer.next()["acknowledged"], true);
    assert_eq!(city.settled(3).rejected, 2);
    city.stop();
}

#[test]
fn terms_are_announced_in_connack() {
    let city = City::with("packet_max = \"64KiB\"\nreceive_max = 33", "");
    let said = Paho::start(city.port(), "terms", &["5", ""]).next();
    assert_eq!(
        (&said["reason"], &said["present"]),
        (&json!(0), &json!(false))
    );
    let properties = &said["properties"];
    assert_eq!(properties["ReceiveMaximum"], 33);
    assert_eq!(properties["MaximumPacketSize"], 65_536);
    assert_eq!(properties["TopicAliasMaximum"], 0);
    assert_eq!(properties["RetainAvailable"], 0);
    let assigned = properties["AssignedClientIdentifier"].as_str().unwrap();
    assert!(assigned.starts_with("auto-"), "{assigned}");
    city.stop();
}

#[test]
fn a_packet_above_the_maximum_ends_the_connection() {
    let city = City::with("packet_max = \"1KiB\"", "");
    let said = Paho::start(city.port(), "too_large", &["5", "a", "2000"]).next();
    assert_eq!(said["reason"], 0x95);
    Paho::start(city.port(), "too_large", &["4", "a", "2000"]).next();
    let counts = city.until(|counts| counts.protocol_errors >= 2);
    assert_eq!(counts.received, 0);
    city.stop();
}

#[test]
fn only_users_of_the_file_may_connect() {
    let dir = tempfile::tempdir().unwrap();
    let users = dir.path().join("users.toml");
    std::fs::write(dir.path().join("secret"), "Zum Beispiel 7").unwrap();
    std::fs::write(
        &users,
        "[[user]]\nname = \"poles\"\npassword_file = \"secret\"",
    )
    .unwrap();
    let city = City::with(&format!("users_file = \"{}\"", users.display()), "");
    let reason = |version: &str, password: &str| {
        let arguments = [version, "a", "poles", password];
        Paho::start(city.port(), "login", &arguments).next()["reason"].clone()
    };
    assert_eq!(reason("5", "Zum Beispiel 7"), 0);
    assert_eq!(reason("4", "Zum Beispiel 7"), 0);
    assert_eq!(reason("5", "wrong"), 0x86);
    // paho shows 3.1.1's return code 4 as the reason of MQTT 5 that means the same.
    assert_eq!(reason("4", "wrong"), 0x86);
    city.stop();
}
