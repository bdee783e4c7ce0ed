//! JSON and CBOR layouts.
use super::inner::Inner;
use super::reading::Reading;
use super::{Around, Trace};
use crate::codecs::{Decoded, Fault, Reason};
use crate::model::settings::Section;

#[derive(Debug)]
pub(super) struct Layout {}

impl Layout {
    pub(super) fn read(_top: &mut Section<'_>, _reading: Reading<'_>, _cbor: bool) -> Self {
        Self {}
    }

    /// `[inner]`, where it has one.
    pub(super) fn inner(&self) -> Option<&Inner> {
        None
    }

    pub(super) fn values(&self) -> usize {
        0
    }

    pub(super) fn decode<'a>(
        &'a self,
        _payload: &'a [u8],
        _around: Around<'a>,
        _out: &mut Decoded<'a>,
    ) -> Result<(), Fault> {
        Err(Fault::whole(Reason::UnknownProfile, "not built yet"))
    }

    pub(super) fn trace(&self, _payload: &[u8], _around: Around<'_>) -> Trace {
        Trace::default()
    }
}
