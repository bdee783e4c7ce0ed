//! Services: what an APDU answers, reports or asks (DL/T 698.45 6.3).
//!
//! ```text
//!  85 01 PIID | OAD, 0 DAR or 1 value            | follow report | time tag
//!  85 02      | count, the same
//!  85 03      | record; 85 04: count, records; 85 05: a block of either
//!  88 01, 02  | as 85 02, 85 04, without being asked
//!  90         | 0 length, one of these           | MAC
//! ```
use super::data::{self, Bad};
use super::object::Oad;
use super::reader::{Detail, Place, Reader, digits, shown};
use super::{record, words};
use crate::codecs::Reason;
use crate::model::proto::Severity;
use std::borrow::Cow;

/// OAD, choice, DAR.
const RESULT_MIN: usize = 6;

/// Reads an APDU to its end. What is wrong with it is a fault of its frame.
pub(super) fn read(reader: &mut Reader<'_, '_>) {
    match apdu(reader, true) {
        Ok(()) => reader.unread("not read"),
        Err(bad) => reader.bad(&bad),
    }
}

fn apdu(reader: &mut Reader<'_, '_>, is_outermost: bool) -> Result<(), Bad> {
    let at = reader.cursor.at();
    let tag = reader.cursor.byte()?;
    let kind = reader.cursor.peek().unwrap_or_default();
    let service = words::service(tag, kind);
    match tag {
        0x85 | 0x88 => {
            reader.cursor.byte()?;
            reader.show(at..at + 2, service, None, "");
            results(reader, (tag, kind), at)?;
            trailer(reader)
        }
        0x90 if is_outermost => {
            reader.show(at..at + 1, service, None, "");
            secured(reader)
        }
        0x86 | 0x87 | 0x89 | 0x81..=0x84 => {
            let data = answer(reader, service, at);
            reader.note("meter_answer", Severity::Info, data);
            Ok(())
        }
        0x6e | 0xee => {
            let data = answer(reader, service, at);
            reader.note("meter_error", Severity::Warning, data);
            Ok(())
        }
        0x01..=0x03 | 0x05..=0x09 | 0x10 => {
            let data = request(reader, tag, kind, at)?;
            reader.note("meter_request", Severity::Info, data);
            Ok(())
        }
        _ => {
            let what = format!("{tag:02x} is no service that is read");
            Err(Bad::new(at, Reason::NotUnderstood, what))
        }
    }
}

/// The results of a GET-Response or a REPORT-Notification, whose service was read.
fn results(reader: &mut Reader<'_, '_>, service: (u8, u8), start: usize) -> Result<(), Bad> {
    let at = reader.cursor.at();
    let piid = reader.cursor.byte()?;
    reader.show(at..at + 1, &format!("number {}", piid & 0x3f), None, "");
    match service {
        (0x85, 1) => result(reader),
        (0x85, 2) | (0x88, 1) => list(reader),
        (0x85, 3) => record::read(reader),
        (0x85, 4) | (0x88, 2) => records(reader),
        (0x85, 5) => block(reader),
        (0x88, 3) => {
            reader.rest("data of a meter, passed through", false);
            reader.fault(
                Reason::NotUnderstood,
                "data that the terminal passed through (ReportNotificationTransData) are not read",
            );
            Ok(())
        }
        (tag, kind) => {
            let what = format!("{tag:02x} {kind:02x} is no service that is read");
            Err(Bad::new(start, Reason::NotUnderstood, what))
        }
    }
}

/// Shows a count of elements that have at least so many bytes.
pub(super) fn count(reader: &mut Reader<'_, '_>, least: usize, of: &str) -> Result<usize, Bad> {
    let at = reader.cursor.at();
    let count = reader.cursor.count(least)?;
    let end = reader.cursor.at();
    reader.show(at..end, &format!("{count} {of}"), None, "");
    Ok(count)
}

fn list(reader: &mut Reader<'_, '_>) -> Result<(), Bad> {
    for _ in 0..count(reader, RESULT_MIN, "results")? {
        if reader.is_full() {
            return Ok(());
        }
        result(reader)?;
    }
    Ok(())
}

fn records(reader: &mut Reader<'_, '_>) -> Result<(), Bad> {
    for _ in 0..count(reader, RESULT_MIN, "records")? {
        record::read(reader)?;
    }
    Ok(())
}

