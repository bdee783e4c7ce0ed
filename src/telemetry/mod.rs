//! What operators see of the process: counters of promise 2, metrics, logs, and what a service
//! manager is told.
mod accounting;
mod asks;
pub mod buckets;
mod latency;
mod marks;
mod metrics;
mod reloads;
mod supervisor;
mod tracing_setup;

pub use accounting::{Accounting, Counts};
pub use asks::{Ask, AskError, Asks, Changed, Force, Outcome};
pub use latency::{Distribution, Latency, Recent};
pub use marks::{MARKS_MAX, Marks, Passed};
pub use metrics::Metrics;
pub use reloads::{ConfigState, Loss, Part, Reloads, SnapshotState, cut};
pub use supervisor::Supervisor;
pub use tracing_setup::{TracingError, init};
