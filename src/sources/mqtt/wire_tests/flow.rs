//! Messages and their acknowledgements.
use super::*;

#[tokio::test]
async fn a_burst_is_acknowledged_in_order_and_counted() {
    let rig = Rig::with(|config| config.receive_max = 16, 0, None).await;
    let mut peer = rig.connected(4, "pole-1").await;
    let burst: Vec<u8> = (1..=500)
        .flat_map(|id| publish(4, 1, id, "pole-1", GOOD))
        .collect();
    peer.send(&burst).await;
    for id in 1u16..=500 {
        assert_eq!(peer.packet().await, (0x40, id.to_be_bytes().to_vec()));
    }
    // Acknowledged, so durable: nothing may be in flight any more.
    let counts = rig.counts();
    assert_eq!(
        (counts.received, counts.logged, counts.in_flight),
        (500, 500, 0)
    );
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn qos_0_is_logged_and_not_acknowledged() {
    let rig = Rig::new().await;
    let mut peer = rig.connected(5, "pole-1").await;
    peer.send(&publish(5, 0, 0, "pole-1", GOOD)).await;
    peer.send(&[0xc0, 0]).await;
    assert_eq!(peer.packet().await, (0xd0, vec![]));
    assert_eq!(rig.settled().await.logged, 1);
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn a_packet_in_pieces_is_one_packet() {
    let rig = Rig::new().await;
    let mut peer = rig.connected(4, "pole-1").await;
    for byte in publish(4, 1, 9, "pole-1", GOOD) {
        peer.send(&[byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(peer.packet().await, (0x40, vec![0, 9]));
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn qos_2_counts_once_however_often_it_is_sent() {
    let rig = Rig::new().await;
    for level in [4, 5] {
        let client = format!("meter-{level}");
        let mut peer = rig.peer().await;
        peer.send(&connect(level, &client, 0, 600)).await;
        peer.packet().await;
        let message = publish(level, 2, 7, &client, GOOD);
        peer.send(&message).await;
        assert_eq!(peer.packet().await, (0x50, vec![0, 7]));
        drop(peer);

        let mut peer = rig.peer().await;
        peer.send(&connect(level, &client, 0, 600)).await;
        assert_eq!(peer.packet().await.1[0], 1, "Session Present");
        peer.send(&resent(message)).await;
        assert_eq!(peer.packet().await, (0x50, vec![0, 7]));
        peer.send(&release(7)).await;
        assert_eq!(peer.packet().await, (0x70, vec![0, 7]));
        peer.send(&release(7)).await;
        let unknown = if level == 5 {
            vec![0, 7, 0x92]
        } else {
            vec![0, 7]
        };
        assert_eq!(peer.packet().await, (0x70, unknown));
    }
    let counts = rig.settled().await;
    assert_eq!(
        (counts.received, counts.logged, counts.duplicate),
        (4, 2, 2)
    );
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn a_released_id_is_a_new_message_even_in_one_read() {
    let rig = Rig::new().await;
    let mut peer = rig.connected(4, "meter-1").await;
    let message = publish(4, 2, 7, "meter-1", GOOD);
    let twice = [message.clone(), release(7), resent(message), release(7)].concat();
    peer.send(&twice).await;
    for first in [0x50, 0x70, 0x50, 0x70] {
        assert_eq!(peer.packet().await, (first, vec![0, 7]));
    }
    assert_eq!(rig.settled().await.logged, 2);
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn qos_1_redelivered_in_an_unclean_session_is_a_duplicate() {
    let rig = Rig::new().await;
    let message = publish(4, 1, 3, "meter-1", GOOD);
    for sent in [message.clone(), resent(message)] {
        let mut peer = rig.peer().await;
        peer.send(&connect(4, "meter-1", 0, 0)).await;
        peer.packet().await;
        peer.send(&sent).await;
        assert_eq!(peer.packet().await, (0x40, vec![0, 3]));
    }
    let counts = rig.settled().await;
    assert_eq!(
        (counts.received, counts.logged, counts.duplicate),
        (2, 1, 1)
    );
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn a_reject_is_said_in_5_and_acknowledged_in_3_1_1() {
    let rig = Rig::new().await;
    let mut new = rig.connected(5, "a").await;
    new.send(&publish(5, 1, 1, "a", BAD)).await;
    assert_eq!(new.packet().await, (0x40, vec![0, 1, 0x99]));
    new.send(&publish(5, 2, 2, "a", BAD)).await;
    assert_eq!(new.packet().await, (0x50, vec![0, 2, 0x99]));
    // The id is free again: this is another message.
    new.send(&publish(5, 2, 2, "a", GOOD)).await;
    assert_eq!(new.packet().await, (0x50, vec![0, 2]));
    new.send(&release(2)).await;
    assert_eq!(new.packet().await, (0x70, vec![0, 2]));

    let mut old = rig.connected(4, "b").await;
    old.send(&publish(4, 1, 1, "b", BAD)).await;
    assert_eq!(old.packet().await, (0x40, vec![0, 1]));
    old.send(&publish(4, 2, 2, "b", BAD)).await;
    assert_eq!(old.packet().await, (0x50, vec![0, 2]));
    old.send(&release(2)).await;
    assert_eq!(old.packet().await, (0x70, vec![0, 2]));
    let counts = rig.settled().await;
    assert_eq!((counts.received, counts.rejected, counts.logged), (5, 4, 1));
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn subscriptions_are_refused_by_the_protocols_own_means() {
    let rig = Rig::new().await;
    let mut old = rig.connected(4, "a").await;
    let filters = [&text(b"x/#")[..], &[0], &text(b"y")[..], &[1]].concat();
    old.send(&framed(0x82, &[&[0, 5], &filters[..]].concat()))
        .await;
    assert_eq!(old.packet().await, (0x90, vec![0, 5, 0x80, 0x80]));
    old.send(&framed(0xa2, &[&[0, 6], &text(b"y")[..]].concat()))
        .await;
    assert_eq!(old.packet().await, (0xb0, vec![0, 6]));
    let mut new = rig.connected(5, "b").await;
    new.send(&framed(0x82, &[&[0, 5, 0], &filters[..]].concat()))
        .await;
    assert_eq!(new.packet().await, (0x90, vec![0, 5, 0, 0x87, 0x87]));
    new.send(&framed(0xa2, &[&[0, 6, 0], &text(b"y")[..]].concat()))
        .await;
    assert_eq!(new.packet().await, (0xb0, vec![0, 6, 0, 0x11]));
    rig.stop().await.unwrap();
}

/// TCP keeps bytes in order and nothing else: wherever a read ends, the answers are the same.
#[tokio::test]
async fn any_split_of_the_stream_gives_the_same_answers() {
    let rig = Rig::with(|config| config.receive_max = 8, 0, None).await;
    let stream: Vec<u8> = (1..=40)
        .flat_map(|id| match id % 4 {
            0 => publish(4, 2, id, "meter-1", GOOD),
            1 => publish(4, 1, id, "meter-1", BAD),
            2 => [vec![0xc0, 0], publish(4, 0, 0, "meter-1", GOOD)].concat(),
            _ => publish(4, 1, id, "meter-1", &[b' '; 3000]),
        })
        .collect();
    let acks: Vec<_> = (1u16..=40)
        .filter(|id| id % 4 != 2)
        .map(|id| {
            (
                if id % 4 == 0 { 0x50 } else { 0x40 },
                id.to_be_bytes().to_vec(),
            )
        })
        .collect();
    for step in [1, 7, 64, 1000, 4096, usize::MAX] {
        let mut peer = rig.connected(4, "meter-1").await;
        let (mut reads, mut writes) = peer.0.into_split();
        let sent = stream.clone();
        let sender = tokio::spawn(async move {
            for part in sent.chunks(step) {
                writes.write_all(part).await.unwrap();
                tokio::task::yield_now().await;
            }
            writes
        });
        let mut answers = vec![0; 30 * 4 + 10 * 2];
        let read = timeout(PATIENCE, reads.read_exact(&mut answers)).await;
        read.expect("answers in time").unwrap();
        peer = Peer(reads.reunite(sender.await.unwrap()).unwrap());
        let mut seen = Vec::new();
        let mut rest = &answers[..];
        while let [first, len, tail @ ..] = rest {
            let (body, tail) = tail.split_at(usize::from(*len));
            seen.push((*first, body.to_vec()));
            rest = tail;
        }
        // PINGRESP answers at once; acks keep their order among themselves.
        seen.retain(|(first, _)| *first != 0xd0);
        assert_eq!(seen, acks, "in steps of {step}");
        peer.send(&[0xe0, 0]).await;
    }
    assert_eq!(rig.settled().await.received, 6 * 40);
    rig.stop().await.unwrap();
}
