//! A concentrator in a stairwell: it carries the meters of the flats, over `ThingsBoard`'s topic.
use super::Rng;
use super::device::Device;
use super::kind::Kind;

/// Where it sends.
pub(super) const TOPIC: &str = "v1/gateway/telemetry";
/// Meters of one.
const CHILDREN: usize = 6;
/// In turn: three utilities read by one device.
const KINDS: [Kind; 3] = [Kind::Electricity, Kind::Gas, Kind::Water];

/// The name of the concentrator with this number, which is its MQTT client id.
pub fn concentrator_id(number: usize) -> String {
    format!("dc-{:04}", number + 1)
}

#[derive(Debug)]
pub(super) struct Concentrator {
    children: Vec<(String, Device)>,
}

impl Concentrator {
    pub(super) fn new(id: &str, seed: u64, stream: u64) -> Self {
        let child = |number: usize| {
            let kind = KINDS.get(number % KINDS.len()).copied();
            let kind = kind.unwrap_or(Kind::Electricity);
            let rng = Rng::stream(seed, stream + number as u64);
            let name = format!("{id}-{}-{number}", kind.prefix());
            (name, Device::new(kind, rng, false))
        };
        Self {
            children: (0..CHILDREN).map(child).collect(),
        }
    }

    /// `{"child":[{"ts":..,"values":{..}}],..}`
    pub(super) fn send(&mut self, at_ms: i64) -> Vec<u8> {
        let mut payload = vec![b'{'];
        let head = format!("{{\"ts\":{at_ms},");
        for (name, device) in &mut self.children {
            let sent = device.send(at_ms, 0.0).payload;
            let values = sent.strip_prefix(head.as_bytes()).unwrap_or(b"}");
            payload.extend_from_slice(format!("\"{name}\":[{head}\"values\":{{").as_bytes());
            payload.extend_from_slice(values);
            payload.extend_from_slice(b"}],");
        }
        payload.pop();
        payload.push(b'}');
        payload
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use serde_json::Value;

    #[test]
    fn each_child_has_its_values_under_its_name() {
        let mut concentrator = Concentrator::new("dc-0001", 1, 7);
        let sent: Value = serde_json::from_slice(&concentrator.send(1_795_392_000_000)).unwrap();
        assert_eq!(sent.as_object().unwrap().len(), CHILDREN);
        let water = &sent["dc-0001-wm-2"][0];
        assert_eq!(water["ts"], 1_795_392_000_000_i64);
        assert!(
            water["values"]["water_volume"].as_f64() > Some(0.0),
            "{sent}"
        );
    }
}
