//! Whose uplink it is: routes, payloads and the inventory.
use super::*;
use crate::inventory::{Inventory, Unknown};
use crate::profiles::{Profile, Profiles};
use proto::reading::Value;

const DEVICES: &str = "\
id,kind,profile,district,aliases,parent,multiplier,digits,valid_from,valid_to
c-1,,,370100,,,,,,
em-1,meter.electricity,vendor,370102,imei:867723030711443,c-1,30,6.2,,
em-2,meter.electricity,vendor,370103,imei:867723030711633,,,,,
w-old,meter.water,,370102,cjt188:10:00000000000077,c-1,,5.2,,2026-11-01
w-new,meter.water,,370102,cjt188:10:00000000000077,c-1,,5.2,2026-11-01,
";
const VENDOR: &str = r#"
name = "vendor"
version = "3"
format = "json"
kind = "meter.electricity"
[device]
path = "imei"
prefix = "imei:"
[[value]]
metric = "active_energy_import"
path = "e"
scale = 0.01
[[value]]
metric = "voltage"
path = "u"
[[event]]
name = "cover_opened"
severity = "warning"
when = { cover = 1 }
detail = { by = "by" }
"#;
const ROUTES: &str = "\
[[route]]\ntopic = 'vendor/up'\nprofile = 'vendor'\n\
[[route]]\ntopic = 'vendor/plain'\nprofile = 'json'\n";

fn rig(unknown: Unknown) -> Rig {
    let mut rig = Rig::with(Setup {
        routes: ROUTES,
        ..Setup::default()
    });
    know(&mut rig, DEVICES, unknown);
    rig
}

fn know(rig: &mut Rig, devices: &str, unknown: Unknown) {
    know_profile(rig, devices, VENDOR, unknown);
}

fn know_profile(rig: &mut Rig, devices: &str, vendor: &str, unknown: Unknown) {
    let catalogue = Catalogue::shipped();
    let profile = Profile::parse("profiles/vendor.toml", vendor, &catalogue).unwrap();
    let inventory = Inventory::of_csv(
        "devices.csv".as_ref(),
        devices,
        &catalogue,
        &TimeZone::UTC,
        unknown,
    )
    .unwrap();
    let routes = rig.intake.settings().routes.clone();
    let knowledge = Knowledge {
        inventory,
        profiles: Profiles::of([profile]).unwrap(),
        generation: 2,
    };
    let config = rig.intake.config.clone();
    rig.intake.reload(routes, Arc::new(knowledge), &config);
}

fn who(report: &proto::Report) -> [&str; 5] {
    [
        &report.device_id,
        &report.via,
        &report.kind,
        &report.district,
        &report.profile,
    ]
}

#[test]
fn the_payload_names_the_device_where_the_route_does_not() {
    let mut rig = rig(Unknown::Reject);
    let known = r#"{"imei":"867723030711443","e":12345,"u":229.8}"#;
    assert_eq!(rig.payload("vendor/up", known), Verdict::Accepted);
    let unknown = r#"{"imei":"999","e":1}"#;
    assert_eq!(
        rig.payload("vendor/up", unknown),
        Verdict::RejectedNotAuthorised
    );
    let nobody = r#"{"e":1}"#;
    assert_eq!(rig.payload("vendor/up", nobody), Verdict::RejectedPayload);
    let plain = r#"{"voltage":1}"#;
    assert_eq!(rig.payload("vendor/plain", plain), Verdict::RejectedPayload);
    let logged = rig.logged();
    assert_eq!(
        who(&logged.reports[0]),
        ["em-1", "", "meter.electricity", "370102", "vendor"]
    );
    assert_eq!(
        logged.reasons(),
        [
            ("unknown_device", ""),
            ("invalid_device_id", ""),
            ("invalid_device_id", "")
        ]
    );
    let names: Vec<&str> = logged.rejects.iter().map(|r| &*r.device_id).collect();
    assert_eq!(names, ["imei:999", "", ""]);
    assert_eq!(rig.counts().rejected, 3);
}

