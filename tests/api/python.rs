//! The example subscriber in Python, with stubs made from `proto/`: what a user outside the project runs.
//!
//! `CITYGATE_TEST_PYTHON` names an interpreter with grpcio-tools; the test script makes one.
use crate::devices::{refused, seen};
use crate::support::{BOUND, Gateway, noise, report_of, start, within};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/subscriber.py");

fn python() -> Option<String> {
    let python = std::env::var("CITYGATE_TEST_PYTHON").ok();
    if python.is_none() {
        println!("NOT CHECKED: CITYGATE_TEST_PYTHON is not set");
    }
    python
}

/// The running example, and what it says.
struct Example {
    child: Child,
    says: Lines<BufReader<ChildStderr>>,
}

impl Example {
    fn start(python: &str, target: &str, db: &Path) -> Self {
        let mut child = Command::new(python)
            .arg(EXAMPLE)
            .arg(target)
            .arg(db)
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stderr = child.stderr.take().unwrap();
        Self {
            child,
            says: BufReader::new(stderr).lines(),
        }
    }

    async fn kill(mut self) {
        within(self.child.kill()).await.unwrap();
    }

    async fn says(&mut self) -> String {
        within(self.says.next_line())
            .await
            .unwrap()
            .expect("a line")
    }
}

/// (sequence, device) of the reports in the example's database, in order.
async fn stored(python: &str, db: &Path) -> Vec<(u64, String)> {
    let script = "import sqlite3, sys\n\
        for row in sqlite3.connect(sys.argv[1]).execute('SELECT DISTINCT sequence, device FROM readings ORDER BY 1'): print(*row)";
    let output = Command::new(python).args(["-c", script]).arg(db).output();
    let output = within(output).await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| {
            let (sequence, device) = line.split_once(' ').unwrap();
            (sequence.parse().unwrap(), device.to_owned())
        })
        .collect()
}

async fn wait_for(python: &str, db: &Path, expected: &[u64]) {
    let start = tokio::time::Instant::now();
    loop {
        let seen = stored(python, db).await;
        let seen: Vec<u64> = seen.into_iter().map(|(sequence, _)| sequence).collect();
        if seen == expected {
            return;
        }
        assert!(
            start.elapsed() < BOUND,
            "{} of {} stored",
            seen.len(),
            expected.len()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_example_keeps_each_report_once_across_kills() {
    let Some(python) = python() else { return };
    let gateway = start().await;
    let db = gateway.dir.path().join("readings.db");
    let target = gateway.grpc.to_string();
    let mut expected = Vec::new();
    for round in 0..3 {
        expected.extend(gateway.append(&["m-1", "m-2", "m-3"]).await);
        let example = Example::start(&python, &target, &db);
        expected.extend(gateway.append(&["m-4"]).await);
        wait_for(&python, &db, &expected).await;
        example.kill().await;
        assert_eq!(stored(&python, &db).await.len(), 4 * (round + 1));
    }
}

#[tokio::test]
async fn the_example_goes_on_when_the_gateway_comes_back() {
    let Some(python) = python() else { return };
    let mut gateway = start().await;
    let db = gateway.dir.path().join("readings.db");
    let mut example = Example::start(&python, &gateway.grpc.to_string(), &db);
    let mut expected = gateway.append(&["m-1"]).await;
    wait_for(&python, &db, &expected).await;
    gateway.stop_servers().await;
    let told = example.says().await;
    assert!(
        told.starts_with("UNAVAILABLE: gateway is draining"),
        "{told}"
    );
    expected.extend(gateway.append(&["m-2"]).await);
    gateway.serve_again().await;
    wait_for(&python, &db, &expected).await;
    example.kill().await;
}

#[tokio::test]
async fn the_example_says_what_retention_took_and_goes_on() {
    let Some(python) = python() else { return };
    let gateway: Gateway = start().await;
    let db = gateway.dir.path().join("readings.db");
    let first = gateway.append(&["m-1"]).await;
    let example = Example::start(&python, &gateway.grpc.to_string(), &db);
    wait_for(&python, &db, &first).await;
    example.kill().await;
    while gateway.shared.log.oldest().0 <= first[0] + 1 {
        gateway.append_bodies(&noise(16, 60_000)).await;
    }
    let oldest = gateway.shared.log.oldest().0;
    let mut example = Example::start(&python, &gateway.grpc.to_string(), &db);
    let told = example.says().await;
    assert!(
        told.starts_with("OUT_OF_RANGE: ") && told.contains("lost_from"),
        "{told}"
    );
    let mut expected = first;
    expected.extend(oldest..=gateway.shared.log.watermark());
    wait_for(&python, &db, &expected).await;
    example.kill().await;
}

/// What the devices' peer says, a line of JSON for each step.
struct Peer {
    _child: Child,
    says: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    fn start(python: &str, gateway: &Gateway) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/devices_peer.py");
        let mut child = Command::new(python)
            .arg(script)
            .args([gateway.grpc.to_string(), gateway.http.to_string()])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        Self {
            _child: child,
            says: BufReader::new(stdout).lines(),
        }
    }

    async fn says(&mut self) -> Value {
        let line = within(self.says.next_line()).await.unwrap();
        serde_json::from_str(&line.expect("a line")).unwrap()
    }
}

#[tokio::test]
async fn devices_are_those_that_protobuf_itself_would_write() {
    let Some(python) = python() else { return };
    let gateway = start().await;
    let bodies = [
        report_of("m-1", "meter.gas", "370102", 2),
        report_of("m-2", "meter.electricity", "", 1),
        report_of("pole-3", "pole.light", "370103", 2),
    ];
    gateway.append_bodies(&bodies).await;
    // `never` is a device of which nothing was ever accepted.
    let names = ["m-2", "m-2", "m-2", "m-2", "m-2", "never"];
    gateway.reject(names.map(refused)).await;
    seen(&gateway, 0).await;
    let mut peer = Peer::start(&python, &gateway);
    let listed = peer.says().await;
    assert_eq!(listed["devices"], json!(["m-1", "m-2", "pole-3", "never"]));
    assert_eq!(listed["values"], json!([2, 1, 2, 0]));
    assert_eq!(
        peer.says().await,
        json!({"missing": "NOT_FOUND", "wrong": "INVALID_ARGUMENT", "foreign": "FAILED_PRECONDITION"})
    );
    assert_eq!(peer.says().await, json!({"watching": true}));
    gateway.append(&["m-1", "new", "m-1"]).await;
    gateway.append(&["last"]).await;
    assert_eq!(
        peer.says().await,
        json!({"seen": ["last", "m-1", "new"], "equal": true})
    );
}
