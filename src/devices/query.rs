//! What may be asked of the registry, and the shape of its answers.
use super::view::{Device, Level, State};
use crate::model::Timestamp;
use std::net::SocketAddr;

/// Which devices. Empty lists and texts allow all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Ids or aliases.
    pub devices: Vec<Box<str>>,
    /// Kinds, by prefix of whole parts.
    pub kinds: Vec<Box<str>>,
    /// Districts, by prefix.
    pub districts: Vec<Box<str>>,
    /// Any of these.
    pub states: Vec<State>,
    /// Any of these.
    pub healths: Vec<Level>,
    /// Part of an id or alias; ASCII letters match in either case.
    pub search: Box<str>,
    /// Only those heard and not accepted.
    pub heard_not_accepted: bool,
    /// Only those that this device carries.
    pub parent: Box<str>,
    /// With last values; without, [`Device::values`] is empty.
    pub values: bool,
    /// Most devices of the page.
    pub limit: usize,
    /// Behind this place, of an earlier page.
    pub after: Option<u32>,
}

/// How many devices are in each state and health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All.
    pub total: u64,
    /// By [`State`], in the order of [`State::ALL`].
    pub states: [u64; State::ALL.len()],
    /// By [`Level`], in the order of [`Level::ALL`].
    pub healths: [u64; Level::ALL.len()],
    /// Heard and not accepted.
    pub heard_not_accepted: u64,
}

/// One page of a list.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    /// Those heard before the gateway's start in the order in which they were first heard, then the
    /// inventory's in its order, then those that came since.
    pub devices: Vec<Device>,
    /// For [`Query::after`]; `None`: the end.
    pub next: Option<u32>,
    /// Of all that devices, kinds, districts, search and parent cover.
    pub counts: Counts,
    /// Changes after this page have a greater version.
    pub version: u64,
}

/// A line of what needs somebody: a device, and the children that are silent with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Concern {
    /// The device, without values.
    pub device: Device,
    /// Devices behind it that are silent because it is: they have no line of their own.
    pub folded: u32,
}

/// Somebody who was heard and not accepted, by device name or, where no name could be read, address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stranger {
    /// As the topic or payload names it, possibly no valid id; "" if nothing does.
    pub name: Box<str>,
    /// Of the last refused uplink.
    pub address: Option<SocketAddr>,
    /// Of the last refused uplink, without access tokens.
    pub topic: Box<str>,
    /// Profile that the last refused uplink was read by, "" if it did not come to that.
    pub profile: Box<str>,
    /// First and last refused uplink within memory.
    pub first: Timestamp,
    /// See `first`.
    pub last: Timestamp,
    /// How many.
    pub rejects: u64,
    /// Reason code of the last one, such as `unknown_metric`.
    pub reason: Box<str>,
    /// Its sentence.
    pub sentence: Box<str>,
    /// Its sequence in the rejects' log.
    pub sequence: u64,
    /// Has anything of this name ever been accepted?
    pub known: bool,
    /// The device that the inventory means by this name.
    pub device: Option<Box<str>>,
}
