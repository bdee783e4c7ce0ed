//! The endpoint against a server of a few lines, in time that only the test moves.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::*;
use crate::sim::Rng;
use coap_lite::{CoapOption, MessageClass, Packet};
use proptest::prelude::*;
use std::collections::{HashMap, HashSet};

fn endpoint(nstart: usize) -> Endpoint {
    let transmission = Transmission {
        nstart,
        ..Transmission::default()
    };
    Endpoint::new(transmission, Ids::new(Rng::new(7)))
}

fn report(payload: &[u8], dated: bool) -> Report {
    Report {
        path: "t/em-1/json".into(),
        format: 50,
        payload: payload.to_vec(),
        confirmable: true,
        dated,
    }
}

/// Everything that is to be sent now.
fn sent(endpoint: &mut Endpoint) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| endpoint.poll_transmit()).collect()
}

fn events(endpoint: &mut Endpoint) -> Vec<Event> {
    std::iter::from_fn(|| endpoint.poll_event()).collect()
}

/// An answer to a request, with the options given.
fn answer(request: &[u8], kind: MessageType, code: u8, options: &[(u16, &[u8])]) -> Vec<u8> {
    let request = Packet::from_bytes(request).unwrap();
    let mut packet = Packet::new();
    packet.header.set_version(1);
    packet.header.set_type(kind);
    packet.header.code = MessageClass::from(code);
    packet.header.message_id = match kind {
        MessageType::Acknowledgement => request.header.message_id,
        _ => 0x7000,
    };
    packet.set_token(request.get_token().to_vec());
    for (number, value) in options {
        packet.add_option(CoapOption::from(*number), value.to_vec());
    }
    packet.to_bytes().unwrap()
}

const CHANGED: u8 = 0x44;
const CONTINUE: u8 = 0x5f;
const ACK: MessageType = MessageType::Acknowledgement;

#[test]
fn silence_is_met_by_rfc_7252s_timers_and_then_by_a_new_message() {
    for dated in [true, false] {
        let start = Instant::now();
        let mut endpoint = endpoint(1);
        endpoint.push(start, report(b"{}", dated));
        assert!(!endpoint.has_room());
        let first = sent(&mut endpoint).remove(0);
        let (mut now, mut waits) = (start, Vec::new());
        for _ in 0..4 {
            let due = endpoint.poll_timeout().unwrap();
            waits.push((due - now).as_secs_f64());
            now = due;
            endpoint.handle_timeout(now);
            assert_eq!(sent(&mut endpoint), std::slice::from_ref(&first));
        }
        assert!((2.0..3.0).contains(&waits[0]), "{waits:?}");
        for pair in waits.windows(2) {
            assert!((pair[1] / pair[0] - 2.0).abs() < 1e-6, "{waits:?}");
        }
        now = endpoint.poll_timeout().unwrap();
        endpoint.handle_timeout(now);
        let again = sent(&mut endpoint).remove(0);
        // What has a time of its own comes as a new message; else only the old id tells it apart.
        assert_eq!(again == first, !dated);
        while now < start + Duration::from_secs(247) {
            now = endpoint.poll_timeout().unwrap();
            endpoint.handle_timeout(now);
            let _ = sent(&mut endpoint);
        }
        while now < start + Duration::from_secs(400) {
            now = endpoint.poll_timeout().unwrap();
            endpoint.handle_timeout(now);
            // Its id is nobody's any more.
            let _ = sent(&mut endpoint);
        }
        let last = endpoint.exchanges[0].datagram.clone();
        assert_ne!(last, first);
        assert!(endpoint.silence(now) >= Duration::from_secs(400));
        endpoint.handle_datagram(now, &answer(&last, ACK, CHANGED, &[]));
        assert!(endpoint.is_idle());
        assert!(matches!(
            events(&mut endpoint).last(),
            Some(Event::Done { .. })
        ));
    }
}

