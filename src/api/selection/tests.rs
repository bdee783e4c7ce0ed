#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::unfit::VIOLATIONS_MAX;
use super::*;
use crate::catalogue::Catalogue;
use crate::model::proto;

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn check_for(filter: &proto::Filter, grant: Grant) -> Result<Selection, Unfit> {
    let judge = Judge {
        catalogue: &Catalogue::shipped(),
        grant: &Arc::new(grant),
        sees: &|device| device == "seen",
    };
    Selection::check(filter, &judge)
}

fn check(filter: &proto::Filter) -> Result<Selection, Violations> {
    match check_for(filter, Grant::everything("a")) {
        Ok(selection) => Ok(selection),
        Err(Unfit::Wrong(wrong)) => Err(wrong),
        Err(Unfit::Outside(outside)) => panic!("nothing is outside: {outside}"),
    }
}

fn only(names: &[&str]) -> Scope<Vec<Box<str>>> {
    Scope::Only(names.iter().map(|name| (*name).into()).collect())
}

fn gas() -> Grant {
    Grant {
        kinds: only(&["meter.gas", "pole"]),
        districts: only(&["3701"]),
        metrics: Scope::Only(["gas_volume".into(), "voltage".into()].into()),
        ..Grant::default()
    }
}

#[test]
fn a_filter_is_cut_to_the_grant() {
    let all = check_for(&proto::Filter::default(), gas()).unwrap();
    assert!(!all.is_all() && all.strips_readings() && !all.takes_gateway());
    assert!(all.takes_device("d", "meter.gas", "370102"));
    assert!(!all.takes_device("d", "meter.heat", "370102"));
    assert!(!all.takes_device("d", "meter.gas", "3702"));
    assert!(all.takes_metric("voltage") && !all.takes_metric("current"));
    let part = check_for(
        &proto::Filter {
            devices: texts(&["seen"]),
            kinds: texts(&["meter", "pole.light"]),
            districts: texts(&["37", "370102"]),
            metrics: texts(&["voltage"]),
        },
        gas(),
    )
    .unwrap();
    assert_eq!(part.kinds, only(&["meter.gas", "pole.light"]));
    assert_eq!(part.districts, only(&["3701", "370102"]));
    assert!(!part.takes_metric("gas_volume"));
    let history = part.into_history();
    assert_eq!(history.kinds, ["meter.gas", "pole.light"]);
    assert_eq!(history.metrics, ["voltage"]);
}

#[test]
fn what_is_wholly_outside_is_named() {
    let outside = |filter: proto::Filter| match check_for(&filter, gas()) {
        Err(Unfit::Outside(outside)) => outside.to_string(),
        other => panic!("{other:?}"),
    };
    let kinds = outside(proto::Filter {
        kinds: texts(&["meter.gas", "meter.heat"]),
        ..proto::Filter::default()
    });
    assert_eq!(
        kinds,
        "filter.kinds[1]: this token does not grant kind \"meter.heat\""
    );
    let districts = outside(proto::Filter {
        districts: texts(&["3702"]),
        ..proto::Filter::default()
    });
    assert!(districts.contains("district \"3702\""), "{districts}");
    let metrics = outside(proto::Filter {
        metrics: texts(&["current"]),
        ..proto::Filter::default()
    });
    assert!(metrics.contains("metric \"current\""), "{metrics}");
    let device = |name: &str| {
        outside(proto::Filter {
            devices: texts(&["seen", name]),
            ..proto::Filter::default()
        })
    };
    assert_eq!(
        device("other").replace("other", "third"),
        device("third"),
        "one sentence for all"
    );
    let wrong = check_for(
        &proto::Filter {
            kinds: texts(&["meter.heat", "meter.hat"]),
            ..proto::Filter::default()
        },
        gas(),
    );
    assert!(
        matches!(wrong, Err(Unfit::Wrong(_))),
        "what is wrong is told first"
    );
}

#[test]
fn a_grant_of_nothing_takes_nothing_anywhere() {
    let nothing = Grant {
        kinds: only(&[]),
        ..Grant::default()
    };
    let selection = check_for(&proto::Filter::default(), nothing).unwrap();
    assert!(!selection.takes_device("d", "meter", ""));
    assert!(!selection.into_history().covers_kind("meter"));
}

#[test]
fn an_empty_filter_takes_everything() {
    let all = check(&proto::Filter::default()).unwrap();
    assert!(all.is_all() && !all.strips_readings());
    assert!(all.takes_device("any", "unknown", ""));
    assert!(all.takes_metric("voltage"));
}

#[test]
fn all_parts_of_a_filter_must_agree() {
    let selection = check(&proto::Filter {
        devices: texts(&["a", "b"]),
        kinds: texts(&["meter", "unknown"]),
        districts: texts(&["3701"]),
        metrics: texts(&["voltage"]),
    })
    .unwrap();
    assert!(!selection.is_all() && selection.strips_readings());
    for (device, kind, district, taken) in [
        ("a", "meter.gas", "370102", true),
        ("b", "meter", "3701", true),
        ("a", "unknown", "3701", true),
        ("c", "meter.gas", "370102", false),
        ("a", "meters.gas", "370102", false),
        ("a", "pole.light", "370102", false),
        ("a", "meter.gas", "37", false),
    ] {
        let found = selection.takes_device(device, kind, district);
        assert_eq!(found, taken, "{device} {kind} {district}");
    }
    assert!(selection.takes_metric("voltage") && !selection.takes_metric("current"));
}

#[test]
fn violations_have_a_bound() {
    let filter = proto::Filter {
        metrics: texts(&["no_such_thing_at_all"; NAMES_MAX]),
        districts: texts(&["", &"9".repeat(65)]),
        ..proto::Filter::default()
    };
    let wrong = check(&filter).unwrap_err();
    assert_eq!(wrong.0.len(), VIOLATIONS_MAX);
    assert_eq!(wrong.0[0].field, "filter.districts[0]");
    let filter = proto::Filter {
        kinds: texts(&["meter"; NAMES_MAX + 1]),
        ..proto::Filter::default()
    };
    let wrong = check(&filter).unwrap_err();
    assert_eq!(wrong.to_string(), "filter.kinds: 257 entries, at most 256");
}
