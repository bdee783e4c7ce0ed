#![no_main]
//! Whatever bytes come: no panic, no more than they hold, and a resolved pack resolves to itself.
use citygate::codecs::{Decoded, Limits, senml};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { readings_max: 1_000 };

fuzz_target!(|bytes: &[u8]| {
    // The first byte tells JSON from CBOR; this is the half below.
    if bytes.first().is_some_and(|first| *first >= 0x80) {
        return;
    }
    let mut out = Decoded::default();
    let done = senml::decode(bytes, LIMITS, &mut out);
    assert!(out.samples.len() + out.groups.len() <= 2 * bytes.len());
    assert!(done.is_ok() || senml::resolved(bytes).is_err() || out.samples.len() <= LIMITS.readings_max);
    if let Ok(records) = senml::resolved(bytes) {
        for record in &records {
            // What a pack of this one record says is what the record says.
            let text = format!("[{{\"n\":{},\"v\":1}}]", serde_json_text(&record.name.to_string()));
            let again = senml::resolved(text.as_bytes());
            assert_eq!(again.map(|again| again[0].name.to_string()), Ok(record.name.to_string()));
        }
    }
});

/// Names have no character that JSON escapes.
fn serde_json_text(name: &str) -> String {
    format!("\"{name}\"")
}
