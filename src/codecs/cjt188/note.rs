//! Frames without readings: what a meter answers, what it could not do, and what somebody asks of it.
use super::head::Frame;
use super::item::{self, Identified};
use super::piece::{Fate, Piece};
use super::{empty, identified, number};
use crate::codecs::dialect::Dialect;
use crate::codecs::frames::hex;
use crate::codecs::{Decoded, Note};
use crate::model::proto::Severity;
use std::borrow::Cow;

/// SER and ST of an error reply.
const ERROR_BYTES: usize = 3;

/// Reads a frame that has none.
pub(super) fn read(
    frame: &Frame<'_>,
    dialect: Dialect,
    device: Option<u32>,
    out: &mut Decoded<'_>,
) {
    if frame.control.is_error() {
        error(frame, dialect, device, out);
        return;
    }
    if let Some((identified, behind)) = identified(frame.data, frame.meter, out) {
        answer(frame, &identified, behind, device, out);
        return;
    }
    // A frame with less than DI and SER: whatever it is.
    frame.data.show(out, || Fate::plain("data"));
    note(frame, [("data", hex(frame.data.bytes))], device, out);
}

/// A frame with an identifier and whatever follows it.
pub(super) fn answer(
    frame: &Frame<'_>,
    identified: &Identified,
    behind: Piece<'_>,
    device: Option<u32>,
    out: &mut Decoded<'_>,
) {
    // A key that was written, or asked to be written, is for nobody's eyes.
    let is_secret = item::is_secret(identified.di);
    if is_secret {
        behind.hide(out, "key");
    } else {
        behind.show(out, || Fate::plain("data"));
    }
    let data = if is_secret {
        String::new()
    } else {
        hex(behind.bytes)
    };
    let di = format!("{:04X}", identified.di);
    let detail = [
        ("di", di),
        ("words", item::title(identified)),
        ("data", data),
    ];
    note(frame, detail, device, out);
}

/// What a frame says, as an event.
fn note<const N: usize>(
    frame: &Frame<'_>,
    detail: [(&'static str, String); N],
    device: Option<u32>,
    out: &mut Decoded<'_>,
) {
    let name = if frame.control.is_reply() {
        "meter_answer"
    } else {
        "meter_request"
    };
    push(frame, name, Severity::Info, detail, device, out);
}

/// A reply that says why there is none: SER and ST.
fn error(frame: &Frame<'_>, dialect: Dialect, device: Option<u32>, out: &mut Decoded<'_>) {
    let parts = frame.data.split(1);
    let Some((ser, state)) = parts.filter(|_| frame.data.bytes.len() == ERROR_BYTES) else {
        frame.data.show(out, || Fate::plain("error"));
        let detail = [("error", hex(frame.data.bytes))];
        push(frame, "meter_error", Severity::Warning, detail, device, out);
        return;
    };
    let first = state.bytes.first().copied().unwrap_or_default();
    let words = super::status::read(first, dialect.status)
        .filter(|_| !super::status::is_absent(state.bytes))
        .map_or_else(String::new, super::status::Status::words);
    ser.show(out, || Fate::plain(format!("SER {}", number(ser.bytes))));
    state.show(out, || Fate {
        became: "error".to_owned(),
        note: words.clone(),
        ..Fate::default()
    });
    let detail = [("error", hex(state.bytes)), ("words", words)];
    push(frame, "meter_error", Severity::Warning, detail, device, out);
}

fn push<const N: usize>(
    frame: &Frame<'_>,
    name: &'static str,
    severity: Severity,
    detail: [(&'static str, String); N],
    device: Option<u32>,
    out: &mut Decoded<'_>,
) {
    let function = format!("{:02X} {}", frame.control.0, frame.control.words());
    let function = (Cow::Borrowed("function"), Cow::Owned(function));
    let told = |(name, text): (&'static str, String)| (Cow::Borrowed(name), Cow::Owned(text));
    let rest = detail
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(told);
    let note = Note {
        group: empty(device, out),
        name: Cow::Borrowed(name),
        severity,
        detail: std::iter::once(function).chain(rest).collect(),
    };
    out.notes.push(note);
}
