//! Who was heard and not accepted, the last ten thousand of them.
use super::query::Stranger;
use crate::model::{DeviceId, Reject, Timestamp};
use hashbrown::HashMap;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Strangers remembered; the one heard longest ago goes first.
const MAX: usize = 10_000;
/// Longest topic and sentence kept, in bytes.
const TEXT_MAX: usize = 256;

/// By name, or by address where no name could be read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Name(Box<str>),
    Address(Option<std::net::IpAddr>),
}

/// The strangers, in order of their last uplink.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    list: HashMap<Key, (u64, Stranger)>,
    order: BTreeMap<u64, Key>,
    next: u64,
    /// Rejects up to here are in it.
    sequence: u64,
}

impl Strangers {
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Notes a reject of somebody who was never accepted.
    pub fn note(&mut self, sequence: u64, reject: &Reject) {
        if sequence <= self.sequence {
            return;
        }
        self.sequence = sequence;
        let address: Option<SocketAddr> = reject.address.parse().ok();
        let at = Timestamp::from_nanos(reject.received_at_ns);
        let key = key(&reject.device_id, address);
        let (first, rejects) = match self.list.remove(&key) {
            Some((place, known)) => {
                self.order.remove(&place);
                (known.first, known.rejects)
            }
            None => (at, 0),
        };
        if self.list.len() >= MAX
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.list.remove(&oldest);
        }
        let stranger = Stranger {
            name: cut(&reject.device_id, DeviceId::LEN_MAX).into(),
            address,
            topic: cut(&reject.topic, TEXT_MAX).into(),
            profile: cut(&reject.profile, DeviceId::LEN_MAX).into(),
            first,
            last: at,
            rejects: rejects + 1,
            reason: reject.reason.as_str().into(),
            sentence: cut(&reject.sentence, TEXT_MAX).into(),
            sequence,
            known: false,
            device: None,
        };
        self.next += 1;
        self.order.insert(self.next, key.clone());
        self.list.insert(key, (self.next, stranger));
    }

    /// By name, cut to the length of an id, else by address.
    pub fn get(&self, name: &str) -> Option<&Stranger> {
        let by_name = Key::Name(cut(name, DeviceId::LEN_MAX).into());
        let address = || {
            let ip = name.parse().ok();
            let of_socket = || name.parse().ok().map(|address: SocketAddr| address.ip());
            ip.or_else(of_socket)
        };
        let found = self.list.get(&by_name);
        let found = found.or_else(|| {
            self.list
                .get(&Key::Address(Some(address()?.to_canonical())))
        });
        found.map(|(_, stranger)| stranger)
    }

    /// Newest first.
    pub fn newest(&self) -> impl Iterator<Item = &Stranger> {
        let order = self.order.values().rev();
        order.filter_map(|key| self.list.get(key).map(|(_, stranger)| stranger))
    }
}

fn key(name: &str, address: Option<SocketAddr>) -> Key {
    if name.is_empty() {
        Key::Address(address.map(|address| address.ip().to_canonical()))
    } else {
        Key::Name(cut(name, DeviceId::LEN_MAX).into())
    }
}

fn cut(text: &str, len_max: usize) -> &str {
    let mut end = text.len().min(len_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn reject(name: &str, address: &str, secs: i64) -> Reject {
        Reject {
            received_at_ns: Timestamp::from_secs(secs).as_nanos(),
            address: address.to_owned(),
            device_id: name.to_owned(),
            reason: "unknown_device".to_owned(),
            ..Reject::default()
        }
    }

    #[test]
    fn by_name_or_by_address_newest_first() {
        let mut strangers = Strangers::default();
        strangers.note(1, &reject("pole/9", "10.0.0.1:4000", 1));
        strangers.note(2, &reject("", "10.0.0.2:4000", 2));
        strangers.note(3, &reject("pole/9", "10.0.0.3:4000", 3));
        strangers.note(3, &reject("pole/9", "10.0.0.3:4000", 3));
        let names: Vec<&str> = strangers.newest().map(|stranger| &*stranger.name).collect();
        assert_eq!(names, ["pole/9", ""]);
        let pole = strangers.get("pole/9").unwrap();
        assert_eq!((pole.rejects, pole.first), (2, Timestamp::from_secs(1)));
        assert_eq!(pole.address, "10.0.0.3:4000".parse().ok());
        assert_eq!(strangers.get("10.0.0.2").unwrap().sequence, 2);
        assert_eq!(
            strangers.get("10.0.0.2:9").unwrap().sequence,
            2,
            "another port"
        );
        assert_eq!(strangers.get("10.0.0.3"), None, "that one has a name");
    }

    #[test]
    fn the_one_heard_longest_ago_is_forgotten() {
        let mut strangers = Strangers::default();
        for n in 0..u64::try_from(MAX).unwrap() + 5 {
            let secs = i64::try_from(n).unwrap();
            strangers.note(n + 1, &reject(&format!("s{n}"), "10.0.0.1:1", secs));
        }
        assert_eq!(strangers.len(), MAX);
        assert!(strangers.get("s4").is_none() && strangers.get("s5").is_some());
        let long = "x".repeat(100);
        strangers.note(u64::MAX, &reject(&long, "", 1));
        assert_eq!(strangers.get(&long).unwrap().name.len(), 64);
    }
}
