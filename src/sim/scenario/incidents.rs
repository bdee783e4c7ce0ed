//! What befalls the meters with a role, and what must be told of it.
use super::course::{Course, JUMP, LAST_DAY, Role};
use super::days::{Play, shown};
use super::fleet::{CONCENTRATOR, Meter};
use super::frames::{DAILY, link188};
use super::message::{Message, Shown, decimal};
use super::truth::At;
use super::{exchanged_at, midnight, successor};
use crate::model::{Quality, Timestamp};
use crate::sim::meters::Phase;
use crate::sim::meters::dlt645::{self, Energy, FrozenAt, Item, Refusal, Reply, function};

/// Days whose freezes come later, from the role's day on.
const HELD_BACK: usize = 4;
/// How many days after the first of them they come.
const COMES_AFTER: usize = 6;

/// What a meter of the cast says at midnight.
pub(super) fn daily(
    play: &Play<'_>,
    message: &mut Message<'_>,
    meter: &Meter,
    course: &Course,
    day: usize,
) {
    let Some((role, begins)) = course.role else {
        return;
    };
    let here = day == begins;
    match role {
        Role::BackFilled if (begins..begins + HELD_BACK).contains(&day) => {}
        Role::Damaged if here => damaged(play, message, meter, course, day),
        Role::BadDigit if here => bad_digit(play, message, meter, course, day),
        Role::Unknown if here => {
            play.daily(message, meter, course, day);
            unknown(message, meter);
        }
        Role::Refuses if here => {
            play.daily(message, meter, course, day);
            refuses(message, meter);
        }
        Role::Alarms if here => {
            let at = play.clock(meter, day);
            alarmed(play, message, (meter, course), (day, at));
            let set = || "true".to_owned();
            let detail = [("valve_fault", set()), ("battery_low", set())];
            let event = ("meter_alarm", "SEVERITY_WARNING");
            message.event(meter, event, At::Meter(at), &detail);
        }
        Role::Jumps if here => jumps(play, message, meter, course, day),
        Role::Replaced if day >= begins => {
            let new = Meter {
                id: successor(&meter.id),
                ..meter.clone()
            };
            play.daily(message, &new, course, day);
        }
        _ => play.daily(message, meter, course, day),
    }
    told(play, message, meter, course, day);
}

/// A reading while the valve is out of order and the battery low.
fn alarmed(
    play: &Play<'_>,
    message: &mut Message<'_>,
    (meter, course): (&Meter, &Course),
    (day, at): (usize, Timestamp),
) {
    let [total, ..] = shown(meter, course, day);
    let settled = play.settled(meter, course, day);
    message.volume(meter, (at, play.local), (total, settled), 7);
}

/// What must be told of this day's reading, and how far it can be trusted.
fn told(play: &Play<'_>, message: &mut Message<'_>, meter: &Meter, course: &Course, day: usize) {
    let Some((role, begins)) = course.role else {
        return;
    };
    let here = day == begins;
    let midnight = midnight(play.start, day);
    let clock = At::Meter(play.clock(meter, day));
    let grew = Grew::new(meter, course, day);
    match role {
        Role::RollsOver if here => {
            let event = ("register_rollover", "SEVERITY_INFO");
            message.event(meter, event, At::Meter(midnight), &grew.detail(ENERGY));
        }
        Role::RollsOverEarly if here => {
            let event = ("register_rollover", "SEVERITY_INFO");
            message.event(meter, event, clock, &grew.detail(WATER));
        }
        Role::RollsBack if day == begins + 2 => {
            let of = |day: usize| shown(meter, course, day)[0];
            let grew = Grew {
                from: begins.checked_sub(1).map(of),
                to: of(day),
            };
            let event = ("register_restarted", "SEVERITY_WARNING");
            message.event(meter, event, clock, &grew.detail(("gas_volume", "")));
        }
        Role::RollsBack if (begins..begins + 2).contains(&day) => {
            message.doubt("gas_volume", &[], Quality::Uncertain);
            if here {
                let event = ("register_rollback", "SEVERITY_WARNING");
                message.event(meter, event, clock, &grew.detail(("gas_volume", "")));
            }
        }
        Role::Exchanged | Role::Replaced if here => {
            let at = At::Meter(exchanged_at(play.start, day));
            let new = Meter {
                id: if role == Role::Replaced {
                    successor(&meter.id)
                } else {
                    meter.id.clone()
                },
                ..meter.clone()
            };
            let event = ("meter_exchanged", "SEVERITY_INFO");
            message.event(&new, event, at, &grew.detail(ENERGY));
        }
        Role::Still if stands_since(play, meter) == Some(day) => {
            let detail = Grew { from: None, ..grew };
            let event = ("register_not_advancing", "SEVERITY_INFO");
            message.event(meter, event, clock, &detail.detail(WATER));
        }
        _ => {}
    }
}

