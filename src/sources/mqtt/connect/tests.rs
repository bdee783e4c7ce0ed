#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::*;
use crate::sources::mqtt::packet::frame;
use proptest::prelude::*;
use rumqttc::mqttbytes::QoS as QosV4;
use rumqttc::v5::mqttbytes::QoS as QosV5;

fn read_all(bytes: &[u8]) -> Result<Connect, (Option<Version>, Fault)> {
    read(&frame(bytes, 1 << 16).unwrap().unwrap())
}

fn v4_bytes(change: impl FnOnce(&mut v4::Connect)) -> Vec<u8> {
    let mut connect = v4::Connect::new("pole-7");
    change(&mut connect);
    let mut bytes = BytesMut::new();
    connect.write(&mut bytes).unwrap();
    bytes.to_vec()
}

fn v5_bytes(properties: Option<v5::ConnectProperties>, will: Option<&v5::LastWill>) -> Vec<u8> {
    let connect = v5::Connect {
        keep_alive: 60,
        client_id: "pole-7".into(),
        clean_start: false,
        properties,
    };
    let mut bytes = BytesMut::new();
    connect.write(&will.cloned(), &None, &mut bytes).unwrap();
    bytes.to_vec()
}

#[test]
fn connect_of_3_1_1() {
    let bytes = v4_bytes(|connect| {
        connect.clean_session = false;
        connect.set_login("u", "p");
        let will = v4::LastWill::new("city/pole-7/will", "gone", QosV4::AtLeastOnce, true);
        connect.last_will = Some(will);
    });
    let connect = read_all(&bytes).unwrap();
    assert_eq!(connect.version, Version::V4);
    assert_eq!((connect.clean, connect.expiry_secs), (false, None));
    assert_eq!(connect.login, Some(("u".to_owned(), "p".to_owned())));
    let will = connect.will.unwrap();
    assert_eq!((&*will.topic, &*will.payload), ("city/pole-7/will", "gone"));
    assert_eq!(read_all(&v4_bytes(|_| {})).unwrap().expiry_secs, Some(0));
}

#[test]
fn connect_of_5() {
    let properties = v5::ConnectProperties {
        session_expiry_interval: Some(3600),
        ..Default::default()
    };
    let mut will = v5::LastWill::new("w", "x".repeat(300), QosV5::AtMostOnce, false, None);
    will.properties = Some(v5::LastWillProperties {
        delay_interval: Some(5),
        payload_format_indicator: None,
        message_expiry_interval: None,
        content_type: None,
        response_topic: None,
        correlation_data: None,
        user_properties: Vec::new(),
    });
    let connect = read_all(&v5_bytes(Some(properties), Some(&will))).unwrap();
    assert_eq!(
        (connect.version, connect.expiry_secs),
        (Version::V5, Some(3600))
    );
    let will = connect.will.unwrap();
    assert_eq!(
        (will.delay_secs, will.payload.len()),
        (5, Will::PAYLOAD_MAX)
    );
    assert_eq!(
        read_all(&v5_bytes(None, None)).unwrap().expiry_secs,
        Some(0)
    );
}

#[test]
fn other_versions_are_told_so_in_words_that_they_know() {
    let mqisdp = b"\x10\x10\0\x06MQIsdp\x03\x02\0\x3c\0\x02ab";
    let (version, fault) = read_all(mqisdp).unwrap_err();
    assert_eq!((version, fault.reason()), (Some(Version::V4), 0x84));
    let newer = b"\x10\x0e\0\x04MQTT\x06\x02\0\x3c\0\x02ab";
    let (version, fault) = read_all(newer).unwrap_err();
    assert_eq!(
        (version, fault),
        (Some(Version::V5), Fault::Version { level: 6 })
    );
    let other = b"\x10\x0e\0\x04HTTP\x04\x02\0\x3c\0\x02ab";
    assert_eq!(read_all(other).unwrap_err().0, None);
}

#[test]
fn what_connect_may_not_say() {
    let reserved = b"\x10\x0e\0\x04MQTT\x04\x03\0\x3c\0\x02ab";
    assert_eq!(read_all(reserved).unwrap_err().1.reason(), 0x81);
    let will_qos_3 = b"\x10\x14\0\x04MQTT\x04\x1e\0\x3c\0\x02ab\0\x01w\0\x01x";
    assert_eq!(read_all(will_qos_3).unwrap_err().1.reason(), 0x81);
    let nameless = v4_bytes(|connect| {
        connect.client_id.clear();
        connect.clean_session = false;
    });
    assert_eq!(read_all(&nameless).unwrap_err().1.reason(), 0x85);
    let long = v4_bytes(|connect| connect.client_id = "x".repeat(CLIENT_ID_MAX + 1));
    assert_eq!(read_all(&long).unwrap_err().1.reason(), 0x85);
    let wild = v4_bytes(|connect| {
        let will = v4::LastWill::new("a/#", "x", QosV4::AtMostOnce, false);
        connect.last_will = Some(will);
    });
    assert_eq!(read_all(&wild).unwrap_err().1.reason(), 0x90);
    let enhanced = v5::ConnectProperties {
        authentication_method: Some("SCRAM".into()),
        ..Default::default()
    };
    assert_eq!(
        read_all(&v5_bytes(Some(enhanced), None)).unwrap_err().1,
        Fault::Method
    );
    assert!(read_all(&[0x30, 3, 0, 1, b'a']).is_err());
}

#[test]
fn a_will_of_any_bytes_is_cut_at_a_character() {
    for payload in ["灯".repeat(200).into_bytes(), vec![0xff; 300]] {
        let will = Will::new(b"w", &payload, 0).unwrap();
        assert!(will.payload.len() <= Will::PAYLOAD_MAX);
        assert!(will.payload.len() > Will::PAYLOAD_MAX - 3);
    }
}

proptest! {
    #[test]
    fn truncated_and_flipped_connects_do_not_panic(at: prop::sample::Index, bit in 0u8..8, v5: bool) {
        let mut bytes = if v5 { v5_bytes(Some(v5::ConnectProperties::default()), None) } else { v4_bytes(|_| {}) };
        let at = at.index(bytes.len());
        prop_assert!(frame(&bytes[..at], 1 << 16).unwrap().is_none());
        bytes[at] ^= 1 << bit;
        if let Ok(Some(frame)) = frame(&bytes, 1 << 16) {
            let _ = read(&frame);
        }
    }
}
