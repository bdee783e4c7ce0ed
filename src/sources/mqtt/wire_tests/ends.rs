//! Takeover, wills, the gateway's own end.
use super::*;
use std::sync::atomic::Ordering;

/// A will on this topic: the flags beside it are 0x04.
fn will(topic: &str, payload: &[u8]) -> Vec<u8> {
    [text(topic.as_bytes()), text(payload)].concat()
}

#[tokio::test]
async fn a_new_connection_ends_the_old_one_and_its_will() {
    let rig = Rig::new().await;
    let mut old = rig.peer().await;
    let said = [&[0][..], &will("city/pole-1/will", b"gone")].concat();
    old.send(&connect_with(5, "pole-1", 4, 600, &said)).await;
    old.packet().await;
    let mut new = rig.peer().await;
    new.send(&connect(5, "pole-1", 0, 600)).await;
    assert_eq!(new.packet().await.1[0], 1, "Session Present");
    assert_eq!(old.packet().await, (0xe0, vec![0x8e]));
    assert!(old.rest().await.is_empty());
    new.send(&publish(5, 1, 1, "pole-1", GOOD)).await;
    assert_eq!(new.packet().await, (0x40, vec![0, 1]));
    rig.until(|rig| rig.service.stats.connections.load(Ordering::Relaxed) == 1)
        .await;
    assert_eq!(rig.service.stats.takeovers.load(Ordering::Relaxed), 1);
    assert!(rig.events().is_empty());
    assert_eq!(rig.service.sessions.len(), 1);
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn a_will_becomes_an_event_unless_the_device_says_goodbye() {
    let rig = Rig::new().await;
    for (client, goodbye) in [("pole-1", &[0xe0, 0][..]), ("pole-2", &[])] {
        let mut peer = rig.peer().await;
        let said = will(&format!("city/{client}/will"), b"gone");
        peer.send(&connect_with(4, client, 6, 0, &said)).await;
        peer.packet().await;
        peer.send(goodbye).await;
        drop(peer);
    }
    rig.until(|rig| !rig.events().is_empty()).await;
    rig.until(|rig| rig.service.stats.connections.load(Ordering::Relaxed) == 0)
        .await;
    let events = rig.events();
    assert_eq!(events.len(), 1);
    let event = &events[0];
    assert_eq!((&*event.device_id, &*event.name), ("pole-2", "will"));
    assert_eq!(event.detail["payload"], "gone");
    assert_eq!(event.detail["topic"], "city/pole-2/will");
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn disconnect_0x04_asks_for_the_will() {
    let rig = Rig::new().await;
    let mut peer = rig.peer().await;
    let said = [&[0][..], &will("some/where", &[0xff; 600])].concat();
    peer.send(&connect_with(5, "pole-3", 6, 0, &said)).await;
    peer.packet().await;
    peer.send(&[0xe0, 1, 4]).await;
    rig.until(|rig| !rig.events().is_empty()).await;
    let event = &rig.events()[0];
    // No route knows the topic, so the client id names the device.
    assert_eq!(event.device_id, "pole-3");
    assert!(event.detail["payload"].len() <= 256);
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn a_delayed_will_is_cancelled_by_a_reconnect() {
    let rig = Rig::new().await;
    let delayed = [&[5, 0x18, 0, 0, 0, 1][..], &will("city/pole-1/will", b"x")].concat();
    for client in ["pole-1", "pole-2"] {
        let mut peer = rig.peer().await;
        peer.send(&connect_with(5, client, 4, 600, &delayed)).await;
        peer.packet().await;
    }
    rig.until(|rig| rig.service.stats.connections.load(Ordering::Relaxed) == 0)
        .await;
    let mut back = rig.peer().await;
    back.send(&connect(5, "pole-1", 0, 600)).await;
    back.packet().await;
    rig.until(|rig| !rig.events().is_empty()).await;
    let events = rig.events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].detail["client"], "pole-2");
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn a_session_may_be_ended_by_disconnect_but_not_begun() {
    let rig = Rig::new().await;
    let mut peer = rig.peer().await;
    peer.send(&connect(5, "a", 0, 600)).await;
    peer.packet().await;
    peer.send(&[0xe0, 7, 0, 5, 0x11, 0, 0, 0, 0]).await;
    peer.rest().await;
    assert!(rig.service.sessions.is_empty());
    let mut peer = rig.connected(5, "a").await;
    peer.send(&[0xe0, 7, 0, 5, 0x11, 0, 0, 0, 9]).await;
    assert_eq!(peer.rest().await, [0xe0, 1, 0x82]);
    rig.stop().await.unwrap();
}

#[tokio::test]
async fn a_gateway_that_stops_acknowledges_what_it_read() {
    let rig = Rig::new().await;
    let mut new = rig.connected(5, "a").await;
    let mut old = rig.connected(4, "b").await;
    let said = will("city/c/will", b"x");
    let mut with_will = rig.peer().await;
    with_will.send(&connect_with(4, "c", 6, 0, &said)).await;
    with_will.packet().await;
    let silent = rig.peer().await;
    new.send(&publish(5, 1, 1, "a", GOOD)).await;
    old.send(&publish(4, 1, 1, "b", GOOD)).await;
    rig.until(|rig| rig.counts().received == 2).await;
    rig.halt.cancel();
    assert_eq!(new.rest().await, [0x40, 2, 0, 1, 0xe0, 1, 0x8b]);
    assert_eq!(old.rest().await, [0x40, 2, 0, 1]);
    assert!(with_will.rest().await.is_empty());
    drop(silent);
    let counts = rig.settled().await;
    assert_eq!((counts.logged, counts.received), (2, 2));
    let service = Arc::clone(&rig.service);
    assert!(rig.events().is_empty());
    rig.stop().await.unwrap();
    assert_eq!(service.stats.connections.load(Ordering::Relaxed), 0);
}
