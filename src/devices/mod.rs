//! The device registry: what is seen of each device, and what is wrong with it.
//!
//! ```text
//!  log -----\   the registry's thread                     callers' threads
//!  rejects --+-> apply, record by record --> Table <-- list, get, changed: owned answers
//!  copies --/    tick, once a second ---------^ |
//!                                               `--> rows, and the places in both logs -> fjall
//! ```
//! - **A reader of both logs**, in the order of appending, so that reading them again gives the same.
//!   A record that was applied before changes nothing: each device knows its last sequences.
//! - **The table is pure** (`table`): records, sightings and time go in. All rules are tested there,
//!   with the clock in hand.
//! - **The inventory's devices have numbers too** (`enrol`): one that was never heard costs 80 bytes, and lists, counts
//!   and grants need not know of it. A new snapshot is brought in by the thread, in steps.
//! - **A million devices** in some 550 bytes each: columns of a few bytes for what lists and time
//!   look at, an entry for the rest, texts that devices share as numbers. A list is a look at all
//!   marks, a search one at all ids; both take milliseconds, and no index has to be kept.
//! - **Whoever asks never waits for a disk**: the thread holds the lock for one frame, for some
//!   hundred rows of a save, or for ten thousand changes by time.
//! - **Silence counts while somebody listens**: from the last sign of life or the gateway's start,
//!   whichever is later. So no restart makes a city late.
//! - Rejected: an ordered index per filter (memory, and each report would move entries), a timer per
//!   device (the column of due seconds is 4 MB for a million), a table per device in fjall alone
//!   (a read per report).
mod apply;
mod changes;
mod config;
mod dirty;
mod disk;
mod enrol;
mod entry;
mod family;
mod follow;
mod health;
mod ids;
mod list;
mod names;
mod progress;
mod query;
mod registry;
mod renew;
mod rhythm;
mod roll;
mod row;
mod rows;
mod seen;
mod show;
mod sight;
mod states;
mod strangers;
mod table;
#[cfg(test)]
mod tests;
mod view;

pub use config::Config;
pub use query::{Concern, Counts, Page, Query, Stranger};
pub use registry::{Error, Parts, Registry, Stats};
pub use seen::Seen;
pub use view::{Code, Device, LastValue, Level, Listing, Reason, State, Trace, TraceKind};
