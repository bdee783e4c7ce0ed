//! Reloads under load: every uplink sees one snapshot, none is lost or doubled, and old snapshots go.
#![allow(clippy::float_cmp, reason = "counts are whole numbers")]
use super::live::{count, wait_for};
use super::reload::metric;
use super::snapshot::{City, replace};
use super::{citygate, piped};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Connections, each of a gateway that carries [`CHILDREN`] meters.
const CONNECTIONS: usize = 4;
const CHILDREN: usize = 3;
/// Uplinks of each connection.
const UPLINKS: usize = 20_000;
const WINDOW: usize = 500;
/// Devices that only make the inventory larger.
const OTHERS: usize = 5_000;
/// What the two versions of the inventory say of every device.
const VERSIONS: [(&str, &str); 2] = [("meter.water", "370102"), ("meter.gas", "370103")];

fn inventory((kind, district): (&str, &str)) -> String {
    let mut text = "id,kind,district,parent\n".to_owned();
    for at in 0..CONNECTIONS {
        writeln!(text, "g-{at},{kind},{district},").unwrap();
        for child in 0..CHILDREN {
            writeln!(text, "c-{at}-{child},{kind},{district},g-{at}").unwrap();
        }
    }
    for at in 0..OTHERS {
        writeln!(text, "other-{at},{kind},{district},").unwrap();
    }
    text
}

/// A packet of MQTT 3.1.1.
fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut left = body.len();
    loop {
        let low = u8::try_from(left % 128).unwrap();
        left /= 128;
        bytes.push(if left > 0 { low | 0x80 } else { low });
        if left == 0 {
            break;
        }
    }
    bytes.extend_from_slice(body);
    bytes
}

/// Publishes all uplinks of a connection, each of all its meters, as fast as they are acknowledged;
/// how many were.
fn publish(port: u16, at: usize) -> usize {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    let id = format!("g-{at}");
    let mut connect = b"\x00\x04MQTT\x04\x02\x00\x00".to_vec();
    connect.extend_from_slice(&[0, u8::try_from(id.len()).unwrap()]);
    connect.extend_from_slice(id.as_bytes());
    stream.write_all(&packet(0x10, &connect)).unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [0x20, 2, 0, 0], "CONNACK");
    let topic = format!("city/{id}/senml");
    let (mut sent, mut acked, mut buffer) = (0, 0, vec![0; 4 * WINDOW]);
    let mut held = 0;
    while acked < UPLINKS {
        let mut batch = Vec::new();
        while sent < UPLINKS && sent - acked < WINDOW {
            let value = at * UPLINKS + sent;
            let mut pack = String::new();
            for child in 0..CHILDREN {
                let comma = if child == 0 { "[" } else { "," };
                write!(pack, "{comma}{{\"n\":\"c-{at}-{child}:active_energy_import\",\"u\":\"kW.h\",\"v\":{value}}}").unwrap();
            }
            pack.push(']');
            let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
            body.extend_from_slice(topic.as_bytes());
            body.extend_from_slice(&u16::try_from(sent % 60_000 + 1).unwrap().to_be_bytes());
            body.extend_from_slice(pack.as_bytes());
            batch.extend(packet(0x32, &body));
            sent += 1;
        }
        stream.write_all(&batch).unwrap();
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "disconnected");
        held += read;
        acked += held / 4;
        held %= 4;
    }
    acked
}

#[test]
fn uplinks_under_reloads_see_one_snapshot_each_and_none_is_lost_or_doubled() {
    let mut city = City::new(&inventory(VERSIONS[0]));
    let (port, file) = (city.gateway.ports.mqtt, city.at("devices.csv"));
    let ended = AtomicBool::new(false);
    let started = Instant::now();
    let (acked, took) = thread::scope(|scope| {
        let load: Vec<_> = (0..CONNECTIONS)
            .map(|at| scope.spawn(move || publish(port, at)))
            .collect();
        let reloads = scope.spawn(|| {
            let mut version = 0;
            while !ended.load(Ordering::Acquire) {
                version += 1;
                // One after the other: a file that changes while it is read is not taken.
                let before = city.generation();
                replace(&file, &inventory(VERSIONS[version % 2]));
                city.gateway.signal(Signal::HUP);
                wait_for("the next snapshot", || {
                    ended.load(Ordering::Acquire) || city.generation() > before
                });
            }
        });
        let acked: usize = load.into_iter().map(|load| load.join().unwrap()).sum();
        let took = started.elapsed();
        ended.store(true, Ordering::Release);
        reloads.join().unwrap();
        (acked, took)
    });
    let loaded = metric(
        &city.gateway,
        "citygate_config_reloads_total{outcome=\"loaded\"}",
    );
    println!("{acked} uplinks in {took:?}, {loaded:?} reloads");
    assert!(loaded > Some(3.0), "{loaded:?}");
    assert_eq!(acked, CONNECTIONS * UPLINKS);
    assert_eq!(count(&city.gateway, "logged"), acked as u64);
    assert_eq!(count(&city.gateway, "received"), acked as u64);
    assert!(city.gateway.stop().success(), "{}", city.gateway.said());
    let seen = logged(&city.at("data"));
    assert_eq!(seen.len(), acked, "each uplink once");
    let mut versions = [0; 2];
    for (value, reports) in seen {
        assert_eq!(reports.len(), CHILDREN, "{value}: {reports:?}");
        let (kind, district) = &reports[0];
        let version = VERSIONS
            .iter()
            .position(|known| known == &(kind.as_str(), district.as_str()));
        versions
            [version.unwrap_or_else(|| panic!("{kind} and {district} are of two snapshots"))] += 1;
        assert!(
            reports.iter().all(|one| one == &reports[0]),
            "{value}: {reports:?}"
        );
    }
    println!("uplinks by version: {versions:?}");
    assert!(versions.iter().all(|count| *count > 0), "{versions:?}");
}

/// Kind and district of each report, by the value that only its uplink has.
fn logged(data: &Path) -> HashMap<u64, Vec<(String, String)>> {
    let data = data.to_str().unwrap();
    let mut export = piped(citygate(&["log", "export", data]).stdin(Stdio::null()));
    let mut seen: HashMap<u64, Vec<(String, String)>> = HashMap::new();
    for line in BufReader::new(export.stdout.take().unwrap()).lines() {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let report = &line["report"];
        if let Some(value) = report["readings"][0]["number"].as_f64() {
            let text = |key: &str| report[key].as_str().unwrap_or_default().to_owned();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count"
            )]
            let reports = seen.entry(value as u64).or_default();
            reports.push((text("kind"), text("district")));
        }
    }
    assert!(export.wait().unwrap().success());
    seen
}

/// Bytes that a process has in memory.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.unwrap().trim().trim_end_matches(" kB");
    kib.parse::<u64>().unwrap() << 10
}

#[test]
fn snapshots_of_before_go_and_memory_does_not_grow() {
    let city = City::new(&inventory(VERSIONS[0]));
    let reload = |times: usize| {
        for _ in 0..times {
            assert_eq!(city.reload(&[]).code, 0);
        }
        // The registry holds one until it has brought the next in.
        wait_for("old snapshots to go", || {
            city.metric("citygate_snapshots_retired") == 0.0
        });
        resident(city.gateway.child.id())
    };
    let first = reload(10);
    let last = reload(30);
    println!("{first} bytes resident after 10 reloads, {last} after 40");
    assert_eq!(city.metric("citygate_snapshot_generation"), 41.0);
    // A snapshot is some 0.7 MB: thirty that stay would be twenty.
    assert!(last < first + (10 << 20), "{first} then {last}");
}
