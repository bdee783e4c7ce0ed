//! What meters do differently, and what a profile settles.
use super::{bytes, decode, faults, frame, lines, notes};
use crate::codecs::{AsSent, Dialect, SentTime, StatusBits};

fn lines_of(hex: &str, dialect: Dialect) -> Vec<String> {
    lines(&decode(&bytes(hex), dialect).unwrap())
}

fn water(data: &str, dialect: Dialect) -> Vec<String> {
    let frame = frame("68 10 01000000000011 81", &bytes(data));
    lines(&decode(&frame, dialect).unwrap())
}

/// 365seal.com, JY heat meter: 0.02 MW.h, 10.34 m3, 25.35 and 25.66 Cel.
#[test]
fn a_unit_before_its_value_is_seen() {
    let lines = lines_of(
        "fefefefe 68 20 32413140000000 81 2e 901f 01 08 02000000 08 02000000 17 00000000 35 00000000 2c \
         34100000 352500 662500 000000 53001210071520 0000 31 16",
        Dialect::default(),
    );
    assert_eq!(lines[1], "heat_energy 0.02 MW.h");
    assert_eq!(
        lines[4..7],
        [
            "heat_volume 10.34 m3",
            "supply_temperature 25.35 Cel",
            "return_temperature 25.66 Cel"
        ]
    );
}

/// Every field reads both ways: quantities decide, then the profile.
#[test]
fn a_frame_that_reads_both_ways_is_the_profiles() {
    let first = Dialect {
        unit_first: true,
        ..Dialect::default()
    };
    let both = "901f 00 29000011 2c 29000011 2c 00000000000000 0000";
    assert_eq!(
        water(both, Dialect::default())[0],
        "water_volume 110000.29 m3"
    );
    // 2C is no digit in both fields: this reads one way only, whatever the profile says.
    assert_eq!(water(both, first)[0], "water_volume 110000.29 m3");
    let both = "901f 00 29000011 29 29000011 29 00000000000000 0000";
    assert_eq!(
        water(both, Dialect::default())[0],
        "water_volume 110000.29 L"
    );
    assert_eq!(water(both, first)[0], "water_volume 291100.00 L");
    // 47 is tens of MJ/h, which no water meter counts.
    let leaning = "901f 00 47000011 29 47000011 29 00000000000000 0000";
    assert_eq!(water(leaning, first)[0], "water_volume 110000.47 L");
}

/// A unit byte that is none, beside a value that could be one: nothing is made of it, least of all zero.
#[test]
fn a_field_never_reads_the_other_way_than_its_frame() {
    for (data, settled) in [
        ("29000000 00 13000000 2c", "0.13 m3"),
        ("29000000 00 29000000 2c", "0.29 m3"),
        ("29000000 00 13000000 29", "0.13 L"),
        ("29000000 00 29000000 29", "0.29 L"),
    ] {
        let data = bytes(&format!("1f90 00 {data} 31012211051520 0000"));
        let out = decode(&frame("68 10 44332211003378 81", &data), Dialect::default()).unwrap();
        assert_eq!(
            lines(&out)[0],
            format!("water_volume {settled} freeze=settlement storage=1")
        );
        assert_eq!(
            faults(&out),
            [
                "unknown_unit: cjt188:10:78330011223344.water_volume: byte 18 is 00, which is no unit of CJ/T 188"
            ]
        );
    }
    // Nor of a field that stands alone, where the profile says that the unit is behind.
    let data = bytes("d120 00 29000000 00");
    let out = decode(&frame("68 10 44332211003378 81", &data), Dialect::default()).unwrap();
    assert!(out.samples.is_empty() && faults(&out).len() == 1);
    let first = Dialect {
        unit_first: true,
        ..Dialect::default()
    };
    assert_eq!(
        water("d120 00 2900000000", first),
        ["water_volume 0.00 L freeze=settlement storage=1"]
    );
    assert_eq!(
        water("d120 00 2c 34100000", Dialect::default()),
        ["water_volume 10.34 m3 freeze=settlement storage=1"]
    );
}

/// Comment of an `OceanConnect` demo: litres, time year first.
#[test]
fn litres_have_the_profiles_digits() {
    let hex = "fefefefe 68 10 43763251000000 81 16 901f 00 47700100 29 51480100 29 20200528205824 0000 a7 16";
    let out = decode(&bytes(hex), Dialect::default()).unwrap();
    assert_eq!(
        lines(&out)[..2],
        [
            "water_volume 170.47 L",
            "water_volume 148.51 L freeze=settlement storage=1"
        ]
    );
    assert_eq!(
        out.groups[0].time,
        SentTime::Text("2020-05-28T20:58:24".into())
    );
    for (litre_decimals, text, digits) in [
        (0, "17047", (8, 0)),
        (1, "1704.7", (8, 1)),
        (3, "17.047", (8, 3)),
    ] {
        let dialect = Dialect {
            litre_decimals,
            ..Dialect::default()
        };
        let out = decode(&bytes(hex), dialect).unwrap();
        assert_eq!(lines(&out)[0], format!("water_volume {text} L"));
        assert_eq!(out.samples[0].digits, Some(digits));
    }
}

