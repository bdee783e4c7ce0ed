//! In one process, with the clock in hand: intake, log, history and registry for 31 days.
use super::compare::{Found, compare, notices_lies};
use super::lines::{Received, difference};
use super::{TOPIC, from_day, seed, write_files, zone};
use citygate::catalogue::Catalogue;
use citygate::devices::{self, Query, Registry};
use citygate::history::{self, History, Selection};
use citygate::intake::{self, Delivery, Intake, Knowledge, LookBack, Pending, Uplink, Verdict};
use citygate::inventory::{self, Unknown};
use citygate::log::record::Kind;
use citygate::log::{Log, Options, Settled, Start};
use citygate::model::{Clock, Reject, Source, Timestamp, proto};
use citygate::profiles::Profiles;
use citygate::sim::scenario::{CONCENTRATOR, LAST_DAY, Scenario};
use citygate::state::State;
use citygate::telemetry::Accounting;
use prost::Message;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::Notify;

const DAY: Duration = Duration::from_hours(24);
/// Nothing here takes this long.
const BOUND: Duration = Duration::from_secs(20);
/// When states are looked at: a while after what is late or offline became so.
const LOOKS: [Duration; 2] = [
    Duration::from_mins(7 * 60 + 1),
    Duration::from_mins(13 * 60 + 1),
];

/// A gateway without sources and servers.
struct Gateway {
    intake: Arc<Intake>,
    log: Log,
    rejects: Log,
    history: History,
    devices: Registry,
    clock: Clock,
    accounting: Arc<Accounting>,
    pending: Pending,
    waiter: Arc<Notify>,
    packet: u16,
    _dir: TempDir,
}

impl Gateway {
    fn start(scenario: &Scenario) -> Self {
        let dir = tempfile::tempdir().unwrap();
        write_files(scenario, dir.path());
        let clock = Clock::manual(scenario.start.minus(DAY / 24));
        let catalogue = Arc::new(Catalogue::shipped());
        let accounting = Arc::new(Accounting::default());
        let options = || Options {
            retain: DAY * 60,
            min_free: 1 << 20,
            ..Options::default()
        };
        let open = |name: &str, settle| {
            Log::open(&dir.path().join(name), options(), clock.clone(), settle).unwrap()
        };
        let log = open("log", intake::settle_log(accounting.clone()));
        let rejects = open("rejects", intake::settle_rejects(accounting.clone()));
        let state = Arc::new(State::open(&dir.path().join("state")).unwrap());
        let history = History::start(
            state.clone(),
            log.clone(),
            history::Config {
                retain: DAY * 60,
                ..history::Config::default()
            },
            clock.clone(),
            Box::new(|from, to| panic!("history lost {from} to {to}")),
        );
        let inventory = inventory::load(
            &dir.path().join("devices.csv"),
            &catalogue,
            &zone(),
            Unknown::Reject,
        );
        let profiles = Profiles::read(&dir.path().join("profiles"), &catalogue);
        let intake = Arc::new(Intake::new(intake::Parts {
            catalogue: catalogue.clone(),
            routes: intake::Routes::default(),
            knowledge: Arc::new(Knowledge {
                inventory: inventory.unwrap(),
                profiles: profiles.unwrap(),
                generation: 1,
            }),
            node: "driven".into(),
            zone: zone(),
            log: log.clone(),
            rejects: rejects.clone(),
            accounting: accounting.clone(),
            clock: clock.clone(),
            config: intake::Config::default(),
        }));
        let history = history.unwrap();
        let (series, device) = (history.clone(), history.clone());
        intake.look_back_by(LookBack {
            series: Box::new(move |asked| {
                series.look_back(asked).map_err(|error| error.to_string())
            }),
            device: Box::new(move |id, metrics, since| {
                let found = device.has_since(id, metrics, since);
                found.map_err(|error| error.to_string())
            }),
        });
        let devices = Registry::start(devices::Parts {
            state,
            log: log.clone(),
            rejects: rejects.clone(),
            intake: intake.clone(),
            catalogue,
            config: devices::Config::default(),
            clock: clock.clone(),
        });
        Self {
            intake,
            log,
            rejects,
            history,
            devices: devices.unwrap(),
            clock,
            accounting,
            pending: Pending::default(),
            waiter: Arc::new(Notify::new()),
            packet: 0,
            _dir: dir,
        }
    }

    /// One uplink, at its time; waits until it is durable.
    fn send(&mut self, at: Timestamp, payload: &[u8]) -> Verdict {
        self.clock.set(at);
        self.packet = self.packet % 60_000 + 1;
        let uplink = Uplink {
            source: Source::Mqtt,
            received_at: at,
            address: "127.0.0.1:5000".parse().unwrap(),
            topic: TOPIC,
            client: CONCENTRATOR,
            user: "",
            payload,
            content_format: None,
            delivery: Some(Delivery::Packet {
                session: 7,
                packet_id: self.packet,
                connection: 1,
                dup: false,
                exactly_once: false,
            }),
            unassured: false,
        };
        self.intake.take(&uplink, &mut self.pending);
        let answer = self.intake.commit(&mut self.pending, &self.waiter)[0];
        wait("the log", || {
            self.intake.settled(answer.ticket) == Settled::Durable
        });
        answer.verdict
    }

