//! Splitting by three toy protocols with the heads of the real ones, so that each damage is exact.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by failing"
)]
use super::*;
use crate::codecs::{Dialect, Group, Limits, Sample, Sent, Trace};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRng, TestRunner};
use std::cell::Cell;

thread_local! {
    static CALLS: Cell<usize> = const { Cell::new(0) };
    static CHECKED: Cell<usize> = const { Cell::new(0) };
}

fn damaged(reason: Reason, sentence: &str) -> Unframed {
    Unframed::Damaged(Fault::whole(reason, sentence))
}

/// Head, length, sum and end byte of a toy: what the three have in common.
fn ends(bytes: &[u8], len: usize) -> Result<usize, Unframed> {
    CALLS.set(CALLS.get() + 1);
    let Some(frame) = bytes.get(..len) else {
        return Err(damaged(Reason::Truncated, "cut"));
    };
    if frame[len - 1] != 0x16 {
        return Err(damaged(Reason::Malformed, "no end byte"));
    }
    CHECKED.set(CHECKED.get() + len);
    let sum = frame[..len - 2]
        .iter()
        .fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    if sum == frame[len - 2] {
        return Ok(len);
    }
    let fault = Fault::whole(Reason::BadChecksum, "sum");
    Err(Unframed::Broken { fault, len })
}

fn frame_645(bytes: &[u8]) -> Result<usize, Unframed> {
    match bytes {
        [0x68, _, _, _, _, _, _, 0x68, 0x91 | 0x11, len, ..] => ends(bytes, usize::from(*len) + 12),
        [0x68, _, _, _, _, _, _, 0x68] | [0x68, _, _, _, _, _, _, 0x68, 0x91 | 0x11] => {
            Err(damaged(Reason::Truncated, "cut"))
        }
        _ => Err(Unframed::Other),
    }
}

fn frame_188(bytes: &[u8]) -> Result<usize, Unframed> {
    match bytes {
        [0x68, 0x10, _, _, _, _, _, _, _, 0x81, len, ..] => ends(bytes, usize::from(*len) + 13),
        _ => Err(Unframed::Other),
    }
}

/// `68 L L C3 ..`, up to 16 KiB.
fn frame_698(bytes: &[u8]) -> Result<usize, Unframed> {
    match bytes {
        [0x68, low, high, 0xc3, ..] => {
            ends(bytes, usize::from(u16::from_le_bytes([*low, *high])) + 6)
        }
        _ => Err(Unframed::Other),
    }
}

fn read_each(payload: &[u8], frames: &[Range<usize>], _: Told<'_>, out: &mut Decoded<'_>) {
    for (item, at) in frames.iter().enumerate() {
        let group = out.open(Group::default());
        out.samples.push(Sample {
            group,
            item: u32::try_from(item).ok(),
            metric: hex(&payload[at.clone()]).into(),
            value: Sent::Null,
            unit: "".into(),
            labels: Vec::new(),
            origin: None,
            digits: None,
        });
        out.show(|| Traced {
            spot: Spot::Bytes(at.clone()),
            sent: hex(&payload[at.clone()]),
            became: "frame".to_owned(),
            sample: None,
            note: String::new(),
        });
    }
}

const ALL: &[Framing] = &[
    Framing {
        name: "dlt645",
        frame: frame_645,
        read: read_each,
    },
    Framing {
        name: "dlt698",
        frame: frame_698,
        read: read_each,
    },
    Framing {
        name: "cjt188",
        frame: frame_188,
        read: read_each,
    },
];

fn sealed(mut frame: Vec<u8>) -> Vec<u8> {
    let sum = frame.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    frame.extend([sum, 0x16]);
    frame
}

fn meter_645(address: u8, data: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x68, address, 1, 0, 0, 0, 0, 0x68, 0x91];
    frame.push(u8::try_from(data.len()).unwrap());
    frame.extend(data);
    sealed(frame)
}

fn meter_188(address: u8, data: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x68, 0x10, address, 1, 0, 0, 0, 0, 0, 0x81];
    frame.push(u8::try_from(data.len()).unwrap());
    frame.extend(data);
    sealed(frame)
}

fn meter_698(data: &[u8]) -> Vec<u8> {
    let len = u16::try_from(data.len()).unwrap().to_le_bytes();
    let mut frame = vec![0x68, len[0], len[1], 0xc3];
    frame.extend(data);
    sealed(frame)
}

fn told(dialect_of: &dyn Fn(&str) -> Option<Dialect>) -> Told<'_> {
    Told {
        limits: Limits { readings_max: 6000 },
        dialect: Dialect::default(),
        dialect_of,
    }
}

struct Seen {
    frames: Vec<String>,
    faults: Vec<Fault>,
    result: Result<(), Fault>,
    trace: Vec<Traced>,
}

