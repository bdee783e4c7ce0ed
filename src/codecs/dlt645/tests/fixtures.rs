//! Readings of single frames.
use super::*;

/// Frames of others: source, bytes, readings.
pub(super) const FRAMES: &[(&str, &str, &[&str])] = &[
    // hwhale.com/article/138066 (DLT645-2007 sample list, 2012)
    (
        "6861010000000068910833333433593333338a16",
        "",
        &["active_energy_import 0.26 kW.h"],
    ),
    (
        "686101000000006891063334343534431016",
        "",
        &["voltage{phase=a} 100.1 V"],
    ),
    (
        "6861010000000068910733343535cc7c331616",
        "",
        &["current{phase=a} 4.999 A"],
    ),
    (
        "68610100000000689107333336354558336b16",
        "",
        &["active_power 0.2512 kW"],
    ),
    (
        "6861010000000068910733333735647633a916",
        "",
        &["reactive_power 0.4331 kvar"],
    ),
    (
        "6861010000000068910833333633593334338d16",
        "",
        &["reactive_energy_combined_1 100.26 kvar.h"],
    ),
    (
        "6861010000000068910833333733563334338b16",
        "",
        &["reactive_energy_combined_2 100.23 kvar.h"],
    ),
    // unsurper/dlt645go (WTFPL)
    (
        "687602024702026891083333343335333333c916",
        "",
        &["active_energy_import 0.02 kW.h"],
    ),
    // themeyic/go-dlt645 (MIT)
    (
        "68010044235200689106333634359555dd16",
        "",
        &["voltage{phase=c} 226.2 V"],
    ),
    // Java meter simulator (unattributed public code): two phases are not connected
    (
        "6812000000102068910a333234358955323232322116",
        "",
        &[
            "voltage{phase=a} 225.6 V",
            "voltage{phase=b} null V",
            "voltage{phase=c} null V",
        ],
    ),
    // C comment (unattributed public code)
    (
        "6894410326121868910d33323535bb3433333333333333b916",
        "",
        &[
            "current{phase=a} 0.188 A",
            "current{phase=b} 0.000 A",
            "current{phase=c} 0.000 A",
        ],
    ),
    // Python GUI comment (unattributed public code): a meter with 4 tariffs
    (
        "6877441003000068911833323433ac343333583333339533333399333333583333339b16",
        "",
        &[
            "active_energy_import 1.79 kW.h",
            "active_energy_import{tariff=1} 0.25 kW.h",
            "active_energy_import{tariff=2} 0.62 kW.h",
            "active_energy_import{tariff=3} 0.66 kW.h",
            "active_energy_import{tariff=4} 0.25 kW.h",
        ],
    ),
    // Java AmmeterUtils comments (unattributed public code)
    (
        "681111111111116891063a33b3356c35c316",
        "",
        &["meter_internal_temperature 23.9 Cel"],
    ),
    // Qt debug data (unattributed public code)
    (
        "681855600600006891073534333765864b4416",
        "",
        &["meter_time 18:53:32"],
    ),
    // C# Portocol_645 sample (unattributed public code): a digit E
    (
        "681806360400916891083333343333334133f916",
        "dlt645:910004360618.active_energy_import invalid_bcd: 00000e00, at byte 14: 0e at byte 16 is no pair of decimal digits",
        &[],
    ),
];

#[test]
fn frames_of_others_are_read() {
    for (hex, fault, readings) in FRAMES {
        let decoded = decode(&bytes(hex));
        assert_eq!(samples(&decoded), *readings, "{hex}");
        assert_eq!(faults(&decoded).join("\n"), *fault, "{hex}");
        assert!(decoded.notes.is_empty(), "{hex}");
    }
}

