//! Frames without readings: refusals, answers to commands, and a master's requests as an echo.
//!
//! Passwords, operator codes and what goes through the security module are in no event and no trace.
use super::answer;
use super::control::{Edition, function};
use super::data::hex;
use super::frame::{Frame, digits};
use super::show;
use crate::codecs::{Decoded, Group, Note};
use crate::model::proto::Severity;
use std::borrow::Cow;
use std::ops::Range;

/// What the event of alarms is called.
pub(super) const ALARM: &str = "meter_alarm";
/// DI3 to DI1 of the passwords themselves.
const PASSWORDS: [u8; 3] = [0x04, 0x00, 0x0c];

/// A piece of the data of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// What anybody may see.
    Open(usize, &'static str),
    /// What nobody is to see.
    Secret(usize, &'static str),
}
use Part::{Open, Secret};

/// The rest of the data.
const REST: usize = usize::MAX;
const PASSWORD: Part = Secret(4, "password");
const OPERATOR: Part = Secret(4, "operator code");
const DATA: &[Part] = &[Open(REST, "data")];

/// How the data of a request or an answer is laid out behind its data identifier (DL/T 645-2007 7).
fn layout(frame: &Frame, di: Option<[u8; 4]>) -> &'static [Part] {
    let control = frame.control;
    let is_password = is_password(di);
    let function = control.function();
    if control.edition() == Some(Edition::Of1997) {
        let is_read = matches!(function, function::OLD_READ | function::OLD_READ_NEXT);
        return if is_read {
            DATA
        } else {
            &[Secret(REST, "data")]
        };
    }
    match (control.is_reply(), function) {
        (_, function::SECURITY) => &[Secret(REST, "data")],
        (false, function::WRITE) if is_password => &[PASSWORD, OPERATOR, Secret(REST, "password")],
        (
            false,
            function::WRITE
            | function::DEMAND_CLEAR
            | function::METER_CLEAR
            | function::EVENT_CLEAR
            | function::RELAY,
        ) => &[PASSWORD, OPERATOR, Open(REST, "data")],
        (false, function::READ_NEXT) => &[Open(1, "frame number"), Open(REST, "data")],
        _ if is_password || function == function::PASSWORD => &[Secret(REST, "password")],
        _ => DATA,
    }
}

fn is_password(di: Option<[u8; 4]>) -> bool {
    di.is_some_and(|di| di.starts_with(&PASSWORDS))
}

/// Is it an answer that says a password?
pub(super) fn is_secret(payload: &[u8], frame: &Frame) -> bool {
    is_password(answer::identifier(payload, frame)) && has_di(frame)
}

/// Has it a data identifier?
fn has_di(frame: &Frame) -> bool {
    let control = frame.control;
    match control.edition() {
        Some(Edition::Of1997) => matches!(control.function(), 1 | 2 | 4) && !control.is_refusal(),
        _ if control.is_reply() => matches!(
            control.function(),
            function::READ | function::READ_NEXT | function::SECURITY
        ),
        _ => matches!(
            control.function(),
            function::READ
                | function::READ_NEXT
                | function::WRITE
                | function::PASSWORD
                | function::SECURITY
        ),
    }
}

/// What a frame's event says.
struct Event {
    name: &'static str,
    severity: Severity,
    detail: Vec<(Cow<'static, str>, Cow<'static, str>)>,
}

/// A refusal: its error in words. Most have one byte, that of the security module two; some meters send none.
pub(super) fn refusal(payload: &[u8], frame: &Frame, device: Option<u32>, out: &mut Decoded<'_>) {
    let place = frame.data.clone();
    let is_secure = frame.control.function() == function::SECURITY;
    let len = if is_secure { 2 } else { 1 };
    let mut error: Vec<u8> = frame.meant(payload).take(len).collect();
    let words = match *error.as_slice() {
        [] => "no error named".to_owned(),
        [error] if !is_secure => frame.control.error_words(error),
        _ => {
            error.reverse();
            format!("security error {}", hex(&error))
        }
    };
    let error = hex(&error);
    let end = (place.start + len).min(place.end);
    if end > place.start {
        let became = format!("error {error}: {words}");
        out.show(|| show::piece(payload, place.start..end, became, ""));
    }
    rest(payload, end..place.end, out);
    let mut detail = vec![text("function", frame.control.name())];
    if !error.is_empty() {
        detail.push(text("error", error));
    }
    detail.push(text("words", words));
    note(
        device,
        out,
        Event {
            name: "meter_error",
            severity: Severity::Warning,
            detail,
        },
    );
}

/// An answer to a command, or a request; `is_event`: it is told, and not only traced.
pub(super) fn command(
    payload: &[u8],
    frame: &Frame,
    device: Option<u32>,
    is_event: bool,
    out: &mut Decoded<'_>,
) {
    let mut detail = vec![text("function", frame.control.name())];
    let mut at = frame.data.start;
    let di = answer::identifier(payload, frame).filter(|_| has_di(frame));
    if let Some(di) = di {
        let len = frame.control.di_len();
        let name = answer::name(di, len);
        let place = at..at + len;
        out.show(|| show::piece(payload, place, format!("DI {name}"), ""));
        detail.push(text("di", name));
        at += len;
    }
    for part in layout(frame, di) {
        let (Open(len, name) | Secret(len, name)) = *part;
        let end = at.saturating_add(len).min(frame.data.end);
        if end <= at {
            continue;
        }
        let place = at..end;
        at = end;
        if let Secret(..) = part {
            out.show(|| show::secret(place, name));
            continue;
        }
        let bytes: Vec<u8> = meant(payload, frame, &place);
        let is_address = frame.control.function() == function::READ_ADDRESS && bytes.len() == 6;
        let value = if is_address {
            text("address", digits(&bytes))
        } else {
            text(name, hex(&bytes))
        };
        out.show(|| show::piece(payload, place, format!("{} {}", value.0, value.1), ""));
        detail.push(value);
    }
    if is_event {
        let name = if frame.control.is_reply() {
            "meter_answer"
        } else {
            "meter_request"
        };
        note(
            device,
            out,
            Event {
                name,
                severity: Severity::Info,
                detail,
            },
        );
    }
}

fn meant(payload: &[u8], frame: &Frame, place: &Range<usize>) -> Vec<u8> {
    let from = place.start.saturating_sub(frame.data.start);
    frame.meant(payload).skip(from).take(place.len()).collect()
}

/// Bytes that say nothing.
pub(super) fn rest(payload: &[u8], place: Range<usize>, out: &mut Decoded<'_>) {
    if !place.is_empty() {
        out.show(|| show::piece(payload, place, String::new(), "left over"));
    }
}

fn text(name: &'static str, value: String) -> (Cow<'static, str>, Cow<'static, str>) {
    (Cow::Borrowed(name), Cow::Owned(value))
}

/// Opens a group without a time.
pub(super) fn open(device: Option<u32>, out: &mut Decoded<'_>) -> u32 {
    out.open(Group {
        device,
        ..Group::default()
    })
}

fn note(device: Option<u32>, out: &mut Decoded<'_>, event: Event) {
    let group = open(device, out);
    out.notes.push(Note {
        group,
        name: Cow::Borrowed(event.name),
        severity: event.severity,
        detail: event.detail,
    });
}