/// The day on which a meter that stands still has done so for thirty days by its own clock.
fn stands_since(play: &Play<'_>, meter: &Meter) -> Option<usize> {
    let since = play.clock(meter, 0);
    (0..=LAST_DAY).find(|day| play.clock(meter, *day).since(since) >= super::DAY * 30)
}

/// Metric and labels of the registers that have a role.
const ENERGY: (&str, &str) = ("active_energy_import", "freeze=daily");
const WATER: (&str, &str) = ("water_volume", "");

/// From which value to which a register went.
#[derive(Clone, Copy, Debug)]
struct Grew {
    from: Option<i64>,
    to: i64,
}

impl Grew {
    /// From yesterday to this day.
    fn new(meter: &Meter, course: &Course, day: usize) -> Self {
        let of = |day: usize| {
            let [total, ..] = shown(meter, course, day);
            total * meter.multiplier
        };
        Self {
            from: day.checked_sub(1).map(of),
            to: of(day),
        }
    }

    fn detail(self, (metric, labels): (&str, &str)) -> Vec<(&'static str, String)> {
        let mut detail = vec![("metric", metric.to_owned()), ("to", number(self.to))];
        detail.extend(self.from.map(|from| ("from", number(from))));
        if !labels.is_empty() {
            detail.push(("labels", labels.to_owned()));
        }
        detail
    }
}

