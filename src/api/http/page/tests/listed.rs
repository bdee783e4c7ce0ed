//! What the inventory says, on the page of a device.
use super::*;
use crate::api::http::page::device::{self, Shown};
use crate::api::http::page::facts;
use crate::devices::Counts;

fn page_of(view: &View<'_>, device: &Device, family: Counts) -> String {
    let shown = Shown {
        device,
        children: std::slice::from_ref(device),
        family,
        rows: &[],
        older: false,
        chart: None,
    };
    device::sections(view, &shown).markup().into_string()
}

fn never(id: &str) -> Device {
    Device {
        state: State::Never,
        first_seen: Timestamp::EPOCH,
        last_seen: Timestamp::EPOCH,
        last_report: None,
        source: None,
        address: None,
        reports: 0,
        listing: Some(Box::new(listing("north wall, third box"))),
        aliases: vec!["imei:868411056758781".into()],
        ..device(id, "meter.water")
    }
}

#[test]
fn a_phone_finds_the_way_to_a_device_that_was_never_heard() {
    let html = page_of(&view(Lang::En), &never("m-1"), Counts::default());
    assert!(html.contains("href=\"geo:36.6512,-117.1201234\""), "{html}");
    let text = plain(&html);
    for words in [
        "north wall, third box",
        "36.6512, -117.1201234 (WGS-84)",
        "The inventory names it; nothing of it was accepted yet.",
        "never heard",
        "imei:868411056758781",
        "Multiplier (CT x PT) 1500",
        "6 before and 2 behind the point",
        "In service from 2027-01-14 16:00:00",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    let text = plain(&page_of(&view(Lang::Zh), &never("m-1"), Counts::default()));
    for words in [
        "位置",
        "在地图中打开",
        "倍率（CT×PT） 1500",
        "小数点前 6 位，后 2 位",
        "从未收到",
    ] {
        assert!(text.contains(words), "{words} in {text}");
    }
    // Who is in no inventory has no such section.
    let html = page_of(
        &view(Lang::En),
        &device("m-2", "meter.water"),
        Counts::default(),
    );
    assert!(!html.contains("id=\"place\"") && plain(&html).contains("does not name it"));
}

#[test]
fn a_point_on_the_equator_is_a_point() {
    let at = |lat, lon| facts::geo(Place { lat, lon });
    assert_eq!(at(0.0, 120.0), "geo:0,120");
    assert_eq!(at(-0.000_000_01, 120.5), "geo:0,120.5");
    assert_eq!(at(-33.0, -70.25), "geo:-33,-70.25");
}

#[test]
fn a_silent_child_of_a_silent_parent_says_where_to_look() {
    let mut child = device("m-1", "meter.water");
    child.parent = "hub".into();
    child.parent_silent = Some((State::Offline, ago(3600)));
    let note = |device: &Device| {
        let html = page_of(&view(Lang::En), device, Counts::default());
        plain(&html)
            .contains("What carries it, hub , is Offline since 15:00:00 : look there first.")
    };
    assert!(!note(&child), "it speaks by another way");
    child.state = State::Late;
    assert!(note(&child));
    let zh = plain(&page_of(&view(Lang::Zh), &child, Counts::default()));
    assert!(zh.contains("请先检查上级设备"), "{zh}");
}

#[test]
fn other_names_lead_on() {
    let mut ghost = device("sn:A7", "unknown");
    ghost.state = State::Retired;
    ghost.known_as = Some("pole-1".into());
    let html = page_of(&view(Lang::En), &ghost, Counts::default());
    assert!(html.contains("href=\"/d/pole-1\""), "{html}");
    let mut pole = never("pole-1");
    pole.heard_as = vec!["sn:A7".into()];
    let html = page_of(&view(Lang::En), &pole, Counts::default());
    assert!(html.contains("href=\"/d/sn%3AA7\""), "{html}");
}

#[test]
fn a_concentrator_counts_its_meters_by_state() {
    let mut hub = device("hub", "meter.electricity");
    hub.children = 12;
    let family = Counts {
        total: 12,
        states: [5, 7, 0, 0, 0, 0],
        ..Counts::default()
    };
    let html = page_of(&view(Lang::En), &hub, family);
    assert!(html.contains("/?state=never&amp;parent=hub"), "{html}");
    let text = plain(&html);
    assert!(
        text.contains("12 devices · No data yet 5 · Online 7"),
        "{text}"
    );
}
