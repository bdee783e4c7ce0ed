//! Freezes and load records (computed after DL/T 645-2007 table A.6 and annex B).
use super::*;

/// 00:00 of 1 November 2025.
const MOMENT: [u8; 5] = [0x00, 0x00, 0x01, 0x11, 0x25];

fn block(parts: &[&[u8]], between: &[u8]) -> Vec<u8> {
    let mut block = MOMENT.to_vec();
    for part in parts {
        block.extend(between);
        block.extend(*part);
    }
    block
}

#[test]
fn a_frozen_value_says_how_far_back_it_is() {
    let decoded = decode(&computed(
        0x91,
        &answer(0x0506_0102, &[1, 0, 0, 0, 2, 0, 0, 0]),
    ));
    assert_eq!(
        samples(&decoded),
        [
            "active_energy_import{freeze=daily,storage=2} 0.01 kW.h",
            "active_energy_import{freeze=daily,tariff=1,storage=2} 0.02 kW.h",
        ]
    );
    let demand = decode(&computed(
        0x91,
        &answer(0x0500_0901, &[1, 0, 0, 0x45, 0x23, 0x30, 0x11, 0x25]),
    ));
    assert_eq!(
        samples(&demand),
        ["active_power_demand_max{freeze=timed} 0.0001 kW @2025-11-30T23:45:00"]
    );
    let powers = samples(&decode(&computed(0x91, &answer(0x0501_1001, &[0; 24]))));
    assert_eq!(powers.len(), 8);
    assert_eq!(
        powers[3],
        "active_power{phase=c,freeze=instant,storage=1} 0.0000 kW"
    );
}

#[test]
fn the_moment_may_be_in_another_frame() {
    let alone = decode(&computed(0x91, &answer(0x0506_0001, &MOMENT)));
    assert_eq!(
        samples(&alone),
        ["freeze_time{freeze=daily} 2025-11-01T00:00:00 @2025-11-01T00:00:00"]
    );
    let value = computed(0x91, &answer(0x0506_0101, &[1, 0, 0, 0]));
    let moment = computed(0x91, &answer(0x0506_0001, &MOMENT));
    for payload in [
        [value.clone(), moment.clone()].concat(),
        [moment, value].concat(),
    ] {
        let readings = samples(&decode(&payload));
        let expected = "active_energy_import{freeze=daily} 0.01 kW.h @2025-11-01T00:00:00";
        assert!(
            readings.iter().any(|reading| reading == expected),
            "{readings:?}"
        );
    }
}

#[test]
fn blocks_of_a_freeze_have_separators_or_not() {
    let two: [u8; 8] = [1, 0, 0, 0, 2, 0, 0, 0];
    let demand = [
        7, 0, 0, 0x45, 0x23, 0x30, 0x10, 0x25, 8, 0, 0, 0, 0, 0, 0, 0,
    ];
    let parts: [&[u8]; 11] = [
        &two, &two, &two, &two, &two, &two, &two, &two, &demand, &demand, &[9; 24],
    ];
    let plain = decode(&computed(0x91, &answer(0x0500_ff01, &block(&parts, &[]))));
    assert_eq!(faults(&plain), [""; 0]);
    let separated = decode(&computed(
        0x91,
        &answer(0x0500_ff01, &block(&parts, &[0xaa])),
    ));
    assert_eq!(samples(&plain), samples(&separated));
    let readings = samples(&plain);
    assert_eq!(readings.len(), 8 * 2 + 2 * 2 + 8);
    assert_eq!(
        readings[1],
        "active_energy_import{freeze=timed,tariff=1} 0.02 kW.h @2025-11-01T00:00:00"
    );
    assert_eq!(
        readings[16],
        "active_power_demand_max{freeze=timed} 0.0007 kW @2025-10-30T23:45:00"
    );
    let hourly = decode(&computed(
        0x91,
        &answer(
            0x0504_ff01,
            &block(&[&[1, 0, 0, 0], &[2, 0, 0, 0]], &[0xaa]),
        ),
    ));
    assert_eq!(
        samples(&hourly),
        [
            "active_energy_import{freeze=hourly} 0.01 kW.h @2025-11-01T00:00:00",
            "active_energy_export{freeze=hourly} 0.02 kW.h @2025-11-01T00:00:00",
        ]
    );
    let odd = decode(&computed(
        0x91,
        &answer(0x0500_ff01, &block(&[&[1, 0, 0]], &[])),
    ));
    assert_eq!(
        faults(&odd),
        [
            "dlt645:000000000161.0500FF01 malformed: 8 bytes are no block of a freeze, with AA between its parts or without"
        ]
    );
}

