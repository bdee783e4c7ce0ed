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
use citygate::catalogue::Catalogue;
use citygate::codecs::{Decoded, Limits};
use citygate::profiles::{Around, Codec, Profile, Profiles};
use std::hint::black_box;
use std::time::{Duration, Instant};

const ROUNDS: u32 = 300;
const MESSAGES: u32 = 5_000;
const LIMITS: Limits = Limits {
    readings_max: 1_000,
};

/// Name, profile, payload.
const MESSAGES_SENT: [(&str, &str, &[u8]); 12] = [
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
        "profile, the 2 readings of json",
        "flat",
        br#"{"ts":1795420800000,"voltage":230.1,"current":1.25}"#,
    ),
    (
        "profile, the 4 readings of json",
        "flat",
        br#"{"ts":1795420800000,"voltage":230.1,"current":1.25,"active_power":0.287,"active_energy_import":12345.67}"#,
    ),
    (
        "profile, 4 readings of 24 nested values",
        "nested",
        br#"{"Message":{"dev":"NB-11 v0.5","IMEI":"867723030711633","IMSI":"250990283462252","ICCID":"8970199170730496963","num":3,"UTC":1571227504},"CellStatus":{"EARFCN":1240,"PCID":26,"RSRP":-822,"RSRQ":-108,"RSSI":-744,"SNR":119},"Telemetry":{"reason":"time","UTC":1571227500,"bat":99,"temp":28,"RAW":43,"RAI":580,"s_magnet":0,"pulse1":0,"pulse2":0,"pulse3":0,"pulse4":0}}"#,
    ),
    (
        "profile, fixed bytes, 4 readings",
        "fixed",
        b"\x6b\x03\xf6\x80\x08\xfd\x00\x7d\x00\x1f\x00\x12\xd6\x87",
    ),
    (
        "profile, list of channel, type, value, 5 readings",
        "items",
        b"\x01\x75\x64\x03\x67\x19\x01\x04\x68\x73\x05\x7d\x67\x04\x06\x73\x68\x27",
    ),
    (
        "profile, history in hex, 8 readings of 3 times",
        "history",
        b"f868411056758782000c0d0f0c0100000000300114023163199d3c0113023163199d120113023163199c5e",
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

/// The content of the json rows, by a profile of a file.
const FLAT: &str = r#"
name = "flat"
version = "1"
format = "json"
[time]
path = "ts"
[[value]]
metric = "voltage"
path = "voltage"
[[value]]
metric = "current"
path = "current"
[[value]]
metric = "active_power"
path = "active_power"
[[value]]
metric = "active_energy_import"
path = "active_energy_import"
"#;

/// As vendors nest, with tenths, words and values that mean absent.
const NESTED: &str = r#"
name = "nested"
version = "1"
format = "json"
[device]
path = "Message.IMEI"
prefix = "imei:"
[time]
path = "Telemetry.UTC"
unit = "s"
[[value]]
metric = "rsrp"
path = "CellStatus.RSRP"
scale = 0.1
[[value]]
metric = "sinr"
path = "CellStatus.SNR"
scale = 0.1
[[value]]
metric = "battery_level"
path = "Telemetry.bat"
absent = [255]
[[value]]
metric = "door_open"
path = "Telemetry.s_magnet"
words = { "0" = false, "1" = true }
"#;

/// As a meter packs them.
const FIXED: &str = r#"
name = "fixed"
version = "1"
format = "binary"
time = { at = 0, type = "u32", unit = "s" }
value = [
  { metric = "voltage", at = 4, type = "u16", scale = 0.1 },
  { metric = "current", at = 6, type = "u16", scale = 0.01 },
  { metric = "active_power", at = 8, type = "i16", scale = 0.01 },
  { metric = "active_energy_import", at = 10, type = "u32", scale = 0.01 },
]
"#;

/// As Milesight sends.
const ITEMS: &str = r#"
name = "items"
version = "1"
format = "binary"
endian = "little"
items = { key = 2 }
item = [
  { key = "0175", size = 1, value = [ { metric = "battery_level", type = "u8" } ] },
  { key = "0367", size = 2, value = [ { metric = "air_temperature", type = "i16", scale = 0.1 } ] },
  { key = "0468", size = 1, value = [ { metric = "relative_humidity", type = "u8", scale = 0.5 } ] },
  { key = "057d", size = 2, value = [ { metric = "co2", type = "u16" } ] },
  { key = "0673", size = 2, value = [ { metric = "air_pressure", type = "u16", scale = 0.1, unit = "hPa" } ] },
]
"#;

/// As Dragino sends: now, and some records of before.
const HISTORY: &str = r#"
name = "history"
version = "1"
format = "binary"
encoding = "hex"
device = { at = 0, type = "digits", length = 8, prefix = "imei:" }
time = { at = 23, type = "u32", unit = "s" }
value = [
  { metric = "battery_voltage", at = 10, type = "u16", scale = 0.001 },
  { metric = "csq", at = 12, type = "u8" },
  { metric = "air_temperature", at = 19, type = "i16", scale = 0.1 },
  { metric = "relative_humidity", at = 21, type = "u16", scale = 0.1 },
]
[[repeat]]
at = 27
size = 8
time = { at = 4, type = "u32", unit = "s" }
value = [
  { metric = "air_temperature", at = 0, type = "i16", scale = 0.1 },
  { metric = "relative_humidity", at = 2, type = "u16", scale = 0.1 },
]
"#;

fn profiles() -> Profiles {
    let catalogue = Catalogue::shipped();
    let parse = |(file, text)| Profile::parse(file, text, &catalogue).unwrap();
    let all = [
        ("flat.toml", FLAT),
        ("nested.toml", NESTED),
        ("fixed.toml", FIXED),
        ("items.toml", ITEMS),
        ("history.toml", HISTORY),
    ];
    Profiles::of(all.map(parse)).unwrap()
}

fn main() {
    let profiles = profiles();
    let around = || Around {
        limits: LIMITS,
        profiles: &profiles,
        profile_of: &|_| None,
    };
    println!("| message | bytes | ns |\n|---|---|---|");
    for (name, profile, payload) in MESSAGES_SENT {
        let codec: Codec<'_> = profiles.find(profile).unwrap();
        let mut least = Duration::MAX;
        let mut memory = Decoded::default();
        for _ in 0..ROUNDS {
            let start = Instant::now();
            for _ in 0..MESSAGES {
                let mut decoded: Decoded<'_> = memory;
                codec
                    .decode(black_box(payload), around(), &mut decoded)
                    .unwrap();
                assert!(!black_box(&decoded).samples.is_empty());
                memory = decoded.recycle();
            }
            least = least.min(start.elapsed());
        }
        let ns = least.as_nanos() as f64 / f64::from(MESSAGES);
        println!("| {name} | {} | {ns:.0} |", payload.len());
    }
}
