#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::*;
use proptest::prelude::*;
use rumqttc::mqttbytes::QoS as QosV4;
use rumqttc::v5::mqttbytes::QoS as QosV5;

const LIMIT: usize = 1 << 18;

fn one(bytes: &[u8], version: Version) -> Packet<'_> {
    let (packet, len) = next(bytes, version, LIMIT).unwrap().unwrap();
    assert_eq!(len, bytes.len());
    packet
}

fn fault(bytes: &[u8], version: Version) -> Fault {
    match next(bytes, version, LIMIT) {
        Err(fault) => fault,
        Ok(read) => panic!("{read:?}"),
    }
}

fn published<'a>(packet: &Packet<'a>) -> Publish<'a> {
    match packet {
        Packet::Publish(publish) => *publish,
        other => panic!("{other:?}"),
    }
}

fn put<P>(packet: &P, write: impl Fn(&P, &mut BytesMut)) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    write(packet, &mut bytes);
    bytes.to_vec()
}

proptest! {
    #[test]
    fn publish_is_what_the_codec_wrote(
        topic in "[a-z/灯]{1,80}", payload: Vec<u8>, number in 0u8..3, pkid in 1u16.., dup: bool,
        content_type in prop::option::of("[a-z]{0,200}"),
    ) {
        let qos = [QosV4::AtMostOnce, QosV4::AtLeastOnce, QosV4::ExactlyOnce][usize::from(number)];
        let mut packet = v4::Publish::new(&topic, qos, payload.clone());
        packet.pkid = if number == 0 { 0 } else { pkid };
        packet.dup = dup;
        let bytes = put(&packet, |p, out| { p.write(out).unwrap(); });
        let read = published(&one(&bytes, Version::V4));
        prop_assert_eq!((read.topic, read.payload, read.packet_id), (&topic[..], &payload[..], packet.pkid));
        prop_assert_eq!((read.qos as u8, read.dup), (number, dup));

        let qos = [QosV5::AtMostOnce, QosV5::AtLeastOnce, QosV5::ExactlyOnce][usize::from(number)];
        let properties = content_type.map(|text| v5::PublishProperties {
            content_type: Some(text),
            user_properties: vec![("k".into(), "v".into())],
            ..Default::default()
        });
        let mut packet = v5::Publish::new(&topic, qos, payload.clone(), properties);
        packet.pkid = if number == 0 { 0 } else { pkid };
        let bytes = put(&packet, |p, out| { p.write(out).unwrap(); });
        let read = published(&one(&bytes, Version::V5));
        prop_assert_eq!((read.topic, read.payload, read.packet_id), (&topic[..], &payload[..], packet.pkid));

        for cut in 0..bytes.len() {
            prop_assert_eq!(next(&bytes[..cut], Version::V5, LIMIT), Ok(None));
        }
    }

    #[test]
    fn garbage_does_not_panic(mut bytes: Vec<u8>, first in 0u8.., v5: bool) {
        let version = if v5 { Version::V5 } else { Version::V4 };
        let _ = next(&bytes, version, LIMIT);
        let len = u8::try_from(bytes.len().min(127)).unwrap();
        bytes.truncate(127);
        let framed = [&[first, len], &bytes[..]].concat();
        let _ = next(&framed, version, LIMIT);
    }
}

#[test]
fn packets_follow_each_other() {
    let bytes = [0xc0, 0, 0x30, 3, 0, 1, b'a', 0x62, 2, 0, 9, 0xe0, 0];
    let mut at = 0;
    let mut seen = Vec::new();
    while let Some((packet, len)) = next(&bytes[at..], Version::V4, LIMIT).unwrap() {
        seen.push(packet);
        at += len;
    }
    assert_eq!(at, bytes.len());
    assert_eq!(seen[0], Packet::Ping);
    assert_eq!(published(&seen[1]).topic, "a");
    assert_eq!(seen[2], Packet::Release { packet_id: 9 });
    assert!(matches!(seen[3], Packet::Disconnect { reason: 0, .. }));
}

