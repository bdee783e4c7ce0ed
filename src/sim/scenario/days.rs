//! Day by day: which messages leave, which are lost, and what is in each.
use super::course::{Course, LAST_DAY};
use super::fleet::{CONCENTRATOR, Meter, Model};
use super::frames::Local;
use super::incidents;
use super::message::Message;
use super::truth::Truth;
use super::{Fleet, Uplink, midnight};
use crate::model::Timestamp;
use crate::sim::Rng;
use crate::sim::meters::dlt645::{Energy, FrozenAt};
use crate::sim::meters::uplink::Wrap;
use jiff::tz::TimeZone;
use std::time::Duration;

/// The profile of meters that count whole litres and send the unit first.
pub(super) const LITRES_PROFILE: &str = "name = \"water-litres\"\nversion = \"1\"\n\
    title = \"Water meters of whole litres\"\nkind = \"meter.water\"\nformat = \"cjt188\"\n\
    [dialect]\nlitre_decimals = 0\nunit = \"before\"\n";

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
/// Part of a second, so that no reception falls on a time that a meter says.
const MOMENT: Duration = Duration::from_millis(250);
/// Messages of a day that carry the meters without a role.
const BATCHES: usize = 5;
/// Of a hundred messages so many are lost on the way.
const LOST_PERCENT: u64 = 3;

/// What all messages have in common.
#[derive(Debug)]
pub(super) struct Play<'f> {
    pub(super) fleet: &'f Fleet,
    pub(super) start: Timestamp,
    pub(super) local: Local<'f>,
    uplinks: Vec<Uplink>,
    truth: Truth,
    /// What is lost, and how messages travel.
    rng: Rng,
}

/// All days.
pub(super) fn play(
    fleet: &Fleet,
    seed: u64,
    start: Timestamp,
    zone: &TimeZone,
) -> (Vec<Uplink>, Truth) {
    let mut play = Play {
        fleet,
        start,
        local: Local(zone),
        uplinks: Vec::new(),
        truth: Truth {
            via: CONCENTRATOR.to_owned(),
            ..Truth::default()
        },
        rng: Rng::stream(seed, 3),
    };
    for day in 0..=LAST_DAY {
        play.day(day);
    }
    (play.uplinks, play.truth)
}

impl<'f> Play<'f> {
    fn day(&mut self, day: usize) {
        let midnight = midnight(self.start, day);
        self.hour(day, 0);
        for batch in 0..BATCHES {
            self.batch(day, batch, midnight);
        }
        self.cast(day, midnight.plus(MINUTE * 12));
        // The last day ends with its first hour.
        let hours = if day == LAST_DAY { 1 } else { 24 };
        for hour in 1..hours {
            self.hour(day, hour);
            match hour {
                9 => self.afterwards(day, midnight.plus(HOUR * 9 + MINUTE * 30)),
                12 => self.spot(day, midnight.plus(HOUR * 12 + MINUTE * 30)),
                _ => {}
            }
        }
    }

    /// Makes a message and sends it, unless it is empty.
    pub(super) fn send(
        &mut self,
        at: Timestamp,
        what: &'static str,
        fill: impl FnOnce(&Play<'f>, &mut Message<'_>),
    ) {
        let at = at.plus(MOMENT);
        let mut truth = std::mem::take(&mut self.truth);
        let mut message = Message::new(self.uplinks.len(), at, &mut truth);
        fill(self, &mut message);
        if !message.bytes.is_empty() {
            let frames = message.send();
            let payload = self.wrap().payload(&frames);
            self.uplinks.push(Uplink { at, payload, what });
        }
        self.truth = truth;
    }

    /// Mostly as they are; now and then behind what the radio says of itself, or as text.
    fn wrap(&mut self) -> Wrap {
        match self.rng.below(8) {
            0 => Wrap::Header(b"868411056758782,".to_vec()),
            1 => Wrap::Hex,
            _ => Wrap::Plain,
        }
    }

    fn is_lost(&mut self) -> bool {
        self.rng.below(100) < LOST_PERCENT
    }

