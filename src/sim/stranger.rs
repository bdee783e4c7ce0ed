//! Senders from which no gateway should take anything, each in one of the ways in which that happens.
use super::Rng;
use super::target::Protocol;

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stranger {
    /// It measures what no catalogue has.
    UnknownMetric,
    /// Its messages break off.
    Malformed,
    /// It names a format that nobody knows.
    UnknownProfile,
    /// It sends where nobody listens.
    WrongPath,
    /// Its name is no device id.
    BadId,
}

impl Stranger {
    const ALL: [Self; 5] = [
        Self::UnknownMetric,
        Self::Malformed,
        Self::UnknownProfile,
        Self::WrongPath,
        Self::BadId,
    ];

    /// The stranger with this number: each sort in turn.
    pub(super) fn of(number: usize) -> Self {
        let place = number % Self::ALL.len();
        Self::ALL.get(place).copied().unwrap_or(Self::UnknownMetric)
    }

    /// Its name.
    pub(super) fn id(self, number: usize) -> String {
        match self {
            Self::BadId => format!("meter no. {number}!"),
            _ => format!("stranger-{number:03}"),
        }
    }

    /// Where it sends.
    pub(super) fn topic(self, id: &str, protocol: Protocol) -> String {
        let first = match protocol {
            Protocol::Mqtt => "city",
            Protocol::Coap => "t",
        };
        match self {
            Self::UnknownMetric | Self::Malformed | Self::BadId => format!("{first}/{id}/json"),
            Self::UnknownProfile => format!("{first}/{id}/acme-v2"),
            Self::WrongPath => format!("telemetry/{id}"),
        }
    }

    /// What it sends.
    pub(super) fn payload(self, rng: &mut Rng, at_ms: i64) -> Vec<u8> {
        let value = rng.between(1.0, 50.0);
        let payload = match self {
            Self::UnknownMetric => format!("{{\"ts\":{at_ms},\"flux_capacitance\":{value:.2}}}"),
            Self::Malformed => format!("{{\"ts\":{at_ms},\"water_volume\":{value:.2},\"batt"),
            _ => format!("{{\"ts\":{at_ms},\"water_volume\":{value:.2}}}"),
        };
        payload.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::DeviceId;
    use std::collections::HashSet;

    #[test]
    fn each_sort_is_wrong_in_its_own_way() {
        let mut topics = HashSet::new();
        for number in 0..10 {
            let stranger = Stranger::of(number);
            let id = stranger.id(number);
            assert_eq!(DeviceId::check(&id).is_err(), stranger == Stranger::BadId);
            for protocol in [Protocol::Mqtt, Protocol::Coap] {
                assert!(topics.insert((stranger.topic(&id, protocol), protocol == Protocol::Mqtt)));
            }
            let payload = stranger.payload(&mut Rng::new(1), 7);
            let read = serde_json::from_slice::<serde_json::Value>(&payload);
            assert_eq!(read.is_err(), stranger == Stranger::Malformed);
        }
    }
}
