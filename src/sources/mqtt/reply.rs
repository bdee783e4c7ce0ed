//! What the listener sends, appended to a connection's write buffer.
//!
//! Acks are a handful of fixed bytes and written here; CONNACK goes through rumqttc's codec. In
//! MQTT 5 the reason code of an ack is left out when it is 0 (§3.4.2.1), so a good ack has four
//! bytes in both versions.
use super::packet::Version;
use bytes::BytesMut;
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::v5;

/// Which ack, as its first byte on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(clippy::enum_variant_names, reason = "the standard's words")]
pub enum Ack {
    /// Answers a PUBLISH of `QoS` 1.
    PubAck = 0x40,
    /// Answers a PUBLISH of `QoS` 2.
    PubRec = 0x50,
    /// Answers a PUBREL.
    PubComp = 0x70,
}

/// Appends an ack. `reason` is dropped in 3.1.1, which has none.
#[inline]
pub fn ack(out: &mut Vec<u8>, version: Version, ack: Ack, packet_id: u16, reason: u8) {
    let [high, low] = packet_id.to_be_bytes();
    if version == Version::V4 || reason == 0 {
        out.extend_from_slice(&[ack as u8, 2, high, low]);
    } else {
        out.extend_from_slice(&[ack as u8, 3, high, low, reason]);
    }
}

/// Appends PINGRESP.
pub fn pong(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0xd0, 0]);
}

/// Appends the protocol's refusal of a subscription, a code for each filter: 0x80 (3.1.1 §3.9.3)
/// or 0x87, not authorised (5 §3.9.3). This is an ingest endpoint: it has nothing to deliver.
pub fn suback(out: &mut Vec<u8>, version: Version, packet_id: u16, filters: usize) {
    codes(
        out,
        0x90,
        version,
        packet_id,
        filters,
        match version {
            Version::V4 => 0x80,
            Version::V5 => 0x87,
        },
    );
}

/// Appends UNSUBACK; in MQTT 5 with 0x11, no subscription existed, for each filter.
pub fn unsuback(out: &mut Vec<u8>, version: Version, packet_id: u16, filters: usize) {
    let filters = match version {
        Version::V4 => 0,
        Version::V5 => filters,
    };
    codes(out, 0xb0, version, packet_id, filters, 0x11);
}

fn codes(out: &mut Vec<u8>, first: u8, version: Version, packet_id: u16, count: usize, code: u8) {
    let properties = usize::from(version == Version::V5);
    out.push(first);
    variable(out, 2 + properties + count);
    out.extend_from_slice(&packet_id.to_be_bytes());
    out.resize(out.len() + properties, 0);
    out.resize(out.len() + count, code);
}

/// A variable byte integer (MQTT 5 §1.5.5).
fn variable(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let byte = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        out.push(byte | if value > 0 { 0x80 } else { 0 });
        if value == 0 {
            return;
        }
    }
}

/// Appends a DISCONNECT with a reason; 3.1.1 has no such packet from a server.
pub fn disconnect(out: &mut Vec<u8>, version: Version, reason: u8) {
    if version == Version::V5 {
        out.extend_from_slice(&[0xe0, 1, reason]);
    }
}

/// What a CONNACK that accepts says in MQTT 5.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Session Present.
    pub present: bool,
    /// Session Expiry Interval in seconds, where it is not what the peer asked for.
    pub expiry: Option<u32>,
    /// Receive Maximum.
    pub receive_max: u16,
    /// Maximum Packet Size in bytes.
    pub packet_max: u32,
    /// Assigned Client Identifier.
    pub assigned: Option<String>,
    /// Server Keep Alive in seconds, where it is not what the peer asked for.
    pub keep_alive: Option<u16>,
}

/// Appends the CONNACK that accepts.
pub fn accept(out: &mut Vec<u8>, version: Version, terms: &Terms) {
    if version == Version::V4 {
        out.extend_from_slice(&[0x20, 2, u8::from(terms.present), 0]);
        return;
    }
    let ack = v5::ConnAck {
        session_present: terms.present,
        code: v5::ConnectReturnCode::Success,
        properties: Some(v5::ConnAckProperties {
            session_expiry_interval: terms.expiry,
            receive_max: Some(terms.receive_max),
            max_qos: None,
            retain_available: Some(0),
            max_packet_size: Some(terms.packet_max),
            assigned_client_identifier: terms.assigned.clone(),
            topic_alias_max: Some(0),
            reason_string: None,
            user_properties: Vec::new(),
            wildcard_subscription_available: Some(0),
            subscription_identifiers_available: Some(0),
            shared_subscription_available: Some(0),
            server_keep_alive: terms.keep_alive,
            response_information: None,
            server_reference: None,
            authentication_method: None,
            authentication_data: None,
        }),
    };
    let mut bytes = BytesMut::new();
    // Fails only above 256 MiB.
    if ack.write(&mut bytes).is_ok() {
        out.extend_from_slice(&bytes);
    }
}

