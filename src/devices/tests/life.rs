//! States: domain.md section 4, names of design.md.
use super::*;
use crate::devices::TraceKind;
use std::time::Duration;

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;

/// Heard each minute, ten times from 0 on.
fn each_minute(fed: &mut Fed, device: &str) {
    for n in 0..=10 {
        fed.heard(device, n * MINUTE);
    }
}

#[test]
fn late_after_one_and_a_half_intervals_and_offline_after_three() {
    let mut fed = Fed::new();
    each_minute(&mut fed, "p");
    let device = fed.get("p", 600);
    assert_eq!(
        (device.state, device.interval),
        (State::Online, Some(Duration::from_mins(1)))
    );
    assert_eq!(device.due, Some(at(660)));
    assert_eq!(
        (device.late_at, device.offline_at),
        (Some(at(695)), Some(at(790)))
    );
    fed.pass(600, 694);
    assert_eq!(fed.state("p"), State::Online);
    fed.pass(694, 695);
    assert_eq!(fed.state("p"), State::Late);
    fed.pass(695, 789);
    assert_eq!(fed.state("p"), State::Late);
    fed.pass(789, 790);
    assert_eq!(fed.state("p"), State::Offline);
    fed.heard("p", 800);
    let device = fed.get("p", 800);
    assert_eq!((device.state, device.state_since), (State::Online, at(800)));
    let states: Vec<TraceKind> = device
        .traces
        .iter()
        .map(|trace| trace.what)
        .filter(|what| matches!(what, TraceKind::State(..)))
        .collect();
    assert_eq!(
        states,
        [
            TraceKind::State(State::Offline, State::Online),
            TraceKind::State(State::Late, State::Offline),
            TraceKind::State(State::Online, State::Late),
        ]
    );
}

#[test]
fn daily_meters_have_two_days_and_six_hours() {
    let mut fed = Fed::new();
    for day in 0..5 {
        fed.heard("m", day * 24 * HOUR);
    }
    let last = 4 * 24 * HOUR;
    let device = fed.get("m", last);
    assert!(device.sleepy);
    assert_eq!(device.late_at, Some(at(last + 36 * HOUR + 5)));
    assert_eq!(device.offline_at, Some(at(last + 54 * HOUR + 10)));
}

#[test]
fn one_that_sleeps_is_awake_for_93_seconds() {
    let mut fed = Fed::new();
    for n in 0..5 {
        fed.heard("m", n * HOUR);
    }
    fed.pass(4 * HOUR, 4 * HOUR + 92);
    assert_eq!(fed.state("m"), State::Online);
    fed.pass(4 * HOUR + 92, 4 * HOUR + 93);
    assert_eq!(fed.state("m"), State::Sleeping);
    fed.heard("m", 5 * HOUR);
    assert_eq!(fed.state("m"), State::Online);
    let traces = fed.get("m", 5 * HOUR).traces;
    assert!(
        traces
            .iter()
            .all(|trace| matches!(trace.what, TraceKind::Report(_))),
        "{traces:?}"
    );
    fed.pass(5 * HOUR, 5 * HOUR + HOUR * 3 / 2 + 5);
    assert_eq!(
        fed.state("m"),
        State::Late,
        "sleeping is not a rest for ever"
    );
}

#[test]
fn an_unknown_interval_is_judged_by_the_default() {
    let mut fed = Fed::new();
    fed.heard("p", 0);
    let device = fed.get("p", 0);
    assert_eq!(
        (device.interval, device.due, device.sleepy),
        (None, None, false)
    );
    fed.pass(0, 36 * HOUR);
    assert_eq!(fed.state("p"), State::Online);
    fed.pass(36 * HOUR, 37 * HOUR);
    assert_eq!(fed.state("p"), State::Late);
}

