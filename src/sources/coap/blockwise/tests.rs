#![allow(clippy::indexing_slicing, reason = "tests")]
use super::*;
use proptest::prelude::*;

const LIMITS: Limits = Limits {
    transfers_max: 4,
    peer_transfers_max: 2,
    bytes_max: 256,
    payload_max: 128,
};

fn block(num: u32, more: bool, szx: u8) -> Block {
    Block { num, more, szx }
}

fn step(transfers: &mut Transfers, key: u64, num: u32, more: bool, payload: &[u8]) -> Step {
    let asked = Asked::default();
    transfers.block1(0, (key, key), &asked, block(num, more, 0), payload)
}

fn code(step: Step) -> Code {
    match step {
        Step::Failed(code, _) => code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn blocks_make_the_payload() {
    let mut transfers = Transfers::new(LIMITS);
    let body: Vec<u8> = (0..40).collect();
    for num in 0..2 {
        let piece = &body[num * 16..][..16];
        let num = u32::try_from(num).expect("small");
        assert_eq!(
            step(&mut transfers, 1, num, true, piece),
            Step::Continue(block(num, true, 0))
        );
    }
    assert_eq!(transfers.bytes, 32);
    let last = step(&mut transfers, 1, 2, false, &body[32..]);
    assert_eq!(last, Step::Complete(body));
    assert_eq!((transfers.len(), transfers.bytes), (0, 0));
}

/// RFC 7959 §2.9.2: a gap, an unknown transfer, and another block in the place of a known one are 4.08.
#[test]
fn a_gap_is_incomplete() {
    let mut transfers = Transfers::new(LIMITS);
    assert_eq!(
        code(step(&mut transfers, 1, 1, true, &[1; 16])),
        Code::INCOMPLETE
    );
    step(&mut transfers, 1, 0, true, &[1; 16]);
    assert_eq!(
        code(step(&mut transfers, 1, 2, true, &[1; 16])),
        Code::INCOMPLETE
    );
    // The same block in a new message is taken again; another one is not.
    step(&mut transfers, 1, 1, true, &[2; 16]);
    assert_eq!(
        step(&mut transfers, 1, 1, true, &[2; 16]),
        Step::Continue(block(1, true, 0))
    );
    assert_eq!(
        code(step(&mut transfers, 1, 1, true, &[3; 16])),
        Code::INCOMPLETE
    );
    let asked = Asked {
        content_format: Some(60),
        ..Asked::default()
    };
    let other = transfers.block1(0, (1, 1), &asked, block(2, true, 0), &[3; 16]);
    assert_eq!(code(other), Code::INCOMPLETE, "another Content-Format");
}

/// §2.5: block 0 starts a new body, whatever there was.
#[test]
fn a_first_block_begins_anew() {
    let mut transfers = Transfers::new(LIMITS);
    step(&mut transfers, 1, 0, true, &[1; 16]);
    step(&mut transfers, 1, 1, true, &[1; 16]);
    step(&mut transfers, 1, 0, true, &[9; 16]);
    assert_eq!(
        step(&mut transfers, 1, 1, false, &[9; 3]),
        Step::Complete(vec![9; 19])
    );
    assert_eq!(
        step(&mut transfers, 1, 0, false, &[7; 5]),
        Step::Complete(vec![7; 5])
    );
}

/// §2.3: the client may take smaller blocks on its way; offsets are in bytes then.
#[test]
fn a_client_may_go_on_with_smaller_blocks() {
    let mut transfers = Transfers::new(LIMITS);
    let asked = Asked::default();
    let body: Vec<u8> = (0..48).collect();
    let mut step = |num, more, szx, piece: &[u8]| {
        transfers.block1(0, (1, 1), &asked, block(num, more, szx), piece)
    };
    assert!(matches!(step(0, true, 1, &body[..32]), Step::Continue(_)));
    assert_eq!(step(2, false, 0, &body[32..]), Step::Complete(body.clone()));
}

/// §2.2 and §2.9: SZX 7, and a block that is not as long as it says.
#[test]
fn what_is_no_block_is_a_bad_request() {
    let mut transfers = Transfers::new(LIMITS);
    let asked = Asked::default();
    let mut step = |more, szx, len: usize| {
        let payload = vec![0; len];
        code(transfers.block1(0, (1, 1), &asked, block(0, more, szx), &payload))
    };
    assert_eq!(step(true, 7, 16), Code::BAD_REQUEST);
    assert_eq!(step(true, 0, 15), Code::BAD_REQUEST);
    assert_eq!(step(true, 0, 17), Code::BAD_REQUEST);
    assert_eq!(step(false, 0, 17), Code::BAD_REQUEST);
}

/// §2.9.3 and §4: too much is refused when it is announced, else when it comes.
#[test]
fn too_much_is_refused_as_soon_as_it_is_known() {
    let mut transfers = Transfers::new(LIMITS);
    let asked = Asked {
        size1: Some(129),
        ..Asked::default()
    };
    let first = transfers.block1(0, (1, 1), &asked, block(0, true, 0), &[0; 16]);
    assert_eq!((code(first), transfers.len()), (Code::TOO_LARGE, 0));
    for num in 0..8 {
        let taken = step(&mut transfers, 1, num, true, &[0; 16]);
        assert!(matches!(taken, Step::Continue(_)), "{num}");
    }
    assert_eq!(
        code(step(&mut transfers, 1, 8, false, &[0; 1])),
        Code::TOO_LARGE
    );
    assert_eq!((transfers.len(), transfers.bytes), (0, 0));
    // The highest offset there is overflows nothing.
    let far = transfers.block1(
        0,
        (1, 1),
        &Asked::default(),
        block(0xf_ffff, true, 6),
        &[0; 1024],
    );
    assert_eq!(code(far), Code::TOO_LARGE);
}

#[test]
fn transfers_are_bounded_and_the_longest_waiting_goes() {
    let mut transfers = Transfers::new(LIMITS);
    let asked = Asked::default();
    for key in 0..3u32 {
        let of = (key.into(), 7);
        transfers.block1(key, of, &asked, block(0, true, 0), &[0; 16]);
    }
    assert_eq!((transfers.len(), transfers.evicted()), (2, 1), "one peer's");
    for key in 10..15u32 {
        let of = (key.into(), key.into());
        transfers.block1(key, of, &asked, block(0, true, 0), &[0; 16]);
    }
    assert_eq!(transfers.len(), 4);
    assert_eq!(
        code(step(&mut transfers, 10, 1, true, &[0; 16])),
        Code::INCOMPLETE
    );
    assert!(matches!(
        step(&mut transfers, 14, 1, true, &[0; 16]),
        Step::Continue(_)
    ));
    for key in 11..15 {
        for num in 1..8 {
            step(&mut transfers, key, num, true, &[0; 16]);
        }
    }
    assert!(transfers.bytes <= LIMITS.bytes_max, "{}", transfers.bytes);
    transfers.expire(WAIT_SECS);
    let left = transfers.len();
    assert!(left > 0);
    transfers.expire(15 + WAIT_SECS);
    assert_eq!((transfers.len(), transfers.bytes), (0, 0));
}

#[test]
fn a_response_is_cut_as_it_is_asked_for() {
    let body: Vec<u8> = (0..40).collect();
    assert_eq!(block2(None, &body), Ok((&body[..], None)));
    let asked = |num, szx| block2(Some(block(num, false, szx)), &body);
    assert_eq!(asked(0, 0), Ok((&body[..16], Some(block(0, true, 0)))));
    assert_eq!(asked(2, 0), Ok((&body[32..], Some(block(2, false, 0)))));
    assert_eq!(asked(0, 6), Ok((&body[..], Some(block(0, false, 6)))));
    assert!(asked(3, 0).is_err(), "beyond the end");
    assert!(asked(0xf_ffff, 6).is_err());
    assert!(asked(0, 7).is_err());
    let long = vec![1; 1025];
    assert_eq!(
        block2(None, &long),
        Ok((&long[..1024], Some(block(0, true, 6))))
    );
    assert_eq!(block2(None, &[]), Ok((&[][..], None)));
}

proptest! {
    /// Any body in blocks of any size comes back whole, with each block sent once or twice.
    #[test]
    fn any_body_comes_back(
        body in prop::collection::vec(any::<u8>(), 0..2_000),
        szx in 0u8..=SZX_MAX,
        twice: u64,
    ) {
        let mut transfers = Transfers::new(Limits { payload_max: 4_096, bytes_max: 1 << 20, ..LIMITS });
        let size = 16usize << szx;
        let pieces: Vec<&[u8]> = if body.is_empty() { vec![&[]] } else { body.chunks(size).collect() };
        for (num, piece) in pieces.iter().enumerate() {
            let more = num + 1 < pieces.len();
            let number = u32::try_from(num).expect("few");
            let again = more && twice >> (num % 64) & 1 == 1;
            for _ in 0..=usize::from(again) {
                let asked = Asked::default();
                let step = transfers.block1(0, (1, 1), &asked, block(number, more, szx), piece);
                if more {
                    prop_assert_eq!(step, Step::Continue(block(number, true, szx)));
                } else {
                    prop_assert_eq!(step, Step::Complete(body.clone()));
                }
            }
        }
        prop_assert_eq!(transfers.bytes, 0);
    }

    #[test]
    fn any_blocks_stay_within_the_bounds(
        steps in prop::collection::vec((0u64..6, 0u64..3, 0u32..10, any::<bool>(), 0u8..8, 0usize..70), 0..200)
    ) {
        let mut transfers = Transfers::new(LIMITS);
        for (now, (key, peer, num, more, szx, len)) in (0u32..).zip(steps) {
            let payload = vec![0; len];
            transfers.block1(now, (key, peer), &Asked::default(), block(num, more, szx), &payload);
            let bytes: usize = transfers.open.values().map(|open| open.payload.len()).sum();
            prop_assert_eq!(transfers.bytes, bytes);
            prop_assert!(bytes <= LIMITS.bytes_max + LIMITS.payload_max);
            prop_assert!(transfers.len() <= LIMITS.transfers_max);
        }
    }
}
