//! 200 meters of four utilities behind one concentrator, for 31 days, and the truth about them.
//!
//! ```text
//!  seed -> fleet (meters, inventory) -> course (registers, what befalls whom) -> messages (frames) -> uplinks
//!                                                                                   `-> truth: readings, events,
//!                                                                                       rejects, who was heard when
//! ```
//! The truth is what the meters did. It is written down where the frames are made, and neither decoder nor
//! intake is asked; a test plays the uplinks to a gateway and compares, both ways.
//!
//! Each meter has a frame a day, with the time of the freeze or of its own clock, so that 31 days may be
//! played in a minute: only a few momentary values have no time but that of the reception. What is lost on
//! the way, or not said, is in no truth. Meters of a role ([`Role`]) travel in a message that is never lost,
//! for what is told of them depends on each of their days.
mod course;
mod days;
mod fleet;
mod frames;
mod incidents;
mod message;
mod states;
mod truth;

pub use course::{LAST_DAY, Role};
pub use fleet::{CONCENTRATOR, LITRES, METERS, Meter, Model};
pub use states::{State, state};
pub use truth::{At, Counts, Event, Reading, Reject, Truth, Value};

use crate::model::Timestamp;
use crate::sim::Rng;
use course::Course;
use fleet::Row;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

pub(super) const DAY: Duration = Duration::from_hours(24);

/// One uplink of the concentrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uplink {
    /// When it is sent.
    pub at: Timestamp,
    /// Its payload.
    pub payload: Vec<u8>,
    /// What is special about it, for whoever reads a difference.
    pub what: &'static str,
}

/// The 31 days.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Midnight of the first day.
    pub start: Timestamp,
    /// `devices.csv`.
    pub inventory: String,
    /// In the order in which they are sent.
    pub uplinks: Vec<Uplink>,
    /// What a gateway without mistakes says of them.
    pub truth: Truth,
    /// The meters.
    pub meters: Vec<Meter>,
    /// Who has a role, and the day on which it begins.
    pub cast: BTreeMap<Role, (String, usize)>,
}

/// The meters with their courses.
#[derive(Debug)]
struct Fleet {
    meters: Vec<Meter>,
    courses: Vec<Course>,
}

impl Scenario {
    /// From a midnight of `zone` on. The same seed and start give the same bytes.
    pub fn new(seed: u64, start: Timestamp, zone: &TimeZone) -> Self {
        let meters = fleet::meters(seed);
        let mut rng = Rng::stream(seed, 2);
        let cast = cast(&meters, &mut rng);
        let silences = silences(&meters, &cast, &mut rng);
        let courses = meters.iter().enumerate().map(|(number, meter)| {
            let mut rng = Rng::stream(seed, 1_000 + number as u64);
            let silence = silences.get(&number).cloned().unwrap_or(0..0);
            Course::new(meter, cast.get(&number).copied(), silence, &mut rng)
        });
        let fleet = Fleet {
            courses: courses.collect(),
            meters: meters.clone(),
        };
        let (uplinks, truth) = days::play(&fleet, seed, start, zone);
        let named = |(number, (role, day)): (&usize, &(Role, usize))| {
            let id = meters.get(*number).map(|meter| meter.id.clone());
            (*role, (id.unwrap_or_default(), *day))
        };
        Self {
            start,
            inventory: fleet::inventory(&meters, |meter| {
                let number = meters.iter().position(|other| other.id == meter.id);
                rows(meter, number.and_then(|number| cast.get(&number)), start)
            }),
            uplinks,
            truth,
            cast: cast.iter().map(named).collect(),
            meters,
        }
    }

    /// The state of every device at a time, by the inventory's ids.
    pub fn states(&self, now: Timestamp) -> BTreeMap<String, State> {
        let heard = |id: &str| self.truth.heard.get(id).map_or(&[][..], Vec::as_slice);
        let hour = Duration::from_hours(1);
        let mut states = BTreeMap::new();
        states.insert(
            CONCENTRATOR.to_owned(),
            state(heard(CONCENTRATOR), hour, now),
        );
        for meter in &self.meters {
            let interval = states::interval(meter);
            states.insert(meter.id.clone(), state(heard(&meter.id), interval, now));
        }
        if let Some((id, day)) = self.cast.get(&Role::Replaced) {
            let new = successor(id);
            let of_new = state(heard(&new), hour * 24, now);
            states.insert(new, of_new);
            if now >= exchanged_at(self.start, *day) {
                states.insert(id.clone(), State::Retired);
            }
        }
        states
    }

