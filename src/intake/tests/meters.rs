//! Frames of meters: whose they are, by topic, address and inventory.
use super::*;
use crate::intake::Fate;
use crate::inventory::{Inventory, Unknown};
use crate::model::ReadingDraft;
use crate::profiles::{Profile, Profiles};

const DEVICES: &str = "\
id,kind,profile,district,aliases,parent,valid_from,valid_to
c-1,,meters,370100,,,,
em-1,meter.electricity,,370102,dlt645:000000000161,c-1,,
em-9,meter.electricity,,370102,dlt645:000000000999,,,
w-1,meter.water,,370103,cjt188:10:78330011223344,c-1,,
lone,meter.electricity,dlt645,370104,,,,
old,meter.water,,370105,cjt188:10:00000000000077,c-1,,2026-11-20
new,meter.water,,370105,cjt188:10:00000000000077,c-1,2026-11-20,
";
/// Water, 5566.77 m3, 2015-05-11 22:01:31, valve closed.
const WATER: &str = "68104433221100337881161f9000007766552c007766552c3101221105152021841316";

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

/// A reply of DL/T 645 that gives an import register, in hundredths.
pub(super) fn energy(address: &str, hundredths: u32) -> Vec<u8> {
    let mut frame = vec![0x68];
    frame.extend(bytes(address).iter().rev());
    frame.extend([0x68, 0x91, 8, 0x33, 0x33, 0x34, 0x33]);
    let digits = bytes(&format!("{hundredths:08}"));
    frame.extend(digits.iter().rev().map(|byte| byte.wrapping_add(0x33)));
    closed(frame)
}

/// A reply of CJ/T 188 that gives a water register, in hundredths, by the meter's clock.
fn water(address: &str, hundredths: u32, clock: &str) -> Vec<u8> {
    let mut frame = vec![0x68, 0x10];
    frame.extend(bytes(address).iter().rev());
    frame.extend([0x81, 0x16, 0x90, 0x1f, 0]);
    for _ in 0..2 {
        frame.extend(bytes(&format!("{hundredths:08}")).iter().rev());
        frame.push(0x2c);
    }
    frame.extend(bytes(clock).iter().rev());
    frame.extend([0, 0]);
    closed(frame)
}

fn closed(mut frame: Vec<u8>) -> Vec<u8> {
    let sum = frame.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    frame.extend([sum, 0x16]);
    frame
}

pub(super) fn rig(devices: &str, unknown: Unknown) -> Rig {
    let mut rig = Rig::with(Setup {
        zone: "UTC",
        routes: "[[route]]\ntopic = 'bus/up'\nprofile = 'meters'\n",
        ..Setup::default()
    });
    know(&mut rig, devices, unknown);
    rig
}

fn know(rig: &mut Rig, devices: &str, unknown: Unknown) {
    let catalogue = Catalogue::shipped();
    let inventory = Inventory::of_csv(
        "devices.csv".as_ref(),
        devices,
        &catalogue,
        &TimeZone::UTC,
        unknown,
    )
    .unwrap();
    let dtu = "name = 'dtu'\nversion = '1'\nformat = 'json'\n[device]\npath = 'imei'\nprefix = 'imei:'\n\
               [inner]\npath = 'data'\nencoding = 'hex'\nprofile = 'meters'\n";
    let dtu = Profile::parse("profiles/dtu.toml", dtu, &catalogue).unwrap();
    let routes = rig.intake.settings().routes.clone();
    let knowledge = Knowledge {
        inventory,
        profiles: Profiles::of([dtu]).unwrap(),
        generation: 2,
    };
    let config = rig.intake.config.clone();
    rig.intake.reload(routes, Arc::new(knowledge), &config);
}

impl Rig {
    pub(super) fn frames(&mut self, topic: &str, frames: &[Vec<u8>]) -> Verdict {
        let payload = frames.concat();
        let uplink = Uplink {
            topic,
            payload: &payload,
            ..self.uplink()
        };
        self.send(&uplink)
    }
}

/// Device, via, and how many readings.
pub(super) fn reports(logged: &Logged) -> Vec<(&str, &str, usize)> {
    let reports = logged.reports.iter();
    reports
        .map(|report| (&*report.device_id, &*report.via, report.readings.len()))
        .collect()
}

/// Reason, part, device and via of each reject.
pub(super) fn rejects(logged: &Logged) -> Vec<[&str; 4]> {
    let rejects = logged.rejects.iter();
    rejects
        .map(|reject| {
            [
                &*reject.reason,
                &*reject.part,
                &*reject.device_id,
                &*reject.via,
            ]
        })
        .collect()
}

