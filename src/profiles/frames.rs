//! Profiles of meters whose protocol a codec reads: which one, and what `[dialect]` settles.
use super::{Around, Trace};
use crate::codecs::{self, Decode, Decoded, Dialect, Fault, Told};
use crate::model::settings::Section;

/// A codec and its dialect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    codec: Decode,
    dialect: Dialect,
}

impl Layout {
    /// Reads `[dialect]`, which may be left out. `codec` is one of the table.
    pub(super) fn read(_top: &mut Section<'_>, codec: &str) -> Self {
        let codec = codecs::named(codec).map_or(Decode::Frames(&[]), |(_, decode)| decode);
        Self {
            codec,
            dialect: Dialect::default(),
        }
    }

    pub(super) const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Decodes a payload into `out`.
    pub(super) fn decode<'a>(
        &self,
        payload: &'a [u8],
        around: Around<'_>,
        out: &mut Decoded<'a>,
    ) -> Result<(), Fault> {
        let dialect_of = |alias: &str| around.dialect_of(alias);
        let told = Told {
            limits: around.limits,
            dialect: self.dialect,
            dialect_of: &dialect_of,
        };
        self.codec.decode(payload, told, out)
    }

    /// Every field of every frame, and what lies between them.
    pub(super) fn trace(&self, payload: &[u8], around: Around<'_>) -> Trace {
        let mut decoded = Decoded {
            trace: Some(Trace::default()),
            ..Decoded::default()
        };
        // What is wrong is in the trace, too, and is told by who decodes.
        let _ = self.decode(payload, around, &mut decoded);
        decoded.trace.unwrap_or_default()
    }
}
