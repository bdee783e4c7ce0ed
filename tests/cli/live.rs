//! Commands beside a running gateway, and beside one that is killed meanwhile.
use super::support::{BOUND, Gateway, Ports};
use super::{Done, citygate, piped, run};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// A term of the accounting of the MQTT listener.
pub fn count(gateway: &Gateway, term: &str) -> u64 {
    let (_, body) = gateway.get("/v1/accounting").unwrap_or_default();
    let answer: Value = serde_json::from_str(&body).unwrap_or_default();
    let text = answer["sources"][0][term].as_str().unwrap_or("0");
    text.parse().unwrap()
}

pub fn wait_for(what: &str, mut reached: impl FnMut() -> bool) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < BOUND, "no {what} within {BOUND:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn simulate(ports: Ports, args: &[&str]) -> Value {
    simulate_to(&format!("mqtt://127.0.0.1:{}", ports.mqtt), args)
}

/// The summary of a run of `simulate` that ends well.
pub fn simulate_to(target: &str, args: &[&str]) -> Value {
    let done = run(&[&["simulate", "--json", "--target", target], args].concat());
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(done.err.is_empty(), "a pipe stays quiet: {}", done.err);
    serde_json::from_str(&done.out).unwrap()
}

/// `reports` and `rejects` of a stopped gateway's directory.
pub fn stat(data: &Path) -> (u64, u64) {
    let done = run(&["log", "stat", "--json", data.to_str().unwrap()]);
    assert_eq!(done.code, 0, "{}", done.err);
    let logs: Vec<Value> = done
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        (logs[0]["log"].as_str(), logs[1]["log"].as_str()),
        (Some("log"), Some("rejects"))
    );
    (
        logs[0]["reports"].as_u64().unwrap(),
        logs[1]["rejects"].as_u64().unwrap(),
    )
}

#[test]
fn what_the_city_sends_is_counted_by_everybody() {
    let dir = tempfile::tempdir().unwrap();
    let (ports, data) = (Ports::free(), dir.path().join("data"));
    let mut gateway = Gateway::start(dir.path(), ports, &ports.config(&data, ""));
    let args = [
        "--devices",
        "40",
        "--rate",
        "2000",
        "--count",
        "1500",
        "--faults",
        "0.05",
        "--seed",
        "7",
    ];
    let summary = simulate(ports, &args);
    assert_eq!(
        (summary["sent"].as_u64(), summary["acknowledged"].as_u64()),
        (Some(1500), Some(1500))
    );
    assert_eq!(
        (summary["seed"].as_u64(), summary["out_of_order"].as_u64()),
        (Some(7), Some(0))
    );
    assert!(
        summary["faults"].as_u64() > Some(20) && summary["latency"]["p99_ms"].as_f64() > Some(0.0)
    );
    // An acknowledgement is counted when the log has settled it, which a client may learn a moment earlier.
    wait_for("rest", || count(&gateway, "in_flight") == 0);
    let [received, logged, rejected, duplicate] =
        ["received", "logged", "rejected", "duplicate"].map(|term| count(&gateway, term));
    assert_eq!((received, logged + rejected + duplicate), (1500, 1500));
    assert!(
        rejected > 0 && duplicate > 0,
        "{rejected} rejected, {duplicate} duplicate"
    );

    let locked = run(&["log", "stat", data.to_str().unwrap()]);
    assert_eq!(locked.code, 3);
    assert!(
        locked.err.contains("in use by a running gateway"),
        "{}",
        locked.err
    );
    let bad_parts = count(&gateway, "reject_parts");
    assert!(gateway.stop().success());
    assert_eq!(stat(&data), (logged, rejected + bad_parts));
    exported(&data, logged, rejected + bad_parts);
    let check = run(&["log", "check", data.to_str().unwrap()]);
    assert_eq!(
        (check.code, check.out.lines().count()),
        (0, 2),
        "{}",
        check.out
    );
}

fn exported(data: &Path, reports: u64, rejects: u64) {
    let done = run(&["log", "export", "--json", data.to_str().unwrap()]);
    assert_eq!(done.code, 0, "{}", done.err);
    let (mut seen, mut sequences) = ([0, 0], BTreeSet::new());
    for line in done.out.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        if let Some(report) = value.get("report") {
            seen[0] += 1;
            assert!(sequences.insert(report["sequence"].as_str().unwrap().to_owned()));
        } else if value.get("reject").is_some() {
            seen[1] += 1;
        } else {
            assert!(value.get("event").is_some(), "{line}");
        }
    }
    assert_eq!(seen, [reports, rejects]);
}

#[test]
fn templates_as_fast_as_acknowledged_are_all_logged() {
    let dir = tempfile::tempdir().unwrap();
    let (ports, data) = (Ports::free(), dir.path().join("data"));
    let mut gateway = Gateway::start(dir.path(), ports, &ports.config(&data, ""));
    for qos in ["1", "2"] {
        let args = [
            "--max",
            "--connections",
            "20",
            "--window",
            "30",
            "--count",
            "5000",
            "--qos",
            qos,
        ];
        let summary = simulate(ports, &args);
        assert_eq!(summary["acknowledged"].as_u64(), Some(5000));
    }
    assert!(gateway.stop().success());
    assert_eq!(stat(&data), (10_000, 0));
}

