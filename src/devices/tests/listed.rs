//! The inventory in the table: who was never heard, who is out of service, what it knows better.
use super::*;
use crate::access::{Grant, Scope};
use crate::devices::sight::Sight;
use crate::intake::Knowledge;
use crate::inventory::{Inventory, Unknown};
use crate::profiles::Profiles;
use jiff::tz::TimeZone;
use std::path::Path;
use std::time::Duration;

const CITY: &str = "\
id,kind,district,interval,aliases,parent,place,lat,lon
hub,meter.electricity,370102,1m,,,,,
m-1,meter.water,370102,1h,imei:868411056758781,hub,north wall,36.6512,117.1201
m-2,meter.water,370103,,imei:868411056758782,hub,,,
pole-1,pole.light,370102,,sn:A7,,,,
";

pub(super) fn known(csv: &str, generation: u64) -> Arc<Knowledge> {
    let (catalogue, zone) = (Catalogue::shipped(), TimeZone::UTC);
    let read = Inventory::of_csv(
        Path::new("devices.csv"),
        csv,
        &catalogue,
        &zone,
        Unknown::Accept,
    );
    Arc::new(Knowledge {
        inventory: read.unwrap(),
        profiles: Profiles::default(),
        generation,
    })
}

fn city() -> Fed {
    let mut fed = Fed::new();
    fed.table.enrol(&known(CITY, 1), at(0));
    fed
}

fn total(fed: &Fed, query: &Query) -> (Vec<String>, u64) {
    let page = fed.table.list(query, at(0));
    let ids = page.devices.iter().map(|device| device.id.to_string());
    (ids.collect(), page.counts.total)
}

#[test]
fn the_never_heard_are_listed_counted_and_found() {
    let mut fed = city();
    assert_eq!(fed.ids(&query()), ["hub", "m-1", "m-2", "pole-1"]);
    assert_eq!(fed.table.count().states, [4, 0, 0, 0, 0, 0]);
    let of = |kinds: &[&str]| Query {
        kinds: kinds.iter().map(|kind| (*kind).into()).collect(),
        ..query()
    };
    assert_eq!(total(&fed, &of(&["meter"])).1, 3);
    let water = fed.get("m-1", 0);
    assert_eq!((&*water.kind, &*water.district), ("meter.water", "370102"));
    assert_eq!((water.state, water.last_report), (State::Never, None));
    assert_eq!(water.interval, Some(Duration::from_hours(1)));
    let listing = water.listing.unwrap();
    assert_eq!(&*listing.whereabouts, "north wall");
    assert_eq!(listing.place.map(|place| place.lat), Some(36.6512));
    // Nothing is held of them but a number, and saving finds nothing to save.
    assert!(fed.table.entries.is_empty() && fed.table.dirty.is_empty());
    // Heard, a device stays where it is in the list, and is counted once.
    fed.heard("m-2", 5);
    fed.heard("stray", 6);
    assert_eq!(fed.ids(&query()), ["hub", "m-1", "m-2", "pole-1", "stray"]);
    assert_eq!(fed.table.count().states, [3, 2, 0, 0, 0, 0]);
    assert_eq!(fed.table.entries.len(), 2);
}

#[test]
fn a_concentrator_is_heard_by_the_meters_that_it_carries() {
    let mut fed = city();
    let reading = number("wind_direction", 5, 7.0);
    fed.report(&ReportDraft {
        via: "hub",
        ..report("m-1", 5, vec![reading])
    });
    assert_eq!(fed.state("hub"), State::Online);
    assert_eq!(fed.get("hub", 5).children, 2);
    assert_eq!(fed.table.entries.len(), 2, "m-2 was not heard");
}

#[test]
fn what_was_observed_in_service_may_come_after_it() {
    let mut fed = Fed::new();
    let rows = "id,valid_to\nm-1,2026-11-23T12:01:00Z\n";
    fed.table.enrol(&known(rows, 1), at(0));
    let late = number("wind_direction", 50, 7.0);
    fed.report(&report("m-1", 70, vec![late]));
    assert!(fed.table.roll.tell_retired(9).is_empty());
    let works = number("wind_direction", 80, 7.0);
    fed.report(&report("m-1", 90, vec![works]));
    assert_eq!(fed.table.roll.tell_retired(9).len(), 1);
}

