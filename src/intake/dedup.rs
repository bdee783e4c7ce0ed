//! What has been taken before: promise 6. No IO, no clock.
//!
//! ```text
//!  content    H(device, readings, device-given times) -> sequence in the log
//!  parts      H(device, payload) of a dated uplink    -> sequence in the rejects' log
//!  deliveries (session, packet id) -> payload, connection, sequences in both, open
//!  exchanges  (peer, message id)   -> payload, sequences in both; for EXCHANGE_LIFETIME only
//! ```
//! One uplink may lie in both logs, its reports in one and its bad parts in the other, and a crash
//! can come between. So each half is known by itself ([`Original`]): a redelivery appends the half
//! that is missing and no other.
//!
//! Memory per entry, beside 5 to 10 bytes of hash table: 48 bytes for content or parts, 72 for a
//! delivery. Each of the four tables holds at most `entries_max`; what had to go early is counted.
//! `CoAP` draws a new message id for each message, so its ids have a table of their own: they never
//! push out those of MQTT.
use super::aged::{Aged, Key};
use crate::log::record::RedeliveryKey;
use std::time::Duration;

/// Where the first copy lies. 0: not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Original {
    /// Sequence in the log, of reports or events.
    pub(super) log: u64,
    /// Sequence in the rejects' log.
    pub(super) rejects: u64,
}

/// How long a `CoAP` message id means the same message (RFC 7252 §4.8.2).
pub(super) const EXCHANGE_LIFETIME: Duration = Duration::from_secs(247);

/// A connection before this process: every live one is later.
const BEFORE: u64 = u64::MAX;

/// A packet id of a session, or a message id of a peer. The session's number is random and the
/// peer's a hash, so it is its own hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PacketId {
    session: u64,
    packet_id: u16,
}

impl Key for PacketId {
    fn hash(&self) -> u64 {
        // An odd constant with bits all over (2^64 / golden ratio) keeps the ids of a session apart.
        let id = u64::from(self.packet_id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.session ^ id
    }
}

#[derive(Clone, Copy, Debug)]
struct Delivered {
    payload: u64,
    connection: u64,
    original: Original,
    /// `QoS` 2, not yet released.
    open: bool,
}

/// One transmission, as far as deduplication looks at it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transmission {
    pub(super) key: RedeliveryKey,
    pub(super) connection: u64,
    pub(super) dup: bool,
    pub(super) exactly_once: bool,
}

/// The four tables.
#[derive(Debug)]
pub(super) struct Dedup {
    content: Aged<u128, u64>,
    parts: Aged<u128, u64>,
    deliveries: Aged<PacketId, Delivered>,
    exchanges: Aged<PacketId, Delivered>,
    window_secs: u32,
}

impl Dedup {
    /// Remembers for `window`, at most `entries_max` in each table.
    pub(super) fn new(window: Duration, entries_max: usize) -> Self {
        Self {
            content: Aged::new(entries_max),
            parts: Aged::new(entries_max),
            deliveries: Aged::new(entries_max),
            exchanges: Aged::new(entries_max),
            window_secs: u32::try_from(window.as_secs()).unwrap_or(u32::MAX),
        }
    }

    /// Forgets what is older than the window. `now` in seconds.
    pub(super) fn expire(&mut self, now: u32) {
        let before = now.saturating_sub(self.window_secs);
        self.content.expire(before);
        self.parts.expire(before);
        self.deliveries.expire(before);
        self.exchanges.expire(exchanges_since(now));
    }

    /// Entries of all tables, and how many had to go early.
    pub(super) fn size(&self) -> (usize, u64) {
        (
            self.content.len() + self.parts.len() + self.deliveries.len() + self.exchanges.len(),
            self.content.evicted()
                + self.parts.evicted()
                + self.deliveries.evicted()
                + self.exchanges.evicted(),
        )
    }

    /// The first copy of a redelivery. A copy on the same connection is none, for there the client
    /// has no reason to send again (MQTT 5 §4.4) and the id may have been used anew; but while a
    /// `QoS` 2 id is open no new message can have it (MQTT 5 §4.3.3). A `CoAP` peer says not whether
    /// it sends again: within the lifetime the same payload under the same id is a copy (RFC 7252 §4.5).
    pub(super) fn redelivered(&mut self, sent: &Transmission) -> Option<Original> {
        if sent.key.exchange {
            let (known, _) = self.exchanges.get(&packet_id(&sent.key))?;
            return (known.payload == sent.key.payload).then_some(known.original);
        }
        let delivered = self.deliveries.get_mut(&packet_id(&sent.key))?;
        let open = sent.exactly_once && delivered.open;
        let earlier = delivered.connection != sent.connection;
        if !sent.dup || delivered.payload != sent.key.payload || !(earlier || open) {
            return None;
        }
        delivered.connection = sent.connection;
        delivered.open = sent.exactly_once;
        Some(delivered.original)
    }

