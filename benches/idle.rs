//! Memory of an idle gateway, and of 10,000 idle connections: `cargo bench --bench idle`, with TLS
//! `cargo bench --bench idle -- --tls`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::unchecked_time_subtraction,
    clippy::cast_precision_loss,
    reason = "a bench ends where it cannot go on, and shows few digits"
)]
#[path = "support/mod.rs"]
mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{CITYGATE, LOAD_CORE, Server};

const CONNECTIONS: u64 = 10_000;

fn main() {
    let dir = tempfile::tempdir().unwrap();
    let tls = std::env::args().any(|argument| argument == "--tls");
    let port = support::free_port();
    let keys = if tls {
        certificate(dir.path(), port)
    } else {
        Vec::new()
    };
    let server = Server::citygate_with(dir.path(), &keys);
    let target = if tls {
        format!("mqtts://localhost:{port}")
    } else {
        format!("mqtt://127.0.0.1:{}", server.mqtt)
    };
    std::thread::sleep(Duration::from_secs(3));
    let idle = server.rss();
    let cpu = server.cpu();
    std::thread::sleep(Duration::from_secs(10));
    let idle_cpu = server.cpu() - cpu;
    let mut load = Command::new("taskset")
        .args(["-c", LOAD_CORE, CITYGATE, "simulate", "--to"])
        .arg(target)
        .env("CITYGATE_CA", dir.path().join("cert.pem"))
        .args(["--idle", &CONNECTIONS.to_string(), "--duration", "90s"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let open = || -> u64 {
        let sources = server.get("/v1/sources");
        let text = sources.to_string();
        let mqtt = sources["sources"]
            .as_array()
            .and_then(|list| list.first().cloned());
        let connections = mqtt
            .map(|mqtt| mqtt["connections"].clone())
            .unwrap_or_default();
        connections
            .as_u64()
            .or_else(|| connections.as_str()?.parse().ok())
            .unwrap_or_else(|| panic!("no connections in {text}"))
    };
    while open() < CONNECTIONS {
        assert!(
            start.elapsed() < Duration::from_mins(1),
            "{} connections after a minute",
            open()
        );
        std::thread::sleep(Duration::from_millis(500));
    }
    std::thread::sleep(Duration::from_secs(5));
    let loaded = server.rss();
    let _ = load.kill();
    let _ = load.wait();
    println!(
        "idle gateway: {:.1} MB RSS, {:.1} ms CPU per second",
        idle as f64 / 1e6,
        idle_cpu.as_secs_f64() * 100.0
    );
    println!(
        "{CONNECTIONS} idle connections{}: {:.1} MB RSS, {:.2} kB each",
        if tls { " with TLS" } else { "" },
        loaded as f64 / 1e6,
        (loaded - idle) as f64 / CONNECTIONS as f64 / 1e3
    );
}

/// A certificate that is its own authority, and the keys that name it.
fn certificate(dir: &Path, port: u16) -> Vec<(&'static str, String)> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(dir.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(dir.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let at = |name: &str| dir.join(name).display().to_string();
    vec![
        ("CITYGATE_TLS__CERT", at("cert.pem")),
        ("CITYGATE_TLS__KEY_FILE", at("key.pem")),
        ("CITYGATE_MQTT__TLS_BIND", format!("127.0.0.1:{port}")),
    ]
}
