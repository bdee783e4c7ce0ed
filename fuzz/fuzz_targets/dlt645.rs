#![no_main]
//! Whatever bytes come as frames of this protocol: no panic, nothing held beyond a factor of the payload, every byte traced.
#[path = "../shared/frames.rs"]
mod frames;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| frames::run("dlt645", bytes, frames::dlt645));
