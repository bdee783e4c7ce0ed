//! Records that name devices, bases of their own, events, and payloads in payloads.
use super::{LIMITS, bytes, decode, faults, lines, profile, readings, trace};
use crate::catalogue::Catalogue;
use crate::codecs::{Decoded, SentTime};
use crate::profiles::{Around, Profile, Profiles};

#[test]
fn records_of_one_device_lie_together() {
    let profile = profile(
        "[[repeat]]\nat = 0\nsize = 4\n\
         device = { at = 0, type = 'bcd', length = 2, prefix = 'meter:' }\n\
         value = [{ metric = 'voltage', at = 2, type = 'u16', scale = 0.1 }]\n",
    );
    let payload = bytes("0007 08fc 0008 08fd 0007 08fe");
    let decoded = decode(&profile, &payload).expect("readings");
    assert_eq!(decoded.devices, ["meter:7", "meter:8"]);
    assert_eq!(
        readings(&decoded),
        [
            "meter:7[0].voltage = 230",
            "meter:7[2].voltage = 230.2",
            "meter:8[1].voltage = 230.1"
        ]
    );
    // The trace says which sample each became.
    assert_eq!(
        lines(&trace(&profile, &payload)),
        [
            "0..2 7 -> device",
            "2..4 2300 -> voltage #0",
            "4..6 8 -> device",
            "6..8 2301 -> voltage #2",
            "8..10 7 -> device",
            "10..12 2302 -> voltage #1",
        ]
    );
    // A record whose device cannot be read is a bad part; the others are kept.
    let decoded = decode(&profile, &bytes("000a 08fc 0008 08fd")).expect("one");
    assert_eq!(readings(&decoded), ["meter:8[1].voltage = 230.1"]);
    assert_eq!(
        faults(&decoded),
        ["malformed [0].device: byte 1 is 0x0A: nibble A is no decimal digit"]
    );
}

#[test]
fn a_series_may_have_a_base_of_its_own() {
    let profile = profile(
        "[[repeat]]\nat = 4\nsize = 1\nstep = '-1h'\nbase = { at = 0, type = 'u32', unit = 's' }\n\
         value = [{ metric = 'voltage', at = 0, type = 'u8' }]\n",
    );
    let decoded = decode(&profile, &bytes("63199d3c 01 02")).expect("readings");
    let at = |secs: i64| SentTime::Unix(secs * 1_000_000_000);
    let times: Vec<_> = decoded
        .samples
        .iter()
        .map(|sample| &decoded.group(sample.group).expect("its group").time)
        .collect();
    assert_eq!(times, [&at(1_662_623_036), &at(1_662_619_436)]);
}

#[test]
fn bytes_become_events() {
    let profile = profile(
        "[[event]]\nname = 'tamper'\nseverity = 'warning'\n\
         when = [{ at = 0, type = 'u8', is = [2, 3] }, { at = 1, type = 'u8', bit = 7, is = 1 }]\n\
         detail = [{ name = 'firmware', at = 2, type = 'text', length = 2 }]\n",
    );
    let decoded = decode(&profile, b"\x03\x80v1").expect("an event");
    assert_eq!(decoded.notes.len(), 1);
    assert_eq!(decoded.notes[0].name, "tamper");
    assert_eq!(decoded.notes[0].detail, [("firmware".into(), "v1".into())]);
    for payload in [&b"\x01\x80v1"[..], b"\x03\x00v1", b"\x03"] {
        decode(&profile, payload).expect_err("nothing");
    }
}

#[test]
fn an_inner_payload_is_decoded_by_its_profile() {
    let catalogue = Catalogue::shipped();
    let parse = |name: &str, text: &str| {
        let text = format!("name = '{name}'\nversion = '1'\nformat = 'binary'\n{text}");
        Profile::parse(&format!("profiles/{name}.toml"), &text, &catalogue).expect("a profile")
    };
    let profiles = Profiles::of([
        parse(
            "outer",
            "time = { at = 0, type = 'u32', unit = 's' }\n\
             inner = { at = 5, bytes = { at = 4, type = 'u8' }, encoding = 'hex', profile = 'core' }\n",
        ),
        parse("core", "value = [{ metric = 'voltage', at = 0, type = 'u16', scale = 0.1 }]"),
    ])
    .expect("no loops");
    let around = || Around {
        limits: LIMITS,
        profiles: &profiles,
        profile_of: &|_| None,
    };
    let outer = profiles
        .iter()
        .find(|profile| profile.name() == "outer")
        .expect("outer");
    let mut decoded = Decoded::default();
    outer
        .decode(b"\x63\x19\x9d\x3c\x0408fc", around(), &mut decoded)
        .expect("readings");
    assert_eq!(readings(&decoded), ["voltage = 230"]);
    let group = decoded.group(decoded.samples[0].group).expect("its group");
    assert_eq!(group.time, SentTime::Unix(1_662_623_036_000_000_000));
    let mut decoded = Decoded::default();
    outer
        .decode(b"\x63\x19\x9d\x3c\x0908fc", around(), &mut decoded)
        .expect("a bad part");
    assert_eq!(
        faults(&decoded),
        ["truncated inner: needs 9 bytes at byte 5, has 4: the payload ends before byte 9"]
    );
}

#[test]
fn records_ahead_of_now_or_of_nobody_are_refused() {
    let forward = profile(
        "[[repeat]]\nat = 0\nsize = 1\nstep = '1h'\n\
         value = [{ metric = 'voltage', at = 0, type = 'u8' }]\n",
    );
    let decoded = decode(&forward, &bytes("01 02")).expect("a bad part");
    assert!(decoded.samples.is_empty());
    assert!(faults(&decoded)[0].starts_with("implausible_time step: the payload has no time"));
    let one = decode(&forward, &bytes("01")).expect("one");
    assert_eq!(one.samples.len(), 1);
    let nobody = profile(
        "[[repeat]]\nat = 0\nsize = 3\n\
         device = { at = 0, type = 'text', length = 2 }\n\
         value = [{ metric = 'voltage', at = 2, type = 'u8' }]\n",
    );
    let decoded = decode(&nobody, &bytes("6137 01 0000 02")).expect("one");
    assert_eq!(readings(&decoded), ["a7[0].voltage = 1"]);
    assert!(faults(&decoded)[0].starts_with("invalid_device_id [1].device"));
}

#[test]
fn a_frame_may_come_as_hex_and_must_be_one_of_the_profile() {
    let profile = profile(
        "encoding = 'auto'\nwhen = { at = 0, type = 'u8', mask = 0xf0, is = 0xf0 }\n\
         time = { at = 2, type = 'text', length = 2 }\n\
         value = [{ metric = 'voltage', at = 1, type = 'u8' }]\n",
    );
    for payload in [&b"\xf1\x07\xff\xff"[..], b"f107ffff", b" F107FFFF\r\n"] {
        let decoded = decode(&profile, payload).expect("a frame");
        assert_eq!(readings(&decoded), ["voltage = 7"], "{payload:?}");
        // What is no text is no clock either, but the reading is there.
        let time = &decoded.group(0).expect("its group").time;
        assert_eq!(*time, SentTime::Text("FFFF".into()));
    }
    let fault = decode(&profile, b"f107fff").expect_err("bytes, which begin with 66");
    assert_eq!(fault.reason.as_str(), "not_understood");
}
