//! Messages per CPU-second of the whole gateway (MQTT, JSON, log, sync, history) beside Mosquitto,
//! which only acknowledges, in one run: `cargo bench --bench intake`.
//!
//! QoS 1, about 200 B of JSON with 3 readings, server and load on cores of their own.
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

use std::time::{Duration, Instant};
use support::{Server, micros_per, per_second, simulate};

fn run(name: &str, server: &Server, connections: &str, window: &str, count: &str) -> f64 {
    let args = [
        "--max",
        "--connections",
        connections,
        "--window",
        window,
        "--count",
        count,
    ];
    let (cpu, start) = (server.cpu(), Instant::now());
    let summary = simulate(server.mqtt, &args);
    let acknowledged = summary["acknowledged"]
        .as_u64()
        .or_else(|| summary["acknowledged"].as_str()?.parse().ok())
        .unwrap();
    let took = start.elapsed();
    // What was acknowledged may still be on its way into history: that is part of the price.
    if server.http != 0 {
        while server.mqtt_count("in_flight") > 0 {
            std::thread::sleep(Duration::from_millis(50));
        }
        let mut cpu = server.cpu();
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let now = server.cpu();
            if now - cpu < Duration::from_millis(50) {
                break;
            }
            cpu = now;
        }
    }
    let cpu = server.cpu() - cpu;
    let micros = micros_per(cpu, acknowledged);
    println!(
        "| {name} | {connections} x {window} | {acknowledged} | {:.0} | {micros:.2} | {:.0} | {:.0} |",
        per_second(acknowledged, took),
        per_second(acknowledged, cpu),
        server.rss() as f64 / 1e6,
    );
    micros
}

fn main() {
    let rounds = [("100", "50", "2000000"), ("10000", "1", "600000")];
    println!(
        "| server | connections x window | messages | msg/s | CPU us/msg | msg per CPU-second | RSS MB |"
    );
    println!("|---|---|---|---|---|---|---|");
    for (connections, window, count) in rounds {
        let dir = tempfile::tempdir().unwrap();
        let citygate = Server::citygate(dir.path());
        let ours = run("citygate", &citygate, connections, window, count);
        drop(citygate);
        let Some(mosquitto) = Server::mosquitto(dir.path()) else {
            println!("mosquitto is not installed: no comparison");
            continue;
        };
        let theirs = run("mosquitto", &mosquitto, connections, window, count);
        println!(
            "{connections} x {window}: {:.2} times mosquitto's messages per CPU-second\n",
            theirs / ours
        );
    }
}
