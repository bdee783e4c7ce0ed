//! Frames as meters send them: what a decoder must read, written from the standards alone.
//!
//! ```text
//!  dlt645::Reply, cjt188::Volume, dlt698::Report, ..  --encode(&mut out)-->  bytes  --uplink::wrap-->  payload
//! ```
//! Nothing here uses a decoder, so that the two can be held against each other. Fields are a meter's own
//! digits: `12345` for 123.45 kW.h, never a floating-point number. A frame is always a whole one: what
//! does not fit its field rolls over in a register, as it does in a meter, and stays at the field's end
//! in a measured value ([`Field`]). Damage is done to frames afterwards, by whoever wants it.
//!
//! Rejected: one struct for all meters with a switch of formats. The formats agree in too little, and a
//! field that one of them lacks would be left out in silence.
mod bcd;
pub mod cjt188;
pub mod dlt645;
pub mod dlt698;
#[cfg(test)]
mod round_trips;
pub mod uplink;
#[cfg(test)]
mod vectors;

pub use bcd::{Field, Past};

use jiff::civil::DateTime;

/// Wake-up byte that line drivers put before a frame.
const PREAMBLE: u8 = 0xfe;
/// Starts frames of all three protocols.
const START: u8 = 0x68;
/// Ends them.
const END: u8 = 0x16;

/// One of three phases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// L1.
    A,
    /// L2.
    B,
    /// L3.
    C,
}

impl Phase {
    /// In order.
    pub const ALL: [Self; 3] = [Self::A, Self::B, Self::C];
}

/// What stands in a meter's clock field: local wall time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// A time, to the second.
    Set(DateTime),
    /// All zero: nobody has set it.
    Unset,
    /// All FF: the meter has none.
    Absent,
}

/// The sum of bytes modulo 256, check of DL/T 645 and CJ/T 188.
fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// The byte of two decimal digits, of a number below 100.
fn two(number: i32) -> u8 {
    u8::try_from(number.rem_euclid(100) / 10 * 16 + number.rem_euclid(10)).unwrap_or(0)
}
