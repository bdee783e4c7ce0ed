//! The device registry: what is seen of each device, and what is wrong with it.
//!
//! ```text
//!  log -----\   the registry's thread                     callers' threads
//!  rejects --+-> apply, record by record --> Table <-- list, get, changed: owned answers
//!  copies --/    tick, once a second ---------^
//! ```
//! - **A reader of both logs**, in the order of appending, so that reading them again gives the same.
//! - **The table is pure** (`table`): records, sightings and time go in. All rules are tested there,
//!   with the clock in hand.
//! - **A million devices** in less than 1 kB each: columns of a few bytes for what lists and time
//!   look at, an entry for the rest, texts that devices share as numbers.
mod apply;
mod changes;
mod config;
mod disk;
mod entry;
mod follow;
mod health;
mod ids;
mod list;
mod names;
mod progress;
mod query;
mod registry;
mod rhythm;
mod row;
mod show;
mod states;
mod strangers;
mod table;
#[cfg(test)]
mod tests;
mod view;

pub use config::Config;
pub use query::{Concern, Counts, Page, Query, Stranger};
pub use registry::{Error, Parts, Registry, Stats};
pub use view::{Code, Device, LastValue, Level, Reason, State, Trace, TraceKind};
