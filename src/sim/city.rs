//! Which devices a city has and when each of them sends.
//!
//! The order of all messages comes from a heap of due times, so it needs no task and no timer per
//! device, and one seed gives one sequence of messages, byte for byte.
mod listed;

use super::Rng;
use super::concentrator::{self, Concentrator, concentrator_id};
use super::device::{Device, Sent};
use super::frames::{self, Collector, Meter, Model};
use super::habit::{self, Habit, Oddities, Part};
use super::kind::Kind;
use super::message::{Lane, Message, Split};
use super::mix::Mix;
use super::stranger::Stranger;
use super::target::Protocol;
use crate::model::{DeviceId, Timestamp};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Districts of Jinan, GB/T 2260.
const DISTRICTS: [&str; 6] = ["370102", "370103", "370104", "370105", "370112", "370113"];
/// Most devices of one city: about 400 bytes each.
pub const DEVICES_MAX: usize = 1_000_000;

/// Seconds between two messages of a concentrator and of a stranger.
const CONCENTRATOR_S: f64 = 60.0;
const STRANGER_S: f64 = 120.0;
/// Streams of randomness of both.
const GUESTS: u64 = 1 << 42;
/// Numbers of meters behind collectors begin above those of all devices.
const COLLECTED: u64 = 10_000_000;

/// What makes a city.
#[derive(Clone, Debug)]
pub struct CityOptions {
    /// The same seed and start give the same messages.
    pub seed: u64,
    /// 1 to [`DEVICES_MAX`].
    pub devices: usize,
    /// Of which kinds.
    pub mix: Mix,
    /// Messages per second of all devices; `None`: each kind's own interval.
    pub rate: Option<f64>,
    /// Interval of the meters that live on a battery, before `rate` and `speed`; `None`: their kind's.
    pub battery_every: Option<Duration>,
    /// Seconds of the city per second of the run, 1 or more.
    pub speed: f64,
    /// Time of the city at the start.
    pub start: Timestamp,
    /// The real time at the start: the city's time lapse ends when it has caught up with it.
    pub now: Timestamp,
    /// Share of the messages that go wrong, 0 to 1.
    pub faults: f64,
    /// Share of the meters that answer in frames of DL/T 645, DL/T 698.45 and CJ/T 188, 0 to 1.
    pub frames: f64,
    /// Who stands out.
    pub oddities: Oddities,
    /// Which device sends where.
    pub split: Split,
}

#[derive(Debug)]
enum Body {
    Device(Box<Device>),
    Meter(Box<Meter>),
    Concentrator(Concentrator),
    Collector(Collector),
    Stranger(Stranger, Rng),
}

#[derive(Debug)]
struct Member {
    body: Body,
    habit: Habit,
    /// Turns so far, silent ones too.
    turns: u32,
    id: Arc<str>,
    target: usize,
    topic: Arc<str>,
    lane: Lane,
    sleepy: bool,
    interval: Duration,
}

impl Member {
    /// What it sends at its time: nothing if it is silent.
    fn turn(&mut self, at_ms: i64, faults: f64) -> Sent {
        let speaks = self.habit.speaks(self.turns);
        self.turns = self.turns.saturating_add(1);
        if !speaks {
            return Sent::default();
        }
        let payload = match &mut self.body {
            Body::Device(device) => return device.send(at_ms, faults),
            Body::Meter(meter) => return meter.send(at_ms, faults),
            Body::Collector(collector) => return collector.send(at_ms, faults),
            Body::Concentrator(concentrator) => concentrator.send(at_ms),
            Body::Stranger(stranger, rng) => stranger.payload(rng, at_ms),
        };
        Sent {
            payload,
            ..Sent::default()
        }
    }

    fn message(&self, payload: Vec<u8>) -> Message {
        Message {
            target: self.target,
            device: Arc::clone(&self.id),
            topic: Arc::clone(&self.topic),
            payload,
            opaque: matches!(self.body, Body::Meter(_) | Body::Collector(_)),
            lane: self.lane,
            sleepy: self.sleepy,
        }
    }
}

/// The devices and their timetable.
#[derive(Debug)]
pub struct City {
    members: Vec<Member>,
    due: BinaryHeap<Reverse<(Duration, usize)>>,
    repeat: VecDeque<(Duration, Message)>,
    rng: Rng,
    start: Timestamp,
    now: Timestamp,
    speed: f64,
    faults: f64,
    played: u64,
}