#[test]
fn a_will_is_offline_at_once_until_the_next_sign_of_life() {
    let mut fed = Fed::new();
    each_minute(&mut fed, "p");
    fed.event("p", "will", 610, false);
    assert_eq!(fed.state("p"), State::Offline);
    fed.pass(610, 620);
    assert_eq!(fed.state("p"), State::Offline);
    fed.heard("p", 630);
    assert_eq!(fed.state("p"), State::Online);
    // A takeover sends no will (promise 4 of MQTT's epochs), and another event changes nothing.
    fed.event("p", "session_taken_over", 640, false);
    assert_eq!(fed.state("p"), State::Online);
    fed.event("nobody", "will", 640, false);
    assert_eq!(fed.table.len(), 1);
}

#[test]
fn copies_and_rejects_are_signs_of_life() {
    let mut fed = Fed::new();
    each_minute(&mut fed, "p");
    fed.pass(600, 700);
    assert_eq!(fed.state("p"), State::Late);
    fed.table.sighted("p", at(701), 3);
    let device = fed.get("p", 701);
    assert_eq!(
        (device.state, device.duplicates, device.last_seen),
        (State::Online, 3, at(701))
    );
    assert_eq!(device.last_report, Some(at(600)));
    fed.pass(701, 800);
    assert_eq!(fed.state("p"), State::Late);
    fed.reject("p", 801, "syntax");
    let device = fed.get("p", 801);
    assert_eq!(
        (device.state, device.heard_not_accepted),
        (State::Online, true)
    );
    assert_eq!(device.address, "10.9.9.9:1".parse().ok());
    fed.heard("p", 802);
    assert!(!fed.get("p", 802).heard_not_accepted);
}

#[test]
fn never_is_what_was_only_refused() {
    let mut fed = Fed::new();
    fed.reject("new-1", 5, "unknown_metric");
    let device = fed.get("new-1", 5);
    assert_eq!(
        (device.state, device.heard_not_accepted),
        (State::Never, true)
    );
    assert_eq!((device.first_seen, device.late_at), (at(5), None));
    assert!(!fed.table.stranger("new-1", at(0)).unwrap().known);
    fed.pass(5, 100 * HOUR);
    assert_eq!(
        fed.state("new-1"),
        State::Never,
        "it was never promised to come again"
    );
    fed.heard("new-1", 100 * HOUR);
    assert_eq!(fed.state("new-1"), State::Online);
    assert!(fed.table.stranger("new-1", at(0)).unwrap().known);
    // Those that no inventory knows, or that have no valid name, are no devices.
    fed.reject("pole/7", 6, "invalid_device_id");
    fed.reject("other", 6, "unknown_device");
    fed.reject("", 7, "no_route");
    assert_eq!(fed.table.len(), 1);
    assert_eq!(
        fed.table.stranger("other", at(0)).unwrap().reason,
        "unknown_device".into()
    );
    assert_eq!(
        fed.table.stranger("10.9.9.9", at(0)).unwrap().reason,
        "no_route".into()
    );
    let names: Vec<Box<str>> = fed
        .table
        .strangers(at(6), 9, at(6))
        .into_iter()
        .map(|s| s.name)
        .collect();
    assert_eq!(names, ["".into(), "other".into(), "pole/7".into()]);
}

#[test]
fn silence_counts_only_while_the_gateway_is_up() {
    let mut fed = Fed::new();
    each_minute(&mut fed, "a");
    each_minute(&mut fed, "b");
    fed.event("b", "will", 601, false);
    // A day later the gateway starts again.
    let start = 24 * HOUR;
    fed.table.listen_from(at(start));
    fed.pass(start, start + 94);
    assert_eq!(
        (fed.state("a"), fed.state("b")),
        (State::Online, State::Offline)
    );
    fed.pass(start + 94, start + 95);
    assert_eq!(
        (fed.state("a"), fed.state("b")),
        (State::Late, State::Offline)
    );
}

#[test]
fn a_late_one_is_not_late_less_after_a_restart() {
    let mut fed = Fed::new();
    each_minute(&mut fed, "a");
    fed.pass(600, 700);
    assert_eq!(fed.state("a"), State::Late);
    fed.table.listen_from(at(701));
    fed.pass(701, 720);
    assert_eq!(fed.state("a"), State::Late);
    fed.pass(720, 701 + 190);
    assert_eq!(fed.state("a"), State::Offline);
}

