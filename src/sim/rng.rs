//! Small seeded random numbers: the same seed gives the same city on every machine and version.
//!
//! `SplitMix64` (Steele, Lea, Flood 2014): 64 bits of state, passes `BigCrush`, and streams for single
//! devices are made by hashing. A crate would be free to change its sequence between versions.

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Rng(u64);

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Rng {
    /// The stream of `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Stream number `index` of `seed`, unrelated to its neighbours.
    pub const fn stream(seed: u64, index: u64) -> Self {
        let mut rng = Self(seed ^ index.wrapping_mul(0xd6e8_feb8_6659_fd93));
        Self(rng.next_u64())
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in 0..1.
    pub const fn unit(&mut self) -> f64 {
        // 52 random bits of mantissa under the exponent of 1.0.
        f64::from_bits(0x3ff0_0000_0000_0000 | (self.next_u64() >> 12)) - 1.0
    }

    /// Uniform in `low..high`.
    pub const fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// True with probability `p`.
    pub const fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// One of `all` with probability `share`. Both draws happen always, so that how often it hits does not
    /// change what is drawn after it.
    pub fn draw<T: Copy>(&mut self, all: &[T], share: f64) -> Option<T> {
        let (hit, which) = (self.chance(share), self.below(all.len() as u64));
        let one = usize::try_from(which).ok().and_then(|at| all.get(at));
        one.copied().filter(|_| hit)
    }

    /// Uniform in `0..n`; 0 when `n` is 0. (The bias of the remainder is below 1e-9 for the small `n` here.)
    pub const fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { self.next_u64() % n }
    }

    /// About normal with mean 0 and deviation 1, never beyond 3.5: the sum of four uniforms.
    pub const fn noise(&mut self) -> f64 {
        let sum = self.unit() + self.unit() + self.unit() + self.unit();
        (sum - 2.0) * 1.732
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_numbers_are_those_of_splitmix64() {
        // Reference output of the published C code for seed 1234567.
        let mut rng = Rng::new(1_234_567);
        assert_eq!(rng.next_u64(), 6_457_827_717_110_365_317);
        assert_eq!(rng.next_u64(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn uniform_numbers_stay_in_range_and_spread() {
        let mut rng = Rng::stream(1, 7);
        let mut low = 0;
        for _ in 0..10_000 {
            let x = rng.unit();
            assert!((0.0..1.0).contains(&x));
            low += u32::from(x < 0.5);
            assert!(rng.noise().abs() <= 3.5);
            assert!(rng.below(3) < 3);
        }
        assert!((4_700..5_300).contains(&low), "{low} of 10000 below 0.5");
    }

    #[test]
    fn streams_differ_and_repeat() {
        assert_eq!(Rng::stream(1, 2).next_u64(), Rng::stream(1, 2).next_u64());
        assert_ne!(Rng::stream(1, 2).next_u64(), Rng::stream(1, 3).next_u64());
        assert_ne!(Rng::stream(1, 2).next_u64(), Rng::stream(2, 2).next_u64());
    }
}