/// Appends the CONNACK that refuses, with a reason code of MQTT 5 or the return code of 3.1.1 that
/// comes nearest. 3.1.1 knows five.
pub fn refuse(out: &mut Vec<u8>, version: Version, reason: u8) {
    match version {
        Version::V5 => out.extend_from_slice(&[0x20, 3, 0, reason, 0]),
        Version::V4 => {
            let code = match reason {
                0x84 => v4::ConnectReturnCode::RefusedProtocolVersion,
                0x85 => v4::ConnectReturnCode::BadClientId,
                0x86 => v4::ConnectReturnCode::BadUserNamePassword,
                0x87 | 0x8c => v4::ConnectReturnCode::NotAuthorized,
                _ => v4::ConnectReturnCode::ServiceUnavailable,
            };
            out.extend_from_slice(&[0x20, 2, 0, code as u8]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_v5(bytes: &[u8]) -> v5::Packet {
        let mut stream = BytesMut::from(bytes);
        let packet = v5::Packet::read(&mut stream, None).expect("one packet");
        assert!(stream.is_empty());
        packet
    }

    fn read_v4(bytes: &[u8]) -> v4::Packet {
        let mut stream = BytesMut::from(bytes);
        let packet = v4::Packet::read(&mut stream, 1 << 20).expect("one packet");
        assert!(stream.is_empty());
        packet
    }

    proptest! {
        #[test]
        fn acks_are_what_the_codec_reads(packet_id in 1u16.., rejected: bool) {
            let reason = if rejected { 0x99 } else { 0 };
            let mut out = Vec::new();
            ack(&mut out, Version::V5, Ack::PubAck, packet_id, reason);
            let v5::Packet::PubAck(read) = read_v5(&out) else { panic!("{out:?}") };
            prop_assert_eq!(read.pkid, packet_id);
            prop_assert_eq!(read.reason == v5::PubAckReason::PayloadFormatInvalid, rejected);
            out.clear();
            ack(&mut out, Version::V4, Ack::PubRec, packet_id, reason);
            let v4::Packet::PubRec(read) = read_v4(&out) else { panic!("{out:?}") };
            prop_assert_eq!(read.pkid, packet_id);
        }

        #[test]
        fn every_filter_gets_its_code(packet_id in 1u16.., filters in 1usize..20_000) {
            let mut out = Vec::new();
            suback(&mut out, Version::V5, packet_id, filters);
            let v5::Packet::SubAck(read) = read_v5(&out) else { panic!("no SUBACK") };
            prop_assert_eq!(read.return_codes, vec![v5::SubscribeReasonCode::NotAuthorized; filters]);
            out.clear();
            suback(&mut out, Version::V4, packet_id, filters);
            let v4::Packet::SubAck(read) = read_v4(&out) else { panic!("no SUBACK") };
            prop_assert_eq!(read.return_codes, vec![v4::SubscribeReasonCode::Failure; filters]);
            out.clear();
            unsuback(&mut out, Version::V5, packet_id, filters);
            let v5::Packet::UnsubAck(read) = read_v5(&out) else { panic!("no UNSUBACK") };
            prop_assert_eq!(read.reasons, vec![v5::UnsubAckReason::NoSubscriptionExisted; filters]);
        }
    }

    #[test]
    fn unsuback_of_3_1_1_has_no_codes() {
        let mut out = Vec::new();
        unsuback(&mut out, Version::V4, 0x1234, 3);
        assert_eq!(out, [0xb0, 2, 0x12, 0x34]);
    }

    #[test]
    fn acceptance_states_the_limits() {
        let terms = Terms {
            present: true,
            expiry: Some(60),
            receive_max: 1024,
            packet_max: 262_144,
            assigned: Some("auto-1".to_owned()),
            keep_alive: Some(30),
        };
        let mut out = Vec::new();
        accept(&mut out, Version::V5, &terms);
        let v5::Packet::ConnAck(read) = read_v5(&out) else {
            panic!("no CONNACK")
        };
        assert!(read.session_present);
        let said = read.properties.expect("limits");
        assert_eq!(said.receive_max, Some(1024));
        assert_eq!(said.max_packet_size, Some(262_144));
        assert_eq!(said.topic_alias_max, Some(0));
        assert_eq!(said.retain_available, Some(0));
        assert_eq!(said.session_expiry_interval, Some(60));
        assert_eq!(said.assigned_client_identifier.as_deref(), Some("auto-1"));
        assert_eq!(said.server_keep_alive, Some(30));
        out.clear();
        accept(&mut out, Version::V4, &terms);
        assert_eq!(out, [0x20, 2, 1, 0]);
    }

    #[test]
    fn refusals_use_the_codes_of_their_version() {
        for (reason, code) in [
            (0x84, 1),
            (0x85, 2),
            (0x89, 3),
            (0x97, 3),
            (0x86, 4),
            (0x8c, 5),
        ] {
            let mut out = Vec::new();
            refuse(&mut out, Version::V4, reason);
            assert_eq!(out, [0x20, 2, 0, code]);
            out.clear();
            refuse(&mut out, Version::V5, reason);
            assert_eq!(out, [0x20, 3, 0, reason, 0]);
        }
    }

    #[test]
    fn disconnect_has_its_reason_in_5_and_no_bytes_in_3_1_1() {
        let mut out = Vec::new();
        disconnect(&mut out, Version::V4, 0x8b);
        assert!(out.is_empty());
        disconnect(&mut out, Version::V5, 0x8b);
        assert_eq!(out, [0xe0, 1, 0x8b]);
    }
}
