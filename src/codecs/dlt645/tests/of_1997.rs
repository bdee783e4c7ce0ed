//! Frames of 1997 (computed).
use super::*;

#[test]
fn frames_of_1997_are_read() {
    for (di, value, reading) in [
        (
            0x9010_u16,
            &[0x56, 0x34, 0x12, 0][..],
            "active_energy_import 1234.56 kW.h",
        ),
        (0xb611, &[0x20, 0x02], "voltage{phase=a} 220 V"),
        (0xb621, &[0x23, 0x01], "current{phase=a} 1.23 A"),
        (0xb630, &[0x34, 0x12, 0x01], "active_power 1.1234 kW"),
        (
            0xa010,
            &[0x34, 0x12, 0x01],
            "active_power_demand_max 1.1234 kW",
        ),
        (0xc032, &[0x61, 1, 0, 0, 0, 0], "meter_number 000000000161"),
    ] {
        let mut data = di.to_le_bytes().to_vec();
        data.extend(value);
        let decoded = decode(&computed(0x81, &data));
        assert_eq!(samples(&decoded), [reading]);
        assert_eq!(faults(&decoded), [""; 0]);
    }
    let unknown = decode(&computed(0x81, &[0x10, 0xb2, 1, 2]));
    assert_eq!(
        faults(&unknown),
        [
            "dlt645:000000000161.B210 unknown_identifier: no such data identifier is read: 2 bytes, 0102"
        ]
    );
    // No numbers: the next frame goes on.
    let mut both = computed(0xa1, &[0x1f, 0x90, 1, 0, 0, 0]);
    both.extend(computed(0x82, &[0x1f, 0x90, 2, 0, 0, 0]));
    assert_eq!(
        samples(&decode(&both)),
        [
            "active_energy_import 0.01 kW.h",
            "active_energy_import{tariff=1} 0.02 kW.h"
        ]
    );
}

#[test]
fn limits_behind_the_powers_of_1997_are_no_readings() {
    let mut data = vec![0x3f, 0xb6];
    data.extend([1; 16]);
    let decoded = decode(&computed(0x81, &data));
    assert_eq!(samples(&decoded).len(), 4);
    assert_eq!(faults(&decoded), [""; 0]);
    assert!(
        pieces(&decoded)
            .iter()
            .any(|piece| piece.contains("limit of active power"))
    );
}
