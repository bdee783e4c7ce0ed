//! What a gateway that makes no mistake says of the fleet.
use crate::model::{Quality, Timestamp};
use std::collections::BTreeMap;

/// When a reading was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// The meter says so: its clock, or the time of a freeze.
    Meter(Timestamp),
    /// Nobody says so: when its uplink came.
    Reception,
}

/// A value in the catalogue's unit.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number.
    Number(f64),
    /// A flag.
    Flag(bool),
    /// A text, or one of the metric's words.
    Text(String),
    /// The meter says that it has none.
    Absent,
}

/// One value of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The meter's id in the inventory.
    pub device: String,
    /// Catalogue name.
    pub metric: &'static str,
    /// In the order of their names.
    pub labels: Vec<(&'static str, String)>,
    /// When.
    pub at: At,
    /// What.
    pub value: Value,
    /// Canonical.
    pub unit: &'static str,
    /// How far it can be trusted.
    pub quality: Quality,
    /// Digits as the meter has them, where the value is another number; else "".
    pub raw: String,
    /// Their unit.
    pub raw_unit: &'static str,
    /// The uplink that brings it, by its number.
    pub uplink: usize,
}

/// Something that happened to a meter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The meter.
    pub device: String,
    /// `register_rollover`, ..
    pub name: &'static str,
    /// `SEVERITY_INFO`, ..
    pub severity: &'static str,
    /// When.
    pub at: At,
    /// What must stand in its detail; other names may stand beside.
    pub detail: Vec<(&'static str, String)>,
    /// The uplink that brings it.
    pub uplink: usize,
}

/// A part of an uplink that is no reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Whose it is: a meter's id, the address that nobody knows, or the concentrator where no meter can be told.
    pub device: String,
    /// Code.
    pub reason: &'static str,
    /// Must stand in its part or its sentence: an address, an identifier.
    pub names: String,
    /// The uplink that has it.
    pub uplink: usize,
}

/// What becomes of whole uplinks (promise 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All.
    pub received: u64,
    /// Gave at least one report or event.
    pub logged: u64,
    /// Gave nothing but rejects.
    pub rejected: u64,
    /// Had been taken before.
    pub duplicate: u64,
}

/// All of it, in the order of the uplinks.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// The concentrator, which carries all of them.
    pub via: String,
    /// As they come: of two for one time both.
    pub readings: Vec<Reading>,
    /// As they come.
    pub events: Vec<Event>,
    /// As they come.
    pub rejects: Vec<Reject>,
    /// Of the uplinks.
    pub counts: Counts,
    /// When each device was heard, in order: it may speak once in several uplinks.
    pub heard: BTreeMap<String, Vec<Timestamp>>,
}

impl Truth {
    /// What history holds in the end: of two readings for one time the later one.
    pub fn history(&self) -> Vec<&Reading> {
        let mut last = BTreeMap::new();
        for reading in &self.readings {
            let at = match reading.at {
                At::Meter(at) => (at, 0),
                // Receptions are told apart by their uplinks.
                At::Reception => (Timestamp::EPOCH, reading.uplink),
            };
            let key = (&reading.device, reading.metric, &reading.labels, at);
            last.insert(key, reading);
        }
        last.into_values().collect()
    }
}
