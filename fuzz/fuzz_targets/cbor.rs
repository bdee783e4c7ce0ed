#![no_main]
//! Whatever bytes come: no panic, and no more than they hold.
use citygate::codecs::{Decoded, Limits, Reason, cbor};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { readings_max: 1_000 };

fuzz_target!(|bytes: &[u8]| {
    let mut out = Decoded::default();
    if let Err(fault) = cbor::decode(bytes, LIMITS, &mut out) {
        // What was written out as JSON is JSON.
        assert!(!fault.sentence.contains("the JSON ends"), "{fault}");
        assert!(fault.reason != Reason::NotUtf8, "{fault}");
    }
    assert!(out.samples.len() + out.groups.len() <= 2 * bytes.len() + 1);
});
