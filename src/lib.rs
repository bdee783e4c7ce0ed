//! citygate: a city's gateway for meter and sensor readings.
#![doc = include_str!("../README.md")]
pub mod model;
pub mod log;
pub mod telemetry;
pub mod catalogue;
pub mod intake;