    /// Is the message that was rejected at `rejects` still the last one of its id, and nothing of it
    /// logged? Then, is the id open?
    pub(super) fn rejected_as(&mut self, key: &RedeliveryKey, rejects: u64) -> Option<bool> {
        let delivered = self.ids(key).get(&packet_id(key))?.0;
        let original = Original { log: 0, rejects };
        let same = delivered.payload == key.payload && delivered.original == original;
        same.then_some(delivered.open)
    }

    fn ids(&mut self, key: &RedeliveryKey) -> &mut Aged<PacketId, Delivered> {
        if key.exchange {
            &mut self.exchanges
        } else {
            &mut self.deliveries
        }
    }

    /// A message of this id has come: whatever had the id before is over.
    pub(super) fn deliver(&mut self, sent: &Transmission, original: Original, now: u32) {
        let delivered = Delivered {
            payload: sent.key.payload,
            connection: sent.connection,
            original,
            open: sent.exactly_once,
        };
        self.ids(&sent.key)
            .insert(packet_id(&sent.key), delivered, now);
    }

    /// Says where the halves lie, or that they lie nowhere; an entry without any is taken out.
    pub(super) fn settle_delivery(&mut self, key: &RedeliveryKey, original: Original) {
        let id = packet_id(key);
        let ids = self.ids(key);
        if original == Original::default() {
            ids.remove(&id);
        } else if let Some(delivered) = ids.get_mut(&id) {
            delivered.original = original;
        }
    }

    /// Is this id of `QoS` 2 open, and with what payload?
    pub(super) fn open(&self, session: u64, packet_id: u16) -> Option<RedeliveryKey> {
        let (delivered, _) = self.deliveries.get(&PacketId { session, packet_id })?;
        delivered.open.then_some(RedeliveryKey {
            session,
            packet_id,
            payload: delivered.payload,
            exchange: false,
        })
    }

    /// PUBREL: the id is free.
    pub(super) fn release(&mut self, key: &RedeliveryKey) {
        self.deliveries.remove(&packet_id(key));
    }

    /// The table of reports by content.
    pub(super) const fn content(&mut self) -> &mut Aged<u128, u64> {
        &mut self.content
    }

    /// The table of bad parts of dated uplinks.
    pub(super) const fn parts(&mut self) -> &mut Aged<u128, u64> {
        &mut self.parts
    }

    /// Takes one half of a delivery out of a log's tail, in the order of appending. The same key
    /// in a half that is there already is a new message with the same payload.
    pub(super) fn restore(&mut self, key: &RedeliveryKey, half: Original, open: bool, now: u32) {
        let id = packet_id(key);
        let ids = self.ids(key);
        if let Some(known) = ids.get_mut(&id)
            && known.payload == key.payload
            && (known.original.log == 0 || half.log == 0)
            && (known.original.rejects == 0 || half.rejects == 0)
        {
            known.original.log = known.original.log.max(half.log);
            known.original.rejects = known.original.rejects.max(half.rejects);
            return;
        }
        let delivered = Delivered {
            payload: key.payload,
            connection: BEFORE,
            original: half,
            open,
        };
        ids.insert(id, delivered, now);
    }

    /// A release out of the log's tail. It frees what it released, not a later message of that id.
    pub(super) fn restore_release(&mut self, key: &RedeliveryKey) {
        let id = packet_id(key);
        if self
            .deliveries
            .get(&id)
            .is_some_and(|(known, _)| known.payload == key.payload)
        {
            self.deliveries.remove(&id);
        }
    }
}

/// Exchanges that began before this second are over.
pub(super) fn exchanges_since(now: u32) -> u32 {
    let lifetime = u32::try_from(EXCHANGE_LIFETIME.as_secs()).unwrap_or(u32::MAX);
    now.saturating_sub(lifetime)
}