#[test]
fn one_address_that_nobody_knows_is_the_topics_own() {
    for (devices, unknown) in [(DEVICES, Unknown::Reject), ("id\nlone\n", Unknown::Accept)] {
        let mut rig = rig(devices, unknown);
        let two = [energy("000000000555", 26), energy("000000000555", 27)];
        assert_eq!(rig.frames("city/lone/dlt645", &two), Verdict::Accepted);
        let logged = rig.logged();
        assert_eq!(reports(&logged), [("lone", "", 2)]);
        assert_eq!(rejects(&logged), [[""; 4]; 0]);
    }
}

#[test]
fn an_address_that_is_known_means_what_the_inventory_says() {
    let mut rig = rig(DEVICES, Unknown::Reject);
    let known = [energy("000000000161", 26)];
    let verdict = rig.frames("city/lone/dlt645", &known);
    assert_eq!(verdict, Verdict::RejectedPayload, "c-1 carries it");
    let verdict = rig.frames("city/em-9/dlt645", &[energy("000000000999", 5)]);
    assert_eq!(verdict, Verdict::Accepted, "its own");
    assert_eq!(rig.frames("bus/up", &known), Verdict::Accepted);
    let logged = rig.logged();
    assert_eq!(reports(&logged), [("em-9", "", 1), ("em-1", "", 1)]);
    assert_eq!(rejects(&logged), [["other_device", "em-1", "em-1", "lone"]]);
}

#[test]
fn a_concentrator_has_each_frame_in_its_devices_name() {
    let mut rig = rig(DEVICES, Unknown::Reject);
    let (good, own) = (energy("000000000161", 26), energy("000000000161", 27));
    let (strange, other) = (energy("000000000555", 1), energy("000000000999", 2));
    let mut damaged = energy("000000000161", 28);
    damaged[14] ^= 1;
    let all = [
        good,
        own,
        strange.clone(),
        bytes(WATER),
        damaged,
        other,
        strange,
    ];
    assert_eq!(rig.frames("city/c-1", &all), Verdict::Accepted);
    let logged = rig.logged();
    let carried = reports(&logged);
    assert_eq!(carried[0], ("em-1", "c-1", 2), "{carried:?}");
    assert_eq!(carried[1].0, "w-1");
    assert_eq!(carried.len(), 2);
    assert_eq!(
        rejects(&logged),
        [
            ["bad_checksum", "frame at byte 95", "c-1", ""],
            [
                "unknown_device",
                "dlt645:000000000555",
                "dlt645:000000000555",
                "c-1"
            ],
            ["other_device", "em-9", "em-9", "c-1"],
        ]
    );
}

#[test]
fn one_strange_meter_of_a_concentrator_is_not_the_concentrator() {
    let mut rig = rig(DEVICES, Unknown::Reject);
    let strange = [energy("000000000555", 1)];
    let verdict = rig.frames("city/c-1", &strange);
    assert_eq!(verdict, Verdict::RejectedPayload);
    know(&mut rig, DEVICES, Unknown::Accept);
    assert_eq!(rig.frames("city/c-1", &strange), Verdict::Accepted);
    let logged = rig.logged();
    assert_eq!(reports(&logged), [("dlt645:000000000555", "c-1", 1)]);
    assert_eq!(rejects(&logged)[0][2..], ["dlt645:000000000555", "c-1"]);
}

#[test]
fn a_meter_out_of_service_or_to_come_is_not_its_concentrator() {
    let head = "id,kind,aliases,parent,valid_from,valid_to\ndtu,,,,,\n";
    let out = "m-1,meter.electricity,dlt645:000000000111,dtu,,2026-11-01\n";
    let to_come = "m-1,meter.electricity,dlt645:000000000111,dtu,2027-01-01,\n";
    let elsewhere = out.replace(",dtu,", ",,");
    let then = to_come.replace("m-1", "m-2");
    let anew = "m-1,meter.electricity,dlt645:000000000112,dtu,2026-11-01,\n";
    let frame = |address: &str| [energy(&format!("000000000{address}"), 26)];
    let unknown = |address: &'static str| ["unknown_device", address, address, "dtu"];
    for (rows, address, report, reject) in [
        (out.to_owned(), "111", Some("m-1"), None),
        (to_come.to_owned(), "111", Some("m-1"), None),
        // It is of another parent, and none that is known is the topic's own.
        (
            elsewhere,
            "111",
            None,
            Some(["other_device", "m-1", "m-1", "dtu"]),
        ),
        // Two had it in turn, or its device has another: nobody's.
        (
            format!("{out}{then}"),
            "111",
            None,
            Some(unknown("dlt645:000000000111")),
        ),
        (
            format!("{out}{anew}"),
            "111",
            None,
            Some(unknown("dlt645:000000000111")),
        ),
        // Another, and there were children.
        (
            out.to_owned(),
            "222",
            None,
            Some(unknown("dlt645:000000000222")),
        ),
    ] {
        let mut rig = rig(&format!("{head}{rows}"), Unknown::Reject);
        rig.frames("city/dtu/dlt645", &frame(address));
        let logged = rig.logged();
        let reported: Vec<_> = report.into_iter().map(|id| (id, "dtu", 1)).collect();
        assert_eq!(reports(&logged), reported, "{rows}");
        let rejected: Vec<_> = reject.into_iter().collect();
        assert_eq!(rejects(&logged), rejected, "{rows}");
    }
}

