//! What a payload became, piece by piece.
use super::Reading;
use crate::intake::{self, Preview};
use crate::model::proto;
use crate::profiles::Spot;
use serde::Serialize;
use std::collections::BTreeMap;

/// A decode.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Decoded<'a> {
    profile: &'a str,
    /// Of the profile; absent where it needs no file.
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    /// Why the bytes were not decoded.
    #[serde(skip_serializing_if = "str::is_empty")]
    note: &'a str,
    /// Who sent it, where the payload itself says so.
    #[serde(skip_serializing_if = "str::is_empty")]
    sender: &'a str,
    readings: Vec<Placed<'a>>,
    /// By name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<&'a str>,
    /// The same with what they say, where they say something.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    event_details: Vec<Said<'a>>,
    /// What the inventory knows of the devices that the payload names; absent where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    devices: Vec<Known<'a>>,
    rejected: Vec<Rejected<'a>>,
    /// Of a payload of a profile's or of frames: all of it, what was ignored included.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pieces: Vec<Piece<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Placed<'a> {
    /// Where in the payload it comes from.
    path: &'a str,
    /// The device that the payload names.
    #[serde(skip_serializing_if = "str::is_empty")]
    device_id: &'a str,
    /// The same, as `citygate decode` has called it since its first version.
    #[serde(skip_serializing_if = "str::is_empty")]
    device: &'a str,
    #[serde(flatten)]
    reading: Reading<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Said<'a> {
    event: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    device_id: &'a str,
    severity: &'static str,
    detail: BTreeMap<&'a str, &'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Known<'a> {
    /// As the payload names it.
    named: &'a str,
    /// Its id in the inventory; absent: that has none of this name.
    #[serde(skip_serializing_if = "str::is_empty")]
    device_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    kind: &'a str,
    /// Why nothing of it would be taken.
    #[serde(skip_serializing_if = "str::is_empty")]
    refused: &'a str,
}

#[derive(Debug, Serialize)]
struct Rejected<'a> {
    part: &'a str,
    reason: &'static str,
    sentence: &'a str,
    /// The one that is wrong, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    byte: Option<usize>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Piece<'a> {
    /// First byte, and the one behind the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<[usize; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    sent: &'a str,
    /// Absent: it was ignored.
    #[serde(skip_serializing_if = "str::is_empty")]
    became: &'a str,
    /// Place in `readings`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reading: Option<usize>,
    #[serde(skip_serializing_if = "str::is_empty")]
    note: &'a str,
}

impl<'a> Decoded<'a> {
    /// Of a profile's work.
    pub fn new(profile: &'a str, version: &'a str, note: &'a str, preview: &'a Preview) -> Self {
        let reading = |(reading, place): (&'a proto::Reading, &'a intake::Place)| Placed {
            path: &place.path,
            device_id: &place.device,
            device: "",
            reading: reading.into(),
        };
        let readings = preview.readings.iter().zip(&preview.origins);
        let rejected = preview.faults.iter().map(|fault| Rejected {
            part: &fault.part,
            reason: fault.reason.as_str(),
            sentence: &fault.sentence,
            byte: fault.byte,
        });
        Self {
            profile,
            version,
            note,
            sender: &preview.sender,
            readings: readings.map(reading).collect(),
            events: preview.events.iter().map(|said| &*said.name).collect(),
            event_details: preview
                .events
                .iter()
                .filter(|said| !said.detail.is_empty())
                .map(Said::from)
                .collect(),
            devices: preview.devices.iter().map(Known::from).collect(),
            rejected: rejected.collect(),
            pieces: preview.pieces.iter().map(Piece::from).collect(),
        }
    }

    /// For the command.
    #[must_use]
    pub fn with_device(mut self) -> Self {
        for reading in &mut self.readings {
            reading.device = reading.device_id;
        }
        self
    }
}

impl<'a> From<&'a intake::Said> for Said<'a> {
    fn from(said: &'a intake::Said) -> Self {
        let detail = said.detail.iter();
        Self {
            event: &said.name,
            device_id: &said.device,
            severity: said.severity.as_str_name(),
            detail: detail
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect(),
        }
    }
}

impl<'a> From<&'a intake::Known> for Known<'a> {
    fn from(known: &'a intake::Known) -> Self {
        Self {
            named: &known.named,
            device_id: &known.id,
            kind: &known.kind,
            refused: &known.refused,
        }
    }
}

impl<'a> From<&'a intake::Piece> for Piece<'a> {
    fn from(piece: &'a intake::Piece) -> Self {
        let (bytes, path) = match &piece.traced.spot {
            Spot::Bytes(range) => (Some([range.start, range.end]), None),
            Spot::Path(path) => (None, Some(path.as_str())),
        };
        Self {
            bytes,
            path,
            sent: &piece.traced.sent,
            became: &piece.traced.became,
            reading: piece.reading,
            note: &piece.traced.note,
        }
    }
}
