//! Which devices a city has and when each of them sends.
//!
//! The order of all messages comes from a heap of due times, so it needs no task and no timer per
//! device, and one seed gives one sequence of messages, byte for byte.
use super::Rng;
use super::device::{Device, Sent};
use super::kind::Kind;
use super::message::{Message, Split};
use super::mix::Mix;
use crate::model::{DeviceId, Timestamp};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Districts of Jinan, GB/T 2260.
const DISTRICTS: [&str; 6] = ["370102", "370103", "370104", "370105", "370112", "370113"];
/// Most devices of one city: about 400 bytes each.
pub const DEVICES_MAX: usize = 1_000_000;

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
    /// Seconds of the city per second of the run, 1 or more.
    pub speed: f64,
    /// Time of the city at the start.
    pub start: Timestamp,
    /// The real time at the start: the city's time lapse ends when it has caught up with it.
    pub now: Timestamp,
    /// Share of the messages that go wrong, 0 to 1.
    pub faults: f64,
    /// Which device sends where.
    pub split: Split,
}

#[derive(Debug)]
struct Member {
    device: Device,
    id: Arc<str>,
    target: usize,
    topic: Arc<str>,
    interval: Duration,
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
        let natural: f64 = counts
            .iter()
            .map(|(kind, n)| count_f64(*n) / interval_s(*kind))
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
        for (kind, n) in counts {
            let interval = Duration::try_from_secs_f64(interval_s(kind) * stretch);
            let interval = interval
                .unwrap_or(Duration::MAX)
                .max(Duration::from_nanos(1));
            for number in 1..=n {
                city.add(options, kind, number, interval);
            }
        }
        city
    }

    fn add(&mut self, options: &CityOptions, kind: Kind, number: usize, interval: Duration) {
        let index = self.members.len();
        let id = format!("{}-{number:05}", kind.prefix());
        debug_assert!(DeviceId::check(&id).is_ok(), "{id}");
        let district = DISTRICTS
            .get(index % DISTRICTS.len())
            .copied()
            .unwrap_or_default();
        let split = &options.split;
        let (target, topic) = split.place(&id, kind.name(), district, kind.is_on_battery());
        self.due
            .push(Reverse((interval.mul_f64(self.rng.unit()), index)));
        self.members.push(Member {
            device: Device::new(kind, Rng::stream(options.seed, index as u64)),
            id: id.into(),
            target,
            topic,
            interval,
        });
    }

    /// The next message, and when it is due after the start of the run. A city never ends.
    pub fn next_message(&mut self) -> (Duration, Message) {
        loop {
            if let Some(repeated) = self.repeat.pop_front() {
                return repeated;
            }
            let Some(Reverse((due, index))) = self.due.pop() else {
                // A city has at least one device, and each is put back below.
                return (
                    Duration::MAX,
                    Message {
                        target: 0,
                        device: "".into(),
                        topic: "".into(),
                        payload: Vec::new(),
                        lane: 0,
                        sleepy: false,
                    },
                );
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
            let Sent {
                payload,
                twice,
                faulty,
            } = member.device.send(at_ms, faults);
            self.played += u64::from(faulty);
            if payload.is_empty() {
                continue;
            }
            let message = Message {
                target: member.target,
                device: Arc::clone(&member.id),
                topic: Arc::clone(&member.topic),
                payload,
                lane: index as u64,
                sleepy: member.device.kind.is_on_battery(),
            };
            if twice {
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

fn interval_s(kind: Kind) -> f64 {
    kind.interval_and_share().0
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
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn options() -> CityOptions {
        let now = Timestamp::from_secs(1_795_392_000);
        CityOptions {
            seed: 1,
            devices: 100,
            mix: Mix::default(),
            rate: Some(50.0),
            speed: 1.0,
            start: now,
            now,
            faults: 0.05,
            split: Split::evenly(vec!["demo/{kind}/{district}/{device}".to_owned()]),
        }
    }

    fn play(options: &CityOptions, messages: usize) -> Vec<(Duration, Message)> {
        let mut city = City::new(options);
        (0..messages).map(|_| city.next_message()).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_does_not() {
        let first = play(&options(), 2_000);
        assert_eq!(first, play(&options(), 2_000));
        assert_ne!(
            first,
            play(
                &CityOptions {
                    seed: 2,
                    ..options()
                },
                2_000
            )
        );
    }

    #[test]
    fn messages_are_due_in_order_and_at_the_rate() {
        let played = play(
            &CityOptions {
                faults: 0.0,
                ..options()
            },
            5_000,
        );
        assert!(played.is_sorted_by_key(|(due, _)| *due));
        let (last, message) = played.last().unwrap();
        assert!(
            (95.0..105.0).contains(&last.as_secs_f64()),
            "{last:?} for 5000 at 50/s"
        );
        let parts: Vec<&str> = message.topic.split('/').collect();
        assert!(matches!(parts.as_slice(), ["demo", kind, district, device]
            if kind.contains('.') && district.starts_with("3701") && DeviceId::check(device).is_ok()));
    }

    #[test]
    fn a_time_lapse_ends_at_the_real_time() {
        let now = Timestamp::from_secs(1_795_392_000);
        let city = City::new(&CityOptions {
            speed: 3_601.0,
            start: now.minus(Duration::from_hours(10)),
            ..options()
        });
        let at = |secs| city.time_at(Duration::from_secs(secs));
        assert_eq!(at(1), now.minus(Duration::from_secs(36_000 - 3_601)));
        assert_eq!(at(10), now.plus(Duration::from_secs(10)));
        assert_eq!(at(60), now.plus(Duration::from_mins(1)));
    }
}
