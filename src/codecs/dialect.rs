//! What standards of meters leave open, and a profile settles.

/// Variants of one model of meter. The default is what the standard's text says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dialect {}
