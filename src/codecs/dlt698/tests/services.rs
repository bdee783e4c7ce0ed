//! Each service, each type, made here after the standard.
use super::*;

#[test]
fn lists_and_reports_say_each_object() {
    let results = "03 20000200 01 01 01 12 0899  20010200 00 04  2011 0200 01 12 0168";
    for (head, control) in [("8502 05", 0xc3), ("8801 05", 0x83)] {
        let apdu = bytes(&format!("{head} {results} 00 00"));
        let seen = see(&sealed(control, ADDRESS, &apdu));
        assert_eq!(
            seen.readings,
            [
                "dlt698:000000000001 voltage phase=a 220.1 V",
                "dlt698:000000000001 clock_battery_voltage 3.60 V",
            ]
        );
        assert_eq!(seen.notes[0].name, "meter_error");
        assert_eq!(detail(&seen.notes[0], "oad"), "20010200");
        assert_eq!(detail(&seen.notes[0], "words"), "object not defined");
    }
}

#[test]
fn rows_have_the_time_of_their_freeze() {
    let apdu = "8503 01 50040200 02 00 20210200 00 00100200 01 02 \
                1c 07ea0b18000000 01 02 06 0000000a 06 00000006 \
                1c 07ea0b19000000 01 02 06 0000000b 00 00 00";
    assert_eq!(
        see(&reply(apdu)).readings,
        [
            "dlt698:000000000001 active_energy_import freeze=daily 0.10 kW.h @2026-11-24T00:00:00",
            "dlt698:000000000001 active_energy_import freeze=daily tariff=1 0.06 kW.h @2026-11-24T00:00:00",
            "dlt698:000000000001 active_energy_import freeze=daily 0.11 kW.h @2026-11-25T00:00:00",
            "dlt698:000000000001 active_energy_import freeze=daily tariff=1 Null kW.h @2026-11-25T00:00:00",
        ]
    );
    // The third freeze back, whose time nobody says.
    let apdu = "8503 01 50060203 01 00 00200201 01 01 06 00000064 00 00";
    assert_eq!(
        see(&reply(apdu)).readings,
        ["dlt698:000000000001 active_energy_export freeze=monthly storage=3 1.00 kW.h"]
    );
}

#[test]
fn a_terminal_reports_rows_of_its_meters() {
    let apdu = "8802 01 01 60120300 03 00 202a0200 00 60420200 01 50040200 02 20210200 00100201 01 02 \
                55 07 05 000000000077 1c 07ea0b19001000 1c 07ea0b19000000 06 00000001 \
                55 07 05 000000000078 1c 07ea0b19001000 00 06 00000002 00 00";
    let seen = see(&sealed(0x83, ADDRESS, &bytes(apdu)));
    assert_eq!(seen.faults, []);
    assert_eq!(
        seen.readings,
        [
            "dlt698:000000000077 active_energy_import freeze=daily 0.01 kW.h @2026-11-25T00:00:00",
            "dlt698:000000000078 active_energy_import freeze=daily 0.02 kW.h @2026-11-25T00:16:00",
        ]
    );
}

#[test]
fn blocks_tails_and_tags_are_read() {
    let tag = "01 07ea0b19000001 00 0005";
    let block = format!("8505 01 01 0001 01 01 200f0200 01 12 1388 00 {tag}");
    let follow = "8501 01 200f0200 01 12 1388 01 01 01 20110200 01 12 0168 00";
    let seen = see(&[reply(&block), reply(follow)].concat());
    assert_eq!((seen.faults.len(), seen.readings.len()), (0, 3));
    let no_tail = see(&reply("8501 01 200f0200 01 12 1388"));
    assert_eq!((no_tail.faults.len(), no_tail.readings.len()), (0, 1));
    let longer = see(&reply("8501 01 200f0200 01 12 1388 00 00 77"));
    assert_eq!((longer.faults.len(), longer.readings.len()), (1, 1));
}

#[test]
fn secured_answers_are_read_where_they_are_plain() {
    let plain = "90 00 0d 8501 01 200f0200 01 12 1388 00 00 01 00 04 01020304";
    let plain = plain.replace("0d", "0c");
    let seen = see(&reply(&plain));
    assert_eq!(
        seen.readings,
        ["dlt698:000000000001 frequency 50.00 Hz"],
        "{:?}",
        seen.faults
    );
    let seen = see(&reply("90 01 04 deadbeef 01 00 04 01020304"));
    assert_eq!(seen.faults[0].reason, Reason::NotUnderstood);
    assert!(seen.faults[0].sentence.starts_with("encrypted"));
    let hidden = seen
        .trace
        .iter()
        .all(|piece| !piece.sent.contains("deadbeef"));
    assert!(hidden, "{:?}", seen.trace);
}

