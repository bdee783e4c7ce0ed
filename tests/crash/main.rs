//! The power cut: what was acknowledged is there after it, everything else is there or not, and nothing is there twice.
//!
//! ```text
//!  load (MQTT, CoAP)         --> citygate under shim  --> data_dir     (what the kernel shows)
//!  subscriber (gRPC, cursor) <--'                 `-----> shadow       (what was synced)
//!
//!  kill at a random operation, replace data_dir by the shadow, start again, go on
//! ```
//!
//! A SIGKILL alone proves little: the page cache survives it. So `shim/shim.c` keeps the second directory, and after each
//! kill the gateway finds only what it had synced. That the method sees a missing sync is itself a test.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by failing"
)]
mod campaign;
mod coap;
mod disk;
mod fjall;
mod gateway;
mod load;
mod log;
mod retry;
mod shim;
mod subscriber;
#[path = "../support/mod.rs"]
mod support;
