//! Simulated CoAP devices against the real gateway: lost, doubled and late datagrams, a kill, and two protocols at once.
use super::live::{simulate_to, stat, wait_for};
use super::support::{Gateway, Ports};
use super::{Done, citygate, piped};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;

/// Terms of the accounting of one source.
fn counts<const N: usize>(gateway: &Gateway, source: &str, terms: [&str; N]) -> [u64; N] {
    let (_, body) = gateway.get("/v1/accounting").unwrap_or_default();
    let answer: Value = serde_json::from_str(&body).unwrap_or_default();
    let sources = answer["sources"].as_array().cloned().unwrap_or_default();
    let found = sources.iter().find(|found| found["name"] == source);
    let found = found.cloned().unwrap_or_default();
    terms.map(|term| found[term].as_str().unwrap_or("0").parse().unwrap())
}

fn figures<const N: usize>(summary: &Value, names: [&str; N]) -> [u64; N] {
    names.map(|name| summary[name].as_u64().unwrap())
}

#[test]
fn what_gets_lost_and_doubled_on_the_way_is_logged_once() {
    let dir = tempfile::tempdir().unwrap();
    let (ports, data) = (Ports::free(), dir.path().join("data"));
    let mut gateway = Gateway::start(dir.path(), ports, &ports.config(&data, ""));
    let mut sent = 0;
    for (format, non) in [
        ("json", "0"),
        ("senml", "0.4"),
        ("senml-cbor", "0"),
        ("cbor", "0.2"),
    ] {
        let args = format!(
            "--devices 60 --rate 1500 --count 1200 --format {format} --non {non} --ack-timeout 100ms \
             --loss 0.1 --duplicate 0.1 --reorder 0.05"
        );
        let args: Vec<&str> = args.split_whitespace().collect();
        let summary = simulate_to(&format!("coap://127.0.0.1:{}", ports.coap), &args);
        let [all, acknowledged, refused] = figures(&summary, ["sent", "acknowledged", "refused"]);
        assert_eq!((all, acknowledged, refused), (1200, 1200, 0), "{summary}");
        let played = [
            "retransmitted",
            "duplicated",
            "lost_requests",
            "lost_answers",
        ];
        for (name, count) in played.into_iter().zip(figures(&summary, played)) {
            assert!(count > 60, "{name} {count}: {summary}");
        }
        sent += all;
    }
    wait_for("rest", || counts(&gateway, "coap", ["in_flight"]) == [0]);
    let terms = [
        "received",
        "logged",
        "rejected",
        "duplicate",
        "refused",
        "dropped",
    ];
    let [received, logged, rejected, duplicate, refused, dropped] = counts(&gateway, "coap", terms);
    assert_eq!((logged, rejected, refused, dropped), (sent, 0, 0, 0));
    assert!(duplicate > 200 && received == logged + duplicate);
    assert!(gateway.stop().success());
    assert_eq!(stat(&data), (sent, 0));
}

const COLUMNS: [&str; 2] = [
    "equipment load [kWh]=active_energy_interval:kW.h@electricity",
    "heating load [kWh]=gas_energy_interval:kW.h@gas",
];

fn table(rows: u32) -> String {
    let mut table = String::from("datetime,building,equipment load [kWh],heating load [kWh]\n");
    for row in 0..rows {
        let (day, hour) = (1 + row / 240, row / 10 % 24);
        let (building, load) = (row % 10, row);
        writeln!(
            table,
            "2019-01-{day:02} {hour:02}:00:00,b{building},{load}.5,{load}.25"
        )
        .unwrap();
    }
    table
}

/// The arguments of a replay of `csv`.
fn replay(csv: &str) -> Vec<String> {
    let mut args = format!(
        "--csv {csv} --time-column datetime --device-column building --rate 3000 --ack-timeout 200ms"
    )
    .split_whitespace()
    .map(str::to_owned)
    .collect::<Vec<_>>();
    for column in COLUMNS {
        args.extend(["--map".to_owned(), column.to_owned()]);
    }
    args
}

