//! Requests that have been heard within `EXCHANGE_LIFETIME` (RFC 7252 §4.5), and what was answered.
//!
//! ```text
//!  table: fingerprint -> slot       slot: state, code, when     peer: its oldest and newest slot
//!  oldest <-> .. <-> newest         kept: options and payload of answers that have any
//! ```
//! The fingerprint is of the peer and of the whole datagram, which a retransmission repeats byte by
//! byte (§4.2), so a message id that wraps within the lifetime is another request. Most answers are
//! a bare 2.04, of which one byte is kept: the copy brings the message id and the token for the
//! next one.
//!
//! An entry costs 40 bytes and 5 to 10 of table. Entries and bytes are bounded over all and per
//! peer; what had to go early is counted, and then only intake's own deduplication is left.
use crate::sources::coap::message::Code;
use hashbrown::HashTable;

/// No slot, peer or kept answer.
const NONE: u32 = u32::MAX;
/// `EXCHANGE_LIFETIME` (RFC 7252 §4.8.2), in seconds.
pub const LIFETIME_SECS: u32 = 247;

/// Limits of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests remembered.
    pub entries_max: usize,
    /// Requests remembered of one peer.
    pub peer_entries_max: usize,
    /// Bytes of answers kept.
    pub bytes_max: usize,
    /// Bytes of answers kept for one peer.
    pub peer_bytes_max: usize,
}

/// A copy of a request that has been heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known<'a> {
    /// The first copy is being worked on.
    InFlight,
    /// It was answered with this; [`Code::EMPTY`]: with an empty acknowledgement.
    Answered {
        /// Code.
        code: Code,
        /// Options and payload.
        tail: &'a [u8],
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    InFlight,
    Answered,
    /// Not in the table any more; it goes with its age.
    Forgotten,
}

#[derive(Debug)]
struct Slot {
    key: u64,
    peer: u32,
    at_secs: u32,
    older: u32,
    newer: u32,
    /// The next newer one of the same peer.
    next_of_peer: u32,
    kept: u32,
    state: State,
    code: Code,
    uplink: bool,
}

#[derive(Debug)]
struct Peer {
    hash: u64,
    oldest: u32,
    newest: u32,
    entries: u32,
    bytes: u32,
    /// The next message id of ours towards it.
    next_id: u16,
}

/// All of them.
#[derive(Debug)]
pub struct Seen {
    limits: Limits,
    table: HashTable<u32>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    oldest: u32,
    newest: u32,
    peer_table: HashTable<u32>,
    peers: Vec<Peer>,
    free_peers: Vec<u32>,
    kept: Vec<Box<[u8]>>,
    free_kept: Vec<u32>,
    kept_bytes: usize,
    evicted: u64,
}

fn index(slot: u32) -> usize {
    usize::try_from(slot).unwrap_or(usize::MAX)
}

/// Puts `item` into a free place, or a new one.
fn place<T>(list: &mut Vec<T>, free: &mut Vec<u32>, item: T) -> u32 {
    if let Some(at) = free.pop() {
        if let Some(place) = list.get_mut(index(at)) {
            *place = item;
        }
        return at;
    }
    list.push(item);
    u32::try_from(list.len() - 1).unwrap_or(NONE)
}

