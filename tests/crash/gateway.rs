//! The gateway under power cuts: devices that resend, a subscriber that resumes, history, the accounting.
use crate::campaign::{Campaign, wait_for, wait_until};
use crate::disk::{Cut, Disk};
use crate::load::{Key, LANES, Ledger, Load, Over, device};
use crate::subscriber::{Subscriber, history};
use crate::support::{Gateway, Ports};
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

/// Segments, below the data directory.
const ROLL: &str = "log/*.seg";
/// Between the wish to kill and the kill: some ten syncs, of the log and of fjall.
const OPERATIONS_MAX: u64 = 60;
/// How long a sync takes: whoever acknowledges before it returns is caught.
const SYNC_US: u32 = 500;
/// Readers are not slower than this.
const PATIENCE: Duration = Duration::from_secs(5);
/// Small segments, so that rolls are frequent; the other keys as they come.
const MORE: &str = "[log]\nsegment_bytes = \"1MiB\"\nmin_free = \"1MiB\"";

fn spawn(disk: &Disk, dir: &Path, ports: Ports, armed: &dyn Fn()) -> Gateway {
    let config = ports.config(disk.root(), MORE);
    Gateway::spawn(dir, ports, &config, |command| {
        disk.attach(command, ROLL, SYNC_US, false);
        armed();
    })
}

fn start(disk: &Disk, dir: &Path, ports: Ports) -> Gateway {
    let mut gateway = spawn(disk, dir, ports, &|| {});
    gateway.wait_ready();
    gateway
}

/// Is `set` what was sent, each once? In words if not.
fn compare(name: &str, ledger: &Ledger, set: &HashMap<Key, u32>, complete: bool) -> Vec<String> {
    let messages = ledger.messages.lock().unwrap();
    let wanted = |lane: usize| complete || LANES[lane].dated;
    let missing: Vec<_> = messages
        .iter()
        .filter(|(key, acked)| **acked && wanted(key.0) && !set.contains_key(key))
        .map(|(key, _)| *key)
        .collect();
    let unknown: Vec<_> = set
        .keys()
        .filter(|key| !messages.contains_key(key))
        .collect();
    let twice: Vec<_> = set.iter().filter(|(_, times)| **times != 1).collect();
    let mut problems = Vec::new();
    let mut say = |count: usize, what: String| {
        if count > 0 {
            problems.push(format!("{name}: {count} {what}"));
        }
    };
    say(
        missing.len(),
        format!(
            "acknowledged messages are missing: {:?}",
            missing.iter().take(5).collect::<Vec<_>>()
        ),
    );
    say(
        unknown.len(),
        format!(
            "were never sent: {:?}",
            unknown.iter().take(5).collect::<Vec<_>>()
        ),
    );
    say(
        twice.len(),
        format!(
            "came more than once: {:?}",
            twice.iter().take(5).collect::<Vec<_>>()
        ),
    );
    problems
}

/// Lets everything come to rest and says what is wrong.
fn problems(gateway: &Gateway, load: Load, subscriber: &Subscriber) -> Vec<String> {
    let ports = gateway.ports;
    let ledger = load.drain();
    let sent = ledger.messages.lock().unwrap().len();
    let whole = Subscriber::start(ports.grpc);
    wait_while_growing(2 * sent, || subscriber.count() + whole.count());
    let mut kept = HashMap::new();
    let dated = |key: &&Key| LANES[key.0].dated;
    let dated_sent = ledger.messages.lock().unwrap().keys().filter(dated).count();
    wait_while_growing(dated_sent, || {
        kept = history(ports.grpc, (0..LANES.len()).map(device).collect());
        kept.keys().filter(dated).count()
    });
    let mut problems = compare(
        "the resuming subscriber",
        &ledger,
        &subscriber.received.lock().unwrap().times,
        true,
    );
    problems.extend(compare(
        "the log",
        &ledger,
        &whole.received.lock().unwrap().times,
        true,
    ));
    // Two undated reports that came in the same microsecond share a place in history: the later holds it.
    problems.extend(compare("history", &ledger, &kept, false));
    problems.extend(ledger.complaints.lock().unwrap().clone());
    problems.extend(subscriber.received.lock().unwrap().problems.clone());
    problems.extend(accounting(gateway, &ledger));
    let messages = ledger.messages.lock().unwrap();
    let over_coap = |key: &&Key| !matches!(LANES[key.0].over, Over::Mqtt(_));
    println!(
        "{sent} sent, {} of them over CoAP, {} acknowledged, {} received by the subscriber over {} resumptions, {} in the log, {} in history",
        messages.keys().filter(over_coap).count(),
        ledger.acks.load(Ordering::Relaxed),
        subscriber.count(),
        subscriber.received.lock().unwrap().resumed,
        whole.count(),
        kept.len(),
    );
    problems
}

