//! What history knows of one register, in memory and in chunks.
use super::*;
use crate::history::look_back;
use crate::intake::{Around, Asked, Past, Point};

fn at(hours: u64) -> Timestamp {
    noon()
        .minus(Duration::from_hours(200))
        .plus(Duration::from_hours(hours))
}

fn point(hours: u64, value: f64) -> Point {
    Point {
        at: at(hours).as_nanos(),
        value,
    }
}

fn ask(fed: &Fed, hours: &[u64]) -> Past {
    let times: Vec<Timestamp> = hours.iter().map(|hours| at(*hours)).collect();
    let asked = Asked {
        device: "m-1",
        metric: "water_volume",
        labels: &[("tariff".into(), "1".into())],
        times: &times,
        since: true,
    };
    look_back::past(&fed.shared, &asked).unwrap()
}

fn feed(fed: &mut Fed, sequence: u64, hours: u64, value: f64, quality: Quality) {
    let mut reading = reading("water_volume", at(hours), value);
    reading.labels = vec![("tariff".into(), "1".into())];
    reading.quality = quality;
    fed.feed(sequence, &report("m-1", vec![reading]));
}

#[test]
fn the_newest_good_value_its_age_and_neighbours_are_found_wherever_they_lie() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::manual(noon());
    let mut fed = Fed::open(dir.path(), config(), &clock);
    assert_eq!(ask(&fed, &[]), Past::default());
    for (sequence, hours) in (1..).zip(0..100u64) {
        let value = if hours < 60 { 1.0 } else { 2.0 };
        feed(&mut fed, sequence, hours, value, Quality::Good);
        // Some in chunks of several days, some in memory.
        if hours % 30 == 29 {
            fed.writer.flush().unwrap();
        }
    }
    feed(&mut fed, 200, 100, 0.5, Quality::Uncertain);
    feed(&mut fed, 201, 101, 0.6, Quality::Uncertain);
    feed(&mut fed, 202, 150, 0.0, Quality::Bad);
    let past = ask(&fed, &[10, 59, 98, 120]);
    assert_eq!(past.newest, Some(point(99, 2.0)));
    assert_eq!(past.doubted, Some(point(101, 0.6)));
    assert_eq!(past.since, Some(at(60).as_nanos()));
    let around = |before, after| Around { before, after };
    let expected = [
        around(Some(point(10, 1.0)), Some(point(11, 1.0))),
        around(Some(point(59, 1.0)), Some(point(60, 2.0))),
        around(Some(point(98, 2.0)), Some(point(99, 2.0))),
        around(Some(point(99, 2.0)), None),
    ];
    assert_eq!(past.around, expected);
    // Before the first.
    feed(&mut fed, 300, 99, 7.0, Quality::Uncertain);
    let past = ask(&fed, &[]);
    assert_eq!(
        past.newest,
        Some(point(98, 2.0)),
        "the later of one time counts"
    );
}