impl Seen {
    /// An empty table.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            table: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            oldest: NONE,
            newest: NONE,
            peer_table: HashTable::new(),
            peers: Vec::new(),
            free_peers: Vec::new(),
            kept: Vec::new(),
            free_kept: Vec::new(),
            kept_bytes: 0,
            evicted: 0,
        }
    }

    /// Requests remembered now.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Bytes of answers kept now.
    pub const fn kept_bytes(&self) -> usize {
        self.kept_bytes
    }

    /// Requests that had to be forgotten before their time.
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    fn slot(&self, slot: u32) -> Option<&Slot> {
        self.slots.get(index(slot))
    }

    /// The slot of `key`.
    pub fn find(&self, key: u64) -> Option<u32> {
        let same = |slot: &u32| self.slot(*slot).is_some_and(|slot| slot.key == key);
        self.table.find(key, same).copied()
    }

    /// What is known of a slot, and whether it was an uplink.
    pub fn known(&self, slot: u32) -> Option<(Known<'_>, bool)> {
        let slot = self.slot(slot)?;
        let known = match slot.state {
            State::InFlight => Known::InFlight,
            State::Answered => Known::Answered {
                code: slot.code,
                tail: self.kept.get(index(slot.kept)).map_or(&[], |tail| tail),
            },
            State::Forgotten => return None,
        };
        Some((known, slot.uplink))
    }

    /// Notes a request that is not known yet.
    pub fn insert(&mut self, key: u64, peer_hash: u64, now_secs: u32) -> u32 {
        if self.len() >= self.limits.entries_max {
            self.evict(self.oldest);
        }
        let mut peer = self.peer(peer_hash, now_secs);
        if let Some(of) = self.peers.get(index(peer))
            && index(of.entries) >= self.limits.peer_entries_max
        {
            self.evict(of.oldest);
            // The last entry of a peer takes the peer with it.
            peer = self.peer(peer_hash, now_secs);
        }
        let slot = Slot {
            key,
            peer,
            at_secs: now_secs,
            older: self.newest,
            newer: NONE,
            next_of_peer: NONE,
            kept: NONE,
            state: State::InFlight,
            code: Code::EMPTY,
            uplink: false,
        };
        let slot = place(&mut self.slots, &mut self.free, slot);
        match self.slots.get_mut(index(self.newest)) {
            Some(before) => before.newer = slot,
            None => self.oldest = slot,
        }
        self.newest = slot;
        if let Some(peer) = self.peers.get_mut(index(peer)) {
            peer.entries += 1;
            match self.slots.get_mut(index(peer.newest)) {
                Some(before) => before.next_of_peer = slot,
                None => peer.oldest = slot,
            }
            peer.newest = slot;
        }
        let slots = &self.slots;
        let hash = |slot: &u32| slots.get(index(*slot)).map_or(0, |slot| slot.key);
        self.table.insert_unique(key, slot, hash);
        slot
    }

    fn find_peer(&self, hash: u64) -> Option<u32> {
        let same = |at: &u32| self.peers.get(index(*at)).is_some_and(|p| p.hash == hash);
        self.peer_table.find(hash, same).copied()
    }

    fn peer(&mut self, hash: u64, now_secs: u32) -> u32 {
        if let Some(known) = self.find_peer(hash) {
            return known;
        }
        // Not where it began the last time: ids may not come again within the lifetime (§4.4).
        let [low, high, ..] = (hash ^ u64::from(now_secs)).to_le_bytes();
        let peer = Peer {
            hash,
            oldest: NONE,
            newest: NONE,
            entries: 0,
            bytes: 0,
            next_id: u16::from_le_bytes([low, high]).wrapping_add(1),
        };
        let at = place(&mut self.peers, &mut self.free_peers, peer);
        let peers = &self.peers;
        let hashed = |at: &u32| peers.get(index(*at)).map_or(0, |peer| peer.hash);
        self.peer_table.insert_unique(hash, at, hashed);
        at
    }

    /// A message id for a message of ours to this peer (RFC 7252 §4.4).
    pub fn next_id(&mut self, slot: u32, key: u64, fallback: u16) -> u16 {
        let of = self.own(slot, key).map(|slot| slot.peer);
        match of.and_then(|peer| self.peers.get_mut(index(peer))) {
            None => fallback,
            Some(peer) => {
                peer.next_id = peer.next_id.wrapping_add(1);
                peer.next_id
            }
        }
    }

    fn own(&mut self, slot: u32, key: u64) -> Option<&mut Slot> {
        // The slot may have been evicted, and be another request's now.
        let slot = self.slots.get_mut(index(slot))?;
        (slot.key == key && slot.state != State::Forgotten).then_some(slot)
    }

    /// Counts copies of this request as copies of an uplink.
    pub fn mark_uplink(&mut self, slot: u32, key: u64) {
        if let Some(slot) = self.own(slot, key) {
            slot.uplink = true;
        }
    }

    /// Notes the first answer, for copies to come.
    pub fn answer(&mut self, slot: u32, key: u64, code: Code, tail: &[u8]) {
        let answered = |slot: &mut Slot| slot.state == State::Answered;
        let kept = if tail.is_empty() || self.own(slot, key).is_some_and(answered) {
            NONE
        } else {
            self.keep(slot, key, tail)
        };
        if let Some(slot) = self.own(slot, key)
            && slot.state == State::InFlight
        {
            slot.state = State::Answered;
            slot.code = code;
            slot.kept = kept;
        }
    }

    /// The next copy is a request like the first.
    pub fn forget(&mut self, slot: u32, key: u64) {
        if let Some(own) = self.own(slot, key) {
            own.state = State::Forgotten;
            self.untable(slot, key);
        }
    }

    /// Forgets what is older than the lifetime.
    pub fn expire(&mut self, now_secs: u32) {
        let old = |slot: &Slot| slot.at_secs + LIFETIME_SECS < now_secs;
        while self.slot(self.oldest).is_some_and(old) {
            self.remove(self.oldest);
        }
    }

    fn keep(&mut self, slot: u32, key: u64, tail: &[u8]) -> u32 {
        let Some(peer) = self.own(slot, key).map(|slot| slot.peer) else {
            return NONE;
        };
        while self.kept_bytes + tail.len() > self.limits.bytes_max && self.oldest != slot {
            self.evict(self.oldest);
        }
        while let Some(of) = self.peers.get(index(peer))
            && index(of.bytes) + tail.len() > self.limits.peer_bytes_max
            && of.oldest != slot
        {
            self.evict(of.oldest);
        }
        let Some(of) = self.peers.get_mut(index(peer)) else {
            return NONE;
        };
        if index(of.bytes) + tail.len() > self.limits.peer_bytes_max
            || self.kept_bytes + tail.len() > self.limits.bytes_max
        {
            return NONE;
        }
        of.bytes += u32::try_from(tail.len()).unwrap_or(0);
        self.kept_bytes += tail.len();
        place(&mut self.kept, &mut self.free_kept, tail.into())
    }

    fn unkeep(&mut self, kept: u32) -> usize {
        let Some(tail) = self.kept.get_mut(index(kept)) else {
            return 0;
        };
        let bytes = std::mem::take(tail).len();
        self.free_kept.push(kept);
        self.kept_bytes -= bytes;
        bytes
    }

    fn evict(&mut self, slot: u32) {
        self.evicted += u64::from(self.slot(slot).is_some_and(|s| s.state != State::Forgotten));
        self.remove(slot);
    }

    fn untable(&mut self, slot: u32, key: u64) {
        if let Ok(entry) = self.table.find_entry(key, |other| *other == slot) {
            entry.remove();
        }
    }

    /// Takes a slot out. It is the oldest of its peer: of all, one peer's or everybody's oldest
    /// goes first.
    fn remove(&mut self, slot: u32) {
        let Some(gone) = self.slots.get_mut(index(slot)) else {
            return;
        };
        let (key, older, newer) = (gone.key, gone.older, gone.newer);
        let (peer, next, kept) = (gone.peer, gone.next_of_peer, gone.kept);
        gone.state = State::Forgotten;
        gone.kept = NONE;
        self.untable(slot, key);
        match self.slots.get_mut(index(older)) {
            Some(place) => place.newer = newer,
            None => self.oldest = newer,
        }
        match self.slots.get_mut(index(newer)) {
            Some(place) => place.older = older,
            None => self.newest = older,
        }
        self.free.push(slot);
        let bytes = self.unkeep(kept);
        let Some(of) = self.peers.get_mut(index(peer)) else {
            return;
        };
        of.bytes -= u32::try_from(bytes).unwrap_or(0);
        of.entries -= 1;
        of.oldest = next;
        if of.entries == 0 {
            let hash = of.hash;
            if let Ok(entry) = self.peer_table.find_entry(hash, |other| *other == peer) {
                entry.remove();
            }
            self.free_peers.push(peer);
        }
    }
}

#[cfg(test)]
mod tests;
