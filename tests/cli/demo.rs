//! The demo, in a pipe.
use super::live::wait_for;
use super::support::http_get;
use super::{Done, citygate, piped};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// The terms of the last identity that was printed, `received` first.
fn identity(out: &str) -> Vec<u64> {
    let line = out
        .lines()
        .rfind(|line| line.starts_with("received "))
        .unwrap();
    assert!(line.contains(" = logged "), "{line}");
    line.split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect()
}

fn sum_holds(out: &str) -> u64 {
    let terms = identity(out);
    assert_eq!(
        (terms.len(), terms[0]),
        (7, terms[1..].iter().sum()),
        "{out}"
    );
    assert_eq!(terms[6], 0, "at rest nothing is in flight: {out}");
    terms[0]
}

/// The JSON that the demo's gateway answers.
fn get(port: u16, path: &str) -> Value {
    let (_, body) = http_get(port, path).unwrap_or_default();
    serde_json::from_str(&body).unwrap_or_default()
}

#[test]
fn a_device_goes_late_and_strangers_are_seen_with_their_reasons() {
    let args = ["demo", "--seed", "5", "--rate", "40", "--faults", "0"];
    let mut child = piped(&mut citygate(&args));
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains("Ctrl-C") {
        assert_ne!(out.read_line(&mut said).unwrap(), 0, "{said}");
    }
    // `  http://127.0.0.1:8080/d/te-00001 falls silent after ..`
    let link = said.lines().find(|line| line.contains("/d/")).unwrap();
    let (address, rest) = link.trim().split_once("/d/").unwrap();
    let port: u16 = address.rsplit_once(':').unwrap().1.parse().unwrap();
    let device = rest.split(' ').next().unwrap();
    // Read on, or the pipe fills and the demo waits.
    let reader = std::thread::spawn(move || {
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        rest
    });
    let path = format!("/v1/devices/{device}");
    wait_for("late device", || {
        ["DEVICE_STATE_LATE", "DEVICE_STATE_OFFLINE"]
            .iter()
            .any(|state| get(port, &path)["state"] == *state)
    });
    let reasons = || -> BTreeSet<String> {
        let answer = get(port, "/v1/strangers");
        let strangers = answer["strangers"].as_array().cloned().unwrap_or_default();
        let reasons = strangers
            .iter()
            .filter_map(|known| known["reason"].as_str());
        reasons.map(str::to_owned).collect()
    };
    let wanted = [
        "invalid_device_id",
        "no_route",
        "truncated",
        "unknown_metric",
        "unknown_profile",
    ];
    wait_for("strangers", || {
        reasons() == wanted.map(str::to_owned).into()
    });
    // The concentrator's children came by way of it.
    let child_of = get(port, "/v1/devices/dc-0001-wm-2");
    assert_eq!(child_of["parent"], "dc-0001", "{child_of}");
    // Of the other one, which passes on frames, a meter of each protocol is known by its address.
    for child in [
        "dc-0002-em-1",
        "dc-0002-em-3",
        "dc-0002-wm-5",
        "dc-0002-hm-8",
    ] {
        let path = format!("/v1/devices/{child}");
        wait_for(child, || {
            let device = get(port, &path);
            device["parent"] == "dc-0002" && device["state"] == "DEVICE_STATE_ONLINE"
        });
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let rest = reader.join().unwrap();
    assert!(child.wait().unwrap().success(), "{rest}");
    assert!(sum_holds(&rest) > 0);
}

fn is_empty(dir: &Path) -> bool {
    fs::read_dir(dir).unwrap().next().is_none()
}

#[test]
fn a_demo_ends_by_itself_with_the_identity() {
    let temporary = tempfile::tempdir().unwrap();
    let args = [
        "demo", "--for", "4s", "--rate", "100", "--faults", "0.1", "--seed", "3",
    ];
    let mut command = citygate(&args);
    let done: Done = command
        .env("TMPDIR", temporary.path())
        .output()
        .unwrap()
        .into();
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let received = sum_holds(&done.out);
    assert!(received > 100, "{received} in 4 s at 100/s");
    assert!(done.out.contains(&format!(
        "the city sent {received}, of which {received} were acknowledged; seed 3"
    )));
    for tried in [
        "citygate tap --grpc ",
        "mosquitto_pub -p ",
        "coap-client -m post ",
        " falls silent after about ",
        "curl -s http://",
        "python3 examples/subscriber.py ",
    ] {
        assert!(done.out.contains(tried), "{tried}: {}", done.out);
    }
    assert!(is_empty(temporary.path()), "the data is removed");
}

#[test]
fn two_demos_share_a_machine_and_drain_when_interrupted() {
    let dir = tempfile::tempdir().unwrap();
    let mut demos: Vec<_> = ["a", "b"]
        .iter()
        .map(|name| {
            let data = dir.path().join(name);
            let mut child = piped(&mut citygate(&["demo", "--data", data.to_str().unwrap()]));
            let mut out = BufReader::new(child.stdout.take().unwrap());
            let mut first = String::new();
            // The introduction: both listen by then, on ports of their own.
            while !first.contains("Ctrl-C") {
                assert_ne!(out.read_line(&mut first).unwrap(), 0, "{first}");
            }
            (child, out, first)
        })
        .collect();
    let bound = |text: &str| {
        text.lines()
            .next()
            .unwrap()
            .rsplit_once("MQTT")
            .unwrap()
            .1
            .to_owned()
    };
    assert_ne!(bound(&demos[0].2), bound(&demos[1].2));
    for (child, out, _) in &mut demos {
        kill_process(Pid::from_child(child), Signal::INT).unwrap();
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        // Success includes the gateway's own limit: it fails when it has not drained within 5 s.
        assert!(child.wait().unwrap().success(), "{rest}");
        sum_holds(&rest);
    }
    assert!(dir.path().join("a/log").is_dir(), "--data is kept");
}
