//! Meters behind concentrators: frames of DL/T 645, DL/T 698.45 and CJ/T 188, from the socket to the reading.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by failing"
)]
mod scenario;
#[path = "../support/mod.rs"]
mod support;
