//! What a query returns, and when.
use super::*;

#[test]
fn a_query_that_pauses_sees_each_point_once_while_flushes_run() {
    let dir = tempfile::tempdir().unwrap();
    let mut fed = Fed::open(dir.path(), config(), &Clock::manual(noon()));
    let start = noon().minus(DAY * 2);
    let minute = |n: u32| start.plus(Duration::from_mins(1) * n);
    // Even minutes are stored, odd ones in memory.
    for n in (0..2880).step_by(2) {
        fed.feed(u64::from(n), &one("m", minute(n), f64::from(n)));
    }
    fed.writer.flush().unwrap();
    for n in (1..2880).step_by(2) {
        fed.feed(10_000 + u64::from(n), &one("m", minute(n), f64::from(n)));
    }
    let mut query = Query::new(Arc::clone(&fed.shared), Selection::default(), ALL.0, ALL.1);
    let mut seen = Vec::new();
    for flush in 0..4 {
        seen.extend(
            query
                .by_ref()
                .take(700)
                .map(|report| number(&report.unwrap())),
        );
        fed.feed(20_000 + flush, &one("m", noon().minus(DAY * 3), 0.0));
        fed.writer.flush().unwrap();
    }
    seen.extend(query.map(|report| number(&report.unwrap())));
    let wanted: Vec<f64> = (0..2880).map(f64::from).collect();
    assert_eq!(seen, wanted);
}

#[test]
fn points_that_are_being_committed_are_seen_between_those_that_came_since() {
    let dir = tempfile::tempdir().unwrap();
    let mut fed = Fed::open(dir.path(), config(), &Clock::manual(noon()));
    let second = |n: u32| noon().plus(Duration::from_secs(1) * n);
    for n in 0..2000 {
        fed.feed(u64::from(n) + 1, &one("m", second(n), f64::from(n)));
    }
    let _committing = fed.shared.begin_flush(0);
    for n in (1..2000).step_by(100) {
        fed.feed(5000 + u64::from(n), &one("m", second(n), -1.0));
    }
    fed.feed(9000, &one("m", second(2000), 2000.0));
    let value = |n| if n % 100 == 1 { -1.0 } else { f64::from(n) };
    let wanted: Vec<f64> = (0..=2000).map(value).collect();
    assert_eq!(numbers(&fed.all()), wanted);
}

#[test]
fn a_range_includes_its_start_and_excludes_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut fed = Fed::open(dir.path(), config(), &Clock::manual(noon()));
    // Midnight, and the last nanosecond before.
    let midnight = noon().minus(DAY / 2);
    let times = [midnight.minus(Duration::from_nanos(1)), midnight, noon()];
    for (n, time) in (0u32..).zip(times) {
        fed.feed(u64::from(n) + 1, &one("m", time, f64::from(n)));
    }
    for flushed in [false, true] {
        if flushed {
            fed.writer.flush().unwrap();
        }
        let query = |from, to| numbers(&fed.query(Selection::default(), (from, to)));
        assert_eq!(query(midnight, noon()), [1.0]);
        assert_eq!(query(times[0], midnight), [0.0]);
        assert_eq!(
            query(times[0], noon().plus(Duration::from_nanos(1))),
            [0.0, 1.0, 2.0]
        );
        assert_eq!(query(noon(), midnight), [] as [f64; 0]);
        assert_eq!(query(ALL.0, ALL.1), [0.0, 1.0, 2.0]);
    }
}

#[test]
fn a_selection_strips_what_was_not_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut fed = Fed::open(dir.path(), config(), &Clock::manual(noon()));
    let both = |device| {
        report(
            device,
            vec![
                reading("current", noon(), 1.0),
                reading("voltage", noon(), 2.0),
            ],
        )
    };
    fed.feed(1, &both("a"));
    fed.feed(
        2,
        &ReportDraft {
            kind: "meter.gas",
            ..both("b")
        },
    );
    fed.feed(
        3,
        &ReportDraft {
            district: "370200",
            ..both("c")
        },
    );
    let query = |selection| -> Vec<(String, usize)> {
        let reports = fed.query(selection, ALL);
        reports
            .into_iter()
            .map(|report| (report.device_id, report.readings.len()))
            .collect()
    };
    let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let devices = |words| Selection {
        devices: list(words),
        ..Selection::default()
    };
    assert_eq!(
        query(devices(&["c", "a", "a", "nobody"])),
        [("a".into(), 2), ("c".into(), 2)]
    );
    let gas = Selection {
        kinds: list(&["meter.gas"]),
        ..Selection::default()
    };
    assert_eq!(query(gas), [("b".into(), 2)]);
    let jinan = Selection {
        districts: list(&["3701"]),
        metrics: list(&["voltage"]),
        ..Selection::default()
    };
    assert_eq!(query(jinan), [("a".into(), 1), ("b".into(), 1)]);
}

#[test]
fn too_many_series_of_a_device_are_an_error_that_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut fed = Fed::open(dir.path(), config(), &Clock::manual(noon()));
    let channels: Vec<String> = (0..=crate::history::SERIES_MAX)
        .map(|n| n.to_string())
        .collect();
    let readings = channels.iter().map(|channel| {
        let mut reading = reading("voltage", noon(), 1.0);
        reading.labels.push(("channel".into(), channel.into()));
        reading
    });
    fed.feed(1, &report("m", readings.collect()));
    let mut query = Query::new(Arc::clone(&fed.shared), Selection::default(), ALL.0, ALL.1);
    let error = query.next().unwrap().unwrap_err();
    assert!(
        error.to_string().contains("more than 4096 series"),
        "{error}"
    );
    assert!(query.next().is_none());
}