/// Identifiers, bytes as sent less 33, readings. Computed here, since no such frame is published.
const COMPUTED: &[(u32, &[u8], &[&str])] = &[
    (
        0x0000_0000,
        &[0x34, 0x12, 0, 0x80],
        &["active_energy_combined -12.34 kW.h"],
    ),
    (
        0x0002_3f0c,
        &[1, 0, 0, 0],
        &["active_energy_export{freeze=settlement,tariff=63,storage=12} 0.01 kW.h"],
    ),
    (
        0x0005_0000,
        &[1, 0, 0, 0x99],
        &["reactive_energy_quadrant_1 990000.01 kvar.h"],
    ),
    (
        0x0015_0000,
        &[5, 0, 0, 0],
        &["active_energy_import{phase=a} 0.05 kW.h"],
    ),
    (
        0x0032_0000,
        &[5, 0, 0, 0],
        &["apparent_energy_export{phase=b} 0.05 kV.A.h"],
    ),
    (
        0x003f_0000,
        &[5, 0, 0, 0x80],
        &["reactive_energy_combined_1{phase=c} -0.05 kvar.h"],
    ),
    (0x0086_0000, &[5, 0, 0, 0], &["iron_loss_energy 0.05 kW.h"]),
    (
        0x0202_0300,
        &[0x99, 0x49, 0x80],
        &["current{phase=c} -4.999 A"],
    ),
    (
        0x0203_0200,
        &[0x34, 0x12, 0x80],
        &["active_power{phase=b} -0.1234 kW"],
    ),
    (
        0x0205_0000,
        &[0x34, 0x12, 0x01],
        &["apparent_power 1.1234 kV.A"],
    ),
    (
        0x0206_ff00,
        &[0, 0x10, 1, 0x85, 0xff, 0xff, 0, 0x80],
        &[
            "power_factor 1.000 1",
            "power_factor{phase=a} -0.501 1",
            "power_factor{phase=b} null 1",
            "power_factor{phase=c} 0.000 1",
        ],
    ),
    (
        0x0207_0100,
        &[0x05, 0x12],
        &["phase_angle{phase=a} 120.5 deg"],
    ),
    (0x0208_0100, &[0x05, 0x02], &["voltage_thd{phase=a} 2.05 %"]),
    (
        0x020b_0315,
        &[0x05, 0x02],
        &["current_harmonic{phase=c,channel=21} 2.05 %"],
    ),
    (0x0280_0001, &[1, 0, 0x80], &["neutral_current -0.001 A"]),
    (0x0280_0002, &[0x98, 0x49], &["frequency 49.98 Hz"]),
    (
        0x0280_0007,
        &[0x05, 0x81],
        &["meter_internal_temperature -10.5 Cel"],
    ),
    (
        0x0280_0008,
        &[0x65, 0x03],
        &["clock_battery_voltage 3.65 V"],
    ),
    (
        0x0280_000a,
        &[0x45, 0x23, 0x01, 0],
        &["battery_operating_time 12345 min"],
    ),
    (
        0x0400_0101,
        &[0x03, 0x12, 0x09, 0x07],
        &["meter_date 2007-09-12"],
    ),
    (0x0400_0101, &[0, 0, 0, 0], &["meter_date null"]),
    (
        0x0400_010c,
        &[0x32, 0x41, 0x11, 0x03, 0x12, 0x09, 0x07],
        &["meter_clock 2007-09-12T11:41:32 @2007-09-12T11:41:32"],
    ),
    (
        0x0400_0401,
        &[0x61, 1, 0, 0, 0, 0],
        &["meter_address 000000000161"],
    ),
    (
        0x0101_0000,
        &[0x34, 0x12, 0x01, 0x45, 0x23, 0x30, 0x11, 0x25],
        &["active_power_demand_max 1.1234 kW @2025-11-30T23:45:00"],
    ),
    (
        0x0101_ff01,
        &[
            0x34, 0x12, 0x01, 0, 0, 0, 0, 0, 1, 0, 0, 0x45, 0x23, 0x30, 0x11, 0x25,
        ],
        &[
            "active_power_demand_max{freeze=settlement,storage=1} 1.1234 kW",
            "active_power_demand_max{freeze=settlement,tariff=1} 0.0001 kW @2025-11-30T23:45:00",
        ],
    ),
    (
        0x0090_0100,
        &[0x56, 0x34, 0x12, 0],
        &["remaining_energy 1234.56 kW.h"],
    ),
    (
        0x000b_0000,
        &[0x56, 0x34, 0x12, 0],
        &["active_energy_since_settlement 1234.56 kW.h"],
    ),
    (
        0x000b_00ff,
        &[1, 0, 0, 0, 2, 0, 0, 0],
        &[
            "active_energy_since_settlement 0.01 kW.h",
            "active_energy_since_settlement{freeze=settlement,storage=1} 0.02 kW.h",
        ],
    ),
    (0x0090_0101, &[5, 0, 0, 0], &["overdraft_energy 0.05 kW.h"]),
    (
        0x0311_0000,
        &[0x34, 0x12, 0],
        &["power_failure_count 1234 1"],
    ),
    (0x0330_0d00, &[7, 0, 0], &["cover_open_count 7 1"]),
    (0x0330_0e00, &[8, 0, 0], &["terminal_cover_open_count 8 1"]),
    (
        0x0280_00ff,
        &[1, 0, 0, 0, 0x50],
        &["neutral_current 0.001 A", "frequency 50.00 Hz"],
    ),
];

