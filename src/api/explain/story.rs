//! The story as values: what HTTP answers, the page shows and the command prints.
//!
//! Facts are codes and numbers; beside them stand sentences, which [`crate::api::http`] puts in, in the
//! reader's language.
use super::Uplink;
use super::verdict::Verdict;
use crate::model::Timestamp;
use serde::{Deserialize, Serialize};

/// What is known of a device's last uplinks and of its silence.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Story {
    /// The name that was asked for.
    pub asked: String,
    /// When the story was told.
    pub at: Timestamp,
    /// Heard lately, and its last uplink was accepted.
    pub well: bool,
    /// The whole in one sentence.
    pub sentence: String,
    /// The same as a code.
    pub verdict: Verdict,
    /// What somebody at the pole can look at, the most promising first.
    pub checks: Vec<String>,
    /// Who it is; absent: no device of this name is known, or none that is granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Subject>,
    /// Its last uplinks and rejects, newest first.
    pub uplinks: Vec<Uplink>,
    /// What can be said of its copies.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub copies: String,
    /// When it should be heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expected>,
    /// What carries it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// Its radio cell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cell: Option<Cell>,
    /// The way by which it comes in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    /// Was the gateway itself there?
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Life>,
    /// Names of devices like the one asked for.
    pub nearest: Vec<String>,
    /// Who was refused lately under its name, from its address, or under a name like it.
    pub strangers: Vec<Stranger>,
}

/// The device itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Subject {
    /// The city's name for it.
    pub id: String,
    /// Dotted kind.
    pub kind: String,
    /// Where, or "".
    pub district: String,
    /// `never`, `online`, `sleeping`, `late`, `offline` or `retired`.
    pub state: String,
    /// Since when.
    pub state_since: Timestamp,
    /// Last sign of life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_heard: Option<Timestamp>,
    /// Last accepted uplink.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_accepted: Option<Timestamp>,
    /// Last refused one, or part of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_refused: Option<Timestamp>,
    /// Copies since the gateway's start: counted, not logged.
    pub duplicates: u64,
}

/// When it should be heard.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Expected {
    /// Its interval in seconds; absent: not known yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every_secs: Option<f64>,
    /// `inventory`, `profile`, `learned` or `not_known`.
    pub from: String,
    /// When it is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Timestamp>,
    /// When it is late.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late: Option<Timestamp>,
    /// When it is offline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offline: Option<Timestamp>,
    /// The same in words.
    pub say: String,
}

/// What carries it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Parent {
    /// Its id.
    pub id: String,
    /// Its state; "": it was never heard.
    pub state: String,
    /// Last sign of life.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_heard: Option<Timestamp>,
    /// Devices that it carries.
    pub children: u32,
    /// Of them, silent.
    pub silent: u32,
    /// The same in words.
    pub say: String,
}

/// Devices around it, each counted once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Others {
    /// Heard within their intervals.
    pub heard: u64,
    /// Silent.
    pub silent: u64,
    /// Not all devices were looked at: there are too many.
    pub cut_short: bool,
}

/// A radio cell, as its devices report it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Cell {
    /// By the device's last `cell_id`.
    pub id: String,
    /// Other devices whose last `cell_id` is the same.
    pub others: Others,
    /// The same in words.
    pub say: String,
}

/// The way by which it comes in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Link {
    /// `mqtt`, `coap`, or of a broker the link's name.
    pub name: String,
    /// `listening`, or as of links to brokers; "": not granted.
    pub state: String,
    /// Since when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What went wrong last.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub last_error: String,
    /// Why the gateway takes nothing now.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub refusing: String,
    /// What those come in by that are counted: its name, or `broker` for all links if there are several.
    pub counted_by: String,
    /// Other devices whose last uplink came the same way.
    pub others: Others,
    /// The same in words.
    pub say: String,
}

/// When the gateway was there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Life {
    /// Of the process.
    pub started: Timestamp,
    /// The last record before that; absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record_before: Option<Timestamp>,
    /// The same in words.
    pub say: String,
}

/// Somebody who was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Stranger {
    /// As it calls itself.
    pub name: String,
    /// From where.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// Topic or path.
    pub topic: String,
    /// When last.
    pub last: Timestamp,
    /// How often.
    pub rejects: u64,
    /// Code.
    pub reason: String,
    /// Sentence.
    pub sentence: String,
    /// `name`, `alias`, `address` or `similar`.
    pub by: String,
}
