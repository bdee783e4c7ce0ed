//! What goes wrong between a meter and who reads it: the line, and the meter itself.
use crate::sim::Rng;

/// How a message goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// One bit is another: the frame's check fails.
    Flip,
    /// The last frame breaks off.
    Cut,
    /// Bytes of nobody before a frame: nothing is lost by them.
    Noise,
    /// A frame more, of something that no standard has.
    Unknown,
    /// A clock that nobody has set since its battery died.
    Clock,
    /// Nothing for a while.
    Silent,
    /// The same message twice.
    Repeated,
}

/// Most bytes of noise at once.
const NOISE_BYTES_MAX: u64 = 12;

impl Line {
    const ALL: [Self; 7] = [
        Self::Flip,
        Self::Cut,
        Self::Noise,
        Self::Unknown,
        Self::Clock,
        Self::Silent,
        Self::Repeated,
    ];

    /// One of them with probability `share`, as with the other devices.
    pub(super) fn draw(rng: &mut Rng, share: f64) -> Option<Self> {
        rng.draw(&Self::ALL, share)
    }

    /// The frames one after another, damaged in this way if it is one of the line's.
    pub(super) fn join(fault: Option<Self>, mut frames: Vec<Vec<u8>>, rng: &mut Rng) -> Vec<u8> {
        let any = place(rng, frames.len());
        match fault {
            Some(Self::Flip) => {
                let frame = frames.get_mut(any).map_or(&mut [][..], |frame| frame);
                let at = place(rng, frame.len());
                let bit = rng.below(8);
                if let Some(byte) = frame.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
            Some(Self::Cut) => {
                if let Some(last) = frames.last_mut() {
                    let kept = 1 + place(rng, last.len().saturating_sub(1));
                    last.truncate(kept);
                }
            }
            Some(Self::Noise) => {
                let bytes = 1 + rng.below(NOISE_BYTES_MAX);
                // No start byte: what looks like a frame may be reported as one that is damaged.
                let noise = (0..bytes).map(|_| u8::try_from(rng.below(0x60)).unwrap_or(0));
                frames.insert(any, noise.collect());
            }
            _ => {}
        }
        frames.concat()
    }
}

/// A place in a list of so many.
fn place(rng: &mut Rng, len: usize) -> usize {
    usize::try_from(rng.below(len as u64)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damage_is_what_its_name_says() {
        let frames = || vec![vec![0x68; 20], vec![0x16; 20]];
        let whole = frames().concat();
        let mut rng = Rng::new(3);
        for _ in 0..200 {
            let flipped = Line::join(Some(Line::Flip), frames(), &mut rng);
            let bits = flipped.iter().zip(&whole);
            let bits: u32 = bits.map(|(one, other)| (one ^ other).count_ones()).sum();
            assert_eq!((bits, flipped.len()), (1, 40));
            let cut = Line::join(Some(Line::Cut), frames(), &mut rng);
            assert!((21..40).contains(&cut.len()) && whole.starts_with(&cut));
            let noisy = Line::join(Some(Line::Noise), frames(), &mut rng);
            assert!((41..=52).contains(&noisy.len()));
            for fault in [None, Some(Line::Repeated), Some(Line::Unknown)] {
                assert_eq!(Line::join(fault, frames(), &mut rng), whole);
            }
        }
    }
}