fn see(payload: &[u8]) -> Seen {
    let mut out = Decoded {
        trace: Some(Trace::default()),
        ..Decoded::default()
    };
    let result = decode(payload, ALL, told(&|_| None), &mut out);
    let trace = out.trace.take().unwrap().pieces;
    let mut at = 0;
    for piece in &trace {
        let Spot::Bytes(range) = &piece.spot else {
            panic!("{piece:?}")
        };
        assert_eq!(range.start, at, "{trace:?}");
        at = range.end;
    }
    assert_eq!(at, payload.len(), "{trace:?}");
    Seen {
        frames: out
            .samples
            .iter()
            .map(|sample| sample.metric.to_string())
            .collect(),
        faults: out.faults.list().to_vec(),
        result,
        trace,
    }
}

fn hexes(frames: &[&Vec<u8>]) -> Vec<String> {
    frames.iter().map(|frame| hex(frame)).collect()
}

#[test]
fn frames_of_three_protocols_stand_in_a_row() {
    let (a, b, c) = (
        meter_645(1, &[0x16, 0x68, 0x16]),
        meter_188(2, &[0x68; 20]),
        meter_698(&[0x16; 30]),
    );
    let payload = [
        b"IMEI".as_slice(),
        &[0xfe, 0xfe],
        &a,
        &b,
        &[0xfe],
        &c,
        &a,
        b"\r\n",
    ]
    .concat();
    let seen = see(&payload);
    assert_eq!(seen.result, Ok(()));
    // Those of one protocol are read at once.
    assert_eq!(seen.frames, hexes(&[&a, &a, &b, &c]));
    assert_eq!(seen.faults, []);
    let became: Vec<&str> = seen.trace.iter().map(|piece| &*piece.became).collect();
    assert_eq!(
        became,
        [
            "", "preamble", "frame", "frame", "preamble", "frame", "frame", ""
        ]
    );
}

#[test]
fn a_bad_frame_costs_itself() {
    let (a, b) = (meter_645(1, &[1, 2, 3]), meter_645(2, &[4, 5, 6]));
    let mut bad = meter_645(9, &[0x16, 0x68, 8]);
    bad[12] ^= 0x40;
    let seen = see(&[a.clone(), bad.clone(), b.clone()].concat());
    assert_eq!(seen.frames, hexes(&[&a, &b]));
    assert_eq!(seen.faults.len(), 1, "{:?}", seen.faults);
    assert_eq!(seen.faults[0].part, "frame at byte 15");
    assert_eq!(seen.faults[0].reason, Reason::BadChecksum);
    // Two of them are two, where each has its end; a length that grew says less.
    let seen = see(&[a.clone(), bad.clone(), bad.clone(), b.clone()].concat());
    assert_eq!(seen.frames, hexes(&[&a, &b]));
    assert_eq!(seen.faults.len(), 2, "{:?}", seen.faults);
    bad[9] += 7;
    let seen = see(&[a.clone(), bad, b.clone()].concat());
    assert_eq!(seen.frames, hexes(&[&a, &b]));
    assert_eq!(seen.faults.len(), 1, "{:?}", seen.faults);
}

#[test]
fn a_frame_without_its_start_byte_is_named() {
    let (a, b) = (meter_645(1, &[1, 2, 3]), meter_188(2, &[4; 22]));
    let c = meter_698(&[7; 30]);
    for (frame, wrong) in [(&a, 0), (&a, 7), (&b, 0), (&b, 1), (&c, 0)] {
        let mut bad = frame.clone();
        bad[wrong] ^= 0x10;
        for payload in [
            [a.as_slice(), &bad, &b].concat(),
            [a.as_slice(), &b, &[0xfe, 0xfe], &bad, &[0xfe]].concat(),
            [bad.as_slice(), &a, &[0xfe], &b].concat(),
        ] {
            let at = payload.windows(bad.len()).position(|part| part == bad);
            let seen = see(&payload);
            assert_eq!(seen.frames, hexes(&[&a, &b]), "{wrong}");
            assert_eq!(seen.faults.len(), 1, "{wrong}: {:?}", seen.faults);
            assert_eq!(
                seen.faults[0].part,
                format!("frame at byte {}", at.unwrap())
            );
        }
    }
    // Among a header and a trailer, and without another frame: by its sum alone.
    let mut bad = a.clone();
    bad[0] = 0x60;
    let fault = see(&[b"IMEI".as_slice(), &bad, b"\r\n"].concat())
        .result
        .unwrap_err();
    assert_eq!(fault.byte, Some(4), "{fault}");
    // Numbers and text are no frames, whatever they end with.
    for head in [
        &b"868411056758782,AT+CSQ\x1a"[..],
        &[
            0x86, 0x84, 0x11, 0x05, 0x67, 0x58, 0x78, 0x20, 0x26, 0x11, 0x26, 0x16,
        ],
    ] {
        let seen = see(&[head, &a].concat());
        assert_eq!((seen.frames, seen.faults), (hexes(&[&a]), vec![]));
    }
}