#[test]
fn a_separate_answer_is_acknowledged_each_time_and_a_strange_one_reset() {
    let now = Instant::now();
    let mut endpoint = endpoint(1);
    endpoint.push(now, report(b"{}", true));
    let request = sent(&mut endpoint).remove(0);
    let mid = u16::from_be_bytes([request[2], request[3]]);
    endpoint.handle_datagram(now, &message::empty(ACK, mid));
    let later = now + Duration::from_secs(10);
    endpoint.handle_timeout(later);
    assert_eq!(
        sent(&mut endpoint).len(),
        0,
        "a promised answer is waited for"
    );
    let separate = answer(&request, MessageType::Confirmable, CHANGED, &[]);
    endpoint.handle_datagram(later, &separate);
    endpoint.handle_datagram(later, &separate);
    let ack = message::empty(ACK, 0x7000);
    assert_eq!(sent(&mut endpoint), [ack.clone(), ack]);
    let done = Event::Done {
        took: Duration::from_secs(10),
        separate: true,
    };
    assert_eq!(events(&mut endpoint), [done]);
    // A late empty acknowledgement is nothing to wonder about, a strange token is.
    endpoint.handle_datagram(later, &message::empty(ACK, mid));
    assert_eq!(events(&mut endpoint), []);
    let mut strange = separate;
    strange[4] ^= 0xff;
    endpoint.handle_datagram(later, &strange);
    assert_eq!(
        sent(&mut endpoint),
        [message::empty(MessageType::Reset, 0x7000)]
    );
    assert_eq!(events(&mut endpoint), [Event::Unexpected]);
}

#[test]
fn a_gateway_without_room_is_left_alone_as_long_as_it_says() {
    let now = Instant::now();
    let mut endpoint = endpoint(1);
    endpoint.push(now, report(b"{}", true));
    let request = sent(&mut endpoint).remove(0);
    endpoint.handle_datagram(now, &answer(&request, ACK, 0xa3, &[(14, &[30])]));
    assert_eq!(events(&mut endpoint), [Event::Deferred { code: 0xa3 }]);
    let due = endpoint.poll_timeout().unwrap() - now;
    assert!((30.0..31.0).contains(&due.as_secs_f64()), "{due:?}");
    endpoint.handle_timeout(now + Duration::from_secs(29));
    assert_eq!(sent(&mut endpoint).len(), 0);
    endpoint.handle_timeout(now + Duration::from_secs(31));
    let again = sent(&mut endpoint).remove(0);
    assert_ne!(again, request, "a new exchange");
    endpoint.handle_datagram(now, &answer(&again, ACK, 0x80, &[]));
    assert!(matches!(
        events(&mut endpoint).last(),
        Some(Event::Refused { code: 0x80, .. })
    ));
    assert!(endpoint.is_idle());
}

#[test]
fn a_challenge_is_echoed() {
    let now = Instant::now();
    let mut endpoint = endpoint(1);
    endpoint.push(now, report(b"{}", true));
    let request = sent(&mut endpoint).remove(0);
    endpoint.handle_datagram(now, &answer(&request, ACK, 0x81, &[(252, b"prove it")]));
    let proof = Packet::from_bytes(&sent(&mut endpoint).remove(0)).unwrap();
    assert_eq!(
        proof.get_first_option(CoapOption::Unknown(252)),
        Some(&b"prove it".to_vec())
    );
    // 4.01 to the right echo is a refusal.
    endpoint.handle_datagram(now, &answer(&request, ACK, 0x81, &[(252, b"prove it")]));
    assert!(endpoint.is_idle());
}

#[test]
fn a_long_body_goes_in_blocks_and_begins_again_when_one_is_missing() {
    let now = Instant::now();
    let body: Vec<u8> = (0..2_500_u32)
        .map(|at| u8::try_from(at % 251).unwrap())
        .collect();
    let mut endpoint = endpoint(1);
    endpoint.push(now, report(&body, true));
    let (mut taken, mut incomplete, mut tags) = (Vec::new(), 1, HashSet::new());
    let mut at = now;
    while !endpoint.is_idle() {
        let Some(datagram) = endpoint.poll_transmit() else {
            at = endpoint.poll_timeout().unwrap();
            endpoint.handle_timeout(at);
            continue;
        };
        let request = Packet::from_bytes(&datagram).unwrap();
        let block = request.get_first_option(CoapOption::Block1).unwrap();
        let value = block
            .iter()
            .fold(0, |value, byte| value << 8 | usize::from(*byte));
        let (number, more, size) = (value >> 4, value & 8 != 0, 16 << (value & 7));
        tags.insert(request.get_first_option(CoapOption::Unknown(292)).cloned());
        if number == 2 && incomplete > 0 {
            // The gateway was restarted and knows no block 0.
            incomplete -= 1;
            taken.clear();
            endpoint.handle_datagram(at, &answer(&datagram, ACK, 0x88, &[]));
            continue;
        }
        assert_eq!(number * size, taken.len());
        taken.extend_from_slice(&request.payload);
        assert!(request.payload.len() == size || !more);
        let code = if more { CONTINUE } else { CHANGED };
        // 512 bytes a block, please: number 0, more, szx 5.
        endpoint.handle_datagram(at, &answer(&datagram, ACK, code, &[(27, &[0x0d])]));
    }
    assert_eq!(taken, body);
    assert_eq!(tags.len(), 2, "a body of its own has a tag of its own");
    assert!(matches!(
        events(&mut endpoint).last(),
        Some(Event::Done { .. })
    ));
}

