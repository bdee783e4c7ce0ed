//! Which readings of an uplink that is taken once more are wanted: those that are missing.
use super::normalise::Origin;
use super::retry::Had;
use super::route::Target;
use crate::codecs::{Decoded, quote};
use crate::model::ReportDraft;
use std::cell::{Cell, RefCell};

/// The part that stands for all that were too many to be kept one by one.
const SUMMARY: &str = "..";

/// Last steps of a part that is no reading, and so never the place of one.
const NO_READING: [&str; 6] = [
    "time",
    "device",
    "records",
    "count of records",
    "step",
    "items",
];

/// What a part may cover besides the reading that it names: "" is everything, `[2]` a record of a list.
/// `None`: it is a reading's place.
fn around(part: &str) -> Option<&str> {
    let last = part.rsplit_once('.').map_or(part, |(_, last)| last);
    let whole = part == SUMMARY
        || part.ends_with("[]")
        || part.starts_with("item ")
        || part.starts_with("frame at byte ")
        || part.split('.').any(|step| step == "inner");
    if whole {
        return Some("");
    }
    let head = part.strip_suffix(last)?.trim_end_matches('.');
    NO_READING.contains(&last).then_some(head)
}

/// How far a place of a payload is one that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Covered {
    /// It is.
    Exactly,
    /// It lies within, or nobody knows: what is there already must be looked up.
    Perhaps,
}

/// What became of a refused part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Found {
    /// No reading comes of it.
    #[default]
    Nothing,
    /// Its readings are there already.
    There,
    /// Readings of it are taken.
    Taken,
}

/// The parts of an uplink that were refused and are wanted now.
#[derive(Debug)]
pub(super) struct Missing<'a> {
    parts: Vec<(&'a str, Cell<Found>)>,
}

impl<'a> Missing<'a> {
    pub(super) fn new(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let parts = parts.into_iter();
        Self {
            parts: parts.map(|part| (part, Cell::default())).collect(),
        }
    }

    /// Is a reading at `place`, of a device that the payload calls `named`, one of them?
    fn covers(&self, place: &str, named: &str, device: &str) -> Option<Covered> {
        let is = |part: &str| {
            if part == place {
                return Some(Covered::Exactly);
            }
            // A whole record, or all of a device that was not known.
            let within = place
                .strip_prefix(part)
                .is_some_and(|rest| rest.starts_with(['.', '[']));
            let around = around(part).is_some_and(|head| {
                let rest = place.strip_prefix(head);
                rest.is_some_and(|rest| head.is_empty() || rest.starts_with(['.', '[']))
            });
            let of_device = !part.is_empty() && (part == quote(named) || part == device);
            (within || of_device || around).then_some(Covered::Perhaps)
        };
        let mut best = None;
        for (part, _) in &self.parts {
            match is(part) {
                Some(Covered::Exactly) => return Some(Covered::Exactly),
                Some(Covered::Perhaps) => best = Some(Covered::Perhaps),
                None => {}
            }
        }
        best
    }

    /// Of how many refused parts is this the place?
    fn at(&self, place: &str) -> usize {
        self.parts.iter().filter(|(part, _)| *part == place).count()
    }

    fn found(&self, place: &str, named: &str, device: &str, found: Found) {
        for (part, known) in &self.parts {
            let one = Self {
                parts: vec![(part, Cell::default())],
            };
            if one.covers(place, named, device).is_some() && known.get() != Found::Taken {
                known.set(found);
            }
        }
    }
}

/// An uplink that is taken once more.
pub(super) struct Again<'a> {
    /// Whose it was found to be; "" where it did not come so far.
    pub(super) device: &'a str,
    /// `None`: all of it.
    missing: Option<Missing<'a>>,
    had: &'a Had<'a>,
    failed: RefCell<Option<String>>,
    /// Readings that are there already.
    there: Cell<usize>,
}

impl std::fmt::Debug for Again<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Again").finish_non_exhaustive()
    }
}

impl<'a> Again<'a> {
    pub(super) fn new(device: &'a str, missing: Option<Missing<'a>>, had: &'a Had<'a>) -> Self {
        Self {
            device,
            missing,
            had,
            failed: RefCell::default(),
            there: Cell::default(),
        }
    }

    /// Was the device found by credentials, which are not kept, as its route leads to it by them?
    pub(super) const fn knows(&self, target: &Target<'_>) -> bool {
        target.device.is_none() && !target.payload_names && !self.device.is_empty()
    }