#[test]
fn an_alias_finds_and_leads() {
    let mut fed = city();
    let search = |fed: &Fed, text: &str| {
        total(
            fed,
            &Query {
                search: text.into(),
                ..query()
            },
        )
    };
    assert_eq!(search(&fed, "58782").0, ["m-2"]);
    assert_eq!(search(&fed, "IMEI:8684").0, ["m-1", "m-2"]);
    assert_eq!(search(&fed, "a7").0, ["pole-1"]);
    assert_eq!(search(&fed, "m").1, 2, "an id and its alias count once");
    let devices = vec!["imei:868411056758782".into(), "pole-1".into()];
    assert_eq!(fed.ids(&Query { devices, ..query() }), ["m-2", "pole-1"]);
    let everything = Sight::everything();
    let find = |fed: &Fed, name: &str| everything.find(&fed.table, name, at(0));
    assert_eq!(find(&fed, "sn:A7"), fed.table.ids.find("pole-1"));
    assert_eq!(find(&fed, "sn:A8"), None);
    // Of a stranger the inventory says who it is.
    fed.reject("imei:868411056758782", 3, "unknown_device");
    let stranger = fed.table.stranger("imei:868411056758782", at(3)).unwrap();
    assert_eq!(stranger.device.as_deref(), Some("m-2"));
}

#[test]
fn what_was_heard_under_an_alias_stays_and_is_linked() {
    let mut fed = Fed::new();
    fed.heard("sn:A7", 0);
    fed.table.enrol(&known(CITY, 1), at(10));
    let ghost = fed.get("sn:A7", 10);
    assert_eq!((ghost.state, ghost.reports), (State::Retired, 1));
    assert_eq!(ghost.known_as.as_deref(), Some("pole-1"));
    assert_eq!(fed.get("pole-1", 10).heard_as, ["sn:A7".into()]);
    assert!(fed.table.concerns(9, at(10)).is_empty());
    fed.pass(10, 500_000);
    assert_eq!(fed.state("sn:A7"), State::Retired, "nobody waits for it");
    // The name goes before the alias, and without the row it is itself again.
    let sight = Sight::everything();
    let found = sight.find(&fed.table, "sn:A7", at(11));
    assert_eq!(found, fed.table.ids.find("sn:A7"));
    fed.table.enrol(&known("id\nother\n", 2), at(500_001));
    assert_eq!(fed.get("sn:A7", 500_001).known_as, None);
    assert_eq!(fed.state("sn:A7"), State::Offline);
}

#[test]
fn who_is_out_of_service_is_neither_late_nor_broken() {
    let mut fed = Fed::new();
    let row = "id,kind,valid_to\nm-1,meter.gas,2026-11-23T12:10:00Z\n";
    fed.table.enrol(&known(row, 1), at(0));
    let gas = vec![flag("gas_alarm", 1, true)];
    fed.report(&report("m-1", 1, gas));
    assert_eq!(fed.get("m-1", 1).reasons.len(), 1);
    fed.pass(1, 599);
    assert_eq!(fed.state("m-1"), State::Online);
    let version = fed.table.changes.version();
    fed.pass(599, 601);
    let retired = fed.get("m-1", 601);
    assert_eq!((retired.state, retired.reasons.len()), (State::Retired, 0));
    assert!(retired.version > version, "watchers are told");
    assert_eq!((retired.late_at, retired.due), (None, None));
    assert!(fed.table.concerns(9, at(601)).is_empty());
    fed.pass(601, 500_000);
    assert_eq!(fed.state("m-1"), State::Retired);
    assert_eq!(fed.table.counts.late + fed.table.counts.offline, 0);
    // What it says after all is kept, and told once a day.
    fed.heard("m-1", 500_001);
    fed.heard("m-1", 500_002);
    assert_eq!(fed.get("m-1", 500_002).reports, 3);
    assert_eq!(fed.state("m-1"), State::Retired);
    let number = fed.table.ids.find("m-1").unwrap();
    assert_eq!(fed.table.roll.tell_retired(9), [(number, at(500_001))]);
    fed.event("m-1", "retired_device_heard", 500_001, false);
    fed.heard("m-1", 500_100);
    assert!(fed.table.roll.tell_retired(9).is_empty());
    fed.heard("m-1", 600_000);
    assert_eq!(fed.table.roll.tell_retired(9).len(), 1);
    // Back in service by the next snapshot, it is judged again.
    fed.table.enrol(&known("id\nm-1\n", 2), at(600_001));
    assert_eq!(fed.state("m-1"), State::Online);
    assert_eq!(fed.get("m-1", 600_001).reasons.len(), 1);
}