/// Go simulator: value and time are FF.
#[test]
fn ff_is_no_value() {
    let hex =
        "fefe 68 10 45411005153378 81 16 901f aa 00466000 2c ffffffff 2c ffffffffffffff 0000 b6 16";
    let lines = lines_of(hex, Dialect::default());
    assert_eq!(
        lines[..2],
        [
            "water_volume 6046.00 m3",
            "water_volume Null m3 freeze=settlement storage=1"
        ]
    );
    let all = water(
        "901f 00 ffffffff ff 00000000 2c 00000000000000 0000",
        Dialect::default(),
    );
    assert_eq!(all[0], "water_volume Null");
}

/// Tens and hundreds of a unit: the value is scaled, what the meter showed is kept.
#[test]
fn hundreds_keep_what_was_shown() {
    let data = bytes(
        "901f 00 23010000 0a 23010000 12 00000000 17 00000000 35 00000000 2c 000000 000000 000000 00000000000000 0000",
    );
    let out = decode(&frame("68 20 01000000000011 81", &data), Dialect::default()).unwrap();
    assert_eq!(
        lines(&out)[..2],
        [
            "heat_energy 123 MW.h freeze=settlement storage=1",
            "heat_energy 12.3 GJ"
        ]
    );
    let origin = |text: &'static str, unit: &'static str| {
        Some(AsSent {
            text: text.into(),
            unit: unit.into(),
        })
    };
    assert_eq!(out.samples[0].origin, origin("1.23", "10*2.MW.h"));
    assert_eq!(out.samples[1].origin, origin("1.23", "10*1.GJ"));
    // 99999999 with two digits behind the point, in hundreds of MW.h: the register turns at 1e8 MW.h.
    assert_eq!(out.samples[0].digits, Some((8, 0)));
    assert_eq!(out.samples[1].digits, Some((8, 1)));
    let litres = Dialect {
        litre_decimals: 0,
        ..Dialect::default()
    };
    let data = bytes("901f 00 23010000 2b 23010000 2b 00000000000000 0000");
    let out = decode(&frame("68 10 01000000000011 81", &data), litres).unwrap();
    assert_eq!(lines(&out)[0], "water_volume 12300 L");
    assert_eq!(out.samples[0].digits, Some((10, 0)));
}

#[test]
fn the_status_is_read_as_the_profile_says() {
    let of = |status: &str, bits| {
        let data = bytes(&format!(
            "901f 00 00000000 2c 00000000 2c 00000000000000 {status}"
        ));
        let dialect = Dialect {
            status: bits,
            ..Dialect::default()
        };
        let out = decode(&frame("68 10 01000000000011 81", &data), dialect).unwrap();
        assert!(faults(&out).is_empty());
        (lines(&out)[2..].to_vec(), notes(&out))
    };
    let (lines, alarms) = of("0713", StatusBits::Standard);
    assert_eq!(lines, ["valve_state fault", "battery_low true"]);
    assert_eq!(
        alarms,
        ["meter_alarm valve_fault=true battery_low=true word=0713"]
    );
    assert_eq!(
        of("8000", StatusBits::Mirrored).0,
        ["valve_state closed", "battery_low false"]
    );
    assert_eq!(
        of("6000", StatusBits::High).0,
        ["valve_state closed", "battery_low true"]
    );
    assert_eq!(
        of("0200", StatusBits::Flags).0,
        ["valve_state fault", "battery_low false"]
    );
    assert_eq!(of("ffff", StatusBits::Ignored), (Vec::new(), Vec::new()));
    // FF FF is no status, and no alarm; FF beside a vendor's byte is one.
    for bits in [StatusBits::Standard, StatusBits::High, StatusBits::Flags] {
        let (lines, alarms) = of("ffff", bits);
        assert_eq!(lines, ["valve_state Null", "battery_low Null"]);
        assert_eq!(alarms, Vec::<String>::new());
    }
    assert_eq!(of("ff00", StatusBits::Standard).1.len(), 1);
}

/// shiyuecamus/ng-gateway, `di_schema.rs`: 43 bytes with DI and SER.
#[test]
fn heat_of_2018_is_told_by_its_length() {
    let data = bytes(
        "901f 07 00100000 05 00200000 05 345612 17 214300 35 19000000 2c 7630 6830 73020000 32411112092420 0000",
    );
    assert_eq!(data.len(), 43);
    let frame = frame("68 20 01000000000011 81", &data);
    let out = decode(&frame, Dialect::default()).unwrap();
    assert_eq!(
        lines(&out)[..8],
        [
            "heat_energy 10.00 kW.h freeze=settlement storage=1",
            "heat_energy 20.00 kW.h",
            "heat_power 1256.34 kW",
            "heat_flow 4.321 m3/h",
            "heat_volume 0.19 m3",
            "supply_temperature 30.76 Cel",
            "return_temperature 30.68 Cel",
            "operating_time 273 h",
        ]
    );
    let dialect = Dialect {
        flow_decimals: Some(4),
        ..Dialect::default()
    };
    assert_eq!(
        lines(&decode(&frame, dialect).unwrap())[3],
        "heat_flow 0.4321 m3/h"
    );
}

