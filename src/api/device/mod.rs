//! Devices as the contract has them, for gRPC and HTTP alike.
mod cursor;
mod message;
mod request;
mod sentence;

pub use cursor::{after, cursor};
pub use message::{counts, message};
pub use request::{List, PAGE_BYTES_MAX, PAGE_DEFAULT, PAGE_MAX, Watched, named, unknown};
pub use sentence::sentence;
