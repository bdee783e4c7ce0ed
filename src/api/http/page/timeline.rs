//! What happened to a device, newest first; a row opens the raw bytes and the decode field by field.
//!
//! Without script a row is a link to a page of its own; the script opens it in place.
use super::layout::section;
use super::live::Sections;
use super::sign;
use super::stranger;
use super::text::{self, Text};
use super::values;
use super::view::{View, device_path};
use super::words;
use crate::api::timeline::Place;
use crate::devices::State;
use crate::model::{Quality, Timestamp, Value};
use maud::{Markup, html};
use std::fmt::Write as _;

/// Rows on a device's page.
pub const ROWS_MAX: usize = 16;
/// Rows of one section: together they fit a refresh.
const BLOCK: usize = 8;
/// Rows on a page of older ones.
pub const PAGE: usize = 48;
/// Bytes of a payload that are shown.
const RAW_MAX: usize = 1024;
/// Bytes of one line of a dump: what 360 px hold.
const DUMP_LINE: usize = 8;

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: What,
}

/// What a row tells.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// An uplink that gave readings.
    Report {
        /// Of the log.
        sequence: u64,
        /// How many readings.
        readings: usize,
        /// The first of them, in words.
        first: String,
    },
    /// An uplink, or a part of one, that was refused.
    Reject {
        /// Of the rejects' log.
        sequence: u64,
        /// Code.
        reason: String,
        /// The part; empty: the whole.
        part: String,
        /// It has become a report since.
        recovered: bool,
    },
    /// Something that happened to it.
    Event {
        /// Of the log.
        sequence: u64,
        /// Such as `clock_wrong`.
        name: String,
    },
    /// Its state changed.
    State(State, State),
}

impl Row {
    /// Where the row opens: `/d/{id}/t/{what}{sequence}`.
    fn path(&self, id: &str) -> Option<String> {
        let (letter, sequence) = match &self.what {
            What::Report { sequence, .. } => ('u', sequence),
            What::Reject { sequence, .. } => ('r', sequence),
            What::Event { sequence, .. } => ('e', sequence),
            What::State(..) => return None,
        };
        if *sequence == 0 {
            return None; // In no log any more.
        }
        Some(format!("{}/t/{letter}{sequence}", device_path(id)))
    }
}

/// One uplink, reject or event with all that is kept of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detail {
    /// When it came.
    pub at: Timestamp,
    /// Facts: name and value, in order.
    pub facts: Vec<(Text, String)>,
    /// The payload's first bytes and its full length; `None`: not kept.
    pub raw: Option<(Vec<u8>, u64)>,
    /// What it became.
    pub fields: Vec<Decoded>,
    /// What was refused.
    pub refused: Vec<Refused>,
    /// Of an event: its name, and what it says.
    pub event: Option<(String, Vec<(String, String)>)>,
}

/// One field of a decode.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// Catalogue name.
    pub metric: String,
    /// In the canonical unit.
    pub value: Value<'static>,
    /// Canonical unit.
    pub unit: String,
    /// Trust.
    pub quality: Quality,
    /// The device's time.
    pub observed_at: Timestamp,
    /// As sent, where that differs, with its unit.
    pub raw: String,
    /// Name and value.
    pub labels: Vec<(String, String)>,
    /// Where in the payload it comes from; empty where that is not known.
    pub path: String,
}

/// A part that was refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Refused {
    /// Empty: the whole.
    pub part: String,
    /// Code.
    pub reason: String,
    /// The codec's sentence.
    pub sentence: String,
}

/// Sections of the rows.
pub fn push(sections: &mut Sections, view: &View<'_>, id: &str, rows: &[Row]) {
    if rows.is_empty() {
        let body = html! { p class="dim" { (view.t(text::NOTHING_YET)) } };
        sections.push("line0", section("line0", view.t(text::TIMELINE), &body));
    }
    for (at, block) in rows.chunks(BLOCK).take(ROWS_MAX / BLOCK).enumerate() {
        let name = format!("line{at}");
        let list =
            html! { ol class="timeline" { @for entry in block { li { (row(view, id, entry)) } } } };
        let markup = if at == 0 {
            section(&name, view.t(text::TIMELINE), &list)
        } else {
            html! { section id=(name) class="goes-on" { (list) } }
        };
        sections.push(name, markup);
    }
}

