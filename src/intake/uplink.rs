//! What goes into intake, and what comes out for the sender.
use crate::model::{Source, Timestamp};
use std::net::SocketAddr;

/// One message from a device, as it arrived.
#[derive(Clone, Copy, Debug)]
pub struct Uplink<'a> {
    /// Where it came in.
    pub source: Source,
    /// When.
    pub received_at: Timestamp,
    /// The sender's address.
    pub address: SocketAddr,
    /// MQTT topic (UTF-8, validated) or `CoAP` path.
    pub topic: &'a str,
    /// MQTT client id, "" if none.
    pub client: &'a str,
    /// MQTT user name, "" if none. It may be an access token: it is used and never shown.
    pub user: &'a str,
    /// The bytes.
    pub payload: &'a [u8],
    /// `CoAP` Content-Format (RFC 7252 §12.3); `None` where none was said, and elsewhere.
    pub content_format: Option<u16>,
    /// Identity of the transmission, where the protocol redelivers.
    pub delivery: Option<Delivery>,
    /// `QoS` 0 or NON: counts as dropped, not refused, while refusing.
    pub unassured: bool,
}

/// Identity of a transmission.
#[derive(Clone, Copy, Debug)]
pub enum Delivery {
    /// MQTT `QoS` 1 and 2 in a session.
    Packet {
        /// Random number of the session.
        session: u64,
        /// The packet id.
        packet_id: u16,
        /// The connection's number, unique in this process and not [`u64::MAX`].
        connection: u64,
        /// DUP flag.
        dup: bool,
        /// `QoS` 2: the packet id stays open until released.
        exactly_once: bool,
    },
    /// `CoAP`: any uplink with the same payload under this id is a copy for
    /// `EXCHANGE_LIFETIME`.
    Exchange {
        /// Hash of the peer: its DTLS session, else its address. It must spread over all bits and
        /// be the same after a restart of the gateway.
        peer: u64,
        /// The message id.
        message_id: u16,
    },
}

/// What must be durable before the answer leaves: a sequence in each of the two logs. 0: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticket {
    /// In the log of reports and events.
    pub log: u64,
    /// In the rejects' log.
    pub rejects: u64,
}

/// What became of an uplink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// At least one report or event.
    Accepted,
    /// Had been taken before: the answer to an accepted original.
    Duplicate,
    /// Refused for good: MQTT 5 reason 0x99 after the ticket, in 3.1.1 the normal acknowledgement.
    RejectedPayload,
    /// Refused for good: MQTT 5 reason 0x87 after the ticket.
    RejectedNotAuthorised,
    /// Come back later; nothing is promised.
    Refused(Refusal),
}

/// Why a sender has to come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// MQTT 5 reason 0x97.
    DiskFull,
    /// 0x97: the reject budget of the address or device is used up.
    Budget,
    /// 0x89.
    Backlog,
    /// 0x8B.
    Closed,
}

/// For one uplink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What to wait for.
    pub ticket: Ticket,
    /// What to say then.
    pub verdict: Verdict,
}

/// An event about a device, or with an empty id about the gateway.
#[derive(Clone, Copy, Debug)]
pub struct EventDraft<'a> {
    /// The device.
    pub device_id: &'a str,
    /// Its kind, "" where not known.
    pub kind: &'a str,
    /// `will`, `session_taken_over`, ..
    pub name: &'a str,
    /// When it happened.
    pub at: Timestamp,
    /// `citygate.v1.Severity` as its number.
    pub severity: i32,
    /// Names and values.
    pub detail: &'a [(&'a str, &'a str)],
}
