//! What operators see of the process: counters of promise 2, metrics, logs.
mod accounting;
pub mod buckets;
mod latency;
mod metrics;
mod tracing_setup;

pub use accounting::{Accounting, Counts};
pub use latency::{Distribution, Latency, Recent};
pub use metrics::Metrics;
pub use tracing_setup::{TracingError, init};
