//! Devices that speak MQTT 3.1.1: connections, each with a window in flight.
mod client;
mod packet;
mod session;
mod supply;
mod window;
mod wire;

pub(super) use client::Connection;
pub use packet::PacketError;
pub use session::{Broken, ConnectionError, Session};
pub(super) use supply::{Supply, Template};
