//! What operators see of the process: counters of promise 2, metrics, logs, and what a service
//! manager is told.
mod accounting;
pub mod buckets;
mod latency;
mod marks;
mod metrics;
mod reloads;
mod supervisor;
mod tracing_setup;

pub use accounting::{Accounting, Counts};
pub use latency::{Distribution, Latency, Recent};
pub use marks::{MARKS_MAX, Marks, Passed};
pub use metrics::Metrics;
pub use reloads::{ConfigState, Reloads};
pub use supervisor::Supervisor;
pub use tracing_setup::{TracingError, init};
