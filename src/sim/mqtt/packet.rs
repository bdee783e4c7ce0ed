//! The few MQTT 3.1.1 packets that a publisher writes and reads.
//!
//! CONNECT is encoded by `rumqttc`'s codec. PUBLISH and the acknowledgements are not: the codec wants
//! an owned topic per PUBLISH and splits a shared buffer per acknowledgement, and this client must
//! cost far less than the gateway that it loads.
use bytes::BytesMut;
use rumqttc::mqttbytes::v4::{Connect, Login};

/// Longest packet from the gateway, in bytes: a publisher gets nothing longer than an acknowledgement.
pub(super) const INCOMING_MAX: usize = 512;
/// DISCONNECT, whole.
pub(super) const DISCONNECT: [u8; 2] = [0xe0, 0];
/// PINGREQ, whole.
pub(super) const PINGREQ: [u8; 2] = [0xc0, 0];
/// The DUP flag in a PUBLISH's first byte.
pub(super) const DUP: u8 = 0x08;

/// A packet from the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// CONNACK: was there a session, and the return code (0: accepted).
    ConnAck { session_present: bool, code: u8 },
    /// PUBACK of a packet id.
    PubAck(u16),
    /// PUBREC of a packet id.
    PubRec(u16),
    /// PUBCOMP of a packet id.
    PubComp(u16),
    /// PINGRESP, or a packet that means nothing to a publisher.
    Other,
}

/// The peer does not speak MQTT 3.1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// More than a publisher can be sent.
    #[error("the peer sent a packet of over {INCOMING_MAX} bytes")]
    TooLong,
    /// An acknowledgement without its packet id, or a length that does not end.
    #[error("the peer sent a malformed packet of type {first:#04x}")]
    Malformed {
        /// Its first byte.
        first: u8,
    },
}

/// CONNECT in an unclean session, so that the packets in flight survive the connection.
pub(super) fn connect(
    client_id: &str,
    login: Option<&(String, String)>,
    keep_alive: u16,
) -> BytesMut {
    let mut out = BytesMut::new();
    let connect = Connect {
        clean_session: false,
        keep_alive,
        login: login.map(|(user, password)| Login::new(user.as_str(), password.as_str())),
        ..Connect::new(client_id)
    };
    connect
        .write(&mut out)
        .expect("a client id and a login are far below MQTT's 256 MB");
    out
}

/// Appends a PUBLISH; `id` is left out at `QoS` 0.
pub(super) fn put_publish(out: &mut Vec<u8>, topic: &[u8], payload: &[u8], qos: u8, id: u16) {
    let id_len = if qos == 0 { 0 } else { 2 };
    let topic_len = u16::try_from(topic.len()).expect("topics are checked at the start");
    out.push(0x30 | (qos << 1));
    put_remaining_length(out, 2 + topic.len() + id_len + payload.len());
    out.extend_from_slice(&topic_len.to_be_bytes());
    out.extend_from_slice(topic);
    if qos > 0 {
        out.extend_from_slice(&id.to_be_bytes());
    }
    out.extend_from_slice(payload);
}

/// Appends a PUBREL.
pub(super) fn put_pubrel(out: &mut Vec<u8>, id: u16) {
    out.extend_from_slice(&[0x62, 2]);
    out.extend_from_slice(&id.to_be_bytes());
}