/// A maker's bytes behind the standard's cost themselves; put before the clock, they cost the reply.
#[test]
fn a_longer_reply_is_read_as_far_as_it_is_the_standards() {
    let of = |kind: &str, data: &str| {
        let head = format!("68 {kind} 01000000000011 81");
        decode(&frame(&head, &bytes(data)), Dialect::default()).unwrap()
    };
    let standard = "901f 00 12340000 2c 11340000 2c 31012211051520 0100";
    for (kind, metric) in [("10", "water_volume"), ("30", "gas_volume")] {
        let out = of(kind, &format!("{standard} aabbcc"));
        assert_eq!(lines(&out)[0], format!("{metric} 34.12 m3"));
        assert_eq!(lines(&out).len(), 4);
        assert_eq!(
            faults(&out),
            [format!(
                "malformed: cjt188:{kind}:11000000000001.DI 901F: 3 bytes from byte 33 on, aabbcc, are not the \
                 standard's: its DI 901F has 22 with DI and SER"
            )]
        );
    }
    let between = "901f 00 12340000 2c 11340000 2c 10340000 2c 31012211051520 0100";
    for (kind, data) in [("10", between), ("20", standard), ("41", between)] {
        let out = of(kind, data);
        assert_eq!(lines(&out), Vec::<String>::new());
        assert_eq!(faults(&out).len(), 1);
    }
}

/// The same source: 26 bytes with DI and SER. Pressures have no unit there.
#[test]
fn frozen_data_of_2018_has_its_own_time() {
    let data = |time: &str| {
        bytes(&format!(
            "d302 00 {time} 12340000 2c 21430000 35 501800 350000"
        ))
    };
    let of =
        |time, dialect| decode(&frame("68 10 01000000000011 81", &data(time)), dialect).unwrap();
    let out = of("00000001032620", Dialect::default());
    assert_eq!(
        out.groups[0].time,
        SentTime::Text("2026-03-01T00:00:00".into())
    );
    assert_eq!(
        lines(&out),
        [
            "water_volume 34.12 m3 freeze=timed",
            "water_flow 0.4321 m3/h freeze=timed",
            "water_temperature 18.50 Cel freeze=timed",
        ]
    );
    let kpa = Dialect {
        pressure_unit: Some("kPa"),
        ..Dialect::default()
    };
    let lines = lines(&of("00000000000000", kpa));
    assert_eq!(lines[0], "water_volume 34.12 m3 freeze=timed storage=3");
    assert_eq!(lines[3], "water_pressure 0.35 kPa freeze=timed storage=3");
}

#[test]
fn heat_and_cooling_of_2018_are_told_apart() {
    let data = bytes(
        "1f91 00 01000000 05 02000000 05 03000000 05 04000000 05 000000 17 000000 35 05000000 2c \
         0000 0000 1000 2000 06000000 00000000000000 0000",
    );
    let out = decode(&frame("68 22 01000000000011 81", &data), Dialect::default()).unwrap();
    assert_eq!(
        lines(&out)[..4],
        [
            "heat_energy 0.01 kW.h freeze=settlement storage=1",
            "cooling_energy 0.02 kW.h freeze=settlement storage=1",
            "heat_energy 0.03 kW.h",
            "cooling_energy 0.04 kW.h",
        ]
    );
    let data = bytes("d204 00 01000000 05 02000000 05 03000000 2c");
    let out = decode(&frame("68 22 01000000000011 81", &data), Dialect::default()).unwrap();
    assert_eq!(
        lines(&out),
        [
            "heat_energy 0.01 kW.h freeze=settlement storage=5",
            "cooling_energy 0.02 kW.h freeze=settlement storage=5",
            "heat_volume 0.03 m3 freeze=settlement storage=5",
        ]
    );
}

/// D3 D4 is the 213th timed or the 214th instant one.
#[test]
fn an_identifier_that_reads_both_ways_is_refused() {
    let data = bytes("d3d4 00 00000001032620 12340000 2c 21430000 35 501800 350000");
    let out = decode(&frame("68 10 01000000000011 81", &data), Dialect::default()).unwrap();
    assert!(out.samples.is_empty());
    assert_eq!(out.faults.list().len(), 1);
}

#[test]
fn pressure_needs_a_metric_of_its_own() {
    let data = bytes(
        "911f 00 01000000 05 02000000 05 03000000 05 04000000 05 000000 17 000000 35 05000000 2c \
         0000 0000 1000 2000 06000000 00000000000000 0000",
    );
    let kpa = Dialect {
        pressure_unit: Some("kPa"),
        ..Dialect::default()
    };
    let out = decode(&frame("68 22 01000000000011 81", &data), kpa).unwrap();
    assert!(out.faults.is_empty());
    assert!(!lines(&out).iter().any(|line| line.contains("pressure")));
}
