//! What is wrong with a text that is not JSON, in words; and what of it can be saved.
use super::{Decoded, Fault, Limits, Reason, Sent, document, quote};
use std::borrow::Cow;

/// Deepest nesting that any known shape has: array, object, `values`, array of values, value, labels.
pub(super) const DEPTH_MAX: usize = 8;

/// Literals that Python's and JavaScript's printers write and JSON does not have, longest first.
const NOT_FINITE: [&str; 5] = ["-Infinity", "Infinity", "-NaN", "NaN", "nan"];

/// The payload as text.
pub(crate) fn utf8(payload: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(payload).map_err(|error| {
        let at = error.valid_up_to();
        let byte = payload.get(at).copied().unwrap_or_default();
        Fault::whole(
            Reason::NotUtf8,
            format!("byte {at} (0x{byte:02x}) is no UTF-8; JSON is UTF-8"),
        )
    })
}

/// A syntax error of the whole `text`, with its byte offset.
pub(crate) fn syntax(text: &str, error: &serde_json::Error) -> Fault {
    if error.is_eof() {
        return Fault::whole(
            Reason::Truncated,
            format!(
                "the JSON ends at byte {} inside an object, array or text that is not closed",
                text.len()
            ),
        );
    }
    let at = offset(text, error.line(), error.column());
    if let Some((start, literal)) = not_finite_near(text, at) {
        return Fault::whole(
            Reason::NotFinite,
            format!("{literal} at byte {start}: {NO_SUCH_LITERAL}"),
        );
    }
    let found = text.get(at..).unwrap_or_default();
    let what = error.to_string();
    // serde_json adds " at line 1 column 7"; the byte offset says it better for a payload.
    let what = what.split(" at line ").next().unwrap_or_default();
    Fault::whole(
        Reason::Malformed,
        format!("{what} at byte {at}, before `{}`", quote(found)),
    )
}

/// Why NaN is refused.
pub(super) const NO_SUCH_LITERAL: &str =
    "JSON has no NaN or Infinity; send null where there is no value";

/// Byte offset of a line and column, both from 1; the column counts bytes and stands on the byte
/// that was read last.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let mut at = (before + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// The literal that stands at `at`, or began up to two bytes before it.
fn not_finite_near(text: &str, at: usize) -> Option<(usize, &'static str)> {
    (at.saturating_sub(2)..=at).find_map(|start| {
        let rest = text.get(start..)?;
        let literal = NOT_FINITE.into_iter().find(|l| rest.starts_with(l))?;
        Some((start, literal))
    })
}

/// Decodes a text whose only fault is that it has NaN or Infinity for numbers: those become
/// [`Sent::NotFinite`], all else is taken as ever.
///
/// Each literal is replaced, in a copy, by a JSON text of the same length; the place of a text in
/// the copy tells the replaced from the genuine.
pub(super) fn salvage(text: &str, limits: Limits, out: &mut Decoded<'_>) -> Result<(), Fault> {
    let (copy, places) = replace(text);
    let mut decoded = Decoded::default();
    document(&copy, None, limits, &mut decoded)?;
    let base = copy.as_ptr().addr();
    for sample in &mut decoded.samples {
        if let Sent::Text(Cow::Borrowed(found)) = &sample.value {
            // One before the text stands its quotation mark.
            let at = found.as_ptr().addr().wrapping_sub(base).wrapping_sub(1);
            if let Ok(place) = places.binary_search_by_key(&at, |(at, _)| *at)
                && let Some((_, literal)) = places.get(place)
            {
                sample.value = Sent::NotFinite(Cow::Borrowed(literal));
            }
        }
    }
    decoded.move_to(out);
    Ok(())
}

/// A copy in which each NaN and Infinity is a JSON text of its length, and where which was replaced.
pub(crate) fn replace(text: &str) -> (String, Vec<(usize, &'static str)>) {
    let mut copy = String::with_capacity(text.len());
    let mut places = Vec::new();
    let mut in_text = false;
    let mut escaped = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let literal = NOT_FINITE
            .into_iter()
            .find(|l| !in_text && rest.starts_with(l));
        if let Some(literal) = literal {
            places.push((copy.len(), literal));
            copy.push('"');
            copy.extend(std::iter::repeat_n('x', literal.len() - 2));
            copy.push('"');
            rest = rest.get(literal.len()..).unwrap_or_default();
            continue;
        }
        if c == '"' && !escaped {
            in_text = !in_text;
        }
        escaped = in_text && c == '\\' && !escaped;
        copy.push(c);
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    (copy, places)
}

/// Deepest nesting of a JSON text.
pub(super) fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    let (mut in_text, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_ignores_brackets_in_texts() {
        assert_eq!(depth(r#"{"a":"[[[\"[[","b":[1]}"#), 2);
        assert_eq!(depth("1"), 0);
    }

    #[test]
    fn offsets_count_bytes_over_lines() {
        assert_eq!(offset("{\n\"a\": x}", 2, 6), 7);
        assert_eq!(offset("", 1, 9), 0);
    }
}
