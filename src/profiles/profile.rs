//! One profile.
use super::Around;
use crate::codecs::{Decoded, Fault, Reason};
use std::time::Duration;

/// One profile, checked and ready to decode.
#[derive(Debug)]
pub struct Profile {
    name: Box<str>,
    version: Box<str>,
    kind: Box<str>,
    interval: Option<Duration>,
    sleepy: Option<bool>,
}

impl Profile {
    /// Its name: what topics, routes and the inventory call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its version, as its author counts.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Kind of the devices that it is made for; "" where it does not say.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Usual time between two reports.
    pub const fn interval(&self) -> Option<Duration> {
        self.interval
    }

    /// Is its radio off between reports (PSM, eDRX)? `None`: it does not say.
    pub const fn sleepy(&self) -> Option<bool> {
        self.sleepy
    }

    /// The payload piece by piece. Slower than decoding.
    pub fn trace(&self, _payload: &[u8], _around: Around<'_>) -> super::Trace {
        super::Trace::default()
    }

    /// Decodes a payload into `out`, which is empty.
    ///
    /// # Errors
    /// Nothing of it can be used.
    pub fn decode<'a>(
        &'a self,
        _payload: &'a [u8],
        _around: Around<'a>,
        _out: &mut Decoded<'a>,
    ) -> Result<(), Fault> {
        Err(Fault::whole(Reason::UnknownProfile, "not built yet"))
    }
}