/// Waits until the count is reached or has not grown for long: a loss is then named by the comparison.
fn wait_while_growing(wanted: usize, mut count: impl FnMut() -> usize) {
    let (mut last, mut since) = (0, Instant::now());
    while last < wanted && since.elapsed() < PATIENCE {
        let now = count();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Promise 2 at rest, and `received` beside what the devices sent on their last connections.
fn accounting(gateway: &Gateway, ledger: &Ledger) -> Vec<String> {
    let (_, body) = gateway.get("/v1/accounting").expect("it is running");
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    let mut problems = Vec::new();
    let mut received = |name: &str| {
        let sources = answer["sources"].as_array().unwrap();
        let source = sources.iter().find(|source| source["name"] == name);
        let source = source.unwrap();
        let count = |key: &str| source[key].as_str().unwrap().parse::<u64>().unwrap();
        let parts = ["logged", "rejected", "duplicate", "refused", "dropped"];
        let sum: u64 = parts.iter().map(|key| count(key)).sum();
        if count("received") != sum || count("in_flight") != 0 {
            problems.push(format!("the accounting does not add up: {source}"));
        }
        if count("rejected") + count("dropped") + count("protocol_errors") > 0 {
            problems.push(format!("nothing was to be rejected: {source}"));
        }
        println!("{source}");
        count("received")
    };
    let (mqtt, coap) = (received("mqtt"), received("coap"));
    let publishes = ledger.publishes.load(Ordering::Relaxed);
    let repeats = ledger.repeats.load(Ordering::Relaxed);
    if mqtt > publishes || mqtt < publishes - repeats {
        problems.push(format!(
            "{publishes} sent by MQTT, {repeats} of them repeats of QoS 2, {mqtt} received"
        ));
    }
    // Since the last start; what was sent before, or to nobody, is in `datagrams` too.
    let datagrams = ledger.datagrams.load(Ordering::Relaxed);
    if coap == 0 || coap > datagrams {
        problems.push(format!("{datagrams} sent by CoAP, {coap} received"));
    }
    problems
}

#[test]
fn what_was_acknowledged_survives_power_cuts() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::new(dir.path());
    let ports = Ports::free();
    let mut campaign = Campaign::new(OPERATIONS_MAX);
    let load = Load::start(ports);
    let subscriber = Subscriber::start(ports.grpc);
    let mut gateway = start(&disk, dir.path(), ports);
    while !campaign.done() {
        campaign.kill(&disk, &mut gateway.child, || {
            load.ledger.acks.load(Ordering::Relaxed)
        });
        campaign.interrupt_start(&disk, |arm| {
            wait_for(&mut spawn(&disk, dir.path(), ports, arm).child)
        });
        gateway = start(&disk, dir.path(), ports);
    }
    campaign.report();
    assert_eq!(problems(&gateway, load, &subscriber), Vec::<String>::new());
    assert!(gateway.stop().success());
    // Nothing escaped the shim, and a gateway that ends in order owes the disk nothing.
    assert_eq!(disk.cut(0), Cut::default());
    log_is_sound(disk.root(), subscriber.count());
}

/// What the tools for a stopped gateway say.
fn log_is_sound(data_dir: &Path, reports: usize) {
    let log = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_citygate"));
        let output = command.arg("log").args(arguments).arg(data_dir).output();
        let output = output.unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    log(&["check"]);
    let stat = log(&["stat", "--json"]);
    // A line each of the log and of the rejects' log.
    let counts: Vec<serde_json::Value> = stat
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(counts[0]["reports"], reports, "{stat}");
    assert_eq!(counts[1]["rejects"], 0, "{stat}");
}

/// The method sees a missing sync: with syncs that do nothing the same checks find the loss.
#[test]
fn a_gateway_that_does_not_sync_is_caught() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Disk::new(dir.path());
    let ports = Ports::free();
    let mut campaign = Campaign::new(OPERATIONS_MAX);
    let load = Load::start(ports);
    let subscriber = Subscriber::start(ports.grpc);
    let mut gateway = start(&disk, dir.path(), ports);
    campaign.kill(&disk, &mut gateway.child, || {
        load.ledger.acks.load(Ordering::Relaxed)
    });
    gateway = start(&disk, dir.path(), ports);
    let before = load.ledger.acks.load(Ordering::Relaxed);
    wait_until("life", || load.ledger.acks.load(Ordering::Relaxed) > before);
    disk.lie();
    campaign.kill(&disk, &mut gateway.child, || {
        load.ledger.acks.load(Ordering::Relaxed)
    });
    gateway = start(&disk, dir.path(), ports);
    let problems = problems(&gateway, load, &subscriber);
    println!("{problems:#?}");
    assert!(
        problems
            .iter()
            .any(|problem| problem.contains("acknowledged messages are missing"))
    );
}
