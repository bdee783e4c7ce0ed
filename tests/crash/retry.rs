//! Power cuts while operators retry rejects: what was answered stays, and nothing comes twice, dated or not.
use crate::campaign::{Rng, wait_for};
use crate::disk::Disk;
use crate::support::{Gateway, Ports};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

/// Rejects of each kind.
const UPLINKS: u64 = 800;
/// Of one call: a few syncs.
const CALL: usize = 5;
/// Kills that took unsynced bytes away.
const CUTS: u32 = 15;
/// A few calls of both operators.
const OPERATIONS_MAX: u64 = 40;
/// How long a sync takes: an answer that does not wait for it is caught.
const SYNC_US: u32 = 500;
const SMALL: &str = "[log]\nsegment_bytes = \"1MiB\"\nmin_free = \"1MiB\"\n";
const ROLL: &str = "log/*.seg";
/// The first device-given time: within history's retention.
const BACK_SECS: u64 = 10 * 86_400;

fn config(disk: &Disk, ports: Ports, unknown: &str) -> String {
    ports.config(
        disk.root(),
        &format!("{SMALL}[devices]\nunknown = \"{unknown}\""),
    )
}

/// Each line an uplink at `QoS` 1; returns when all are acknowledged.
fn publish(ports: Ports, topic: &str, lines: &str) {
    let port = ports.mqtt.to_string();
    let mut child = Command::new("mosquitto_pub")
        .args(["-h", "127.0.0.1", "-p", &port, "-q", "1", "-l", "-t", topic])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(lines.as_bytes()).unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

fn dated(first: u64, value: u64) -> String {
    format!(
        "{{\"ts\": {}, \"active_energy_import\": {value}}}\n",
        first + value
    )
}

/// The answer to a POST; nothing if the gateway died over it.
fn post(ports: Ports, path: &str) -> Option<Value> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, ports.http)).ok()?;
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .ok()?;
    let head = "host: localhost\r\ncontent-length: 0\r\nconnection: close";
    write!(stream, "POST {path} HTTP/1.1\r\n{head}\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then_some(())?;
    serde_json::from_str(body).ok()
}

/// Retries until nothing is left or the gateway is dead. Notes which rejects it was told are reports now.
fn operate(ports: Ports, told: &Mutex<BTreeMap<String, u32>>) {
    let path = format!("/v1/rejects/retry?all=true&limit={CALL}");
    while let Some(answer) = post(ports, &path) {
        let rejects = answer["rejects"].as_array().unwrap();
        for reject in rejects
            .iter()
            .filter(|reject| reject["outcome"] == "recovered")
        {
            let sequence = reject["sequence"].as_str().unwrap().to_owned();
            *told.lock().unwrap().entry(sequence).or_default() += 1;
        }
        if rejects.is_empty() {
            return;
        }
    }
}

/// How often each reading is in the stopped gateway's log.
fn exported(disk: &Disk) -> HashMap<(String, u64), u32> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_citygate"));
    let output = command
        .args(["log", "export"])
        .arg(disk.root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let mut times = HashMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let report = &line["report"];
        for reading in report["readings"].as_array().into_iter().flatten() {
            let device = report["deviceId"].as_str().unwrap().to_owned();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "small counts"
            )]
            let value = reading["number"].as_f64().unwrap() as u64;
            *times.entry((device, value)).or_default() += 1;
        }
    }
    times
}

fn start(disk: &Disk, dir: &Path, ports: Ports) -> Gateway {
    let mut gateway = Gateway::spawn(dir, ports, &config(disk, ports, "accept"), |command| {
        disk.attach(command, ROLL, SYNC_US, false);
    });
    gateway.wait_ready();
    gateway
}

#[test]
fn a_retry_brings_each_uplink_once_through_power_cuts() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::new(dir.path());
    let ports = Ports::free();
    let mut rng = Rng(u64::from(std::process::id()));
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let first = now - BACK_SECS;
    let mut gateway = Gateway::start(dir.path(), ports, &config(&disk, ports, "reject"));
    let lines: String = (1..=UPLINKS).map(|value| dated(first, value)).collect();
    publish(ports, "city/dated/json", &lines);
    let line = |value: u64| format!("{{\"active_energy_import\": {value}}}\n");
    let lines: String = (1..=UPLINKS).map(line).collect();
    publish(ports, "city/undated/json", &lines);
    assert!(gateway.stop().success());

    let told = Mutex::new(BTreeMap::new());
    let (mut kills, mut cuts) = (0, 0);
    let mut resent = BTreeSet::new();
    while cuts < CUTS {
        gateway = start(&disk, dir.path(), ports);
        // The device says some of it again, before or after the operators.
        let again: Vec<u64> = (0..3).map(|_| 1 + rng.below(UPLINKS)).collect();
        let lines: String = again.iter().map(|value| dated(first, *value)).collect();
        publish(ports, "city/dated/json", &lines);
        resent.extend(again);
        disk.arm(1 + rng.below(OPERATIONS_MAX));
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| operate(ports, &told));
            }
        });
        if gateway.child.try_wait().unwrap().is_none() {
            // All were done before the kill came.
            gateway.kill();
        } else {
            let status = wait_for(&mut gateway.child);
            assert_eq!(status.signal(), Some(9), "ended by itself: {status}");
        }
        let cut = disk.cut(if rng.below(3) == 0 { rng.below(100) } else { 0 });
        kills += 1;
        cuts += u32::from(cut.bytes > 0);
        assert!(kills < 10 * CUTS, "{kills} kills cut only {cuts} times");
    }
    gateway = start(&disk, dir.path(), ports);
    operate(ports, &told);
    let (_, body) = gateway.get("/v1/rejects/summary").unwrap();
    let summary: Value = serde_json::from_str(&body).unwrap();
    println!(
        "{kills} kills, {cuts} of them cut unsynced bytes, {} told as recovered, {} sent again, {} rejects",
        told.lock().unwrap().len(),
        resent.len(),
        summary["count"],
    );
    assert_eq!(
        summary["count"],
        (2 * UPLINKS).to_string(),
        "no second reject"
    );
    assert_eq!(summary["recovered"], (2 * UPLINKS).to_string());
    assert!(gateway.stop().success());
    let twice: Vec<_> = told
        .lock()
        .unwrap()
        .clone()
        .into_iter()
        .filter(|(_, times)| *times > 1)
        .collect();
    assert!(
        twice.is_empty(),
        "told twice, so the first was lost: {twice:?}"
    );
    let found = exported(&disk);
    for device in ["dated", "undated"] {
        let wrong: Vec<_> = (1..=UPLINKS)
            .map(|value| {
                (
                    value,
                    found.get(&(device.to_owned(), value)).copied().unwrap_or(0),
                )
            })
            .filter(|(_, times)| *times != 1)
            .collect();
        assert!(wrong.is_empty(), "{device}: {wrong:?}");
    }
}
