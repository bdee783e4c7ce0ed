//! From samples to readings: names, units, ranges and times as the catalogue has them.
//!
//! Decisions: a metric twice in one object is refused with both values, for nobody can say which is
//! right. A reading without a believable time is kept at its reception (`UNCERTAIN`), unless the
//! report has another reading of that metric: two could not be told apart then, and they are refused
//! as a back-dated series with an implausible base. The device's own words for its time go into the
//! event `clock_wrong`, not into a label: labels tell series apart, and a label that changes with
//! every reading would make each a series of its own.
use super::time::{self, Judged};
use super::value::{read, show};
use crate::catalogue::Catalogue;
use crate::codecs::{Decoded, Fault, Faults, Reason, Sample, quote};
use crate::inventory::Entry;
use crate::model::{Quality, ReadingDraft, Timestamp};
use jiff::tz::TimeZone;
use std::ops::Range;

/// What is known of a device and its uplink.
#[derive(Clone, Copy, Debug)]
pub(super) struct Context<'c> {
    pub(super) catalogue: &'c Catalogue,
    pub(super) kind: &'c str,
    pub(super) zone: &'c TimeZone,
    pub(super) received_at: Timestamp,
    pub(super) register: Register,
}

/// What the inventory says of a device's registers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Register {
    /// Its values are this much larger than what it shows: current ratio times voltage ratio.
    pub(super) multiplier: Option<f64>,
    /// All of them, and those behind the point.
    pub(super) digits: Option<(u8, u8)>,
}

impl Register {
    pub(super) fn of(entry: Option<Entry<'_>>) -> Self {
        Self {
            multiplier: entry.and_then(Entry::multiplier),
            digits: entry.and_then(Entry::digits),
        }
    }
}

/// The value at which a register of so many digits, and so many of them behind the point, rolls over.
pub(super) fn modulus(digits: Option<(u8, u8)>) -> Option<f64> {
    digits.map(|(all, behind)| 10_f64.powi(i32::from(all.saturating_sub(behind))))
}

/// A clock that cannot be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClockWrong {
    /// The device's words.
    pub(super) raw: String,
    /// Seconds ahead of the reception; `None`: unreadable.
    pub(super) ahead_secs: Option<i64>,
}

/// What the readings of one device have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Every reading has a plausible time of the device's.
    pub(super) dated: bool,
    pub(super) clock: Option<ClockWrong>,
}

/// Which sample a reading came from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    object: u32,
    group: u32,
    sample: usize,
    fate: Fate,
}

impl Origin {
    /// The device that the payload names.
    pub(super) fn device<'d>(&self, decoded: &'d Decoded<'_>) -> Option<&'d str> {
        decoded.device_of(self.group)
    }

    /// Index into [`Decoded::samples`].
    pub(super) const fn sample(&self) -> usize {
        self.sample
    }

    /// Has it a time of the device's?
    pub(super) fn is_dated(&self) -> bool {
        self.fate == Fate::Dated
    }

    /// Where in the payload it lies.
    pub(super) fn place(&self, decoded: &Decoded<'_>) -> String {
        let sample = decoded.samples.get(self.sample);
        let place =
            |sample: &Sample<'_>| decoded.place_of(sample.group, &sample.metric, sample.item);
        sample.map(place).unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Dated,
    Undated,
    /// Its time is not believed.
    Doubted,
    /// Another of the same name is in the same object.
    Twice,
}

/// Turns the samples in `range`, all of one device, into `readings`, and the bad ones into `faults`.
pub(super) fn normalise<'d>(
    decoded: &'d Decoded<'_>,
    range: Range<usize>,
    context: &Context<'d>,
    readings: &mut Vec<ReadingDraft<'d>>,
    origins: &mut Vec<Origin>,
    faults: &mut Faults,
) -> Outcome {
    origins.clear();
    let mut outcome = Outcome {
        dated: true,
        clock: None,
    };
    let first = range.start;
    // Samples of one group lie together, mostly: its time is judged once.
    let mut judged: Option<(u32, Judged)> = None;
    let samples = decoded.samples.get(range).unwrap_or_default();
    for (at, sample) in samples.iter().enumerate() {
        let time = match judged {
            Some((group, time)) if group == sample.group => time,
            _ => judge(decoded, sample.group, context),
        };
        judged = Some((sample.group, time));
        let reading = match read(sample, context) {
            Ok(reading) => reading,
            Err((reason, sentence)) => {
                let place = decoded.place_of(sample.group, &sample.metric, sample.item);
                faults.push(Fault::part(reason, place, sentence));
                continue;
            }
        };
        let (reading, mut fate) = place(reading, time);
        outcome.dated &= fate == Fate::Dated;
        if let Judged::Implausible(claimed) = time {
            note_clock(
                &mut outcome,
                decoded,
                sample.group,
                claimed,
                context.received_at,
            );
        }
        if let Some(earlier) = twice(decoded, readings, origins, &reading, sample.group) {
            fate = Fate::Twice;
            faults.push(duplicate(decoded, sample, decoded.samples.get(earlier)));
        }
        readings.push(reading);
        origins.push(Origin {
            object: decoded.object(sample.group),
            group: sample.group,
            sample: first + at,
            fate,
        });
    }
    let unusable = |origin: &Origin| matches!(origin.fate, Fate::Doubted | Fate::Twice);
    if origins.iter().any(unusable) {
        drop_unusable(decoded, readings, origins, faults);
    }
    outcome
}