#[test]
fn the_inventory_knows_better_and_changes_its_mind() {
    let mut fed = Fed::new();
    for n in 0..5 {
        fed.heard("m-1", n * 60);
    }
    let learned = fed.get("m-1", 240);
    assert_eq!(&*learned.kind, "pole.environment");
    assert_eq!(learned.interval, Some(Duration::from_mins(1)));
    fed.table.enrol(&known(CITY, 1), at(240));
    let water = Grant {
        kinds: Scope::Only(vec!["meter.water".into()]),
        districts: Scope::Only(vec!["370102".into()]),
        ..Grant::default()
    };
    let seen = |fed: &Fed| {
        let number = fed.table.ids.find("m-1").unwrap();
        Sight::of(&water, &fed.table)
            .mark(&fed.table, number)
            .is_some()
    };
    assert!(seen(&fed), "without a new report");
    assert_eq!(fed.get("m-1", 240).interval, Some(Duration::from_hours(1)));
    fed.pass(240, 3_600);
    assert_eq!(fed.state("m-1"), State::Sleeping, "an hour, not a minute");
    // A report from before, read again, changes nothing of that.
    fed.heard("m-1", 3_601);
    assert_eq!(&*fed.get("m-1", 3_601).kind, "meter.water");
    let moved = CITY.replace("m-1,meter.water,370102,1h", "m-1,meter.water,370105,");
    let version = fed.table.changes.version();
    fed.table.enrol(&known(&moved, 2), at(3_602));
    assert!(!seen(&fed));
    let meter = fed.get("m-1", 3_602);
    assert_eq!(
        (&*meter.district, meter.interval),
        ("370105", Some(Duration::from_mins(1)))
    );
    assert!(meter.version > version);
    // The same again changes nothing.
    let version = fed.table.changes.version();
    fed.table.enrol(&known(&moved, 3), at(3_603));
    assert_eq!(fed.table.changes.version(), version);
}

#[test]
fn a_cell_that_was_emptied_says_nothing_any_more() {
    let mut fed = city();
    let place = |fed: &Fed, id: &str| {
        let device = fed.get(id, 2);
        (device.kind.to_string(), device.district.to_string())
    };
    fed.heard("m-1", 1);
    let emptied = CITY
        .replace("m-1,meter.water,370102", "m-1,,")
        .replace("m-2,meter.water,370103", "m-2,meter.water,");
    fed.table.enrol(&known(&emptied, 2), at(2));
    assert_eq!(place(&fed, "m-1"), ("unknown".into(), String::new()));
    assert_eq!(place(&fed, "m-2"), ("meter.water".into(), String::new()));
    let before = Grant {
        kinds: Scope::All,
        districts: Scope::Only(vec!["370102".into()]),
        ..Grant::default()
    };
    let number = fed.table.ids.find("m-1").unwrap();
    let sight = Sight::of(&before, &fed.table);
    assert!(sight.mark(&fed.table, number).is_none(), "the old grant");
    // Its own report says what it is, and the next snapshot leaves that.
    fed.heard("m-1", 3);
    let own = place(&fed, "m-1");
    assert_eq!(own.0, "pole.environment");
    fed.table.enrol(&known(&emptied, 3), at(4));
    assert_eq!(place(&fed, "m-1"), own);
}

#[test]
fn who_is_no_longer_named_goes_unless_it_was_heard() {
    let mut fed = city();
    fed.heard("m-2", 1);
    fed.table
        .enrol(&known("id,kind\nnew,meter.gas\n", 2), at(2));
    assert_eq!(fed.ids(&query()), ["m-2", "new"]);
    assert_eq!(
        (fed.table.count().total, fed.get("m-2", 2).listing),
        (2, None)
    );
    assert_eq!(fed.table.nearest("pole-11"), None, "not even suggested");
    let families = fed.table.families.len();
    assert_eq!(families, 0, "nobody hangs below who is gone");
    // Named again, or heard after all, it is what it was.
    fed.table.enrol(&known(CITY, 3), at(3));
    fed.heard("pole-1", 4);
    assert_eq!(fed.table.count().total, 4);
    assert_eq!(fed.ids(&query()), ["hub", "m-1", "m-2", "pole-1"]);
}