    /// Profiles that the inventory names and that do not come with the gateway: file name and text.
    pub fn profiles() -> [(String, &'static str); 1] {
        [(format!("{LITRES}.toml"), days::LITRES_PROFILE)]
    }
}

/// When an exchange takes place that shows on `day`: noon of the day before.
pub(super) fn exchanged_at(start: Timestamp, day: usize) -> Timestamp {
    midnight(start, day).minus(DAY / 2)
}

/// Midnight of a day. The zone has no summer time.
pub(super) fn midnight(start: Timestamp, day: usize) -> Timestamp {
    start.plus(DAY * u32::try_from(day).unwrap_or(0))
}

/// The id of the meter that replaces another one.
pub(super) fn successor(id: &str) -> String {
    format!("{id}-2")
}

fn rows(meter: &Meter, role: Option<&(Role, usize)>, start: Timestamp) -> Vec<Row> {
    let alias = meter.alias();
    let Some((role @ (Role::Exchanged | Role::Replaced), day)) = role else {
        return vec![Row::of(&meter.id, alias)];
    };
    let at = exchanged_at(start, *day).to_string();
    let new = match role {
        Role::Replaced => successor(&meter.id),
        _ => meter.id.clone(),
    };
    vec![
        Row {
            to: at.clone(),
            ..Row::of(&meter.id, format!("{alias} sn:{}-old", meter.id))
        },
        Row {
            from: at,
            ..Row::of(&new, format!("{alias} sn:{}-new", meter.id))
        },
    ]
}

/// Who plays which role from which day on.
fn cast(meters: &[Meter], rng: &mut Rng) -> BTreeMap<usize, (Role, usize)> {
    let mut cast = BTreeMap::new();
    let mut give = |role: Role, fits: &dyn Fn(&Meter) -> bool| {
        let free = |(number, meter): (usize, &Meter)| {
            (!cast.contains_key(&number) && fits(meter)).then_some(number)
        };
        let fitting: Vec<usize> = meters.iter().enumerate().filter_map(free).collect();
        let drawn = usize::try_from(rng.below(fitting.len() as u64)).unwrap_or(0);
        // Far enough from both ends for what leads to it and what follows.
        let day = 6 + usize::try_from(rng.below(16)).unwrap_or(0);
        if let Some(number) = fitting.get(drawn) {
            cast.insert(*number, (role, day));
        }
    };
    let single = |meter: &Meter| meter.model == Model::Single;
    let water = |meter: &Meter| {
        matches!(meter.model, Model::Water { litres: false, .. }) && meter.digits.is_none()
    };
    give(Role::RollsOver, &|meter| {
        matches!(meter.model, Model::Three { export: false, .. }) && meter.multiplier > 1
    });
    give(Role::RollsOverEarly, &|meter| {
        matches!(meter.model, Model::Water { litres: false, .. }) && meter.digits.is_some()
    });
    give(Role::RollsBack, &|meter| {
        matches!(meter.model, Model::Gas { .. })
    });
    for role in [Role::Still, Role::Jumps, Role::BadDigit, Role::Alarms] {
        give(role, &water);
    }
    for role in [
        Role::Exchanged,
        Role::Replaced,
        Role::BackFilled,
        Role::Contradicts,
        Role::Damaged,
        Role::Unknown,
        Role::Refuses,
    ] {
        give(role, &single);
    }
    cast
}

/// Who is silent for some days. One of them is never heard, and one not to the end.
fn silences(
    meters: &[Meter],
    cast: &BTreeMap<usize, (Role, usize)>,
    rng: &mut Rng,
) -> BTreeMap<usize, Range<usize>> {
    let free = |number: &usize| {
        let hourly = meters
            .get(*number)
            .is_some_and(|meter| meter.model == Model::Hourly);
        !cast.contains_key(number) && !hourly
    };
    let free: Vec<usize> = (0..meters.len()).filter(free).collect();
    let mut silences = BTreeMap::new();
    while silences.len() < 8 {
        let drawn = usize::try_from(rng.below(free.len() as u64)).unwrap_or(0);
        let from = 3 + usize::try_from(rng.below(18)).unwrap_or(0);
        let silence = match silences.len() {
            0 => 0..LAST_DAY + 1,
            1 => LAST_DAY - 4..LAST_DAY + 1,
            some => from..from + some,
        };
        if let Some(number) = free.get(drawn) {
            silences.entry(*number).or_insert(silence);
        }
    }
    silences
}