/// Puts a reading in its time.
fn place(mut reading: ReadingDraft<'_>, time: Judged) -> (ReadingDraft<'_>, Fate) {
    match time {
        Judged::Plausible(time) => {
            reading.observed_at = time;
            (reading, Fate::Dated)
        }
        Judged::Reckoned(time) => {
            reading.observed_at = time;
            (reading, Fate::Undated)
        }
        Judged::Absent => (reading, Fate::Undated),
        Judged::Implausible(_) => {
            if reading.quality == Quality::Good {
                reading.quality = Quality::Uncertain;
            }
            (reading, Fate::Doubted)
        }
    }
}

fn judge(decoded: &Decoded<'_>, group: u32, context: &Context<'_>) -> Judged {
    decoded.group(group).map_or(Judged::Absent, |group| {
        time::judge(&group.time, context.received_at, context.zone)
    })
}

fn note_clock(
    outcome: &mut Outcome,
    decoded: &Decoded<'_>,
    group: u32,
    claimed: Option<Timestamp>,
    received_at: Timestamp,
) {
    if outcome.clock.is_some() {
        return;
    }
    let raw = decoded
        .group(group)
        .map_or_else(String::new, |group| time::raw(&group.time));
    let secs = |time: Timestamp| time.as_secs_nanos().0;
    outcome.clock = Some(ClockWrong {
        raw,
        ahead_secs: claimed.map(|claimed| secs(claimed) - secs(received_at)),
    });
}

/// The sample of an earlier reading of the same metric, labels and time in the same object; marks
/// it. The readings of one object lie together, so that a long array is not searched for each.
fn twice(
    decoded: &Decoded<'_>,
    readings: &[ReadingDraft<'_>],
    origins: &mut [Origin],
    reading: &ReadingDraft<'_>,
    group: u32,
) -> Option<usize> {
    let object = decoded.object(group);
    let time = |group| decoded.group(group).map(|group| &group.time);
    let of_object = origins.iter_mut().zip(readings).rev();
    let (origin, _) = of_object
        .take_while(|(origin, _)| origin.object == object)
        .find(|(origin, other)| {
            std::ptr::eq(other.metric, reading.metric)
                && other.labels == reading.labels
                && (origin.group == group || time(origin.group) == time(group))
        })?;
    origin.fate = Fate::Twice;
    Some(origin.sample)
}

fn duplicate(decoded: &Decoded<'_>, sample: &Sample<'_>, other: Option<&Sample<'_>>) -> Fault {
    let earlier = other.map(|other| (show(&other.value), other.metric.as_ref()));
    let (one, name) = earlier.unwrap_or_default();
    let also = if name == sample.metric.trim() || name.is_empty() {
        String::new()
    } else {
        format!(" (as `{}`)", quote(name))
    };
    let sentence = format!(
        "`{}` is there twice, as {one}{also} and {}; neither is taken",
        quote(&sample.metric),
        show(&sample.value)
    );
    let place = decoded.place_of(sample.group, &sample.metric, sample.item);
    Fault::part(Reason::DuplicateKey, place, sentence)
}

/// Takes out what is there twice, and doubted times that would fall on another reading's.
fn drop_unusable(
    decoded: &Decoded<'_>,
    readings: &mut Vec<ReadingDraft<'_>>,
    origins: &mut Vec<Origin>,
    faults: &mut Faults,
) {
    let all = || origins.iter().zip(readings.iter());
    let series = |at: usize, reading: &ReadingDraft<'_>| {
        let mut others = all()
            .enumerate()
            .filter(|(other, (origin, _))| *other != at && origin.fate != Fate::Twice);
        others.any(|(_, (_, other))| {
            std::ptr::eq(other.metric, reading.metric) && other.labels == reading.labels
        })
    };
    let keep: Vec<bool> = all()
        .enumerate()
        .map(|(at, (origin, reading))| match origin.fate {
            Fate::Dated | Fate::Undated => true,
            Fate::Twice => false,
            Fate::Doubted => !series(at, reading),
        })
        .collect();
    for (origin, _) in origins
        .iter()
        .zip(&keep)
        .filter(|(origin, keep)| origin.fate == Fate::Doubted && !**keep)
    {
        let Some(sample) = decoded.samples.get(origin.sample) else {
            continue;
        };
        let raw = decoded
            .group(origin.group)
            .map_or_else(String::new, |group| time::raw(&group.time));
        let sentence = format!(
            "time {raw} is before 2015, over an hour ahead or unreadable, and the report has other \
             readings of `{}`: without true times they cannot be told apart",
            quote(&sample.metric)
        );
        let place = decoded.place_of(origin.group, &sample.metric, sample.item);
        faults.push(Fault::part(Reason::ImplausibleTime, place, sentence));
    }
    let mut kept = keep.iter().copied();
    origins.retain(|_| kept.next().unwrap_or(true));
    let mut keep = keep.into_iter();
    readings.retain(|_| keep.next().unwrap_or(true));
}
