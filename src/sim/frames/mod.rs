//! Meters of the city that answer in frames, alone or behind a concentrator that passes them on.
//!
//! ```text
//!  Device: load curve, registers --Look--> Meter --frames--\
//!                                          Meter --frames---+--> Line: as they are, or damaged --> payload
//! ```
//! The consumption is that of the other devices ([`Device`]); only how it is written differs. Clocks run
//! on the city's time, UTC+8.
mod collector;
mod electricity;
mod line;
mod meter;

pub use collector::CHILDREN;
pub(super) use collector::{Collector, PROFILE};
pub(super) use meter::{Meter, Model};

use super::device::{Device, Look, Sent};
use line::Line;

/// The nearest whole number of steps: 1.26 kW.h in hundredths is 126.
#[expect(
    clippy::cast_possible_truncation,
    reason = "registers have at most 10 digits"
)]
fn steps(value: f64, per_unit: f64) -> i64 {
    (value * per_unit).round() as i64
}
