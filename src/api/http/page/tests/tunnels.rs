//! Tunnels: nothing is called well there, and what is missing, old or alarming says so.
use super::*;
use crate::api::http::page::device::{self, Shown};
use crate::api::http::page::{text, tunnel, values};

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

fn detector() -> Device {
    let mut detector = device("tg-1", "tunnel.gas");
    detector.values = vec![
        value("carbon_monoxide", "mg/m3", 2.0, 60),
        value("hydrogen_sulfide", "mg/m3", 15.0, 30),
        value("methane_lel", "%{LEL}", 1.0, 7200),
    ];
    detector.health = Level::Fault;
    detector.reasons = vec![reason(
        Code::Alarm,
        Level::Fault,
        "hydrogen_sulfide",
        "15 mg/m3",
        "10 mg/m3",
    )];
    detector
}

#[test]
fn gases_come_first_in_their_order() {
    for lang in LANGS {
        let view = view(lang);
        let html = page_of(&view, &detector());
        let text = plain(&html);
        let places: Vec<usize> = values::GASES
            .iter()
            .map(|gas| text.find(view.t(text::names::gas(gas).unwrap())).unwrap())
            .collect();
        assert!(places.is_sorted(), "{places:?} in {text}");
        assert!(html.find("id=\"gases\"") < html.find("id=\"state\""));
        assert!(text.contains(view.t(text::NOT_INSTEAD)), "{text}");
    }
}

#[test]
fn missing_stale_and_alarming_gases_say_so() {
    let html = values::gases(&view(Lang::En), &detector()).into_string();
    let text = plain(&html);
    assert!(text.contains("Oxygen O₂ no value"), "{text}");
    assert!(text.contains("1 % LEL stale · 2 h ago"), "{text}");
    assert!(text.contains("15 mg/m³ 30 s ago ALARM"), "{text}");
    assert_eq!(html.matches("<li class=\"alarm\">").count(), 1);
    assert_eq!(html.matches("<li class=\"missing\">").count(), 2);
    let mut absent = detector();
    absent.values[0].value = Value::Absent;
    absent.values[0].quality = Quality::NotAvailable;
    let text = plain(&values::gases(&view(Lang::En), &absent).into_string());
    assert!(text.contains("Carbon monoxide CO no value"), "{text}");
}

#[test]
fn a_saturated_sensor_is_an_alarm_without_the_registry() {
    let mut detector = device("tg-1", "tunnel.gas");
    detector.values = vec![value("methane_lel", "%{LEL}", 100.5, 30)];
    detector.values[0].quality = Quality::Uncertain;
    let html = values::gases(&view(Lang::En), &detector).into_string();
    assert!(html.contains("<li class=\"alarm\">"), "{html}");
    assert!(plain(&html).contains("beyond the sensor's range"), "{html}");
}

#[test]
fn nothing_is_ever_called_safe() {
    let mut quiet = device("tg-2", "tunnel.gas");
    quiet.values = vec![
        value("carbon_monoxide", "mg/m3", 0.0, 60),
        value("hydrogen_sulfide", "mg/m3", 0.0, 60),
        value("methane_lel", "%{LEL}", 0.0, 60),
        value("oxygen", "%", 20.9, 60),
    ];
    let mut devices = vec![detector(), quiet.clone()];
    tunnel::sort(&mut devices);
    for lang in LANGS {
        let view = view(lang);
        let pages = [
            tunnel::sections(&view, &devices, 0).markup().into_string(),
            tunnel::head(&view).into_string(),
            page_of(&view, &quiet),
            page_of(&view, &detector()),
            device::summary(&view, &quiet),
        ];
        for page in pages {
            let text = plain(&page).to_lowercase();
            let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphabetic()).collect();
            for word in ["safe", "safely", "normal", "ok", "okay", "good", "clear"] {
                assert!(!words.contains(&word), "`{word}` in {text}");
            }
            for word in ["安全", "正常", "良好", "合格", "达标"] {
                assert!(!text.contains(word), "`{word}` in {text}");
            }
        }
    }
}

#[test]
fn sections_in_alarm_come_first() {
    let mut devices: Vec<Device> = ["b", "a", "c", "a"]
        .iter()
        .enumerate()
        .map(|(at, district)| {
            let mut device = device(&format!("tg-{at}"), "tunnel.gas");
            device.district = (*district).into();
            device
        })
        .collect();
    devices[2].reasons = detector().reasons;
    tunnel::sort(&mut devices);
    let order: Vec<&str> = devices.iter().map(|device| &*device.district).collect();
    assert_eq!(order, ["c", "a", "a", "b"]);
}