#[test]
fn scrambled_and_split_frames_are_one_apdu() {
    let apdu = bytes("8501 01 00100200 01 01 02 06 0001e240 06 00000064 00 00");
    let part = |field: u16, bytes: &[u8]| {
        let mut sent = field.to_le_bytes().to_vec();
        sent.extend(bytes);
        let sent: Vec<u8> = sent.iter().map(|byte| byte.wrapping_add(0x33)).collect();
        sealed(0xeb, ADDRESS, &sent)
    };
    let parts = [
        part(0x0000, &apdu[..9]),
        part(0xc001, &apdu[9..13]),
        part(0x4002, &apdu[13..]),
    ];
    let seen = see(&parts.concat());
    assert_eq!(seen.faults, []);
    assert_eq!(
        seen.readings,
        [
            "dlt698:000000000001 active_energy_import 1234.56 kW.h",
            "dlt698:000000000001 active_energy_import tariff=1 1.00 kW.h",
        ]
    );
    for lost in 0..3 {
        let mut left = parts.to_vec();
        left.remove(lost);
        let seen = see(&left.concat());
        assert!(seen.readings.is_empty(), "{lost}");
        assert!(!seen.faults.is_empty(), "{lost}");
        assert_eq!(seen.faults[0].reason, Reason::Truncated);
    }
}

#[test]
fn a_part_without_its_number_is_told() {
    for len in 0..2 {
        let seen = see(&sealed(0xe3, ADDRESS, &[0xf6, 0x40][..len]));
        assert_eq!(seen.faults[0].reason, Reason::Truncated, "{len}");
        assert_eq!(seen.faults[0].part, "frame at byte 0");
    }
}

#[test]
fn what_is_unknown_or_wrong_costs_itself() {
    let seen = see(&reply(
        "8502 01 03 f1000200 01 09 02 abcd  200f0200 01 0a 02 4142  200f0200 01 12 1387 00 00",
    ));
    assert_eq!(seen.readings, ["dlt698:000000000001 frequency 49.99 Hz"]);
    assert_eq!(seen.faults[0].reason, Reason::UnknownIdentifier);
    assert!(
        seen.faults[0].part.contains("F1000200"),
        "{:?}",
        seen.faults
    );
    assert_eq!(seen.faults[1].reason, Reason::WrongType);
    let deep = format!("8501 01 f1000200 01 {} 00 00 00", "0101".repeat(9));
    let seen = see(&reply(&deep));
    assert_eq!(seen.faults[0].reason, Reason::TooDeep);
    let many = see(&reply("8501 01 20000200 01 01 8240 00 00 00"));
    assert_eq!(many.faults[0].reason, Reason::Truncated);
}

#[test]
fn every_type_has_its_length() {
    let types = [
        "00",
        "01 01 00",
        "02 02 00 00",
        "03 01",
        "04 0a ffc0",
        "05 00000001",
        "06 00000001",
        "09 02 0102",
        "0a 01 41",
        "0c 01 41",
        "0f ff",
        "10 0001",
        "11 01",
        "12 0001",
        "14 0000000000000001",
        "15 0000000000000001",
        "16 01",
        "17 3f800000",
        "18 3ff0000000000000",
        "19 07ea0b1903000000 0000",
        "1a 07ea0b1903",
        "1b 000000",
        "1c 07ea0b19000000",
        "50 2000",
        "51 20000200",
        "52 50040200 01 00100200",
        "53 80000100",
        "54 01 0001",
        "55 02 0001",
        "56 02 0102",
        "57 02 0102",
        "58 00 11 01 11 02",
        "59 fe 21",
        "5a 00",
        "5a 01 20210200 1c 07ea0b19000000",
        "5a 02 20210200 11 01 11 02 00",
        "5a 03 01 20210200 11 01 11 02 00",
        "5a 05 07ea0b19000000 01",
        "5a 06 07ea0b19000000 07ea0b19000000 01 0001 00",
        "5a 09 01",
        "5a 0a 01 01",
        "5b 00 20000200",
        "5b 01 50040200 01 00100200",
        "5c 02 02 0102",
        "5c 03 01 02 0001",
        "5c 04 01 0001",
        "5c 05 01 00 11 01 11 02",
        "5d 00000001 01 aa",
        "5e 00000001 01 aa 01 bb",
        "5f 06 02 03 01 00",
        "60 02 00 20000200 01 50040200 01 00100200",
    ];
    for data in types {
        let seen = see(&reply(&format!(
            "8502 01 02 f1000200 01 {data} 200f0200 01 12 1388 00 00"
        )));
        assert_eq!(seen.readings.len(), 1, "{data}: {:?}", seen.faults);
        assert_eq!(seen.faults.len(), 1, "{data}: {:?}", seen.faults);
    }
}

