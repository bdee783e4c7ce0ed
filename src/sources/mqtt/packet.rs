//! MQTT packets of a connected peer, read in place.
//!
//! ```text
//! socket read -> [ PUBLISH | PUBLISH | PUBREL | PINGREQ | PUBL.. ]
//!                   |  topic and payload stay slices of the read     `- a rest, kept for the next read
//! ```
//! The packets of the message flow (PUBLISH, PUBREL, PINGREQ) are read here without a copy: rumqttc's
//! codec allocates the topic and counts references on every packet, which costs more than the rest
//! of the path. All other packets, and the properties of a PUBLISH, go through that codec; property
//! tests hold both against each other. What the codec lets pass is checked here: fixed header flags
//! (MQTT 5 §2.1.3), topic names, packet ids.
use super::fault::Fault;
use bytes::{Bytes, BytesMut};
use rumqttc::mqttbytes::v4;
use rumqttc::v5::mqttbytes::v5;

/// Protocol version of a connection, from CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 3.1.1.
    V4,
    /// 5.
    V5,
}

/// Quality of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::enum_variant_names, reason = "the standard's words")]
pub enum Qos {
    /// 0: unpromised.
    AtMostOnce,
    /// 1: PUBACK.
    AtLeastOnce,
    /// 2: PUBREC, PUBREL, PUBCOMP.
    ExactlyOnce,
}

/// A PUBLISH in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publish<'a> {
    /// Checked: UTF-8, not empty, no wildcard, no U+0000.
    pub topic: &'a str,
    /// As sent.
    pub payload: &'a [u8],
    /// Not 0 unless the quality of service is 0.
    pub packet_id: u16,
    /// As sent.
    pub qos: Qos,
    /// DUP flag; means nothing with `QoS` 0.
    pub dup: bool,
}

/// What a connected peer may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// A message.
    Publish(Publish<'a>),
    /// PUBREL: the packet id of a `QoS` 2 message is free again.
    Release {
        /// As in its PUBLISH.
        packet_id: u16,
    },
    /// SUBSCRIBE, which this gateway refuses.
    Subscribe {
        /// To be answered.
        packet_id: u16,
        /// Number of filters: one code each in the answer.
        filters: usize,
    },
    /// UNSUBSCRIBE.
    Unsubscribe {
        /// To be answered.
        packet_id: u16,
        /// Number of filters: one code each in the answer of MQTT 5.
        filters: usize,
    },
    /// PINGREQ.
    Ping,
    /// DISCONNECT.
    Disconnect {
        /// 0: forget the will. 4: publish it.
        reason: u8,
        /// Session Expiry Interval in seconds, where the peer changes it.
        expiry: Option<u32>,
    },
}

const CONNECT: u8 = 1;
const PUBLISH: u8 = 3;
const PUBREL: u8 = 6;
const SUBSCRIBE: u8 = 8;
const UNSUBSCRIBE: u8 = 10;
const PINGREQ: u8 = 12;
const DISCONNECT: u8 = 14;
const AUTH: u8 = 15;

const fn malformed<T>(what: &'static str) -> Result<T, Fault> {
    Err(Fault::Malformed { what })
}

/// One packet's bytes: type and flags, and what follows the fixed header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// First byte: type and flags.
    pub first: u8,
    /// Variable header and payload.
    pub body: &'a [u8],
    /// The whole packet.
    pub packet: &'a [u8],
}