#[test]
fn a_payload_may_not_claim_to_be_another_known_device() {
    let mut rig = rig(Unknown::Accept);
    let other = r#"{"imei":"867723030711633","e":100}"#;
    assert_eq!(
        rig.payload("city/em-1", other),
        Verdict::RejectedNotAuthorised
    );
    // Its own alias, one that nobody knows, and one of a child.
    let own = r#"{"imei":"867723030711443","e":100}"#;
    assert_eq!(rig.payload("city/em-1", own), Verdict::Accepted);
    let unknown = r#"{"imei":"1","e":100}"#;
    assert_eq!(rig.payload("city/em-2", unknown), Verdict::Accepted);
    assert_eq!(rig.payload("city/c-1/vendor", own), Verdict::Accepted);
    // By its alias in the topic.
    let alias = "city/imei:867723030711633/vendor";
    assert_eq!(rig.payload(alias, other), Verdict::Accepted);
    let logged = rig.logged();
    let whom: Vec<_> = logged
        .reports
        .iter()
        .map(|report| (report.device_id.as_str(), report.via.as_str()))
        .collect();
    assert_eq!(
        whom,
        [("em-1", ""), ("em-2", ""), ("em-1", "c-1"), ("em-2", "")]
    );
    assert_eq!(logged.reasons(), [("other_device", "")]);
    assert!(
        logged.rejects[0]
            .sentence
            .contains("`em-2` in the inventory"),
        "{}",
        logged.rejects[0].sentence
    );
}

