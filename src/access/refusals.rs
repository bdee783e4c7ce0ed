//! How often one address may be wrong.
//!
//! A token bucket per address. It slows nobody who is right: behind one address there may be a whole
//! office or a proxy, and whoever could lock those out by sending nonsense would have won more than
//! by guessing at 256 bits. So the right token is always admitted, and a wrong one is answered
//! "too many" without a look at why it is wrong.
use crate::model::Timestamp;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// Refusals that an address may have at once, and how long until it may have one more.
const BURST: u32 = 20;
const EVERY: Duration = Duration::from_secs(3);
/// Addresses that are remembered; beyond them all others share one bucket.
const ADDRESSES_MAX: usize = 10_000;

/// Addresses that were wrong, and when each may be again.
#[derive(Debug, Default)]
pub struct Refusals {
    full_at: HashMap<IpAddr, Timestamp>,
    others: Timestamp,
}

impl Refusals {
    /// Notes one more refusal; `Some`: there were too many, and when the next may come.
    pub fn note(&mut self, peer: Option<IpAddr>, now: Timestamp) -> Option<Duration> {
        let peer = peer.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), network);
        if self.full_at.len() >= ADDRESSES_MAX && !self.full_at.contains_key(&peer) {
            self.full_at.retain(|_, full_at| *full_at > now);
        }
        let full_at = if self.full_at.len() >= ADDRESSES_MAX {
            self.full_at.get_mut(&peer).unwrap_or(&mut self.others)
        } else {
            self.full_at.entry(peer).or_default()
        };
        let most = EVERY * BURST;
        // A clock that was set back must not refuse for longer than it should.
        let missing = full_at.since(now).min(most);
        if missing + EVERY > most {
            let wait = (missing + EVERY).saturating_sub(most);
            return Some(Duration::from_secs(wait.as_secs() + 1));
        }
        *full_at = now.plus(missing + EVERY);
        None
    }
}

/// A v6 host has a network of its own to choose addresses from.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) => {
            let network = v6.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const ONE: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)));
    const TWO: Option<IpAddr> = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)));

    #[test]
    fn twenty_at_once_then_one_every_three_seconds() {
        let mut refusals = Refusals::default();
        let now = Timestamp::from_secs(1_800_000_000);
        for _ in 0..BURST {
            assert_eq!(refusals.note(ONE, now), None);
        }
        let wait = refusals.note(ONE, now).expect("too many");
        assert!((1..=4).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(refusals.note(TWO, now), None, "another address");
        assert_eq!(refusals.note(ONE, now.plus(wait)), None);
        assert!(refusals.note(ONE, now.plus(wait)).is_some());
        let back = now.minus(Duration::from_hours(24));
        let wait = refusals.note(ONE, back).expect("still too many");
        assert!(wait.as_secs() <= 4, "the clock was set back: {wait:?}");
    }

    #[test]
    fn addresses_without_end_take_no_memory_without_end() {
        let mut refusals = Refusals::default();
        let now = Timestamp::from_secs(1_800_000_000);
        let host = |at: usize| {
            let network = (at as u128 + 1) << 64;
            Some(IpAddr::V6(Ipv6Addr::from_bits(network + 7)))
        };
        for at in 0..ADDRESSES_MAX {
            assert_eq!(refusals.note(host(at), now), None);
        }
        let beyond = (0..100).filter(|at| {
            let more = refusals.note(host(ADDRESSES_MAX + at), now);
            more.is_none()
        });
        assert_eq!(beyond.count(), BURST as usize, "they share a bucket");
        assert_eq!(refusals.full_at.len(), ADDRESSES_MAX);
        let later = now.plus(EVERY * 2);
        assert_eq!(refusals.note(host(ADDRESSES_MAX + 200), later), None);
        assert_eq!(refusals.full_at.len(), 1, "who is forgiven is forgotten");
    }

    #[test]
    fn a_v6_network_counts_as_one() {
        let mut refusals = Refusals::default();
        let now = Timestamp::from_secs(1_800_000_000);
        let host = |at: u32| {
            Some(IpAddr::V6(Ipv6Addr::from_bits(
                (0x2001_0db8 << 96) + u128::from(at),
            )))
        };
        let allowed = (0..100).filter(|at| refusals.note(host(*at), now).is_none());
        assert_eq!(allowed.count(), BURST as usize);
    }
}