/// A retried uplink comes late, with its time of reception.
#[test]
fn what_was_heard_long_ago_is_no_life_of_now() {
    let mut fed = Fed::new();
    each_minute(&mut fed, "a");
    let last = fed.get("a", 600).last_seen;
    fed.pass(600, 2_000);
    assert_eq!(fed.state("a"), State::Offline);
    let before = fed.get("a", 2_000);
    for secs in [600, 540] {
        fed.heard("a", secs);
        let after = fed.get("a", 2_000);
        assert_eq!(fed.state("a"), State::Offline, "{secs}");
        assert_eq!(after.state_since, before.state_since);
        assert_eq!(after.last_seen, last.max(at(secs)));
    }
    fed.heard("a", 2_001);
    assert_eq!(fed.state("a"), State::Online);
}

#[test]
fn children_are_counted_with_what_carries_them() {
    let mut fed = Fed::new();
    for n in 0..=5 {
        for child in ["m-1", "m-2"] {
            let mut draft = report(
                child,
                n * MINUTE,
                vec![number("voltage", n * MINUTE, 230.0)],
            );
            draft.via = "hub";
            fed.report(&draft);
        }
    }
    let hub = fed.get("hub", 300);
    assert_eq!((hub.children, hub.children_silent, hub.reports), (2, 0, 0));
    assert_eq!(
        (hub.state, hub.interval),
        (State::Online, Some(Duration::from_mins(1)))
    );
    assert_eq!(hub.address, "10.1.2.3:4567".parse().ok());
    assert_eq!(&*fed.get("m-1", 300).parent, "hub");
    // One child falls silent.
    for n in 6..=10 {
        let mut draft = report(
            "m-1",
            n * MINUTE,
            vec![number("voltage", n * MINUTE, 230.0)],
        );
        draft.via = "hub";
        fed.report(&draft);
        fed.table.tick(at(n * MINUTE));
    }
    assert_eq!(fed.get("hub", 600).children_silent, 1);
    let lines = |fed: &Fed| {
        let concerns = fed.table.concerns(9, at(600));
        let line = |c: crate::devices::Concern| (c.device.id.to_string(), c.folded);
        concerns.into_iter().map(line).collect::<Vec<_>>()
    };
    assert_eq!(lines(&fed), [("m-2".to_owned(), 0)]);
    // Then the hub: its children have no line of their own.
    fed.pass(600, 900);
    assert_eq!(lines(&fed), [("hub".to_owned(), 2)]);
    // A child that speaks for itself again.
    fed.heard("m-2", 901);
    let hub = fed.get("hub", 901);
    assert_eq!((hub.children, hub.children_silent), (1, 1));
    assert_eq!(&*fed.get("m-2", 901).parent, "");
}

#[test]
fn a_part_of_a_childs_is_its_own_and_its_carriers() {
    let mut fed = Fed::new();
    fed.heard("c", 1);
    fed.heard("m", 1);
    fed.reject_by("m", "c", 10, "invalid_bcd");
    let rejects = |fed: &Fed| ["m", "c"].map(|id| fed.get(id, 10).rejects);
    assert_eq!(rejects(&fed), [1, 1]);
    assert_eq!(fed.get("m", 10).last_seen, at(10));
    // Who is not given the meter says nothing of its life.
    fed.reject_by("m", "c", 20, "other_device");
    assert_eq!(rejects(&fed), [2, 2]);
    assert_eq!(fed.get("m", 20).last_seen, at(10));
    assert_eq!(fed.get("c", 20).last_seen, at(20));
    // An address that nobody knows is a stranger, and no device.
    for reason in ["unknown_device", "invalid_bcd"] {
        fed.reject_by("dlt645:000000000555", "c", 30, reason);
    }
    assert_eq!(fed.table.ids.find("dlt645:000000000555"), None);
    let stranger = fed.table.strangers.get("dlt645:000000000555").unwrap();
    assert_eq!((stranger.rejects, &*stranger.reason), (2, "invalid_bcd"));
}
