//! What a simulated device sends, and to which of several targets.
use super::target::Protocol;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// Messages that wait in a queue of a connection or an endpoint. Small: what waits here is older than
/// it could be.
pub(super) const QUEUE_MAX: usize = 64;

/// Which connection of a target a message takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// One of those that devices share: always the same for the same number.
    Shared(u64),
    /// The sender's own, of the [named](super::mqtt::Fleet::named) ones.
    Own(usize),
}

/// One message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Number of the target.
    pub target: usize,
    /// Who sends it.
    pub device: Arc<str>,
    /// MQTT topic or CoAP path.
    pub topic: Arc<str>,
    /// JSON, more or less; or bytes, where it is opaque.
    pub payload: Vec<u8>,
    /// Frames of meters: no format of a fleet is for them, and no Content-Format.
    pub opaque: bool,
    /// Messages of one lane keep their order: they share a connection.
    pub lane: Lane,
    /// Does the device switch its radio off until the next?
    pub sleepy: bool,
}

impl Message {
    /// Of nobody.
    pub(super) fn nothing() -> Self {
        Self {
            target: 0,
            device: "".into(),
            topic: "".into(),
            payload: Vec::new(),
            opaque: false,
            lane: Lane::Shared(0),
            sleepy: false,
        }
    }
}

/// How devices are spread over targets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// What each target speaks, and the topic or path there, with `{device}`, `{kind}`, `{district}`;
    /// at least one.
    topics: Vec<(Protocol, String)>,
    battery_target: Option<usize>,
}

impl Split {
    /// Each device goes to one target for good: a matter of its id alone, so that several runs agree.
    /// One topic or path per target.
    pub fn evenly(topics: Vec<(Protocol, String)>) -> Self {
        Self {
            topics,
            battery_target: None,
        }
    }

    /// As cities do it: what lives on a battery speaks CoAP, to the second target, the rest MQTT, to the
    /// first. The topic serves both.
    pub fn by_power(topic: &str) -> Self {
        let topics = [Protocol::Mqtt, Protocol::Coap].map(|to| (to, topic.to_owned()));
        Self {
            topics: topics.into(),
            battery_target: Some(1),
        }
    }

    /// What the targets speak.
    pub(super) fn protocols(&self) -> Vec<Protocol> {
        self.topics.iter().map(|(protocol, _)| *protocol).collect()
    }

    /// Target and topic of a device whose messages are frames of meters, for this profile: the gateway's
    /// own topic or path, for a frame says neither kind nor district.
    pub(super) fn place_of_frames(
        &self,
        device: &str,
        profile: &str,
        on_battery: bool,
    ) -> (usize, Arc<str>) {
        let (target, _) = self.place(device, "", "", on_battery);
        let first = match self.topics.get(target) {
            Some((Protocol::Coap, _)) => "t",
            _ => "city",
        };
        (target, format!("{first}/{device}/{profile}").into())
    }

    /// Target and topic of a device.
    pub(super) fn place(
        &self,
        device: &str,
        kind: &str,
        district: &str,
        on_battery: bool,
    ) -> (usize, Arc<str>) {
        let targets = self.topics.len().max(1);
        let target = match self.battery_target {
            Some(battery) if on_battery => battery,
            Some(_) => 0,
            None => usize::try_from(xxh3_64(device.as_bytes()) % targets as u64).unwrap_or(0),
        };
        let topic = self
            .topics
            .get(target)
            .map_or("", |(_, topic)| topic.as_str());
        let topic = topic
            .replace("{device}", device)
            .replace("{kind}", kind)
            .replace("{district}", district);
        (target, topic.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_stays_with_its_target_and_each_gets_its_share() {
        let split = Split::evenly(vec![
            (Protocol::Mqtt, "city/{device}/json".to_owned()),
            (Protocol::Coap, "t/{device}/{kind}".to_owned()),
        ]);
        let mut counts = [0; 2];
        for number in 0..1_000 {
            let device = format!("em-{number}");
            let (target, topic) = split.place(&device, "meter", "", false);
            assert_eq!(split.place(&device, "meter", "", true).0, target);
            let wanted = [format!("city/{device}/json"), format!("t/{device}/meter")];
            assert_eq!(Some(&*topic), wanted.get(target).map(String::as_str));
            if let Some(count) = counts.get_mut(target) {
                *count += 1;
            }
        }
        assert!(counts.iter().all(|count| *count > 400), "{counts:?}");
        let split = Split::by_power("demo/{device}");
        assert_eq!(split.place("x", "", "", true), (1, "demo/x".into()));
        assert_eq!(split.place("x", "", "", false), (0, "demo/x".into()));
        let frames = |on_battery| split.place_of_frames("x", "dlt645", on_battery);
        assert_eq!(frames(true), (1, "t/x/dlt645".into()));
        assert_eq!(frames(false), (0, "city/x/dlt645".into()));
    }
}
