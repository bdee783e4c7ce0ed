//! What the registry says of a device: owned values, made when somebody asks.
//!
//! State and health are two things and never merged: a device that is silent may be well, one that
//! speaks may be broken. *Heard, not accepted* is a third: it is heard, and what it says is refused.
use crate::inventory::Place;
use crate::model::{Quality, Source, Timestamp, Value};
use std::net::SocketAddr;
use std::time::Duration;

macro_rules! words {
    ($(#[doc = $doc:literal])+ $name:ident, $prefix:literal { $($(#[doc = $variant_doc:literal])+ $variant:ident = $number:literal, $word:literal;)+ }) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name { $($(#[doc = $variant_doc])+ $variant = $number,)+ }

        impl $name {
            /// Every one, in the order of the numbers.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The word in texts and query parameters: the name in proto without its prefix, in small letters.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The name in proto3 JSON.
            pub fn json_name(self) -> String {
                format!(concat!($prefix, "_{}"), self.word().to_ascii_uppercase())
            }

            /// From the protobuf number; `None` for 0 and unknown numbers.
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

words! {
    /// Is it heard? The numbers are those of `citygate.v1.DeviceState`.
    State, "DEVICE_STATE" {
        /// Nothing of it was ever accepted.
        Never = 1, "never";
        /// Heard within its interval.
        Online = 2, "online";
        /// As online, of a device that is out of reach between its reports.
        Sleeping = 3, "sleeping";
        /// Silent for more than 1.5 intervals.
        Late = 4, "late";
        /// Silent for several intervals, or its connection ended with a will.
        Offline = 5, "offline";
        /// Taken out of service by the inventory.
        Retired = 6, "retired";
    }
}

words! {
    /// Is it well? The numbers are those of `citygate.v1.HealthLevel`.
    Level, "HEALTH_LEVEL" {
        /// Nothing known against it.
        Ok = 1, "ok";
        /// Somebody should look.
        Attention = 2, "attention";
        /// Its values, or its life, are in doubt.
        Fault = 3, "fault";
    }
}

words! {
    /// Why a device is not well. The numbers are those of `citygate.v1.HealthCode`.
    Code, "HEALTH_CODE" {
        /// Battery level or voltage below the limit, three reports in a row, or its own flag.
        BatteryLow = 1, "battery_low";
        /// RSRP below -115 dBm or SINR below -5 dB for 24 h.
        SignalWeak = 2, "signal_weak";
        /// Its clock is off by more than 300 s (3,600 s where it sleeps), or implausible.
        ClockWrong = 3, "clock_wrong";
        /// One value 24 times or for 24 h, where values vary.
        Frozen = 4, "frozen";
        /// A value outside the plausible range (quality BAD).
        OutOfRange = 5, "out_of_range";
        /// A safety metric beyond its alarm limit, or saturated: gas, oxygen, fire, water.
        Alarm = 6, "alarm";
        /// Tamper, cover, magnet, reverse flow, valve or equipment fault, as the device says itself.
        Tamper = 7, "tamper";
        /// More than three uplinks refused in a row, or more than 5 % of the last hour's.
        DecodeFailure = 8, "decode_failure";
        /// Restarted more than three times in a day.
        Restarts = 9, "restarts";
        /// One time with two values.
        Conflict = 10, "conflict";
        /// A register shows less than before; until it gives a good value.
        RegisterRollback = 11, "register_rollback";
        /// A register has counted more than can have passed the meter; until it gives a good value.
        ConsumptionImplausible = 12, "consumption_implausible";
    }
}

/// One reason of a device's health.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// Which.
    pub code: Code,
    /// How much it matters.
    pub level: Level,
    /// Since when.
    pub since: Timestamp,
    /// The metric concerned, "" if none.
    pub metric: Box<str>,
    /// What was found, with its unit: "18 %", "-121 dBm"; "" if there is no value.
    pub value: String,
    /// The limit that it passed, with its unit: "20 %"; "" if there is none.
    pub limit: String,
}

/// The last value of one metric with one set of labels: that with the greatest observation time,
/// then sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct LastValue {
    /// Catalogue name.
    pub metric: Box<str>,
    /// Canonical unit.
    pub unit: Box<str>,
    /// In that unit.
    pub value: Value<'static>,
    /// How far it can be trusted.
    pub quality: Quality,
    /// The device's time, else the time of reception.
    pub observed_at: Timestamp,
    /// Of its report.
    pub sequence: u64,
    /// In the order of their names.
    pub labels: Vec<(Box<str>, Box<str>)>,
    /// Older than 1.5 intervals: not to be shown as current.
    pub stale: bool,
}

/// Something that happened to a device, as a place in one of the logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: TraceKind,
}

/// What a [`Trace`] leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceKind {
    /// A report of this sequence, in the log.
    Report(u64),
    /// An event of this sequence, in the log.
    Event(u64),
    /// A reject or reject part of this sequence, in the rejects' log.
    Reject(u64),
    /// Its state changed; the registry itself knows.
    State(State, State),
}

