//! What makes some devices of a city stand out: they fall silent, or are not well.
//!
//! Which ones is a matter of the seed. Numbers are exact, not drawn: a small city has its share, too.
use super::Rng;
use super::kind::Kind;

/// A stream of randomness apart from those of the devices, so that odd ones change no others.
const STREAM: u64 = 1 << 41;
/// Messages before a silence: so many that the gateway has learned the interval.
const BEFORE: (u64, u64) = (6, 10);
/// Intervals that a silence lasts which ends: late, then offline, then back.
const PAUSE: u32 = 12;

/// How many of a city's devices stand out, and who is there beside them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Oddities {
    /// Share of the devices that fall silent for good.
    pub vanish: f64,
    /// Share that falls silent for a while, again and again.
    pub pause: f64,
    /// Share with a low battery and a weak signal; of those that live on a battery.
    pub weak: f64,
    /// Concentrators, each with children, over MQTT.
    pub concentrators: usize,
    /// Concentrators that pass on the frames of their meters, unread.
    pub collectors: usize,
    /// Senders that no gateway takes anything from.
    pub strangers: usize,
}

/// When a device speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Habit {
    #[default]
    Steady,
    /// So many messages, then none.
    Vanishes { after: u32 },
    /// So many messages, then a pause, and again.
    Pauses { after: u32 },
}

impl Habit {
    /// Does it send the message with this number, counted from 0?
    pub(super) const fn speaks(self, number: u32) -> bool {
        match self {
            Self::Steady => true,
            Self::Vanishes { after } => number < after,
            Self::Pauses { after } => number % (after + PAUSE) < after,
        }
    }
}

/// A device's part in the oddities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) habit: Habit,
    pub(super) weak: bool,
}

/// The part of each device of these kinds. At least one is as usual.
pub(super) fn parts(oddities: &Oddities, seed: u64, kinds: &[Kind]) -> Vec<Part> {
    let mut parts = vec![Part::default(); kinds.len()];
    let mut order: Vec<(u64, usize)> = (0..kinds.len())
        .map(|at| {
            let mut rng = Rng::stream(seed, STREAM + at as u64);
            (rng.next_u64(), at)
        })
        .collect();
    order.sort_unstable();
    let mut left = order.iter().map(|(draw, at)| (*draw, *at)).skip(1);
    let (vanish, pause) = (share(oddities.vanish, kinds), share(oddities.pause, kinds));
    for (draw, at) in left.by_ref().take(vanish) {
        if let Some(part) = parts.get_mut(at) {
            part.habit = Habit::Vanishes {
                after: before(draw),
            };
        }
    }
    for (draw, at) in left.by_ref().take(pause) {
        if let Some(part) = parts.get_mut(at) {
            part.habit = Habit::Pauses {
                after: before(draw),
            };
        }
    }
    let on_battery = left.filter(|(_, at)| kinds.get(*at).is_some_and(|kind| kind.is_on_battery()));
    for (_, at) in on_battery.take(share(oddities.weak, kinds)) {
        if let Some(part) = parts.get_mut(at) {
            part.weak = true;
        }
    }
    parts
}

fn before(draw: u64) -> u32 {
    let (least, most) = BEFORE;
    u32::try_from(least + draw % (most - least + 1)).unwrap_or(0)
}

/// Rounded up: who asks for some gets one.
fn share(share: f64, kinds: &[Kind]) -> usize {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most DEVICES_MAX"
    )]
    let count = (share.clamp(0.0, 1.0) * kinds.len() as f64).ceil() as usize;
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_oddity_has_its_share_and_one_device_none() {
        let kinds = [Kind::Electricity, Kind::Water, Kind::Gas, Kind::PoleLight].repeat(10);
        let oddities = Oddities {
            vanish: 0.05,
            pause: 0.01,
            weak: 0.1,
            ..Oddities::default()
        };
        let of = |seed| parts(&oddities, seed, &kinds);
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        let count = |wanted: fn(&Part) -> bool| of(1).iter().filter(|part| wanted(part)).count();
        assert_eq!(
            count(|part| matches!(part.habit, Habit::Vanishes { .. })),
            2
        );
        assert_eq!(count(|part| matches!(part.habit, Habit::Pauses { .. })), 1);
        assert_eq!(count(|part| part.weak), 4);
        let all = Oddities {
            vanish: 1.0,
            ..Oddities::default()
        };
        let parts = parts(&all, 1, &kinds);
        let steady = parts.iter().filter(|part| part.habit == Habit::Steady);
        assert_eq!(steady.count(), 1);
    }

    #[test]
    fn a_pause_ends_and_a_farewell_does_not() {
        let heard = |habit: Habit| (0..100).filter(|number| habit.speaks(*number)).count();
        assert_eq!(heard(Habit::Steady), 100);
        assert_eq!(heard(Habit::Vanishes { after: 7 }), 7);
        // 20 in a round, of which 8 are heard.
        assert_eq!(heard(Habit::Pauses { after: 8 }), 40);
    }
}