#[test]
fn a_port_of_which_all_message_ids_are_used_is_given_up() {
    let now = Instant::now();
    let mut endpoint = endpoint(1);
    let mut mids = HashSet::new();
    while endpoint.has_room() {
        endpoint.push(now, report(b"{}", true));
        let request = sent(&mut endpoint).remove(0);
        assert!(mids.insert([request[2], request[3]]), "an id twice");
        endpoint.handle_datagram(now, &answer(&request, ACK, CHANGED, &[]));
    }
    assert!(endpoint.is_worn() && mids.len() > 50_000);
    endpoint.handle_new_port();
    assert!(endpoint.has_room());
}

/// Acknowledges what it has taken; knows retransmissions until it is restarted, and contents for ever.
#[derive(Default)]
struct Server {
    contents: HashMap<Vec<u8>, u32>,
    answered: HashMap<u16, Vec<u8>>,
    /// Answers under way on their own.
    separate: Vec<Vec<u8>>,
}

impl Server {
    fn handle(&mut self, rng: &mut Rng, datagram: &[u8]) -> Option<Vec<u8>> {
        let request = Packet::from_bytes(datagram).unwrap();
        if request.header.get_type() != MessageType::Confirmable {
            return None;
        }
        let mid = request.header.message_id;
        if let Some(before) = self.answered.get(&mid) {
            if before.len() == 4 {
                self.separate
                    .push(answer(datagram, MessageType::Confirmable, CHANGED, &[]));
            }
            return Some(before.clone());
        }
        if rng.chance(0.1) {
            return Some(answer(datagram, ACK, 0xa3, &[(14, &[1])]));
        }
        *self.contents.entry(request.payload.clone()).or_default() += 1;
        let answer = if rng.chance(0.3) {
            self.separate
                .push(answer(datagram, MessageType::Confirmable, CHANGED, &[]));
            message::empty(ACK, mid)
        } else {
            answer(datagram, ACK, CHANGED, &[])
        };
        self.answered.insert(mid, answer.clone());
        Some(answer)
    }
}

proptest! {
    #[test]
    fn every_report_arrives_over_any_air_and_any_restart(seed: u64, loss in 0.0..0.5_f64, restarts: bool) {
        let start = Instant::now();
        let (mut now, mut rng, mut server) = (start, Rng::new(seed), Server::default());
        let mut endpoint = Endpoint::new(
            Transmission { nstart: 3, ..Transmission::default() },
            Ids::new(Rng::new(seed ^ 1)),
        );
        let (mut given, mut done, mut longest) = (0_u32, 0, Duration::ZERO);
        while done < 40 {
            prop_assert!(now < start + Duration::from_hours(24), "{done} of 40 after a day");
            while given < 40 && endpoint.has_room() {
                endpoint.push(now, report(&given.to_be_bytes(), given % 2 == 0));
                given += 1;
            }
            let mut answers = Vec::new();
            while let Some(datagram) = endpoint.poll_transmit() {
                for _ in 0..=u32::from(rng.chance(0.2)) {
                    if !rng.chance(loss) {
                        answers.extend(server.handle(&mut rng, &datagram));
                    }
                }
            }
            answers.append(&mut server.separate);
            for answer in answers {
                if !rng.chance(loss) {
                    endpoint.handle_datagram(now, &answer);
                }
            }
            for event in events(&mut endpoint) {
                if let Event::Done { took, .. } = event {
                    done += 1;
                    longest = longest.max(took);
                }
            }
            if restarts && rng.chance(0.02) {
                server.answered.clear();
            }
            if let Some(due) = endpoint.poll_timeout() {
                now = now.max(due);
                endpoint.handle_timeout(now);
            }
        }
        prop_assert!(endpoint.is_idle() || endpoint.poll_transmit().is_some());
        prop_assert_eq!(server.contents.len(), 40);
        if !restarts && longest < Duration::from_secs(247) {
            // Undated reports keep their message id as long as they may, so that even they arrive once.
            let twice = server.contents.iter().filter(|(payload, times)| payload[3] % 2 == 1 && **times > 1);
            prop_assert_eq!(twice.count(), 0);
        }
    }
}
