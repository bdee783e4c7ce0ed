//! Situations and the sentences that they lead to.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::*;
use crate::api::explain::{Cell, Expected, Life, Passage, Refused, Subject};
use crate::api::http::{Lang, Teller, tell};
use jiff::tz::TimeZone;

/// A time of the day of the tests.
fn at(text: &str) -> Timestamp {
    Timestamp::parse(&format!("2026-11-25T{text}Z"), &TimeZone::UTC).unwrap()
}

fn story(state: &str) -> Story {
    Story {
        asked: "m-1".to_owned(),
        at: at("10:00:00"),
        device: Some(Subject {
            id: "m-1".to_owned(),
            state: state.to_owned(),
            last_heard: Some(at("09:40:00")),
            ..Subject::default()
        }),
        expected: Some(Expected {
            every_secs: Some(900.0),
            next: Some(at("09:55:00")),
            ..Expected::default()
        }),
        uplinks: vec![uplink()],
        link: Some(link("mqtt", "listening", (12, 3))),
        ..Story::default()
    }
}

fn uplink() -> Uplink {
    Uplink {
        at: at("09:40:00"),
        accepted: true,
        ..Uplink::default()
    }
}

fn link(name: &str, state: &str, (heard, silent): (u64, u64)) -> Link {
    Link {
        name: name.to_owned(),
        counted_by: name.to_owned(),
        state: state.to_owned(),
        since: Some(at("09:38:00")),
        others: others(heard, silent),
        ..Link::default()
    }
}

fn others(heard: u64, silent: u64) -> Others {
    Others {
        heard,
        silent,
        cut_short: false,
    }
}

fn parent(state: &str, silent: u32, of: u32) -> Parent {
    Parent {
        id: "c-1".to_owned(),
        state: state.to_owned(),
        last_heard: Some(at("09:39:00")),
        children: of,
        silent,
        say: String::new(),
    }
}

fn refusal(part: &str) -> Refused {
    Refused {
        part: part.to_owned(),
        reason: "unit_mismatch".to_owned(),
        sentence: "unit kWh is not m3".to_owned(),
        ..Refused::default()
    }
}

fn stranger(name: &str, by: &str) -> Stranger {
    Stranger {
        name: name.to_owned(),
        last: at("09:58:00"),
        rejects: 3,
        reason: "unknown_device".to_owned(),
        sentence: "the inventory has no device `m-1x`".to_owned(),
        by: by.to_owned(),
        ..Stranger::default()
    }
}

/// The sentence, to somebody who may see everything.
fn said(story: Story) -> String {
    said_to(story, true, false, Lang::En)
}

fn said_to(mut story: Story, all: bool, will: bool, lang: Lang) -> String {
    story.verdict = judge(&story, at("02:00:00"), all, will);
    let teller = Teller {
        lang,
        now: at("10:00:00"),
        zone: Some(&TimeZone::UTC),
    };
    tell(&mut story, &teller);
    story.sentence
}

#[test]
fn what_is_heard_is_judged_by_its_last_uplink() {
    let heard = story("online");
    assert_eq!(
        said(heard.clone()),
        "Heard 20 min ago; its last uplink was accepted."
    );
    let mut refused = heard.clone();
    refused.uplinks.insert(
        0,
        Uplink {
            at: at("09:58:00"),
            refused: vec![refusal("")],
            ..Uplink::default()
        },
    );
    assert_eq!(
        said(refused.clone()),
        "Heard 2 min ago; its last uplink was refused: unit kWh is not m3."
    );
    // What was recovered, and what a store did not want of an uplink that was accepted.
    let mut recovered = refused.clone();
    recovered.uplinks[0].refused[0].recovered = Some("7".to_owned());
    refused.uplinks[0].refused[0].reason = "store_rejected".to_owned();
    for story in [recovered, refused] {
        assert_eq!(
            said(story),
            "Heard 20 min ago; its last uplink was accepted."
        );
    }
    let mut parts = heard.clone();
    parts.uplinks[0].refused = vec![refusal("volume")];
    assert_eq!(
        said(parts),
        "Heard 20 min ago and accepted, but for a part of its last uplink: unit kWh is not m3."
    );
    let mut mended = heard.clone();
    let back = Some("8".to_owned());
    mended.uplinks[0].refused = vec![
        Refused {
            recovered: back,
            ..refusal("volume")
        },
        refusal("power"),
    ];
    assert!(said(mended.clone()).contains("but for a part of"));
    mended.uplinks[0].refused.pop();
    assert!(said(mended).ends_with("its last uplink was accepted."));
    let mut waiting = heard;
    waiting.uplinks[0].passages.push(Passage {
        reader: "vm".to_owned(),
        error: "connection refused".to_owned(),
        error_since: Some(at("09:41:00")),
        ..Passage::default()
    });
    assert_eq!(
        said(waiting),
        "Heard 20 min ago and accepted; not yet delivered to vm: connection refused, since 09:41:00."
    );
}

