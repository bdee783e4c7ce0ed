//! What happened to one device, newest first: for its page and `/v1/devices/{id}/timeline`.
//!
//! ```text
//!  registry's traces --(log)--> uplinks, events, state changes --\
//!  history, window by window back --(log)--> older uplinks        +-- merged by time --> page
//!  rejects' log, walked back --------------> rejects ------------/
//! ```
//! What the registry still remembers is read from the log: the uplink's bytes, address and topic lie
//! there beside the report. Older uplinks come from history by observation time, with the bytes if
//! retention has left them. The work for one page is bounded; a page may be short, even empty, and
//! still have a place to go on from. Events and state changes beyond the registry's memory are not
//! searched for: a device's events are a needle in a log of a billion readings.
mod archive;
mod cut;
mod decode;
mod merge;
mod past;
mod recent;
mod together;

pub use archive::Arrived;
pub use decode::{Decoded, Which, entry};
pub use merge::page;
pub use together::{Together, Uplinks};

use super::rejects;
use crate::access::Grant;
use crate::devices::{Device, State};
use crate::history::QueryError;
use crate::log::ReadError;
use crate::model::{Reject, Timestamp, proto};
use std::sync::Arc;

/// Entries on a page.
pub const PAGE_DEFAULT: usize = 50;
/// See [`PAGE_DEFAULT`].
pub const PAGE_MAX: usize = 200;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When: reception; of older uplinks, which history gives, observation.
    pub at: Timestamp,
    /// In the log of reports and events, or in that of rejects; 0: in none.
    pub sequence: u64,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// It reported.
    Uplink(Box<Uplink>),
    /// Something of it was refused; and the report that this has become since, 0: one that was there already.
    Reject(Box<Reject>, Option<u64>),
    /// An event, and the uplink that brought it, if one did.
    Event(Box<proto::Event>, Option<Arrived>),
    /// Its state changed.
    State(State, State),
}

/// A report, and how its uplink arrived.
#[derive(Clone, Debug, PartialEq)]
pub struct Uplink {
    /// What was read out of it; of older uplinks the readings of one observation time.
    pub report: proto::Report,
    /// `None`: the log has it no more, or nothing was kept.
    pub arrived: Option<Arrived>,
    /// Why there is no [`Uplink::arrived`], in English.
    pub note: &'static str,
}

/// What to show.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Id or alias of a device, or the name of a stranger.
    pub name: String,
    /// Not before this.
    pub from: Option<Timestamp>,
    /// Before this.
    pub to: Option<Timestamp>,
    /// Most entries.
    pub limit: usize,
    /// Where an earlier page ended.
    pub place: Option<Place>,
    /// What of it may be seen.
    pub grant: Arc<Grant>,
}

/// Where a page ends, in the two orders that are merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Nothing later is left but rejects.
    pub at: Timestamp,
    /// Entries of that time that have been shown, rejects apart.
    pub skip: u32,
    /// Rejects from this sequence on have been shown.
    pub rejects: u64,
}

/// One page.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// `None`: the registry does not know it, so only rejects can be there.
    pub device: Option<Box<Device>>,
    /// Newest first.
    pub entries: Vec<Entry>,
    /// `None`: that was all.
    pub next: Option<Place>,
}

/// Why there is no page or entry.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody of this name was heard, as far as can be seen.
    #[error("nothing was ever heard of {0:?}")]
    Unknown(String),
    /// The log has it no more, or it is another device's.
    #[error("{0}")]
    Gone(String),
    /// The log.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The rejects.
    #[error(transparent)]
    Rejects(#[from] rejects::Error),
    /// History.
    #[error(transparent)]
    History(#[from] QueryError),
}
