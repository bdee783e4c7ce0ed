//! Frames of public sources, byte for byte.
#![allow(clippy::unwrap_used, reason = "tests")]
use super::*;
use crate::sim::meters::uplink::hex;
use jiff::civil::date;

/// Unattributed public code, as in the project's vectors (cjt188-033).
#[test]
fn a_heat_meter_answers_as_in_public_sources() {
    let heat = Heat {
        link: Link::of(0x20, 11_110_017_312_151),
        ser: 0x12,
        settlement: Quantity::of(0, unit::KWH),
        current: Quantity::of(0, unit::KWH),
        power: Quantity::of(0, unit::W),
        flow: Quantity::of(0, unit::M3_H),
        volume: Quantity::of(19, unit::M3),
        supply: Some(3_076),
        returned: Some(3_068),
        hours: Some(273),
        clock: Clock::Set(date(2007, 9, 12).at(11, 41, 32, 0)),
        status: [status::BATTERY_LOW, 0],
    };
    let mut out = Vec::new();
    heat.encode(&mut out);
    assert_eq!(
        hex(&out),
        "682051213117001111812e1f90120000000005000000000500000000140000000035190000002c7630006830\
         00730200324111120907200400e916"
    );
}

/// cjt188-003 (hupengwu/fox-edge-server-protocol), -022 and -027 of the vectors: both orders of the
/// identifier, absent fields, a clock that begins with the year.
#[test]
fn water_meters_answer_as_in_public_sources() {
    let high = Layout {
        di_high_first: true,
        ..Layout::default()
    };
    let volume = |address, layout| Volume {
        link: Link {
            layout,
            ..Link::of(0x10, address)
        },
        ser: 0,
        current: Quantity::of(55_667_700, unit::M3),
        settlement: Quantity::of(55_667_700, unit::M3),
        clock: Clock::Set(date(2015, 5, 11).at(22, 1, 31, 0)),
        status: [0x21, 0x84],
    };
    let mut usual = volume(78_330_011_223_344, high);
    let mut out = Vec::new();
    usual.encode(&mut out);
    let wanted = "6810443322110033788116901f00007766552c007766552c3101221105152021841316";
    assert_eq!(hex(&out), wanted);
    usual.link.layout = Layout::default();
    out.clear();
    usual.encode(&mut out);
    assert_eq!(hex(&out), wanted.replace("901f", "1f90"));

    let mut absent = volume(78_331_505_104_145, high);
    absent.link.preamble = 2;
    (absent.ser, absent.status) = (170, [0, 0]);
    absent.current = Quantity::of(595_900, unit::M3);
    absent.settlement.digits = None;
    absent.clock = Clock::Absent;
    out.clear();
    absent.encode(&mut out);
    assert_eq!(
        hex(&out),
        "fefe6810454110051533788116901faa005959002cffffffff2cffffffffffffff0000c216"
    );

    let mut reversed = volume(51_327_643, high);
    reversed.link.layout.year_first = true;
    (reversed.link.preamble, reversed.status) = (4, [0, 0]);
    reversed.current = Quantity::of(17_047, unit::L);
    reversed.settlement = Quantity::of(14_851, unit::L);
    reversed.clock = Clock::Set(date(2020, 5, 28).at(20, 58, 24, 0));
    out.clear();
    reversed.encode(&mut out);
    assert_eq!(
        hex(&out),
        "fefefefe6810437632510000008116901f0047700100295148010029202005282058240000a716"
    );
}

#[test]
fn other_frames_are_those_of_public_sources() {
    let high = |kind, address| Link {
        layout: Layout {
            di_high_first: true,
            ..Layout::default()
        },
        ..Link::of(kind, address)
    };
    let mut out = Vec::new();
    let settlement = Settlement {
        link: high(0x30, 77_665_544_332_211),
        ser: 1,
        back: 9,
        quantity: Quantity::of(43_332_313, unit::M3),
    };
    settlement.encode(&mut out);
    assert_eq!(hex(&out), "6830112233445566778108d12801132333432ccf16");
    out.clear();
    Address {
        link: high(0x10, 12),
        ser: 0,
    }
    .encode(&mut out);
    assert_eq!(hex(&out), "6810120000000000008303810a009b16");
    out.clear();
    Other::read(Link::of(0x20, 312_718_241_912), 0x12).encode(&mut out);
    assert_eq!(hex(&out), "68201219241827310001031f90120c16");
    out.clear();
    // The sum is ours: the source prints a wrong one.
    Refusal {
        link: Link::of(0x10, 77_665_544_332_211),
        control: 0xc1,
        ser: 1,
        status: [0x11, 0x22],
    }
    .encode(&mut out);
    assert_eq!(hex(&out), "681011223344556677c1030111224c16");
}
