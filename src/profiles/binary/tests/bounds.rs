//! Payloads that are meant to hurt, against profiles that are not: bounded in time and memory.
use super::{LIMITS, bytes, decode, faults, profile, readings};
use crate::codecs::{FAULTS_MAX, Reason};
use std::time::{Duration, Instant};

/// Far more than any of these needs, far less than a loop over what a count says would take.
const SOON: Duration = Duration::from_secs(2);

const RECORDS: &str = "[[repeat]]\nat = 2\nsize = 4\ncount = { at = 0, type = 'u16' }\n\
                       value = [{ metric = 'voltage', at = 0, type = 'u32' }]\n";

#[test]
fn a_count_is_what_is_there() {
    let decoded = decode(&profile(RECORDS), &bytes("ffff 00000001 00000002")).expect("two");
    assert_eq!(readings(&decoded), ["[0].voltage = 1", "[1].voltage = 2"]);
    assert_eq!(
        faults(&decoded),
        [
            "truncated [2]: record 3 of 65535 needs 4 bytes at byte 10, has 0: the payload ends \
             before byte 10"
        ]
    );
    assert!(decoded.groups.len() <= 3);
    let large = RECORDS.replace("u16", "u64").replace("at = 2", "at = 8");
    let decoded = decode(&profile(&large), &[0xff; 12]).expect("one");
    assert_eq!(decoded.samples.len(), 1);
    assert_eq!(decoded.faults.len(), 1);
    let none = decode(&profile(RECORDS), &bytes("0000 00000001")).expect_err("nothing");
    assert_eq!(none.reason, Reason::NoReadings);
}

#[test]
fn more_records_or_items_than_readings_are_refused() {
    let all = RECORDS.replace("count = { at = 0, type = 'u16' }", "count = 'rest'");
    let fits = decode(&profile(&all), &vec![0; 2 + 4 * LIMITS.readings_max]).expect("all");
    assert_eq!(fits.samples.len(), LIMITS.readings_max);
    let fault =
        decode(&profile(&all), &vec![0; 6 + 4 * LIMITS.readings_max]).expect_err("too many");
    assert_eq!(fault.reason, Reason::TooManyReadings);
    // Items without values are items.
    let items = profile(
        "[items]\nkey = 1\n[[item]]\nkey = '00'\nsize = 0\n[[value]]\nmetric = 'csq'\nat = 0\ntype = 'u8'",
    );
    let fits = decode(&items, &vec![0; LIMITS.readings_max]).expect("all of no bytes");
    assert_eq!(readings(&fits), ["csq = 0"]);
    let begun = Instant::now();
    let fault = decode(&items, &vec![0; 1 << 20]).expect_err("too many");
    assert_eq!(fault.reason, Reason::TooManyReadings);
    assert!(begun.elapsed() < SOON);
}

#[test]
fn items_of_no_length_make_progress() {
    let tlv = profile(
        "[items]\nkey = 1\nlength = 'u16'\n[[item]]\nkey = '01'\n\
         value = [{ metric = 'csq', type = 'u8', optional = true }]\n\
         [[value]]\nmetric = 'csq'\nat = 0\ntype = 'u8'\n",
    );
    let decoded = decode(&tlv, &[0; 30]).expect("ten items without data");
    assert!(decoded.faults.is_empty());
    let decoded = decode(&tlv, &bytes("010000 010000 010001 05")).expect("the last has data");
    assert_eq!(readings(&decoded), ["csq = 1", "csq = 5"]);
    let decoded = decode(&tlv, &bytes("01ffff")).expect("csq");
    assert_eq!(
        faults(&decoded),
        [
            "truncated item 1: key 01 needs 65535 bytes at byte 3, has 0: the payload ends before \
             byte 3"
        ]
    );
}