#[test]
fn a_silence_is_told_with_what_is_silent_beside_it() {
    let silent = story("late");
    let with = |change: &dyn Fn(&mut Story)| {
        let mut story = silent.clone();
        change(&mut story);
        let said = said(story);
        let start = "Silent since 09:40:00; expected every 15 min. ";
        said.strip_prefix(start)
            .unwrap_or_else(|| panic!("{said}"))
            .to_owned()
    };
    for (change, sentence) in [
        (
            (&|s: &mut Story| s.parent = Some(parent("offline", 37, 38))) as &dyn Fn(&mut Story),
            "Its concentrator c-1 is silent since 09:39:00, with 37 of its 38 devices: look at the concentrator.",
        ),
        (
            // Heard since by itself, and all that it carries is silent.
            &|s| {
                let last_heard = Some(at("09:59:55"));
                s.parent = Some(Parent {
                    last_heard,
                    ..parent("online", 38, 38)
                });
            },
            "Its concentrator c-1 is heard, but all 38 devices that it carries are silent: look at the bus between them.",
        ),
        (
            // Not due yet, and heard last when they were.
            &|s| s.parent = Some(parent("online", 38, 38)),
            "Its concentrator c-1 was not heard since either (last at 09:39:00), and all 38 devices that it carries are silent: look at the concentrator.",
        ),
        (
            &|s| s.parent = Some(parent("online", 1, 38)),
            "Others are heard (37 by c-1): look at the device itself, its power, antenna and SIM card.",
        ),
        (
            &|s| {
                s.link = Some(Link {
                    last_error: "connection refused".to_owned(),
                    ..link("city/0", "waiting", (0, 40))
                });
            },
            "The link to the broker, city/0, is waiting since 09:38:00: connection refused.",
        ),
        (
            &|s| {
                s.gateway = Some(Life {
                    started: at("09:56:00"),
                    record_before: Some(at("09:41:30")),
                    say: String::new(),
                });
            },
            "The gateway was restarted at 09:56:00; the last record before is of 09:41:30.",
        ),
        (
            &|s| {
                s.cell = Some(Cell {
                    id: "4711".to_owned(),
                    others: others(0, 5),
                    say: String::new(),
                });
            },
            "All 5 other devices that reported cell 4711 last are silent, too: look at the radio network.",
        ),
        (
            &|s| s.link = Some(link("coap", "listening", (0, 9))),
            "All 9 other devices that come in by coap are silent, too: look at what lies between them and the gateway.",
        ),
        (
            // One of several links: those of all of them were counted.
            &|s| {
                s.link = Some(Link {
                    counted_by: "broker".to_owned(),
                    ..link("city/0", "connected", (12, 3))
                });
            },
            "Others are heard (12 by broker): look at the device itself, its power, antenna and SIM card.",
        ),
        (
            &|s| s.strangers.push(stranger("imei-5", "alias")),
            "Uplinks that may be its own are refused under the name imei-5, last 2 min ago: \
             the inventory has no device `m-1x`.",
        ),
        (
            // Another meter's name is like its own: no reason to blame it.
            &|s| s.strangers.push(stranger("m-1x", "similar")),
            "Others are heard (12 by mqtt): look at the device itself, its power, antenna and SIM card.",
        ),
        (
            &|s| s.link.as_mut().unwrap().refusing = "the disk is full".to_owned(),
            "The gateway takes nothing now: the disk is full.",
        ),
        (
            &|s| s.link = None,
            "Nothing around it is known that goes together with this.",
        ),
    ] {
        assert_eq!(with(change), sentence);
    }
}

#[test]
fn a_gateway_that_was_there_is_not_blamed() {
    let mut silent = story("offline");
    let due = silent.expected.clone();
    for (started, before) in [
        ("09:30:00", Some("09:10:00")),
        ("09:40:05", Some("09:40:00")),
        // It is due at 09:55: after the start, before the last record, within less than devices send again.
        ("09:54:59", Some("09:41:00")),
        ("09:58:00", Some("09:55:01")),
        ("09:55:04", Some("09:54:55")),
        // There is no record before.
        ("09:56:00", None),
    ] {
        silent.gateway = Some(Life {
            started: at(started),
            record_before: before.map(at),
            say: String::new(),
        });
        assert!(
            said(silent.clone()).contains("Others are heard"),
            "{started}"
        );
    }
    silent.gateway = Some(Life {
        started: at("09:56:00"),
        record_before: Some(at("09:41:30")),
        say: String::new(),
    });
    assert!(said(silent.clone()).contains("was restarted at"));
    silent.expected = Some(Expected {
        every_secs: None,
        ..due.unwrap()
    });
    assert!(said(silent.clone()).contains("Others are heard"));
    // It was due once more since then.
    silent.expected = Some(Expected {
        every_secs: Some(60.0),
        next: Some(at("09:55:00")),
        ..Expected::default()
    });
    assert!(said(silent).contains("Others are heard"));
}

