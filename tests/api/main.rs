//! The interfaces over real sockets, fed through the log: what subscribers and operators are promised.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by failing"
)]
#[path = "../support/mod.rs"]
mod binary;
mod contract;
mod devices;
mod gateway;
mod http;
mod loss;
mod openapi;
mod python;
mod query;
mod subscribe;
mod support;
mod timeline;
