//! Payloads longer than a datagram, in blocks (RFC 7959). No IO, no clock.
//!
//! ```text
//!  Block1: POST 0/more -> 2.31   POST 1/more -> 2.31   POST 2/last -> the whole payload
//!  Block2: GET -> 2.05 0/more    GET 1 -> 2.05 1/last
//! ```
//! A transfer is known by peer, method, path, query and Request-Tag, not by token: clients draw a
//! new token for each block. The number and the bytes of transfers are bounded over all and per
//! peer. Past a bound the one that has waited longest for its next block goes, so that nobody locks
//! the others out; its sender gets 4.08 and starts again.
use super::message::Code;
use super::options::{Asked, Block};
use std::collections::HashMap;
use xxhash_rust::xxh3::Xxh3;

/// How long a transfer waits for its next block, in seconds: as long as a block may be sent again.
const WAIT_SECS: u32 = super::exchange::LIFETIME_SECS;
/// The largest block over UDP: 1,024 bytes.
pub const SZX_MAX: u8 = 6;

/// Limits of memory.
#[expect(clippy::struct_field_names, reason = "bounds end in _max")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Transfers at a time.
    pub transfers_max: usize,
    /// Transfers of one peer at a time.
    pub peer_transfers_max: usize,
    /// Bytes of all transfers.
    pub bytes_max: usize,
    /// Longest payload.
    pub payload_max: usize,
}

#[derive(Debug)]
struct Transfer {
    peer: u64,
    content_format: Option<u16>,
    payload: Vec<u8>,
    heard_secs: u32,
}

/// What a block of a request leads to.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// 2.31 with this Block1: more, please.
    Continue(Block),
    /// All of it is here.
    Complete(Vec<u8>),
    /// 4.xx with these words.
    Failed(Code, &'static str),
}

/// The transfers that are under way.
#[derive(Debug)]
pub struct Transfers {
    limits: Limits,
    open: HashMap<u64, Transfer>,
    bytes: usize,
    evicted: u64,
}

/// Which transfer a block belongs to (RFC 7959 §2.5, RFC 9175 §3.3).
pub fn key(peer: u64, method: Code, asked: &Asked<'_>) -> u64 {
    let mut hash = Xxh3::with_seed(peer);
    hash.update(&[method.0]);
    for (number, value) in asked.request_key() {
        hash.update(&number.to_be_bytes());
        hash.update(&value.len().to_be_bytes());
        hash.update(value);
    }
    hash.digest()
}

impl Transfers {
    /// None yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            open: HashMap::new(),
            bytes: 0,
            evicted: 0,
        }
    }

    /// Transfers under way.
    pub fn len(&self) -> usize {
        self.open.len()
    }

    /// Transfers that had to go for others.
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Takes a block of a request.
    pub fn block1(
        &mut self,
        now_secs: u32,
        (key, peer): (u64, u64),
        asked: &Asked<'_>,
        block: Block,
        payload: &[u8],
    ) -> Step {
        if block.szx > SZX_MAX {
            // §2.2: 7 is reserved over UDP.
            return Step::Failed(Code::BAD_REQUEST, "SZX 7 is not for UDP");
        }
        let fits = if block.more {
            payload.len() == block.bytes()
        } else {
            payload.len() <= block.bytes()
        };
        if !fits {
            return Step::Failed(
                Code::BAD_REQUEST,
                "the block is not as long as its SZX says",
            );
        }
        let announced = asked.size1.unwrap_or(0);
        let announced = usize::try_from(announced).unwrap_or(usize::MAX);
        let end = block.offset().saturating_add(payload.len());
        if announced.max(end) > self.limits.payload_max {
            self.close(key);
            return Step::Failed(Code::TOO_LARGE, "the payload is too long");
        }
        if block.num == 0 {
            // §2.5: a first block begins anew.
            self.close(key);
            if !block.more {
                return Step::Complete(payload.to_vec());
            }
            self.open(now_secs, key, peer, asked.content_format);
        }
        let missing = Step::Failed(Code::INCOMPLETE, "a block before this one is missing");
        let Some(transfer) = self.open.get_mut(&key) else {
            return missing;
        };
        let have = transfer.payload.len();
        if block.offset() > have {
            return missing;
        }
        if transfer.content_format != asked.content_format {
            return Step::Failed(Code::INCOMPLETE, "the Content-Format has changed");
        }
        let known = transfer.payload.get(block.offset()..).unwrap_or_default();
        if known.is_empty() {
            transfer.payload.extend_from_slice(payload);
            self.bytes += payload.len();
        } else if !known.starts_with(payload) {
            return Step::Failed(Code::INCOMPLETE, "the block was another one before");
        }
        transfer.heard_secs = now_secs;
        if block.more {
            self.make_room(key);
            return Step::Continue(block);
        }
        let mut whole = self.close(key);
        whole.truncate(end);
        Step::Complete(whole)
    }

    fn open(&mut self, now_secs: u32, key: u64, peer: u64, content_format: Option<u16>) {
        let of_peer = self.open.values().filter(|open| open.peer == peer).count();
        if of_peer >= self.limits.peer_transfers_max {
            self.evict(key, Some(peer));
        } else if self.open.len() >= self.limits.transfers_max {
            self.evict(key, None);
        }
        let transfer = Transfer {
            peer,
            content_format,
            payload: Vec::new(),
            heard_secs: now_secs,
        };
        self.open.insert(key, transfer);
    }

    /// Ends a transfer and returns what came of it.
    fn close(&mut self, key: u64) -> Vec<u8> {
        let payload = self.open.remove(&key).map(|transfer| transfer.payload);
        let payload = payload.unwrap_or_default();
        self.bytes -= payload.len();
        payload
    }

    fn make_room(&mut self, own: u64) {
        while self.bytes > self.limits.bytes_max && self.open.len() > 1 {
            self.evict(own, None);
        }
    }

    /// Ends the transfer that has waited longest, of one peer or of all, but not `own`. Looks at
    /// all of them: there are few.
    fn evict(&mut self, own: u64, peer: Option<u64>) {
        let others = self
            .open
            .iter()
            .filter(|(key, open)| **key != own && peer.is_none_or(|peer| peer == open.peer));
        let longest = others.min_by_key(|(_, open)| open.heard_secs);
        if let Some(key) = longest.map(|(key, _)| *key) {
            self.close(key);
            self.evicted += 1;
        }
    }

    /// Ends what has waited too long.
    pub fn expire(&mut self, now_secs: u32) {
        let bytes = &mut self.bytes;
        self.open.retain(|_, open| {
            let live = open.heard_secs + WAIT_SECS >= now_secs;
            if !live {
                *bytes -= open.payload.len();
            }
            live
        });
    }
}

/// The piece of `body` that a GET asks for (RFC 7959 §2.4), and its Block2 if there has to be one.
///
/// # Errors
/// What is wrong with the question: 4.00.
pub fn block2(asked: Option<Block>, body: &[u8]) -> Result<(&[u8], Option<Block>), &'static str> {
    let wanted = asked.unwrap_or(Block {
        szx: SZX_MAX,
        ..Block::default()
    });
    if wanted.szx > SZX_MAX {
        return Err("SZX 7 is not for UDP");
    }
    let start = wanted.offset();
    if start >= body.len() && start > 0 {
        return Err("there is no such block");
    }
    let end = body.len().min(start + wanted.bytes());
    let more = end < body.len();
    let block = Block { more, ..wanted };
    let piece = body.get(start..end).unwrap_or_default();
    Ok((piece, (asked.is_some() || more).then_some(block)))
}

#[cfg(test)]
mod tests;
