//! How much may be written on behalf of senders who send rubbish. No IO, no clock.
use super::aged::Aged;
use std::net::IpAddr;

/// Senders remembered. The rejects' log has a budget of its own; this only keeps one sender from
/// using it up.
const SENDERS_MAX: usize = 65_536;
/// A budget is for one hour from a sender's first reject on.
const HOUR_SECS: u32 = 3_600;

/// Bytes of rejects per sender and hour.
#[derive(Debug)]
pub(super) struct Budgets {
    spent: Aged<u64, u64>,
    bytes_max: u64,
}

impl Budgets {
    /// At most `bytes_max` per sender and hour.
    pub(super) fn new(bytes_max: u64) -> Self {
        Self {
            spent: Aged::new(SENDERS_MAX),
            bytes_max,
        }
    }

    /// Another `bytes_max`, also for the hours that have begun.
    pub(super) const fn limit(&mut self, bytes_max: u64) {
        self.bytes_max = bytes_max;
    }

    /// Charges every one of `senders` (hashes), unless one of them has used up its hour. The reject
    /// that exceeds the budget is the last one written. `now` in seconds.
    pub(super) fn charge(&mut self, senders: &[u64], bytes: u64, now: u32) -> bool {
        self.charge_up_to(self.bytes_max, senders, bytes, now)
    }

    /// As [`Budgets::charge`], but only while each of them has half of its hour left.
    pub(super) fn charge_half(&mut self, senders: &[u64], bytes: u64, now: u32) -> bool {
        self.charge_up_to(self.bytes_max / 2, senders, bytes, now)
    }

    fn charge_up_to(&mut self, max: u64, senders: &[u64], bytes: u64, now: u32) -> bool {
        self.spent.expire(now.saturating_sub(HOUR_SECS));
        let over = |sender: &u64| {
            self.spent
                .get(sender)
                .is_some_and(|(spent, _)| *spent >= max)
        };
        if senders.iter().any(over) {
            return false;
        }
        for sender in senders {
            match self.spent.get_mut(sender) {
                Some(spent) => *spent = spent.saturating_add(bytes),
                None => self.spent.insert(*sender, bytes, now),
            }
        }
        true
    }
}

/// An address as a budget sees it: without the port, and an IPv6 host by its /64, for it has 2^64 of
/// them to choose from.
pub(super) fn bytes_of(address: IpAddr) -> [u8; 8] {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            [0, 0, 0, 4, a, b, c, d]
        }
        // 16 octets have a first half.
        IpAddr::V6(v6) => v6.octets().first_chunk().copied().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_per_sender_and_hour() {
        let mut budgets = Budgets::new(100);
        assert!(budgets.charge(&[1, 2], 60, 0));
        assert!(
            budgets.charge(&[1, 3], 60, 0),
            "the one that exceeds is written"
        );
        assert!(!budgets.charge(&[1, 4], 1, 3_600));
        assert!(
            budgets.charge(&[4], 1, 3_600),
            "a refused one charges nobody"
        );
        assert!(budgets.charge(&[1], 1, 3_601));
    }

    #[test]
    fn half_a_budget_is_left_to_what_must_be_kept() {
        let mut budgets = Budgets::new(100);
        assert!(budgets.charge_half(&[1], 60, 0));
        assert!(!budgets.charge_half(&[1], 1, 0));
        assert!(budgets.charge(&[1], 40, 0));
        assert!(!budgets.charge(&[1], 1, 0));
    }

    #[test]
    fn ports_do_not_count_and_neighbours_of_a_64_share() {
        let of = |text: &str| bytes_of(text.parse().expect("address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.2"), of("10.0.0.1"));
    }
}
