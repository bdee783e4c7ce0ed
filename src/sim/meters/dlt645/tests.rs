//! Frames of public sources, byte for byte.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::*;
use crate::sim::meters::Phase;
use crate::sim::meters::uplink::hex;
use jiff::civil::date;

fn reply(address: u64, item: Item) -> String {
    let mut out = Vec::new();
    Reply::of(Link::of(address), item).encode(&mut out);
    hex(&out)
}

/// hwhale.com/article/138066 and unattributed public code, as in the project's vectors.
#[test]
fn replies_are_those_of_public_sources() {
    let import = |number| Item::energy(Energy::Import, None, (0, 0), Some(number));
    let phase_a = |what, number| Item::measured(what, Some(Phase::A), Some(number));
    let total = |what, number| Item::measured(what, None, Some(number));
    let cases = [
        (161, import(26), "6861010000000068910833333433593333338a16"),
        (
            123_456_789_012,
            import(12_345_678),
            "6812907856341268910833333433ab896745cc16",
        ),
        (
            161,
            phase_a(Measured::Voltage, 1_001),
            "686101000000006891063334343534431016",
        ),
        (
            161,
            phase_a(Measured::Current, 4_999),
            "68610100000000689107333435 35cc7c331616",
        ),
        (
            161,
            total(Measured::ActivePower, 2_512),
            "68610100000000689107333336354558336b16",
        ),
        (
            161,
            total(Measured::ReactivePower, 4_331),
            "6861010000000068910733333735647633a916",
        ),
        // Negative, made by hand for the vectors after the rule of the sign bit.
        (
            161,
            total(Measured::PowerFactor, -501),
            "686101000000006891063333393534b88916",
        ),
        (
            161,
            Item::frequency(Some(4_998)),
            "686101000000006891063533b335cb7c6016",
        ),
        (
            201_000_000_012,
            Item::measured_all(Measured::Voltage, &[Some(2_256), None, None]),
            "6812000000102068910a333234358955323232322116",
        ),
        (
            3_104_477,
            Item::energies(Energy::Import, 0, &[179, 25, 62, 66, 25].map(Some)),
            "6877441003000068911833323433ac343333583333339533333399333333583333339b16",
        ),
        (
            6_605_518,
            Item::time(date(2020, 1, 1).at(18, 53, 32, 0)),
            "681855600600006891073534333765864b4416",
        ),
    ];
    for (address, item, frame) in cases {
        assert_eq!(reply(address, item), frame.replace(' ', ""));
    }
}

#[test]
fn answers_without_values_are_those_of_public_sources() {
    let mut out = Vec::new();
    Refusal {
        link: Link::of(123_456_789_012),
        function: function::READ,
        word: 2,
    }
    .encode(&mut out);
    assert_eq!(hex(&out), "6812907856341268d101358d16");
    out.clear();
    let link = Link {
        address: 111_111_111_111,
        preamble: 4,
    };
    Address { link }.encode(&mut out);
    assert_eq!(hex(&out), "fefefefe681111111111116893064444444444446716");
    out.clear();
    Other::read(Link::of(Link::ANY), 0x0001_0000).encode(&mut out);
    assert_eq!(hex(&out), "68aaaaaaaaaaaa68110433333433ae16");
}

#[test]
fn a_long_block_is_cut_between_its_values() {
    let numbers: Vec<Option<i64>> = (0..64).map(Some).collect();
    let item = Item::energies(Energy::Import, 0, &numbers);
    let frames = Reply::of(Link::of(7), item).frames();
    let heads: Vec<(u8, u8)> = frames.iter().map(|frame| (frame[8], frame[9])).collect();
    // 48 values and 16: 195 bytes hold 48 whole ones.
    assert_eq!(heads, [(0xb1, 196), (0x92, 4 + 64 + 1)]);
    let last = &frames[1];
    assert_eq!(
        last[last.len() - 3].wrapping_sub(OFFSET),
        1,
        "the sequence number"
    );
}

#[test]
fn dates_and_demands_lie_as_the_tables_say() {
    // 2023-03-05 was a Sunday.
    let at = date(2023, 3, 5).at(6, 7, 8, 0);
    assert_eq!(hex(&Item::date(at).values), "00050323");
    let demand = Demand {
        peak: Some(12_345),
        at: Some(at),
    };
    let item = Item::demand(Energy::Import, (0, 1), demand);
    assert_eq!(
        (item.di, hex(&item.values)),
        (0x0101_0001, "4523010706050323".to_owned())
    );
    let none = Demand {
        peak: None,
        at: None,
    };
    assert_eq!(Item::demands(Energy::Export, 0, &[none]).values, [0xff; 8]);
    let frozen = Item::frozen(FrozenAt::Daily, Energy::Import, 1, &[Some(1)]);
    assert_eq!(
        (frozen.di, hex(&frozen.values)),
        (0x0506_0101, "01000000".to_owned())
    );
    assert_eq!(
        Item::energy(Energy::Export, Some(Phase::B), (0, 0), None).di,
        0x002a_0000
    );
}