/// A page of older rows, and the link to the next.
pub fn sections(view: &View<'_>, id: &str, rows: &[Row], next: Option<Place>) -> Sections {
    let body = html! {
        @if rows.is_empty() { p class="dim" { (view.t(text::NOTHING_YET)) } }
        ol class="timeline" { @for entry in rows { li { (row(view, id, entry)) } } }
        p class="more" {
            @if let Some(next) = next {
                a rel="next" href={
                    (device_path(id)) "/t?at=" (next.at.as_nanos()) "&skip=" (next.skip) "&rejects=" (next.rejects.cast_signed())
                } { (view.t(text::OLDER)) }
            }
        }
    };
    let mut sections = Sections::default();
    sections.push("line0", section("line0", view.t(text::TIMELINE), &body));
    sections
}

fn row(view: &View<'_>, id: &str, row: &Row) -> Markup {
    let said = html! {
        span class="signs" { (sign::sign(sign_of(&row.what))) }
        span class="say" { (say(view, &row.what)) }
        span class="age dim" { (view.clock(row.at)) }
    };
    match row.path(id) {
        None => html! { div class="row" { (said) } },
        Some(path) => html! {
            details id={ "t" (path.rsplit('/').next().unwrap_or_default()) } data-src=(path) {
                summary class="row" { (said) }
                a class="open" href=(path) { (view.t(text::OPEN_RAW)) }
            }
        },
    }
}

fn sign_of(what: &What) -> &'static str {
    match what {
        What::Report { .. } => "uplink",
        What::Reject {
            recovered: true, ..
        } => "done",
        What::Reject { .. } => "refused",
        What::Event { .. } => "attention",
        What::State(_, to) => to.word(),
    }
}

fn say(view: &View<'_>, what: &What) -> Markup {
    html! {
        @match what {
            What::Report { readings, first, .. } => {
                @if *readings > 1 { (readings) " " (view.t(text::ACCEPTED_READINGS)) ": " }
                (words::cut(first, 60)) @if *readings > 1 { " …" }
            }
            What::Reject { reason, part, recovered, .. } => {
                @if *recovered { b { (view.t(text::REJECTS_RECOVERED)) } " · " }
                b { (view.t(text::REFUSED)) } ": " (reason_words(view, reason))
                @if !part.is_empty() { " " code { (words::cut(part, 40)) } }
            }
            What::Event { name, .. } => (event_name(view, name)),
            What::State(from, to) => {
                (view.t(text::names::state(*from))) " → " b { (view.t(text::names::state(*to))) }
            }
        }
    }
}

fn reason_words<'r>(view: &View<'_>, reason: &'r str) -> &'r str {
    match text::refusal::by_code(reason) {
        Some(words) => view.t(words.what),
        None => reason,
    }
}

/// Of an event, in words where it has any.
pub(super) fn event_name<'n>(view: &View<'_>, name: &'n str) -> &'n str {
    text::names::event(name).map_or(name, |words| view.t(words))
}

/// All that is kept of one row.
pub fn detail(view: &View<'_>, detail: &Detail) -> Markup {
    html! {
        div class="detail" {
            @for refused in &detail.refused { (refusal(view, refused)) }
            @if let Some((name, said)) = &detail.event {
                p { b { (event_name(view, name)) } }
                dl class="facts" { @for (name, value) in said {
                    div { dt { (words::cut(name, 40)) } dd { (words::cut(value, 200)) } }
                } }
            }
            @if !detail.fields.is_empty() { (decode(view, &detail.fields)) }
            @match &detail.raw {
                Some((raw, len)) => (raw_bytes(view, raw, *len)),
                None if detail.event.is_none() => p class="dim" { (view.t(text::RAW_NOT_KEPT)) },
                None => {}
            }
            dl class="facts" {
                div { dt { (view.t(text::RECEIVED)) } dd { (words::full(detail.at, view.zone)) } }
                @for (name, value) in &detail.facts {
                    div { dt { (view.t(*name)) } dd { (words::cut(value, 256)) } }
                }
            }
        }
    }
}

