//! The page of a device, and lists.
use super::*;
use crate::api::http::page::device::{self, Shown};
use crate::api::http::page::home::{self, Home};
use crate::api::http::page::installed::{self, Installed};
use crate::api::http::page::{list, text, values};
use crate::devices::Concern;

fn page_of(view: &View<'_>, device: &Device) -> String {
    let shown = Shown {
        device,
        children: &[],
        family: crate::devices::Counts::default(),
        rows: &[],
        older: true,
        chart: None,
    };
    device::sections(view, &shown).markup().into_string()
}

#[test]
fn a_state_says_its_rule_with_its_numbers() {
    let mut late = device("meter-7", "meter.gas");
    late.state = State::Late;
    late.last_seen = ago(25 * 60);
    let rule = device::rule(&view(Lang::En), &late);
    assert_eq!(
        rule,
        "Silent for more than 1.5 x its interval of 15 min; last heard 25 min ago. Offline from 16:43:00 if it stays silent."
    );
    let rule = device::rule(&view(Lang::Zh), &late);
    assert!(
        rule.contains("15 分钟") && rule.contains("25 分钟前"),
        "{rule}"
    );

    let mut online = device("meter-7", "meter.gas");
    online.interval = None;
    let rule = device::rule(&view(Lang::En), &online);
    assert!(rule.contains("not learned yet"), "{rule}");

    let mut offline = device("meter-7", "meter.gas");
    offline.state = State::Offline;
    let rule = device::rule(&view(Lang::En), &offline);
    assert!(
        rule.contains("will"),
        "its silence is not long enough: {rule}"
    );
    offline.offline_at = Some(ago(1));
    let rule = device::rule(&view(Lang::En), &offline);
    assert!(rule.contains("several intervals"), "{rule}");
}

#[test]
fn a_stale_value_is_never_among_the_current_ones() {
    let mut meter = device("meter-7", "meter.electricity");
    meter.values = vec![
        value("active_power", "kW", 4.25, 60),
        value("voltage", "V", 231.75, 3 * 3600),
    ];
    for lang in LANGS {
        let view = view(lang);
        let html = page_of(&view, &meter);
        let (now, old) = html.split_once("id=\"old0\"").unwrap();
        assert!(now.contains("4.25") && !now.contains("231.75"), "{now}");
        assert!(old.contains("231.75") && old.contains("class=\"values old\""));
        // The age, in words, comes before the value.
        let old = plain(old);
        let age = view.ago(ago(3 * 3600));
        assert!(
            old.find(&age).unwrap() < old.find("231.75").unwrap(),
            "{old}"
        );
        assert!(old.contains(view.t(text::OLDER_VALUES)), "{old}");
        assert!(!device::summary(&view, &meter).contains("231.75"));
    }
    meter.values.remove(0);
    let text = plain(&page_of(&view(Lang::En), &meter));
    assert!(text.contains("No current value."), "{text}");
}

#[test]
fn without_an_interval_an_hour_is_the_limit() {
    let mut meter = device("meter-7", "meter.electricity");
    meter.interval = None;
    meter.values = vec![
        value("active_power", "kW", 1.0, 300),
        value("voltage", "V", 2.0, 3601),
    ];
    meter.values[1].stale = false;
    values::mark_old(&mut meter, NOW);
    let stale: Vec<bool> = meter.values.iter().map(|value| value.stale).collect();
    assert_eq!(stale, [false, true]);
    meter.interval = Some(Duration::from_hours(24));
    meter.values[1].stale = false;
    values::mark_old(&mut meter, NOW);
    assert!(!meter.values[1].stale, "then the registry decides");
}

#[test]
fn quality_is_said_beside_the_value() {
    let mut meter = device("meter-7", "meter.electricity");
    let mut bad = value("voltage", "V", 900.0, 60);
    bad.quality = Quality::Bad;
    let mut absent = value("current", "A", 0.0, 60);
    absent.value = Value::Absent;
    absent.quality = Quality::NotAvailable;
    meter.values = vec![absent, bad];
    let text = plain(&page_of(&view(Lang::En), &meter));
    assert!(text.contains("900 V implausible"), "{text}");
    assert!(text.contains("no value (the device says so)"), "{text}");
}

#[test]
fn reasons_are_sentences_with_advice() {
    let mut meter = device("meter-7", "meter.water");
    meter.health = Level::Attention;
    meter.reasons = vec![reason(
        Code::BatteryLow,
        Level::Attention,
        "",
        "12 %",
        "20 %",
    )];
    let text = plain(&page_of(&view(Lang::En), &meter));
    assert!(
        text.contains("Battery low: 12 %, limit 20 % Plan a battery change. since 15:00:00"),
        "{text}"
    );
    let text = plain(&page_of(&view(Lang::Zh), &meter));
    assert!(
        text.contains("电池电量低：12 %，限值 20 % 安排更换电池。"),
        "{text}"
    );
}

#[test]
fn a_silent_parent_is_one_line() {
    let mut hub = device("hub-1", "meter");
    hub.state = State::Offline;
    let home = Home {
        concerns: vec![Concern {
            device: hub,
            folded: 37,
        }],
        ..Home::default()
    };
    let text = plain(
        &home::sections(&view(Lang::En), &home)
            .markup()
            .into_string(),
    );
    assert!(text.contains("and 37 devices behind it"), "{text}");
    let text = plain(
        &home::sections(&view(Lang::Zh), &home)
            .markup()
            .into_string(),
    );
    assert!(text.contains("及其下 37 台设备"), "{text}");
}

#[test]
fn a_device_that_was_never_heard_has_no_age() {
    let mut new = device("meter-8", "meter.gas");
    new.state = State::Never;
    new.last_seen = Timestamp::EPOCH;
    assert!(list::is_unheard(&new));
    let text = plain(&page_of(&view(Lang::En), &new));
    assert!(
        text.contains("No data yet") && !text.contains("1970"),
        "{text}"
    );
    assert!(!device::summary(&view(Lang::En), &new).contains("1970"));
}

#[test]
fn the_summary_is_one_line_for_a_colleague() {
    let mut meter = device("meter-7", "meter.gas");
    meter.values = vec![value("gas_volume", "m3", 1234.56, 60)];
    assert_eq!(
        device::summary(&view(Lang::En), &meter),
        "meter-7 (Gas meter · 370102); Online; last heard 2027-01-15 15:58:00; No findings; \
         Gas volume, as measured 1234.56 m³; As of 2027-01-15 16:00 Asia/Shanghai"
    );
}

#[test]
fn an_accepted_device_has_three_steps_done() {
    let known = Installed {
        id: "meter-7".to_owned(),
        device: Some(device("meter-7", "meter.gas")),
        ..Installed::default()
    };
    let html = installed::sections(&view(Lang::En), &known)
        .markup()
        .into_string();
    assert_eq!(html.matches("<li class=\"done\">").count(), 3, "{html}");
    let nobody = Installed {
        id: "meter-8".to_owned(),
        ..Installed::default()
    };
    let html = installed::sections(&view(Lang::Zh), &nobody)
        .markup()
        .into_string();
    assert_eq!(html.matches("<li class=\"waits\">").count(), 3, "{html}");
    assert!(html.contains("尚未收到"), "{html}");
}