/// What the inventory says of a device, as far as people look for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// Where it is, WGS-84.
    pub place: Option<Place>,
    /// The same in words.
    pub whereabouts: Box<str>,
    /// Code in the city's information model.
    pub asset: Box<str>,
    /// Whose consumption it counts.
    pub metering_point: Box<str>,
    /// Its register's values are this much larger than it shows.
    pub multiplier: Option<f64>,
    /// Digits of its register, and how many of them are behind the point.
    pub digits: Option<(u8, u8)>,
    /// In service from here ..
    pub valid_from: Option<Timestamp>,
    /// .. to here, exclusive.
    pub valid_to: Option<Timestamp>,
    /// Name of its clock's zone, where that is not the site's.
    pub zone: Box<str>,
}

/// One device as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// The city's name for it.
    pub id: Box<str>,
    /// Dotted kind; `unknown` where neither inventory nor profile nor route says it.
    pub kind: Box<str>,
    /// GB/T 2260 code or name, "" if not known.
    pub district: Box<str>,
    /// Of its last report; of one that was never heard, the inventory's.
    pub profile: Box<str>,
    /// Version of that profile now, "" if it needs no file.
    pub profile_version: Box<str>,
    /// Other names that lead to it.
    pub aliases: Vec<Box<str>>,
    /// Of the aliases, those under which it was heard before the inventory knew them: ids of their own,
    /// with a history of their own.
    pub heard_as: Vec<Box<str>>,
    /// The device that the inventory means by this id, where that is another one.
    pub known_as: Option<Box<str>>,
    /// What the inventory says of it; `None`: nothing.
    pub listing: Option<Box<Listing>>,
    /// Is it heard?
    pub state: State,
    /// Since when.
    pub state_since: Timestamp,
    /// The worst level of `reasons`.
    pub health: Level,
    /// Why; the worst first.
    pub reasons: Vec<Reason>,
    /// Its last uplinks were refused, more recently than anything was accepted.
    pub heard_not_accepted: bool,
    /// First sign of life; of a device never heard, the epoch.
    pub first_seen: Timestamp,
    /// Last sign of life: a report, a reject or a duplicate.
    pub last_seen: Timestamp,
    /// Last accepted report.
    pub last_report: Option<Timestamp>,
    /// Last reject or reject part.
    pub last_reject: Option<Timestamp>,
    /// Where its last uplink came in.
    pub source: Option<Source>,
    /// The sender's address of the last uplink.
    pub address: Option<SocketAddr>,
    /// The concentrator or gateway that carries it, by the inventory, else by its last report; "" if
    /// it speaks for itself.
    pub parent: Box<str>,
    /// What carries it is late or offline, and since when; then its own silence is no fault of its own.
    pub parent_silent: Option<(State, Timestamp)>,
    /// Devices that it carries.
    pub children: u32,
    /// Of those, late or offline.
    pub children_silent: u32,
    /// Reports accepted.
    pub reports: u64,
    /// Readings in them.
    pub readings: u64,
    /// Rejects and reject parts.
    pub rejects: u64,
    /// Duplicates since the gateway started.
    pub duplicates: u64,
    /// Usual time between two uplinks: the inventory's, else learned (median of the last ten gaps).
    pub interval: Option<Duration>,
    /// When it is due next, by that interval.
    pub due: Option<Timestamp>,
    /// When it is late, if it stays silent.
    pub late_at: Option<Timestamp>,
    /// When it is offline, if it stays silent.
    pub offline_at: Option<Timestamp>,
    /// Is it out of reach between its reports?
    pub sleepy: bool,
    /// Last values, by metric name, then labels.
    pub values: Vec<LastValue>,
    /// What happened last, newest first.
    pub traces: Vec<Trace>,
    /// Grows with each change of any device: the place in a watch.
    pub version: u64,
}