/// A block of an answer in several: last or not, its number, then results or records.
fn block(reader: &mut Reader<'_, '_>) -> Result<(), Bad> {
    let at = reader.cursor.at();
    let is_last = reader.cursor.byte()? != 0;
    let number = u16::from_be_bytes(reader.cursor.array()?);
    let choice = reader.cursor.byte()?;
    let last = if is_last { ", the last" } else { "" };
    reader.show(at..at + 4, &format!("block {number}{last}"), None, "");
    match choice {
        0 => refusal(reader, None),
        1 => list(reader),
        2 => records(reader),
        _ => Err(no_choice(at + 3, choice)),
    }
}

/// One OAD and its value, or why there is none.
fn result(reader: &mut Reader<'_, '_>) -> Result<(), Bad> {
    let oad = oad(reader)?;
    let at = reader.cursor.at();
    match reader.cursor.byte()? {
        0 => refusal(reader, Some(oad)),
        1 => {
            reader.show(at..at + 1, "value", None, "");
            let item = data::read(&mut reader.cursor)?;
            let place = Place {
                group: reader.group,
                freeze: oad.freeze(),
                storage: 0,
            };
            reader.value(oad, &item, place);
            Ok(())
        }
        choice => Err(no_choice(at, choice)),
    }
}

pub(super) fn oad(reader: &mut Reader<'_, '_>) -> Result<Oad, Bad> {
    let at = reader.cursor.at();
    let oad = Oad(u32::from_be_bytes(reader.cursor.array()?));
    reader.show(at..at + 4, &format!("OAD {oad}"), None, "");
    Ok(oad)
}

pub(super) fn no_choice(at: usize, choice: u8) -> Bad {
    let what = format!("{choice:02x} is neither a result nor an error");
    Bad::new(at, Reason::Malformed, what)
}

/// The error code behind its choice, which was read.
pub(super) fn refusal(reader: &mut Reader<'_, '_>, oad: Option<Oad>) -> Result<(), Bad> {
    let at = reader.cursor.at();
    let code = reader.cursor.byte()?;
    let words = words::dar(code);
    // With the choice, which is the byte before it.
    let from = if oad.is_some() { at - 1 } else { at };
    reader.show(
        from..at + 1,
        &format!("error {code:02x}: {words}"),
        None,
        "",
    );
    let mut detail: Detail = vec![text("function", "read")];
    detail.extend(oad.map(|oad| text("oad", oad.to_string())));
    detail.push(text("error", format!("{code:02x}")));
    detail.push(text("words", words));
    reader.note("meter_error", Severity::Warning, detail);
    Ok(())
}

/// What follows a response: results that nobody asked for, and a time tag.
fn trailer(reader: &mut Reader<'_, '_>) -> Result<(), Bad> {
    if let Some(at) = optional(reader, "follow report")? {
        match reader.cursor.byte()? {
            1 => {
                reader.show(at + 1..at + 2, "results", None, "");
                list(reader)?;
            }
            2 => {
                reader.show(at + 1..at + 2, "records", None, "");
                records(reader)?;
            }
            choice => return Err(no_choice(at + 1, choice)),
        }
    }
    time_tag(reader)
}

fn time_tag(reader: &mut Reader<'_, '_>) -> Result<(), Bad> {
    if let Some(at) = optional(reader, "time tag")? {
        let time = data::date_time_s(reader.cursor.array()?);
        reader.show(
            at + 1..at + 8,
            "",
            None,
            &format!("tag: {}", shown(time.as_deref())),
        );
        let [unit, high, low] = reader.cursor.array()?;
        let delay = u16::from_be_bytes([high, low]);
        let unit = ["s", "min", "h", "d", "month", "year"].get(usize::from(unit));
        let note = format!("allowed delay {delay} {}", unit.unwrap_or(&"?"));
        reader.show(at + 8..at + 11, "", None, &note);
    }
    let left = reader.cursor.left();
    if left == 0 {
        return Ok(());
    }
    let what = format!("{left} bytes behind the end of the APDU");
    Err(Bad::new(reader.cursor.at(), Reason::Malformed, what))
}

