//! What operators see of the process: counters of promise 2, metrics, logs.
mod accounting;

pub use accounting::{Accounting, Counts};
