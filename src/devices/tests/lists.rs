//! Lists, pages, search, counts, watching.
use super::*;
use crate::devices::Level;

/// Ten poles and a gas meter, in two districts.
fn city() -> Fed {
    let mut fed = Fed::new();
    for n in 0..10 {
        fed.heard(&format!("Pole-{n:04}"), n);
    }
    let mut meter = report("meter-1", 11, vec![number("gas_volume", 11, 1.0)]);
    (meter.kind, meter.district) = ("meter.gas", "370103");
    fed.report(&meter);
    fed
}

fn texts(list: &[&str]) -> Vec<Box<str>> {
    list.iter().map(|text| (*text).into()).collect()
}

#[test]
fn pages_are_stable_while_devices_are_added() {
    let mut fed = city();
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = fed.table.list(
            &Query {
                limit: 4,
                after,
                ..query()
            },
            at(0),
        );
        seen.extend(page.devices.iter().map(|device| device.id.to_string()));
        fed.heard("aaa-new", 20);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 12);
    assert_eq!(
        (&*seen[0], &*seen[10], &*seen[11]),
        ("Pole-0000", "meter-1", "aaa-new")
    );
    // A page that ends with the last one says so.
    let page = fed.table.list(
        &Query {
            limit: 12,
            ..query()
        },
        at(0),
    );
    assert_eq!((page.devices.len(), page.next), (12, None));
}

#[test]
fn filters_meet() {
    let fed = city();
    let kinds = |kinds: &[&str]| {
        fed.ids(&Query {
            kinds: texts(kinds),
            ..query()
        })
        .len()
    };
    assert_eq!(
        (kinds(&["pole"]), kinds(&["meter.gas"]), kinds(&["met"])),
        (10, 1, 0)
    );
    assert_eq!(kinds(&["pole", "meter"]), 11);
    let districts = texts(&["3701"]);
    assert_eq!(
        fed.ids(&Query {
            districts,
            ..query()
        })
        .len(),
        11
    );
    let districts = texts(&["370103"]);
    assert_eq!(
        fed.ids(&Query {
            districts,
            ..query()
        }),
        ["meter-1"]
    );
    let devices = texts(&["meter-1", "Pole-0003", "nobody", "meter-1"]);
    assert_eq!(
        fed.ids(&Query { devices, ..query() }),
        ["Pole-0003", "meter-1"]
    );
}

#[test]
fn the_last_four_digits_find_a_device() {
    let fed = city();
    let search = |text: &str| {
        fed.ids(&Query {
            search: text.into(),
            ..query()
        })
    };
    assert_eq!(search("0007"), ["Pole-0007"]);
    assert_eq!(search("POLE-0007"), ["Pole-0007"]);
    assert_eq!(search("pole").len(), 10);
    assert_eq!(search("nothing").len(), 0);
    let page = fed.table.list(
        &Query {
            search: "000".into(),
            limit: 3,
            ..query()
        },
        at(0),
    );
    assert_eq!((page.devices.len(), page.counts.total), (3, 10));
}

#[test]
fn counts_are_of_all_that_is_covered_and_not_of_the_page() {
    let mut fed = city();
    fed.event("Pole-0003", "will", 30, false);
    fed.reject("Pole-0004", 31, "syntax");
    let states = vec![State::Offline];
    let page = fed.table.list(&Query { states, ..query() }, at(0));
    assert_eq!(page.devices.len(), 1);
    assert_eq!(page.counts, fed.table.count());
    assert_eq!((page.counts.total, page.counts.heard_not_accepted), (11, 1));
    assert_eq!(page.counts.states, [0, 10, 0, 0, 1, 0]);
    assert_eq!(page.counts.healths, [11, 0, 0]);
    let page = fed.table.list(
        &Query {
            heard_not_accepted: true,
            ..query()
        },
        at(0),
    );
    assert_eq!(&*page.devices[0].id, "Pole-0004");
    let healths = vec![Level::Fault];
    assert!(fed.ids(&Query { healths, ..query() }).is_empty());
}

#[test]
fn values_come_where_they_are_wanted() {
    let fed = city();
    let with = |values| {
        let page = fed.table.list(&Query { values, ..query() }, at(0));
        page.devices[0].values.len()
    };
    assert_eq!((with(false), with(true)), (0, 1));
}

#[test]
fn a_slip_leads_to_the_device() {
    let fed = city();
    assert_eq!(fed.table.nearest("Pole-00O7").as_deref(), Some("Pole-0007"));
    assert_eq!(fed.table.nearest("Pple-0007").as_deref(), Some("Pole-0007"));
    assert_eq!(fed.table.nearest("meter-12").as_deref(), Some("meter-1"));
    assert_eq!(fed.table.nearest("冰箱"), None);
    assert_eq!(fed.table.nearest(""), None);
}

#[test]
fn a_watch_sees_changes_by_records_and_by_time() {
    let mut fed = city();
    for n in 1..5 {
        fed.heard("Pole-0000", n * 60);
    }
    let version = fed.table.changes.version();
    fed.pass(240, 400);
    let (numbers, reached) = fed.table.changes.after(version, 10);
    assert_eq!(numbers, [0]);
    assert_eq!(fed.get("Pole-0000", 400).version, reached);
    fed.heard("meter-1", 500);
    let (numbers, reached) = fed.table.changes.after(reached, 10);
    assert_eq!((numbers.len(), reached), (1, fed.table.changes.version()));
}

#[test]
fn the_worst_comes_first_then_the_latest() {
    let mut fed = city();
    fed.reject("Pole-0001", 20, "syntax");
    fed.event("Pole-0002", "will", 21, false);
    fed.event("Pole-0003", "will", 22, false);
    let lines: Vec<String> = fed
        .table
        .concerns(9, at(30))
        .into_iter()
        .map(|concern| concern.device.id.to_string())
        .collect();
    assert_eq!(lines, ["Pole-0003", "Pole-0002", "Pole-0001"]);
    assert_eq!(fed.table.concerns(1, at(30)).len(), 1);
}

#[test]
fn a_city_that_falls_silent_at_once_is_told_in_parts() {
    let mut fed = Fed::new();
    for n in 0..20_500 {
        fed.heard(&format!("d-{n}"), 0);
    }
    let (mut ticks, later) = (1, at(36 * 3_600 + 5));
    while fed.table.tick(later) {
        ticks += 1;
    }
    assert_eq!(ticks, 3);
    assert_eq!(fed.table.count().states[3], 20_500);
}
