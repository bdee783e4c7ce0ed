//! Cut, flipped and random bytes; and every byte of a trace.
use super::*;
use proptest::prelude::*;

fn intact() -> Vec<Vec<u8>> {
    let mut frames: Vec<Vec<u8>> = fixtures::FRAMES.iter().map(|row| bytes(row.0)).collect();
    frames.push(computed(0xd1, &[0x02]));
    frames.push(computed(0x93, &[0x61, 1, 0, 0, 0, 0]));
    frames.push(computed(0x81, &[0x10, 0x90, 1, 0, 0, 0]));
    frames.push(computed(0x91, &answer(0x0400_05ff, &[0x11; 14])));
    frames.push(computed(0x91, &answer(0x0500_ff01, &[0x11; 77])));
    frames
}

#[test]
fn a_damaged_frame_says_where() {
    let good = bytes("6861010000000068910833333433593333338a16");
    let fault = |bytes: &[u8]| match frame::frame(bytes) {
        Err(Unframed::Damaged(fault) | Unframed::Broken { fault, .. }) => fault.to_string(),
        other => panic!("{other:?}"),
    };
    let mut sum = good.clone();
    sum[18] = 0x8b;
    assert_eq!(
        fault(&sum),
        "bad_checksum: check sum at byte 18 is 8b; the bytes before it give 8a"
    );
    let mut end = good.clone();
    end[19] = 0x17;
    assert_eq!(
        fault(&end),
        "malformed: byte 19 is 17; with the 8 bytes of data that byte 9 names, the frame ends there, with 16"
    );
    assert_eq!(
        fault(&good[..15]),
        "truncated: it ends after 15 bytes of 20"
    );
    assert_eq!(fault(&good[..4]), "truncated: it ends after 4 bytes of 12");
    let address = computed_of([0x1b, 0, 0, 0, 0, 0], 0x91, &[]);
    assert_eq!(
        fault(&address),
        "invalid_bcd: byte 1 of the address is 1b: no two decimal digits, and no AA"
    );
    for other in [
        &good[1..],
        &[0x68, 0x10, 0x0f][..],
        &[0x68, 0, 0, 0, 0, 0, 0, 0x33],
    ] {
        assert_eq!(frame::frame(other), Err(Unframed::Other));
    }
}

#[test]
fn no_cut_frame_is_read() {
    for frame in intact() {
        assert_eq!(frame::frame(&frame), Ok(frame.len()));
        for len in 0..frame.len() {
            assert!(frame::frame(&frame[..len]).is_err());
            assert!(decode(&frame[..len]).samples.is_empty());
        }
    }
}

/// One bit always shows in the sum, or in the start, the length or the end.
#[test]
fn no_flipped_frame_is_read() {
    for frame in intact() {
        for bit in 0..frame.len() * 8 {
            let mut flipped = frame.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let decoded = decode(&flipped);
            assert!(
                decoded.samples.is_empty() && decoded.notes.is_empty(),
                "bit {bit}"
            );
        }
    }
}

/// Pieces lie one behind the other and leave no byte out.
fn assert_covered(payload: &[u8], decoded: &Decoded<'_>) {
    let mut at = 0;
    for piece in &decoded.trace.as_ref().unwrap().pieces {
        let Spot::Bytes(place) = &piece.spot else {
            panic!("{piece:?}");
        };
        assert_eq!(place.start, at, "{:#?}", pieces(decoded));
        at = place.end;
    }
    assert_eq!(at, payload.len());
}

#[test]
fn a_trace_has_every_field() {
    let payload = bytes("686101000000006891063334343534431016");
    assert_eq!(
        pieces(&decode(&payload)),
        [
            "0..1 68 | start | ",
            "1..7 610100000000 | address 000000000161 | ",
            "7..8 68 | start | ",
            "8..9 91 | control: reply, read | ",
            "9..10 06 | length 6 | ",
            "10..14 33343435 less 33: 00010102 | DI 02010100 | ",
            "14..16 3443 less 33: 0110 | voltage | phase a",
            "16..17 10 | check sum 10 | ",
            "17..18 16 | end | ",
        ]
    );
    for frame in intact() {
        assert_covered(&frame, &decode(&frame));
    }
}