/// Every reading of the replay as history has it, but for when and how it came.
fn history(gateway: &Gateway) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for building in 0..10 {
        for suffix in ["electricity", "gas"] {
            let path = format!(
                "/v1/devices/b{building}-{suffix}/readings?from=2018-12-31T00:00:00Z&to=2019-03-01T00:00:00Z&limit=1000"
            );
            let (status, body) = gateway.get(&path).unwrap();
            assert_eq!(status, 200, "{body}");
            let answer: Value = serde_json::from_str(&body).unwrap();
            for reading in answer["readings"].as_array().unwrap() {
                found.insert(format!(
                    "{building} {suffix} {} {} {} {} {}",
                    reading["metric"],
                    reading["value"],
                    reading["number"],
                    reading["unit"],
                    reading["observedAt"]
                ));
            }
        }
    }
    found
}

#[test]
fn a_replay_over_both_protocols_is_the_same_in_history_over_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let csv = dir.path().join("meters.csv");
    fs::write(&csv, table(1500)).unwrap();
    let csv = replay(csv.to_str().unwrap());
    let keep = "[history]\nretain = \"20y\"";
    let mut seen = Vec::new();
    for both in [false, true] {
        let dir = dir.path().join(both.to_string());
        fs::create_dir(&dir).unwrap();
        let (ports, data) = (Ports::free(), dir.join("data"));
        let config = ports.config(&data, keep);
        let mut gateway = Gateway::start(&dir, ports, &config);
        let mqtt = format!("mqtt://127.0.0.1:{}", ports.mqtt);
        let coap = format!("coap://127.0.0.1:{}", ports.coap);
        let mut args = vec!["simulate", "--json", "--target", &mqtt];
        if both {
            args.extend(["--target", &coap, "--loss", "0.05", "--non", "0.2"]);
        }
        let given: Vec<&str> = csv
            .iter()
            .map(String::as_str)
            .filter(|arg| both || !["--ack-timeout", "200ms"].contains(arg))
            .collect();
        args.extend(given);
        let running = piped(&mut citygate(&args));
        if both {
            wait_for("messages", || counts(&gateway, "coap", ["logged"]) > [300]);
            gateway.kill();
            gateway = Gateway::start(&dir, ports, &config);
        }
        let done: Done = running.wait_with_output().unwrap().into();
        assert_eq!(done.code, 0, "{}{}", done.out, done.err);
        let summary: Value = serde_json::from_str(&done.out).unwrap();
        assert_eq!(figures(&summary, ["sent", "acknowledged"]), [3000, 3000]);
        for target in summary["targets"].as_array().unwrap() {
            assert!(target["sent"].as_u64() > Some(1000), "{summary}");
        }
        wait_for("history", || history(&gateway).len() == 3000);
        seen.push(history(&gateway));
        assert!(gateway.stop().success());
        assert_eq!(stat(&data), (3000, 0));
    }
    assert_eq!(seen[0], seen[1]);
}

#[test]
fn a_load_from_many_addresses_is_logged_once_each() {
    let dir = tempfile::tempdir().unwrap();
    let (ports, data) = (Ports::free(), dir.path().join("data"));
    let mut gateway = Gateway::start(dir.path(), ports, &ports.config(&data, ""));
    let target = format!("coap://127.0.0.1:{}", ports.coap);
    let mut sent = 0;
    for (endpoints, window, method) in [("300", "1", "--max"), ("20", "8", "--put")] {
        let args = [
            "--max",
            method,
            "--endpoints",
            endpoints,
            "--nstart",
            window,
            "--count",
            "5000",
            "--seed",
            endpoints,
        ];
        let args = &args[usize::from(method == "--max")..];
        let summary = simulate_to(&target, args);
        let names = ["sent", "acknowledged", "refused", "unexpected"];
        assert_eq!(figures(&summary, names), [5000, 5000, 0, 0], "{summary}");
        sent += 5000;
    }
    wait_for("rest", || counts(&gateway, "coap", ["in_flight"]) == [0]);
    assert_eq!(counts(&gateway, "coap", ["logged"]), [sent]);
    assert!(gateway.stop().success());
    assert_eq!(stat(&data), (sent, 0));
}
