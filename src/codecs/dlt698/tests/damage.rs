//! Damage, truncation, and data that nobody made.
use super::*;
use proptest::prelude::*;

const GOOD: &str = "682400c305010020032501000e29850100200002000101031208c11200001200000000f2ec16";

#[test]
fn every_flipped_bit_is_seen() {
    let good = bytes(GOOD);
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let seen = see(&bad);
        assert!(seen.result.is_err(), "bit {bit}: {:?}", seen.readings);
        assert!(seen.readings.is_empty());
        // Beside a good one it costs itself alone.
        let seen = see(&[good.clone(), bad, good.clone()].concat());
        assert_eq!(seen.readings.len(), 6, "bit {bit}");
    }
}

#[test]
fn checks_say_what_they_should_be() {
    let mut bad = bytes(GOOD);
    bad[20] ^= 1;
    let fault = see(&bad).result.unwrap_err();
    assert_eq!(fault.reason, Reason::BadChecksum);
    assert!(
        fault
            .sentence
            .starts_with("frame check (FCS) at byte 35 is ecf2; the bytes"),
        "{fault}"
    );
    let mut bad = bytes(GOOD);
    bad[6] ^= 1;
    let fault = see(&bad).result.unwrap_err();
    assert!(
        fault
            .sentence
            .starts_with("head check (HCS) at byte 12 is 290e; the bytes"),
        "{fault}"
    );
}

#[test]
fn cut_frames_are_truncated() {
    let good = bytes(GOOD);
    for len in 1..good.len() {
        let fault = see(&good[..len]).result.unwrap_err();
        assert_eq!(fault.reason, Reason::Truncated, "{len}: {fault}");
    }
}

/// A value of any type, nested.
fn data() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        Just(vec![0x00]),
        any::<u32>().prop_map(|number| [&[0x06][..], &number.to_be_bytes()].concat()),
        any::<i16>().prop_map(|number| [&[0x10][..], &number.to_be_bytes()].concat()),
        any::<[u8; 7]>().prop_map(|time| [&[0x1c][..], &time].concat()),
        prop::collection::vec(any::<u8>(), 0..5).prop_map(|bytes| [
            &[0x09, u8::try_from(bytes.len()).unwrap()][..],
            &bytes
        ]
        .concat()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    leaf.prop_recursive(10, 60, 5, |inner| {
        (
            prop_oneof![Just(1_u8), Just(2)],
            prop::collection::vec(inner, 0..5),
        )
            .prop_map(|(kind, items)| {
                let mut list = vec![kind, u8::try_from(items.len()).unwrap()];
                list.extend(items.concat());
                list
            })
    })
}

fn oad() -> impl Strategy<Value = u32> {
    prop_oneof![
        Just(0x0010_0200_u32),
        Just(0x1010_0200),
        Just(0x2000_0200),
        Just(0x2014_0200),
        Just(0x4000_0200),
        Just(0x2021_0200),
        Just(0x202a_0200),
        any::<u32>(),
    ]
}

proptest! {
    #[test]
    fn any_tree_is_read_or_refused(
        results in prop::collection::vec((oad(), data()), 1..4),
        rest in prop::collection::vec(any::<u8>(), 0..3),
    ) {
        let mut list = vec![0x85, 0x02, 1, u8::try_from(results.len()).unwrap()];
        let mut record = vec![0x85, 0x03, 1, 0x50, 0x04, 2, 0, u8::try_from(results.len()).unwrap()];
        for (oad, data) in &results {
            list.extend(oad.to_be_bytes());
            list.push(1);
            list.extend(data);
            record.push(0);
            record.extend(oad.to_be_bytes());
        }
        record.extend([1, 1]);
        record.extend(results.iter().flat_map(|(_, data)| data.clone()));
        for mut apdu in [list, record] {
            apdu.extend(&rest);
            let _ = see(&sealed(0xc3, ADDRESS, &apdu));
        }
    }

    #[test]
    fn any_apdu_is_read_or_refused(apdu in prop::collection::vec(any::<u8>(), 1..80), tag in 0..20_u8) {
        let tag = [0x85, 0x88, 0x90, 0x05, 0x86][usize::from(tag % 5)];
        let apdu = [&[tag][..], &apdu].concat();
        for control in [0xc3, 0xe3, 0xcb] {
            let _ = see(&sealed(control, ADDRESS, &apdu));
        }
    }
}
