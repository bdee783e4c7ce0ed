//! Intake over real logs in a temporary folder.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod arrivals;
mod copies;
mod exchanges;
mod identity;
mod meters;
mod model;
mod owners;
mod packs;
mod refusals;
mod registers;
mod retries;
mod shapes;
mod times;

use super::*;
use crate::log::record::Kind;
use crate::log::{Options, Start};
use crate::model::{Reject, Source, Timestamp, proto};
use crate::telemetry::Counts;
use prost::Message;
use std::time::Duration;

/// 2026-11-23T08:00:00Z.
const NOW: i64 = 1_795_420_800;

struct Rig {
    intake: Intake,
    clock: Clock,
    waiter: Arc<Notify>,
    pending: Pending,
    dir: tempfile::TempDir,
    setup: Setup,
}

#[derive(Clone)]
struct Setup {
    routes: &'static str,
    zone: &'static str,
    unknown: crate::inventory::Unknown,
    config: Config,
    min_free: u64,
    /// `[[metric]]`.
    metrics: &'static str,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            routes: "",
            zone: "Asia/Shanghai",
            unknown: crate::inventory::Unknown::Accept,
            config: Config::default(),
            min_free: 0,
            metrics: "",
        }
    }
}

#[derive(Default)]
struct Logged {
    reports: Vec<proto::Report>,
    events: Vec<proto::Event>,
    rejects: Vec<Reject>,
    releases: usize,
}

impl Logged {
    /// Reason and part of each reject.
    fn reasons(&self) -> Vec<(&str, &str)> {
        self.rejects
            .iter()
            .map(|r| (r.reason.as_str(), r.part.as_str()))
            .collect()
    }
}

fn open(dir: &std::path::Path, setup: &Setup, clock: &Clock) -> Intake {
    let accounting = Arc::new(Accounting::default());
    let log = |name: &str, min_free, settle| {
        let options = Options {
            min_free,
            ..Options::default()
        };
        Log::open(&dir.join(name), options, clock.clone(), settle).unwrap()
    };
    let mut problems = Vec::new();
    let mut catalogue = Catalogue::shipped();
    let table = toml::from_str(setup.metrics).unwrap();
    let mut top = crate::model::settings::Section::new("", table, &mut problems);
    catalogue.extend(&mut top);
    let catalogue = Arc::new(catalogue);
    let table = toml::from_str(setup.routes).unwrap();
    let mut top = crate::model::settings::Section::new("", table, &mut problems);
    let routes = Routes::read(&mut top, &catalogue);
    assert!(problems.is_empty(), "{problems:?}");
    let state = crate::state::State::open(&dir.join("state")).unwrap();
    let intake = Intake::new(Parts {
        catalogue,
        routes,
        knowledge: Arc::new(Knowledge::nothing(setup.unknown)),
        node: "lixia-1".to_owned(),
        zone: TimeZone::get(setup.zone).unwrap(),
        log: log("log", setup.min_free, settle_log(Arc::clone(&accounting))),
        rejects: log("rejects", 0, settle_rejects(Arc::clone(&accounting))),
        accounting,
        clock: clock.clone(),
        config: setup.config.clone(),
    });
    intake.keep_marks_in(&Arc::new(state));
    intake
}

impl Rig {
    fn new() -> Self {
        Self::with(Setup::default())
    }

