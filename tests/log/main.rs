//! The log as a whole, on a real disk: what it promises to writers and readers, and to whoever cuts
//! the power, flips a bit or fills the disk.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "tests"
)]
mod damage;
mod model;
mod retention;
mod support;