/// Whatever a meter answers to whatever read: a reading or a fault, and every byte is shown.
#[test]
fn no_answer_vanishes() {
    let patterns: [&[u8]; 5] = [&[], &[0xff; 9], &[0x12; 29], &[0xaa; 8], &[0; 77]];
    for group in 0..=7 {
        for kind in 0..=0xff {
            for of in [0, 1, 0xff] {
                for last in [0, 1, 0xff] {
                    let di = u32::from_be_bytes([group, kind, of, last]);
                    if di >> 8 == 0x0004_000c {
                        continue;
                    }
                    let value = patterns[usize::from(kind) % patterns.len()];
                    for value in [value, patterns[usize::from(group) % patterns.len()]] {
                        let payload = computed(0x91, &answer(di, value));
                        let decoded = decode(&payload);
                        assert_covered(&payload, &decoded);
                        let found = decoded.samples.len() + decoded.faults.len();
                        assert!(found > 0, "{di:08x}: {value:02x?}");
                    }
                }
            }
        }
    }
}

/// Identifiers near those that are known.
fn identifier() -> impl Strategy<Value = u32> {
    let byte = |known: &'static [u8]| prop_oneof![prop::sample::select(known), any::<u8>()];
    let group = byte(&[0, 1, 2, 4, 5, 6]);
    let kind = byte(&[0, 1, 2, 4, 6, 0x0a, 0x15, 0x80, 0xff]);
    let of = byte(&[0, 1, 2, 3, 5, 0x10, 0xff]);
    let last = byte(&[0, 1, 2, 0xff]);
    (group, kind, of, last).prop_map(|(a, b, c, d)| u32::from_be_bytes([a, b, c, d]))
}

/// Digits mostly, and what stands for something else.
fn data() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        8 => (0_u8..10, 0_u8..10).prop_map(|(high, low)| high << 4 | low),
        2 => prop::sample::select(&[0xff_u8, 0xaa, 0xa0, 0xe5, 0x80][..]),
        1 => any::<u8>(),
    ];
    prop::collection::vec(byte, 0..120)
}

proptest! {
    #[test]
    fn random_answers_are_read_or_faulted(
        parts in prop::collection::vec((identifier(), data(), prop::sample::select(&[
            0x91_u8, 0xb1, 0x92, 0xb2, 0xd1, 0x81, 0xa1, 0x82, 0x93, 0x94, 0x98, 0x11, 0x14, 0x1c,
        ][..])), 1..5),
    ) {
        let mut payload = Vec::new();
        for (di, value, control) in &parts {
            payload.extend(computed(*control, &answer(*di, value)));
        }
        let decoded = decode(&payload);
        assert_covered(&payload, &decoded);
        // No value without its bytes: a flag comes of one bit.
        prop_assert!(decoded.samples.len() <= payload.len() * 8);
        for sample in &decoded.samples {
            prop_assert!(decoded.group(sample.group).is_some());
        }
        for piece in &decoded.trace.as_ref().unwrap().pieces {
            prop_assert!(piece.sample.is_none_or(|sample| sample < decoded.samples.len()));
        }
    }

    #[test]
    fn random_bytes_do_no_harm(payload in prop::collection::vec(any::<u8>(), 0..300)) {
        decode(&payload);
    }

    #[test]
    fn every_value_is_read_back(
        whole in 0_u32..80_000_000,
        negative in any::<bool>(),
    ) {
        let digits = format!("{whole:08}");
        let mut value: Vec<u8> = bytes(&digits);
        value.reverse();
        if negative {
            value[3] |= 0x80;
        }
        let decoded = decode(&computed(0x91, &answer(0x0000_0000, &value)));
        let Sent::Number(number, text) = &decoded.samples[0].value else {
            panic!("{:?}", decoded.samples);
        };
        let sign = if negative && whole > 0 { -1.0 } else { 1.0 };
        let expected = sign * f64::from(whole) / 100.0;
        prop_assert_eq!(number.to_bits(), expected.to_bits());
        prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), number.to_bits());
    }
}
