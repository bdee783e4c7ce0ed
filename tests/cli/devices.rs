//! The devices of a real gateway across its ends: asked, killed, killed while devices report, rebuilt.
use super::live::wait_for;
use super::support::{Gateway, Ports};
use super::{Done, citygate, piped};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fs;

/// What the logs make of a device. Copies are not in them, nor is silence, nor a version.
const KEPT: [&str; 10] = [
    "kind",
    "district",
    "profile",
    "reports",
    "readings",
    "rejects",
    "firstSeen",
    "lastReport",
    "lastReject",
    "values",
];

/// All devices by id, as far as the logs make them; none while nobody answers.
fn devices(gateway: &Gateway) -> BTreeMap<String, Map<String, Value>> {
    let (_, body) = gateway
        .get("/v1/devices?values=true&limit=1000")
        .unwrap_or_default();
    let mut page: Value = serde_json::from_str(&body).unwrap_or_default();
    let list = page["devices"].as_array_mut().map(std::mem::take);
    let device = |mut device: Value| {
        let id = device["deviceId"].as_str().unwrap().to_owned();
        let all = device.as_object_mut().unwrap();
        all.retain(|name, _| KEPT.contains(&name.as_str()));
        for value in all
            .get_mut("values")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            value.as_object_mut().unwrap().remove("stale");
        }
        (id, std::mem::take(all))
    };
    list.unwrap_or_default().into_iter().map(device).collect()
}

fn reports(gateway: &Gateway) -> u64 {
    let count = |device: &Map<String, Value>| device.get("reports")?.as_str()?.parse::<u64>().ok();
    devices(gateway).values().filter_map(count).sum()
}

/// Records that the registry is behind, and in flight.
fn is_at_rest(gateway: &Gateway) -> bool {
    let (_, text) = gateway.get("/metrics").unwrap_or_default();
    let of = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok())
    };
    let logs = ["readings", "rejects"];
    let behind = logs.map(|log| of(&format!("citygate_devices_lag_records{{log=\"{log}\"}}")));
    behind.iter().all(|lag| lag.is_some_and(|lag| lag < 1.0))
        && super::live::count(gateway, "in_flight") == 0
}

#[test]
fn devices_are_the_same_after_every_kind_of_end() {
    let dir = tempfile::tempdir().unwrap();
    let (ports, data) = (Ports::free(), dir.path().join("data"));
    let config = ports.config(&data, "");
    let mut gateway = Gateway::start(dir.path(), ports, &config);
    let target = format!("mqtt://127.0.0.1:{}", ports.mqtt);
    let city = |count: &str, seed: &str| {
        let args = [
            "--devices",
            "60",
            "--rate",
            "1500",
            "--faults",
            "0.05",
            "--count",
            count,
            "--seed",
            seed,
        ];
        piped(&mut citygate(
            &[&["simulate", "--json", "--target", &target], &args[..]].concat(),
        ))
    };
    let ended = |child: std::process::Child| {
        let done: Done = child.wait_with_output().unwrap().into();
        assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    };
    ended(city("1500", "1"));
    wait_for("rest", || is_at_rest(&gateway));
    let first = devices(&gateway);
    assert!(first.len() > 40, "{} devices", first.len());
    // Nothing was saved yet: everything is in the log.
    gateway.kill();
    gateway = Gateway::start(dir.path(), ports, &config);
    wait_for("the same devices", || devices(&gateway) == first);
    // An orderly end saves them.
    assert!(gateway.stop().success());
    gateway = Gateway::start(dir.path(), ports, &config);
    assert_eq!(devices(&gateway), first, "at once");
    // Twice while devices report.
    let before = reports(&gateway);
    let city = city("4000", "2");
    for step in 1..=2 {
        wait_for("reports", || reports(&gateway) >= before + step * 500);
        gateway.kill();
        gateway = Gateway::start(dir.path(), ports, &config);
    }
    ended(city);
    wait_for("rest", || is_at_rest(&gateway));
    let all = devices(&gateway);
    assert!(reports(&gateway) > before + 3_000);
    // From the logs alone.
    gateway.kill();
    fs::rename(data.join("state"), dir.path().join("aside")).unwrap();
    gateway = Gateway::start(dir.path(), ports, &config);
    wait_for("the same devices, rebuilt", || devices(&gateway) == all);
}
