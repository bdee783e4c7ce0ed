#![no_main]
//! Whatever bytes come as a concentrator's uplink, frames of all protocols in turn: as for each of them alone.
#[path = "../shared/frames.rs"]
mod frames;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    frames::run("meters", bytes, |piece, out| match piece.split_first() {
        Some((0, rest)) => frames::dlt645(rest, out),
        Some((1, rest)) => frames::cjt188(rest, out),
        Some((2, rest)) => frames::dlt698(rest, out),
        Some((_, rest)) => out.extend(rest),
        None => {}
    });
});
