//! What it costs to judge registers: `cargo bench --bench registers`.
//!
//! Uplinks of ten readings each, taken and committed 64 at a time on one thread, over a real log. The
//! same numbers once as ten energies of a meter and once as a metric that is no register.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a bench ends where it cannot go on, and shows few digits"
)]
use citygate::catalogue::Catalogue;
use citygate::intake::{self, Intake, Knowledge, Pending, Uplink, Verdict};
use citygate::inventory::Unknown;
use citygate::log::{Log, Options};
use citygate::model::{Clock, Source, Timestamp};
use jiff::tz::TimeZone;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

const DEVICES: u32 = 10_000;
const ROUNDS: u32 = 10;
const READINGS: u32 = 10;
const BATCH: u32 = 64;

fn payload(metric: &str, round: u32, out: &mut String) {
    out.clear();
    let ts = 1_795_420_800 + round * 900;
    write!(out, "{{\"ts\":{ts},\"{metric}\":[").unwrap();
    for tariff in 0..READINGS {
        let comma = if tariff > 0 { "," } else { "" };
        let value = 100 + round;
        write!(
            out,
            "{comma}{{\"value\":{value}.25,\"labels\":{{\"tariff\":\"{tariff}\"}}}}"
        )
        .unwrap();
    }
    out.push_str("]}");
}

fn run(metric: &str) -> f64 {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Timestamp::from_secs(1_795_520_800));
    let open = |name: &str| {
        let settle = Box::new(|_: &[u64; citygate::log::LANES], _| {});
        Log::open(
            &dir.path().join(name),
            Options::default(),
            clock.clone(),
            settle,
        )
        .unwrap()
    };
    let intake = Intake::new(intake::Parts {
        catalogue: Arc::new(Catalogue::shipped()),
        routes: intake::Routes::default(),
        knowledge: Arc::new(Knowledge::nothing(Unknown::Accept)),
        node: "bench".into(),
        zone: TimeZone::UTC,
        log: open("log"),
        rejects: open("rejects"),
        accounting: Arc::default(),
        clock: clock.clone(),
        config: intake::Config::default(),
    });
    let (waiter, mut pending) = (Arc::new(Notify::new()), Pending::default());
    let (mut spent, mut uplinks, mut text) = (Duration::ZERO, 0_u32, String::new());
    for round in 0..ROUNDS {
        payload(metric, round, &mut text);
        for first in (0..DEVICES).step_by(BATCH as usize) {
            let topics: Vec<String> = (first..(first + BATCH).min(DEVICES))
                .map(|device| format!("city/em-{device}"))
                .collect();
            loop {
                let start = Instant::now();
                for topic in &topics {
                    let uplink = Uplink {
                        source: Source::Mqtt,
                        received_at: clock.now(),
                        address: "127.0.0.1:5000".parse().unwrap(),
                        topic,
                        client: "bench",
                        user: "",
                        payload: text.as_bytes(),
                        content_format: None,
                        delivery: None,
                        unassured: false,
                    };
                    intake.take(&uplink, &mut pending);
                }
                let answers = intake.commit(&mut pending, &waiter);
                if answers
                    .iter()
                    .all(|answer| answer.verdict == Verdict::Accepted)
                {
                    spent += start.elapsed();
                    uplinks += BATCH;
                    break;
                }
                // The disk is behind.
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
    let found: u64 = intake.stats().findings().map(|(_, count)| count).sum();
    assert_eq!(found, 0, "nothing is wrong with them");
    spent.as_nanos() as f64 / f64::from(uplinks * READINGS)
}

fn main() {
    println!("| readings | ns per reading, all of intake |");
    println!("|---|---|");
    let plain = run("active_power");
    println!("| no register | {plain:.0} |");
    let judged = run("active_energy_import");
    println!("| registers | {judged:.0} |");
    println!("judging costs {:.0} ns per reading", judged - plain);
}
