//! Nanoseconds per message of each codec, nothing else in the way: `cargo bench --bench codecs`.
//!
//! Small messages as meters send them, decoded into memory that is used again, as intake does. The
//! least of many rounds: whatever else runs on the machine only makes a round longer.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a bench ends where it cannot go on, and shows few digits"
)]
use citygate::codecs::{self, Decoded, Limits};
use std::hint::black_box;
use std::time::{Duration, Instant};

const ROUNDS: u32 = 300;
const MESSAGES: u32 = 5_000;
const LIMITS: Limits = Limits {
    readings_max: 1_000,
};

/// Name, profile, payload.
const MESSAGES_SENT: [(&str, &str, &[u8]); 6] = [
    (
        "json, 2 readings",
        "json",
        br#"{"ts":1795420800000,"voltage":230.1,"current":1.25}"#,
    ),
    (
        "json, 4 readings",
        "json",
        br#"{"ts":1795420800000,"voltage":230.1,"current":1.25,"active_power":0.287,"active_energy_import":12345.67}"#,
    ),
    (
        "SenML JSON, 2 records",
        "senml",
        br#"[{"bn":"em-00001:","bt":1795420800,"n":"voltage","u":"V","v":230.1},{"n":"current","u":"A","v":1.25}]"#,
    ),
    (
        "SenML JSON, 2 records of a URN",
        "senml",
        br#"[{"bn":"urn:dev:mac:0024befffe804ff1:","bt":1795420800.25,"n":"voltage","u":"V","v":230.1},{"n":"current","u":"A","t":-5,"v":1.25}]"#,
    ),
    (
        "SenML CBOR, 2 records",
        "senml",
        b"\x82\xa5\x21\x69em-00001:\x22\x1a\x6b\x03\xf6\x80\x00\x67voltage\x01\x61V\x02\xfb\x40\x6c\xc3\x33\x33\x33\x33\x33\xa3\x00\x67current\x01\x61A\x02\xf9\x3d\x00",
    ),
    (
        "CBOR map, 2 readings",
        "cbor",
        b"\xa3\x62ts\x1a\x6b\x03\xf6\x80\x67voltage\xfb\x40\x6c\xc3\x33\x33\x33\x33\x33\x67current\xf9\x3d\x00",
    ),
];

fn main() {
    println!("| message | bytes | ns |\n|---|---|---|");
    for (name, profile, payload) in MESSAGES_SENT {
        let (_, decode) = codecs::named(profile).unwrap();
        let mut least = Duration::MAX;
        let mut memory = Decoded::default();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            for _ in 0..MESSAGES {
                let mut decoded: Decoded<'_> = memory;
                decode(black_box(payload), LIMITS, &mut decoded).unwrap();
                assert!(!black_box(&decoded).samples.is_empty());
                memory = decoded.recycle();
            }
            least = least.min(start.elapsed());
        }
        let ns = least.as_nanos() as f64 / f64::from(MESSAGES);
        println!("| {name} | {} | {ns:.0} |", payload.len());
    }
}
