//! Whole uplinks: frames of many meters and protocols, with junk between, and damage to one of them.
use super::{Reading, assert_read, between, cjt188, dlt645, dlt698, one_of, read};
use crate::codecs::Dialect;
use crate::sim::Rng;
use crate::sim::meters::cjt188::Layout;
use crate::sim::meters::uplink::{Wrap, hex};
use proptest::prelude::*;

/// A frame or several of one meter of whichever protocol, in the standard's order.
fn any(rng: &mut Rng) -> (Vec<u8>, Vec<Reading>) {
    loop {
        match rng.below(3) {
            0 => return dlt645::reply(rng),
            1 => return dlt698::reply(rng),
            _ => {
                let (frame, layout, readings) = cjt188::reply(rng);
                // One uplink has one dialect here: meters of another would need an inventory.
                let usual = Layout {
                    di_high_first: layout.di_high_first,
                    ..Layout::default()
                };
                if layout == usual {
                    return (frame, readings);
                }
            }
        }
    }
}

/// Bytes that no frame begins with, and none ends with: a line's noise, a radio's header.
fn junk(rng: &mut Rng) -> Vec<u8> {
    let len = rng.below(20);
    let byte = |rng: &mut Rng| u8::try_from(rng.below(0x60)).unwrap();
    let mut junk: Vec<u8> = (0..len).map(|_| byte(rng)).collect();
    while junk.last() == Some(&0x16) {
        junk.pop();
    }
    junk
}

/// Frames of one protocol are read at once, and the protocol of the first goes first.
fn by_protocol(readings: &mut [Reading]) {
    let protocol = |reading: &Reading| reading.device.split(':').next().map(str::to_owned);
    let order: Vec<_> = readings.iter().map(protocol).collect();
    readings.sort_by_key(|reading| order.iter().position(|of| *of == protocol(reading)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn all_meters_of_an_uplink_are_read_whatever_lies_between(seed: u64) {
        let rng = &mut Rng::new(seed);
        let (mut payload, mut readings) = (junk(rng), Vec::new());
        for _ in 0..between(rng, 1, 12) {
            let (frames, said) = any(rng);
            payload.extend(frames);
            payload.extend(junk(rng));
            readings.extend(said);
        }
        by_protocol(&mut readings);
        assert_read("meters", Dialect::default(), &payload, &readings);
        let wrap = one_of(rng, &[Wrap::Plain, Wrap::Hex].each_ref());
        assert_read("meters", Dialect::default(), &wrap.payload(&payload), &readings);
    }

    #[test]
    fn a_bit_that_flips_costs_its_own_frame_and_no_other(seed: u64) {
        let rng = &mut Rng::new(seed);
        let (before, first) = any(rng);
        let (mut broken, lost) = any(rng);
        let (after, last) = any(rng);
        let preamble = broken.iter().take_while(|byte| **byte == 0xfe).count();
        let most = i64::try_from(broken.len() - 1).unwrap();
        let at = between(rng, i64::try_from(preamble).unwrap(), most);
        let at = usize::try_from(at).unwrap();
        let byte = broken.get_mut(at).unwrap();
        // A preamble may be what it likes: that of a second frame.
        let is_told = *byte != 0xfe;
        *byte ^= 1 << rng.below(8);
        let payload = [before, broken, after].concat();
        let (readings, faults, _) = read("meters", Dialect::default(), &payload);
        prop_assert!(!is_told || !faults.is_empty(), "{}", hex(&payload));
        for reading in first.iter().chain(&last) {
            prop_assert!(readings.contains(reading), "{reading:?}\n{}", hex(&payload));
        }
        // Of an answer in several frames the others may stay; nothing else is made up.
        let known = |reading: &&Reading| !(first.contains(reading) || last.contains(reading) || lost.contains(reading));
        prop_assert_eq!(readings.iter().find(known), None, "{}", hex(&payload));
    }

    #[test]
    fn an_uplink_that_is_cut_keeps_its_whole_frames(seed: u64) {
        let rng = &mut Rng::new(seed);
        let (first, said) = any(rng);
        let (second, lost) = any(rng);
        let kept = usize::try_from(between(rng, 0, i64::try_from(second.len() - 1).unwrap())).unwrap();
        let payload = [first.as_slice(), second.get(..kept).unwrap()].concat();
        let (readings, _, _) = read("meters", Dialect::default(), &payload);
        for reading in &said {
            prop_assert!(readings.contains(reading), "{reading:?}\n{}", hex(&payload));
        }
        let made_up = readings.iter().find(|reading| !said.contains(reading) && !lost.contains(reading));
        prop_assert_eq!(made_up, None, "{}", hex(&payload));
    }
}
