use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;

const LIMITS: Limits = Limits {
    entries_max: 8,
    peer_entries_max: 4,
    bytes_max: 64,
    peer_bytes_max: 24,
};

#[test]
fn an_entry_is_as_small_as_said() {
    assert_eq!(size_of::<Slot>(), 40);
}

/// §4.5: within the lifetime a copy is known, with its answer; after it, it is not.
#[test]
fn a_request_is_known_for_its_lifetime() {
    let mut seen = Seen::new(LIMITS);
    let slot = seen.insert(1, 7, 100);
    assert_eq!(seen.find(1), Some(slot));
    assert_eq!(seen.known(slot), Some((Known::InFlight, false)));
    seen.mark_uplink(slot, 1);
    seen.answer(slot, 1, Code::BAD_REQUEST, b"why");
    let answered = Known::Answered {
        code: Code::BAD_REQUEST,
        tail: b"why",
    };
    assert_eq!(seen.known(slot), Some((answered, true)));
    seen.expire(100 + LIFETIME_SECS);
    assert_eq!(seen.find(1), Some(slot));
    seen.expire(101 + LIFETIME_SECS);
    assert_eq!((seen.find(1), seen.len(), seen.kept_bytes()), (None, 0, 0));
    assert_eq!(seen.evicted(), 0);
}

#[test]
fn one_peer_displaces_its_own_and_nobody_elses() {
    let mut seen = Seen::new(LIMITS);
    seen.insert(100, 1, 0);
    for key in 0..10 {
        seen.insert(key, 2, 0);
    }
    assert!(seen.find(100).is_some());
    let known: Vec<u64> = (0..10).filter(|key| seen.find(*key).is_some()).collect();
    assert_eq!(known, [6, 7, 8, 9]);
    assert_eq!((seen.len(), seen.evicted()), (5, 6));
}

#[test]
fn kept_bytes_are_bounded_per_peer() {
    let mut seen = Seen::new(LIMITS);
    for key in 0..3 {
        let slot = seen.insert(key, 1, 0);
        seen.answer(slot, key, Code::BAD_REQUEST, &[b'x'; 10]);
    }
    assert_eq!((seen.find(0), seen.kept_bytes()), (None, 20));
    let slot = seen.insert(9, 1, 0);
    seen.answer(slot, 9, Code::BAD_REQUEST, &[b'x'; 25]);
    let bare = Known::Answered {
        code: Code::BAD_REQUEST,
        tail: &[],
    };
    assert_eq!(seen.known(slot), Some((bare, false)), "too long to be kept");
}

#[test]
fn an_evicted_request_does_not_answer_for_its_successor() {
    let mut seen = Seen::new(LIMITS);
    let first = seen.insert(1, 1, 0);
    for key in 2..=5 {
        seen.insert(key, 1, 0);
    }
    assert_eq!(seen.find(1), None);
    seen.answer(first, 1, Code::CHANGED, b"tail");
    for key in 2..=5 {
        let slot = seen.find(key).expect("known");
        assert_eq!(seen.known(slot), Some((Known::InFlight, false)), "{key}");
    }
    assert_eq!(seen.kept_bytes(), 0);
}

/// §4.4: message ids of ours do not come again soon, also when the peer was forgotten in between.
#[test]
fn message_ids_of_a_peer_go_on() {
    let mut seen = Seen::new(LIMITS);
    let slot = seen.insert(1, 7, 0);
    let first = seen.next_id(slot, 1, 0);
    assert_eq!(seen.next_id(slot, 1, 0), first.wrapping_add(1));
    seen.expire(1_000);
    let slot = seen.insert(2, 7, 1_000);
    assert!(seen.next_id(slot, 2, 0) != first);
    assert_eq!(seen.next_id(slot, 99, 77), 77);
}

proptest! {
    /// Against a plain list, oldest first.
    #[test]
    fn behaves_as_a_list(steps in prop::collection::vec((0u8..6, 0u64..12, 0u64..3), 0..300)) {
        let mut seen = Seen::new(LIMITS);
        // (key, peer, at, bytes kept, forgotten)
        let mut model: VecDeque<(u64, u64, u32, usize, bool)> = VecDeque::new();
        let mut now = 0;
        for (step, key, peer) in steps {
            now += u32::from(step == 5) * 50;
            let known = model.iter().position(|entry| entry.0 == key && !entry.4);
            prop_assert_eq!(seen.find(key).is_some(), known.is_some());
            match (step, known) {
                (0..=2, None) => {
                    if model.len() == LIMITS.entries_max {
                        model.pop_front();
                    }
                    let own = model.iter().filter(|entry| entry.1 == peer).count();
                    if own == LIMITS.peer_entries_max {
                        let oldest = model.iter().position(|entry| entry.1 == peer);
                        model.remove(oldest.expect("it has some"));
                    }
                    seen.insert(key, peer, now);
                    model.push_back((key, peer, now, 0, false));
                }
                (3, Some(_)) => {
                    let slot = seen.find(key).expect("known");
                    seen.forget(slot, key);
                    model.iter_mut().filter(|e| e.0 == key).for_each(|e| e.4 = true);
                }
                (5, _) => {
                    seen.expire(now);
                    model.retain(|entry| entry.2 + LIFETIME_SECS >= now);
                }
                _ => {}
            }
            prop_assert_eq!(seen.len(), model.len());
        }
    }
}