#[test]
fn demands_have_times_of_their_own() {
    let seen = see(&reply(
        "8501 01 10100200 01 01 02 02 02 06 00003039 1c 07ea0b18123000 02 02 00 00 00 00",
    ));
    assert_eq!(
        seen.readings,
        [
            "dlt698:000000000001 active_power_demand_max 1.2345 kW @2026-11-24T18:48:00",
            "dlt698:000000000001 active_power_demand_max tariff=1 Null kW",
        ]
    );
    let seen = see(&reply(
        "8501 01 10100201 01 02 02 06 00003039 1c 07ea0b18123000 00 00",
    ));
    assert_eq!(seen.readings.len(), 1);
}

#[test]
fn phases_that_a_meter_does_not_have_are_absent() {
    let seen = see(&reply(
        "8502 01 02 20000200 01 00 20010200 01 01 04 00 00 00 05 fffffff6 00 00",
    ));
    let absent = "Null V";
    assert!(
        seen.readings[..3]
            .iter()
            .all(|reading| reading.ends_with(absent))
    );
    assert_eq!(
        seen.readings[6],
        "dlt698:000000000001 neutral_current -0.010 A"
    );
}

#[test]
fn links_commands_and_nobody_are_told_apart() {
    let login = see(&sealed(
        0x81,
        ADDRESS,
        &bytes("01 00 00 00b4 07e0051304080500 00a4"),
    ));
    assert_eq!(login.notes[0].name, "meter_request");
    assert_eq!(detail(&login.notes[0], "words"), "log in");
    let set = see(&reply("8601 01 40000200 03 00 00"));
    assert_eq!(set.notes[0].name, "meter_answer");
    assert_eq!(detail(&set.notes[0], "words"), "read or write denied");
    let connect = see(&sealed(0x43, ADDRESS, &bytes("02 00 0010 5ec2e7 00")));
    assert!(
        connect
            .trace
            .iter()
            .all(|piece| !piece.sent.contains("5ec2e7"))
    );
    let nobody = sealed(
        0xc3,
        &[0x45, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa],
        &bytes("8501 01 200f0200 01 12 1388 00 00"),
    );
    assert_eq!(see(&nobody).readings, ["- frequency 50.00 Hz"]);
    let odd = sealed(
        0xc3,
        &[0x02, 0x3f, 0x12, 0x00],
        &bytes("8501 01 200f0200 01 12 1388 00 00"),
    );
    assert_eq!(see(&odd).readings, ["dlt698:00123 frequency 50.00 Hz"]);
}

#[test]
fn status_words_are_flags_and_an_event() {
    // Bit 0 of word 4, the first bit that is sent: phase a has lost its voltage.
    let words = "04 10 0000 04 10 0000 04 10 0000 04 10 8000 04 10 0000 04 10 0000 04 10 0000";
    let seen = see(&reply(&format!("8501 01 20140200 01 01 07 {words} 00 00")));
    let set: Vec<&String> = seen
        .readings
        .iter()
        .filter(|reading| reading.ends_with("true"))
        .collect();
    assert_eq!(set, ["dlt698:000000000001 voltage_loss phase=a true"]);
    assert_eq!(seen.notes.len(), 1);
    assert_eq!(seen.notes[0].name, "meter_alarm");
    assert_eq!(detail(&seen.notes[0], "voltage_loss_a"), "true");
    assert_eq!(detail(&seen.notes[0], "word"), "20140204");
    // One word, asked for alone.
    let seen = see(&reply("8501 01 20140207 01 04 10 8000 00 00"));
    assert_eq!(detail(&seen.notes[0], "voltage_sequence_reversed"), "true");
}
