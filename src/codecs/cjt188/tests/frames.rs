//! Published frames, byte by byte.
use super::{bytes, decode, faults, frame, lines, notes};
use crate::codecs::frames::Unframed;
use crate::codecs::{Decoded, Dialect, Reason, SentTime};

fn plain(hex: &str) -> Decoded<'static> {
    decode(&bytes(hex), Dialect::default()).unwrap()
}

fn time(out: &Decoded<'_>) -> String {
    match &out.groups[0].time {
        SentTime::Text(text) => text.clone().into_owned(),
        SentTime::Absent => "-".to_owned(),
        other => unreachable!("{other:?}"),
    }
}

/// hupengwu/fox-edge-server-protocol, channel simulator.
#[test]
fn water() {
    let out = plain(
        "68 10 44332211003378 81 16 901f 00 00776655 2c 00776655 2c 31012211051520 2184 13 16",
    );
    assert_eq!(out.devices, ["cjt188:10:78330011223344"]);
    assert_eq!(time(&out), "2015-05-11T22:01:31");
    assert_eq!(
        lines(&out),
        [
            "water_volume 556677.00 m3",
            "water_volume 556677.00 m3 freeze=settlement storage=1",
            "valve_state closed",
            "battery_low false",
        ]
    );
    assert_eq!(out.samples[0].digits, Some((8, 2)));
    assert!(out.notes.is_empty() && out.faults.is_empty());
}

/// A heat meter's reply in a comment of public code: DI low byte first, battery low.
#[test]
fn heat() {
    let out = plain(
        "68 20 51213117001111 81 2e 1f90 12 00000000 05 00000000 05 00000000 14 00000000 35 19000000 2c \
         763000 683000 730200 32411112090720 0400 e9 16",
    );
    assert_eq!(out.devices, ["cjt188:20:11110017312151"]);
    assert_eq!(time(&out), "2007-09-12T11:41:32");
    assert_eq!(
        lines(&out),
        [
            "heat_energy 0.00 kW.h freeze=settlement storage=1",
            "heat_energy 0.00 kW.h",
            "heat_power 0.00 W",
            "heat_flow 0.0000 m3/h",
            "heat_volume 0.19 m3",
            "supply_temperature 30.76 Cel",
            "return_temperature 30.68 Cel",
            "operating_time 273 h",
            "valve_state open",
            "battery_low true",
        ]
    );
    assert_eq!(notes(&out), ["meter_alarm battery_low=true word=0400"]);
}

/// linqiu126/mfunhcu, check sum put right: gas, settlements.
#[test]
fn gas_and_settlements() {
    let out = plain(
        "68 30 11223344556677 81 16 901f 01 13233343 2c 14243444 2c 20160715095959 1122 af 16",
    );
    assert_eq!(out.devices, ["cjt188:30:77665544332211"]);
    assert_eq!(time(&out), "2016-07-15T09:59:59");
    assert_eq!(lines(&out)[0], "gas_volume 433323.13 m3");
    let out = plain("68 30 11223344556677 81 08 d128 01 13233343 2c cf 16");
    assert_eq!(time(&out), "-");
    assert_eq!(
        lines(&out),
        ["gas_volume 433323.13 m3 freeze=settlement storage=9"]
    );
}

/// The last settlement is one series, whichever identifier it was read by.
#[test]
fn the_last_settlement_has_one_name() {
    let of = |data: &str| {
        let head = "68 10 01000000000011 81";
        lines(&decode(&frame(head, &bytes(data)), Dialect::default()).unwrap())
    };
    let now = of("901f 00 13233343 2c 14243444 2c 20160715095959 1122");
    assert_eq!(now[1], of("d120 00 14243444 2c")[0]);
}

#[test]
fn meters_of_cooling_count_cooling() {
    let data = bytes(
        "901f 00 00000000 05 23010000 08 00000000 17 00000000 35 00000000 2c 000000 000000 000000 00000000000000 0000",
    );
    let metrics = |kind: &str| {
        let out = decode(
            &frame(&format!("68 {kind} 01000000000011 81"), &data),
            Dialect::default(),
        );
        lines(&out.unwrap())[1].clone()
    };
    assert_eq!(metrics("20"), "heat_energy 1.23 MW.h");
    assert_eq!(metrics("21"), "cooling_energy 1.23 MW.h");
    assert_eq!(metrics("22"), "heat_energy 1.23 MW.h");
    assert_eq!(metrics("25"), "heat_energy 1.23 MW.h");
}

#[test]
fn type_40_is_electricity_where_it_counts_energy() {
    let of = |kind: &str, unit: &str| {
        let data = bytes(&format!(
            "901f 00 23010000 {unit} 00000000 {unit} 00000000000000 0000"
        ));
        decode(
            &frame(&format!("68 {kind} 01000000000011 81"), &data),
            Dialect::default(),
        )
        .unwrap()
    };
    assert_eq!(lines(&of("40", "05"))[0], "active_energy_import 1.23 kW.h");
    let out = of("41", "2c");
    assert_eq!(lines(&out), ["valve_state open", "battery_low false"]);
    assert_eq!(
        faults(&out)[0],
        "unknown_identifier: cjt188:41:11000000000001.register: type 41 is the vendor's own: what it counts \
         in m3 is not known"
    );
}