/// The first packet of `bytes`; `None`: more is needed.
///
/// # Errors
/// A remaining length of more than four bytes, or a packet of more than `limit` bytes, seen before
/// the packet is complete.
#[inline]
pub fn frame(bytes: &[u8], limit: usize) -> Result<Option<Frame<'_>>, Fault> {
    let Some((&first, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    let mut len = 0usize;
    for (at, &byte) in rest.iter().take(4).enumerate() {
        len |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 != 0 {
            continue;
        }
        let total = 2 + at + len;
        if total > limit {
            return Err(Fault::TooLarge {
                bytes: total,
                limit,
            });
        }
        return Ok(bytes.get(..total).map(|packet| Frame {
            first,
            body: packet.get(2 + at..).unwrap_or_default(),
            packet,
        }));
    }
    if rest.len() >= 4 {
        return malformed("remaining length");
    }
    Ok(None)
}

/// The first packet of `bytes` and its length; `None`: more is needed.
///
/// # Errors
/// Whatever ends the connection; nothing after the fault can be read.
#[inline]
pub fn next(
    bytes: &[u8],
    version: Version,
    limit: usize,
) -> Result<Option<(Packet<'_>, usize)>, Fault> {
    let Some(frame) = frame(bytes, limit)? else {
        return Ok(None);
    };
    let packet = if frame.first >> 4 == PUBLISH {
        Packet::Publish(publish(&frame, version)?)
    } else {
        other(&frame, version)?
    };
    Ok(Some((packet, frame.packet.len())))
}

#[inline]
fn publish<'a>(frame: &Frame<'a>, version: Version) -> Result<Publish<'a>, Fault> {
    let qos = match frame.first >> 1 & 3 {
        0 => Qos::AtMostOnce,
        1 => Qos::AtLeastOnce,
        2 => Qos::ExactlyOnce,
        _ => return malformed("quality of service 3"),
    };
    let (name, mut rest) = text(frame.body)?;
    let mut packet_id = 0;
    if qos != Qos::AtMostOnce {
        (packet_id, rest) = id(rest)?;
    }
    if version == Version::V5 {
        rest = publish_properties(rest)?;
    }
    Ok(Publish {
        topic: topic(name)?,
        payload: rest,
        packet_id,
        qos,
        dup: frame.first & 8 != 0,
    })
}

/// Skips the properties of a PUBLISH; what follows is the payload. Those that the gateway has no
/// use for (expiry, content type, user properties) are checked and ignored.
#[inline]
fn publish_properties(bytes: &[u8]) -> Result<&[u8], Fault> {
    if let Some((0, payload)) = bytes.split_first() {
        return Ok(payload);
    }
    checked_properties(bytes)
}

#[cold]
fn checked_properties(bytes: &[u8]) -> Result<&[u8], Fault> {
    let (len, prefix) = variable(bytes)?;
    let Some((properties, payload)) = bytes.split_at_checked(prefix + len) else {
        return malformed("property length");
    };
    // Only these bytes, so that properties cannot run over into the payload.
    let read = v5::PublishProperties::read(&mut Bytes::copy_from_slice(properties));
    match read {
        Ok(Some(read)) if read.topic_alias.is_some() => Err(Fault::TopicAlias),
        Ok(Some(read)) if !read.subscription_identifiers.is_empty() => Err(Fault::Unexpected {
            what: "subscription identifier in PUBLISH",
        }),
        Ok(_) => Ok(payload),
        Err(_) => malformed("properties of PUBLISH"),
    }
}

/// A variable byte integer (MQTT 5 §1.5.5) and its length.
fn variable(bytes: &[u8]) -> Result<(usize, usize), Fault> {
    let mut value = 0usize;
    for (at, &byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok((value, at + 1));
        }
    }
    malformed("property length")
}

#[inline]
fn id(bytes: &[u8]) -> Result<(u16, &[u8]), Fault> {
    let Some((id, rest)) = bytes.split_first_chunk() else {
        return malformed("packet id");
    };
    match u16::from_be_bytes(*id) {
        0 => malformed("packet id 0"),
        id => Ok((id, rest)),
    }
}

/// Bytes with a two-byte length before them.
#[inline]
fn text(bytes: &[u8]) -> Result<(&[u8], &[u8]), Fault> {
    bytes
        .split_first_chunk()
        .and_then(|(len, rest)| rest.split_at_checked(u16::from_be_bytes(*len).into()))
        .ok_or(Fault::Malformed { what: "text" })
}

/// Checks a topic name (MQTT 5 §4.7), of a PUBLISH or a will.
///
/// # Errors
/// Not UTF-8, empty, with a wildcard, or with U+0000.
#[inline]
pub fn topic(name: &[u8]) -> Result<&str, Fault> {
    if name.is_empty() {
        return Err(Fault::Topic { what: "is empty" });
    }
    if name.iter().any(|byte| matches!(byte, b'+' | b'#' | 0)) {
        return Err(Fault::Topic {
            what: "has a wildcard or U+0000",
        });
    }
    std::str::from_utf8(name).map_err(|_| Fault::Malformed {
        what: "topic name is not UTF-8",
    })
}