/// Hundredths, as a double is written.
fn number(digits: i64) -> String {
    let text = decimal(digits, 2);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The energies arrive with a bit turned over, their time does not.
fn damaged(play: &Play<'_>, message: &mut Message<'_>, meter: &Meter, course: &Course, day: usize) {
    let at = midnight(play.start, day);
    let link = dlt645::Link::of(meter.address);
    message.moment(meter, (FrozenAt::Daily, 1), (at, play.local));
    let digits = shown(meter, course, day).map(Some);
    let energies = Item::frozen(FrozenAt::Daily, Energy::Import, 1, &digits);
    Reply::of(link, energies).encode(&mut message.bytes);
    // Some byte of the third value.
    if let Some(byte) = message.bytes.iter_mut().rev().nth(12) {
        *byte ^= 0x04;
    }
    message.reject(CONCENTRATOR, "bad_checksum", "frame at byte");
}

/// A register with a digit that is none: the other values of its frame stay.
fn bad_digit(
    play: &Play<'_>,
    message: &mut Message<'_>,
    meter: &Meter,
    course: &Course,
    day: usize,
) {
    let at = play.clock(meter, day);
    let settled = play.settled(meter, course, day);
    let mut frame = Vec::new();
    std::mem::swap(&mut frame, &mut message.bytes);
    let whole = frame.len();
    let readings = message.readings();
    message.volume(
        meter,
        (at, play.local),
        (shown(meter, course, day)[0], settled),
        0,
    );
    message.drop_reading(readings, "water_volume", &[]);
    damage_register(&mut message.bytes, meter);
    frame.append(&mut message.bytes);
    message.bytes = frame;
    debug_assert!(message.bytes.len() > whole, "a frame was added");
    message.reject(meter.id.as_str(), "invalid_bcd", meter.alias());
}

/// Makes a digit of the first value of a frame none, and its check sum right again.
fn damage_register(frame: &mut [u8], meter: &Meter) {
    let link = link188(meter);
    let start = usize::from(link.preamble);
    // 68 T A0..A6 C L DI DI SER, and the unit where it comes first.
    let value = start + 14 + usize::from(link.layout.unit_first);
    let check = frame.len() - 2;
    if let Some(byte) = frame.get_mut(value) {
        *byte = 0x0b | (*byte & 0xf0);
    }
    let sum = frame.get(start..check).unwrap_or_default();
    let sum = sum.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    if let Some(byte) = frame.get_mut(check) {
        *byte = sum;
    }
}

/// An identifier of the maker's own, beside what everybody knows.
fn unknown(message: &mut Message<'_>, meter: &Meter) {
    let item = Item::raw(0x04fe_0917, &[1, 2, 3], 3);
    Reply::of(dlt645::Link::of(meter.address), item).encode(&mut message.bytes);
    message.reject(meter.id.as_str(), "unknown_identifier", "04FE0917");
}

fn refuses(message: &mut Message<'_>, meter: &Meter) {
    Refusal {
        link: dlt645::Link::of(meter.address),
        function: function::READ,
        word: 2,
    }
    .encode(&mut message.bytes);
    let detail = [("error", "02".to_owned())];
    let event = ("meter_error", "SEVERITY_WARNING");
    message.event(meter, event, At::Reception, &detail);
}

/// A value that nobody can have drawn since yesterday; tomorrow it is what it should be.
fn jumps(play: &Play<'_>, message: &mut Message<'_>, meter: &Meter, course: &Course, day: usize) {
    let at = play.clock(meter, day);
    let settled = play.settled(meter, course, day);
    let [total, ..] = shown(meter, course, day);
    message.volume(meter, (at, play.local), (total + JUMP, settled), 0);
    message.doubt("water_volume", &[], Quality::Uncertain);
    let [before, ..] = shown(meter, course, day - 1);
    let grew = Grew {
        from: Some(before),
        to: total + JUMP,
    };
    let event = ("consumption_implausible", "SEVERITY_WARNING");
    message.event(meter, event, At::Meter(at), &grew.detail(WATER));
}

/// What comes later on the same day: a back-fill, a contradiction, a stranger.
pub(super) fn afterwards(
    play: &Play<'_>,
    message: &mut Message<'_>,
    meter: &Meter,
    course: &Course,
    day: usize,
) {
    match course.role {
        Some((Role::BackFilled, begins)) if day == begins + COMES_AFTER => {
            for held in [2, 0, 3, 1] {
                let of = begins + held;
                let back = u8::try_from(day - of + 1).unwrap_or(1);
                let digits = shown(meter, course, of);
                let energies: &[(Energy, &[i64])] = &[(Energy::Import, &digits)];
                let at = (midnight(play.start, of), play.local);
                message.freeze(meter, (FrozenAt::Daily, back), at, energies);
            }
        }
        Some((Role::Contradicts, begins)) if day == begins => {
            let at = midnight(play.start, day);
            let [total, rest @ ..] = shown(meter, course, day);
            let other = [total + 137, rest[0], rest[1], rest[2], rest[3]];
            let energies: &[(Energy, &[i64])] = &[(Energy::Import, &other)];
            message.freeze(meter, (FrozenAt::Daily, 1), (at, play.local), energies);
            message.doubt(
                "active_energy_import",
                &[("freeze", DAILY)],
                Quality::Uncertain,
            );
            let grew = Grew {
                from: Some(total),
                to: total + 137,
            };
            let event = ("register_conflict", "SEVERITY_WARNING");
            message.event(meter, event, At::Meter(at), &grew.detail(ENERGY));
        }
        Some((Role::Unknown, begins)) if day == begins => stranger(message, meter),
        // It says the same once more, which is no news.
        Some((Role::Alarms, begins)) if day == begins => {
            let at = midnight(play.start, day).plus(super::DAY * 3 / 8);
            alarmed(play, message, (meter, course), (day, at));
        }
        _ => {}
    }
}

/// A meter that nobody has written down, beside one that somebody has.
fn stranger(message: &mut Message<'_>, meter: &Meter) {
    let link = dlt645::Link::of(999_000_000_000 + meter.address % 1_000);
    let item = Item::energy(Energy::Import, None, (0, 0), Some(1_234));
    Reply::of(link, item).encode(&mut message.bytes);
    let volts = Item::measured(dlt645::Measured::Voltage, Some(Phase::A), Some(2_207));
    Reply::of(dlt645::Link::of(meter.address), volts).encode(&mut message.bytes);
    let shown = Shown::plain(Some(2_207), 1, "V");
    message.number(meter, ("voltage", &[("phase", "a")]), At::Reception, shown);
    let alias = format!("dlt645:{:012}", link.address);
    message.reject(alias.clone(), "unknown_device", alias);
}
