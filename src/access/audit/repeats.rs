//! What is said once instead of a thousand times.
//!
//! Whoever can send a request can have a line written, so lines must not be free: a refusal is
//! written once a minute for each address, and once a minute how many more there were. A city of
//! addresses that is refused gets [`REFUSALS_MAX`] lines an hour, so that it takes weeks to push
//! what happened before out of the files.
//!
//! What the holder of a token may do at will, exports and logins, is written once in ten minutes for
//! his address, token and route, whatever else he asks for, and at most [`GRANTED_MAX`] times an hour
//! for a token; then only the number. Neither takes the other's room: no flood of exports hides a
//! refusal, and none of one token another's exports.
use super::{Entry, Line, What};
use crate::model::Timestamp;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// How long the same refusal is only counted.
const WINDOW: Duration = Duration::from_mins(1);
/// And the same export or login.
const GRANTED_WINDOW: Duration = Duration::from_mins(10);
/// Different entries of a sort that are counted at a time.
const ENTRIES_MAX: usize = 4_096;
/// Lines of refusals in [`HOUR`]; of more only the number is written.
const REFUSALS_MAX: u32 = 500;
/// Lines of one token's exports in [`HOUR`], and of its logins; of more only the number is written.
const GRANTED_MAX: u32 = 120;
/// Tokens whose hours are counted at a time.
const GRANTS_MAX: usize = 10_000;
const HOUR: Duration = Duration::from_hours(1);

#[derive(Debug)]
struct Repeat {
    since: Timestamp,
    more: u64,
    line: Line,
}

/// Entries that were written, by what makes two the same.
type Entries = HashMap<u64, Repeat>;

/// One token's lines of a sort in this hour, and entries beyond.
#[derive(Debug)]
struct Hour {
    since: Timestamp,
    lines: u32,
    more: u64,
}

/// Entries of the last minutes.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    hasher: RandomState,
    refusals: Entries,
    granted: Entries,
    /// Since when, and how many lines of refusals were written.
    hour: (Timestamp, u32),
    hours: HashMap<(What, Box<str>), Hour>,
    /// Refusals and exports beyond the limits, since when.
    others: [Others; 2],
}

#[derive(Debug, Default)]
struct Others {
    since: Timestamp,
    count: u64,
}

impl Others {
    fn count(&mut self, now: Timestamp) {
        if self.count == 0 {
            self.since = now;
        }
        self.count += 1;
    }
}

/// Is `now` within `time` of `since`? Not if the clock was set back.
fn within(since: Timestamp, now: Timestamp, time: Duration) -> bool {
    now >= since && now.since(since) < time
}

/// Counts an entry where one like it was written.
fn repeated(entries: &mut Entries, key: u64) -> bool {
    let repeat = entries.get_mut(&key);
    repeat.map(|repeat| repeat.more += 1).is_some()
}

fn insert(entries: &mut Entries, key: u64, line: &Line, now: Timestamp) {
    let repeat = Repeat {
        since: now,
        more: 0,
        line: line.clone(),
    };
    entries.insert(key, repeat);
}

impl Repeats {
    /// Takes an entry; what is to be written for it.
    pub(super) fn take(&mut self, entry: &Entry<'_>, now: Timestamp) -> Option<Line> {
        match entry.what {
            What::Refused | What::LoginRefused => self.take_refusal(entry, now),
            What::Export | What::Login | What::Logout => self.take_granted(entry, now),
            _ => Some(Line::new(entry, now)),
        }
    }

    fn take_refusal(&mut self, entry: &Entry<'_>, now: Timestamp) -> Option<Line> {
        // The caller chooses the route; the reason is of the first.
        let key = self.hasher.hash_one((entry.what, entry.caller.peer));
        if repeated(&mut self.refusals, key) {
            return None;
        }
        if self.refusals.len() >= ENTRIES_MAX || !self.hour_has_room(now) {
            let [refusals, _] = &mut self.others;
            refusals.count(now);
            return None;
        }
        let line = Line::new(entry, now);
        insert(&mut self.refusals, key, &line, now);
        Some(line)
    }

