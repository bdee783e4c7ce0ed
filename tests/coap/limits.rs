//! "Come back later": nothing is promised, nothing is remembered.
use crate::City;
use crate::payload;
use crate::peer::{Confirmable, NonConfirmable, Peer, add_uint, check_piggybacked, code, uint};

/// A full disk: 5.03 with Max-Age, and the same message is taken when there is room.
#[test]
fn a_full_disk_refuses_and_remembers_nothing() {
    let mut city = City::with("", "[log]\nmin_free = \"1000TiB\"");
    let mut peer = Peer::new(city.port());
    let request = peer.post(Confirmable, "/t/meter-7/json", &payload(1));
    for _ in 0..2 {
        let answer = peer.ask(&request);
        check_piggybacked(&request, &answer);
        assert_eq!(
            (code(&answer).as_str(), uint(&answer, 14)),
            ("5.03", Some(60))
        );
    }
    // The first block of many, too, rather than the last.
    let mut block = peer.post(Confirmable, "/t/meter-7/json", &[b' '; 64]);
    add_uint(&mut block, 27, 8 | 2);
    assert_eq!(code(&peer.ask(&block)), "5.03");
    let non = peer.post(NonConfirmable, "/t/meter-7/json", &payload(2));
    peer.send(&non);
    let counts = city.settled(3);
    assert_eq!((counts.refused, counts.dropped), (2, 1));
    peer.expect_silence();
    assert!(city.gateway.stop().success());
    city.config = city.config.replace("1000TiB", "1MiB");
    city.restart();
    assert_eq!(code(&peer.ask(&request)), "2.04");
    assert_eq!(city.settled(1).logged, 1);
    assert_eq!(city.stop().energies("meter-7"), [1]);
}

/// RFC 8516: who sends nothing but rubbish is told to wait, for longer.
#[test]
fn a_used_up_budget_is_too_many_requests() {
    let city = City::with("", "[intake]\nreject_budget = \"64KiB\"");
    let mut peer = Peer::new(city.port());
    let rubbish = vec![b'x'; 3_900];
    let mut rejected = 0;
    let refused = loop {
        let request = peer.post(Confirmable, "/t/m-1/json", &rubbish);
        let answer = peer.ask(&request);
        match code(&answer).as_str() {
            "4.00" => rejected += 1,
            "4.29" => break answer,
            other => panic!("{other}"),
        }
        assert!(rejected < 100);
    };
    assert_eq!(uint(&refused, 14), Some(600));
    assert!(rejected > 10, "{rejected}");
    // Good readings of the same device are taken.
    peer.uplink("/t/m-1/json", &payload(1));
    let counts = city.settled(rejected + 2);
    assert_eq!(
        (counts.rejected, counts.refused, counts.logged),
        (rejected, 1, 1)
    );
    city.stop();
}
