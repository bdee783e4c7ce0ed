//! One page out of three sources.
use super::archive::{Archive, Kept, Look};
use super::past::{Past, Search, past};
use super::recent::{GONE, NOT_KEPT, recent};
use super::{Entry, Error, Page, Place, Wanted, What};
use crate::api::Shared;
use crate::api::cut::Cut;
use crate::api::rejects::{self, Found, Item, walk};
use crate::api::selection::Selection;
use crate::devices::{Device, TraceKind};
use crate::model::{Reject, Timestamp};
use prost::Message;
use std::cmp::Reverse;
use std::collections::HashSet;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of reports and payloads on a page; as JSON they take about four times as much.
const PAGE_BYTES_MAX: usize = 1 << 20;
/// How far ahead of the clock a device's time may be, and more.
const AHEAD: Duration = Duration::from_hours(2);
const NANO: Duration = Duration::from_nanos(1);

/// One page. Blocks on the disk.
///
/// # Errors
/// Nothing is known of the name, or the disk's.
pub fn page(shared: &Shared, wanted: &Wanted) -> Result<Page, Error> {
    let device = shared.devices.seen_by(&wanted.grant).get(&wanted.name);
    if device.is_none() && !wanted.grant.sees_all_devices() {
        return Err(Error::Unknown(wanted.name.clone()));
    }
    // Nothing lies further ahead: intake does not believe such times.
    let ahead = shared.clock.now().plus(AHEAD);
    let heard = device.as_ref().map(|device| device.last_seen.plus(AHEAD));
    let last = wanted.to.map(|to| to.minus(NANO));
    let last = last.unwrap_or_else(|| heard.unwrap_or(ahead).max(ahead));
    let place = wanted.place.unwrap_or(Place {
        at: last,
        skip: 0,
        rejects: u64::MAX,
    });
    let mut archive = Archive::new(&shared.log);
    let (timed, reached) = match &device {
        Some(device) => timed(shared, device, wanted, &place, &mut archive)?,
        None => (VecDeque::new(), None),
    };
    let id = device.as_ref().map_or(&*wanted.name, |device| &*device.id);
    let rejects = refused(shared, device.as_ref(), id, wanted, &place)?;
    let mut merge = Merge {
        cut: shared.cut(&wanted.grant),
        timed,
        reached,
        rejects,
        archive,
        place,
        entries: Vec::new(),
        bytes: 0,
    };
    merge.run(wanted.limit)?;
    let next = merge.next();
    if device.is_none()
        && merge.entries.is_empty()
        && next.is_none()
        && shared
            .devices
            .seen_by(&wanted.grant)
            .stranger(&wanted.name)
            .is_none()
    {
        return Err(Error::Unknown(wanted.name.clone()));
    }
    Ok(Page {
        device: device.map(Box::new),
        entries: merge.entries,
        next,
    })
}

/// Everything but rejects, newest first, behind the place; and how far back it is complete.
fn timed(
    shared: &Shared,
    device: &Device,
    wanted: &Wanted,
    place: &Place,
    archive: &mut Archive<'_>,
) -> Result<(VecDeque<Entry>, Option<Timestamp>), Error> {
    if place.at == Timestamp::MIN {
        return Ok((VecDeque::new(), None));
    }
    let mut entries = recent(shared, device, archive)?;
    let known: HashSet<u64> = entries.iter().map(|entry| entry.sequence).collect();
    let within =
        |entry: &Entry| entry.at <= place.at && wanted.from.is_none_or(|from| entry.at >= from);
    entries.retain(within);
    let skip = usize::try_from(place.skip).unwrap_or(usize::MAX);
    let Past {
        entries: older,
        reached,
    } = past(
        &shared.history,
        &Search {
            selection: Selection::granted(&wanted.grant)
                .of_device(&device.id)
                .into_history(),
            from: wanted.from,
            to: place.at,
            count: wanted.limit.saturating_add(skip).saturating_add(1),
            known: &known,
            interval: device.interval,
            now: shared.clock.now(),
        },
    )?;
    entries.extend(older);
    let cut = shared.cut(&wanted.grant);
    entries.retain_mut(|entry| cut.entry(entry));
    // Stable: of one time, what the registry remembers comes first.
    entries.sort_by_key(|entry| Reverse(entry.at));
    let mut entries = VecDeque::from(entries);
    for _ in 0..skip {
        entries.pop_front_if(|entry| entry.at == place.at);
    }
    Ok((entries, reached))
}