/// Of import, export and variables alone; with parts behind the variables; cut.
#[test]
fn blocks_of_a_freeze_have_the_parts_that_are_set() {
    let two: [u8; 8] = [1, 0, 0, 0, 2, 0, 0, 0];
    let parts: [&[u8]; 3] = [&two, &two, &[9; 24]];
    let of = |parts: &[&[u8]], between: &[u8], behind: &[u8]| {
        let data = [block(parts, between), behind.to_vec()].concat();
        decode(&computed(0x91, &answer(0x0506_ff01, &data)))
    };
    for (between, behind) in [
        (&[][..], &[][..]),
        (&[], &[0xaa]),
        (&[0xaa], &[]),
        (&[0xaa], &[0xaa]),
    ] {
        let decoded = of(&parts, between, behind);
        assert_eq!(faults(&decoded), [""; 0], "{between:?} {behind:?}");
        let readings = samples(&decoded);
        assert_eq!(readings.len(), 2 * 2 + 8, "{readings:#?}");
        assert_eq!(
            readings[3],
            "active_energy_export{freeze=daily,tariff=1} 0.02 kW.h @2025-11-01T00:00:00"
        );
        assert!(readings[4].starts_with("active_power{freeze=daily} 9.0909 kW"));
    }
    let more = of(&parts, &[0xaa], &[0xaa, 1, 2, 3, 4, 5]);
    assert_eq!(samples(&more).len(), 2 * 2 + 8);
    assert_eq!(
        faults(&more),
        [
            "dlt645:000000000161.0506FF01 unknown_identifier: 5 bytes, 0102030405, behind what is known of the block"
        ]
    );
    let cut = of(&[&two, &[1, 0, 0]], &[0xaa], &[]);
    assert_eq!(samples(&cut).len(), 2);
    assert!(faults(&cut)[0].contains("truncated"), "{:?}", faults(&cut));
    let first = computed(0xb1, &answer(0x0506_ff01, &block(&parts, &[])));
    let first = decode(&first);
    assert!(first.samples.is_empty());
    assert_eq!(faults(&first).len(), 1, "{:?}", faults(&first));
    assert!(faults(&first)[0].contains("more frames follow"));
}

/// All six classes.
fn record(parts: &[&[u8]]) -> Vec<u8> {
    let mut data = MOMENT.to_vec();
    for part in parts {
        data.extend(*part);
        data.push(0xaa);
    }
    framed(&data)
}

fn framed(data: &[u8]) -> Vec<u8> {
    let mut record = vec![0xa0, 0xa0, u8::try_from(data.len()).unwrap()];
    record.extend(data);
    record.push(crate::codecs::frames::checksum(&record));
    record.push(0xe5);
    record
}

#[test]
fn load_records_have_their_time() {
    let first: [u8; 17] = [
        0x01, 0x22, 0xff, 0xff, 0xff, 0xff, 1, 0, 0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0x50,
    ];
    let whole = record(&[&first, &[0; 24], &[0; 8], &[0; 16], &[0; 16], &[0; 6]]);
    let decoded = decode(&computed(0x91, &answer(0x0600_0001, &whole)));
    assert_eq!(faults(&decoded), [""; 0]);
    let readings = samples(&decoded);
    assert_eq!(readings.len(), 7 + 8 + 4 + 4 + 4 + 2);
    assert_eq!(readings[0], "voltage{phase=a} 220.1 V @2025-11-01T00:00:00");
    assert_eq!(
        readings[3],
        "current{phase=a} -0.001 A @2025-11-01T00:00:00"
    );
    assert_eq!(readings[6], "frequency 50.00 Hz @2025-11-01T00:00:00");
    assert_eq!(
        readings[28],
        "reactive_power_demand 0.0000 kvar @2025-11-01T00:00:00"
    );
    // Only class 4 is recorded; and a record of class 3 alone, without separators before it.
    let fourth = record(&[&[], &[], &[], &[1; 16], &[], &[]]);
    let readings = samples(&decode(&computed(
        0x91,
        &answer(0x0600_0002, &[fourth.clone(), fourth].concat()),
    )));
    assert_eq!(readings.len(), 8);
    assert_eq!(
        readings[0],
        "active_energy_import 10101.01 kW.h @2025-11-01T00:00:00"
    );
    let alone = framed(&[&MOMENT[..], &[0; 8], &[0xaa]].concat());
    let readings = samples(&decode(&computed(0x91, &answer(0x0603_0001, &alone))));
    assert_eq!(readings[0], "power_factor 0.000 1 @2025-11-01T00:00:00");
}

#[test]
fn wrong_load_records_are_left_and_the_next_is_read() {
    let good = record(&[&[], &[], &[0; 8], &[], &[], &[]]);
    let mut broken = good.clone();
    broken[10] ^= 1;
    let mut marked = good.clone();
    marked[..2].copy_from_slice(&[0xe0, 0xe0]);
    let sum = marked.len() - 2;
    marked[sum] = crate::codecs::frames::checksum(&marked[..sum]);
    let timeless = framed(&[0; 5]);
    let strange = framed(&[&MOMENT[..], &[1, 2, 3]].concat());
    let data = [broken, marked, timeless, strange, good, vec![0xa0, 0xa0]].concat();
    let decoded = decode(&computed(0x91, &answer(0x0600_0001, &data)));
    assert_eq!(samples(&decoded).len(), 4, "{:#?}", samples(&decoded));
    let sentences = faults(&decoded).join("\n");
    for part in [
        "bad_checksum: load record at byte 14",
        "the meter says that it is wrong",
        "no time",
        "its data is none of its classes",
        "no load record",
    ] {
        assert!(sentences.contains(part), "{part}: {sentences}");
    }
    assert_eq!(decoded.faults.len(), 5, "{sentences}");
}