/// hupengwu/fox-edge-server-protocol, valve; `aixiwang/python_cjt188`, address.
#[test]
fn answers_and_requests_are_events() {
    let note = |hex| notes(&plain(hex)).concat();
    assert_eq!(
        note("68 10 01000005080000 2a 04 a017 00 55 c0 16"),
        "meter_request function=2A a vendor's function, request di=A017 words=write valve data=55"
    );
    assert_eq!(
        note("68 10 01000005080000 aa 05 a017 00 01ff ec 16"),
        "meter_answer function=AA a vendor's function, reply di=A017 words=write valve data=01ff"
    );
    assert_eq!(
        note("68 10 12000000000000 83 03 810a 00 9b 16"),
        "meter_answer function=83 read address, reply di=810A words=address"
    );
    assert_eq!(
        note("fefefefe 68 10 44332211003378 01 03 1f90 00 80 16"),
        "meter_request function=01 read data, request di=901F words=current data"
    );
}

#[test]
fn keys_are_for_nobodys_eyes() {
    for data in ["a014 00 01 1122334455667788", "07a1 00 1122334455667788"] {
        let out = decode(
            &frame("68 10 01000000000011 04", &bytes(data)),
            Dialect::default(),
        )
        .unwrap();
        let shown = format!("{out:?}");
        assert!(
            !shown.contains("1122") && !shown.contains("17, 34"),
            "{shown}"
        );
        assert!(notes(&out)[0].contains("key"), "{shown}");
    }
}

/// linqiu126/mfunhcu, check sum put right.
#[test]
fn an_error_reply_is_an_event() {
    let out = plain("68 10 11223344556677 c1 03 01 1122 4c 16");
    assert_eq!(
        notes(&out),
        ["meter_error function=C1 read data, error reply error=1122 words=valve closed"]
    );
    assert!(out.samples.is_empty() && out.faults.is_empty());
}

#[test]
fn wildcards_name_nobody() {
    let out = decode(
        &frame("68 AA AAAAAAAAAAAAAA 03", &bytes("810a 00")),
        Dialect::default(),
    )
    .unwrap();
    assert!(out.devices.is_empty());
    assert_eq!(out.groups[0].device, None);
    let out = decode(
        &frame("68 10 99999999999999 01", &bytes("1f90 00")),
        Dialect::default(),
    )
    .unwrap();
    assert!(out.devices.is_empty());
}

fn damage(hex: &str) -> Option<(Reason, String)> {
    match decode(&bytes(hex), Dialect::default()) {
        Err(Unframed::Damaged(fault) | Unframed::Broken { fault, .. }) => {
            Some((fault.reason, fault.sentence))
        }
        Err(Unframed::Other) => None,
        Ok(_) => unreachable!("it is damaged"),
    }
}

/// The most copied example has 08 where the sum is 13 (cnblogs 7010777).
#[test]
fn damage_is_named_with_its_place() {
    let sentence = "check sum at byte 33 is 08; the bytes before it give 13";
    assert_eq!(
        damage(
            "68 10 44332211003378 81 16 901f 00 00776655 2c 00776655 2c 31012211051520 2184 08 16"
        ),
        Some((Reason::BadChecksum, sentence.to_owned()))
    );
    assert_eq!(
        damage("68 10 88052710152000 01 03 901f 01 25 17"),
        Some((
            Reason::Malformed,
            "byte 15 is 17; a frame ends with 16".to_owned()
        ))
    );
    let sentence = "cut at byte 15: its length at byte 10 is 3, so that it has 16 bytes";
    assert_eq!(
        damage("68 10 88052710152000 01 03 901f 01 25"),
        Some((Reason::Truncated, sentence.to_owned()))
    );
    // No type of the standard, or no function of it.
    assert_eq!(damage("68 50 88052710152000 01 03 901f 01 25 16"), None);
    assert_eq!(damage("68 10 88052710152000 5e 03 901f 01 25 16"), None);
    assert_eq!(damage("16 68"), None);
}

#[test]
fn what_cannot_be_read_is_a_part() {
    let of =
        |head: &str, data: &str| decode(&frame(head, &bytes(data)), Dialect::default()).unwrap();
    let water = "68 10 01000000000011 81";
    let out = of(water, "901f 00 1b000000 2c 00010000 00 00000000000000 0000");
    assert_eq!(lines(&out), ["valve_state open", "battery_low false"]);
    assert_eq!(
        faults(&out),
        [
            "invalid_bcd: cjt188:10:11000000000001.water_volume: byte 14 is 1b: A to F are no decimal digits",
            "unknown_unit: cjt188:10:11000000000001.water_volume: byte 23 is 00, which is no unit of CJ/T 188",
        ]
    );
    assert_eq!(
        faults(&of(water, "903f 00 0102")),
        [
            "unknown_identifier: cjt188:10:11000000000001.DI 903F: DI 903F is not known; its data is 0102"
        ]
    );
    assert_eq!(
        faults(&of(water, "901f 00 1234")),
        [
            "malformed: cjt188:10:11000000000001.DI 901F: DI 901F of a meter of type 10 has 22 bytes with DI and \
          SER; 5 were sent"
        ]
    );
    assert_eq!(
        faults(&of("68 20 01000000000011 81", "1f90 00 1234")).len(),
        1
    );
    assert_eq!(
        faults(&of(water, "901f")),
        ["truncated: cjt188:10:11000000000001.DI: a reply of 2 bytes: DI and SER have 3"]
    );
    let out = of(water, "901f 00 01000000 2c 00000000 2c 00000000000000 0200");
    assert_eq!(
        faults(&out),
        [
            "unknown_word: cjt188:10:11000000000001.valve_state: byte 31 is 02: its valve bits have no meaning"
        ]
    );
}
