//! What history forgets, and when.
use super::*;

fn names(fed: &Fed) -> usize {
    let access = fed.shared.state.access().unwrap();
    let days = access.names();
    days.iter().filter(|name| name.starts_with('d')).count()
}

#[test]
fn days_past_the_retention_are_deleted_and_what_comes_late_is_counted() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(noon());
    let config = Config {
        retain: DAY * 3,
        ..config()
    };
    let mut fed = Fed::open(dir.path(), config, &clock);
    for n in 0..4u32 {
        fed.feed(
            u64::from(n) + 1,
            &one("m", noon().minus(DAY * n), f64::from(n)),
        );
    }
    fed.feed(
        5,
        &one("m", noon().minus(DAY * 3 + Duration::from_nanos(1)), 9.0),
    );
    fed.feed(6, &one("m", noon().plus(Duration::from_hours(1)), 10.0));
    fed.writer.flush().unwrap();
    assert_eq!(numbers(&fed.all()), [3.0, 2.0, 1.0, 0.0, 10.0]);
    let stats = fed.shared.stats();
    assert_eq!((stats.stored, stats.late, names(&fed)), (5, 1, 4));
    // The oldest group ends at the midnight 2.5 days ago, so it goes half a day from now.
    for hour in 1..=13u32 {
        clock.set(noon().plus(Duration::from_hours(1) * hour));
        fed.writer.maintain().unwrap();
        assert_eq!(names(&fed), if hour < 12 { 4 } else { 3 }, "{hour}");
    }
    assert_eq!(numbers(&fed.all()), [2.0, 1.0, 0.0, 10.0]);
    fed.crash();
    assert_eq!(numbers(&fed.all()), [2.0, 1.0, 0.0, 10.0]);
}

#[test]
fn a_clock_that_steps_forward_does_not_delete_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(noon());
    let mut fed = Fed::open(dir.path(), config(), &clock);
    fed.feed(1, &one("m", noon(), 1.0));
    fed.writer.flush().unwrap();
    let wrong = noon().plus(DAY * 3650);
    for minute in 0..60u32 {
        clock.set(wrong.plus(Duration::from_mins(1) * minute));
        fed.writer.maintain().unwrap();
    }
    // Nor is what devices with a right clock send too late meanwhile.
    fed.feed(2, &one("m", noon().plus(DAY), 2.0));
    assert_eq!(numbers(&fed.all()), [1.0, 2.0]);
    assert_eq!(fed.shared.stats().late, 0);
}

#[test]
fn too_many_bytes_cost_the_oldest_days_but_never_today() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(noon());
    let config = Config {
        retain_bytes: 1,
        ..config()
    };
    let mut fed = Fed::open(dir.path(), config, &clock);
    for n in 0..3u32 {
        fed.feed(
            u64::from(n) + 1,
            &one("m", noon().minus(DAY * n), f64::from(n)),
        );
    }
    fed.writer.flush().unwrap();
    // Reopening writes the memtables out, so that the days take bytes.
    let access = fed.shared.state.access().unwrap();
    for name in access.names() {
        access.space(&name).unwrap().write_out().unwrap();
    }
    drop(access);
    clock.set(noon().plus(Duration::from_mins(1)));
    fed.writer.maintain().unwrap();
    assert_eq!(numbers(&fed.all()), [0.0]);
    assert_eq!(names(&fed), 1);
}

#[test]
fn twenty_years_take_sixty_keyspaces_and_a_year_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        retain: DAY * 365 * 20,
        ..config()
    };
    let mut fed = Fed::open(dir.path(), config, &Clock::manual(noon()));
    let devices: Vec<String> = (0..20).map(|n| format!("meter-{n:02}")).collect();
    let start = noon().minus(DAY * 365 * 8);
    let mut sequence = 0;
    for hour in 0..8760u32 {
        for device in &devices {
            sequence += 1;
            let time = start.plus(Duration::from_hours(1) * hour);
            fed.feed(sequence, &one(device, time, f64::from(hour) / 10.0));
        }
    }
    fed.writer.flush().unwrap();
    assert!(names(&fed) <= 4, "{}", names(&fed));
    let selection = Selection {
        devices: vec![devices[7].clone()],
        ..Selection::default()
    };
    let year = fed.query(selection, ALL);
    assert_eq!(year.len(), 8760);
    assert_eq!(fed.all().len(), 8760 * 20);
    // A tenth of a year more, day by day over the whole retention.
    for n in 0..7300u32 {
        sequence += 1;
        fed.feed(sequence, &one("daily", noon().minus(DAY * n), 1.0));
    }
    fed.writer.flush().unwrap();
    assert!(names(&fed) <= 61, "{}", names(&fed));
    let selection = Selection {
        devices: vec!["daily".into()],
        ..Selection::default()
    };
    assert_eq!(fed.query(selection, ALL).len(), 7300);
}