fn other(frame: &Frame<'_>, version: Version) -> Result<Packet<'static>, Fault> {
    let flags_expected = match frame.first >> 4 {
        PUBREL | SUBSCRIBE | UNSUBSCRIBE => 2,
        _ => 0,
    };
    if frame.first & 0x0f != flags_expected {
        return malformed("flags of the fixed header");
    }
    match frame.first >> 4 {
        PUBREL => id(frame.body).map(|(packet_id, _)| Packet::Release { packet_id }),
        PINGREQ if frame.body.is_empty() => Ok(Packet::Ping),
        PINGREQ => malformed("PINGREQ with a body"),
        SUBSCRIBE => subscribe(frame.packet, version),
        UNSUBSCRIBE => unsubscribe(frame.packet, version),
        DISCONNECT => disconnect(frame, version),
        AUTH if version == Version::V5 => Err(Fault::Method),
        CONNECT => Err(Fault::Unexpected {
            what: "a second CONNECT",
        }),
        0 | AUTH => malformed("packet type"),
        _ => Err(Fault::Unexpected {
            what: "a packet that only a server sends, or an answer to nothing",
        }),
    }
}

/// Runs one packet through the codec of 3.1.1.
fn by_v4(packet: &[u8]) -> Result<v4::Packet, Fault> {
    v4::Packet::read(&mut BytesMut::from(packet), packet.len()).map_err(|_| Fault::Malformed {
        what: "body of a packet",
    })
}

/// Runs one packet through the codec of 5.
fn by_v5(packet: &[u8]) -> Result<v5::Packet, Fault> {
    v5::Packet::read(&mut BytesMut::from(packet), None).map_err(|_| Fault::Malformed {
        what: "body of a packet",
    })
}

fn subscribe(packet: &[u8], version: Version) -> Result<Packet<'static>, Fault> {
    let (packet_id, filters) = match version {
        Version::V4 => match by_v4(packet)? {
            v4::Packet::Subscribe(read) => (read.pkid, read.filters.len()),
            _ => return malformed("SUBSCRIBE"),
        },
        Version::V5 => match by_v5(packet)? {
            v5::Packet::Subscribe(read) => (read.pkid, read.filters.len()),
            _ => return malformed("SUBSCRIBE"),
        },
    };
    if packet_id == 0 {
        return malformed("packet id 0");
    }
    Ok(Packet::Subscribe { packet_id, filters })
}

fn unsubscribe(packet: &[u8], version: Version) -> Result<Packet<'static>, Fault> {
    let (packet_id, filters) = match version {
        Version::V4 => match by_v4(packet)? {
            v4::Packet::Unsubscribe(read) => (read.pkid, read.topics.len()),
            _ => return malformed("UNSUBSCRIBE"),
        },
        Version::V5 => match by_v5(packet)? {
            v5::Packet::Unsubscribe(read) => (read.pkid, read.filters.len()),
            _ => return malformed("UNSUBSCRIBE"),
        },
    };
    if packet_id == 0 || filters == 0 {
        return malformed("UNSUBSCRIBE without id or filter");
    }
    Ok(Packet::Unsubscribe { packet_id, filters })
}

/// rumqttc's codec wants a body, which MQTT 5 §3.14.2 lets the peer leave out, in parts or whole.
fn disconnect(frame: &Frame<'_>, version: Version) -> Result<Packet<'static>, Fault> {
    let (reason, expiry) = match (version, frame.body) {
        (_, []) => (0, None),
        (Version::V4, _) => return malformed("DISCONNECT with a body"),
        (Version::V5, [reason] | [reason, 0]) => (*reason, None),
        (Version::V5, _) => match by_v5(frame.packet)? {
            v5::Packet::Disconnect(read) => (
                read.reason_code as u8,
                read.properties.and_then(|p| p.session_expiry_interval),
            ),
            _ => return malformed("DISCONNECT"),
        },
    };
    Ok(Packet::Disconnect { reason, expiry })
}

#[cfg(test)]
mod tests;
