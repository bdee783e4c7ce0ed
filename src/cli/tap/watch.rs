//! What happens to one device beside its reports: rejects and changes of state.
//!
//! Asked for over HTTP once a second, from the device's timeline: whoever stands beside a pole waits
//! no shorter. Reports and events come by the stream, which loses nothing; this shows what is new
//! since it began.
use super::{Args, print};
use crate::api::http::json;
use crate::cli::Error;
use crate::cli::http::{Gateway, HttpError};
use crate::cli::{Chain, output};
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// Entries of one look. A device that has more in a second is said to have.
const ENTRIES: usize = 100;
/// Characters of a refused payload that are shown.
const RAW_MAX: usize = 80;

/// Shows rejects and changes of state of `device` until no lines are left. Never ends otherwise.
///
/// # Errors
/// Standard output is closed, or the files for TLS cannot be used.
pub(super) async fn run(args: &Args, device: &str, left: &Cell<u64>) -> Result<(), Error> {
    let token = args.token.as_ref();
    let token = token.and_then(|token| token.to_str().ok());
    let mut watch = Watch {
        device,
        path: format!("/v1/devices/{}", encoded(device)),
        gateway: Gateway::new(args.url.clone(), &args.trust, token.map(str::to_owned))?,
        from: String::new(),
        seen: BTreeSet::new(),
    };
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut introduced, mut troubled) = (false, false);
    loop {
        tick.tick().await;
        let looked = if introduced {
            watch.look().await
        } else {
            watch.introduce().await.map(|()| {
                introduced = true;
                Vec::new()
            })
        };
        match looked {
            Ok(entries) => {
                troubled = false;
                for entry in entries {
                    if !print::take(left) {
                        break;
                    }
                    show(args.json, device, &entry)?;
                }
            }
            // The stream goes on: once is enough.
            Err(error) if !troubled => {
                troubled = true;
                let error = Chain(&error);
                note(format_args!("no rejects and states of {device}: {error}"));
            }
            Err(_) => {}
        }
        if left.get() == 0 {
            return Ok(());
        }
    }
}

/// Beside the lines, which may be read by a program.
fn note(text: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "citygate: {text}");
}

struct Watch<'a> {
    device: &'a str,
    path: String,
    gateway: Gateway,
    /// Time of the newest entry seen, and the entries of that time.
    from: String,
    seen: BTreeSet<String>,
}

impl Watch<'_> {
    /// Says what is known of the device, and begins behind its newest entry.
    async fn introduce(&mut self) -> Result<(), HttpError> {
        let device = self.device;
        match self.gateway.get(&self.path).await {
            Ok(known) => {
                let text = |name| known.get(name).and_then(Value::as_str).unwrap_or("-");
                let state = bare(text("state"));
                if state == "NEVER" {
                    let last = text("lastReject");
                    note(format_args!(
                        "{device} was heard and never accepted, last at {last}"
                    ));
                } else {
                    let last = text("lastSeen");
                    note(format_args!("{device} is {state}, last heard at {last}"));
                }
            }
            Err(error) if error.is_not_found() => {
                note(format_args!("{device} was never heard: waiting"));
            }
            Err(error) => return Err(error),
        }
        self.look().await.map(drop)
    }

    /// What is new since the last look: rejects and changes of state, the oldest first.
    async fn look(&mut self) -> Result<Vec<Value>, HttpError> {
        let mut path = format!("{}/timeline?limit={ENTRIES}", self.path);
        if !self.from.is_empty() {
            path = format!("{path}&from={}", self.from);
        }
        let page = match self.gateway.get(&path).await {
            Ok(page) => page,
            Err(error) if error.is_not_found() => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let entries = page.get("entries").and_then(Value::as_array);
        let entries = entries.map(Vec::as_slice).unwrap_or_default();
        if entries.len() == ENTRIES && !self.from.is_empty() {
            note(format_args!(
                "{} has more than {ENTRIES} entries in a second: some are not shown here",
                self.device
            ));
        }
        Ok(self.take(entries))
    }

    /// Those of a page, the newest first, that were not seen before.
    fn take(&mut self, entries: &[Value]) -> Vec<Value> {
        let at = |entry: &Value| text_of(entry, "at").to_owned();
        let key = |entry: &Value| {
            let what = ["at", "type", "sequence"].map(|name| text_of(entry, name));
            what.join(" ")
        };
        let fresh: Vec<&Value> = entries
            .iter()
            .filter(|entry| !self.seen.contains(&key(entry)))
            .collect();
        if let Some(newest) = entries.first().map(at) {
            let of_then = entries.iter().filter(|entry| at(entry) == newest);
            let of_then: BTreeSet<String> = of_then.map(key).collect();
            if newest == self.from {
                self.seen.extend(of_then);
            } else {
                self.from = newest;
                self.seen = of_then;
            }
        }
        let shown = fresh.into_iter().rev();
        let shown = shown.filter(|entry| matches!(text_of(entry, "type"), "reject" | "state"));
        shown.cloned().collect()
    }
}