/// The rejects behind the place.
fn refused(
    shared: &Shared,
    device: Option<&Device>,
    id: &str,
    wanted: &Wanted,
    place: &Place,
) -> Result<Found, Error> {
    let mut before = (place.rejects != u64::MAX).then_some(place.rejects);
    // What the registry knows saves a walk, once it has seen all rejects.
    if before.is_none() && wanted.to.is_none() && shared.devices.stats().rejects_lag == 0 {
        let traced = device.and_then(|device| {
            device.traces.iter().find_map(|trace| match trace.what {
                TraceKind::Reject(sequence) => Some(sequence),
                TraceKind::Report(_) | TraceKind::Event(_) | TraceKind::State(..) => None,
            })
        });
        let stranger = || Some(shared.devices.stranger(id)?.sequence);
        before = traced.or_else(stranger).map(|sequence| sequence + 1);
        if device.is_some_and(|device| device.rejects == 0) && before.is_none() {
            return Ok(Found::default());
        }
    }
    let rejects = rejects::Wanted {
        device: Some(id.to_owned()),
        from: wanted.from,
        to: wanted.to,
        reason: None,
        route: None,
        recovered: None,
        grant: Arc::clone(&wanted.grant),
    };
    Ok(walk(
        shared,
        &rejects,
        before,
        wanted.limit.saturating_add(1),
    )?)
}

struct Merge<'l> {
    cut: Cut<'l>,
    timed: VecDeque<Entry>,
    /// How far back `timed` is complete; `None`: to the end.
    reached: Option<Timestamp>,
    rejects: Found,
    archive: Archive<'l>,
    place: Place,
    entries: Vec<Entry>,
    bytes: usize,
}

fn received(reject: &Reject) -> Timestamp {
    Timestamp::from_nanos(reject.received_at_ns)
}

impl Merge<'_> {
    fn run(&mut self, limit: usize) -> Result<(), Error> {
        let mut refused = VecDeque::from(std::mem::take(&mut self.rejects.rejects));
        while self.entries.len() < limit && self.bytes < PAGE_BYTES_MAX {
            let timed = self.timed.front().map(|entry| entry.at);
            let reject = refused.front().map(|item| received(&item.reject));
            // What has not been looked at may be later than what has.
            let unseen_timed = self.reached.filter(|_| timed.is_none());
            let unseen_rejects = self.rejects.next.filter(|_| reject.is_none());
            let unseen_rejects = unseen_rejects.and(self.rejects.reached_at);
            match (timed, reject) {
                (None, None) => break,
                (Some(at), reject) if reject.is_none_or(|reject| at >= reject) => {
                    if unseen_rejects.is_some_and(|unseen| at <= unseen) || !self.take_timed()? {
                        break;
                    }
                }
                (_, at) => {
                    if unseen_timed.is_some_and(|unseen| at < Some(unseen)) {
                        break;
                    }
                    if let Some(item) = refused.pop_front() {
                        self.take_reject(item);
                    }
                }
            }
        }
        self.rejects.rejects = refused.into();
        Ok(())
    }

    fn take_reject(&mut self, item: Item) {
        self.bytes += item.reject.raw.len();
        self.entries.push(Entry {
            at: received(&item.reject),
            sequence: item.sequence,
            what: What::Reject(Box::new(item.reject), item.recovered),
        });
    }

    /// The next entry of the registry or of history, with its bytes; false: enough has been read.
    fn take_timed(&mut self) -> Result<bool, Error> {
        let Some(mut entry) = self.timed.pop_front() else {
            return Ok(false);
        };
        if let What::Uplink(uplink) = &mut entry.what
            && uplink.note == GONE
        {
            match self.archive.look(entry.sequence)? {
                Look::Found(kept) => {
                    let Kept { arrived, .. } = *kept;
                    uplink.note = if arrived.is_some() { "" } else { NOT_KEPT };
                    uplink.arrived = arrived;
                }
                Look::Gone => {}
                Look::Spent if self.entries.is_empty() => {}
                Look::Spent => {
                    self.timed.push_front(entry);
                    return Ok(false);
                }
            }
        }
        // Once more: its bytes may just have come. It stays an entry; what is none is not in the list.
        self.cut.entry(&mut entry);
        if let What::Uplink(uplink) = &entry.what {
            let raw = uplink.arrived.as_ref().map_or(0, |kept| kept.raw.len());
            self.bytes += raw + uplink.report.encoded_len();
        }
        self.entries.push(entry);
        Ok(true)
    }

    /// Where the next page starts.
    fn next(&self) -> Option<Place> {
        let unshown = self.timed.front().map(|entry| entry.at);
        let at = unshown.or_else(|| Some(self.reached?.minus(NANO)));
        let shown = |at: Timestamp| {
            let equal = self
                .entries
                .iter()
                .filter(|entry| entry.at == at && !matches!(entry.what, What::Reject(..)));
            let equal = u32::try_from(equal.count()).unwrap_or(u32::MAX);
            let before = if at == self.place.at {
                self.place.skip
            } else {
                0
            };
            equal.saturating_add(before)
        };
        let head = self.rejects.rejects.first();
        let rejects = head.map(|item| item.sequence + 1).or(self.rejects.next);
        (at.is_some() || rejects.is_some()).then(|| Place {
            at: at.unwrap_or(Timestamp::MIN),
            skip: at.map_or(0, shown),
            rejects: rejects.unwrap_or(0),
        })
    }
}
