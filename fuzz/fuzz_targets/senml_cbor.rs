#![no_main]
//! Whatever bytes come: no panic, and no more than they hold.
use citygate::codecs::{Decoded, Limits, senml};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { readings_max: 1_000 };

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else {
        return;
    };
    // The upper half of the first bytes is CBOR's.
    let bytes = [&[*first | 0x80], rest].concat();
    let mut out = Decoded::default();
    let done = senml::decode(&bytes, LIMITS, &mut out);
    assert!(out.samples.len() + out.groups.len() <= 2 * bytes.len());
    if done.is_ok() {
        assert!(senml::resolved(&bytes).is_ok());
    }
});
