//! citygate: a city's gateway for meter and sensor readings.
#![doc = include_str!("../README.md")]
pub mod catalogue;
pub mod codecs;
pub mod intake;
pub mod inventory;
pub mod log;
pub mod model;
pub mod telemetry;