#[test]
fn computed_frames_are_read() {
    for (di, value, readings) in COMPUTED {
        let decoded = decode(&computed(0x91, &answer(*di, value)));
        assert_eq!(samples(&decoded), *readings, "{di:08x}");
        assert_eq!(faults(&decoded), [""; 0], "{di:08x}");
        assert_eq!(decoded.devices, ["dlt645:000000000161"]);
    }
}

#[test]
fn a_clock_of_no_digits_is_a_fault() {
    let decoded = decode(&computed(0x91, &answer(0x0400_0102, &[0x32, 0x4a, 0x11])));
    assert_eq!(
        faults(&decoded),
        [
            "dlt645:000000000161.meter_time invalid_bcd: 324a11, at byte 14: 4a at byte 15 is no pair of decimal digits"
        ]
    );
    let absent = decode(&computed(0x91, &answer(0x0400_010c, &[0xff; 7])));
    assert_eq!(samples(&absent), ["meter_clock null"]);
}

#[test]
fn blocks_name_their_values_in_order() {
    let settlements = decode(&computed(0x91, &answer(0x0001_00ff, &[0; 13 * 4])));
    let readings = samples(&settlements);
    assert_eq!(readings.len(), 13);
    assert_eq!(readings[0], "active_energy_import 0.00 kW.h");
    assert_eq!(
        readings[12],
        "active_energy_import{freeze=settlement,storage=12} 0.00 kW.h"
    );
    let energies = samples(&decode(&computed(0x91, &answer(0x00ff_0000, &[0; 11 * 4]))));
    assert_eq!(energies.len(), 11);
    assert_eq!(energies[0], "active_energy_combined 0.00 kW.h");
    assert_eq!(energies[10], "apparent_energy_export 0.00 kV.A.h");
}

#[test]
fn registers_have_their_digits() {
    let digits = |di, value: &[u8]| decode(&computed(0x91, &answer(di, value))).samples[0].digits;
    assert_eq!(digits(0x0001_0000, &[0; 4]), Some((8, 2)));
    assert_eq!(digits(0x0000_0000, &[0; 4]), None, "combined: it may fall");
    assert_eq!(digits(0x0201_0100, &[0; 2]), None);
}