#[test]
fn cut_frames_are_named_wherever_they_are_cut() {
    let (a, b) = (meter_645(1, &[1, 2, 3]), meter_188(2, &[4; 22]));
    for keep in 1..b.len() {
        let cut = [a.as_slice(), &[0xfe], &b[..keep]].concat();
        let seen = see(&cut);
        assert_eq!(seen.frames, hexes(&[&a]), "{keep}");
        assert_eq!(seen.faults.len(), 1, "{keep}");
        assert_eq!(seen.faults[0].reason, Reason::Truncated, "{keep}");
        assert_eq!(seen.faults[0].part, "frame at byte 16");
        let seen = see(&[cut, a.clone()].concat());
        assert_eq!(seen.frames, hexes(&[&a, &a]), "{keep}");
        assert_eq!(seen.faults.len(), 1, "{keep}: {:?}", seen.faults);
    }
}

#[test]
fn headers_with_a_start_byte_hide_nothing() {
    let a = meter_645(1, &[1, 2, 3]);
    for head in [
        &[0x68][..],
        &[0x68, 0x10, 0x68, 0x68],
        &[0x68, 0, 0, 0, 0, 0, 0],
        &[0x01, 0x68, 0x11, 0x91, 0x68, 0x02],
    ] {
        let seen = see(&[head, &a].concat());
        assert_eq!(seen.frames, hexes(&[&a]), "{head:x?}");
        assert_eq!(seen.faults, [], "{head:x?}");
    }
}

#[test]
fn weak_frames_yield_to_what_they_overlap() {
    // The head of a DTU that reads as CJ/T 188 up to the middle of a frame of DL/T 645, with a good sum.
    let mut inner = meter_645(1, &[0x16; 60]);
    let head = [0x68, 0x10, 0, 0, 0, 0, 0, 0, 0, 0x81, 20];
    let sum = [head.as_slice(), &inner[..20]]
        .concat()
        .iter()
        .fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    inner[20] = sum;
    let end = inner.len() - 2;
    inner.truncate(end);
    let inner = sealed(inner);
    let payload = [head.as_slice(), &inner].concat();
    assert_eq!(frame_188(&payload), Ok(33));
    assert_eq!(see(&payload).frames, hexes(&[&inner]));
    // One that carries a shorter one is itself; one among the data of a broken one is not.
    let carrier = meter_188(2, &meter_645(1, &[7]));
    assert_eq!(see(&carrier).frames, hexes(&[&carrier]));
    let good = meter_188(3, &[1, 2]);
    let mut broken = meter_645(1, &good);
    let end = broken.len();
    broken[end - 2] ^= 1;
    let seen = see(&broken);
    assert_eq!(seen.frames, hexes(&[]));
    assert_eq!(seen.result.unwrap_err().reason, Reason::BadChecksum);
}

#[test]
fn envelopes_are_opened() {
    let a = meter_645(1, &[1, 2, 3]);
    let mut body = vec![0x88, 0x37, 0x01, 0x02, 0x00, 0x02, 0x10, 0x60, 0, 0, 1, 0];
    body.extend(&a);
    let len = u16::try_from(body.len() << 2 | 2).unwrap().to_le_bytes();
    let mut payload = vec![0x68, len[0], len[1], len[0], len[1], 0x68];
    payload.extend(sealed(body));
    let seen = see(&payload);
    assert_eq!(seen.frames, hexes(&[&a]));
    assert_eq!(seen.faults, []);
    assert_eq!(seen.trace[0].became, "envelope of 376.1");
    payload[29] ^= 1;
    let fault = see(&payload).result.unwrap_err();
    assert_eq!(fault.to_string(), "bad_checksum: frame at byte 18: sum");
}

#[test]
fn digits_are_read_as_bytes_and_shown_in_their_place() {
    let a = meter_645(1, &[1, 2, 3]);
    let text = format!("FE fe {} \r\n{}\n", hex(&a).to_uppercase(), &hex(&a)[..21]);
    let seen = see(text.as_bytes());
    assert_eq!(seen.frames, hexes(&[&a]));
    assert_eq!(seen.faults[0].part, "frame at byte 17");
    assert_eq!(seen.trace[1].spot, Spot::Bytes(6..39));
    let fault = see(b"feed").result.unwrap_err();
    assert_eq!(
        fault.to_string(),
        "malformed: no frame of dlt645 or dlt698 or cjt188 in 2 bytes"
    );
}