#[test]
fn a_replay_loses_nothing_when_the_gateway_is_killed_twice() {
    let dir = tempfile::tempdir().unwrap();
    let (ports, data) = (Ports::free(), dir.path().join("data"));
    let mut table = String::from("datetime,building,equipment load [kWh],heating load [kWh]\n");
    for row in 0..2000 {
        let (day, hour) = (1 + row / 240, row / 10 % 24);
        writeln!(
            table,
            "2019-01-{day:02} {hour:02}:00:00,b{},{row}.5,{row}.25",
            row % 10
        )
        .unwrap();
    }
    let csv = dir.path().join("meters.csv");
    fs::write(&csv, table).unwrap();
    let config = ports.config(&data, "[history]\nretain = \"20y\"");
    let mut gateway = Gateway::start(dir.path(), ports, &config);
    let to = format!("mqtt://127.0.0.1:{}", ports.mqtt);
    let args = [
        "simulate",
        "--json",
        "--to",
        &to,
        "--csv",
        csv.to_str().unwrap(),
        "--rate",
        "3000",
        "--time-column",
        "datetime",
        "--device-column",
        "building",
        "--connections",
        "4",
        "--map",
        "equipment load [kWh]=active_energy_interval:kW.h@electricity",
        "--map",
        "heating load [kWh]=gas_energy_interval:kW.h@gas",
    ];
    let replay = piped(&mut citygate(&args));
    for _ in 0..2 {
        wait_for("messages", || count(&gateway, "received") >= 300);
        gateway.kill();
        gateway = Gateway::start(dir.path(), ports, &config);
    }
    let done: Done = replay.wait_with_output().unwrap().into();
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let summary: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(
        (summary["sent"].as_u64(), summary["acknowledged"].as_u64()),
        (Some(4000), Some(4000))
    );
    assert!(
        summary["reconnects"].as_u64() >= Some(2) && summary["sessions_lost"].as_u64() == Some(0)
    );
    assert!(gateway.stop().success());
    assert_eq!(stat(&data), (4000, 0));
}

#[test]
fn a_tap_goes_on_where_a_killed_gateway_left_it() {
    let dir = tempfile::tempdir().unwrap();
    let (ports, data) = (Ports::free(), dir.path().join("data"));
    let config = ports.config(&data, "");
    let mut gateway = Gateway::start(dir.path(), ports, &config);
    let grpc = format!("127.0.0.1:{}", ports.grpc);
    let args = [
        "tap",
        "--grpc",
        &grpc,
        "--earliest",
        "--json",
        "--metric",
        "voltage",
        "--count",
        "400",
    ];
    let tap = piped(&mut citygate(&args));
    let messages = ["--max", "--connections", "2", "--count", "200"];
    simulate(ports, &messages);
    gateway.kill();
    gateway = Gateway::start(dir.path(), ports, &config);
    simulate(ports, &messages);
    let done: Done = tap.wait_with_output().unwrap().into();
    assert_eq!(done.code, 0, "{}", done.err);
    let mut sequences = BTreeSet::new();
    for line in done.out.lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        let readings = value["report"]["readings"].as_array().unwrap();
        assert_eq!(
            (readings.len(), readings[0]["metric"].as_str()),
            (1, Some("voltage"))
        );
        assert!(sequences.insert(value["report"]["sequence"].as_str().unwrap().to_owned()));
    }
    assert_eq!(sequences.len(), 400);
    drop(gateway);
}

#[test]
fn a_tap_of_an_unknown_metric_is_a_usage_error() {
    let dir = tempfile::tempdir().unwrap();
    let ports = Ports::free();
    let _gateway = Gateway::start(
        dir.path(),
        ports,
        &ports.config(&dir.path().join("data"), ""),
    );
    let grpc = format!("127.0.0.1:{}", ports.grpc);
    let done = run(&["tap", "--grpc", &grpc, "--metric", "voltag"]);
    assert_eq!(done.code, 2, "{}", done.err);
    assert!(
        done.err.contains("did you mean \"voltage\"?"),
        "{}",
        done.err
    );
}

#[test]
fn a_tap_waits_for_a_device_that_was_never_heard_and_says_why_it_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (ports, data) = (Ports::free(), dir.path().join("data"));
    let _gateway = Gateway::start(dir.path(), ports, &ports.config(&data, ""));
    let [grpc, url] = [ports.grpc, ports.http].map(|port| format!("http://127.0.0.1:{port}"));
    let tap = |device: &str, count: &str| {
        let args = [
            "tap", "--grpc", &grpc, "--url", &url, "--device", device, "--count", count,
        ];
        let mut child = piped(&mut citygate(&args));
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        errors.read_line(&mut said).unwrap();
        assert!(said.contains("was never heard: waiting"), "{said}");
        child
    };
    let stranger = tap("stranger-001", "1");
    let meter = tap("em-00001", "10");
    let args = [
        "--devices",
        "1",
        "--mix",
        "meter.electricity",
        "--rate",
        "50",
        "--strangers",
        "1",
        "--count",
        "60",
    ];
    let summary = simulate(ports, &args);
    assert_eq!(summary["acknowledged"], 60);
    let done: Done = stranger.wait_with_output().unwrap().into();
    let wanted = " stranger-001 rejected unknown_metric: `flux_capacitance` is no metric";
    assert!(done.code == 0 && done.out.contains(wanted), "{}", done.out);
    let done: Done = meter.wait_with_output().unwrap().into();
    let reading = " em-00001 unknown active_energy_import ";
    assert!(done.code == 0 && done.out.contains(reading), "{}", done.out);
}
