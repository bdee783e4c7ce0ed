//! Frames of public sources, with the values that these state: documentation and tests of DL/T 698.45 tools
//! (unattributed public code).
use super::*;

/// Source, frame, what it says.
const FRAMES: &[(&str, &str, &[&str])] = &[
    (
        "Java VoltageServiceImplTest",
        "682400c305010020032501000e29850100200002000101031208c11200001200000000f2ec16",
        &[
            "dlt698:012503200001 voltage phase=a 224.1 V",
            "dlt698:012503200001 voltage phase=b 0.0 V",
            "dlt698:012503200001 voltage phase=c 0.0 V",
        ],
    ),
    (
        "tool documentation, voltage",
        "682400c30500000000000000d9d08501002000020001010312096d12096e12096f0000d7fa16",
        &[
            "dlt698:000000000000 voltage phase=a 241.3 V",
            "dlt698:000000000000 voltage phase=b 241.4 V",
            "dlt698:000000000000 voltage phase=c 241.5 V",
        ],
    ),
    (
        "tool documentation, frequency",
        "68 1C 00 C3 05 00 00 00 00 00 00 00 BC FF 85 01 00 20 0F 02 00 01 12 13 88 00 00 30 D7 16",
        &["dlt698:000000000000 frequency 50.00 Hz"],
    ),
    (
        "tool documentation, total active power",
        "68 1E 00 C3 05 00 00 00 00 00 00 00 9E 54 85 01 00 20 04 02 01 01 05 00 00 EA 60 00 00 33 95 16",
        &["dlt698:000000000000 active_power 6000.0 W"],
    ),
    (
        "tool documentation, active power",
        "68 2F 00 C3 05 00 00 00 00 00 00 00 C0 92 85 01 00 20 04 02 00 01 01 04 05 00 00 EA 60 05 00 00 4E 84 05 00 00 4D BC 05 00 00 4E 20 00 00 79 9C 16",
        &[
            "dlt698:000000000000 active_power 6000.0 W",
            "dlt698:000000000000 active_power phase=a 2010.0 W",
            "dlt698:000000000000 active_power phase=b 1990.0 W",
            "dlt698:000000000000 active_power phase=c 2000.0 W",
        ],
    ),
    (
        "tool documentation, power factor",
        "68 27 00 C3 05 00 00 00 00 00 00 00 6A 2E 85 01 00 20 0A 02 00 01 01 04 10 03 7E 10 03 70 10 FC 90 10 03 7B 00 00 82 96 16",
        &[
            "dlt698:000000000000 power_factor 0.894 1",
            "dlt698:000000000000 power_factor phase=a 0.880 1",
            "dlt698:000000000000 power_factor phase=b -0.880 1",
            "dlt698:000000000000 power_factor phase=c 0.891 1",
        ],
    ),
    (
        "tool documentation, total active energy",
        "68 1E 00 C3 05 00 00 00 00 00 00 00 9E 54 85 01 00 00 10 02 01 01 06 00 01 E2 40 00 00 5A D4 16",
        &["dlt698:000000000000 active_energy_import 1234.56 kW.h"],
    ),
    (
        "tool documentation, active energy",
        "68 34 00 C3 05 00 00 00 00 00 00 00 9C A1 85 01 00 00 10 02 00 01 01 05 06 00 01 E2 40 06 00 00 27 10 06 00 00 4E 20 06 00 00 75 30 06 00 00 F7 E0 00 00 CC B3 16",
        &[
            "dlt698:000000000000 active_energy_import 1234.56 kW.h",
            "dlt698:000000000000 active_energy_import tariff=1 100.00 kW.h",
            "dlt698:000000000000 active_energy_import tariff=2 200.00 kW.h",
            "dlt698:000000000000 active_energy_import tariff=3 300.00 kW.h",
            "dlt698:000000000000 active_energy_import tariff=4 634.56 kW.h",
        ],
    ),
    (
        "tool documentation, active energy of phase A",
        "68 1E 00 C3 05 00 00 00 00 00 00 00 9E 54 85 01 00 00 11 02 01 01 06 00 06 1A 80 00 00 7E 29 16",
        &["dlt698:000000000000 active_energy_import phase=a 4000.00 kW.h"],
    ),
    (
        "tool documentation, reactive energy of quadrant 1",
        "68 1E 00 C3 05 00 00 00 00 00 00 00 9E 54 85 01 00 00 50 02 01 01 06 00 00 D4 31 00 00 77 CF 16",
        &["dlt698:000000000000 reactive_energy_quadrant_1 543.21 kvar.h"],
    ),
    (
        "tool documentation, fine energy",
        "68 22 00 C3 05 00 00 00 00 00 00 00 AE 25 85 01 00 00 10 04 01 01 15 00 00 00 00 00 BC 61 4E 00 00 62 BB 16",
        &["dlt698:000000000000 active_energy_import 1234.5678 kW.h"],
    ),
    (
        "tool documentation, clock",
        "68 21 00 C3 05 00 00 00 00 00 00 00 1D DB 85 01 00 40 00 02 00 01 1C 07 EA 0A 07 0E 10 1A 00 00 E4 C5 16",
        &["dlt698:000000000000 meter_clock 2026-10-07T14:16:26 @2026-10-07T14:16:26"],
    ),
    (
        "tool documentation, address",
        "68 21 00 C3 05 00 00 00 00 00 00 00 1D DB 85 01 00 40 01 02 00 01 09 06 12 34 56 78 90 12 00 00 DB 07 16",
        &["dlt698:000000000000 meter_address 123456789012"],
    ),
    (
        "tool documentation, harmonics",
        "68 24 00 C3 05 00 00 00 00 00 00 00 D9 D0 85 01 00 20 0D 02 00 01 01 03 10 01 40 10 00 7D 10 00 00 00 00 86 B6 16",
        &[
            "dlt698:000000000000 voltage_harmonic phase=a 3.20 %",
            "dlt698:000000000000 voltage_harmonic phase=a channel=2 1.25 %",
            "dlt698:000000000000 voltage_harmonic phase=a channel=3 0.00 %",
        ],
    ),
    (
        "tool documentation, daily freeze",
        "68 25 00 C3 05 00 00 00 00 00 00 00 48 85 85 03 00 50 04 02 00 01 00 00 10 02 01 01 01 06 00 01 E2 40 00 00 3A 61 16",
        &["dlt698:000000000000 active_energy_import freeze=daily 1234.56 kW.h"],
    ),
    (
        "tool documentation, daily freezes",
        "68 44 00 C3 05 00 00 00 00 00 00 00 56 FF 85 03 00 50 04 02 00 03 00 00 10 02 01 00 20 00 02 01 00 20 01 02 01 01 02 06 00 01 E0 78 12 09 65 05 00 00 13 74 06 00 01 E2 40 12 09 6D 05 00 00 13 88 00 00 D0 E0 16",
        &[
            "dlt698:000000000000 active_energy_import freeze=daily 1230.00 kW.h",
            "dlt698:000000000000 voltage phase=a freeze=daily 240.5 V",
            "dlt698:000000000000 current phase=a freeze=daily 4.980 A",
            "dlt698:000000000000 active_energy_import freeze=daily 1234.56 kW.h",
            "dlt698:000000000000 voltage phase=a freeze=daily 241.3 V",
            "dlt698:000000000000 current phase=a freeze=daily 5.000 A",
        ],
    ),
];

