//! Clients that others wrote.
use crate::City;
use crate::{long_payload, payload};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

const NODE_PEER: &str = "coap_peer.js";
const PYTHON_PEER: &str = "aiocoap_peer.py";

/// `coap-client-notls`: what it printed. It resolves Echo challenges and blocks by itself.
fn coap_client(city: &City, path: &str, arguments: &[&str]) -> Output {
    Command::new("coap-client-notls")
        .args(["-B", "30"])
        .args(arguments)
        .arg(format!("coap://127.0.0.1:{}{path}", city.port()))
        .output()
        .expect("libcoap3-bin is a prerequisite of the tests")
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
        + String::from_utf8_lossy(&output.stderr).trim()
}

/// What a script printed, a line of JSON each.
#[track_caller]
fn script(city: &City, name: &str, scenario: &str) -> Vec<Value> {
    let interpreter = if name == NODE_PEER {
        "node".to_owned()
    } else {
        std::env::var("CITYGATE_TEST_PYTHON")
            .expect("CITYGATE_TEST_PYTHON names a Python with tests/requirements.txt (scripts/test.sh sets it)")
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/coap")
        .join(name);
    let output = Command::new(interpreter)
        .arg(script)
        .args([&city.port().to_string(), scenario])
        .output()
        .expect("the interpreter starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn codes(said: &[Value]) -> Vec<&str> {
    said.iter()
        .map(|line| line["code"].as_str().unwrap())
        .collect()
}

#[test]
fn libcoap_sends_uplinks_of_any_kind() {
    let city = City::new();
    let body = String::from_utf8(payload(1)).unwrap();
    for method in ["post", "put"] {
        for non in [&[][..], &["-N"]] {
            let arguments = [&["-m", method, "-t", "json", "-e", &body], non].concat();
            let output = coap_client(&city, "/t/meter-7/json", &arguments);
            assert_eq!(text(&output), "", "success has no words");
        }
    }
    let file = city.dir.path().join("long.json");
    std::fs::write(&file, long_payload(200)).unwrap();
    let file = file.to_str().unwrap();
    for (number, size) in ["16", "64", "1024"].into_iter().enumerate() {
        let path = format!("/t/long-{number}/json");
        let output = coap_client(
            &city,
            &path,
            &["-b", size, "-m", "post", "-t", "json", "-f", file],
        );
        assert_eq!(text(&output), "", "blocks of {size}");
    }
    assert_eq!(city.settled(7).logged, 7);
    let logs = city.stop();
    assert_eq!(logs.energies("meter-7"), [1; 4]);
    for number in 0..3 {
        assert_eq!(
            logs.energies(&format!("long-{number}")),
            (0..200).collect::<Vec<_>>()
        );
    }
}

#[test]
fn libcoap_hears_why_and_where() {
    let city = City::new();
    let output = coap_client(
        &city,
        "/t/m-1/json",
        &["-m", "post", "-t", "json", "-e", "{\"voltagee\": 1}"],
    );
    assert!(
        text(&output).starts_with("4.00 `voltagee` is no metric"),
        "{}",
        text(&output)
    );
    let output = coap_client(&city, "/t/m-1/json", &["-m", "delete"]);
    assert!(text(&output).starts_with("4.05"), "{}", text(&output));
    let whole = text(&coap_client(&city, "/.well-known/core", &[]));
    assert!(whole.contains("</t>;rt=\"citygate.uplink\""), "{whole}");
    assert!(
        city.metric("citygate_coap_proven_total") >= 1,
        "it returned the Echo"
    );
    for size in ["16", "32", "128", "1024"] {
        let blocks = text(&coap_client(&city, "/.well-known/core", &["-b", size]));
        assert_eq!(blocks, whole, "blocks of {size}");
    }
    let filtered = text(&coap_client(
        &city,
        "/.well-known/core?rt=thingsboard*",
        &[],
    ));
    assert_eq!(filtered.matches("</").count(), 1, "{filtered}");
    assert_eq!(city.settled(1).rejected, 1);
    city.stop();
}

/// Half of what it sends is lost on its way: it sends again, and each reading is there once.
#[test]
fn libcoap_loses_datagrams_and_nothing_twice() {
    let city = City::new();
    let body = String::from_utf8(payload(7)).unwrap();
    let arguments = ["-l", "1", "-m", "post", "-t", "json", "-e", &body];
    let output = coap_client(&city, "/t/meter-7/json", &arguments);
    assert!(!text(&output).contains("5."), "{}", text(&output));
    assert_eq!(city.settled(1).logged, 1);
    assert_eq!(city.stop().energies("meter-7"), [7]);
}

#[test]
fn libcoap_waits_for_a_separate_response() {
    let city = City::slow("ack_after = \"100ms\"", 500);
    let body = String::from_utf8(payload(1)).unwrap();
    let output = coap_client(
        &city,
        "/t/meter-7/json",
        &["-m", "post", "-t", "json", "-e", &body],
    );
    assert_eq!(text(&output), "");
    assert_eq!(
        city.counts().logged,
        1,
        "the client ended when it was durable"
    );
    assert_eq!(city.metric("citygate_coap_separate_total"), 1);
    city.stop();
}

#[test]
fn aiocoap_sends_uplinks_and_blocks() {
    let city = City::new();
    let said = script(&city, PYTHON_PEER, "uplinks");
    assert_eq!(codes(&said), ["2.04"; 6]);
    assert_eq!(city.settled(6).logged, 6);
    let logs = city.stop();
    assert_eq!(logs.energies("meter-7"), [1; 4]);
    assert_eq!(logs.energies("meter-8").len(), 200);
    assert!(
        logs.reports
            .iter()
            .any(|report| report.device_id == "meter-9")
    );
}

#[test]
fn aiocoap_hears_why_and_where() {
    let city = City::new();
    let said = script(&city, PYTHON_PEER, "errors");
    assert_eq!(codes(&said), ["4.00", "4.05", "4.04"]);
    assert!(said[0]["text"].as_str().unwrap().contains("voltagee"));
    let said = script(&city, PYTHON_PEER, "discovery");
    assert_eq!(codes(&said), ["4.01", "2.05"]);
    assert_eq!(said[1]["format"], 40);
    assert!(
        said[1]["text"]
            .as_str()
            .unwrap()
            .ends_with("title=\"This list\""),
        "{}",
        said[1]
    );
    city.stop();
}

#[test]
fn aiocoap_takes_a_separate_response() {
    let city = City::slow("ack_after = \"100ms\"", 500);
    let said = script(&city, PYTHON_PEER, "slow");
    assert_eq!(codes(&said), ["2.04"]);
    assert_eq!(city.metric("citygate_coap_separate_total"), 1);
    city.until(|_| city.metric("citygate_coap_unacknowledged") == 0);
    assert_eq!(city.metric("citygate_coap_retransmissions_total"), 0);
    city.stop();
}

#[test]
fn node_coap_sends_uplinks_and_blocks() {
    let city = City::new();
    let said = script(&city, NODE_PEER, "uplinks");
    assert_eq!(codes(&said), ["2.04"; 5]);
    assert_eq!(city.settled(5).logged, 5);
    let logs = city.stop();
    assert_eq!(logs.energies("meter-7"), [1; 4]);
    assert_eq!(logs.energies("meter-8").len(), 200);
}

#[test]
fn node_coap_hears_why_and_where() {
    let city = City::new();
    let said = script(&city, NODE_PEER, "errors");
    assert_eq!(codes(&said), ["4.00", "4.05", "4.04"]);
    let said = script(&city, NODE_PEER, "discovery");
    assert_eq!(codes(&said), ["2.05"]);
    let links = said[0]["text"].as_str().unwrap();
    assert!(links.ends_with("title=\"This list\""), "{links}");
    assert!(
        city.metric("citygate_coap_requests_total") > 10,
        "in blocks"
    );
    city.stop();
}

#[test]
fn node_coap_takes_a_separate_response() {
    let city = City::slow("ack_after = \"100ms\"", 500);
    let said = script(&city, NODE_PEER, "slow");
    assert_eq!(codes(&said), ["2.04"]);
    assert_eq!(said[0]["separate"], true);
    city.stop();
}
