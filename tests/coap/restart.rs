//! Retransmissions: the same message again, also after the gateway was killed in between.
use crate::peer::{Confirmable, Peer, add_uint, check_piggybacked, code, text, uint};
use crate::{City, long_payload, payload};
use serde_json::Value;

/// RFC 7252 §4.5, promise 6: one report, whatever is repeated before and after a kill -9.
#[test]
fn a_retransmission_over_a_crash_is_one_report() {
    let mut city = City::new();
    let mut peer = Peer::new(city.port());
    let request = peer.post(Confirmable, "/t/meter-7/json", &payload(1));
    for _ in 0..3 {
        let answer = peer.ask(&request);
        check_piggybacked(&request, &answer);
        assert_eq!(code(&answer), "2.04");
    }
    let counts = city.settled(3);
    assert_eq!((counts.logged, counts.duplicate), (1, 2));
    city.crash_and_restart();
    for _ in 0..2 {
        let answer = peer.ask(&request);
        check_piggybacked(&request, &answer);
        assert_eq!(code(&answer), "2.04", "the original's success");
    }
    let counts = city.settled(2);
    assert_eq!((counts.logged, counts.duplicate), (0, 2));
    // The same id with another payload, and the same message from another device, are new.
    let mut other = request.clone();
    other.payload = payload(2);
    assert_eq!(code(&peer.ask(&other)), "2.04");
    let stranger = Peer::new(city.port());
    assert_eq!(code(&stranger.ask(&request)), "2.04");
    assert_eq!(city.settled(4).logged, 2);
    assert_eq!(city.stop().energies("meter-7"), [1, 2, 1]);
}

/// A permanent refusal is as durable as a success: its copy after a crash is refused likewise, and kept once.
#[test]
fn a_reject_over_a_crash_is_one_reject() {
    let mut city = City::new();
    let mut peer = Peer::new(city.port());
    let request = peer.post(
        Confirmable,
        "/t/m-1/json",
        b"{\"voltagee\":           230.5}",
    );
    let first = peer.ask(&request);
    assert_eq!(code(&first), "4.00");
    let again = peer.ask(&request);
    assert_eq!(text(&again), text(&first), "the copy gets the same words");
    city.crash_and_restart();
    let again = peer.ask(&request);
    assert_eq!(
        (code(&again).as_str(), text(&again)),
        ("4.00", text(&first))
    );
    city.settled(1);
    assert_eq!(city.stop().rejects.len(), 1);
}

/// A killed gateway that had not answered: the device sends again until there is one.
#[test]
fn a_request_to_a_dead_gateway_is_taken_when_it_lives_again() {
    let mut city = City::new();
    let mut peer = Peer::new(city.port());
    peer.uplink("/t/meter-7/json", &payload(1));
    city.gateway.kill();
    let request = peer.post(Confirmable, "/t/meter-7/json", &payload(2));
    peer.send(&request);
    city.restart();
    let answer = peer.ask(&request);
    check_piggybacked(&request, &answer);
    assert_eq!(city.settled(1).logged, 1);
    assert_eq!(city.stop().energies("meter-7"), [1, 2]);
}

/// RFC 7959: each block may come twice, the last one too; a gateway that has lost the blocks says so.
#[test]
fn repeated_blocks_make_one_uplink() {
    let mut city = City::new();
    let mut peer = Peer::new(city.port());
    let body = long_payload(20);
    let blocks: Vec<&[u8]> = body.chunks(256).collect();
    assert!(blocks.len() > 2);
    let mut block = |num: usize| {
        let mut block = peer.post(Confirmable, "/t/meter-8/json", blocks[num]);
        let more = u32::from(num + 1 < blocks.len());
        add_uint(
            &mut block,
            27,
            u32::try_from(num).unwrap() << 4 | more << 3 | 4,
        );
        block
    };
    let requests: Vec<_> = (0..blocks.len()).map(&mut block).collect();
    let fresh: Vec<_> = (0..blocks.len()).map(&mut block).collect();
    for (num, request) in requests.iter().enumerate() {
        for _ in 0..2 {
            let answer = peer.ask(request);
            check_piggybacked(request, &answer);
            let last = num + 1 == blocks.len();
            assert_eq!(code(&answer), if last { "2.04" } else { "2.31" });
            assert!(uint(&answer, 27).is_some(), "Block1");
        }
    }
    let counts = city.settled(2);
    assert_eq!((counts.logged, counts.duplicate), (1, 1));
    assert_eq!(code(&peer.ask(&fresh[0])), "2.31");
    city.crash_and_restart();
    assert_eq!(code(&peer.ask(&fresh[1])), "4.08");
    let logs = city.stop();
    assert_eq!(logs.energies("meter-8").len(), 20);
}

/// RFC 7252 §5.3.2: whoever is asked answers, where the socket is bound to all addresses. A burst from several peers
/// to several addresses goes out in one system call per address.
#[test]
fn the_address_that_was_asked_answers() {
    for (bind, asked) in [
        ("0.0.0.0", &["127.0.0.1", "127.0.0.2", "127.8.8.8"][..]),
        ("[::]", &["[::1]", "127.0.0.1", "127.0.0.2"]),
    ] {
        let mut city = City::new();
        assert!(city.gateway.stop().success());
        let port = city.port();
        let (own, any) = (format!("127.0.0.1:{port}"), format!("{bind}:{port}"));
        city.config = city.config.replace(&own, &any);
        city.restart();
        let mut peers: Vec<Peer> = asked
            .iter()
            .map(|ip| Peer::of(format!("{ip}:{port}").parse().unwrap()))
            .collect();
        for round in 0..20 {
            let requests: Vec<_> = peers
                .iter_mut()
                .map(|peer| {
                    let request = peer.post(Confirmable, "/t/meter-7/json", &payload(round));
                    peer.send(&request);
                    request
                })
                .collect();
            for (peer, request) in peers.iter().zip(&requests) {
                let answer = peer.receive();
                check_piggybacked(request, &answer);
                assert_eq!(code(&answer), "2.04", "{bind}");
            }
        }
        assert!(city.gateway.said().contains("trusted network"), "promise 7");
        assert_eq!(city.settled(60).logged, 60);
        city.stop();
    }
}

/// `/v1/sources` and `/metrics` say what there is.
#[test]
fn operators_see_the_server() {
    let city = City::new();
    let mut peer = Peer::new(city.port());
    let request = peer.post(Confirmable, "/t/meter-7/json", &payload(1));
    peer.ask(&request);
    peer.ask(&request);
    let (_, body) = city.gateway.get("/v1/sources").unwrap();
    let sources: Value = serde_json::from_str(&body).unwrap();
    let coap = sources["sources"].as_array().unwrap().iter();
    let coap = coap
        .clone()
        .find(|source| source["name"] == "coap")
        .unwrap();
    assert_eq!(coap["bind"], format!("127.0.0.1:{}", city.port()));
    assert_eq!(
        (&coap["received"], &coap["duplicate"]),
        (&"2".into(), &"1".into())
    );
    assert_eq!(city.metric("citygate_coap_datagrams_total"), 2);
    assert_eq!(city.metric("citygate_coap_duplicates_total"), 1);
    assert_eq!(
        city.metric("citygate_coap_responses_total{class=\"2.xx\"}"),
        1
    );
    city.stop();
}
