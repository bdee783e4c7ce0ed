//! A concentrator that reads its meters one after another and passes their frames on, unread: one
//! message a round.
use super::line::Line;
use super::{Meter, Model, Sent};
use crate::sim::Rng;

/// Three utilities, three protocols.
const MODELS: [Model; 8] = [
    Model::ThreePhase,
    Model::SinglePhase,
    Model::Objects,
    Model::SinglePhase,
    Model::Water,
    Model::HotWater,
    Model::Gas,
    Model::Heat,
];
/// Meters of one.
pub const CHILDREN: usize = MODELS.len();

/// The gateway's profile for frames of whichever protocol.
pub(in crate::sim) const PROFILE: &str = "meters";

#[derive(Debug)]
pub(in crate::sim) struct Collector {
    meters: Vec<Meter>,
    rng: Rng,
}

impl Collector {
    /// `number` is that of its first meter among all meters that speak frames.
    pub(in crate::sim) fn new(number: u64, seed: u64, stream: u64) -> Self {
        let meter = |(place, model): (u64, Model)| {
            let rng = Rng::stream(seed, stream + place);
            Meter::new(model, number + place, rng, false)
        };
        Self {
            meters: (0..).zip(MODELS).map(meter).collect(),
            rng: Rng::stream(seed, stream + CHILDREN as u64),
        }
    }

    /// Its meters, in the order in which it reads them.
    pub(in crate::sim) fn meters(&self) -> &[Meter] {
        &self.meters
    }

    /// The frames of a round; one message goes wrong with probability `faults`. It is never silent: what
    /// falls silent is one of its meters.
    pub(in crate::sim) fn send(&mut self, at_ms: i64, faults: f64) -> Sent {
        let fault = Line::draw(&mut self.rng, faults);
        let odd = self.rng.below(self.meters.len() as u64);
        let mut frames = Vec::new();
        for (place, meter) in (0..).zip(&mut self.meters) {
            let own = fault.filter(|_| place == odd);
            let read = meter.frames(at_ms, own);
            if own != Some(Line::Silent) {
                frames.extend(read);
            }
        }
        Sent {
            payload: Line::join(fault, frames, &mut self.rng),
            twice: fault == Some(Line::Repeated),
            faulty: fault.is_some(),
        }
    }
}
