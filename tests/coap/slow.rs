//! A disk that takes its time: empty acknowledgements, separate responses, and what is too much.
use crate::peer::{
    Acknowledgement, Confirmable, NonConfirmable, Peer, check_piggybacked, code, uint,
};
use crate::{City, payload};

/// RFC 7252 §5.2.2: acknowledged at once, answered when it is durable, in a message that is acknowledged.
#[test]
fn a_slow_sync_gives_a_separate_response() {
    let city = City::slow("ack_after = \"100ms\"", 700);
    let mut peer = Peer::new(city.port());
    let request = peer.post(Confirmable, "/t/meter-7/json", &payload(1));
    let ack = peer.ask(&request);
    assert_eq!(
        (ack.header.get_type(), code(&ack).as_str()),
        (Acknowledgement, "0.00")
    );
    assert_eq!(ack.header.message_id, request.header.message_id);
    assert_eq!(city.counts().logged, 0, "nothing is durable yet");
    // A copy is acknowledged likewise, and not taken again.
    assert_eq!(
        peer.ask(&request).header.message_id,
        request.header.message_id
    );
    let response = peer.receive();
    assert_eq!(response.header.get_type(), Confirmable);
    assert_eq!(
        (code(&response).as_str(), response.get_token()),
        ("2.04", request.get_token())
    );
    assert_eq!(
        city.settled(2).logged,
        1,
        "the response promises what is durable"
    );
    // Unacknowledged it comes again, byte by byte.
    let again = peer.receive();
    assert_eq!(again.to_bytes().unwrap(), response.to_bytes().unwrap());
    peer.answer(Acknowledgement, &response);
    peer.expect_silence();
    city.until(|_| city.metric("citygate_coap_unacknowledged") == 0);
    assert_eq!(city.metric("citygate_coap_separate_total"), 1);
    assert_eq!(city.stop().energies("meter-7"), [1]);
}

/// A NON waits without an acknowledgement, and is answered after the append.
#[test]
fn a_non_confirmable_request_waits_for_the_disk_too() {
    let city = City::slow("ack_after = \"100ms\"", 400);
    let mut peer = Peer::new(city.port());
    let request = peer.post(NonConfirmable, "/t/meter-7/json", &payload(1));
    let answer = peer.ask(&request);
    assert_eq!(answer.header.get_type(), NonConfirmable);
    assert_eq!(
        (code(&answer).as_str(), answer.get_token()),
        ("2.04", request.get_token())
    );
    assert_eq!(city.settled(1).logged, 1);
    city.stop();
}

/// Promise 5: past `outstanding_max` the sender is told so at once.
#[test]
fn too_much_at_once_is_refused() {
    let city = City::slow("outstanding_max = 2\nack_after = \"2s\"", 300);
    let mut peer = Peer::new(city.port());
    let requests: Vec<_> = (1..=3)
        .map(|value| peer.post(Confirmable, "/t/meter-7/json", &payload(value)))
        .collect();
    for request in &requests {
        peer.send(request);
    }
    let refused = peer.receive();
    check_piggybacked(&requests[2], &refused);
    assert_eq!(
        (code(&refused).as_str(), uint(&refused, 14)),
        ("5.03", Some(2))
    );
    for _ in 0..2 {
        assert_eq!(code(&peer.receive()), "2.04");
    }
    let counts = city.settled(3);
    assert_eq!((counts.logged, counts.refused), (2, 1));
    assert_eq!(code(&peer.ask(&requests[2])), "2.04");
    assert_eq!(city.stop().energies("meter-7"), [1, 2, 3]);
}

/// What was taken is answered before the gateway ends.
#[test]
fn a_stopping_gateway_answers_what_it_has_taken() {
    let mut city = City::slow("ack_after = \"2s\"", 500);
    let mut peer = Peer::new(city.port());
    let request = peer.post(Confirmable, "/t/meter-7/json", &payload(1));
    peer.send(&request);
    city.until(|counts| counts.in_flight == 1);
    // Only this sync is slow: the end has many of its own.
    city.disk.as_ref().unwrap().slow(1);
    let status = city.gateway.stop();
    assert!(status.success(), "{status}\n{}", city.gateway.said());
    let answer = peer.receive();
    check_piggybacked(&request, &answer);
    assert_eq!(code(&answer), "2.04");
}
