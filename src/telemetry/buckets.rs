//! Log-linear buckets: each octave of microseconds is cut into 2^`bits` of the same width, so that a
//! bound is at most 1/2^`bits` above its values.

/// The bucket of a value. Those below 2^`bits` have one each.
pub fn bucket_of(us: u64, bits: u32) -> usize {
    let per_octave = 1 << bits;
    let index = if us < per_octave {
        us
    } else {
        let shift = us.ilog2() - bits;
        u64::from(shift) * per_octave + (us >> shift)
    };
    usize::try_from(index).unwrap_or(usize::MAX)
}

/// The highest value that falls into a bucket.
pub const fn upper_bound_us(bucket: usize, bits: u32) -> u64 {
    let (bucket, per_octave) = (bucket as u64, 1 << bits);
    if bucket < 2 * per_octave {
        return bucket;
    }
    let shift = bucket / per_octave - 1;
    ((bucket % per_octave + per_octave + 1) << shift) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_bucket_holds_its_value_within_its_precision(us in 0..1u64 << 40, bits in 1u32..8) {
            let bucket = bucket_of(us, bits);
            let bound = upper_bound_us(bucket, bits);
            prop_assert!(bound >= us && bound <= us + (us >> bits), "{us} in bucket to {bound}");
            prop_assert_eq!(bucket_of(bound, bits), bucket);
        }
    }
}
