//! The device registry: what is seen of each device, and what is wrong with it. A reader of the logs.
mod query;
mod view;

pub use query::{Concern, Counts, Page, Query, Stranger};
pub use view::{Code, Device, LastValue, Level, Reason, State, Trace, TraceKind};
