//! What operators see of the process: counters of promise 2, metrics, logs.
mod accounting;
mod metrics;
mod tracing_setup;

pub use accounting::{Accounting, Counts};
pub use metrics::Metrics;
pub use tracing_setup::{TracingError, init};