impl City {
    /// Builds the devices.
    pub fn new(options: &CityOptions) -> Self {
        let devices = options.devices.clamp(1, DEVICES_MAX);
        let counts = options.mix.split(devices);
        let kinds: Vec<Kind> = counts
            .iter()
            .flat_map(|(kind, n)| std::iter::repeat_n(*kind, *n))
            .collect();
        let natural: f64 = counts
            .iter()
            .map(|(kind, n)| count_f64(*n) / interval_s(*kind, options))
            .sum();
        let stretch = options.rate.map_or(1.0 / options.speed.max(1.0), |rate| {
            natural / rate.max(1e-6)
        });
        let mut city = Self {
            members: Vec::with_capacity(devices),
            due: BinaryHeap::with_capacity(devices),
            repeat: VecDeque::new(),
            rng: Rng::new(options.seed),
            start: options.start,
            now: options.now,
            speed: options.speed.max(1.0),
            faults: options.faults.clamp(0.0, 1.0),
            played: 0,
        };
        let parts = habit::parts(&options.oddities, options.seed, &kinds);
        let mut parts = parts.into_iter();
        for (kind, n) in counts {
            let interval = stretched(interval_s(kind, options), stretch);
            for number in 1..=n {
                let part = parts.next().unwrap_or_default();
                city.add(options, kind, part, number, interval);
            }
        }
        city.add_guests(options, stretch);
        city
    }

    fn add(
        &mut self,
        options: &CityOptions,
        kind: Kind,
        part: Part,
        number: usize,
        interval: Duration,
    ) {
        let index = self.members.len();
        let id = format!("{}-{number:05}", kind.prefix());
        debug_assert!(DeviceId::check(&id).is_ok(), "{id}");
        let district = DISTRICTS
            .get(index % DISTRICTS.len())
            .copied()
            .unwrap_or_default();
        let (split, on_battery) = (&options.split, kind.is_on_battery());
        let rng = Rng::stream(options.seed, index as u64);
        let model = in_frames(kind, number, options.frames);
        let (body, (target, topic)) = if let Some(model) = model {
            let meter = Meter::new(model, index as u64, rng, part.weak);
            let place = split.place_of_frames(&id, model.profile(), on_battery);
            (Body::Meter(Box::new(meter)), place)
        } else {
            let device = Device::new(kind, rng, part.weak);
            let place = split.place(&id, kind.name(), district, on_battery);
            (Body::Device(Box::new(device)), place)
        };
        self.enter(Member {
            body,
            habit: part.habit,
            turns: 0,
            id: id.into(),
            target,
            topic,
            lane: Lane::Shared(index as u64),
            sleepy: on_battery,
            interval,
        });
    }

    /// Concentrators and strangers, which are there beside the devices.
    fn add_guests(&mut self, options: &CityOptions, stretch: f64) {
        let protocols = options.split.protocols();
        let mqtt = protocols.iter().position(|to| *to == Protocol::Mqtt);
        let concentrators = mqtt.map_or(0, |_| options.oddities.concentrators);
        for number in 0..concentrators {
            let id = concentrator_id(number);
            let stream = GUESTS + 1_000 * number as u64;
            self.enter(Member {
                body: Body::Concentrator(Concentrator::new(&id, options.seed, stream)),
                // The first one falls silent, and all its children with it.
                habit: if number == 0 && options.oddities.vanish > 0.0 {
                    Habit::Vanishes { after: 10 }
                } else {
                    Habit::Steady
                },
                turns: 0,
                id: id.into(),
                target: mqtt.unwrap_or(0),
                topic: concentrator::TOPIC.into(),
                lane: Lane::Own(number),
                sleepy: false,
                interval: stretched(CONCENTRATOR_S, stretch),
            });
        }
        self.add_collectors(options, stretch);
        for number in 0..options.oddities.strangers {
            // One over each protocol in turn.
            let target = number / 5 % protocols.len().max(1);
            let protocol = protocols.get(target).copied().unwrap_or(Protocol::Mqtt);
            let stranger = Stranger::of(number);
            let id = stranger.id(number + 1);
            let index = self.members.len();
            let rng = Rng::stream(options.seed, GUESTS / 2 + number as u64);
            self.enter(Member {
                body: Body::Stranger(stranger, rng),
                habit: Habit::Steady,
                turns: 0,
                topic: stranger.topic(&id, protocol).into(),
                id: id.into(),
                target,
                lane: Lane::Shared(index as u64),
                sleepy: false,
                interval: stretched(STRANGER_S, stretch),
            });
        }
    }

