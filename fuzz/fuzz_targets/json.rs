#![no_main]
//! Whatever bytes come, in all shapes of the json codec: no panic, and no more than they hold.
use citygate::codecs::{Decoded, Limits, json};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { readings_max: 1_000 };

fuzz_target!(|bytes: &[u8]| {
    for decode in [json::decode, json::gateway] {
        let mut out = Decoded::default();
        let _ = decode(bytes, LIMITS, &mut out);
        assert!(out.samples.len() + out.groups.len() <= 2 * bytes.len() + 1);
    }
    let _ = json::attributes(bytes);
    let _ = json::connection(bytes);
});
