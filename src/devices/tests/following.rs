//! The registry on real logs and the real database: restarts, crashes, gaps.
use super::*;
use crate::devices::{Parts, Registry, TraceKind};
use crate::intake::Knowledge;
use crate::intake::{self, Intake};
use crate::inventory::Unknown;
use crate::log::record::{Keys, Kind};
use crate::log::{Batch, Log, Options, Settled};
use crate::model::Clock;
use crate::state;
use jiff::tz::TimeZone;
use prost::Message;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::Notify;

const PATIENCE: Duration = Duration::from_secs(20);

/// Two logs, and what a registry needs beside them.
pub(super) struct Rig {
    dir: tempfile::TempDir,
    pub clock: Clock,
    pub log: Log,
    rejects: Log,
    pub intake: Arc<Intake>,
}

fn open(dir: &Path, clock: &Clock, options: Options) -> Log {
    Log::open(dir, options, clock.clone(), Box::new(|_, _| {})).unwrap()
}

impl Rig {
    pub fn new() -> Self {
        Self::with(Options::default())
    }

    fn with(options: Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(at(0));
        let log = open(&dir.path().join("log"), &clock, options);
        let rejects = open(&dir.path().join("rejects"), &clock, Options::default());
        let intake = Intake::new(intake::Parts {
            catalogue: Arc::new(Catalogue::shipped()),
            routes: intake::Routes::default(),
            knowledge: Arc::new(Knowledge::nothing(Unknown::Accept)),
            node: "test".into(),
            zone: TimeZone::UTC,
            log: log.clone(),
            rejects: rejects.clone(),
            accounting: Arc::default(),
            clock: clock.clone(),
            config: intake::Config::default(),
        });
        Self {
            dir,
            clock,
            log,
            rejects,
            intake: Arc::new(intake),
        }
    }

    /// A registry with its state in this folder.
    pub fn start(&self, folder: &str) -> Registry {
        self.start_on(folder, &self.log)
    }

    fn start_on(&self, folder: &str, log: &Log) -> Registry {
        let state = state::State::open(&self.dir.path().join(folder)).unwrap();
        self.start_with(Arc::new(state), log)
    }

    pub fn start_with(&self, state: Arc<state::State>, log: &Log) -> Registry {
        Registry::start(Parts {
            state,
            log: log.clone(),
            rejects: self.rejects.clone(),
            intake: self.intake.clone(),
            catalogue: Arc::new(Catalogue::shipped()),
            config: Config::default(),
            clock: self.clock.clone(),
        })
        .unwrap()
    }

    /// Reports of a small city from `from` on, a reject or event here and there.
    pub fn feed(&self, from: i64, to: i64) {
        for secs in from..to {
            self.clock.set(at(secs));
            let device = format!("m-{}", secs % 7);
            let mut readings = vec![
                number("voltage", secs, 200.0),
                flag("tamper", secs, secs % 5 == 0),
            ];
            readings[0].labels = vec![("phase".into(), "a".into())];
            readings[0].value = Value::Number(200.0 + f64::from(i32::try_from(secs % 40).unwrap()));
            if secs % 3 == 0 {
                let value = Value::Text(format!("v{secs}").into());
                readings.push(ReadingDraft {
                    value,
                    ..number("firmware_version", secs, 0.0)
                });
            }
            let mut draft = report(&device, secs, readings);
            draft.via = if secs % 7 < 3 { "hub" } else { "" };
            let mut body = Vec::new();
            draft.encode(&mut body);
            append(&self.log, Kind::Report, &body);
            if secs % 11 == 0 {
                let reject = Reject {
                    received_at_ns: at(secs).as_nanos(),
                    source: 1,
                    address: "10.0.0.9:77".into(),
                    device_id: format!("m-{}", secs % 9),
                    reason: "syntax".into(),
                    ..Reject::default()
                };
                append(&self.rejects, Kind::Reject, &reject.encode_to_vec());
            }
            if secs % 13 == 0 {
                let event = proto::Event {
                    device_id: "m-6".into(),
                    name: "will".into(),
                    at: Some(at(secs).into()),
                    ..proto::Event::default()
                };
                append(&self.log, Kind::Event, &event.encode_to_vec());
            }
        }
    }
}

