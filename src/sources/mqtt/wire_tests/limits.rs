//! What a peer may not do, and what the gateway says when it cannot go on.
use super::*;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn broken_rules_end_the_connection_with_their_reason() {
    let rig = Rig::with(
        |config| {
            config.packet_max = 1024;
            config.receive_max = 2;
        },
        0,
        None,
    )
    .await;
    let alias = framed(
        0x30,
        &[&text(b"city/a/json")[..], &[3, 0x23, 0, 1]].concat(),
    );
    let cases = [
        (publish(5, 0, 0, "a", &[b' '; 2000]), 0x95),
        (publish_to(5, 1, 1, "city/+/json", GOOD), 0x90),
        (publish_to(5, 1, 1, "", GOOD), 0x90),
        (publish_to(5, 1, 1, "city/a\0/json", GOOD), 0x90),
        (alias, 0x94),
        (vec![0xf0, 2, 0x18, 0], 0x8c),
        (vec![0x36, 0], 0x81),
        (connect(5, "a", 2, 0), 0x82),
    ];
    for (bytes, reason) in &cases {
        let mut new = rig.connected(5, "a").await;
        new.send(bytes).await;
        assert_eq!(new.rest().await, [0xe0, 1, *reason], "{bytes:02x?}");
    }
    let mut old = rig.connected(4, "b").await;
    old.send(&publish_to(4, 1, 1, "#", GOOD)).await;
    assert!(old.rest().await.is_empty());
    assert_eq!(rig.counts().protocol_errors, 9);
    assert_eq!(rig.counts().received, 0);
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn more_than_the_receive_maximum_is_too_much_in_5() {
    let rig = Rig::with(|config| config.receive_max = 2, 0, None).await;
    let mut peer = rig.connected(5, "a").await;
    // Not released, so two QoS 2 messages fill the window for good.
    for id in [1, 2] {
        peer.send(&publish(5, 2, id, "a", GOOD)).await;
        assert_eq!(peer.packet().await.0, 0x50);
    }
    peer.send(&publish(5, 1, 3, "a", GOOD)).await;
    assert_eq!(peer.rest().await, [0xe0, 1, 0x93]);
    let faults = rig.service.stats.faults().filter(|(_, count)| *count > 0);
    assert_eq!(faults.collect::<Vec<_>>(), [("receive_maximum", 1)]);
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn messages_before_a_fault_are_still_acknowledged() {
    let rig = Rig::new().await;
    let mut peer = rig.connected(5, "a").await;
    let both = [publish(5, 1, 1, "a", GOOD), vec![0x36, 0]].concat();
    peer.send(&both).await;
    assert_eq!(peer.rest().await, [0x40, 2, 0, 1, 0xe0, 1, 0x81]);
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn connack_states_the_terms() {
    let rig = Rig::with(
        |config| config.session_expiry_max = Duration::from_mins(1),
        0,
        None,
    )
    .await;
    let mut peer = rig.peer().await;
    peer.send(&connect(5, "", 2, 3600)).await;
    let (first, body) = peer.packet().await;
    assert_eq!((first, &body[..2]), (0x20, &[0, 0][..]));
    let says = |what: &[u8]| body.windows(what.len()).any(|part| part == what);
    assert!(says(&[0x11, 0, 0, 0, 60]), "session expiry capped");
    assert!(says(&[0x21, 4, 0]), "receive maximum 1024");
    assert!(says(&[0x27, 0, 4, 0, 0]), "packets of 256 KiB");
    assert!(says(&[0x25, 0]), "no retain");
    assert!(says(&[0x22, 0, 0]), "no topic alias");
    assert!(says(b"auto-"), "a client id");
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn a_user_that_is_removed_is_let_go_and_the_others_stay() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users.toml");
    std::fs::write(dir.path().join("secret"), "right").unwrap();
    let users = |names: &[&str]| {
        let users = names.iter();
        let users =
            users.map(|name| format!("[[user]]\nname = '{name}'\npassword_file = 'secret'\n"));
        std::fs::write(&path, users.collect::<String>()).unwrap();
        Users::load(&path).unwrap()
    };
    let rig = Rig::with(|_| {}, 0, Some(users(&["u", "v"]))).await;
    let mut peers = Vec::new();
    for (client, name) in [("a", b"u"), ("b", b"v")] {
        let mut peer = rig.peer().await;
        let login = [text(name), text(b"right")].concat();
        peer.send(&connect_with(5, client, 0xc2, 0, &login)).await;
        assert_eq!(peer.packet().await.1[1], 0);
        peers.push(peer);
    }
    rig.service.reload(Some(users(&["v", "w"])));
    assert_eq!(peers[0].rest().await, [0xe0, 1, 0x87]);
    peers[1].send(&[0xc0, 0]).await;
    assert_eq!(peers[1].packet().await.0, 0xd0);
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn connects_that_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("users.toml");
    std::fs::write(dir.path().join("secret"), "right").unwrap();
    std::fs::write(&path, "[[user]]\nname = 'u'\npassword_file = 'secret'").unwrap();
    let users = Users::load(&path).unwrap();
    let rig = Rig::with(|_| {}, 0, Some(users)).await;
    let login = |password: &[u8]| [text(b"u"), text(password)].concat();
    let cases = [
        (
            connect_with(5, "a", 0xc2, 0, &login(b"wrong")),
            vec![0x20, 3, 0, 0x86, 0],
        ),
        (
            connect_with(4, "a", 0xc2, 0, &login(b"wrong")),
            vec![0x20, 2, 0, 4],
        ),
        (connect(4, "a", 2, 0), vec![0x20, 2, 0, 4]),
        (connect(4, "", 0, 0), vec![0x20, 2, 0, 2]),
        (connect(3, "a", 2, 0), vec![0x20, 2, 0, 1]),
        (connect(6, "a", 2, 0), vec![0x20, 3, 0, 0x84, 0]),
        (
            b"\x10\x0e\0\x06MQIsdp\x03\x02\0\x3c\0\0".to_vec(),
            vec![0x20, 2, 0, 1],
        ),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![]),
        (vec![0x10, 0xff, 0xff, 0x7f], vec![]),
    ];
    for (bytes, answer) in cases {
        let mut peer = rig.peer().await;
        peer.send(&bytes).await;
        assert_eq!(peer.rest().await, answer, "{bytes:02x?}");
    }
    let mut peer = rig.peer().await;
    peer.send(&connect_with(4, "a", 0xc2, 0, &login(b"right")))
        .await;
    assert_eq!(peer.packet().await, (0x20, vec![0, 0]));
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn who_says_nothing_is_sent_away() {
    let change = |config: &mut Config| {
        config.connect_timeout = Duration::from_millis(50);
        config.idle_max = Duration::from_millis(200);
    };
    let rig = Rig::with(change, 0, None).await;
    let mut silent = rig.peer().await;
    assert!(silent.rest().await.is_empty());
    let mut slow = rig.peer().await;
    slow.send(&[0x10, 20]).await;
    assert!(slow.rest().await.is_empty());
    // Keep-alive 0, and then nothing for idle_max.
    let mut idle = rig.peer().await;
    let mut connect = connect(4, "a", 2, 0);
    connect[11] = 0;
    idle.send(&connect).await;
    idle.packet().await;
    assert!(idle.rest().await.is_empty());
    let faults = rig.service.stats.faults().filter(|(_, count)| *count > 0);
    assert_eq!(
        faults.collect::<Vec<_>>(),
        [("no_connect", 2), ("keep_alive", 1)]
    );
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn a_full_gateway_says_so() {
    let rig = Rig::with(|config| config.connections_max = 1, 0, None).await;
    let _first = rig.connected(4, "a").await;
    let mut second = rig.peer().await;
    second.send(&connect(5, "b", 2, 0)).await;
    assert_eq!(second.rest().await, [0x20, 3, 0, 0x97, 0]);
    let mut third = rig.peer().await;
    third.send(&connect(4, "c", 2, 0)).await;
    assert_eq!(third.rest().await, [0x20, 2, 0, 3]);
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn a_full_disk_turns_devices_away() {
    let rig = Rig::with(|_| {}, u64::MAX, None).await;
    rig.until(|rig| rig.service.intake.refusing().is_some())
        .await;
    let mut new = rig.peer().await;
    new.send(&connect(5, "a", 2, 0)).await;
    assert_eq!(new.rest().await, [0x20, 3, 0, 0x89, 0]);
    let mut old = rig.peer().await;
    old.send(&connect(4, "a", 2, 0)).await;
    assert_eq!(old.rest().await, [0x20, 2, 0, 3]);
    assert_eq!(rig.service.stats.turned_away.load(Ordering::Relaxed), 2);
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn a_closed_log_ends_the_connection_without_an_acknowledgement() {
    let rig = Rig::new().await;
    let mut new = rig.connected(5, "a").await;
    let mut old = rig.connected(4, "b").await;
    rig.log.close();
    new.send(&publish(5, 1, 1, "a", GOOD)).await;
    assert_eq!(new.rest().await, [0xe0, 1, 0x8b]);
    old.send(&publish(4, 1, 1, "b", GOOD)).await;
    assert!(old.rest().await.is_empty());
    let counts = rig.settled().await;
    assert_eq!((counts.received, counts.refused), (2, 2));
    assert_eq!(rig.service.stats.refusals.load(Ordering::Relaxed), 2);
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn a_peer_that_never_reads_is_let_go() {
    let rig = Rig::with(
        |config| config.write_timeout = Duration::from_millis(200),
        0,
        None,
    )
    .await;
    let mut peer = rig.connected(4, "a").await;
    let pings = [0xc0, 0].repeat(64 << 10);
    // Until both buffers are full and the gateway gives up: then writing fails.
    let flooded = timeout(PATIENCE, async {
        while peer.0.write_all(&pings).await.is_ok() {}
    });
    flooded.await.expect("let go in time");
    rig.until(|rig| rig.service.stats.connections.load(Ordering::Relaxed) == 0)
        .await;
    let faults = rig.service.stats.faults().filter(|(_, count)| *count > 0);
    assert_eq!(faults.collect::<Vec<_>>(), [("not_reading", 1)]);
    rig.stop().await.unwrap();
}
