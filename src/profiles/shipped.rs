//! The profiles that come with the binary.
//!
//! To ship one: its file in `profiles/`, with fixtures, and a row here.

/// File name and text.
pub(super) const SHIPPED: &[(&str, &str)] = &[];
