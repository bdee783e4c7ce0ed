//! What is fed is what a query gives, in whatever order and however often it comes.
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const DEVICES: [&str; 3] = ["a", "a-1", "b"];
const METRICS: [&str; 2] = ["current", "voltage"];

#[derive(Clone, Debug)]
enum Step {
    Report {
        device: usize,
        metric: usize,
        phase: Option<bool>,
        /// Quarters of an hour before noon: some 4 days, often the same.
        back: u32,
        value: i8,
    },
    Flush,
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let report = (
        0usize..3,
        0usize..2,
        any::<Option<bool>>(),
        0u32..400,
        any::<i8>(),
    );
    prop_oneof![
        40 => report.prop_map(|(device, metric, phase, back, value)| Step::Report {
            device, metric, phase, back, value,
        }),
        1 => Just(Step::Flush),
        1 => Just(Step::Crash),
    ]
}

type Row = (String, i64, u64, String, String, f64);

fn rows(reports: &[proto::Report]) -> Vec<Row> {
    let mut rows = Vec::new();
    for report in reports {
        for reading in &report.readings {
            let time = reading.observed_at.unwrap();
            let Some(proto::reading::Value::Number(value)) = reading.value else {
                panic!("no number");
            };
            rows.push((
                report.device_id.clone(),
                Timestamp::from_secs_nanos(time.seconds, time.nanos)
                    .unwrap()
                    .as_nanos(),
                report.sequence,
                reading.metric.clone(),
                reading.labels.get("phase").cloned().unwrap_or_default(),
                value,
            ));
        }
    }
    rows
}

fn draft(step: &Step) -> Option<ReportDraft<'static>> {
    let Step::Report {
        device,
        metric,
        phase,
        back,
        value,
    } = step
    else {
        return None;
    };
    let time = noon().minus(Duration::from_mins(15) * *back);
    let mut reading = reading(METRICS[*metric], time, f64::from(*value));
    if let Some(phase) = phase {
        let phase = if *phase { "A" } else { "B" };
        reading.labels.push(("phase".into(), phase.into()));
    }
    Some(report(DEVICES[*device], vec![reading]))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn history_is_a_map_by_series_and_time(
        steps in prop::collection::vec(step(), 1..400),
        window in (0u32..420, 0u32..420),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::manual(noon());
        let mut fed = Fed::open(dir.path(), config(), &clock);
        let mut model = BTreeMap::new();
        let mut conflicts = 0;
        let mut log: Vec<ReportDraft<'_>> = Vec::new();
        for step in &steps {
            match step {
                Step::Flush => fed.writer.flush().unwrap(),
                Step::Crash => {
                    fed.crash();
                    // The log is read again, from the place that was committed.
                    for (sequence, draft) in (1u64..).zip(&log) {
                        fed.feed(sequence, draft);
                    }
                }
                Step::Report { .. } => {
                    let draft = draft(step).unwrap();
                    log.push(draft);
                    let sequence = log.len() as u64;
                    let draft = &log[log.len() - 1];
                    fed.feed(sequence, draft);
                    let reading = &draft.readings[0];
                    let phase = reading.labels.first().map(|(_, phase)| phase.to_string());
                    let Value::Number(value) = reading.value else { panic!("a number") };
                    let key = (draft.device_id, reading.observed_at, reading.metric, phase.unwrap_or_default());
                    let last: Option<(u64, f64)> = model.insert(key, (sequence, value));
                    conflicts += u64::from(last.is_some_and(|(_, last)| last.to_bits() != value.to_bits()));
                }
            }
        }
        let from = noon().minus(Duration::from_mins(15) * window.0.max(window.1));
        let to = noon().minus(Duration::from_mins(15) * window.0.min(window.1));
        for flushed in [false, true] {
            if flushed {
                fed.writer.flush().unwrap();
            }
            for range in [ALL, (from, to)] {
                let mut wanted: Vec<Row> = model
                    .iter()
                    .filter(|((_, time, ..), _)| *time >= range.0 && *time < range.1)
                    .map(|((device, time, metric, phase), (sequence, value))| {
                        ((*device).to_owned(), time.as_nanos(), *sequence, (*metric).to_owned(), phase.clone(), *value)
                    })
                    .collect();
                wanted.sort_by(|a, b| (&a.0, a.1, a.2, &a.3, &a.4).cmp(&(&b.0, b.1, b.2, &b.3, &b.4)));
                prop_assert_eq!(rows(&fed.query(Selection::default(), range)), wanted);
            }
        }
        let stats = fed.shared.stats();
        prop_assert_eq!(stats.stored, log.len() as u64);
        prop_assert_eq!(stats.conflicts, conflicts);
        prop_assert_eq!(stats.damaged, 0);
    }
}