#[test]
fn what_is_not_known_is_named() {
    for (di, name) in [
        (0x0280_22ff, "028022FF"),
        (0x0301_0000, "03010000"),
        (0x0400_0103, "04000103"),
        (0x0610_0101, "06100101"),
        (0x0508_0101, "05080101"),
        (0x0001_4000, "00014000"),
    ] {
        let decoded = decode(&computed(0x91, &answer(di, &[0x12, 0x34])));
        assert_eq!(
            faults(&decoded),
            [format!(
                "dlt645:000000000161.{name} unknown_identifier: no such data identifier is read: 2 bytes, 1234"
            )]
        );
        assert!(decoded.samples.is_empty());
    }
}

#[test]
fn money_is_named_and_not_read() {
    let decoded = decode(&computed(
        0x91,
        &answer(0x0090_0200, &[0x56, 0x34, 0x12, 0]),
    ));
    assert!(decoded.samples.is_empty());
    assert_eq!(
        faults(&decoded),
        [
            "dlt645:000000000161.00900200 unknown_identifier: remaining money, of which the frame does not say the \
             currency: 4 bytes, 56341200"
        ]
    );
    let shown = pieces(&decoded);
    assert!(
        shown.iter().any(|piece| piece.ends_with("| not read")),
        "{shown:#?}"
    );
}

#[test]
fn a_block_over_two_bytes_is_not_cut() {
    let decoded = decode(&computed(0x91, &answer(0x0001_ffff, &[0; 8])));
    assert!(decoded.samples.is_empty());
    assert_eq!(
        faults(&decoded),
        [
            "dlt645:000000000161.0001FFFF unknown_identifier: a block over two of its bytes, of which nothing says \
             how many values each has: 8 bytes, 0000000000000000"
        ]
    );
}

/// 04000103, the period of a demand, has no name here: the clock of 0400010C is not read out of it.
#[test]
fn a_block_ends_where_nobody_knows_its_next_value() {
    let data = [3, 0x12, 9, 7, 0x32, 0x41, 0x11, 0x15, 1, 0x80, 0];
    let decoded = decode(&computed(0x91, &answer(0x0400_01ff, &data)));
    assert_eq!(
        samples(&decoded),
        ["meter_date 2007-09-12", "meter_time 11:41:32"]
    );
    assert_eq!(
        faults(&decoded),
        [
            "dlt645:000000000161.040001FF unknown_identifier: 4 bytes, 15018000, behind what is known of the block"
        ]
    );
}

#[test]
fn a_rest_that_is_no_value_is_a_fault() {
    let decoded = decode(&computed(0x91, &answer(0x0201_ff00, &[0x01, 0x22, 0x02])));
    assert_eq!(samples(&decoded), ["voltage{phase=a} 220.1 V"]);
    assert_eq!(
        faults(&decoded),
        ["dlt645:000000000161.0201FF00 truncated: 1 bytes from byte 16 on, 02, are no whole value"]
    );
    let empty = decode(&computed(0x91, &answer(0x0201_ff00, &[])));
    assert_eq!(faults(&empty).len(), 1);
    let short = decode(&computed(0x91, &[0x00, 0xff]));
    assert_eq!(
        faults(&short),
        ["dlt645:000000000161.DI truncated: 2 bytes of data at byte 10; a data identifier has 4"]
    );
}

#[test]
fn a_value_of_another_length_is_none() {
    let decoded = decode(&computed(
        0x91,
        &answer(0x0001_0000, &[0x90, 0x78, 0x56, 0x34, 0x12, 0]),
    ));
    assert!(samples(&decoded).is_empty());
    let told = faults(&decoded);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("6 bytes from byte 14 on"), "{told:?}");
}

#[test]
fn digits_that_are_no_date_are_told() {
    // Month 26.
    let clock = [0x00, 0x30, 0x08, 0x01, 0x26, 0x26, 0x26];
    let decoded = decode(&computed(0x91, &answer(0x0400_010c, &clock)));
    assert!(samples(&decoded).is_empty());
    assert_eq!(decoded.faults.list()[0].reason, Reason::ImplausibleTime);
    let unset = decode(&computed(0x91, &answer(0x0400_010c, &[0; 7])));
    assert_eq!(faults(&unset), [""; 0]);
}