#[test]
fn subscriptions_give_their_id_and_count() {
    let subscribe = [0x82, 12, 0, 7, 0, 1, b'a', 0, 0, 3, b'b', b'/', b'#', 1];
    let expected = Packet::Subscribe {
        packet_id: 7,
        filters: 2,
    };
    assert_eq!(one(&subscribe, Version::V4), expected);
    let subscribe = [0x82, 13, 0, 7, 0, 0, 1, b'a', 0, 0, 3, b'b', b'/', b'#', 1];
    assert_eq!(one(&subscribe, Version::V5), expected);
    let expected = Packet::Unsubscribe {
        packet_id: 7,
        filters: 1,
    };
    assert_eq!(one(&[0xa2, 5, 0, 7, 0, 1, b'a'], Version::V4), expected);
    assert_eq!(one(&[0xa2, 6, 0, 7, 0, 0, 1, b'a'], Version::V5), expected);
    assert!(matches!(
        fault(&[0x82, 2, 0, 7], Version::V4),
        Fault::Malformed { .. }
    ));
}

#[test]
fn disconnect_may_leave_out_its_parts() {
    let left = |reason, expiry| Packet::Disconnect { reason, expiry };
    assert_eq!(one(&[0xe0, 0], Version::V5), left(0, None));
    assert_eq!(one(&[0xe0, 1, 4], Version::V5), left(4, None));
    assert_eq!(one(&[0xe0, 2, 4, 0], Version::V5), left(4, None));
    let with_expiry = [0xe0, 7, 0, 5, 0x11, 0, 0, 0, 9];
    assert_eq!(one(&with_expiry, Version::V5), left(0, Some(9)));
    assert!(matches!(
        fault(&[0xe0, 1, 0], Version::V4),
        Fault::Malformed { .. }
    ));
}

#[test]
fn topics_that_name_no_place_are_faults() {
    let with = |name: &[u8]| {
        let len = u8::try_from(name.len()).unwrap();
        [&[0x30, len + 3, 0, len], name, b"p"].concat()
    };
    for name in [&b""[..], b"a/+", b"#", b"a\0b"] {
        assert_eq!(fault(&with(name), Version::V4).reason(), 0x90);
    }
    assert_eq!(fault(&with(b"\xff\xfe"), Version::V4).reason(), 0x81);
    let alias = [0x30, 8, 0, 1, b'a', 3, 0x23, 0, 1, b'p'];
    assert_eq!(fault(&alias, Version::V5), Fault::TopicAlias);
}

#[test]
fn malformed_packets_end_with_the_reason_of_mqtt_5() {
    let cases: [(&[u8], u8); 12] = [
        (&[0x36, 5, 0, 1, b'a', 0, 1], 0x81), // QoS 3
        (&[0x32, 5, 0, 1, b'a', 0, 0], 0x81), // packet id 0
        (&[0x32, 3, 0, 1, b'a'], 0x81),       // no packet id
        (&[0x30, 3, 0, 9, b'a'], 0x81),       // topic beyond the packet
        (&[0x30, 5, 0, 1, b'a', 9, 0], 0x81), // properties beyond the packet
        (&[0x60, 2, 0, 1], 0x81),             // flags of PUBREL
        (&[0x30, 0xff, 0xff, 0xff, 0xff], 0x81),
        (&[0xc0, 1, 0], 0x81), // PINGREQ with a body
        (&[0xf0, 0], 0x8c),    // AUTH
        (&[0x10, 0], 0x82),    // a second CONNECT
        (&[0x40, 2, 0, 1], 0x82),
        (&[0x00, 0], 0x81),
    ];
    for (bytes, reason) in cases {
        assert_eq!(fault(bytes, Version::V5).reason(), reason, "{bytes:02x?}");
    }
    assert_eq!(fault(&[0xf0, 0], Version::V4).reason(), 0x81);
}

#[test]
fn oversize_is_seen_before_the_packet_is_complete() {
    let limit = 1024;
    let head = [0x30, 0x80, 0x08];
    let expected = Fault::TooLarge { bytes: 1027, limit };
    assert_eq!(next(&head, Version::V5, limit), Err(expected));
    assert_eq!(expected.reason(), 0x95);
    assert_eq!(next(&[0x30, 0xfd, 0x07], Version::V5, limit), Ok(None)); // exactly 1024
}
