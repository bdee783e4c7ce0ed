//! The labels that tell series of one metric apart.

/// The labels there are. A closed set, for each becomes a tag in stores.
pub const LABELS: [&str; 5] = ["phase", "tariff", "channel", "storage", "freeze"];
/// Longest label value, in bytes.
pub const LABEL_LEN_MAX: usize = 32;

/// 1 to [`LABEL_LEN_MAX`] of `A-Z a-z 0-9 . _ : -`?
pub fn is_label_value(text: &str) -> bool {
    let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-');
    !text.is_empty() && text.len() <= LABEL_LEN_MAX && text.chars().all(usable)
}
