//! Rejects for a person at a terminal.
use super::By;
use crate::api::http::json::printable;
use crate::cli::output;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::fmt::Write;
use std::io;

/// Groups in a line above the list.
const GROUPS_SHOWN: usize = 6;
/// Bytes that are shown of a payload.
const DUMP_MAX: usize = 4_096;
/// Bytes in a line of a dump.
const DUMP_LINE: usize = 16;

/// A text that cannot harm a terminal; "" where there is none.
pub(super) fn text(value: &Value, key: &str) -> String {
    let text = value.get(key).and_then(Value::as_str).unwrap_or_default();
    printable(text.as_bytes())
}

pub(super) fn array<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    let array = value.get(key).and_then(Value::as_array);
    array.map(Vec::as_slice).unwrap_or_default()
}

pub(super) fn next_of(page: &Value) -> Option<String> {
    Some(page.get("nextPageToken")?.as_str()?.to_owned())
}

pub(super) fn len_of(page: &Value) -> usize {
    array(page, "rejects").len()
}

/// Adds a page behind another.
pub(super) fn join(page: &mut Value, next: &Value) {
    let token = next.get("nextPageToken").cloned();
    let more = array(next, "rejects").to_vec();
    if let Some(rejects) = page.get_mut("rejects").and_then(Value::as_array_mut) {
        rejects.extend(more);
    }
    if let Some(page) = page.as_object_mut() {
        page.remove("nextPageToken");
        page.extend(token.map(|token| ("nextPageToken".to_owned(), token)));
    }
}

fn named(name: &str) -> &str {
    if name.is_empty() { "(none)" } else { name }
}

fn key_of(by: By) -> (&'static str, &'static str) {
    match by {
        By::Reason => ("byReason", "reason"),
        By::Device => ("byDevice", "device"),
        By::Route => ("byRoute", "route"),
    }
}

fn total(summary: &Value) -> String {
    let (count, recovered) = (text(summary, "count"), text(summary, "recovered"));
    let since = text(summary, "since");
    let since = match since.as_str() {
        "" => since,
        since => format!(", counted since {since}"),
    };
    format!("{count} rejects, {recovered} of them recovered{since}")
}

/// One way of grouping, as a table.
pub(super) fn groups(summary: &Value, by: By) -> io::Result<()> {
    let (key, word) = key_of(by);
    let groups = summary.get(key).unwrap_or(&Value::Null);
    output::line(total(summary))?;
    output::line(format_args!(
        "{:>9} {:>9}  {:<20}  {word}",
        "count", "recovered", "last"
    ))?;
    let shown = array(groups, "groups");
    for group in shown {
        output::line(format_args!(
            "{:>9} {:>9}  {:<20}  {}",
            text(group, "count"),
            text(group, "recovered"),
            text(group, "last"),
            named(&text(group, "name"))
        ))?;
    }
    let all: usize = text(groups, "total").parse().unwrap_or(0);
    if all > shown.len() {
        output::line(format_args!(
            "{} more; --limit shows them",
            all - shown.len()
        ))?;
    }
    Ok(())
}

/// The counts above a list.
pub(super) fn summary(summary: &Value) -> io::Result<()> {
    output::line(total(summary))?;
    for by in [By::Reason, By::Device] {
        let (key, word) = key_of(by);
        let groups = summary.get(key).unwrap_or(&Value::Null);
        let shown = array(groups, "groups").iter().take(GROUPS_SHOWN);
        let shown: Vec<String> = shown
            .map(|group| format!("{} {}", text(group, "count"), named(&text(group, "name"))))
            .collect();
        let all: usize = text(groups, "total").parse().unwrap_or(0);
        let more = match all.saturating_sub(shown.len()) {
            0 => String::new(),
            more => format!(", {more} more"),
        };
        if !shown.is_empty() {
            output::line(format_args!("by {word}: {}{more}", shown.join(", ")))?;
        }
    }
    Ok(())
}

/// A list of rejects.
pub(super) fn page(page: &Value) -> io::Result<()> {
    for reject in array(page, "rejects") {
        output::line("")?;
        head(reject)?;
        let part = match text(reject, "part").as_str() {
            "" => String::new(),
            part => format!("{part}: "),
        };
        output::line(format_args!("  {part}{}", text(reject, "sentence")))?;
    }
    if let Some(token) = next_of(page) {
        output::line("")?;
        output::line(format_args!("there are more: --page-token {token}"))?;
    }
    Ok(())
}