fn put_remaining_length(out: &mut Vec<u8>, mut len: usize) {
    loop {
        let low = u8::try_from(len % 128).unwrap_or(0);
        len /= 128;
        if len == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// The first packet in `bytes` and its length; `None` while it is incomplete.
///
/// # Errors
/// Bytes that no MQTT server sends to a publisher.
pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Incoming, usize)>, PacketError> {
    let Some((&first, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    let malformed = PacketError::Malformed { first };
    let (mut len, mut header) = (0_usize, 1);
    for (place, &byte) in rest.iter().take(4).enumerate() {
        len |= usize::from(byte & 0x7f) << (7 * place);
        header += 1;
        if byte & 0x80 == 0 {
            break;
        }
    }
    match bytes.get(header - 1) {
        Some(last) if header > 1 && last & 0x80 == 0 => {}
        _ if header == 5 => return Err(malformed),
        _ => return Ok(None),
    }
    if header + len > INCOMING_MAX {
        return Err(PacketError::TooLong);
    }
    let Some(body) = bytes.get(header..header + len) else {
        return Ok(None);
    };
    let id = match body {
        &[high, low, ..] => Some(u16::from_be_bytes([high, low])),
        _ => None,
    };
    let packet = match (first >> 4, id) {
        (2, Some(flags_and_code)) => {
            let [flags, code] = flags_and_code.to_be_bytes();
            Incoming::ConnAck {
                session_present: flags & 1 == 1,
                code,
            }
        }
        (4, Some(id)) => Incoming::PubAck(id),
        (5, Some(id)) => Incoming::PubRec(id),
        (7, Some(id)) => Incoming::PubComp(id),
        (2 | 4 | 5 | 7, None) => return Err(malformed),
        _ => Incoming::Other,
    };
    Ok(Some((packet, header + len)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use proptest::prelude::*;
    use rumqttc::mqttbytes::v4::Packet;

    proptest! {
        #[test]
        fn the_codec_reads_what_is_published(
            topic in "[a-z/]{1,40}", payload in prop::collection::vec(any::<u8>(), 0..40_000),
            qos in 0u8..=2, id in 1u16..,
        ) {
            let mut out = Vec::new();
            put_publish(&mut out, topic.as_bytes(), &payload, qos, id);
            let mut stream = BytesMut::from(out.as_slice());
            let Ok(Packet::Publish(publish)) = Packet::read(&mut stream, 1 << 20) else {
                return Err(TestCaseError::fail("no PUBLISH"));
            };
            prop_assert!(stream.is_empty());
            prop_assert_eq!(publish.topic, topic);
            prop_assert_eq!(publish.payload, payload);
            prop_assert_eq!(publish.qos as u8, qos);
            prop_assert_eq!(publish.pkid, if qos == 0 { 0 } else { id });
        }

        #[test]
        fn any_bytes_are_parsed_without_a_panic(bytes: Vec<u8>) {
            if let Ok(Some((_, len))) = parse(&bytes) {
                prop_assert!(len <= bytes.len() && len >= 2);
            }
        }
    }

    #[test]
    fn acknowledgements_are_parsed_whole_or_waited_for() {
        for (bytes, packet) in [
            (
                &[0x20, 2, 1, 0][..],
                Incoming::ConnAck {
                    session_present: true,
                    code: 0,
                },
            ),
            (&[0x40, 2, 1, 2], Incoming::PubAck(0x0102)),
            (&[0x50, 2, 0, 9], Incoming::PubRec(9)),
            (&[0x70, 2, 0, 9], Incoming::PubComp(9)),
            (&[0xd0, 0], Incoming::Other),
        ] {
            assert_eq!(parse(bytes), Ok(Some((packet, bytes.len()))));
            for cut in 0..bytes.len() {
                assert_eq!(parse(&bytes[..cut]), Ok(None));
            }
        }
    }

    #[test]
    fn what_no_server_sends_is_an_error() {
        assert_eq!(
            parse(&[0x40, 0]),
            Err(PacketError::Malformed { first: 0x40 })
        );
        assert_eq!(
            parse(&[0x30, 0xff, 0xff, 0xff, 0xff]),
            Err(PacketError::Malformed { first: 0x30 })
        );
        assert_eq!(parse(&[0x30, 0xff, 0xff, 0x7f]), Err(PacketError::TooLong));
    }

    #[test]
    fn connect_asks_for_a_session() {
        let mut bytes = connect("sim-1", Some(&("u".to_owned(), "p".to_owned())), 60);
        let Packet::Connect(connect) = Packet::read(&mut bytes, 1000).unwrap() else {
            panic!("no CONNECT");
        };
        assert!(!connect.clean_session);
        assert_eq!(connect.client_id, "sim-1");
        assert_eq!(connect.login, Some(Login::new("u", "p")));
    }
}
