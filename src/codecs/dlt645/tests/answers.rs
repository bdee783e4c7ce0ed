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
    payload.extend([crate::codecs::frames::checksum(&body), 0x16]);
    let decoded = decode(&payload);
    assert_eq!(samples(&decoded), ["active_energy_import 6.78 kW.h"]);
    assert_eq!(decoded.devices, ["dlt645:151230011061"]);
    assert_eq!(faults(&decoded), [""; 0]);
}

/// Bit 5 of a complete answer says that there is something to report, and 04001501 says what.
#[test]
fn a_report_that_waits_cuts_no_answer() {
    let alone = decode(&bytes("6861010000000068b1083333343359333333aa16"));
    assert_eq!(samples(&alone), ["active_energy_import 0.26 kW.h"]);
    assert_eq!(faults(&alone), [""; 0]);
    let mut set = [0; 12];
    set[1] = 0x04;
    set[2] = 0x01;
    set[10] = 0x10;
    let report = |behind: &[u8]| answer(0x0400_1501, &[&set[..], behind].concat());
    let block = computed(0xb1, &answer(0x0001_ff00, &[1, 0, 0, 0, 2, 0, 0, 0]));
    for (control, behind) in [
        (0x91, &[2, 1, 0x12, 0xaa][..]),
        (0x92, &[2, 1, 0x12, 0xaa, 1]),
        (0xb1, &[2, 1, 0x12]),
        (0x91, &[]),
    ] {
        let decoded = decode(&[block.clone(), computed(control, &report(behind))].concat());
        assert_eq!(faults(&decoded), [""; 0], "{control:02x}");
        assert_eq!(values(&decoded), ["0.01", "0.02"]);
        assert_eq!(
            notes(&decoded),
            ["meter_alarm cover_open=true, voltage_loss_a=true, clock_set=true, word=04001501"]
        );
    }
    let calm = decode(&computed(0x91, &answer(0x0400_1501, &[0; 12])));
    assert_eq!(faults(&calm), [""; 0]);
    assert_eq!(
        notes(&calm),
        ["meter_answer function=read, di=04001501, data=000000000000000000000000"]
    );
    let short = decode(&computed(0x91, &answer(0x0400_1501, &[0; 11])));
    assert_eq!(faults(&short).len(), 1);
    let strange = decode(&computed(0x91, &report(&[2, 1, 0x12, 7, 7])));
    assert_eq!(faults(&strange).len(), 1);
    assert_eq!(strange.notes.len(), 1);
}

#[test]
fn some_meters_end_a_block_with_aa() {
    // Clou (terminal firmware strips one AA)
    let decoded = decode(&bytes(
        "68610100000000689119333234333433333334333333343333333433333334333333dd8616",
    ));
    assert_eq!(samples(&decoded).len(), 5);
    assert_eq!(faults(&decoded), [""; 0]);
    assert!(
        pieces(&decoded)
            .iter()
            .any(|piece| piece.contains("end of the block"))
    );
    let [first, second, _] = parts();
    let last = computed(0x92, &answer(0x0001_ff00, &[0x44, 0, 0, 0, 0xaa, 2]));
    let decoded = decode(&[first, second, last].concat());
    assert_eq!(values(&decoded), ["0.11", "0.22", "0.33", "0.44"]);
    assert_eq!(faults(&decoded), [""; 0]);
    // One value is no block, and two AA are no end.
    let one = decode(&computed(0x91, &answer(0x0001_0000, &[1, 0, 0, 0, 0xaa])));
    assert_eq!(faults(&one).len(), 1);
    let two = decode(&computed(
        0x91,
        &answer(0x0201_ff00, &[1, 0x22, 0xaa, 0xaa]),
    ));
    assert_eq!(values(&two), ["220.1"]);
    assert_eq!(faults(&two).len(), 1);
}

/// A concentrator of all kinds of meters: an answer goes on behind a frame of another protocol.
#[test]
fn frames_of_other_protocols_tear_no_answer() {
    let water = bytes("6810443322110033788116901f00007766552c007766552c3101221105152021841316");
    let [first, second, third] = parts();
    let payload = [first, water.clone(), second, water, third].concat();
    let decoded = decode_as(&payload, &[FRAMING, crate::codecs::cjt188::FRAMING]);
    assert_eq!(faults(&decoded), [""; 0]);
    assert_eq!(values(&decoded)[..4], ["0.11", "0.22", "0.33", "0.44"]);
    assert_eq!(
        decoded.devices,
        ["dlt645:000000000161", "cjt188:10:78330011223344"]
    );
}