/// The byte that says whether an optional part follows; `None`: it does not, or nothing is left.
fn optional(reader: &mut Reader<'_, '_>, what: &str) -> Result<Option<usize>, Bad> {
    if reader.cursor.left() == 0 {
        return Ok(None);
    }
    let at = reader.cursor.at();
    match reader.cursor.byte()? {
        0 => {
            reader.show(at..at + 1, &format!("no {what}"), None, "");
            Ok(None)
        }
        1 => {
            reader.show(at..at + 1, what, None, "");
            Ok(Some(at))
        }
        other => {
            let sentence = format!("{other:02x} where 00 or 01 says whether a {what} follows");
            Err(Bad::new(at, Reason::Malformed, sentence))
        }
    }
}

/// A SECURITY-Response, whose tag was read.
fn secured(reader: &mut Reader<'_, '_>) -> Result<(), Bad> {
    let at = reader.cursor.at();
    match reader.cursor.byte()? {
        0 => {
            let len = reader.cursor.length()?;
            let end = reader.cursor.at();
            reader.show(at..end, &format!("plain, {len} bytes"), None, "");
            let behind = reader.cursor.within(len)?;
            apdu(reader, false)?;
            reader.cursor = behind;
        }
        1 => {
            reader.show(at..at + 1, "encrypted", None, "");
            reader.rest("encrypted", true);
            let sentence = "encrypted: only the meter's keys can read it";
            reader.fault(Reason::NotUnderstood, sentence);
        }
        2 => {
            reader.show(at..at + 1, "refused", None, "");
            refusal(reader, None)?;
        }
        choice => return Err(no_choice(at, choice)),
    }
    reader.rest("check of the data", false);
    Ok(())
}

/// An answer to a command, for an event.
fn answer(reader: &mut Reader<'_, '_>, service: &'static str, at: usize) -> Detail {
    let from = reader.cursor.at();
    let left = reader.cursor.left();
    // What is agreed at a connection is of no use to anybody else.
    let hidden = service.starts_with("CONNECT");
    let body = reader.cursor.take(left).unwrap_or_default();
    let mut detail: Detail = vec![text("function", service)];
    if !hidden {
        detail.push(text("data", crate::codecs::frames::hex(body)));
    }
    if let ("SET-Response" | "ACTION-Response", [1, _, oad @ ..]) = (service, body)
        && let [first @ .., code, _, _] = oad
        && let Ok(oad) = <[u8; 4]>::try_from(first)
    {
        detail.push(text("oad", digits(&oad).to_uppercase()));
        detail.push(text("words", words::dar(*code)));
    }
    reader.show(at..from, service, None, "");
    show_body(reader, from, left, hidden);
    detail
}

fn show_body(reader: &mut Reader<'_, '_>, from: usize, len: usize, hidden: bool) {
    let note = if hidden { super::reader::HIDDEN } else { "" };
    reader.show(from..from + len, "data", None, note);
}

/// What a client asks, for an event. Passwords and keys are in none.
fn request(reader: &mut Reader<'_, '_>, tag: u8, kind: u8, at: usize) -> Result<Detail, Bad> {
    let service = words::service(tag, kind);
    let mut detail: Detail = vec![text("function", service)];
    if tag != 0x05 {
        reader.show(at..at + 1, service, None, "");
        if tag == 0x01 {
            let what = reader.cursor.take(2)?.last().copied();
            let what = match what {
                Some(0) => "log in",
                Some(1) => "heartbeat",
                Some(2) => "log out",
                _ => "another",
            };
            reader.show(at + 1..at + 3, what, None, "");
            detail.push(text("words", what));
        }
        reader.rest("data", !matches!(tag, 0x01 | 0x08));
        return Ok(detail);
    }
    reader.cursor.take(2)?;
    reader.show(at..at + 3, service, None, "");
    match kind {
        1 | 3 => {
            let oad = oad(reader)?;
            detail.push(text("oad", oad.to_string()));
        }
        2 => {
            let mut oads = Vec::new();
            for _ in 0..count(reader, 4, "objects")? {
                oads.push(oad(reader)?.to_string());
            }
            detail.push(text("oad", oads.join(" ")));
        }
        _ => {}
    }
    reader.rest("selection and time tag", false);
    Ok(detail)
}

fn text(
    name: &'static str,
    value: impl Into<Cow<'static, str>>,
) -> (Cow<'static, str>, Cow<'static, str>) {
    (Cow::Borrowed(name), value.into())
}
