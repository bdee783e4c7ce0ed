//! The device registry at one million devices: `cargo bench --bench devices`. `DEVICES=100000` for fewer;
//! `LISTED=1` for the inventory's part alone.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::unchecked_time_subtraction,
    reason = "a bench ends where it cannot go on, and shows few digits"
)]
use citygate::catalogue::Catalogue;
use citygate::devices::{Config, Parts, Query, Registry, State};
use citygate::intake::Knowledge;
use citygate::intake::{self, Intake};
use citygate::inventory::{Inventory, Unknown};
use citygate::log::record::{Arrived, Keys, Kind};
use citygate::log::{AppendError, Batch, Log, Options, Start};
use citygate::model::{Arrival, Clock, Quality, ReadingDraft, ReportDraft, Source, Value};
use citygate::profiles::Profiles;
use citygate::state;
use jiff::tz::TimeZone;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Reports of few devices, for the cost where everything is in the caches.
const FEW: u64 = 20_000;
const REPEATS: u32 = 20;

struct Rig {
    dir: tempfile::TempDir,
    log: Log,
    rejects: Log,
    intake: Arc<Intake>,
    waiter: Arc<Notify>,
    reports: u64,
}

impl Rig {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let open = |name: &str| {
            let options = Options {
                retain_bytes: 1 << 40,
                ..Options::default()
            };
            let settle = Box::new(|_: &[u64; citygate::log::LANES], _| {});
            Log::open(&dir.path().join(name), options, Clock::system(), settle).unwrap()
        };
        let (log, rejects) = (open("log"), open("rejects"));
        let intake = Arc::new(Intake::new(intake::Parts {
            catalogue: Arc::new(Catalogue::shipped()),
            routes: intake::Routes::default(),
            knowledge: Arc::new(Knowledge::nothing(Unknown::Accept)),
            node: "bench".into(),
            zone: TimeZone::UTC,
            log: log.clone(),
            rejects: rejects.clone(),
            accounting: Arc::default(),
            clock: Clock::system(),
            config: intake::Config::default(),
        }));
        Self {
            dir,
            log,
            rejects,
            intake,
            waiter: Arc::new(Notify::new()),
            reports: 0,
        }
    }

    fn start(&self) -> Registry {
        let state = state::State::open(&self.dir.path().join("state")).unwrap();
        Registry::start(Parts {
            state: Arc::new(state),
            log: self.log.clone(),
            rejects: self.rejects.clone(),
            intake: Arc::clone(&self.intake),
            catalogue: Arc::new(Catalogue::shipped()),
            config: Config {
                max: 16_000_000,
                ..Config::default()
            },
            clock: Clock::system(),
        })
        .unwrap()
    }

    /// A report of each of these devices.
    fn append(&mut self, devices: impl Iterator<Item = u64>) {
        let mut batch = Batch::default();
        let (mut body, mut arrival) = (Vec::new(), Vec::new());
        for device in devices {
            self.reports += 1;
            body.clear();
            arrival.clear();
            encode(device, self.reports, &mut body, &mut arrival);
            let here = Arrived::Here(&arrival);
            batch.push_arrived(Kind::Report, &Keys::default(), here, &body);
            if batch.len() >= 256 {
                self.push(&mut batch);
            }
        }
        self.push(&mut batch);
    }

    fn push(&self, batch: &mut Batch) {
        while !batch.is_empty() {
            match self.log.append(batch, &self.waiter) {
                Ok(_) => {}
                Err(AppendError::Backlog { .. }) => std::thread::sleep(Duration::from_millis(2)),
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn caught_up(&self, registry: &Registry) {
        while registry.stats().lag > 0 || self.log.stat().pending_bytes > 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A meter's report of four readings.
fn encode(device: u64, n: u64, body: &mut Vec<u8>, arrival: &mut Vec<u8>) {
    let now = Clock::system().now();
    let id = format!("urn:imei:8637030{device:08}");
    let reading = |metric, unit, value: f64| ReadingDraft {
        metric,
        unit,
        value: Value::Number(value),
        observed_at: now,
        quality: Quality::Good,
        labels: Vec::new(),
        raw: "".into(),
        raw_unit: "".into(),
    };
    let value = (n % 1_000) as f64;
    let draft = ReportDraft {
        device_id: &id,
        kind: "meter.electricity",
        district: "370102",
        profile: "json",
        received_at: now,
        source: Source::Mqtt,
        readings: vec![
            reading("active_energy_import", "kW.h", value),
            reading("active_power", "kW", value / 100.0),
            reading("voltage", "V", 230.0 + value / 100.0),
            reading("current", "A", value / 10.0),
        ],
        node: "bench",
        via: "",
    };
    draft.encode(body);
    let here = Arrival {
        address: "10.1.2.3:4567".parse().ok(),
        topic: "city/meter",
        client: "meter",
        content_format: None,
        raw: &[b'x'; 100],
        raw_len: 100,
        alone: true,
        route: "city/{device}",
        version: "",
    };
    here.encode(arrival);
}

/// Resident bytes of this process.
fn rss() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib * 1_024
}

/// CPU time of the registry's thread.
fn cpu() -> Duration {
    for task in fs::read_dir("/proc/self/task").unwrap() {
        let path = task.unwrap().path();
        let of = |name: &str| fs::read_to_string(Path::new(&path).join(name)).unwrap_or_default();
        if of("comm").trim() == "devices" {
            let nanos = of("schedstat");
            return Duration::from_nanos(nanos.split(' ').next().unwrap().parse().unwrap());
        }
    }
    Duration::ZERO
}

/// The best of some runs.
fn time(what: &str, mut work: impl FnMut()) {
    let mut best = Duration::MAX;
    let mut worst = Duration::ZERO;
    for _ in 0..REPEATS {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed());
        worst = worst.max(start.elapsed());
    }
    println!("{what}: {:.2} ms, at worst {:.2} ms", ms(best), ms(worst));
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn per(time: Duration, count: u64) -> f64 {
    time.as_nanos() as f64 / count as f64
}

fn apply(rig: &mut Rig, registry: &Registry, what: &str, devices: impl Iterator<Item = u64>) {
    let (before, count) = (cpu(), rig.reports);
    rig.append(devices);
    rig.caught_up(registry);
    let count = rig.reports - count;
    println!(
        "{what}: {:.0} ns of CPU a report of 4 readings, log read included",
        per(cpu() - before, count)
    );
}

fn lists(registry: &Registry, devices: u64) {
    let query = || Query {
        limit: 100,
        ..Query::default()
    };
    time("list, first page of 100, with values", || {
        let page = registry.list(&Query {
            values: true,
            ..query()
        });
        assert_eq!(page.devices.len(), 100);
    });
    time("list by kind and district, last page", || {
        let page = registry.list(&Query {
            kinds: vec!["meter".into()],
            districts: vec!["3701".into()],
            after: u32::try_from(devices - 50).ok(),
            ..query()
        });
        assert!(page.devices.len() < 60 && page.counts.total >= devices);
    });
    time("list by state, nothing found", || {
        let states = vec![State::Offline];
        assert_eq!(registry.list(&Query { states, ..query() }).devices.len(), 0);
    });
    for (what, text) in [
        ("a full id", "urn:imei:863703000000777"),
        ("four digits", "0777"),
        ("what all have", "IMEI"),
        ("a digit", "7"),
        ("nothing", "pole"),
    ] {
        time(&format!("search {what}"), || {
            let search = text.into();
            std::hint::black_box(registry.list(&Query { search, ..query() }));
        });
    }
    time("counts", || {
        std::hint::black_box(registry.counts());
    });
    time("concerns", || {
        std::hint::black_box(registry.concerns(100));
    });
    time("nearest", || {
        std::hint::black_box(registry.nearest("urn:imei:86370300000O777"));
    });
    time("get", || {
        assert!(registry.get("urn:imei:863703000000777").is_some());
    });
}

/// As many rows of an inventory, with an alias each.
fn knowledge(devices: u64, kind: &str, generation: u64) -> Arc<Knowledge> {
    let mut csv = String::from("id,kind,district,aliases,interval\n");
    for device in 0..devices {
        writeln!(
            csv,
            "urn:imei:8637030{device:08},{kind},37010{},sn:{:09},1h",
            device % 10,
            device * 7_919 % 1_000_000_007
        )
        .unwrap();
    }
    let (catalogue, zone) = (Catalogue::shipped(), TimeZone::UTC);
    let read = Inventory::of_csv(
        Path::new("devices.csv"),
        &csv,
        &catalogue,
        &zone,
        Unknown::Accept,
    );
    Arc::new(Knowledge {
        inventory: read.unwrap(),
        profiles: Profiles::default(),
        generation,
    })
}

/// Every tenth device of an inventory is heard.
fn listed(devices: u64) {
    println!("-- an inventory of {devices}, a tenth of them heard");
    let mut rig = Rig::new();
    let config = intake::Config::default;
    let first = knowledge(devices, "meter.electricity", 2);
    let second = knowledge(devices, "meter.gas", 3);
    let known = first.inventory.bytes() as u64 / devices;
    println!("the inventory itself: {known} bytes a device");
    rig.append((0..devices / 10).map(|n| n * 10));
    let registry = rig.start();
    rig.caught_up(&registry);
    registry.close();
    drop(registry);
    let start = Instant::now();
    let heard = rig.start();
    println!(
        "start with those heard: {:.2} s",
        start.elapsed().as_secs_f64()
    );
    let without = heard.stats().bytes;
    heard.close();
    drop(heard);
    rig.intake
        .reload(intake::Routes::default(), first, &config());
    let before = rss();
    let start = Instant::now();
    let registry = rig.start();
    println!("start with all: {:.2} s", start.elapsed().as_secs_f64());
    let never = devices - devices / 10;
    println!(
        "memory: {} bytes for each that was never heard, as the registry estimates; {} RSS, those heard included",
        (registry.stats().bytes - without) / never,
        (rss() - before) / never
    );
    assert_eq!(registry.counts().states[0], never);
    lists(&registry, devices);
    time("search an alias", || {
        let search = "sn:00000791".into();
        let page = registry.list(&Query {
            search,
            limit: 100,
            ..Query::default()
        });
        assert!(page.counts.total > 0);
    });
    let used = cpu();
    let start = Instant::now();
    rig.intake
        .reload(intake::Routes::default(), second, &config());
    let mut worst = Duration::ZERO;
    let gas = || Query {
        kinds: vec!["meter.gas".into()],
        limit: 1,
        ..Query::default()
    };
    let mut asked = 0;
    while registry.list(&gas()).counts.total < devices {
        let at = Instant::now();
        std::hint::black_box(registry.get("urn:imei:863703000000777"));
        worst = worst.max(at.elapsed());
        asked += 1;
    }
    println!(
        "another snapshot that changes each: {:.2} s, {:.2} s of CPU; who asks waits {:.1} ms at worst of {asked}",
        start.elapsed().as_secs_f64(),
        (cpu() - used).as_secs_f64(),
        ms(worst)
    );
    registry.close();
}

fn main() {
    let devices: u64 = std::env::var("DEVICES")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(1_000_000);
    listed(devices);
    if std::env::var_os("LISTED").is_some() {
        return;
    }
    let mut rig = Rig::new();
    let registry = rig.start();
    // The log's buffers are not the registry's.
    rig.append((0..200_000).map(|_| 0));
    rig.caught_up(&registry);
    apply(
        &mut rig,
        &registry,
        "few devices",
        (0..50 * FEW).map(|n| n % FEW),
    );
    let (before, known) = (rss(), registry.stats().devices);
    apply(&mut rig, &registry, "new devices", FEW..devices);
    let added = registry.stats().devices - known;
    let bytes = (rss() - before) as f64 / added as f64;
    println!(
        "memory: {bytes:.0} bytes a device (RSS), {} as the registry estimates",
        registry.stats().bytes / registry.stats().devices
    );
    // Far apart, so that no cache helps.
    let scattered = (0..devices).map(|n| n * 7_919 % devices);
    apply(&mut rig, &registry, "all devices, scattered", scattered);
    let bytes = (rss() - before) as f64 / added as f64;
    println!("memory with two reports each: {bytes:.0} bytes a device (RSS)");
    lists(&registry, devices);
    let mut reader = rig.log.reader(Start::Earliest).unwrap();
    let (start, mut records) = (Instant::now(), 0);
    while let Ok(frames) = reader.read(1 << 20)
        && !frames.is_empty()
    {
        records += frames
            .iter()
            .map(|frame| frame.records().count() as u64)
            .sum::<u64>();
    }
    println!(
        "reading the log alone: {:.0} ns a record",
        per(start.elapsed(), records)
    );
    // Enough records that a save of all is due.
    for _ in 0..3 {
        rig.append((0..devices).map(|n| n * 7_919 % devices));
    }
    rig.caught_up(&registry);
    while registry.stats().unsaved > 0 || registry.stats().save_us == 0 {
        std::thread::sleep(Duration::from_millis(100));
    }
    let took = Duration::from_micros(registry.stats().save_us);
    println!("save of all: {:.1} s, in parts", took.as_secs_f64());
    registry.close();
    drop(registry);
    let start = Instant::now();
    let again = rig.start();
    println!("start with all: {:.2} s", start.elapsed().as_secs_f64());
    assert_eq!(again.stats().devices, devices);
    again.close();
}