#[test]
fn one_silent_neighbour_is_chance() {
    let mut silent = story("offline");
    silent.link = Some(link("coap", "listening", (0, 1)));
    assert!(said(silent.clone()).contains("Nothing around it"));
    let will = said_to(silent, true, true, Lang::En);
    assert!(
        will.ends_with("Its connection broke, as its will says."),
        "{will}"
    );
}

#[test]
fn whoever_never_came_is_told_as_far_as_the_logs_reach() {
    let unknown = Story {
        asked: "m-1".to_owned(),
        ..Story::default()
    };
    let since = "since 02:00:00, as far back as its logs were looked through.";
    assert_eq!(
        said(unknown.clone()),
        format!("Never heard. No uplink with this name has reached this gateway {since}")
    );
    assert_eq!(
        said_to(unknown.clone(), false, false, Lang::En),
        "No device of this name is known here, or this token does not grant it."
    );
    let mut never = story("never");
    never.uplinks.clear();
    assert_eq!(
        said(never.clone()),
        format!("Never heard. No uplink with this name has reached this gateway {since}")
    );
    never.strangers.push(stranger("m-1", "name"));
    let refused = "Heard and never accepted: refused 3 times, last 2 min ago: \
                   the inventory has no device `m-1x`.";
    assert_eq!(said(never), refused);
    let stranger = Story {
        strangers: vec![stranger("m-1", "name")],
        ..unknown
    };
    assert_eq!(said(stranger), refused);
    assert_eq!(
        said(story("retired")),
        "Taken out of service by the inventory."
    );
}

#[test]
fn every_sentence_is_there_in_chinese() {
    let mut silent = story("late");
    silent.parent = Some(parent("late", 37, 38));
    let parents = said_to(silent, true, false, Lang::Zh);
    assert_eq!(
        parents,
        "自 09:40:00 起静默，应每 15 分钟上报一次。其集中器 c-1 自 09:39:00 起静默，其下 38 台设备中有 37 台静默：请检查集中器。"
    );
    let mut bus = story("late");
    bus.parent = Some(Parent {
        last_heard: Some(at("09:59:55")),
        ..parent("online", 38, 38)
    });
    assert!(
        said_to(bus, true, false, Lang::Zh)
            .ends_with("其集中器 c-1 在线，但其下 38 台设备全部静默：请检查它们之间的总线。")
    );
}

/// What leaves the gateway has one kind of times; a mark is a place, not a delivery.
#[test]
fn passages_are_places_and_times_whole() {
    let mut told = story("online");
    let passage = |reader: &str| Passage {
        reader: reader.to_owned(),
        passed: true,
        by: Some(at("09:40:01")),
        ..Passage::default()
    };
    told.uplinks[0].passages = vec![
        passage("log"),
        passage("vm"),
        Passage {
            after: Some(at("09:40:00")),
            kept_since: Some(at("08:00:00")),
            ..passage("history")
        },
        Passage {
            before_start: Some(at("09:50:00")),
            ..passage("registry")
        },
        Passage {
            passed: false,
            ..passage("history")
        },
    ];
    told.link = Some(Link {
        counted_by: "broker".to_owned(),
        ..link("city/0", "connected", (12, 3))
    });
    let teller = Teller {
        lang: Lang::En,
        now: at("10:00:00"),
        zone: None,
    };
    tell(&mut told, &teller);
    let said: Vec<&str> = told.uplinks[0].passages.iter().map(|p| &*p.say).collect();
    assert_eq!(
        said,
        [
            "durable in the log at 2026-11-25T09:40:01Z",
            "vm is past it since 2026-11-25T09:40:01Z",
            "history is past it since a time between 2026-11-25T09:40:00Z and 2026-11-25T09:40:01Z, \
             and keeps nothing that was observed before 2026-11-25T08:00:00Z",
            "the device registry is past it since before the last start at 2026-11-25T09:50:00Z",
            "history is not yet past it",
        ]
    );
    assert!(
        told.link
            .unwrap()
            .say
            .contains("that come in by any broker, 12 are heard")
    );
}

#[test]
fn a_story_survives_json() {
    let mut silent = story("late");
    silent.parent = Some(parent("late", 37, 38));
    silent.uplinks[0].sequence = u64::MAX;
    silent.verdict = judge(&silent, at("02:00:00"), true, false);
    let json = serde_json::to_string(&silent).unwrap();
    assert!(
        json.contains(
            r#""verdict":{"code":"silent","since":"2026-11-25T09:40:00Z","everySecs":900.0"#
        ),
        "{json}"
    );
    assert_eq!(serde_json::from_str::<Story>(&json).unwrap(), silent);
}
