//! Who may see what, against the real gateway with a tokens file and devices over MQTT.
//!
//! `matrix` and `routes` ask every RPC and every route with a token for each of many grants, compare what
//! arrives with what an oracle of their own says, and look for everything else byte by byte. `ends`: what is
//! open ends with its token. `exports`: what the audit log says of it. `carried`: what one device says of
//! another. `listed`: the inventory. `login`: browsers. `python`: another language's client.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by failing"
)]
mod carried;
mod city;
mod ends;
mod exports;
mod filters;
mod http;
mod listed;
mod login;
mod matrix;
mod mqtt;
mod oracle;
mod python;
mod routes;
#[path = "../support/mod.rs"]
mod support;
