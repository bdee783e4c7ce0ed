//! Binary layouts: fixed places, records, and lists of channel, type and value.
//!
//! Not built yet: `Layout::read`, `decode` and `trace` are what the rest of `profiles` calls.
use super::inner::Inner;
use super::reading::Reading;
use super::{Around, Trace};
use crate::codecs::{Decoded, Fault, Reason};
use crate::model::settings::Section;

/// A checked layout of bytes.
#[derive(Debug)]
pub(super) struct Layout {}

impl Layout {
    /// Reads every key of the file's top level that a layout has: `encoding`, `endian`, `[device]`,
    /// `[time]`, `[[value]]`, `[[repeat]]`, `[items]`, `[[item]]`, `[[event]]`, and the place of
    /// `[inner]`. Mistakes go to the section's problems.
    pub(super) fn read(top: &mut Section<'_>, _reading: Reading<'_>) -> Self {
        top.problem("format", "binary", "binary layouts are not built yet");
        Self {}
    }

    /// `[inner]`, where it has one.
    pub(super) fn inner(&self) -> Option<&Inner> {
        None
    }

    /// How many values it names, those of records included.
    pub(super) fn values(&self) -> usize {
        0
    }

    /// Decodes a payload into `out`, which is empty.
    ///
    /// # Errors
    /// Nothing of it can be used.
    pub(super) fn decode<'a>(
        &'a self,
        _payload: &'a [u8],
        _around: Around<'a>,
        _out: &mut Decoded<'a>,
    ) -> Result<(), Fault> {
        Err(Fault::whole(Reason::UnknownProfile, "not built yet"))
    }

    /// Every byte of a payload: what it became, or that it was ignored.
    pub(super) fn trace(&self, _payload: &[u8], _around: Around<'_>) -> Trace {
        Trace::default()
    }
}