fn text_of<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A state without its prefix.
fn bare(state: &str) -> String {
    let bare = state.strip_prefix("DEVICE_STATE_").unwrap_or(state);
    bare.to_ascii_uppercase()
}

fn show(as_json: bool, device: &str, entry: &Value) -> io::Result<()> {
    if as_json {
        let kind = text_of(entry, "type");
        let what = entry.get(kind).cloned().unwrap_or_default();
        let at = text_of(entry, "at");
        return output::json(&json!({ kind: {"deviceId": device, "at": at, kind: what} }));
    }
    output::line(line(device, entry))
}

/// `2026-11-25T15:02:06Z em-00001 state ONLINE -> LATE`, or
/// `2026-11-25T15:02:06Z em-00001 rejected unknown_metric: .. : {"flux": 1}`.
fn line(device: &str, entry: &Value) -> String {
    let at = text_of(entry, "at");
    if let Some(change) = entry.get("state") {
        let [from, to] = ["from", "to"].map(|name| bare(text_of(change, name)));
        return format!("{at} {device} state {from} -> {to}");
    }
    let reject = entry.get("reject").unwrap_or(&Value::Null);
    let [reason, sentence, raw] =
        ["reason", "sentence", "rawText"].map(|name| text_of(reject, name));
    let raw: String = raw.chars().take(RAW_MAX).collect();
    let [sentence, raw] = [sentence, &raw].map(|text| json::printable(text.as_bytes()));
    format!("{at} {device} rejected {reason}: {sentence}: {raw}")
}

/// A name as a part of a path.
pub(in crate::cli) fn encoded(name: &str) -> String {
    name.bytes()
        .map(|byte| match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b':' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    fn entry(at: &str, kind: &str, sequence: &str) -> Value {
        json!({"at": at, "type": kind, "sequence": sequence})
    }

    #[test]
    fn each_entry_is_shown_once_and_reports_are_left_to_the_stream() {
        let mut watch = Watch {
            device: "em-1",
            path: String::new(),
            gateway: Gateway::at(([127, 0, 0, 1], 1).into(), None),
            from: String::new(),
            seen: BTreeSet::new(),
        };
        let [a, b, c] = [
            entry("2026-11-25T15:00:00Z", "reject", "1"),
            entry("2026-11-25T15:00:01Z", "state", "2"),
            entry("2026-11-25T15:00:01Z", "reject", "3"),
        ];
        let report = entry("2026-11-25T15:00:02Z", "uplink", "4");
        assert_eq!(watch.take(std::slice::from_ref(&a))[0], a);
        assert_eq!(watch.take(&[b.clone(), a.clone()])[0], b);
        // Another one of the same moment, then nothing new.
        assert_eq!(watch.take(&[c.clone(), b.clone()])[0], c);
        assert_eq!(watch.take(&[c.clone(), b.clone()]).len(), 0);
        assert_eq!(watch.take(&[report, c, b]).len(), 0);
        assert_eq!(watch.from, "2026-11-25T15:00:02Z");
    }

    #[test]
    fn lines_say_what_happened_and_hide_control_characters() {
        let change = json!({"at": "T", "type": "state", "state": {"from": "DEVICE_STATE_ONLINE", "to": "DEVICE_STATE_LATE"}});
        assert_eq!(line("em-1", &change), "T em-1 state ONLINE -> LATE");
        let reject = json!({"at": "T", "type": "reject", "reject": {
            "reason": "unknown_metric", "sentence": "no such metric", "rawText": "{\u{1b}[2J"}});
        let shown = line("em-1", &reject);
        let wanted = "T em-1 rejected unknown_metric: no such metric: {";
        assert!(
            shown.starts_with(wanted) && !shown.contains('\u{1b}'),
            "{shown}"
        );
    }

    #[test]
    fn a_name_becomes_a_part_of_a_path() {
        assert_eq!(encoded("a b/c:1"), "a%20b%2Fc:1");
    }
}
