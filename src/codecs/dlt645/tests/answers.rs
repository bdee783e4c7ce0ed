//! Answers in several frames (computed).
use super::*;

/// Import, total and tariffs 1 to 5, in three frames; the second cuts a value.
fn parts() -> [Vec<u8>; 3] {
    [
        computed(0xb1, &answer(0x0001_ff00, &[0x11, 0, 0, 0, 0x22, 0])),
        computed(0xb2, &answer(0x0001_ff00, &[0, 0, 0x33, 0, 0, 0, 1])),
        computed(0x92, &answer(0x0001_ff00, &[0x44, 0, 0, 0, 2])),
    ]
}

fn values(decoded: &Decoded<'_>) -> Vec<String> {
    let word = |line: String| line.split(' ').nth(1).unwrap().to_owned();
    samples(decoded).into_iter().map(word).collect()
}

#[test]
fn frames_that_follow_are_one_answer() {
    let [first, second, third] = parts();
    let whole = [first.clone(), second.clone(), third.clone()].concat();
    let decoded = decode(&whole);
    assert_eq!(values(&decoded), ["0.11", "0.22", "0.33", "0.44"]);
    assert_eq!(faults(&decoded), [""; 0]);
    // Another meter's frame between, and one that came twice.
    let other = computed_of(
        [2, 0, 0, 0, 0, 0],
        0x91,
        &answer(0x0201_0100, &[0x20, 0x22]),
    );
    let mixed = [first, other, second.clone(), second, third].concat();
    let decoded = decode(&mixed);
    assert_eq!(values(&decoded), ["0.11", "0.22", "0.33", "0.44", "222.0"]);
    assert_eq!(faults(&decoded), [""; 0]);
    assert_eq!(
        decoded.devices,
        ["dlt645:000000000161", "dlt645:000000000002"]
    );
}

#[test]
fn a_gap_is_named_and_what_was_before_it_stays() {
    let [first, second, third] = parts();
    let gap = "more frames follow, and number";
    for (payload, kept, missing) in [
        ([first.clone(), third.clone()].concat(), vec!["0.11"], 1),
        (
            [first.clone(), second.clone()].concat(),
            vec!["0.11", "0.22", "0.33"],
            2,
        ),
        (first.clone(), vec!["0.11"], 1),
    ] {
        let decoded = decode(&payload);
        assert_eq!(values(&decoded), kept);
        assert_eq!(
            faults(&decoded),
            [format!(
                "dlt645:000000000161.0001FF00 truncated: {gap} {missing} is not in this uplink; what came before is kept"
            )]
        );
    }
    let orphan = decode(&[second, third].concat());
    assert!(orphan.samples.is_empty());
    assert_eq!(
        faults(&orphan),
        [
            "dlt645:000000000161.0001FF00 truncated: number 1 of an answer whose first frame is not in this uplink: \
         nothing says which values these are"
        ]
    );
}

#[test]
fn a_value_over_two_frames_is_shown_in_both() {
    let [first, second, third] = parts();
    let decoded = decode(&[first, second, third].concat());
    let pieces = pieces(&decoded);
    let of = |text: &str| pieces.iter().filter(|piece| piece.contains(text)).count();
    assert_eq!(of("rest of active_energy_import"), 1, "{pieces:#?}");
    assert_eq!(of("frame number"), 2);
    assert_eq!(of("| end |"), 3);
}

/// Q/GDW 376.1: `68 L L 68`, control, address, function, then what a meter said, sum, 16.
#[test]
fn a_frame_within_an_envelope_is_found() {
    let inner = bytes("6861100130121568910833333433ab3933334916");
    let mut body = vec![0x88, 0x10, 0x33, 0x01, 0x00, 0x02, 0x10, 0x60];
    body.extend(&inner);
    let len = (u16::try_from(body.len()).unwrap() << 2 | 2).to_le_bytes();
    let mut payload = vec![0x68, len[0], len[1], len[0], len[1], 0x68];
    payload.extend(&body);
    payload.extend([frame::checksum(&body), 0x16]);
    let decoded = decode(&payload);
    assert_eq!(samples(&decoded), ["active_energy_import 6.78 kW.h"]);
    assert_eq!(decoded.devices, ["dlt645:151230011061"]);
    assert_eq!(faults(&decoded), [""; 0]);
}
