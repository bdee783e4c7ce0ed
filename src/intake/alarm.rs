//! The event `meter_alarm`, and how often it may be said.
//!
//! ```text
//!  (device, all of the event)  said within a day?   then not again
//!  (device, alarm) -> event    the alarm is gone?   then the event may be said again at once
//! ```
//! A meter sends its status with each reading, and an alarm that stays on for a month would be a
//! thousand events. What is on is a metric all the same. Another set of alarms is another event. That
//! an alarm is gone is seen by its flag, in a report of the same meter.
use super::aged::Aged;
use crate::model::{ReportDraft, Value, proto};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The event's name.
pub(super) const NAME: &str = "meter_alarm";
/// Events and alarms remembered; a forgotten one is told earlier.
const ENTRIES_MAX: usize = 131_072;
/// Alarms of one event that are remembered one by one: two status words have no more.
const ALARMS_MAX: usize = 32;
const DAY_SECS: u32 = 86_400;

/// One event, as hashes.
#[derive(Debug)]
pub(super) struct Alarm {
    /// Device and detail.
    event: u64,
    /// Device and name, of each alarm that is on.
    on: Vec<u64>,
}

impl Alarm {
    /// `None`: the event is another.
    pub(super) fn of(event: &proto::Event, seed: u64) -> Option<Box<Self>> {
        if event.name != NAME {
            return None;
        }
        let mut detail: Vec<_> = event.detail.iter().collect();
        detail.sort_unstable();
        let texts = detail.iter().flat_map(|(name, value)| [*name, *value]);
        let texts = texts.map(String::as_str);
        let on = detail.iter().filter(|(_, value)| *value == "true");
        let on = on.map(|(name, _)| key(seed, [event.device_id.as_str(), name]));
        Some(Box::new(Self {
            event: key(seed, std::iter::once(event.device_id.as_str()).chain(texts)),
            on: on.take(ALARMS_MAX).collect(),
        }))
    }
}

fn key<'t>(seed: u64, texts: impl IntoIterator<Item = &'t str>) -> u64 {
    let mut bytes = Vec::with_capacity(96);
    for text in texts {
        bytes.extend_from_slice(text.as_bytes());
        // In no UTF-8 text.
        bytes.push(0xff);
    }
    xxh3_64_with_seed(&bytes, seed)
}

/// The alarms of a meter that a report says are off: flags that are false, and a valve without a fault.
pub(super) fn off(report: &ReportDraft<'_>, seed: u64) -> Vec<u64> {
    let is_meter = report.kind == "meter" || report.kind.starts_with("meter.");
    let readings = report.readings.iter().filter(|_| is_meter);
    let names = readings.filter_map(|reading| {
        let phase = reading.labels.iter().find(|(name, _)| name == "phase");
        match (&reading.value, phase) {
            (Value::Flag(false), None) => Some(reading.metric.to_owned()),
            (Value::Flag(false), Some((_, phase))) => Some(format!("{}_{phase}", reading.metric)),
            (Value::Text(word), _) if reading.metric == "valve_state" && word != "fault" => {
                Some("valve_fault".to_owned())
            }
            _ => None,
        }
    });
    names
        .map(|name| key(seed, [report.device_id, &name]))
        .collect()
}

/// What has been told.
#[derive(Debug)]
pub(super) struct Alarms(Aged<u64, u64>);

impl Default for Alarms {
    fn default() -> Self {
        Self(Aged::new(ENTRIES_MAX))
    }
}

impl Alarms {
    /// Is the event due? Then it is taken as said. `now` in seconds.
    pub(super) fn due(&mut self, alarm: &Alarm, now: u32) -> bool {
        self.0.expire(now.saturating_sub(DAY_SECS - 1));
        if self.0.get(&alarm.event).is_some() {
            return false;
        }
        self.0.insert(alarm.event, 0, now);
        for on in &alarm.on {
            self.0.insert(*on, alarm.event, now);
        }
        true
    }

    /// An alarm is off: what said that it was on may be said again.
    pub(super) fn off(&mut self, alarm: u64) {
        if let Some(event) = self.0.get(&alarm).map(|(event, _)| *event) {
            self.0.remove(&event);
            self.0.remove(&alarm);
        }
    }

    /// The event could not be appended.
    pub(super) fn unsay(&mut self, alarm: &Alarm) {
        self.0.remove(&alarm.event);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn alarm(device: &str, on: &[&str]) -> Alarm {
        let on = on
            .iter()
            .map(|name| ((*name).to_owned(), "true".to_owned()));
        let event = proto::Event {
            device_id: device.to_owned(),
            name: NAME.to_owned(),
            detail: on.collect(),
            ..proto::Event::default()
        };
        *Alarm::of(&event, 1).unwrap()
    }

    #[test]
    fn once_a_day_and_when_it_changes_or_comes_again() {
        let mut alarms = Alarms::default();
        let low = alarm("m-1", &["battery_low"]);
        let both = alarm("m-1", &["battery_low", "leak"]);
        assert!(alarms.due(&low, 0));
        assert!(!alarms.due(&low, 80_000));
        assert!(alarms.due(&alarm("m-2", &["battery_low"]), 80_000));
        assert!(alarms.due(&both, 80_001), "a change");
        alarms.off(key(1, ["m-1", "leak"]));
        alarms.off(key(1, ["m-1", "tamper"]));
        assert!(alarms.due(&both, 80_002), "it was gone");
        assert!(!alarms.due(&both, 80_003));
        alarms.unsay(&both);
        assert!(alarms.due(&both, 80_004));
        assert!(alarms.due(&low, 90_000), "a day later");
    }
}