    fn with(setup: Setup) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::from_secs(NOW));
        Self {
            intake: open(dir.path(), &setup, &clock),
            clock,
            waiter: Arc::new(Notify::new()),
            pending: Pending::default(),
            dir,
            setup,
        }
    }

    /// Its log refuses, its rejects' log does not.
    fn full() -> Self {
        let rig = Self::with(Setup {
            min_free: u64::MAX,
            ..Setup::default()
        });
        let start = std::time::Instant::now();
        while rig.intake.refusing().is_none() {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "the writer looks at the disk"
            );
            std::thread::yield_now();
        }
        rig
    }

    /// The same intake, with all it remembers, over a log that has room.
    fn reopen_with_room(&mut self) {
        self.intake.log.close();
        let settle = settle_log(Arc::clone(&self.intake.accounting));
        let options = Options {
            min_free: 0,
            ..Options::default()
        };
        self.setup.min_free = 0;
        self.intake.log = Log::open(
            &self.dir.path().join("log"),
            options,
            self.clock.clone(),
            settle,
        )
        .unwrap();
    }

    /// Ends the process, so to speak, and starts it again.
    fn restart(mut self) -> Self {
        self.close();
        self.intake.recovered.close();
        self.intake = open(self.dir.path(), &self.setup, &self.clock);
        self.intake.rebuild().unwrap();
        self
    }

    fn close(&mut self) {
        self.intake.log.close();
        self.intake.rejects.close();
    }

    fn take(&mut self, uplink: &Uplink<'_>) {
        self.intake.take(uplink, &mut self.pending);
    }

    fn commit(&mut self) -> Vec<Answer> {
        let answers = self.intake.commit(&mut self.pending, &self.waiter);
        for answer in &answers {
            if !matches!(answer.verdict, Verdict::Refused(_)) {
                self.wait(answer.ticket);
            }
        }
        answers
    }

    fn wait(&self, ticket: Ticket) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            while self.intake.settled(ticket) == Settled::Pending {
                let notified =
                    tokio::time::timeout(Duration::from_secs(20), self.waiter.notified());
                notified.await.expect("the waiter is notified");
            }
        });
        assert_eq!(self.intake.settled(ticket), Settled::Durable);
    }

    fn send(&mut self, uplink: &Uplink<'_>) -> Verdict {
        self.take(uplink);
        self.commit()[0].verdict
    }

    /// One uplink to `topic`, undelivered before.
    fn payload(&mut self, topic: &str, payload: &str) -> Verdict {
        let uplink = Uplink {
            topic,
            payload: payload.as_bytes(),
            ..self.uplink()
        };
        self.send(&uplink)
    }

    fn uplink(&self) -> Uplink<'static> {
        Uplink {
            source: Source::Mqtt,
            received_at: self.clock.now(),
            address: "127.0.0.1:5000".parse().unwrap(),
            topic: "city/m-1",
            client: "client-1",
            user: "",
            payload: b"",
            content_format: None,
            delivery: None,
            unassured: false,
        }
    }

    fn counts(&self) -> Counts {
        let counts = self.intake.accounting.snapshot(Source::Mqtt);
        assert!(counts.identity_holds(), "{counts:?}");
        assert_eq!(counts.in_flight, 0, "at rest");
        counts
    }

    fn logged(&self) -> Logged {
        let mut logged = Logged::default();
        for log in [&self.intake.log, &self.intake.rejects] {
            let mut reader = log.reader(Start::Earliest).unwrap();
            loop {
                let frames = reader.read(1 << 20).unwrap();
                if frames.is_empty() {
                    break;
                }
                for (_, record) in frames.iter().flat_map(|frame| frame.records()) {
                    match record.kind {
                        Kind::Report => logged.reports.push(Message::decode(record.body).unwrap()),
                        Kind::Event => logged.events.push(Message::decode(record.body).unwrap()),
                        Kind::Reject => logged.rejects.push(Message::decode(record.body).unwrap()),
                        Kind::Release => logged.releases += 1,
                    }
                }
            }
        }
        logged
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.close();
    }
}

#[expect(clippy::unnecessary_wraps, reason = "as an uplink has it")]
fn delivery(packet_id: u16, connection: u64, dup: bool, exactly_once: bool) -> Option<Delivery> {
    Some(Delivery::Packet {
        session: 77,
        packet_id,
        connection,
        dup,
        exactly_once,
    })
}

fn number(reading: &proto::Reading) -> f64 {
    match reading.value {
        Some(proto::reading::Value::Number(number)) => number,
        ref other => panic!("{other:?} is no number"),
    }
}
