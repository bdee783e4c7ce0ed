//! One uplink of a story: where it came from, what became of it, who had it when.
use crate::codecs::Reason;
use crate::model::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An uplink, or what was refused of one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Uplink {
    /// When it arrived; of one that only history still has, when it was observed.
    pub at: Timestamp,
    /// In the log of reports or rejects.
    #[serde(with = "text")]
    pub sequence: u64,
    /// Readings or events came of it.
    pub accepted: bool,
    /// `mqtt`, `coap`, `broker` ..
    pub source: String,
    /// The sender's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// Topic or path.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub topic: String,
    /// MQTT client.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client: String,
    /// The pattern that matched.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub route: String,
    /// The pattern is the one that would match now: old logs kept none of a reject.
    pub route_is_todays: bool,
    /// What read it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub profile: String,
    /// Of the profile; "" of one that needs no file.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// For whom it was taken.
    pub device: String,
    /// How it named the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub named_by: Option<Named>,
    /// The same in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub named: String,
    /// Who carried it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub via: String,
    /// What it became.
    pub readings: Vec<Reading>,
    /// More readings than are shown.
    pub readings_left_out: usize,
    /// Of a concentrator's: what it brought of others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carried: Option<Carried>,
    /// Events that it became; of a concentrator's also those of what it carries.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Said>,
    /// More events than are shown.
    pub events_left_out: usize,
    /// What was refused of it.
    pub refused: Vec<Refused>,
    /// Why something of this is not there.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Who had it when.
    pub passages: Vec<Passage>,
}

impl Uplink {
    /// Does it say how the device is? Not what a store refused of an accepted uplink, nor what was recovered.
    pub(super) fn counts(&self) -> bool {
        self.accepted || self.refused.iter().any(Refused::stands)
    }
}

/// Reports of others in a concentrator's uplink, as far as they are granted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Carried {
    /// How many.
    pub reports: usize,
    /// Of how many devices.
    pub devices: usize,
    /// All of them are meters.
    pub meters: bool,
    /// Their names, the first of them.
    pub names: Vec<String>,
    /// The same in words.
    pub say: String,
}

/// An event that an uplink became.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Said {
    /// Whose.
    pub device: String,
    /// Code.
    pub name: String,
    /// What it says.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub detail: BTreeMap<String, String>,
    /// In the log of reports.
    #[serde(with = "text")]
    pub sequence: u64,
}

/// How an uplink names its device.
#[allow(missing_docs, reason = "the variants say it")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Named {
    /// Topic or path has its id.
    Topic,
    /// Topic or path has another name of it.
    Alias { name: String },
    /// An access token.
    Token,
    /// The MQTT client id.
    Client,
    /// The payload.
    Payload,
}

/// One value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Reading {
    /// Catalogue name.
    pub metric: String,
    /// One of the three, or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<f64>,
    /// See `number`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flag: Option<bool>,
    /// See `number`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Canonical unit.
    pub unit: String,
    /// The device's time, else that of reception.
    pub observed_at: Timestamp,
    /// `good`, `uncertain`, `bad` or `not_available`.
    pub quality: String,
    /// Why it is not good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
    /// The same in words.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// phase, tariff ..
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// As sent, with its unit, where that differs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub raw: String,
}

/// Why a reading is not good, as far as it can be told from the reading.
#[allow(missing_docs, reason = "the variants say it")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Doubt {
    /// The device said that it has none.
    NoValue,
    /// Outside what is plausible for its kind.
    OutOfRange { min: Option<f64>, max: Option<f64> },
    /// A safety sensor at its end: it counts as alarming.
    Saturated { max: Option<f64> },
    /// The device's time was not believed: that of reception stands instead.
    Time,
    /// The reading does not say.
    Untold,
}

/// What was refused, and what to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Refused {
    /// The part of the uplink; "": all of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub part: String,
    /// Code.
    pub reason: String,
    /// What the code means.
    pub what: String,
    /// This one's own sentence.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sentence: String,
    /// What to do.
    pub advice: String,
    /// In the log of rejects.
    #[serde(with = "text")]
    pub sequence: u64,
    /// Nothing of its uplink was taken.
    pub whole: bool,
    /// The report that it has become; "0": one that was there already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recovered: Option<String>,
}

impl Refused {
    /// Is it the device's, and refused until now?
    pub(super) fn stands(&self) -> bool {
        self.recovered.is_none() && self.reason != Reason::StoreRejected.as_str()
    }

    /// "recovered as report 7"; "" if it is not.
    pub fn recovered_as(&self) -> String {
        match self.recovered.as_deref() {
            None => String::new(),
            Some("0") => "recovered, and was there already".to_owned(),
            Some(report) => format!("recovered as report {report}"),
        }
    }
}

/// A reader, and when it had an uplink.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Passage {
    /// `log`, `history`, `registry`, a store's name, or `subscribers`.
    pub reader: String,
    /// Is it past it? A store that is has it or has refused it; `log`: it lies there.
    pub passed: bool,
    /// The same in words.
    pub say: String,
    /// When at the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Timestamp>,
    /// When at the earliest, if that is more than a second before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Timestamp>,
    /// It had passed before the gateway's last start, at this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_start: Option<Timestamp>,
    /// Of history: something of this uplink was observed before this, and such is not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_since: Option<Timestamp>,
    /// Of a store, what keeps it from delivering.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// Since when, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_since: Option<Timestamp>,
    /// Streams that want it: those that are past it, and all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streams: Option<(usize, usize)>,
    /// Names of the tokens of those that are past it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<String>,
}

/// 64-bit integers as texts, as everywhere in this API.
mod text {
    use serde::{Deserialize, Deserializer, Serializer, de};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's shape")]
    pub(super) fn serialize<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}
