//! Bytes of a payload together with their place in it.
use crate::codecs::frames::hex;
use crate::codecs::{Decoded, Spot, Traced};

/// Consecutive bytes of a payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'p> {
    /// Place of the first one in the payload.
    pub(super) at: usize,
    pub(super) bytes: &'p [u8],
}

impl Piece<'_> {
    /// The first `len` bytes, and what is behind them; `None`: there are not so many.
    pub(super) fn split(self, len: usize) -> Option<(Self, Self)> {
        let (bytes, behind) = self.bytes.split_at_checked(len)?;
        let behind = Self {
            at: self.at + len,
            bytes: behind,
        };
        Some((Self { bytes, ..self }, behind))
    }

    /// Notes bytes that nobody is to see.
    pub(super) fn hide(self, out: &mut Decoded<'_>, became: &str) {
        if self.bytes.is_empty() {
            return;
        }
        out.show(|| Traced {
            spot: Spot::Bytes(self.at..self.at + self.bytes.len()),
            sent: "..".to_owned(),
            became: became.to_owned(),
            sample: None,
            note: "not shown".to_owned(),
        });
    }

    /// Notes what these bytes became, where somebody looks; nothing where there are none.
    pub(super) fn show(self, out: &mut Decoded<'_>, told: impl FnOnce() -> Fate) {
        if self.bytes.is_empty() {
            return;
        }
        out.show(|| {
            let Fate {
                became,
                sample,
                note,
            } = told();
            Traced {
                spot: Spot::Bytes(self.at..self.at + self.bytes.len()),
                sent: hex(self.bytes),
                became,
                sample,
                note,
            }
        });
    }
}

/// What became of a piece.
#[derive(Clone, Debug, Default)]
pub(super) struct Fate {
    /// A metric, `address 78330011223344`, ..; "": it was ignored.
    pub(super) became: String,
    /// Index of the sample.
    pub(super) sample: Option<usize>,
    /// What else is to be said.
    pub(super) note: String,
}

impl Fate {
    pub(super) fn plain(became: impl Into<String>) -> Self {
        Self {
            became: became.into(),
            ..Self::default()
        }
    }

    /// It was ignored.
    pub(super) fn refused(why: impl Into<String>) -> Self {
        Self {
            note: why.into(),
            ..Self::default()
        }
    }
}
