//! citygate: a city's gateway for meter and sensor readings.
#![doc = include_str!("../README.md")]
pub mod catalogue;
pub mod history;
pub mod intake;
pub mod log;
pub mod model;
pub mod state;
pub mod telemetry;