    fn take_granted(&mut self, entry: &Entry<'_>, now: Timestamp) -> Option<Line> {
        let (peer, grant) = (entry.caller.peer, entry.grant);
        // Not the detail, which the caller chooses; the route is one of few.
        let key = (entry.what, peer, grant, entry.caller.route);
        let key = self.hasher.hash_one(key);
        if repeated(&mut self.granted, key) {
            return None;
        }
        let [_, others] = &mut self.others;
        let sort = (entry.what, Box::from(grant));
        if self.granted.len() >= ENTRIES_MAX
            || (self.hours.len() >= GRANTS_MAX && !self.hours.contains_key(&sort))
        {
            others.count(now);
            return None;
        }
        let hour = self.hours.entry(sort).or_insert(Hour {
            since: now,
            lines: 0,
            more: 0,
        });
        if hour.lines >= GRANTED_MAX {
            hour.more += 1;
            return None;
        }
        hour.lines += 1;
        let line = Line::new(entry, now);
        insert(&mut self.granted, key, &line, now);
        Some(line)
    }

    fn hour_has_room(&mut self, now: Timestamp) -> bool {
        if !within(self.hour.0, now, HOUR) {
            self.hour = (now, 0);
        }
        self.hour.1 += 1;
        self.hour.1 <= REFUSALS_MAX
    }

    /// What is to be written of times that are over; of all, if this is the `end`.
    pub(super) fn sweep(&mut self, now: Timestamp, end: bool) -> Vec<Line> {
        let mut lines = Vec::new();
        let over = |since, time| end || !within(since, now, time);
        let sorts = [
            (&mut self.refusals, WINDOW),
            (&mut self.granted, GRANTED_WINDOW),
        ];
        for (entries, window) in sorts {
            entries.retain(|_, repeat| {
                let is_over = over(repeat.since, window);
                if is_over && repeat.more > 0 {
                    lines.push(Line {
                        time: now.to_string(),
                        repeats: repeat.more,
                        ..repeat.line.clone()
                    });
                }
                !is_over
            });
        }
        self.hours.retain(|(what, grant), hour| {
            let is_over = over(hour.since, HOUR);
            if is_over && hour.more > 0 {
                lines.push(more(*what, grant, hour.more, now));
            }
            !is_over
        });
        for (others, what) in self.others.iter_mut().zip([What::Refused, What::Export]) {
            if others.count > 0 && over(others.since, WINDOW) {
                lines.push(more(what, "", std::mem::take(&mut others.count), now));
            }
        }
        lines
    }
}

fn more(what: What, grant: &str, count: u64, now: Timestamp) -> Line {
    let entry = Entry {
        what,
        grant,
        caller: super::Caller::default(),
        detail: "more than can be listed",
    };
    Line {
        repeats: count,
        ..Line::new(&entry, now)
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
        assert!(repeats.refusals.len() <= ENTRIES_MAX);
    }

    #[test]
    fn an_export_is_written_again_from_elsewhere() {
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
    fn one_token_cannot_push_the_log_aside() {
        let mut repeats = Repeats::default();
        let mut written = Vec::new();
        let (mut filters, mut hosts) = (0, 0);
        for at in 0..50_000_u32 {
            let now = START.plus(Duration::from_millis(u64::from(at) * 60));
            let detail = format!("device={at}");
            let export = |host| Entry {
                grant: "gas",
                detail: &detail,
                ..entry(What::Export, host, "Query")
            };
            filters += usize::from(repeats.take(&export(1), now).is_some());
            hosts += usize::from(repeats.take(&export(at), now).is_some());
            written.extend(repeats.sweep(now, false));
        }
        let now = START.plus(Duration::from_mins(51));
        assert!(filters <= 6 && filters + hosts == GRANTED_MAX as usize);
        // Others are heard all the same.
        let other = Entry {
            grant: "water",
            ..entry(What::Export, 1, "Query")
        };
        assert!(repeats.take(&other, now).is_some());
        let login = Entry {
            grant: "gas",
            ..entry(What::Login, 1, "/login")
        };
        assert!(repeats.take(&login, now).is_some());
        assert!(repeats.take(&login, now).is_none());
        assert!(repeats.take(&entry(What::Refused, 1, "/"), now).is_some());
        written.extend(repeats.sweep(now, true));
        assert!(
            written.len() <= GRANTED_MAX as usize + 2,
            "{}",
            written.len()
        );
        assert_eq!(total(&written), 100_000 - u64::from(GRANTED_MAX) + 1);
    }

    #[test]
    fn exports_without_end_hide_no_refusal() {
        let mut repeats = Repeats::default();
        for at in 0..2 * ENTRIES_MAX {
            let grant = format!("t{at}");
            let export = Entry {
                grant: &grant,
                ..entry(What::Export, 1, "Query")
            };
            repeats.take(&export, START);
        }
        assert_eq!(repeats.granted.len(), ENTRIES_MAX);
        assert!(repeats.take(&entry(What::Refused, 1, "/"), START).is_some());
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