fn refusal(view: &View<'_>, refused: &Refused) -> Markup {
    html! {
        div class="refusal" {
            p {
                (sign::sign("refused")) " " b { (view.t(text::REFUSED)) }
                @if !refused.part.is_empty() { " " code { (words::cut(&refused.part, 80)) } }
            }
            p { (stranger::why(view, &refused.reason, &refused.sentence)) }
            p class="dim" { (view.t(text::TECHNICAL)) ": " span lang="en" { (words::cut(&refused.sentence, 400)) } }
        }
    }
}

fn decode(view: &View<'_>, fields: &[Decoded]) -> Markup {
    html! {
        h3 { (view.t(text::DECODE)) }
        div class="wide" { table class="values" {
            thead class="unseen" { tr {
                th scope="col" { (view.t(text::METRIC)) }
                th scope="col" { (view.t(text::VALUE)) }
                th scope="col" { (view.t(text::OBSERVED)) }
            } }
            tbody { @for field in fields { (decoded(view, field)) } }
        } }
    }
}

fn decoded(view: &View<'_>, field: &Decoded) -> Markup {
    let quality = match field.quality {
        Quality::Good => None,
        Quality::Uncertain => Some(text::QUALITY_UNCERTAIN),
        Quality::Bad => Some(text::QUALITY_BAD),
        Quality::NotAvailable => Some(text::NO_VALUE),
    };
    html! {
        tr {
            th scope="row" {
                (view.metric(&field.metric)) " "
                @let path = if field.path.is_empty() { &field.metric } else { &field.path };
                code class="dim" { (words::cut(path, 64)) }
                @for (name, value) in &field.labels {
                    " " span class="label" { (text::names::label(name).map_or(name.as_str(), |name| view.t(name))) " " (words::cut(value, 32)) }
                }
            }
            td class="value" {
                (values::reading_markup(view, &field.value, &field.metric, &field.unit))
                @if !field.raw.is_empty() { " " span class="dim" { (view.t(text::AS_SENT)) " " (words::cut(&field.raw, 60)) } }
                @if let Some(quality) = quality { " " span class="note" { (sign::sign("attention")) (view.t(quality)) } }
            }
            td class="age dim" { (view.clock(field.observed_at)) }
        }
    }
}

fn raw_bytes(view: &View<'_>, raw: &[u8], len: u64) -> Markup {
    let shown = raw.get(..RAW_MAX).unwrap_or(raw);
    let cut = shown.len() as u64 != len;
    html! {
        h3 { (view.t(text::RAW_BYTES)) " " span class="dim" {
            (len) " B" @if cut { ", " (view.t(text::BYTES_CUT)) }
        } }
        pre class="text" tabindex="0" aria-label=(view.t(text::AS_TEXT)) { (readable(shown)) }
        details class="hex" {
            summary { (view.t(text::AS_HEX)) }
            pre tabindex="0" { (dump(shown)) }
        }
    }
}

/// Text with everything that is none as a dot: control characters could hide or reorder what is read.
fn readable(raw: &[u8]) -> String {
    let plain = |letter: char| {
        let hidden = letter.is_control() && letter != '\n' && letter != '\t';
        // Bidirectional marks and the replacement of what is no UTF-8.
        hidden
            || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fffd}')
    };
    let text = String::from_utf8_lossy(raw);
    text.chars()
        .map(|letter| if plain(letter) { '·' } else { letter })
        .collect()
}

/// "0008  7b 22 76 ..  {"v": 23"
fn dump(raw: &[u8]) -> String {
    let mut out = String::with_capacity(raw.len() * 5);
    for (at, line) in raw.chunks(DUMP_LINE).enumerate() {
        let hex: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let text = line.iter().map(|byte| match byte {
            0x20..=0x7e => char::from(*byte),
            _ => '·',
        });
        let width = DUMP_LINE * 3 - 1;
        let _ = write!(out, "{:04x}  {:width$}  ", at * DUMP_LINE, hex.join(" "));
        out.extend(text);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_without_what_hides() {
        assert_eq!(readable(b"{\"a\":1}\x1b[2J\x00\xff"), "{\"a\":1}·[2J··");
        assert_eq!(readable("a\u{202e}b中".as_bytes()), "a·b中");
        assert_eq!(
            dump(b"ABCDEFGHi\n"),
            "0000  41 42 43 44 45 46 47 48  ABCDEFGH\n0008  69 0a                    i·\n"
        );
    }
}