#[test]
fn what_a_profile_looks_at_is_bounded() {
    // 511 values in each record, none of which is there.
    let value =
        "{ metric = 'voltage', at = 0, type = 'u8', when = { at = 0, type = 'u8', is = 1 } }";
    let values = vec![value; 511].join(",");
    let profile = profile(&format!("[[repeat]]\nat = 0\nsize = 1\nvalue = [{values}]"));
    let begun = Instant::now();
    let fault = decode(&profile, &[0; 1_000]).expect_err("511,000 values to look at");
    assert_eq!(fault.reason, Reason::TooManyReadings);
    assert!(begun.elapsed() < SOON);
}

#[test]
fn bad_parts_are_bounded_and_counted() {
    let bcd = "[[repeat]]\nat = 0\nsize = 1\nvalue = [{ metric = 'voltage', at = 0, type = 'bcd', \
               length = 1 }]";
    let decoded = decode(&profile(bcd), &[0xee; 900]).expect("bad parts");
    assert_eq!(decoded.faults.list().len(), FAULTS_MAX);
    assert_eq!(decoded.faults.len(), 900);
    assert_eq!(
        faults(&decoded)[1],
        "malformed [1].voltage: byte 1 is 0xEE: nibble E is no decimal digit"
    );
    let two = bcd.replace(
        "value = [",
        "value = [{ metric = 'current', at = 0, type = 'bcd', length = 1 }, ",
    );
    let fault = decode(&profile(&two), &[0xee; 900]).expect_err("1800 bad parts");
    assert_eq!(fault.reason, Reason::TooManyReadings);
}

#[test]
fn absent_patterns_of_bcd_are_absent() {
    let profile = profile(
        "[[value]]\nmetric = 'voltage'\nat = 0\ntype = 'bcd'\nlength = 2\nendian = 'little'\n\
         scale = 0.1\nabsent = 'FFFF'\n[[value]]\nmetric = 'current'\nat = 2\ntype = 'bcd'\n\
         length = 3\nendian = 'little'\nsign = 'magnitude'\nscale = 0.001\nskip = 'FFFFFF'\n",
    );
    let decoded = decode(&profile, &bytes("5622 995980")).expect("readings");
    // DL/T 645: the top bit of the most significant byte is the sign.
    assert_eq!(readings(&decoded), ["voltage = 225.6", "current = -5.999"]);
    let decoded = decode(&profile, &bytes("ffff ffffff")).expect("absent");
    assert_eq!(readings(&decoded), ["voltage = Null"]);
    let decoded = decode(&profile, &bytes("ff2f 995900")).expect("one of two");
    assert_eq!(readings(&decoded), ["current = 5.999"]);
    assert_eq!(
        faults(&decoded),
        ["malformed voltage: byte 1 is 0x2F: nibble F is no decimal digit"]
    );
}

#[test]
fn counters_beyond_doubles_keep_their_digits() {
    let profile = profile(
        "[[value]]\nmetric = 'active_energy_import'\nat = 0\ntype = 'u64'\n\
         [[value]]\nmetric = 'active_energy_export'\nat = 0\ntype = 'u64'\nscale = 0.001\n",
    );
    let decoded = decode(&profile, &u64::MAX.to_be_bytes()).expect("readings");
    let raw = |at: usize| {
        let origin = decoded.samples[at].origin.as_ref().expect("kept");
        (origin.text.to_string(), origin.unit.to_string())
    };
    let digits = "18446744073709551615".to_owned();
    assert_eq!(raw(0), (digits.clone(), "kW.h".to_owned()));
    assert_eq!(raw(1), (digits, "10*-3.kW.h".to_owned()));
    // The nearest double, which its 17th digit does not reach.
    let scaled = &decoded.samples[1].value;
    assert_eq!(*scaled, super::number(18_446_744_073_709_551.615));
    let decoded = decode(&profile, &(1u64 << 53).to_be_bytes()).expect("readings");
    assert_eq!(decoded.samples[0].origin, None);
}