#[test]
fn public_frames_say_what_their_sources_say() {
    for (source, frame, expected) in FRAMES {
        let seen = see(&bytes(frame));
        assert_eq!(seen.result, Ok(()), "{source}");
        assert_eq!(seen.readings, *expected, "{source}");
        assert_eq!(seen.faults, [], "{source}");
        assert_eq!(seen.notes, [], "{source}");
    }
}

#[test]
fn a_request_is_an_event_alone_and_nothing_beside_its_reply() {
    let request = bytes("68170043050000000000000072790501002000020000e5be16");
    let seen = see(&request);
    assert_eq!(seen.notes[0].name, "meter_request");
    assert_eq!(detail(&seen.notes[0], "function"), "GetRequestNormal");
    assert_eq!(detail(&seen.notes[0], "oad"), "20000200");
    let seen = see(&[request, bytes(FRAMES[1].1)].concat());
    assert_eq!((seen.notes.len(), seen.readings.len()), (0, 3));
}

#[test]
fn a_record_without_rows_is_an_answer() {
    let frame = "68 20 00 C3 05 00 00 00 00 00 00 00 8C 8E 85 03 00 50 04 02 00 01 00 00 10 02 01 01 00 00 00 D8 F3 16";
    let seen = see(&bytes(frame));
    assert_eq!(seen.notes[0].name, "meter_answer");
    assert_eq!(detail(&seen.notes[0], "words"), "no rows");
}

#[test]
fn a_wrong_length_is_refused() {
    let frame = "681300c305010003072420100956850100200002000101031208eb1200001200000000fbff16";
    let fault = see(&bytes(frame)).result.unwrap_err();
    assert_eq!(
        fault.to_string(),
        "malformed: length 19 at byte 1, by which it ends at 00; with 36 its head check (HCS) holds, and it \
         ends with 16"
    );
}
