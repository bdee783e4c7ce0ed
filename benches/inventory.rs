//! An inventory of a million rows: `cargo bench --bench inventory`. `ROWS=100000` for fewer.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    clippy::unchecked_time_subtraction,
    reason = "a bench ends where it cannot go on, and shows few digits"
)]
use citygate::catalogue::Catalogue;
use citygate::inventory::{self, Inventory, Unknown};
use citygate::model::Timestamp;
use jiff::tz::TimeZone;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

/// Children of one concentrator.
const CHILDREN: usize = 50;
const LOOKUPS: usize = 2_000_000;
const TOML_ROWS: usize = 10_000;
const KINDS: [&str; 4] = [
    "meter.electricity",
    "meter.water",
    "meter.gas",
    "meter.heat",
];

fn main() {
    let rows: usize = std::env::var("ROWS").map_or(1_000_000, |rows| rows.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("devices.csv");
    write_csv(&path, rows);
    let size = fs::metadata(&path).unwrap().len();
    println!("{rows} rows, {:.1} MB of CSV", size as f64 / 1e6);

    let (before, cpu_before, start) = (rss(), cpu(), Instant::now());
    let inventory = load(&path);
    let (took, cpu_took) = (start.elapsed(), cpu() - cpu_before);
    let grown = rss().saturating_sub(before);
    println!("load: {took:.2?}, {cpu_took:.2?} of CPU");
    println!(
        "memory: {:.0} B a row by RSS, {:.0} B by its own account",
        grown as f64 / rows as f64,
        inventory.bytes() as f64 / rows as f64
    );
    assert_eq!(inventory.rows(), rows);

    let now = Timestamp::from_secs(1_795_000_000);
    lookups("by id", &inventory, rows, now, id);
    lookups("by alias", &inventory, rows, now, imei);
    lookups("of nobody", &inventory, rows, now, |n| format!("x-{n:08}"));

    let part = "00999";
    let start = Instant::now();
    let found = inventory.search(part).count();
    println!(
        "search for {part:?}: {found} rows, all of it in {:.2?}",
        start.elapsed()
    );
    let start = Instant::now();
    let children = inventory.children(&id(0), now).count();
    println!("children: {children} in {:.2?}", start.elapsed());

    let again = load(&path);
    difference("of the same file", &inventory, &again);
    write_csv(&path, rows * 99 / 100);
    difference("a hundredth of the rows gone", &inventory, &load(&path));

    let path = dir.path().join("devices.toml");
    write_toml(&path);
    let start = Instant::now();
    let inventory = load(&path);
    println!("TOML of {} rows: {:.2?}", inventory.rows(), start.elapsed());
}

fn load(path: &Path) -> Inventory {
    let catalogue = Catalogue::shipped();
    inventory::load(path, &catalogue, &TimeZone::UTC, Unknown::Reject).unwrap()
}

fn difference(what: &str, old: &Inventory, new: &Inventory) {
    let start = Instant::now();
    let found = Inventory::difference(old, new);
    let took = start.elapsed();
    let counts = [&found.added, &found.removed, &found.changed].map(|devices| devices.count);
    println!("difference {what}: {took:.2?} (added, removed, changed: {counts:?})");
}

/// Names in an order that no cache foresees.
fn lookups(
    what: &str,
    inventory: &Inventory,
    rows: usize,
    now: Timestamp,
    name: impl Fn(usize) -> String,
) {
    let names: Vec<String> = (0..100_000).map(|n| name(n * 7_919 % rows)).collect();
    let shuffled: Vec<&String> = (0..LOOKUPS)
        .map(|n| &names[n * 62_989 % names.len()])
        .collect();
    // By CPU: on a machine that is shared, others take most of the time that passes.
    let each = |mut work: Box<dyn FnMut(&str) -> bool + '_>| {
        let start = cpu();
        let found = shuffled.iter().filter(|name| work(name)).count();
        ((cpu() - start).as_nanos() as f64 / LOOKUPS as f64, found)
    };
    let (bare, _) = each(Box::new(|name| black_box(name).ends_with('x')));
    let (all, found) = each(Box::new(|name| {
        black_box(inventory.lookup(name, now)).is_some()
    }));
    println!(
        "lookup {what}: {:.0} ns of CPU, and {bare:.0} ns for the name itself; {found} of {LOOKUPS} found",
        all - bare
    );
}

fn id(n: usize) -> String {
    format!("m-{n:08}")
}

fn imei(n: usize) -> String {
    format!("imei:86841105{n:07}")
}

/// What a row says, but for its id.
fn cells(n: usize) -> [(&'static str, String); 9] {
    let parent = if n.is_multiple_of(CHILDREN) {
        String::new()
    } else {
        id(n - n % CHILDREN)
    };
    [
        ("kind", KINDS[n % KINDS.len()].to_owned()),
        ("profile", format!("vendor-{}", n % 7)),
        ("district", format!("3701{:02}", n / 1_000 % 20)),
        ("lat", format!("{:.6}", 36.5 + (n % 10_000) as f64 / 1e5)),
        ("lon", format!("{:.6}", 117.0 + (n / 10_000) as f64 / 1e3)),
        (
            "place",
            format!("Jingshi Road {}, stair {}", n / 100, n % 100),
        ),
        ("interval", "24h".to_owned()),
        ("aliases", imei(n)),
        ("parent", parent),
    ]
}

fn write_csv(path: &Path, rows: usize) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    let names = cells(0).map(|(name, _)| name).join(",");
    writeln!(file, "id,{names}").unwrap();
    for n in 0..rows {
        let cells = cells(n).map(|(_, text)| format!("\"{text}\"")).join(",");
        writeln!(file, "{},{cells}", id(n)).unwrap();
    }
    file.flush().unwrap();
}

fn write_toml(path: &Path) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    for n in 0..TOML_ROWS {
        writeln!(file, "[[device]]\nid = \"{}\"", id(n)).unwrap();
        for (name, text) in cells(n).iter().filter(|(_, text)| !text.is_empty()) {
            writeln!(file, "{name} = \"{text}\"").unwrap();
        }
    }
    file.flush().unwrap();
}

/// Resident bytes of this process.
fn rss() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS"));
    let kib: u64 = line
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kib * 1_024
}

/// CPU time of this thread.
fn cpu() -> Duration {
    let nanos = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(nanos.split(' ').next().unwrap().parse().unwrap())
}
