//! Rejects that are taken once more.
mod leftovers;

use super::*;
use crate::intake::{Fate, Rejected, Retried};
use crate::model::ReadingDraft;

const ROUTE: &str = "[[route]]\ntopic = 'plant/{device}/up'\n";
const FLUX: &str = "[[metric]]\nname = 'flux'\nunit = 'V'\nen = 'Flux'\nzh = 'Flux'\n[[metric]]\nname = 'flax'\nunit = 'V'\nen = 'Flax'\nzh = 'Flax'\n";
const UNDATED: &str = r#"{"lamp_on": true}"#;
const DATED: &str = r#"{"ts": 1795420000, "voltage": 230.5}"#;

#[expect(clippy::unnecessary_wraps, reason = "as history has it")]
fn nothing(_: &str, readings: &[ReadingDraft<'_>]) -> Result<Vec<bool>, String> {
    Ok(vec![false; readings.len()])
}

impl Rig {
    /// The rejects of the log, by uplink, with the sequences of the first.
    pub(super) fn rejected(&self) -> Vec<Rejected> {
        let mut uplinks: Vec<Rejected> = Vec::new();
        let mut reader = self.intake.rejects.reader(Start::Earliest).unwrap();
        loop {
            let frames = reader.read(1 << 20).unwrap();
            if frames.is_empty() {
                return uplinks;
            }
            for (sequence, record) in frames.iter().flat_map(|frame| frame.records()) {
                let reject = Reject::decode(record.body).unwrap();
                if reject.index == 0 {
                    uplinks.push(Rejected {
                        rejects: Vec::new(),
                        keys: record.keys,
                    });
                }
                let last = uplinks.last_mut().unwrap();
                last.rejects.push((sequence, reject));
            }
        }
    }

    fn retry_as(&self, uplink: &Rejected, trial: bool) -> Retried {
        let retried = self.intake.retry(uplink, &nothing, trial, &self.waiter);
        let retried = retried.unwrap();
        if !trial {
            self.wait(retried.ticket);
        }
        retried
    }

    /// Retries all, and says what became of each reject.
    fn retry_all(&self) -> Vec<Fate> {
        let all = self.rejected();
        let fates = all
            .iter()
            .flat_map(|uplink| self.retry_as(uplink, false).fates);
        fates.map(|(_, fate)| fate).collect()
    }

    fn mended(mut self) -> Self {
        self.setup.routes = ROUTE;
        self.setup.metrics = FLUX;
        self.restart()
    }
}

fn is_recovered(fate: &Fate) -> bool {
    matches!(fate, Fate::Recovered(1..))
}

fn is_before(fate: &Fate) -> bool {
    matches!(fate, Fate::Before(_))
}

#[test]
fn a_mended_uplink_becomes_a_report_of_then_once() {
    for payload in [DATED, UNDATED] {
        let mut rig = Rig::new();
        let uplink = Uplink {
            topic: "plant/p-1/up",
            payload: payload.as_bytes(),
            ..rig.uplink()
        };
        assert_eq!(rig.send(&uplink), Verdict::RejectedPayload);
        let fates = rig.retry_all();
        assert!(matches!(&fates[..], [Fate::Rejected(fault)] if fault.reason == Reason::NoRoute));
        let logged = rig.logged();
        assert_eq!(
            (logged.reports.len(), logged.rejects.len()),
            (0, 1),
            "no second reject"
        );
        rig.clock.set(Timestamp::from_secs(NOW + 40 * 86_400));
        let rig = rig.mended();
        let trial = rig.retry_as(&rig.rejected()[0], true);
        assert_eq!(trial.fates[0].1, Fate::Recovered(0));
        assert_eq!(rig.logged().reports.len(), 0, "a trial changes nothing");
        assert!(is_recovered(&rig.retry_all()[0]));
        assert!(is_before(&rig.retry_all()[0]));
        let report = &rig.logged().reports[0];
        assert_eq!(report.device_id, "p-1");
        assert_eq!(report.received_at, Some(Timestamp::from_secs(NOW).into()));
        // Not saved, saved, and long after the window of deduplication.
        let rig = rig.restart();
        assert!(is_before(&rig.retry_all()[0]));
        rig.intake.save_marks().unwrap();
        rig.clock.set(Timestamp::from_secs(NOW + 80 * 86_400));
        let rig = rig.restart();
        assert!(is_before(&rig.retry_all()[0]));
        assert_eq!(rig.logged().reports.len(), 1, "{payload}");
    }
}

#[test]
fn a_recovered_one_is_counted_beside_what_it_was() {
    let mut rig = Rig::new();
    rig.payload("plant/p-1/up", UNDATED);
    rig.payload("plant/p-1/up", UNDATED);
    let parts = Arc::new(Knowledge::nothing(crate::inventory::Unknown::Accept));
    let mut problems = Vec::new();
    let table = toml::from_str(ROUTE).unwrap();
    let mut top = crate::model::settings::Section::new("", table, &mut problems);
    let routes = Routes::read(&mut top, &Catalogue::shipped());
    rig.intake.reload(routes, parts, &Config::default());
    let fates = rig.retry_all();
    assert!(
        fates.iter().all(is_recovered),
        "{fates:?}: two undated ones are two"
    );
    let counts = rig.counts();
    assert_eq!(
        (counts.received, counts.rejected, counts.recovered),
        (2, 2, 2)
    );
    rig.retry_all();
    assert_eq!(rig.counts().recovered, 2);
}

#[test]
fn what_the_device_said_again_is_not_taken_twice() {
    // In the window: by its key. Undated, saying it again is saying more.
    for (payload, reports) in [(DATED, 1), (UNDATED, 2)] {
        let mut rig = Rig::new();
        rig.payload("plant/p-1/up", payload);
        let mut rig = rig.mended();
        assert_eq!(rig.payload("plant/p-1/up", payload), Verdict::Accepted);
        rig.retry_all();
        assert_eq!(rig.logged().reports.len(), reports, "{payload}");
        // The other way round.
        let mut rig = Rig::new();
        rig.payload("plant/p-1/up", payload);
        let mut rig = rig.mended();
        assert!(is_recovered(&rig.retry_all()[0]));
        rig.payload("plant/p-1/up", payload);
        let mut rig = rig.restart();
        rig.payload("plant/p-1/up", payload);
        let more = if reports == 1 { 0 } else { 2 };
        assert_eq!(rig.logged().reports.len(), 1 + more, "{payload}");
    }
}

#[test]
fn what_history_has_is_not_taken_again() {
    let mut rig = Rig::new();
    rig.payload(
        "plant/p-1/up",
        r#"{"ts": 1795420000, "voltage": 230.5, "current": 2}"#,
    );
    let rig = rig.mended();
    let uplink = &rig.rejected()[0];
    let voltage = |_: &str, readings: &[ReadingDraft<'_>]| {
        Ok(readings
            .iter()
            .map(|reading| reading.metric == "voltage")
            .collect())
    };
    let failing = |_: &str, _: &[ReadingDraft<'_>]| Err("the disk is on fire".to_owned());
    let failed = rig.intake.retry(uplink, &failing, false, &rig.waiter);
    assert!(failed.unwrap_err().to_string().contains("on fire"));
    let retried = rig
        .intake
        .retry(uplink, &voltage, false, &rig.waiter)
        .unwrap();
    rig.wait(retried.ticket);
    let readings = &rig.logged().reports[0].readings;
    assert_eq!(readings.len(), 1);
    assert_eq!(readings[0].metric, "current");
    // All of it.
    let mut rig = Rig::new();
    rig.payload("plant/p-1/up", DATED);
    let rig = rig.mended();
    let uplink = &rig.rejected()[0];
    let retried = rig
        .intake
        .retry(uplink, &voltage, false, &rig.waiter)
        .unwrap();
    assert_eq!(retried.fates[0].1, Fate::Before(0));
    assert!(rig.logged().reports.is_empty());
    rig.intake.save_marks().unwrap();
    let rig = rig.restart();
    assert_eq!(rig.retry_all(), [Fate::Before(0)], "it is noted");
}

#[test]
fn parts_bring_only_what_is_missing() {
    for ts in ["", r#""ts": 1795420000, "#] {
        let mut rig = Rig::new();
        let payload = format!(r#"{{{ts}"voltage": 230.5, "flux": 1, "flax": 2, "bogus": 3}}"#);
        assert_eq!(rig.payload("city/m-1", &payload), Verdict::Accepted);
        let before = rig.retry_all();
        assert!(
            before.iter().all(|fate| matches!(fate, Fate::Rejected(_))),
            "{before:?}"
        );
        let mut rig = rig.mended();
        let fates = rig.retry_all();
        assert!(fates[..2].iter().all(is_recovered), "{fates:?}");
        assert!(matches!(&fates[2], Fate::Rejected(fault) if fault.part == "bogus"));
        let fates = rig.retry_all();
        assert!(fates[..2].iter().all(is_before), "{fates:?}");
        let logged = rig.logged();
        assert_eq!(logged.rejects.len(), 3, "no second reject");
        let metrics = |report: &proto::Report| {
            let metrics = report.readings.iter().map(|reading| reading.metric.clone());
            metrics.collect::<Vec<_>>()
        };
        let all: Vec<_> = logged.reports.iter().map(metrics).collect();
        assert_eq!(all, [vec!["voltage"], vec!["flux", "flax"]]);
        assert_eq!(rig.counts().recovered, 2);
        if !ts.is_empty() {
            // All of it has been logged now, in two reports.
            assert_eq!(rig.payload("city/m-1", &payload), Verdict::Duplicate);
            let mut rig = rig.restart();
            assert_eq!(rig.payload("city/m-1", &payload), Verdict::Duplicate);
        }
    }
}

#[test]
fn a_whole_uplink_that_is_good_in_part_leaves_the_rest_as_parts() {
    let mut rig = Rig::new();
    let payload = r#"{"flux": 1, "bogus": 3}"#;
    assert_eq!(rig.payload("city/m-1", payload), Verdict::RejectedPayload);
    assert_eq!(rig.rejected()[0].rejects.len(), 2);
    let rig = rig.mended();
    let fates = rig.retry_all();
    assert!(fates.iter().all(is_recovered), "{fates:?}");
    let rejects = rig.logged().rejects;
    assert_eq!(rejects.len(), 3);
    assert_eq!(
        (rejects[2].part.as_str(), rejects[2].whole),
        ("bogus", false)
    );
    let counts = rig.counts();
    assert_eq!((counts.recovered, counts.reject_parts), (1, 1));
    let fates = rig.retry_all();
    assert!(matches!(
        &fates[..],
        [Fate::Before(_), Fate::Before(_), Fate::Rejected(_)]
    ));
    assert_eq!(rig.logged().rejects.len(), 3);
}

#[test]
fn a_redelivery_and_a_retry_are_one() {
    let sent = |rig: &Rig, connection, dup| Uplink {
        topic: "plant/p-1/up",
        payload: UNDATED.as_bytes(),
        delivery: delivery(5, connection, dup, false),
        ..rig.uplink()
    };
    // The device, whose acknowledgement was lost, comes first.
    let mut rig = Rig::new();
    assert_eq!(rig.send(&sent(&rig, 1, false)), Verdict::RejectedPayload);
    let mut rig = rig.mended();
    assert_eq!(rig.send(&sent(&rig, 2, true)), Verdict::Accepted);
    rig.intake.save_marks().unwrap();
    rig.clock.set(Timestamp::from_secs(NOW + 40 * 86_400));
    let rig = rig.restart();
    assert!(is_before(&rig.retry_all()[0]), "a month later");
    assert_eq!(rig.logged().reports.len(), 1);
    // The operator comes first.
    let mut rig = Rig::new();
    rig.send(&sent(&rig, 1, false));
    let rig = rig.mended();
    assert!(is_recovered(&rig.retry_all()[0]));
    let mut rig = rig.restart();
    assert_eq!(rig.send(&sent(&rig, 2, true)), Verdict::Duplicate);
    assert_eq!(rig.logged().reports.len(), 1);
    // A message that has had the id since is not forgotten over it.
    let mut rig = Rig::new();
    rig.send(&sent(&rig, 1, false));
    rig.clock.set(Timestamp::from_secs(NOW + 1));
    let mut rig = rig.mended();
    let other = Uplink {
        payload: br#"{"lamp_on": false}"#,
        ..sent(&rig, 2, false)
    };
    rig.send(&other);
    assert!(is_recovered(&rig.retry_all()[0]));
    let mut rig = rig.restart();
    let again = Uplink {
        delivery: delivery(5, 3, true, false),
        ..other
    };
    assert_eq!(rig.send(&again), Verdict::Duplicate);
}

#[test]
fn what_is_not_kept_cannot_be_retried() {
    let mut rig = Rig::with(Setup {
        config: Config {
            reject_budget: 64 << 10,
            ..Config::default()
        },
        ..Setup::default()
    });
    let long = format!(r#"{{"voltage": 230, "note": "{}"}}"#, "x".repeat(20_000));
    for _ in 0..3 {
        assert_eq!(rig.payload("plant/p-1/up", &long), Verdict::RejectedPayload);
    }
    let kept: Vec<bool> = rig
        .logged()
        .rejects
        .iter()
        .map(Reject::has_payload)
        .collect();
    assert_eq!(kept, [true, true, false], "half of the budget");
    let fates = rig.mended().retry_all();
    assert!(is_recovered(&fates[0]), "{fates:?}");
    let Fate::Cannot(words) = &fates[2] else {
        panic!("{fates:?}");
    };
    assert_eq!(words, "of its 20028 bytes only the first 4096 are kept");
}

#[test]
fn marks_go_with_their_rejects_and_with_their_logs() {
    let mut rig = Rig::new();
    rig.payload("plant/p-1/up", UNDATED);
    let mut rig = rig.mended();
    rig.retry_all();
    rig.intake.save_marks().unwrap();
    let mark = {
        let (sequence, reject) = &rig.rejected()[0].rejects[0];
        reject.mark(*sequence)
    };
    let found = |rig: &Rig| rig.intake.marks().unwrap().find(mark).unwrap();
    assert!(found(&rig).is_some());
    // Another log: its sequences mean something else.
    rig.close();
    rig.intake.recovered.close();
    std::fs::remove_dir_all(rig.dir.path().join("log")).unwrap();
    rig.intake = open(rig.dir.path(), &rig.setup, &rig.clock);
    rig.intake.rebuild().unwrap();
    assert_eq!(found(&rig), None);
}