    /// Was all of a meter refused, as another's than the topic's device?
    pub(super) fn refused(&self, address: &str, sender: &str) -> bool {
        let parts = self.missing.iter().flat_map(|missing| &missing.parts);
        let of_whole = self.missing.is_none() && self.device == address && sender != address;
        of_whole || parts.into_iter().any(|(part, _)| *part == quote(address))
    }

    /// Why what is there already is not known.
    pub(super) fn failed(&self) -> Option<String> {
        self.failed.borrow().clone()
    }

    /// Readings that are there already.
    pub(super) fn there(&self) -> usize {
        self.there.get()
    }

    /// What became of the refused parts, in their order; empty for a whole uplink.
    pub(super) fn parts(&self) -> Vec<Found> {
        let parts = self.missing.iter().flat_map(|missing| &missing.parts);
        parts.map(|(_, found)| found.get()).collect()
    }

    /// Leaves of a report the readings that are wanted and are not there.
    pub(super) fn keep(
        &self,
        draft: &mut ReportDraft<'_>,
        dated: bool,
        decoded: &Decoded<'_>,
        origins: &mut Vec<Origin>,
    ) {
        let device = draft.device_id;
        let named = |origin: &Origin| origin.device(decoded).unwrap_or_default().to_owned();
        let places: Vec<(String, String)> = origins
            .iter()
            .map(|origin| (origin.place(decoded), named(origin)))
            .collect();
        // Of each reading: is it wanted, and if so, must it be looked up?
        let wanted: Vec<Option<bool>> = places
            .iter()
            .map(|(place, named)| match &self.missing {
                None => Some(dated),
                Some(missing) => {
                    let covered = missing.covers(place, named, device)?;
                    let here = places.iter().filter(|(other, _)| other == place).count();
                    let unclear = covered == Covered::Perhaps || here > missing.at(place);
                    Some(dated || unclear)
                }
            })
            .collect();
        let look = wanted.contains(&Some(true));
        let had = if look {
            (self.had)(device, &draft.readings).unwrap_or_else(|words| {
                *self.failed.borrow_mut() = Some(words);
                Vec::new()
            })
        } else {
            Vec::new()
        };
        let mut had = had.into_iter().chain(std::iter::repeat(false));
        let fates: Vec<bool> = wanted
            .iter()
            .zip(&places)
            .map(|(wanted, (place, named))| {
                let there = had.next().unwrap_or_default() && *wanted == Some(true);
                self.there.set(self.there.get() + usize::from(there));
                let found = if there { Found::There } else { Found::Taken };
                if let (Some(_), Some(missing)) = (wanted, &self.missing) {
                    missing.found(place, named, device, found);
                }
                wanted.is_some() && !there
            })
            .collect();
        let mut kept = fates.iter().copied();
        origins.retain(|_| kept.next().unwrap_or(false));
        let mut fates = fates.into_iter();
        draft.readings.retain(|_| fates.next().unwrap_or(false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_covers_its_place_and_what_lies_within() {
        let missing = Missing::new(["voltage", "[2]", "meter-7"]);
        let covers = |place, named| missing.covers(place, named, named);
        assert_eq!(covers("voltage", ""), Some(Covered::Exactly));
        assert_eq!(covers("voltages", ""), None);
        assert_eq!(covers("[2].current", ""), Some(Covered::Perhaps));
        assert_eq!(covers("[21].current", ""), None);
        assert_eq!(covers("meter-7.current", "meter-7"), Some(Covered::Perhaps));
        assert_eq!(covers("[0].current", "meter-7"), Some(Covered::Perhaps));
        assert_eq!(covers("current", "meter-8"), None);
        let missing = Missing::new([".."]);
        assert_eq!(missing.covers("current", "", "x"), Some(Covered::Perhaps));
    }

    #[test]
    fn a_part_that_is_no_reading_may_hold_any_of_its_list() {
        for part in [
            "item 2",
            "items",
            "inner",
            "inner.x",
            "[1].inner",
            "time",
            "data[]",
            "step",
        ] {
            let missing = Missing::new([part]);
            let covered = missing.covers("[7].current", "", "x");
            assert_eq!(covered, Some(Covered::Perhaps), "{part}");
        }
        let missing = Missing::new(["[0].time", "[3].device"]);
        assert_eq!(
            missing.covers("[0].current", "", "x"),
            Some(Covered::Perhaps)
        );
        assert_eq!(
            missing.covers("[3].current", "", "x"),
            Some(Covered::Perhaps)
        );
        assert_eq!(missing.covers("[30].current", "", "x"), None);
        assert_eq!(missing.covers("current", "", "x"), None);
    }
}