    /// The state of every device.
    fn states(&self) -> BTreeMap<String, &'static str> {
        let query = Query {
            limit: 1_000,
            ..Query::default()
        };
        let page = self.devices.list(&query);
        assert_eq!(page.next, None);
        let state = |device: &devices::Device| (device.id.to_string(), device.state.word());
        page.devices.iter().map(state).collect()
    }

    /// Everything in both logs.
    fn logged(&self) -> (Vec<proto::Report>, Vec<proto::Event>, Vec<Reject>) {
        let (mut reports, mut events, mut rejects) = (Vec::new(), Vec::new(), Vec::new());
        for log in [&self.log, &self.rejects] {
            let mut reader = log.reader(Start::Earliest).unwrap();
            loop {
                let frames = reader.read(1 << 20).unwrap();
                if frames.is_empty() {
                    break;
                }
                for (_, record) in frames.iter().flat_map(|frame| frame.records()) {
                    match record.kind {
                        Kind::Report => reports.push(Message::decode(record.body).unwrap()),
                        Kind::Event => events.push(Message::decode(record.body).unwrap()),
                        Kind::Reject => rejects.push(Message::decode(record.body).unwrap()),
                        Kind::Release => {}
                    }
                }
            }
        }
        (reports, events, rejects)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.history.close();
        self.devices.close();
        self.rejects.close();
        self.log.close();
    }
}

#[track_caller]
fn wait(what: &str, reached: impl Fn() -> bool) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < BOUND, "{what} takes too long");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// What the city should think of every device at a time.
fn true_states(scenario: &Scenario, now: Timestamp) -> BTreeMap<String, &'static str> {
    let states = scenario.states(now).into_iter();
    states
        .map(|(device, state)| (device, state.word()))
        .collect()
}

/// How many were compared, and what differed.
struct Looked {
    states: usize,
    wrong: Vec<String>,
}

fn look(gateway: &Gateway, scenario: &Scenario, now: Timestamp, looked: &mut Looked) {
    gateway.clock.set(now);
    let expected = true_states(scenario, now);
    let start = Instant::now();
    // What is wrong once is wrong more often.
    let patience = if looked.wrong.is_empty() {
        BOUND
    } else {
        BOUND / 20
    };
    let mut found = gateway.states();
    while found != expected && start.elapsed() < patience {
        std::thread::sleep(Duration::from_millis(5));
        // The registry judges when its clock has moved on, and it has read all; no state changes so soon.
        let on = u32::try_from(start.elapsed().as_millis() / 100).unwrap_or(0);
        gateway
            .clock
            .set(now.plus(Duration::from_secs(1) * on.min(50)));
        found = gateway.states();
    }
    looked.states += expected.len();
    let lines = |states: &BTreeMap<String, &'static str>| {
        let line = |(device, state): (&String, &&str)| format!("{now} {device} {state}");
        states.iter().map(line).collect::<Vec<_>>()
    };
    looked
        .wrong
        .extend(difference("states", &lines(&expected), &lines(&found)));
}

/// Plays all of it; returns how the states differed.
fn play(gateway: &mut Gateway, scenario: &Scenario) -> Looked {
    let looks = (0..=u32::try_from(LAST_DAY).unwrap()).flat_map(|day| {
        let midnight = scenario.start.plus(DAY * day);
        LOOKS.map(|look| midnight.plus(look))
    });
    let mut looks = looks.peekable();
    let mut looked = Looked {
        states: 0,
        wrong: Vec::new(),
    };
    for uplink in &scenario.uplinks {
        while let Some(now) = looks.next_if(|now| *now < uplink.at) {
            look(gateway, scenario, now, &mut looked);
        }
        let verdict = gateway.send(uplink.at, &uplink.payload);
        let expected = if uplink.what == "a copy" {
            Verdict::Duplicate
        } else {
            Verdict::Accepted
        };
        if verdict != expected {
            let what = uplink.what;
            looked
                .wrong
                .push(format!("{}: {what} is {verdict:?}\n", uplink.at));
        }
    }
    for now in looks {
        look(gateway, scenario, now, &mut looked);
    }
    looked
}

#[test]
fn readings_events_rejects_and_states_of_31_days_are_the_truth() {
    let scenario = from_day("2026-10-20");
    let truth = &scenario.truth;
    let mut gateway = Gateway::start(&scenario);
    let looked = play(&mut gateway, &scenario);
    let mut wrong = looked.wrong;

    let times: Vec<Timestamp> = scenario.uplinks.iter().map(|uplink| uplink.at).collect();
    let received = Received::At(&times);
    let (reports, events, rejects) = gateway.logged();
    let watermark = gateway.log.watermark();
    wait("history", || gateway.history.stats().next > watermark);
    let (start, end) = (scenario.start.minus(DAY), gateway.clock.now());
    let kept = gateway.history.query(Selection::default(), start, end);
    let found = Found {
        reports,
        events,
        rejects,
        kept: kept.map(Result::unwrap).collect(),
    };
    wrong.extend(compare(truth, &found, received));

    let counts = gateway.accounting.snapshot(Source::Mqtt);
    let of = (
        counts.received,
        counts.logged,
        counts.rejected,
        counts.duplicate,
    );
    let uplinks = truth.counts;
    let expected = (
        uplinks.received,
        uplinks.logged,
        uplinks.rejected,
        uplinks.duplicate,
    );
    if !counts.identity_holds() || of != expected {
        wrong.push(format!("counts: {of:?}, and not {expected:?}\n"));
    }
    println!(
        "{} uplinks: {} readings in the log, {} in history, {} events, {} rejects, {} states of {} devices",
        scenario.uplinks.len(),
        truth.readings.len(),
        truth.history().len(),
        truth.events.len(),
        truth.rejects.len(),
        looked.states,
        gateway.states().len()
    );
    assert!(wrong.is_empty(), "seed {}\n{}", seed(), wrong.concat());
    notices_lies(truth, &found, received);
}
