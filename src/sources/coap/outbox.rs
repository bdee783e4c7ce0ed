//! Messages to be sent: one buffer for all of a batch, used again and again.
use super::message::{Code, Header, Kind};
use super::session::Session;
use std::ops::Range;

/// Memory that is kept from one batch to the next.
const KEPT_BYTES: usize = 256 << 10;

/// Messages and where they go.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    messages: Vec<(Session, Range<usize>)>,
}

impl Outbox {
    /// A message that `write` appends.
    pub fn push(&mut self, to: Session, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        write(&mut self.bytes);
        self.messages.push((to, start..self.bytes.len()));
    }

    /// An empty acknowledgement or a Reset (RFC 7252 §4.2).
    pub fn empty(&mut self, to: Session, kind: Kind, id: u16) {
        let header = Header {
            kind,
            code: Code::EMPTY,
            id,
        };
        self.push(to, |out| super::encode::put_header(out, header, &[]));
    }

    /// Messages in it.
    pub const fn len(&self) -> usize {
        self.messages.len()
    }

    /// None?
    pub const fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Brings messages from `start` on that go to one peer together, in their order.
    pub fn arrange(&mut self, start: usize) {
        let left = self.messages.get_mut(start..).unwrap_or_default();
        left.sort_unstable_by_key(|(to, range)| (to.local, to.peer, range.start));
    }

    /// Messages from `start` on, in order.
    pub fn from(&self, start: usize) -> impl Iterator<Item = (Session, &[u8])> + Clone {
        let messages = self.messages.get(start..).unwrap_or_default().iter();
        messages.map(|(to, range)| {
            let bytes = self.bytes.get(range.clone()).unwrap_or_default();
            (*to, bytes)
        })
    }

    /// Drops all messages, keeps the memory.
    pub fn clear(&mut self) {
        self.messages.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
    }
}
