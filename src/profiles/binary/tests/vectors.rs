//! Payloads of real devices: channel-type-value lists, frames around them, and histories.
use super::{bytes, decode, faults, lines, profile, readings, trace};
use crate::codecs::{Reason, SentTime};

/// Milesight EM500-CO2 (its user guide, "Sensor Data").
const MILESIGHT: &str = r#"
endian = "little"
[items]
key = 2
[[item]]
key = "0175"
size = 1
value = [{ metric = "battery_level", type = "u8" }]
[[item]]
key = "0367"
size = 2
value = [{ metric = "air_temperature", type = "i16", scale = 0.1 }]
[[item]]
key = "0468"
size = 1
value = [{ metric = "relative_humidity", type = "u8", scale = 0.5 }]
[[item]]
key = "057d"
size = 2
value = [{ metric = "co2", type = "u16", unit = "[ppm]" }]
[[item]]
key = "0673"
size = 2
value = [{ metric = "air_pressure", type = "u16", scale = 0.1, unit = "hPa" }]
[[item]]
key = "0498"
size = 2
value = [{ metric = "current", type = "u16", scale = 0.01, absent = 0xffff }]
"#;

/// Dragino S31-NB (its user manual, "Payload Analysis").
const DRAGINO: &str = r#"
encoding = "hex"
device = { at = 0, type = "digits", length = 8, prefix = "imei:" }
time = { at = 23, type = "u32", unit = "s" }
[[value]]
metric = "battery_voltage"
at = 10
type = "u16"
scale = 0.001
[[value]]
metric = "csq"
at = 12
type = "u8"
[[value]]
metric = "air_temperature"
at = 19
type = "i16"
scale = 0.1
[[value]]
metric = "relative_humidity"
at = 21
type = "u16"
scale = 0.1
[[repeat]]
at = 27
size = 8
time = { at = 4, type = "u32", unit = "s" }
value = [
  { metric = "air_temperature", at = 0, type = "i16", scale = 0.1 },
  { metric = "relative_humidity", at = 2, type = "u16", scale = 0.1 },
]
"#;

const DRAGINO_HEX: &str = "f868411056758782000c0d0f0c0100000000300114023163199d3c\
                           0113023163199d120113023163199c5e";

#[test]
fn milesight_items_are_read() {
    let profile = profile(MILESIGHT);
    let payload = bytes("01756403671901046873057d670406736827");
    let decoded = decode(&profile, &payload).expect("readings");
    assert_eq!(
        readings(&decoded),
        [
            "battery_level = 100",
            "air_temperature = 28.1",
            "relative_humidity = 57.5",
            "co2 = 1127",
            "air_pressure = 1008.8"
        ]
    );
    let raw = decoded.samples[1].origin.as_ref().expect("scaled");
    assert_eq!((&*raw.text, &*raw.unit), ("281", "10*-1.Cel"));
    let failed = decode(&profile, &bytes("0498ffff")).expect("readings");
    assert_eq!(readings(&failed), ["current = Null"]);
}

#[test]
fn an_unknown_item_ends_the_list_and_keeps_what_was_before() {
    let profile = profile(MILESIGHT);
    let decoded = decode(&profile, &bytes("017564ff010203")).expect("one reading");
    assert_eq!(readings(&decoded), ["battery_level = 100"]);
    assert_eq!(
        faults(&decoded),
        [
            "not_understood item 2: key FF01 at byte 3 is not in the profile, so its length is \
             unknown; 4 bytes from there on are not read"
        ]
    );
    let short = decode(&profile, &bytes("017564036719")).expect("one reading");
    assert_eq!(readings(&short), ["battery_level = 100"]);
    assert_eq!(
        faults(&short),
        [
            "truncated item 2: key 0367 needs 2 bytes at byte 5, has 1: the payload ends before \
             byte 6"
        ]
    );
    let half = decode(&profile, &bytes("01756403")).expect("one reading");
    assert_eq!(
        faults(&half),
        ["truncated item 2: needs 2 bytes at byte 3, has 1: the payload ends before byte 4"]
    );
}

#[test]
fn a_length_after_each_key_lets_unknown_keys_pass() {
    let profile = profile(
        "[items]\nkey = 1\nlength = 'u8'\n[[item]]\nkey = '02'\n\
         value = [{ metric = 'voltage', type = 'u16', scale = 0.1 }]\n",
    );
    let decoded = decode(&profile, &bytes("09 03 aabbcc 02 02 08fa 07 00")).expect("readings");
    assert_eq!(readings(&decoded), ["voltage = 229.8"]);
    assert!(decoded.faults.is_empty());
    // One byte where two are needed: the item's, not the payload's end.
    let decoded = decode(&profile, &bytes("02 01 08 02 02 08fa")).expect("readings");
    assert_eq!(readings(&decoded), ["voltage = 229.8"]);
    assert_eq!(
        faults(&decoded),
        ["truncated voltage: needs 2 bytes at byte 2, has 1: the item ends before byte 3"]
    );
    let decoded = decode(&profile, &bytes("02 02 08fa 02 ff 08")).expect("readings");
    assert_eq!(
        faults(&decoded),
        [
            "truncated item 2: key 02 needs 255 bytes at byte 6, has 1: the payload ends before \
             byte 7"
        ]
    );
}

