//! From bytes to samples: what a device sent, in its own words.
//!
//! ```text
//!  payload --CODECS[profile]--> Decoded { devices, groups (one time each), samples, faults }
//! ```
//! A codec knows a format and nothing else: no catalogue, no clock, no device. Names, units, ranges
//! and times are judged by intake, the same way for every format. A codec is a function pointer and
//! a row of [`CODECS`]; a trait would have one method and no state.
//!
//! A sample borrows from the payload where it can. [`Decoded`] is reused from uplink to uplink
//! ([`Decoded::recycle`]), so that a small payload costs no allocation.
pub mod cbor;
mod cjt188;
mod decimal;
mod decoded;
mod dialect;
mod dlt645;
mod dlt698;
mod fault;
mod formats;
mod frames;
pub mod json;
mod pasted;
pub mod senml;
mod trace;

pub(crate) use decimal::Decimal;
pub use decimal::Number;
pub use decoded::{AsSent, Decoded, Group, Note, Sample, Sent, SentTime, owned, recycle};
pub use dialect::{Dialect, StatusBits};
pub use fault::{FAULTS_MAX, Fault, Faults, Reason, quote};
pub use formats::{is_cbor, profile_of};
pub use frames::Framing;
pub use pasted::{PastedError, pasted};
pub use trace::{Spot, Trace, Traced};

/// How a codec decodes a payload into a [`Decoded`], which is empty. An error means that nothing of it
/// can be used.
#[derive(Clone, Copy, Debug)]
pub enum Decode {
    /// By the payload alone.
    Plain(for<'a> fn(&'a [u8], Limits, &mut Decoded<'a>) -> Result<(), Fault>),
    /// As frames of meters of these protocols, in the order in which they are tried.
    Frames(&'static [Framing]),
}

/// What a codec is told beside the payload.
#[derive(Clone, Copy)]
pub struct Told<'t> {
    /// Bounds of one uplink.
    pub limits: Limits,
    /// What the profile settles where a standard leaves it open.
    pub dialect: Dialect,
    /// The same of the profile that the inventory gives a meter, by the alias of its address.
    pub dialect_of: &'t dyn Fn(&str) -> Option<Dialect>,
}

impl Decode {
    /// Does it read frames of meters?
    pub const fn is_frames(self) -> bool {
        matches!(self, Self::Frames(_))
    }

    /// Decodes a payload into `out`, which is empty but for what it may trace.
    ///
    /// # Errors
    /// Nothing of it can be used.
    pub fn decode<'a>(
        self,
        payload: &'a [u8],
        told: Told<'_>,
        out: &mut Decoded<'a>,
    ) -> Result<(), Fault> {
        match self {
            Self::Plain(decode) => decode(payload, told.limits, out),
            Self::Frames(framings) => frames::decode(payload, framings, told, out),
        }
    }
}

/// Every profile that needs no file. To add one: a file, its `mod` line, a row.
pub const CODECS: &[(&str, Decode)] = &[
    ("json", Decode::Plain(json::decode)),
    ("cbor", Decode::Plain(cbor::decode)),
    ("senml", Decode::Plain(senml::decode)),
    ("thingsboard", Decode::Plain(json::thingsboard)),
    ("dlt645", Decode::Frames(&[dlt645::FRAMING])),
    ("dlt698", Decode::Frames(&[dlt698::FRAMING])),
    ("cjt188", Decode::Frames(&[cjt188::FRAMING])),
    // CJ/T 188 last: it has one start byte only, so that a frame of the others can look like one of it.
    (
        "meters",
        Decode::Frames(&[dlt645::FRAMING, dlt698::FRAMING, cjt188::FRAMING]),
    ),
];

/// The codec of a profile, with the profile's name out of the table.
pub fn named(profile: &str) -> Option<(&'static str, Decode)> {
    CODECS.iter().find(|(name, _)| *name == profile).copied()
}

/// Names of all profiles, for messages: "json, senml".
pub fn names() -> String {
    let names: Vec<&str> = CODECS.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}

/// Bounds of one uplink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most readings.
    pub readings_max: usize,
}

/// An uplink over its bound is refused as a whole: which half would be the right one?
pub(crate) fn too_many(limits: Limits) -> Fault {
    let sentence = format!(
        "more than {} readings in one uplink; send them in several",
        limits.readings_max
    );
    Fault::whole(Reason::TooManyReadings, sentence)
}
