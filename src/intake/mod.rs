//! From an uplink to reports or a reject, appended once.
//!
//! (Stub of the public interface; the implementation lands beside it.)
#![allow(clippy::todo, missing_docs, unused_variables, reason = "stub")]
use crate::log::{Settled, record::RedeliveryKey};
use crate::model::{Source, Timestamp};
use std::sync::Arc;
use tokio::sync::Notify;

/// One message from a device, as it arrived.
#[derive(Clone, Copy, Debug)]
pub struct Uplink<'a> {
    pub source: Source,
    pub received_at: Timestamp,
    /// The sender's address.
    pub address: std::net::SocketAddr,
    /// MQTT topic (UTF-8, validated) or CoAP path.
    pub topic: &'a str,
    /// MQTT client id.
    pub client: &'a str,
    /// MQTT user name, "" if none.
    pub user: &'a str,
    pub payload: &'a [u8],
    /// Some for assured delivery in an unclean session (QoS 1 and 2): identity of the transmission.
    pub delivery: Option<Delivery>,
    /// QoS 0 or NON: counts as dropped, not refused, while refusing.
    pub unassured: bool,
}
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    /// Random number of the session and the packet id; `payload` may be 0, `take()` fills in its hash.
    pub key: RedeliveryKey,
    /// The connection's number, unique in this process.
    pub connection: u64,
    /// DUP flag.
    pub dup: bool,
    /// QoS 2.
    pub exactly_once: bool,
}

/// What must be durable before the answer leaves. 0: nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ticket {
    pub log: u64,
    pub rejects: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// At least one report.
    Accepted,
    /// Had been taken before: same answer as the original.
    Duplicate,
    /// Refused for good: v5 reason 0x99 after the ticket.
    RejectedPayload,
    /// Refused for good: v5 reason 0x87 after the ticket.
    RejectedNotAuthorised,
    /// Come back later; nothing was kept.
    Refused(Refusal),
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 0x97
    DiskFull,
    /// 0x97: reject budget of the address or device
    Budget,
    /// 0x89
    Backlog,
    /// 0x8B
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    pub ticket: Ticket,
    pub verdict: Verdict,
}

/// Uplinks decoded and not yet appended: those of one socket read.
#[derive(Default)]
pub struct Pending {}

pub struct Intake {}
impl Intake {
    /// Decodes, normalises and encodes one uplink into `pending`. Pure of locks.
    pub fn take(&self, uplink: &Uplink<'_>, pending: &mut Pending) {
        todo!()
    }
    /// Deduplicates and appends all of `pending`, in order; one answer per uplink, in order. Empties it.
    pub fn commit(&self, pending: &mut Pending, waiter: &Arc<Notify>) -> Vec<Answer> {
        todo!()
    }
    /// Durable or voided (then close without an ack)? The waiter given to commit is notified at each change.
    pub fn settled(&self, ticket: Ticket) -> Settled {
        todo!()
    }
    /// Frees a QoS 2 packet id (PUBREL). PUBCOMP leaves after the ticket. None: the id is not open (v5: 0x92).
    pub fn release(
        &self,
        session: u64,
        packet_id: u16,
        waiter: &Arc<Notify>,
    ) -> Result<Option<Ticket>, Refusal> {
        todo!()
    }
    /// Appends an event about a device or (empty id) the gateway. Best effort when refusing: counted and logged.
    pub fn event(&self, event: EventDraft<'_>) {
        todo!()
    }
    /// Refuse new connections now?
    pub fn refusing(&self) -> Option<Refusal> {
        todo!()
    }
    /// The device that topic (routes) or client names, for wills: None if no route matches.
    pub fn device_of(&self, topic: &str, client: &str, user: &str) -> Option<String> {
        todo!()
    }
}
#[derive(Clone, Copy, Debug)]
pub struct EventDraft<'a> {
    pub device_id: &'a str,
    pub kind: &'a str,
    pub name: &'a str,
    pub at: Timestamp,
    pub severity: i32,
    pub detail: &'a [(&'a str, &'a str)],
}
