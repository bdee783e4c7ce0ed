//! The end: a signal drains, a second one does not wait.
use super::live::{stat, wait_for};
use super::support::{Gateway, Ports, counts::Counts};
use super::{Done, citygate, piped};
use rustix::process::Signal;
use serde_json::Value;
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

#[test]
fn sigterm_under_load_loses_no_acknowledged_message() {
    let dir = tempfile::tempdir().unwrap();
    let (ports, data) = (Ports::free(), dir.path().join("data"));
    let config = ports.config(&data, "");
    let to = format!("mqtt://127.0.0.1:{}", ports.mqtt);
    // As fast as acknowledged, so that many messages are on their way at each signal.
    let load = [
        "simulate",
        "--json",
        "--to",
        &to,
        "--max",
        "--connections",
        "20",
        "--count",
        "60000",
        "--patience",
        "60s",
    ];
    let mut gateway = Gateway::start(dir.path(), ports, &config);
    let load = piped(&mut citygate(&load));
    let mut logged = 0;
    for _ in 0..3 {
        let counts = Counts::until(&gateway, "mqtt", |counts| counts.logged > 3000);
        assert!(counts.logged > 3000);
        let start = Instant::now();
        assert!(gateway.stop().success(), "{}", gateway.said());
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{:?}",
            start.elapsed()
        );
        let (reports, rejects) = stat(&data);
        assert!(reports > logged && rejects == 0);
        logged = reports;
        gateway = Gateway::start(dir.path(), ports, &config);
    }
    let done = Done::from(load.wait_with_output().unwrap());
    assert_eq!(done.code, 0, "{}", done.err);
    let summary: Value = serde_json::from_str(&done.out).unwrap();
    let sent = summary["sent"].as_u64().unwrap();
    assert_eq!(
        (sent, summary["acknowledged"].as_u64()),
        (60_000, Some(sent))
    );
    assert!(gateway.stop().success(), "{}", gateway.said());
    // What was not acknowledged in time came again, and was known.
    assert_eq!(stat(&data), (sent, 0));
}

#[test]
fn a_second_signal_ends_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (ports, data) = (Ports::free(), dir.path().join("data"));
    let mut gateway = Gateway::start(dir.path(), ports, &ports.config(&data, ""));
    // Half a request, which the drain gives a second to become a whole one.
    let mut half = TcpStream::connect((Ipv4Addr::LOCALHOST, ports.http)).unwrap();
    half.write_all(b"GET /healthz HTTP/1.1\r\nhost: local")
        .unwrap();
    gateway.signal(Signal::TERM);
    wait_for("draining", || gateway.said().contains("draining"));
    let ended = gateway.stop();
    assert_eq!(ended.code(), Some(130), "{}", gateway.said());
}

#[test]
fn readiness_is_asked_by_a_command() {
    let dir = tempfile::tempdir().unwrap();
    let ports = Ports::free();
    let config = ports.config(&dir.path().join("data"), "");
    let mut gateway = Gateway::start(dir.path(), ports, &config);
    let file = dir.path().join("citygate.toml");
    let asked = || {
        Done::from(
            citygate(&["ready"])
                .env("CITYGATE_CONFIG", &file)
                .output()
                .unwrap(),
        )
    };
    let ready = asked();
    assert_eq!(
        (ready.code, ready.out.as_str()),
        (0, "ready\n"),
        "{}",
        ready.err
    );
    assert!(gateway.stop().success());
    let gone = asked();
    assert_eq!(gone.code, 1);
    assert!(
        gone.err.contains("no gateway at http://127.0.0.1:"),
        "{}",
        gone.err
    );
}