fn append(log: &Log, kind: Kind, body: &[u8]) {
    let mut batch = Batch::default();
    batch.push(kind, &Keys::default(), body);
    let sequence = log.append(&mut batch, &Arc::new(Notify::new())).unwrap();
    until("the disk", || log.settled(sequence) == Settled::Durable);
}

pub(super) fn until(what: &str, done: impl Fn() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// All devices as the logs make them, once everything is applied: without versions, and without what
/// time has changed, for nobody knows when a gateway that reads its logs again was down.
pub(super) fn devices(registry: &Registry, rig: &Rig) -> Vec<Device> {
    let last = rig.log.watermark();
    let caught_up = || {
        let table = registry.list(&Query {
            values: true,
            ..query()
        });
        let stats = registry.stats();
        let applied = table.devices.iter().flat_map(|device| device.traces.iter());
        let newest = applied.filter_map(|trace| match trace.what {
            TraceKind::Report(sequence) | TraceKind::Event(sequence) => Some(sequence),
            _ => None,
        });
        newest.max() == Some(last) && stats.devices > 0 && stats.lag == 0 && stats.rejects_lag == 0
    };
    // The clock moves on, so that the figures are told.
    until("the registry catches up", || {
        rig.clock.set(rig.clock.now().plus(Duration::from_secs(1)));
        caught_up()
    });
    let page = registry.list(&Query {
        values: true,
        ..query()
    });
    let timeless = |mut device: Device| {
        device
            .traces
            .retain(|trace| !matches!(trace.what, TraceKind::State(..)));
        device
            .values
            .iter_mut()
            .for_each(|value| value.stale = false);
        Device {
            version: 0,
            state: State::Online,
            state_since: at(0),
            children_silent: 0,
            late_at: None,
            offline_at: None,
            ..device
        }
    };
    page.devices.into_iter().map(timeless).collect()
}

/// Until the clock has made it save everything, and everybody is offline.
fn save(registry: &Registry, rig: &Rig) {
    until("a save", || {
        rig.clock.set(rig.clock.now().plus(Duration::from_secs(1)));
        let stats = registry.stats();
        stats.unsaved == 0 && stats.save_us > 0
    });
}

/// As after a crash: what is on the disk now.
fn copy(from: &Path, to: &Path) {
    let copied = std::process::Command::new("cp")
        .arg("-r")
        .args([from, to])
        .status();
    assert!(copied.unwrap().success());
}

#[test]
fn a_restart_a_crash_and_a_rebuild_give_the_same_devices() {
    let rig = Rig::new();
    let first = rig.start("state");
    rig.feed(0, 200);
    let before = devices(&first, &rig);
    // A save is due by the clock.
    save(&first, &rig);
    // Of the crashed one, the disk as it is somewhere in between.
    rig.feed(2_000, 2_060);
    copy(
        &rig.dir.path().join("state"),
        &rig.dir.path().join("crashed"),
    );
    let expected = devices(&first, &rig);
    assert_ne!(before, expected);
    let epoch = first.id();
    first.close();
    drop(first);
    for (folder, kept) in [("state", true), ("crashed", true), ("rebuilt", false)] {
        let again = rig.start(folder);
        for (now, then) in devices(&again, &rig).iter().zip(&expected) {
            assert_eq!(now, then, "{folder}");
        }
        assert_eq!(devices(&again, &rig).len(), expected.len(), "{folder}");
        assert_eq!(again.id() == epoch, kept, "{folder}");
        again.close();
    }
}

#[test]
fn versions_grow_across_a_crash() {
    let rig = Rig::new();
    let first = rig.start("state");
    rig.feed(0, 50);
    devices(&first, &rig);
    save(&first, &rig);
    copy(
        &rig.dir.path().join("state"),
        &rig.dir.path().join("crashed"),
    );
    rig.feed(2_000, 2_009);
    devices(&first, &rig);
    let seen = first.version();
    first.close();
    let again = rig.start("crashed");
    devices(&again, &rig);
    assert!(again.version() > seen);
    let (changed, _) = again.changed(seen, 100);
    let ids: Vec<&str> = changed.iter().map(|device| &*device.id).collect();
    for lost in ["m-0", "m-1", "m-6", "hub"] {
        assert!(ids.contains(&lost), "{lost} changed unseen: {ids:?}");
    }
    again.close();
}

#[test]
fn another_log_is_read_from_its_start() {
    let rig = Rig::new();
    let first = rig.start("state");
    rig.feed(0, 30);
    devices(&first, &rig);
    first.close();
    let epoch = first.id();
    drop(first);
    let other = open(
        &rig.dir.path().join("other"),
        &rig.clock,
        Options::default(),
    );
    let again = rig.start_on("state", &other);
    until("both logs are read", || {
        let stats = again.stats();
        stats.lag == 0 && stats.rejects_lag == 0
    });
    let page = again.list(&query());
    assert!(
        page.devices
            .iter()
            .all(|device| device.reports == 0 && device.state == State::Never)
    );
    assert_ne!(again.id(), epoch);
    again.close();
    // And it is kept.
    drop(again);
    let kept = rig.start_on("state", &other);
    assert_eq!(kept.list(&query()).devices.len(), page.devices.len());
    kept.close();
}

#[test]
fn what_retention_took_is_said_and_counted() {
    let rig = Rig::with(Options {
        segment_bytes: 16 << 10,
        retain_bytes: 48 << 10,
        ..Options::default()
    });
    let first = rig.start("state");
    rig.feed(0, 20);
    devices(&first, &rig);
    first.close();
    drop(first);
    let applied = rig.log.watermark();
    let mut secs = 100;
    while rig.log.oldest().0 <= applied + 1 {
        rig.feed(secs, secs + 200);
        secs += 200;
        assert!(secs < 20_000, "retention takes nothing");
    }
    let lost = rig.log.oldest().0 - applied - 1;
    let again = rig.start("state");
    let now = devices(&again, &rig);
    let expired = again.stats().expired;
    assert!(expired >= lost, "{expired} of {lost}");
    assert!(now.iter().map(|device| device.reports).sum::<u64>() > 20);
    again.close();
}

#[tokio::test]
async fn copies_are_seen_and_waiters_wake() {
    let rig = Rig::new();
    let registry = rig.start("state");
    rig.feed(0, 14);
    let before = devices(&registry, &rig);
    let version = registry.version();
    rig.intake.sighted("m-3", at(500));
    rig.clock.set(at(501));
    tokio::time::timeout(PATIENCE, registry.wait(version))
        .await
        .unwrap();
    let device = registry.get("m-3").unwrap();
    assert_eq!((device.duplicates, device.last_seen), (1, at(500)));
    let (changed, reached) = registry.changed(version, 100);
    assert!(changed.contains(&device), "{changed:?}");
    assert_eq!(reached, registry.version());
    assert_ne!(before.len(), 0);
    registry.close();
}

#[test]
fn strangers_are_remembered_across_a_restart() {
    let rig = Rig::new();
    let first = rig.start("state");
    rig.feed(0, 60);
    devices(&first, &rig);
    let strangers = |registry: &Registry| registry.strangers(Timestamp::MIN, 10);
    let before = strangers(&first);
    assert!(!before.is_empty());
    first.close();
    drop(first);
    let again = rig.start("state");
    devices(&again, &rig);
    assert_eq!(strangers(&again), before);
    again.close();
}