fn head(reject: &Value) -> io::Result<()> {
    let text = |key| text(reject, key);
    let recovered = match text("recovered").as_str() {
        "" => "",
        "0" => ", its readings were there already",
        by => &format!(", recovered by report {by}"),
    };
    output::line(format_args!(
        "{} {} {} {} by {} {}{recovered}",
        text("sequence"),
        text("receivedAt"),
        text("reason"),
        named(&text("deviceId")),
        text("source"),
        text("topic"),
    ))
}

/// All of one.
pub(super) fn shown(shown: &Value) -> io::Result<()> {
    let reject = shown.get("reject").unwrap_or(&Value::Null);
    head(reject)?;
    for (name, key) in [
        ("sentence", "sentence"),
        ("part", "part"),
        ("route", "route"),
        ("profile", "profile"),
        ("address", "address"),
        ("client", "client"),
    ] {
        let text = text(reject, key);
        if !text.is_empty() {
            output::line(format_args!("  {name:<9} {text}"))?;
        }
    }
    let payload = shown.get("payload").and_then(Value::as_str);
    let payload = STANDARD
        .decode(payload.unwrap_or_default())
        .unwrap_or_default();
    output::line(format_args!(
        "  payload   {} bytes, {} kept",
        text(reject, "rawLen"),
        payload.len()
    ))?;
    let dumped = payload.get(..DUMP_MAX).unwrap_or(&payload);
    for (at, bytes) in dumped.chunks(DUMP_LINE).enumerate() {
        output::line(dump_line(at * DUMP_LINE, bytes))?;
    }
    if dumped.len() < payload.len() {
        let more = payload.len() - dumped.len();
        output::line(format_args!("    {more} more bytes; --json has them"))?;
    }
    match shown.get("now") {
        Some(now) => self::now(now),
        None => Ok(()),
    }
}

/// `    0010  7b 22 ..  {".`
fn dump_line(at: usize, bytes: &[u8]) -> String {
    let mut line = format!("    {at:04x} ");
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(line, " {byte:02x}");
    }
    let plain = |byte: &u8| {
        let plain = byte.is_ascii_graphic() || *byte == b' ';
        char::from(if plain { *byte } else { b'.' })
    };
    let text: String = bytes.iter().map(plain).collect();
    let missing = 3 * (DUMP_LINE - bytes.len());
    format!("{line}{:missing$}  {text}", "")
}

/// What would come of it.
fn now(now: &Value) -> io::Result<()> {
    let sentence = text(now, "sentence");
    let report = text(now, "report");
    let verdict = match text(now, "outcome").as_str() {
        "recovered" => "would become a report".to_owned(),
        "before" if report.is_empty() => "its readings are there already".to_owned(),
        "before" => format!("its readings are in report {report}"),
        "rejected" => format!(
            "would be rejected again, {}: {sentence}",
            text(now, "reason")
        ),
        _ => format!("cannot be retried: {sentence}"),
    };
    output::line(format_args!("  now       {verdict}"))?;
    for report in array(now, "reports") {
        output::line(format_args!(
            "    {} {} {}",
            text(report, "deviceId"),
            text(report, "kind"),
            text(report, "receivedAt")
        ))?;
        for reading in array(report, "readings") {
            let value = ["number", "flag", "text"]
                .iter()
                .find_map(|key| reading.get(*key));
            output::line(format_args!(
                "      {} = {} {} at {} {}",
                text(reading, "metric"),
                value.map_or_else(
                    || "none".to_owned(),
                    |value| printable(value.to_string().as_bytes())
                ),
                text(reading, "unit"),
                text(reading, "observedAt"),
                text(reading, "quality")
            ))?;
        }
    }
    for fault in array(now, "faults") {
        output::line(format_args!(
            "    {} {}: {}",
            text(fault, "reason"),
            text(fault, "part"),
            text(fault, "sentence")
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use serde_json::json;

    #[test]
    fn a_dump_has_offset_bytes_and_text() {
        let line = dump_line(16, b"{\"a\": \xff\n1}");
        assert_eq!(
            line,
            "    0010  7b 22 61 22 3a 20 ff 0a 31 7d                    {\"a\": ..1}"
        );
    }

    #[test]
    fn pages_are_joined() {
        let mut page = json!({"rejects": [1], "nextPageToken": "a"});
        join(&mut page, &json!({"rejects": [2], "nextPageToken": "b"}));
        assert_eq!(next_of(&page).unwrap(), "b");
        join(&mut page, &json!({"rejects": [3]}));
        assert_eq!(page, json!({"rejects": [1, 2, 3]}));
    }
}