#[test]
fn a_concentrator_shows_all_of_its_meters_and_takes_their_blame() {
    let mut fed = city();
    let hub = fed.get("hub", 0);
    assert_eq!(
        (hub.children, hub.children_silent, hub.state),
        (2, 0, State::Never)
    );
    for n in 0..4 {
        fed.heard("hub", n * 60);
        fed.heard("m-2", n * 60);
    }
    let children = Query {
        parent: "hub".into(),
        ..query()
    };
    let page = fed.table.list(&children, at(200));
    assert_eq!(
        page.counts.states,
        [1, 1, 0, 0, 0, 0],
        "one was never heard"
    );
    fed.pass(181, 1_000);
    let meter = fed.get("m-2", 1_000);
    assert_eq!((meter.state, &*meter.parent), (State::Offline, "hub"));
    let (state, since) = meter.parent_silent.unwrap();
    assert_eq!(
        (state, since),
        (State::Offline, fed.get("hub", 1_000).state_since)
    );
    let concerns = fed.table.concerns(9, at(1_000));
    let lines: Vec<(&str, u32)> = concerns
        .iter()
        .map(|concern| (&*concern.device.id, concern.folded))
        .collect();
    assert_eq!(lines, [("hub", 1)], "one fault, not two");
    // Whoever sees the meters alone is told nothing of the hub.
    let grant = Grant {
        kinds: Scope::Only(vec!["meter.water".into()]),
        ..Grant::default()
    };
    let sight = Sight::of(&grant, &fed.table);
    let number = fed.table.ids.find("m-2").unwrap();
    let seen = sight.show(&fed.table, number, at(1_000), false).unwrap();
    assert_eq!((&*seen.parent, seen.parent_silent), ("", None));
    // A report through another does not move a meter that the inventory has hung somewhere.
    let mut other = report("m-2", 1_001, vec![number_of("voltage", 1_001)]);
    other.via = "hub-2";
    fed.report(&other);
    assert_eq!(&*fed.get("m-2", 1_001).parent, "hub");
    assert_eq!(
        fed.state("hub-2"),
        State::Online,
        "but who carried it is alive"
    );
}

fn number_of(metric: &'static str, secs: i64) -> ReadingDraft<'static> {
    number(metric, secs, 1.0)
}

#[test]
fn after_an_exchange_the_address_leads_to_the_new_meter() {
    let mut fed = Fed::new();
    let rows = "id,aliases,valid_from,valid_to\n\
        old,dlt645:000000000161,,2026-11-23T12:10:00Z\n\
        new,dlt645:000000000161,2026-11-23T12:10:00Z,\n";
    fed.table.enrol(&known(rows, 1), at(0));
    let sight = Sight::everything();
    let leads = |fed: &Fed, secs| {
        let number = sight.find(&fed.table, "dlt645:000000000161", at(secs));
        fed.table.ids.get(number.unwrap()).to_owned()
    };
    assert_eq!(
        (leads(&fed, 0), leads(&fed, 600)),
        ("old".into(), "new".into())
    );
    assert!(!fed.table.roll.is_over(at(599)) && fed.table.roll.is_over(at(600)));
    fed.pass(0, 600);
    assert_eq!(
        (fed.state("old"), fed.state("new")),
        (State::Retired, State::Never)
    );
}

#[test]
fn grants_see_of_the_inventory_what_they_cover() {
    let mut fed = city();
    fed.heard("m-2", 1);
    let grant = Grant {
        districts: Scope::Only(vec!["370103".into()]),
        ..Grant::default()
    };
    let sight = Sight::of(&grant, &fed.table);
    let page = fed.table.list_of(&query(), at(1), &sight);
    assert_eq!((page.devices.len(), page.counts.total), (1, 1));
    assert_eq!(fed.table.count_of(&sight), page.counts);
    let find = |name: &str| sight.find(&fed.table, name, at(1));
    assert!(find("imei:868411056758782").is_some() && find("m-2").is_some());
    // An alias of a device that is not seen is as good as none.
    for foreign in ["imei:868411056758781", "m-1", "sn:A7", "nobody"] {
        assert_eq!(find(foreign), None, "{foreign}");
        let search = Query {
            search: foreign.into(),
            ..query()
        };
        assert_eq!(fed.table.list_of(&search, at(1), &sight).counts.total, 0);
    }
}

proptest::proptest! {
    /// Whatever is heard while somebody pages, each device of the beginning comes exactly once.
    #[test]
    fn pages_are_exact_while_devices_are_heard(heard in proptest::collection::vec(0usize..30, 0..40), limit in 1usize..7) {
        let rows: Vec<String> = (0..30).map(|n| format!("d-{n:02},meter.gas")).collect();
        let mut fed = Fed::new();
        fed.table.enrol(&known(&format!("id,kind\n{}\n", rows.join("\n")), 1), at(0));
        let (mut seen, mut after, mut turn) = (Vec::new(), None, 0);
        loop {
            let page = fed.table.list(&Query { limit, after, ..query() }, at(0));
            proptest::prop_assert_eq!(page.counts.total, 30);
            seen.extend(page.devices.iter().map(|device| device.id.to_string()));
            after = page.next;
            if after.is_none() {
                break;
            }
            for n in heard.iter().skip(turn * 3).take(3) {
                fed.heard(&format!("d-{n:02}"), i64::try_from(turn).unwrap());
            }
            turn += 1;
        }
        let all: Vec<String> = (0..30).map(|n| format!("d-{n:02}")).collect();
        proptest::prop_assert_eq!(seen, all);
    }
}