#[test]
fn a_concentrator_reports_for_the_children_that_the_inventory_gives_it() {
    let mut rig = rig(Unknown::Accept);
    let pack = |name: &str| {
        format!(r#"[{{"bn":"{name}:","bt":1763900000,"n":"voltage","u":"V","v":230}}]"#)
    };
    let verdict = rig.payload("city/c-1/senml", &pack("em-1"));
    assert_eq!(verdict, Verdict::Accepted);
    let verdict = rig.payload("city/c-1/senml", &pack("em-2"));
    assert_eq!(verdict, Verdict::RejectedPayload, "no parent");
    let verdict = rig.payload("city/em-2/senml", &pack("em-1"));
    assert_eq!(verdict, Verdict::RejectedPayload, "another parent");
    // Nobody knows it, so nobody can say that it is not the concentrator's.
    let verdict = rig.payload("city/c-1/senml", &pack("stranger-1"));
    assert_eq!(verdict, Verdict::Accepted);
    let logged = rig.logged();
    let carried: Vec<_> = logged
        .reports
        .iter()
        .map(|report| (report.device_id.as_str(), report.via.as_str()))
        .collect();
    assert_eq!(carried, [("em-1", "c-1"), ("stranger-1", "c-1")]);
    assert_eq!(
        logged.reasons(),
        [("other_device", "em-2"), ("other_device", "em-1")]
    );
}

#[test]
fn an_alias_leads_to_the_device_of_its_time() {
    let mut rig = rig(Unknown::Reject);
    let at = |rig: &mut Rig, time: &str| {
        let uplink = Uplink {
            topic: "city/cjt188:10:00000000000077",
            payload: br#"{"water_volume": 1.5}"#,
            received_at: Timestamp::parse(time, &TimeZone::UTC).unwrap(),
            ..rig.uplink()
        };
        rig.send(&uplink)
    };
    assert_eq!(at(&mut rig, "2026-10-31T12:00:00Z"), Verdict::Accepted);
    assert_eq!(at(&mut rig, "2026-11-02T12:00:00Z"), Verdict::Accepted);
    let logged = rig.logged();
    let ids: Vec<&str> = logged.reports.iter().map(|r| &*r.device_id).collect();
    assert_eq!(ids, ["w-old", "w-new"]);
}

#[test]
fn a_multiplier_applies_and_the_register_is_judged_by_its_digits() {
    let mut rig = rig(Unknown::Reject);
    let of = |rig: &mut Rig, e: u64, u: f64| {
        let payload = format!(r#"{{"e":{e},"u":{u}}}"#);
        assert_eq!(rig.payload("city/em-1", &payload), Verdict::Accepted);
        rig.logged().reports.pop().unwrap().readings
    };
    let readings = of(&mut rig, 1_234, 229.8);
    let energy = &readings[0];
    assert_eq!(energy.value, Some(Value::Number(370.2)), "12.34 x 30");
    assert_eq!((energy.raw.as_str(), energy.quality), ("1234", 1));
    assert_eq!(readings[1].value, Some(Value::Number(229.8)), "no register");
    // Six digits, and two behind the point: 999999.99 is the last, and years away.
    rig.clock.set(Timestamp::from_secs(NOW + 2 * 366 * 86_400));
    assert_eq!(of(&mut rig, 99_999_999, 1.0)[0].quality, 1);
    assert_eq!(of(&mut rig, 100_000_000, 1.0)[0].quality, 3);
}

#[test]
fn a_profile_says_events_and_they_are_logged_without_readings() {
    let mut rig = rig(Unknown::Reject);
    let payload = r#"{"imei":"867723030711443","cover":1,"by":"screw"}"#;
    assert_eq!(rig.payload("vendor/up", payload), Verdict::Accepted);
    let logged = rig.logged();
    let event = &logged.events[0];
    assert_eq!(
        (
            event.name.as_str(),
            event.device_id.as_str(),
            event.severity
        ),
        ("cover_opened", "em-1", 2)
    );
    assert_eq!(event.district, "370102");
    assert_eq!(event.detail["by"], "screw");
    assert!(logged.reports.is_empty());
    assert_eq!(rig.counts().logged, 1);
}

#[test]
fn the_next_uplink_sees_the_next_snapshot() {
    let mut rig = rig(Unknown::Reject);
    let payload = r#"{"u":230}"#;
    assert_eq!(rig.payload("city/em-1", payload), Verdict::Accepted);
    let moved = DEVICES.replace("370102,imei", "370199,imei");
    know(&mut rig, &moved, Unknown::Reject);
    assert_eq!(rig.payload("city/em-1", payload), Verdict::Accepted);
    let logged = rig.logged();
    let districts: Vec<&str> = logged.reports.iter().map(|r| &*r.district).collect();
    assert_eq!(districts, ["370102", "370199"]);
}

#[test]
fn an_event_of_the_devices_time_counts_once() {
    let mut rig = rig(Unknown::Reject);
    let dated = VENDOR.replace("[device]", "[time]\npath = \"ts\"\n[device]");
    know_profile(&mut rig, DEVICES, &dated, Unknown::Reject);
    let ts = rig.uplink().received_at.as_nanos() / 1_000_000_000 - 60;
    let event =
        |by: &str| format!(r#"{{"imei":"867723030711443","ts":{ts},"cover":1,"by":"{by}"}}"#);
    assert_eq!(rig.payload("vendor/up", &event("x")), Verdict::Accepted);
    assert_eq!(rig.payload("vendor/up", &event("x")), Verdict::Duplicate);
    assert_eq!(rig.payload("vendor/up", &event("y")), Verdict::Accepted);
    let both = event("z")
        .replace("cover", "\"u\":230,\"cover")
        .replace("\"\"u", "\"u");
    assert_eq!(rig.payload("vendor/up", &both), Verdict::Accepted, "{both}");
    assert_eq!(rig.payload("vendor/up", &both), Verdict::Duplicate);
    assert_eq!(rig.logged().events.len(), 3);
}

#[test]
fn an_event_of_nobody_is_refused() {
    let mut rig = rig(Unknown::Accept);
    let verdict = rig.payload("vendor/up", r#"{"cover":1}"#);
    assert_eq!(verdict, Verdict::RejectedPayload);
    assert_eq!(rig.logged().reasons(), [("invalid_device_id", "")]);
}

#[test]
fn a_carrier_that_only_the_payload_names_must_be_the_inventorys() {
    let carried = VENDOR.replace("[device]", "[device]\nvia = \"gw\"");
    let carried = carried.replace("prefix = \"imei:\"", "");
    for (unknown, device, gateway, via) in [
        (Unknown::Reject, "em-1", "c-1", "c-1"),
        (Unknown::Reject, "em-1", "em-2", ""),
        (Unknown::Reject, "em-2", "c-1", ""),
        (Unknown::Accept, "em-2", "c-1", "c-1"),
        (Unknown::Accept, "em-2", "no device", ""),
    ] {
        let mut rig = rig(unknown);
        know_profile(&mut rig, DEVICES, &carried, unknown);
        let payload = format!(r#"{{"imei":"{device}","gw":"{gateway}","u":230}}"#);
        assert_eq!(rig.payload("vendor/up", &payload), Verdict::Accepted);
        assert_eq!(rig.logged().reports[0].via, via, "{payload}");
        let named = format!("city/{device}/vendor");
        assert_eq!(rig.payload(&named, &payload), Verdict::Accepted);
        let logged = rig.logged();
        assert_eq!(logged.reports.last().unwrap().via, "", "the topic names it");
    }
}