#[test]
fn no_input_costs_more_than_its_length() {
    let long = [0x68, 0xff, 0x3f, 0xc3];
    for unit in [
        &[0x68][..],
        &[0x68, 0x91],
        &[0x68, 0x10, 0x81, 0x68],
        &[0x68, 0x91, 0x68, 0xff, 0x16],
        &long,
        &[0xfe, 0x68],
    ] {
        let mut payload: Vec<u8> = unit.iter().copied().cycle().take(64 << 10).collect();
        if unit == long {
            payload.iter_mut().skip(0x3fff).step_by(4).for_each(|end| {
                *end = 0x16;
            });
            payload[0x3fff + 5..].fill(0x16);
        }
        CALLS.set(0);
        CHECKED.set(0);
        let _ = see(&payload);
        assert!(
            CALLS.get() <= 4 * payload.len(),
            "{unit:x?}: {}",
            CALLS.get()
        );
        assert!(
            CHECKED.get() <= 3 * 300 * payload.len(),
            "{unit:x?}: {}",
            CHECKED.get()
        );
    }
}

#[test]
fn too_many_are_refused() {
    let payload = meter_645(1, &[]).repeat(FRAMES_MAX + 1);
    let fault = see(&payload).result.unwrap_err();
    assert_eq!(fault.reason, Reason::TooManyReadings);
}

#[derive(Clone, Debug)]
enum Part {
    Good(Vec<u8>),
    /// What is left of a frame, and the frame.
    Damaged(Vec<u8>, Vec<u8>),
    Junk(Vec<u8>),
}

fn frame() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), Just(0x16), Just(0x68), Just(0xfe), Just(0x91)];
    let data = prop::collection::vec(byte, 0..60);
    (0..3, any::<u8>(), data).prop_map(|(kind, address, data)| match kind {
        0 => meter_645(address, &data),
        1 => meter_188(address, &data),
        _ => meter_698(&[data.as_slice(), &[1; 9]].concat()),
    })
}

fn part() -> impl Strategy<Value = Part> {
    let harm = (frame(), 0..4, any::<prop::sample::Index>(), any::<u8>());
    let harmed = harm.prop_map(|(mut frame, kind, at, byte)| {
        let whole = frame.clone();
        let at = at.index(frame.len());
        match kind {
            0 => frame[at] ^= 1 << (byte % 8),
            1 => frame.truncate(at),
            2 => frame.insert(at, byte),
            _ => drop(frame.remove(at)),
        }
        Part::Damaged(frame, whole)
    });
    let junk = prop::collection::vec(prop_oneof![any::<u8>(), Just(0x68)], 0..20);
    prop_oneof![
        3 => frame().prop_map(Part::Good),
        2 => harmed,
        1 => junk.prop_map(Part::Junk),
        1 => prop::collection::vec(Just(0xfe), 1..5).prop_map(Part::Junk),
    ]
}

/// The generator is seeded: one sum in 65,536 accidents holds, and a test that fails by accident helps nobody.
#[test]
fn good_frames_are_found_and_none_is_made_up() {
    let rng = TestRng::deterministic_rng(Config::default().rng_algorithm);
    let config = Config {
        failure_persistence: None,
        cases: 2000,
        ..Config::default()
    };
    let mut runner = TestRunner::new_with_rng(config, rng);
    let parts = prop::collection::vec(part(), 1..8);
    let outcome = runner.run(&parts, |parts| {
        let mut payload = Vec::new();
        let (mut good, mut harmed) = (Vec::new(), Vec::new());
        for part in &parts {
            match part {
                Part::Good(frame) => {
                    good.push(hex(frame));
                    payload.extend(frame);
                }
                Part::Damaged(bytes, whole) => {
                    harmed.push(hex(whole));
                    payload.extend(bytes);
                }
                Part::Junk(bytes) => payload.extend(bytes),
            }
        }
        let seen = see(&payload);
        let count = |of: &[String], frame: &String| of.iter().filter(|it| *it == frame).count();
        for frame in &good {
            let enough = count(&seen.frames, frame) >= count(&good, frame);
            prop_assert!(enough, "{} lost", frame);
        }
        // What was inserted or lost may lie at an edge, or its neighbour may make up for it.
        for frame in &seen.frames {
            let known = good.contains(frame) || harmed.contains(frame);
            prop_assert!(known, "{} made up", frame);
        }
        prop_assert!(seen.faults.len() <= parts.len());
        Ok(())
    });
    outcome.unwrap();
}

proptest! {
    #[test]
    fn garbage_is_covered_once(bytes in prop::collection::vec(
        prop_oneof![any::<u8>(), Just(0x68), Just(0x16), Just(0x91), Just(0xfe)], 0..300,
    )) {
        let _ = see(&bytes);
    }
}
