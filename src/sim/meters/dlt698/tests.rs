//! Frames of public sources, byte for byte, and the shapes of the others.
#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;
use crate::sim::meters::uplink::hex;
use jiff::civil::date;

/// dlt698-1 and -3 of the vectors (unattributed public code; HCS and FCS recomputed there).
#[test]
fn voltages_are_those_of_public_sources() {
    let volts = [2_241, 0, 0].map(Data::U16);
    let mut out = Vec::new();
    Normal {
        link: Link::of(12_503_200_001),
        piid: 0,
        oad: 0x2000_0200,
        answer: Ok(Data::Array(volts.into())),
    }
    .encode(&mut out);
    assert_eq!(
        hex(&out),
        "682400c305010020032501000e29850100200002000101031208c11200001200000000f2ec16"
    );
    out.clear();
    Request {
        link: Link::of(0),
        piid: 0,
        oad: 0x2000_0200,
    }
    .encode(&mut out);
    assert_eq!(
        hex(&out),
        "68170043050000000000000072790501002000020000e5be16"
    );
}

/// The check value that catalogues of CRCs give for X-25.
#[test]
fn the_check_sequence_is_that_of_x25() {
    assert_eq!(crc(b"123456789"), 0x906e);
}

#[test]
fn lists_and_records_lie_as_the_standard_says() {
    let list = List {
        link: Link::of(1),
        report: true,
        piid: 5,
        answers: vec![(0x2001_0200, Ok(Data::I32(-2))), (0x200f_0200, Err(4))],
    };
    let mut out = Vec::new();
    list.encode(&mut out);
    assert!(
        hex(&out).contains(
            "8801050220010200 0105fffffffe 200f0200 0004 0000"
                .replace(' ', "")
                .as_str()
        )
    );
    assert_eq!(out.get(3), Some(&0x83));

    let at = date(2026, 3, 1).at(0, 0, 0, 0);
    let record = Record {
        link: Link::of(1),
        report: false,
        piid: 1,
        oad: 0x5004_0200,
        columns: vec![
            Column::Oad(0x2021_0200),
            Column::Road(0x0010_0200, vec![0x0010_0201]),
        ],
        rows: vec![vec![Data::Time(at), Data::U32(12_345)]],
    };
    out.clear();
    record.encode(&mut out);
    let apdu = "850301 50040200 02 00 20210200 01 00100200 01 00100201 01 01 1c07ea0301000000 0600003039 0000";
    assert!(hex(&out).contains(&apdu.replace(' ', "")), "{}", hex(&out));
}
