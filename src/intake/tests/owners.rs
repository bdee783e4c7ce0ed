//! Addresses of meters that no inventory knows: one is the device's own, and stays it.
use super::meters::{energy, rejects, reports, rig};
use super::*;
use crate::inventory::Unknown;

const ONE: &str = "000000000111";
const TWO: &str = "000000000222";
const SECOND: (&str, &str, usize) = ("dlt645:000000000222", "dtu", 1);

fn send(rig: &mut Rig, addresses: &[&str], value: u32) -> Verdict {
    let frames: Vec<_> = addresses.iter().map(|of| energy(of, value)).collect();
    rig.frames("city/dtu/dlt645", &frames)
}

#[test]
fn the_first_address_alone_is_the_devices_and_no_other() {
    let mut rig = rig("id\nlone\n", Unknown::Accept);
    for (addresses, value) in [
        (vec![ONE], 1000),
        (vec![TWO], 5000),
        (vec![ONE, TWO], 5001),
        (vec![TWO], 5002),
    ] {
        assert_eq!(send(&mut rig, &addresses, value), Verdict::Accepted);
    }
    let own = ("dtu", "", 1);
    assert_eq!(reports(&rig.logged()), [own, SECOND, own, SECOND, SECOND]);
}

#[test]
fn of_several_at_once_none_is_the_devices_also_after_a_restart() {
    let mut rig = rig("id\nlone\n", Unknown::Accept);
    send(&mut rig, &[ONE, TWO], 1);
    send(&mut rig, &[TWO], 2);
    let mut rig = rig.restart();
    send(&mut rig, &[TWO], 3);
    let logged = rig.logged();
    let first = ("dlt645:000000000111", "dtu", 1);
    assert_eq!(reports(&logged), [first, SECOND, SECOND, SECOND]);
}

#[test]
fn another_address_is_refused_where_the_unknown_are() {
    let mut rig = rig("id\ndtu\n", Unknown::Reject);
    assert_eq!(send(&mut rig, &[ONE], 1), Verdict::Accepted);
    assert_eq!(send(&mut rig, &[TWO], 1), Verdict::RejectedPayload);
    assert_eq!(send(&mut rig, &[ONE, TWO], 2), Verdict::Accepted);
    let logged = rig.logged();
    assert_eq!(reports(&logged), [("dtu", "", 1); 2]);
    let part = [
        "unknown_device",
        "dlt645:000000000222",
        "dlt645:000000000222",
        "dtu",
    ];
    assert_eq!(rejects(&logged), [part, part]);
}

#[test]
fn an_uplink_that_gives_no_record_binds_nobody() {
    let mut rig = rig("id\nlone\n", Unknown::Accept);
    // A digit above 9 in a frame whose check sum holds.
    let mut bad = energy(ONE, 1);
    bad[14] = 0x3f;
    let end = bad.len() - 2;
    let sum = bad[..end]
        .iter()
        .fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    bad[end] = sum;
    let verdict = rig.frames("city/dtu/dlt645", &[bad]);
    assert_eq!(verdict, Verdict::RejectedPayload);
    send(&mut rig, &[TWO], 1);
    assert_eq!(reports(&rig.logged()), [("dtu", "", 1)]);
}
