//! Damage and chance: nothing panics, nothing is misread, what is kept is bounded by what came.
use super::{bytes, decode, frame};
use crate::codecs::{Dialect, StatusBits};
use proptest::prelude::*;

const FRAMES: [&str; 4] = [
    "6810443322110033788116901f00007766552c007766552c3101221105152021841316",
    "682051213117001111812e1f90120000000005000000000500000000140000000035190000002c763000683000730200324111120907200400e916",
    "6830112233445566778108d12801132333432ccf16",
    "681001000005080000aa05a0170001ffec16",
];

#[test]
fn a_cut_frame_is_none() {
    for hex in FRAMES {
        let whole = bytes(hex);
        for len in 0..whole.len() {
            assert!(
                decode(&whole[..len], Dialect::default()).is_err(),
                "{hex} cut at {len}"
            );
        }
    }
}

/// A sum finds every single bit, but for those of the end and the length, which are looked at themselves.
#[test]
fn a_flipped_bit_is_found() {
    for hex in FRAMES {
        let whole = bytes(hex);
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let found = decode(&flipped, Dialect::default());
            assert!(found.is_err(), "{hex}, bit {bit}");
        }
    }
}

fn dialects() -> impl Strategy<Value = Dialect> {
    let status = prop::sample::select(vec![
        StatusBits::Standard,
        StatusBits::Mirrored,
        StatusBits::High,
        StatusBits::Flags,
        StatusBits::Ignored,
    ]);
    (
        0..4_u8,
        status,
        any::<[bool; 2]>(),
        prop::option::of(3..5_u8),
        any::<bool>(),
    )
        .prop_map(
            |(litre_decimals, status, [unit_first, year_first], flow_decimals, pressure)| Dialect {
                litre_decimals,
                status,
                unit_first,
                year_first,
                flow_decimals,
                pressure_unit: pressure.then_some("kPa"),
            },
        )
}

/// Known identifiers, so that not every frame is an unknown one.
fn data() -> impl Strategy<Value = Vec<u8>> {
    let di = prop::sample::select(vec![
        "901f", "1f90", "911f", "d120", "2bd1", "d200", "d3ff", "d4d3", "907f", "810a",
    ]);
    let known = (di, prop::collection::vec(any::<u8>(), 0..60))
        .prop_map(|(di, rest)| [bytes(di), rest].concat());
    let fitting = (
        prop::sample::select(vec![
            ("901f", 20),
            ("901f", 41),
            ("901f", 44),
            ("911f", 55),
            ("d301", 24),
        ]),
        any::<[u8; 55]>(),
    )
        .prop_map(|((di, len), rest)| [&bytes(di), &rest[..len]].concat());
    prop_oneof![known, fitting, prop::collection::vec(any::<u8>(), 0..=255)]
}

proptest! {
    #[test]
    fn any_payload_is_read_or_refused(
        kind in prop::sample::select(vec!["10", "13", "20", "21", "22", "25", "30", "40", "49", "99", "AA"]),
        address in any::<[u8; 7]>(),
        control in any::<u8>(),
        reads in any::<bool>(),
        data in data(),
        dialect in dialects(),
    ) {
        let control = if reads { 0x81 } else { control };
        let head = crate::codecs::frames::hex(&[&address[..], &[control]].concat());
        let whole = frame(&format!("68{kind}{head}"), &data);
        let out = decode(&whole, dialect).unwrap();
        prop_assert!(out.samples.len() <= whole.len());
        prop_assert!(out.groups.len() == 1 && out.devices.len() <= 1 && out.notes.len() <= 1);
        prop_assert!(out.faults.len() <= 16);
        for sample in &out.samples {
            super::line(sample);
            prop_assert!(sample.value != crate::codecs::Sent::Null || sample.origin.is_none());
        }
    }

    #[test]
    fn any_bytes_are_measured(mut bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&bytes, Dialect::default());
        bytes.insert(0, 0x10);
        bytes.insert(0, 0x68);
        let _ = decode(&bytes, Dialect::default());
    }
}
