//! The registry through grants: what hides a device, a metric, a relative.
use super::*;
use crate::access::{Grant, Scope};
use crate::devices::sight::Sight;
use crate::devices::{Code, Level};

fn only(names: &[&str]) -> Scope<Vec<Box<str>>> {
    Scope::Only(names.iter().map(|name| (*name).into()).collect())
}

fn show(fed: &Fed, grant: &Grant, device: &str) -> Option<Device> {
    let number = fed.table.ids.find(device).unwrap();
    let sight = Sight::of(grant, &fed.table);
    sight.show_all(&fed.table, &[number], at(0), true).pop()
}

/// A pole in alarm for its gas, well otherwise.
fn alarmed() -> Fed {
    let mut fed = Fed::new();
    let readings = vec![
        number("wind_direction", 1, 90.0),
        flag("gas_alarm", 1, true),
    ];
    fed.report(&report("pole-1", 1, readings));
    fed
}

#[test]
fn findings_about_other_metrics_are_hidden_in_lists_and_counts_too() {
    let fed = alarmed();
    let whole = fed.get("pole-1", 1);
    assert_eq!(
        (whole.health, whole.reasons[0].code),
        (Level::Fault, Code::Alarm)
    );
    let grant = |metrics: &[&str]| Grant {
        metrics: Scope::Only(metrics.iter().map(|metric| (*metric).into()).collect()),
        ..Grant::default()
    };
    let (wind, gas) = (grant(&["wind_direction"]), grant(&["gas_alarm"]));
    for (grant, level, faults) in [(&wind, Level::Ok, 0), (&gas, Level::Fault, 1)] {
        let seen = show(&fed, grant, "pole-1").unwrap();
        assert_eq!((seen.health, seen.reasons.len()), (level, faults));
        assert_eq!((seen.values.len(), seen.readings), (1, 0));
        let sight = Sight::of(grant, &fed.table);
        let list = fed.table.list_of(
            &Query {
                healths: vec![Level::Fault],
                ..query()
            },
            at(1),
            &sight,
        );
        assert_eq!(list.devices.len(), faults);
        assert_eq!(list.counts.healths[2], faults as u64);
        assert_eq!(fed.table.count_of(&sight), list.counts);
        assert_eq!(fed.table.concerns_of(9, at(1), &sight).len(), faults);
    }
}

/// A concentrator of gas with a child of gas and one of heat, all silent.
fn family() -> Fed {
    let mut fed = Fed::new();
    for (device, kind, via) in [
        ("conc-gas", "meter.gas", ""),
        ("child-gas", "meter.gas", "conc-gas"),
        ("child-heat", "meter.heat", "conc-gas"),
    ] {
        let mut report = report(device, 1, vec![number("gas_volume", 1, 1.0)]);
        (report.kind, report.via) = (kind, via);
        fed.report(&report);
    }
    fed.pass(1, 30 * 24 * 3_600);
    fed
}

#[test]
fn relatives_that_are_not_granted_are_neither_named_nor_counted() {
    let fed = family();
    let gas = Grant {
        kinds: only(&["meter.gas"]),
        ..Grant::default()
    };
    let heat = Grant {
        kinds: only(&["meter.heat"]),
        ..Grant::default()
    };
    let whole = fed.get("conc-gas", 1);
    assert_eq!((whole.children, whole.children_silent), (2, 2));
    let seen = show(&fed, &gas, "conc-gas").unwrap();
    assert_eq!((seen.children, seen.children_silent), (1, 1));
    assert!(show(&fed, &heat, "conc-gas").is_none());
    assert_eq!(&*show(&fed, &heat, "child-heat").unwrap().parent, "");
    assert_eq!(&*show(&fed, &gas, "child-gas").unwrap().parent, "conc-gas");

    let sight = Sight::of(&heat, &fed.table);
    let children = Query {
        parent: "conc-gas".into(),
        ..query()
    };
    let page = fed.table.list_of(&children, at(1), &sight);
    assert_eq!((page.devices.len(), page.counts.total), (0, 0));
    assert_eq!(
        fed.table.nearest_of("child-hea", &sight).as_deref(),
        Some("child-heat")
    );
    assert_eq!(fed.table.nearest_of("conc-ga", &sight), None);
    // Nobody whom it sees carries it, so nobody's line has it folded in.
    let concerns = fed.table.concerns_of(9, at(1), &sight);
    assert_eq!(concerns.len(), 1);
    let concerns = fed
        .table
        .concerns_of(9, at(1), &Sight::of(&gas, &fed.table));
    assert_eq!((concerns.len(), concerns[0].folded), (1, 1));
}

#[test]
fn the_place_of_a_watch_is_that_of_what_is_seen() {
    let mut fed = family();
    let heat = Grant {
        kinds: only(&["meter.heat"]),
        ..Grant::default()
    };
    let place = |fed: &Fed| Sight::of(&heat, &fed.table).version(&fed.table);
    let before = place(&fed);
    assert_eq!(before, fed.get("child-heat", 1).version);
    let mut gas = report("conc-gas", 2, vec![number("gas_volume", 2, 2.0)]);
    gas.kind = "meter.gas";
    fed.report(&gas);
    assert_eq!(place(&fed), before, "of others nothing is told");
    let all = Sight::everything().version(&fed.table);
    assert!(all > before);
}

#[test]
fn a_grant_of_nothing_sees_nobody() {
    let fed = family();
    let nothing = Grant {
        kinds: only(&[]),
        ..Grant::default()
    };
    let sight = Sight::of(&nothing, &fed.table);
    assert_eq!(fed.table.count_of(&sight).total, 0);
    assert!(show(&fed, &nothing, "conc-gas").is_none());
}
