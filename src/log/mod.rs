//! The log: the first durable place of every reading, and the only buffer.
//!
//! API outline (the implementation follows in this folder).
pub mod record;