#[test]
fn a_dragino_history_is_back_dated() {
    let profile = profile(DRAGINO);
    let decoded = decode(&profile, DRAGINO_HEX.as_bytes()).expect("readings");
    assert_eq!(decoded.sender.as_deref(), Some("imei:868411056758782"));
    assert_eq!(
        readings(&decoded),
        [
            "battery_voltage = 3.343",
            "csq = 12",
            "air_temperature = 27.6",
            "relative_humidity = 56.1",
            "[0].air_temperature = 27.5",
            "[0].relative_humidity = 56.1",
            "[1].air_temperature = 27.5",
            "[1].relative_humidity = 56.1",
        ]
    );
    let times: Vec<_> = decoded.groups.iter().map(|group| &group.time).collect();
    let at = |secs: i64| SentTime::Unix(secs * 1_000_000_000);
    assert_eq!(
        times,
        [&at(1_662_623_036), &at(1_662_622_994), &at(1_662_622_814)]
    );
    // Half a record at the end is a bad part of its own.
    let cut = DRAGINO_HEX.get(..DRAGINO_HEX.len() - 2).expect("longer");
    let decoded = decode(&profile, cut.as_bytes()).expect("readings");
    assert_eq!(decoded.samples.len(), 6);
    assert_eq!(
        faults(&decoded),
        [
            "truncated [1]: record 2 needs 8 bytes at byte 35, has 7: the payload ends before byte 42"
        ]
    );
}

#[test]
fn without_its_device_or_time_nothing_is_used() {
    let profile = profile(DRAGINO);
    for (hex, sentence) in [
        (
            "f86841",
            "`device`: needs 8 bytes at byte 0, has 3: the payload ends before byte 3",
        ),
        (
            "f868411056758782000c",
            "`time`: needs 4 bytes at byte 23, has 0: the payload ends before byte 10",
        ),
    ] {
        let fault = decode(&profile, hex.as_bytes()).expect_err("too short");
        assert_eq!(
            (fault.reason, &*fault.sentence),
            (Reason::Truncated, sentence)
        );
    }
    let fault = decode(&profile, b"f8x8").expect_err("no hex");
    assert_eq!(fault.reason, Reason::Malformed);
    let letters = DRAGINO_HEX.replace("f868", "f8a8");
    let fault = decode(&profile, letters.as_bytes()).expect_err("no digits");
    assert_eq!(
        fault.sentence,
        "`device`: byte 1 is 0xA8: nibble A is no decimal digit"
    );
}

#[test]
fn each_byte_is_traced() {
    let profile = profile(DRAGINO);
    let trace = trace(&profile, DRAGINO_HEX.as_bytes());
    assert_eq!(
        lines(&trace),
        [
            "0..8 \"868411056758782\" -> device",
            "8..10 000C -> ",
            "10..12 3343 -> battery_voltage #0",
            "12..13 12 -> csq #1",
            "13..19 010000000030 -> ",
            "19..21 276 -> air_temperature #2",
            "21..23 561 -> relative_humidity #3",
            "23..27 1662623036 -> time",
            "27..29 275 -> air_temperature #4",
            "29..31 561 -> relative_humidity #5",
            "31..35 1662622994 -> time",
            "35..37 275 -> air_temperature #6",
            "37..39 561 -> relative_humidity #7",
            "39..43 1662622814 -> time",
        ]
    );
    let items = super::profile(MILESIGHT);
    let trace = super::trace(&items, &bytes("017564ff0102"));
    assert_eq!(
        lines(&trace),
        [
            "0..2 0175 -> key",
            "2..3 100 -> battery_level #0",
            "3..5 FF01 ->  (no item of the profile has this key)",
            "3..6 FF0102 ->  (item 2: key FF01 at byte 3 is not in the profile, so its length is \
             unknown; 3 bytes from there on are not read)",
        ]
    );
}

#[test]
fn a_frame_may_lie_around_a_list() {
    // The head of a Milesight NB frame: IMEI, CSQ, the list's length, the list, and a checksum.
    let profile = profile(
        "device = { at = 1, type = 'text', length = 15, prefix = 'imei:', \
                    via = { at = 0, type = 'hex', length = 1 } }\n\
         [[value]]\nmetric = 'csq'\nat = 16\ntype = 'u8'\n\
         [items]\nat = 19\nkey = 2\nbytes = { at = 17, type = 'u16' }\nbehind = 1\n\
         [[item]]\nkey = '0175'\nsize = 1\nvalue = [{ metric = 'battery_level', type = 'u8' }]\n\
         [[value]]\nmetric = 'battery_low'\nat = -1\ntype = 'u8'\nbit = 7\n",
    );
    let payload = [b"\xabAA8508064807350\x09\0\x03\x01\x75\x64", &b"\x80"[..]].concat();
    let decoded = decode(&profile, &payload).expect("readings");
    assert_eq!(decoded.sender.as_deref(), Some("imei:AA8508064807350"));
    assert_eq!(decoded.via.as_deref(), Some("imei:AB"));
    assert_eq!(
        readings(&decoded),
        ["csq = 9", "battery_low = 1", "battery_level = 100"]
    );
}
