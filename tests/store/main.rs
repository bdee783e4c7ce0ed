//! Delivery to real stores: `VictoriaMetrics` by `InfluxDB`'s v2 API, `InfluxDB` 1.6 by v1.
//!
//! ```text
//! load --MQTT--> citygate --> fault proxy --> store --its own query--> compare with what the contract makes of the load
//! ```
//!
//! After every story all that was sent is read back, value by value, exactly once, and both identities of promise 2 hold
//! at every look on the way.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by failing"
)]
mod city;
mod delivery;
#[path = "../crash/disk.rs"]
#[allow(dead_code, reason = "of the power cut's means a part is used here")]
mod disk;
mod harness;
mod influx2;
mod load;
mod peers;
mod places;
mod power;
mod proxy;
mod readback;
#[path = "../support/mod.rs"]
mod support;
mod troubles;
mod truth;
