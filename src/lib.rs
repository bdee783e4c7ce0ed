//! citygate: a city's gateway for meter and sensor readings.
//!
//! ```text
//!  MQTT, CoAP -------> sources --> intake: uplink -> Report | Reject --> log: group commit, fdatasync
//!                                                                          |         `-> acknowledgement
//!                                                                          v
//!                     readers, each with a cursor: history . device registry . gRPC subscribers
//!                                                                          v
//!                                                        Query . HTTP . metrics
//! ```
//! A source decodes on its own task, appends, and answers when the durable watermark has passed. The
//! log is the only buffer: a reader that is slow or away slows nobody, and goes on where it was.
//!
//! Modules may use those below them in this list, never those beside or above (`tests/house.rs`):
//! `cli`, `app`, `config`, `sim`, `api`, `sources`, `store`, `devices`, `history`, `intake`, `profiles`, `codecs`,
//! `inventory` and `access`, `catalogue`, `tls`, `log` and `state`, `telemetry`, `model`.
pub mod access;
pub mod api;
pub mod app;
pub mod catalogue;
pub mod cli;
pub mod codecs;
pub mod config;
pub mod devices;
pub mod history;
pub mod intake;
pub mod inventory;
pub mod log;
pub mod model;
pub mod profiles;
pub mod sim;
pub mod sources;
pub mod state;
pub mod store;
pub mod telemetry;
pub mod tls;