    /// Their ids go on behind those of the other concentrators.
    fn add_collectors(&mut self, options: &CityOptions, stretch: f64) {
        for number in 0..options.oddities.collectors {
            let id = concentrator_id(options.oddities.concentrators + number);
            let first = COLLECTED + (number * frames::CHILDREN) as u64;
            let (target, topic) = options.split.place_of_frames(&id, frames::PROFILE, false);
            let lane = Lane::Shared(self.members.len() as u64);
            self.enter(Member {
                body: Body::Collector(Collector::new(first, options.seed, 2 * GUESTS + first)),
                habit: Habit::Steady,
                turns: 0,
                id: id.into(),
                target,
                topic,
                lane,
                sleepy: false,
                interval: stretched(CONCENTRATOR_S, stretch),
            });
        }
    }

    fn enter(&mut self, member: Member) {
        let first = member.interval.mul_f64(self.rng.unit());
        self.due.push(Reverse((first, self.members.len())));
        self.members.push(member);
    }

    /// The device that falls silent for good first, and about when after the start of the run.
    pub fn first_farewell(&self) -> Option<(&str, Duration)> {
        let devices = self.members.iter().filter_map(|member| match member.habit {
            Habit::Vanishes { after }
                if matches!(member.body, Body::Device(_) | Body::Meter(_)) =>
            {
                Some((&*member.id, member.interval.saturating_mul(after)))
            }
            _ => None,
        });
        devices.min_by_key(|(_, at)| *at)
    }

    /// The next message, and when it is due after the start of the run. A city never ends.
    pub fn next_message(&mut self) -> (Duration, Message) {
        loop {
            if let Some(repeated) = self.repeat.pop_front() {
                return repeated;
            }
            // A city has at least one steady device, and each is put back below.
            let Some(Reverse((due, index))) = self.due.pop() else {
                return (Duration::MAX, Message::nothing());
            };
            let at_ms = self.time_at(due).as_micros().div_euclid(1000);
            // A few per cent of jitter: devices do not march in step.
            let jitter = self.rng.between(0.97, 1.03);
            let faults = self.faults;
            let Some(member) = self.members.get_mut(index) else {
                continue;
            };
            let next = due.saturating_add(member.interval.mul_f64(jitter));
            self.due.push(Reverse((next, index)));
            let sent = member.turn(at_ms, faults);
            self.played += u64::from(sent.faulty);
            if sent.payload.is_empty() {
                continue;
            }
            let message = member.message(sent.payload);
            if sent.twice {
                self.repeat.push_back((due, message.clone()));
            }
            return (due, message);
        }
    }

    /// Faults begun or played so far.
    pub fn faults_played(&self) -> u64 {
        self.played
    }

    /// The city's time: it runs `speed` times as fast until it has caught up with the real time.
    fn time_at(&self, due: Duration) -> Timestamp {
        let lapse =
            Duration::try_from_secs_f64(due.as_secs_f64() * self.speed).unwrap_or(Duration::MAX);
        let fast = self.start.plus(lapse);
        if self.start <= self.now {
            fast.min(self.now.plus(due))
        } else {
            self.start.plus(due)
        }
    }
}

/// What the meter with this number of its kind speaks, if it is one of the share that answers in frames:
/// every third, if that is a third.
fn in_frames(kind: Kind, number: usize, share: f64) -> Option<Model> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to DEVICES_MAX"
    )]
    let upto = |number: usize| (count_f64(number) * share.clamp(0.0, 1.0)) as usize;
    let before = upto(number.saturating_sub(1));
    let model = Model::of(kind, before);
    model.filter(|_| upto(number) > before)
}

fn stretched(interval_s: f64, stretch: f64) -> Duration {
    let interval = Duration::try_from_secs_f64(interval_s * stretch);
    interval
        .unwrap_or(Duration::MAX)
        .max(Duration::from_nanos(1))
}

fn interval_s(kind: Kind, options: &CityOptions) -> f64 {
    match options.battery_every {
        Some(every) if kind.is_on_battery() => every.as_secs_f64(),
        _ => kind.interval_and_share().0,
    }
}

#[expect(clippy::cast_precision_loss, reason = "at most DEVICES_MAX")]
fn count_f64(count: usize) -> f64 {
    count as f64
}

/// Every kind with every district that a simulated device may have.
pub fn places() -> impl Iterator<Item = (&'static str, &'static str)> {
    let places = |kind: Kind| DISTRICTS.map(|district| (kind.name(), district));
    Kind::ALL.into_iter().flat_map(places)
}

#[cfg(test)]
mod tests;