#[test]
fn a_report_comes_back_whole_but_for_readings_of_other_times() {
    let dir = tempfile::tempdir().unwrap();
    let mut fed = Fed::open(dir.path(), config(), &Clock::manual(noon()));
    let early = noon().minus(Duration::from_secs(1));
    let mut labelled = reading("current", noon(), -0.0);
    labelled.labels.push(("phase".into(), "A".into()));
    labelled.raw = "12.34".into();
    labelled.raw_unit = "mA".into();
    let mut text = reading("state", noon(), 0.0);
    text.value = Value::Text("\u{5f00}".into());
    let mut absent = reading("humidity", noon(), 0.0);
    absent.value = Value::Absent;
    absent.quality = Quality::NotAvailable;
    let mut flag = reading("door", noon(), 0.0);
    flag.value = Value::Flag(true);
    let draft = report(
        "m",
        vec![reading("voltage", early, 1.0), labelled, text, absent, flag],
    );
    fed.feed(5, &draft);
    let mut bytes = Vec::new();
    draft.encode(&mut bytes);
    let mut sent = <proto::Report as prost::Message>::decode(bytes.as_slice()).unwrap();
    sent.sequence = 5;
    for flushed in [false, true] {
        if flushed {
            fed.writer.flush().unwrap();
        }
        let got = fed.all();
        assert_eq!(got.len(), 2);
        assert_eq!(got[0].readings, sent.readings[..1]);
        let mut wanted = proto::Report {
            readings: sent.readings[1..].to_vec(),
            ..sent.clone()
        };
        wanted.readings.sort_by(|a, b| a.metric.cmp(&b.metric));
        assert_eq!(got[1], wanted);
    }
}

#[test]
fn full_chunks_are_not_rewritten_by_what_follows() {
    let dir = tempfile::tempdir().unwrap();
    let mut fed = Fed::open(dir.path(), config(), &Clock::manual(noon()));
    let start = noon().minus(DAY / 2);
    let mut sequence = 0;
    for _ in 0..20 {
        for _ in 0..100 {
            sequence += 1;
            let time = start.plus(Duration::from_secs(1) * u32::try_from(sequence).unwrap());
            fed.feed(sequence, &one("m", time, 1.0));
        }
        fed.writer.flush().unwrap();
    }
    let access = fed.shared.state.access().unwrap();
    let group = fed.shared.groups()[0].name();
    let chunks = access.space(&group).unwrap().range(b"", b"\xff").count();
    assert_eq!(chunks, 20);
    drop(access);
    assert_eq!(fed.all().len(), 2000);
}

#[test]
fn newest_first_backfill_does_not_leave_a_chunk_per_point() {
    let dir = tempfile::tempdir().unwrap();
    let mut fed = Fed::open(dir.path(), config(), &Clock::manual(noon()));
    for n in 1..=200u32 {
        fed.feed(
            u64::from(n),
            &one("m", noon().minus(Duration::from_secs(1) * n), f64::from(n)),
        );
        fed.writer.flush().unwrap();
    }
    let access = fed.shared.state.access().unwrap();
    let group = fed.shared.groups()[0].name();
    let chunks = access.space(&group).unwrap().range(b"", b"\xff").count();
    assert!(chunks <= 13, "{chunks}");
    drop(access);
    let wanted: Vec<f64> = (1..=200u32).rev().map(f64::from).collect();
    assert_eq!(numbers(&fed.all()), wanted);
}

#[test]
fn readings_that_cannot_be_named_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let mut fed = Fed::open(dir.path(), config(), &Clock::manual(noon()));
    fed.feed(
        1,
        &report(
            "m",
            vec![
                reading("a\0b", noon(), 1.0),
                reading("voltage", noon(), 1.0),
            ],
        ),
    );
    fed.writer.flush().unwrap();
    let stats = fed.shared.stats();
    assert_eq!((stats.stored, stats.skipped, stats.durable_next), (1, 1, 2));
}
