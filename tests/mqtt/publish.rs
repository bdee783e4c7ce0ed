//! Every version and quality of service, by clients that others wrote.
use crate::City;
use crate::peers::{Paho, mosquitto_pub};

const COUNT: u32 = 200;

#[test]
fn paho_publishes_in_both_versions_at_every_quality() {
    let city = City::new();
    let mut sent = 0;
    for version in ["4", "5"] {
        for qos in ["0", "1", "2"] {
            let device = format!("paho-{version}-{qos}");
            let mut peer = Paho::start(city.port(), "publish", &[version, &device, qos, "200"]);
            assert_eq!(peer.next()["acknowledged"], COUNT, "{device}");
            sent += u64::from(COUNT);
            let counts = city.settled(sent);
            assert_eq!(counts.logged, sent, "{device}: {counts:?}");
        }
    }
    let logs = city.stop();
    assert_eq!(logs.reports.len() as u64, sent);
    for version in ["4", "5"] {
        for qos in ["0", "1", "2"] {
            let energies = logs.energies(&format!("paho-{version}-{qos}"));
            assert_eq!(
                energies,
                (0..COUNT).collect::<Vec<_>>(),
                "in order, each once"
            );
        }
    }
}

#[test]
fn mosquitto_publishes_in_both_versions_at_every_quality() {
    let city = City::new();
    let mut sent = 0;
    for version in ["mqttv311", "mqttv5"] {
        for qos in ["0", "1", "2"] {
            let topic = format!("city/{version}-{qos}/json");
            let payload = "{\"voltage\": 230.4}";
            let arguments = ["-V", version, "-q", qos, "-t", &topic, "-m", payload];
            let output = mosquitto_pub(city.port(), &arguments);
            assert!(output.status.success(), "{output:?}");
            sent += 1;
            assert_eq!(city.settled(sent).logged, sent);
        }
    }
    assert_eq!(city.stop().reports.len() as u64, sent);
}

#[test]
fn mqtt_3_1_is_told_that_it_is_not_served() {
    let city = City::new();
    let arguments = [
        "-V",
        "mqttv31",
        "-i",
        "old",
        "-q",
        "1",
        "-t",
        "city/old/json",
        "-m",
        "{}",
    ];
    let output = mosquitto_pub(city.port(), &arguments);
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(said.to_lowercase().contains("protocol version"), "{said}");
    assert_eq!(city.until(|counts| counts.protocol_errors == 1).received, 0);
    city.stop();
}