    fn members(&self) -> impl Iterator<Item = (usize, &'f Meter, &'f Course)> + use<'f> {
        let fleet = self.fleet;
        let all = fleet.meters.iter().zip(&fleet.courses).enumerate();
        all.map(|(number, (meter, course))| (number, meter, course))
    }

    /// The meters that are read each hour.
    fn hour(&mut self, day: usize, hour: u32) {
        let at = midnight(self.start, day).plus(HOUR * hour);
        if self.is_lost() {
            return;
        }
        let step = day * 24 + usize::try_from(hour).unwrap_or(0);
        self.send(at.plus(MINUTE * 2), "the hour", |play, message| {
            let hourly = play.members();
            for (_, meter, course) in hourly.filter(|(_, meter, _)| meter.model == Model::Hourly) {
                let [total, ..] = course.at(step);
                let energies: &[(Energy, &[i64])] = &[(Energy::Import, &[total])];
                message.freeze(meter, (FrozenAt::Hourly, 1), (at, play.local), energies);
            }
        });
    }

    /// A fifth of the meters without a role.
    fn batch(&mut self, day: usize, batch: usize, midnight: Timestamp) {
        let minute = u32::try_from(batch).unwrap_or(0) + 5;
        let at = midnight.plus(MINUTE * minute);
        if self.is_lost() {
            return;
        }
        let fill = |play: &Play<'f>, message: &mut Message<'_>| {
            for (number, meter, course) in play.members() {
                let here = number % BATCHES == batch && course.role.is_none();
                let speaks = meter.model != Model::Hourly && !course.silence.contains(&day);
                if here && speaks {
                    play.daily(message, meter, course, day);
                }
            }
        };
        self.send(at, "a batch", fill);
        // The radio had no answer and sent it once more.
        if self.rng.below(40) == 0 {
            self.repeat(MINUTE / 2);
        }
    }

    /// Sends the last message again.
    fn repeat(&mut self, later: Duration) {
        if let Some(last) = self.uplinks.last() {
            let again = Uplink {
                at: last.at.plus(later),
                payload: last.payload.clone(),
                what: "a copy",
            };
            self.uplinks.push(again);
            self.truth.counts.received += 1;
            self.truth.counts.duplicate += 1;
        }
    }

    /// The meters with a role: never lost.
    fn cast(&mut self, day: usize, at: Timestamp) {
        self.send(at, "the cast", |play, message| {
            for (_, meter, course) in play
                .members()
                .filter(|(_, _, course)| course.role.is_some())
            {
                incidents::daily(play, message, meter, course, day);
            }
        });
    }

    fn afterwards(&mut self, day: usize, at: Timestamp) {
        self.send(at, "afterwards", |play, message| {
            for (_, meter, course) in play
                .members()
                .filter(|(_, _, course)| course.role.is_some())
            {
                incidents::afterwards(play, message, meter, course, day);
            }
        });
    }

    /// Momentary values of some meters.
    fn spot(&mut self, day: usize, at: Timestamp) {
        self.send(at, "momentary values", |play, message| {
            for (number, meter, course) in play.members() {
                let meant = matches!(meter.model, Model::Single | Model::Three { .. });
                let meant = meant && number % 9 == 5 && course.role.is_none();
                if meant && !course.silence.contains(&day) {
                    let turn = i64::try_from(day % 7).unwrap_or(0);
                    message.spot(meter, turn);
                }
            }
        });
    }

    /// What a meter says at midnight, or of a clock of its own some minutes later.
    pub(super) fn daily(
        &self,
        message: &mut Message<'_>,
        meter: &Meter,
        course: &Course,
        day: usize,
    ) {
        let at = midnight(self.start, day);
        let shown = shown(meter, course, day);
        let [total, ..] = shown;
        match meter.model {
            Model::Single => {
                let energies: &[(Energy, &[i64])] = &[(Energy::Import, &shown)];
                message.freeze(meter, (FrozenAt::Daily, 1), (at, self.local), energies);
            }
            Model::Three { export, .. } => {
                let fed = shown.map(|digits| digits / 3);
                let energies: &[(Energy, &[i64])] =
                    &[(Energy::Import, &shown), (Energy::Export, &fed)];
                let energies = energies.get(..1 + usize::from(export)).unwrap_or_default();
                message.freeze(meter, (FrozenAt::Daily, 1), (at, self.local), energies);
            }
            Model::Object => message.record(meter, (at, self.local), shown),
            Model::Water { .. } | Model::Gas { .. } => {
                let at = self.clock(meter, day);
                let settled = self.settled(meter, course, day);
                message.volume(meter, (at, self.local), (total, settled), 0);
            }
            Model::Heat { .. } => {
                let at = self.clock(meter, day);
                let settled = self.settled(meter, course, day);
                let days = i64::try_from(day).unwrap_or(0);
                message.heat(meter, (at, self.local), (total, settled, days));
            }
            Model::Hourly => {}
        }
    }

    /// The time of a meter's own clock when it is read: some seconds after midnight, another number each day.
    pub(super) fn clock(&self, meter: &Meter, day: usize) -> Timestamp {
        let seconds = (meter.address + 17 * day as u64) % 240;
        midnight(self.start, day).plus(Duration::from_secs(seconds))
    }

    /// The register at the last settlement: on the first of the month, or when this began. Meters with a
    /// role have had none since then, so that what befalls their register is told once.
    pub(super) fn settled(&self, meter: &Meter, course: &Course, day: usize) -> i64 {
        let first = |day: &usize| {
            course.role.is_none() && self.local.time(midnight(self.start, *day)).day() == 1
        };
        let day = (0..=day).rev().find(first).unwrap_or(0);
        let [total, ..] = shown(meter, course, day);
        total
    }
}

/// What the registers show.
pub(super) fn shown(
    meter: &Meter,
    course: &Course,
    step: usize,
) -> [i64; super::course::REGISTERS] {
    course
        .at(step)
        .map(|digits| digits.rem_euclid(meter.modulus()))
}