#[test]
fn a_meter_that_gets_its_row_later_is_recovered() {
    let nothing = |_: &str, readings: &[ReadingDraft<'_>]| Ok(vec![false; readings.len()]);
    let row = "em-5,meter.electricity,,370102,dlt645:000000000555,c-1,,\n";
    for (frames, whole) in [
        (vec![energy("000000000555", 1)], true),
        (
            vec![energy("000000000161", 26), energy("000000000555", 1)],
            false,
        ),
    ] {
        let mut rig = rig(DEVICES, Unknown::Reject);
        rig.frames("city/c-1", &frames);
        assert_eq!(rig.logged().rejects[0].is_whole(), whole);
        let rejected = rig.rejected();
        let retry = |rig: &Rig| {
            let retried = rig.intake.retry(&rejected[0], &nothing, false, &rig.waiter);
            let retried = retried.unwrap();
            rig.wait(retried.ticket);
            retried.fates
        };
        let before = retry(&rig);
        assert!(matches!(before[0].1, Fate::Rejected(_)), "{before:?}");
        know(&mut rig, &format!("{DEVICES}{row}"), Unknown::Reject);
        let after = retry(&rig);
        assert!(matches!(after[0].1, Fate::Recovered(_)), "{after:?}");
        let logged = rig.logged();
        assert_eq!(reports(&logged).last(), Some(&("em-5", "c-1", 1)));
    }
}

#[test]
fn what_a_meter_said_before_its_exchange_is_its_own() {
    let mut rig = rig(DEVICES, Unknown::Reject);
    // The exchange was on 2026-11-20; it is the 23rd.
    let before = water("00000000000077", 99_00, "20261119120000");
    let after = water("00000000000077", 1_00, "20261122120000");
    assert_eq!(rig.frames("city/c-1", &[before, after]), Verdict::Accepted);
    // A clock that was never set tells nothing of when.
    let unset = water("00000000000077", 2_00, "20160101000000");
    assert_eq!(rig.frames("city/c-1", &[unset]), Verdict::Accepted);
    let logged = rig.logged();
    let ids: Vec<&str> = logged.reports.iter().map(|r| &*r.device_id).collect();
    assert_eq!(ids, ["old", "new", "new"]);
}

#[test]
fn a_device_of_a_profile_with_frames_in_it_reports_for_its_children() {
    let rows = format!(
        "{DEVICES}dtu-1,,dtu,370100,imei:867723030711443,,,\nem-7,meter.electricity,,370102,dlt645:000000000707,dtu-1,,\n"
    );
    let mut rig = rig(&rows, Unknown::Reject);
    let hex = hex_of(&energy("000000000707", 7));
    let payload = format!(r#"{{"imei":"867723030711443","data":"{hex}"}}"#);
    assert_eq!(rig.payload("city/dtu-1", &payload), Verdict::Accepted);
    let strange = hex_of(&energy("000000000708", 7));
    let payload = format!(r#"{{"imei":"867723030711443","data":"{strange}"}}"#);
    assert_eq!(
        rig.payload("city/dtu-1", &payload),
        Verdict::RejectedPayload
    );
    // Without children its one meter is itself.
    know(&mut rig, "id,profile\ndtu-1,dtu\n", Unknown::Reject);
    assert_eq!(rig.payload("city/dtu-1", &payload), Verdict::Accepted);
    let logged = rig.logged();
    assert_eq!(reports(&logged), [("em-7", "dtu-1", 1), ("dtu-1", "", 1)]);
    assert_eq!(
        rejects(&logged)[0],
        [
            "unknown_device",
            "dlt645:000000000708",
            "dlt645:000000000708",
            "dtu-1"
        ]
    );
}

fn hex_of(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap();
    let pair = |byte: &u8| [digit(byte >> 4), digit(byte & 15)];
    bytes.iter().flat_map(pair).collect()
}