const fn packet_id(key: &RedeliveryKey) -> PacketId {
    PacketId {
        session: key.session,
        packet_id: key.packet_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: RedeliveryKey = RedeliveryKey {
        session: 7,
        packet_id: 1,
        payload: 99,
        exchange: false,
    };
    const FIRST: Original = Original {
        log: 10,
        rejects: 0,
    };

    const fn sent(connection: u64, dup: bool, exactly_once: bool) -> Transmission {
        Transmission {
            key: KEY,
            connection,
            dup,
            exactly_once,
        }
    }

    fn dedup() -> Dedup {
        Dedup::new(Duration::from_hours(24), 100)
    }

    #[test]
    fn an_entry_is_as_small_as_said() {
        assert_eq!(size_of::<(PacketId, Delivered, u32, u32, u32)>(), 72);
    }

    /// (first copy's connection, second's, DUP, same payload, `QoS` 2) -> duplicate
    #[test]
    fn redelivery_matrix() {
        let cases = [
            ((1, 2, true, true, false), true),
            ((1, 2, true, true, true), true),
            // Without DUP it is a new message, on any connection.
            ((1, 2, false, true, false), false),
            ((1, 1, false, true, false), false),
            ((1, 2, false, true, true), false),
            // Another payload is another message.
            ((1, 2, true, false, false), false),
            ((1, 2, true, false, true), false),
            // On one connection only an open QoS 2 id tells a copy.
            ((1, 1, true, true, false), false),
            ((1, 1, true, true, true), true),
        ];
        for ((one, two, dup, same, exactly_once), duplicate) in cases {
            let mut dedup = dedup();
            dedup.deliver(&sent(one, false, exactly_once), FIRST, 0);
            let mut second = sent(two, dup, exactly_once);
            second.key.payload += u64::from(!same);
            let found = dedup.redelivered(&second);
            assert_eq!(
                found,
                duplicate.then_some(FIRST),
                "{one} {two} {dup} {same} {exactly_once}"
            );
        }
    }

    #[test]
    fn another_publish_of_the_id_ends_it() {
        let mut dedup = dedup();
        dedup.deliver(&sent(1, false, false), FIRST, 0);
        let mut other = sent(1, false, false);
        other.key.payload = 5;
        dedup.deliver(
            &other,
            Original {
                log: 11,
                rejects: 0,
            },
            0,
        );
        assert_eq!(dedup.redelivered(&sent(2, true, false)), None);
    }

    #[test]
    fn a_failed_append_leaves_nothing() {
        let mut dedup = dedup();
        dedup.deliver(&sent(1, false, false), FIRST, 0);
        dedup.settle_delivery(&KEY, Original::default());
        assert_eq!(dedup.redelivered(&sent(2, true, false)), None);
    }

    #[test]
    fn an_id_is_open_until_released() {
        let mut dedup = dedup();
        assert_eq!(dedup.open(7, 1), None);
        dedup.deliver(&sent(1, false, true), FIRST, 0);
        assert_eq!(dedup.open(7, 1), Some(KEY));
        dedup.release(&KEY);
        assert_eq!(dedup.open(7, 1), None);
        dedup.deliver(&sent(1, false, false), FIRST, 0);
        assert_eq!(dedup.open(7, 1), None, "QoS 1 is never open");
    }

    #[test]
    fn both_halves_are_restored_and_a_new_message_replaces_them() {
        let mut dedup = dedup();
        let reject = |rejects| Original { log: 0, rejects };
        dedup.restore(&KEY, FIRST, false, 0);
        dedup.restore(&KEY, reject(3), false, 0);
        let both = Original {
            log: 10,
            rejects: 3,
        };
        assert_eq!(dedup.redelivered(&sent(1, true, false)), Some(both));
        dedup.restore(
            &KEY,
            Original {
                log: 20,
                rejects: 0,
            },
            false,
            0,
        );
        let newer = Original {
            log: 20,
            rejects: 0,
        };
        assert_eq!(dedup.redelivered(&sent(1, true, false)), Some(newer));
    }

    #[test]
    fn a_release_frees_only_its_own_message() {
        let mut dedup = dedup();
        dedup.restore(&KEY, FIRST, true, 0);
        dedup.restore_release(&RedeliveryKey { payload: 1, ..KEY });
        assert_eq!(dedup.open(7, 1), Some(KEY));
        dedup.restore_release(&KEY);
        assert_eq!(dedup.open(7, 1), None);
    }

    #[test]
    fn the_window_ends() {
        let mut dedup = dedup();
        dedup.deliver(&sent(1, false, false), FIRST, 1_000);
        dedup.content().insert(5, 10, 1_000);
        dedup.expire(1_000 + 86_400);
        assert_eq!(dedup.size(), (2, 0));
        dedup.expire(1_001 + 86_400);
        assert_eq!(dedup.size(), (0, 0));
    }
}
