//! What is said once instead of a thousand times.
//!
//! Whoever can send a request can have a line written, so lines must not be free: a refusal is
//! written once a minute for each address, and once a minute how many more there were. The same
//! holds for exports that are the same in every part, such as a dashboard's. A city of addresses
//! that is refused gets [`REFUSALS_MAX`] lines an hour, so that it takes three weeks to push what
//! happened before out of the files.
use super::{Entry, Line, What};
use crate::model::Timestamp;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// How long the same is only counted.
const WINDOW: Duration = Duration::from_mins(1);
/// Different entries that are counted at a time.
const ENTRIES_MAX: usize = 4_096;
/// Lines of refusals in [`HOUR`]; of more only the number is written.
const REFUSALS_MAX: u32 = 500;
const HOUR: Duration = Duration::from_hours(1);

#[derive(Debug)]
struct Repeat {
    since: Timestamp,
    more: u64,
    line: Line,
}

/// Entries of the last minute.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    hasher: RandomState,
    entries: HashMap<u64, Repeat>,
    /// Since when, and how many lines of refusals were written.
    hour: (Timestamp, u32),
    /// Refusals and exports beyond the limits, since when.
    others: [Others; 2],
}

#[derive(Debug, Default)]
struct Others {
    since: Timestamp,
    count: u64,
}

/// Is `now` within `time` of `since`? Not if the clock was set back.
fn within(since: Timestamp, now: Timestamp, time: Duration) -> bool {
    now >= since && now.since(since) < time
}

impl Repeats {
    /// What makes two entries the same; `None`: each is written.
    fn key(&self, entry: &Entry<'_>) -> Option<u64> {
        let peer = entry.caller.peer;
        match entry.what {
            // The caller chooses the route; the reason is of the first.
            What::Refused | What::LoginRefused => Some(self.hasher.hash_one((entry.what, peer))),
            What::Export => {
                let (grant, detail) = (entry.grant, entry.detail);
                let whole = (entry.what, peer, grant, entry.caller.route, detail);
                Some(self.hasher.hash_one(whole))
            }
            _ => None,
        }
    }

    /// Takes an entry; what is to be written for it.
    pub(super) fn take(&mut self, entry: &Entry<'_>, now: Timestamp) -> Option<Line> {
        let line = Line::new(entry, now);
        let Some(key) = self.key(entry) else {
            return Some(line);
        };
        if let Some(repeat) = self.entries.get_mut(&key) {
            repeat.more += 1;
            return None;
        }
        let is_export = entry.what == What::Export;
        let is_full = self.entries.len() >= ENTRIES_MAX;
        if is_full || (!is_export && !self.hour_has_room(now)) {
            let [refusals, exports] = &mut self.others;
            let others = if is_export { exports } else { refusals };
            if others.count == 0 {
                others.since = now;
            }
            others.count += 1;
            return None;
        }
        let repeat = Repeat {
            since: now,
            more: 0,
            line: line.clone(),
        };
        self.entries.insert(key, repeat);
        Some(line)
    }

    fn hour_has_room(&mut self, now: Timestamp) -> bool {
        if !within(self.hour.0, now, HOUR) {
            self.hour = (now, 0);
        }
        self.hour.1 += 1;
        self.hour.1 <= REFUSALS_MAX
    }

    /// What is to be written of minutes that are over; of all, if this is the `end`.
    pub(super) fn sweep(&mut self, now: Timestamp, end: bool) -> Vec<Line> {
        let mut lines = Vec::new();
        self.entries.retain(|_, repeat| {
            let stays = !end && within(repeat.since, now, WINDOW);
            if !stays && repeat.more > 0 {
                lines.push(Line {
                    time: now.to_string(),
                    repeats: repeat.more,
                    ..repeat.line.clone()
                });
            }
            stays
        });
        for (others, what) in self.others.iter_mut().zip([What::Refused, What::Export]) {
            if others.count == 0 || (!end && within(others.since, now, WINDOW)) {
                continue;
            }
            let entry = Entry {
                what,
                grant: "",
                caller: super::Caller::default(),
                detail: "more than can be listed",
            };
            lines.push(Line {
                repeats: std::mem::take(&mut others.count),
                ..Line::new(&entry, now)
            });
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::audit::Caller;
    use std::net::{IpAddr, Ipv4Addr};

    const START: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn entry(what: What, host: u32, route: &str) -> Entry<'_> {
        Entry {
            what,
            grant: "",
            caller: Caller {
                peer: Some(IpAddr::V4(Ipv4Addr::from_bits(host))),
                route,
            },
            detail: "unknown",
        }
    }

    fn total(lines: &[Line]) -> u64 {
        lines.iter().map(|line| line.repeats).sum()
    }

    #[test]
    fn a_flood_of_one_address_is_two_lines_a_minute() {
        let mut repeats = Repeats::default();
        let mut written = Vec::new();
        for at in 0..100_000_u64 {
            // A minute's worth, each asking for something else.
            let now = START.plus(Duration::from_micros(at * 500));
            let route = format!("/{at}");
            written.extend(repeats.take(&entry(What::Refused, 7, &route), now));
            written.extend(repeats.sweep(now, false));
        }
        assert_eq!(written.len(), 1);
        let summary = repeats.sweep(START.plus(WINDOW), false);
        assert_eq!((summary.len(), total(&summary)), (1, 99_999));
        assert!(repeats.sweep(START.plus(WINDOW * 2), false).is_empty());
    }

    #[test]
    fn a_flood_of_many_addresses_is_bounded_by_the_hour_and_counted() {
        let mut repeats = Repeats::default();
        let mut written = Vec::new();
        for host in 0..50_000_u32 {
            let now = START.plus(Duration::from_millis(u64::from(host)));
            written.extend(repeats.take(&entry(What::Refused, host, "/"), now));
            written.extend(repeats.sweep(now, false));
        }
        let now = START.plus(Duration::from_mins(2));
        written.extend(repeats.sweep(now, false));
        let singles = written.iter().filter(|line| line.repeats == 0).count();
        assert_eq!(singles, REFUSALS_MAX as usize);
        assert_eq!(total(&written), 50_000 - u64::from(REFUSALS_MAX));
        // A login is written all the same.
        assert!(
            repeats
                .take(&entry(What::Login, 1, "/login"), now)
                .is_some()
        );
        assert!(repeats.entries.len() <= ENTRIES_MAX);
    }

    #[test]
    fn an_export_is_written_again_when_anything_is_different() {
        let mut repeats = Repeats::default();
        let mut take = |host, route| repeats.take(&entry(What::Export, host, route), START);
        assert!(take(1, "Query").is_some());
        assert!(take(1, "Query").is_none());
        assert!(take(1, "Subscribe").is_some());
        assert!(take(2, "Query").is_some());
        let lines = repeats.sweep(START, true);
        assert_eq!((lines.len(), total(&lines)), (1, 1));
    }

    #[test]
    fn a_clock_that_is_set_back_stops_nothing() {
        let mut repeats = Repeats::default();
        assert!(repeats.take(&entry(What::Refused, 1, "/"), START).is_some());
        let back = START.minus(HOUR * 24);
        assert!(repeats.sweep(back, false).is_empty());
        assert!(repeats.take(&entry(What::Refused, 1, "/"), back).is_some());
    }
}
