//! How long an acknowledgement takes beside a bare fdatasync, in one run: `cargo bench --bench ack`.
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

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};
use support::{Server, simulate};

fn fdatasync(samples: usize) -> Vec<Duration> {
    // In the build folder, which lies on the disk that the gateway's data would lie on.
    let mut file = tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut times: Vec<Duration> = (0..samples).map(|_| one(&mut file)).collect();
    times.sort();
    times
}

fn one(file: &mut File) -> Duration {
    file.write_all(&[7; 300]).unwrap();
    let start = Instant::now();
    file.sync_data().unwrap();
    start.elapsed()
}

fn main() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let server = Server::citygate(dir.path());
    for round in 1..=3 {
        let bare = fdatasync(3_000);
        let (p50, p99) = (bare[bare.len() / 2], bare[bare.len() * 99 / 100]);
        println!("round {round}: bare fdatasync p50 {p50:?} p99 {p99:?}");
        for (connections, window) in [("1", "1"), ("100", "1"), ("100", "50")] {
            let count = if window == "50" {
                "500000"
            } else if connections == "1" {
                "3000"
            } else {
                "100000"
            };
            let args = [
                "--max",
                "--connections",
                connections,
                "--window",
                window,
                "--count",
                count,
            ];
            let summary = simulate(server.mqtt, &args);
            println!(
                "round {round}: ack, {connections} x {window}: {}",
                summary["latency"]
            );
        }
    }
}
