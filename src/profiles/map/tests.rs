#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::*;
use crate::codecs::Group;

const LIMITS: Limits = Limits { readings_max: 10 };

fn map(text: &str) -> Map {
    let mut problems = Vec::new();
    let mut section = Section::new("value[0]", toml::from_str(text).unwrap(), &mut problems);
    let map = Map::read(&mut section, &Catalogue::shipped());
    section.finish();
    assert_eq!(problems, []);
    map.unwrap()
}

fn problems(text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let mut section = Section::new("value[0]", toml::from_str(text).unwrap(), &mut problems);
    Map::read(&mut section, &Catalogue::shipped());
    section.finish();
    problems.iter().map(ToString::to_string).collect()
}

fn number(text: &str) -> Sent<'_> {
    Sent::Number(text.parse().unwrap(), Cow::Borrowed(text))
}

/// Value, what was sent, and its unit; or the fault.
fn became(map: &str, sent: Sent<'_>) -> String {
    let map = self::map(map);
    let mut out = Decoded::default();
    let group = out.open(Group::default());
    let place = Place {
        group,
        item: None,
        index: 2,
        spot: &"a.b",
    };
    map.push(sent, Vec::new(), &place, LIMITS, &mut out)
        .unwrap();
    if let Some(fault) = out.faults.list().first() {
        return fault.to_string();
    }
    let Some(sample) = out.samples.first() else {
        return String::new();
    };
    let origin = sample.origin.as_ref();
    let origin = origin
        .map(|o| format!(" of {} {}", o.text, o.unit))
        .unwrap_or_default();
    format!("{} {}{origin}", show(&sample.value), sample.unit)
}

#[test]
fn numbers_are_scaled_and_stay_recoverable() {
    let tenths = "metric = 'air_temperature'\nscale = 0.1\nabsent = [65535, '']\nskip = -1";
    assert_eq!(became(tenths, number("219")), "21.9 Cel of 219 10*-1.Cel");
    assert_eq!(
        became(tenths, Sent::Text("+219".into())),
        "21.9 Cel of 219 10*-1.Cel"
    );
    assert_eq!(
        became(tenths, Sent::Number(219.0, "".into())),
        "21.9 Cel of 219 10*-1.Cel"
    );
    assert_eq!(
        became(tenths, Sent::Text(" 65535 ".into())),
        "null Cel of  65535  "
    );
    assert_eq!(became(tenths, Sent::Text("".into())), "null Cel of  ");
    assert_eq!(became(tenths, number("-1")), "");
    assert_eq!(
        became(tenths, Sent::Text("x".into())),
        "wrong_type: a.b: \"x\" is no number, and `air_temperature` is one"
    );
    let plain = "metric = 'air_temperature'";
    assert_eq!(became(plain, Sent::Text("+27.90".into())), "+27.90 ");
    assert_eq!(became(plain, Sent::Text("060".into())), "060 ");
    assert_eq!(became(plain, Sent::Null), "null ");
    let kelvin = "metric = 'air_temperature'\nunit = 'K'";
    assert_eq!(became(kelvin, number("300")), "300 K");
    let sign = "metric = 'rsrp'\nscale = -1";
    assert_eq!(became(sign, number("114")), "-114 dBm of 114 ");
}

#[test]
fn words_flags_and_texts() {
    let valve = "metric = 'valve_state'\nwords = { 0 = 'open', 1 = 'closed', bad = 'fault' }";
    assert_eq!(became(valve, number("1")), "\"closed\"  of 1 ");
    assert_eq!(became(valve, Sent::Text("01".into())), "\"closed\"  of 01 ");
    assert_eq!(
        became(valve, Sent::Text("bad".into())),
        "\"fault\"  of bad "
    );
    assert_eq!(
        became(valve, number("7")),
        "unknown_word: a.b: 7 is none of 0, 1, bad"
    );
    let door = "metric = 'door_open'\nwords = { 0 = true, 1 = false }";
    assert_eq!(became(door, number("0")), "true  of 0 ");
    assert_eq!(
        became("metric = 'door_open'", Sent::Text("1".into())),
        "true  of 1 "
    );
    assert_eq!(became("metric = 'door_open'", Sent::Flag(true)), "true ");
    assert_eq!(
        became("metric = 'firmware_version'", number("103")),
        "\"103\" "
    );
}

#[test]
fn labels_count_the_records() {
    let map = map("metric = 'voltage'\nlabels = { channel = 'p{index}', phase = 'a' }");
    let labels = map.labels(vec![("tariff".into(), "1".into())], 2);
    let shown: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(shown, ["phase=a", "channel=p3", "tariff=1"]);
}

#[test]
fn every_mistake_is_named_at_once() {
    let found = problems(
        "metric = 'air_temperatur'\nscale = 'a'\nabsent = {}\nlabels = { phase = 'ä', color = 'red' }\nscle = 1",
    );
    assert_eq!(found.len(), 6, "{found:#?}");
    assert!(
        found
            .iter()
            .any(|p| p.ends_with("did you mean `air_temperature`?")),
        "{found:#?}"
    );
    assert!(
        found
            .iter()
            .any(|p| p.starts_with("value[0].scale = \"a\": must be a number"))
    );
    let found =
        problems("metric = 'valve_state'\nscale = 2\nunit = 'V'\nwords = { 0 = 'ajar', 1 = true }");
    assert_eq!(found.len(), 4, "{found:#?}");
    let found = problems("metric = 'air_temperature'\nunit = 'kW.h'");
    assert!(found[0].contains("measures energy"), "{found:#?}");
}
