//! ThingsBoard's shapes beyond telemetry of one device (its MQTT device and gateway API).
use super::{
    Decoded, Fault, Group, Limits, Reason, SentTime, array, diagnose, document, finish, members,
    plain, quote, string, wrong,
};
use std::borrow::Cow;

/// `v1/gateway/telemetry`: `{"meter-1": [{"ts": .., "values": {..}}, ..], "meter-2": ..}`.
///
/// # Errors
/// As [`super::decode`].
pub fn gateway<'a>(payload: &'a [u8], limits: Limits, out: &mut Decoded<'a>) -> Result<(), Fault> {
    let text = diagnose::utf8(payload)?.trim_ascii();
    if !text.starts_with('{') {
        array_or_fault(text)?;
    }
    members(
        text,
        |device, value, out: &mut Decoded<'a>| {
            let index = u32::try_from(out.devices.len()).unwrap_or(u32::MAX);
            out.devices.push(device);
            if value.starts_with(['{', '[']) {
                return document(value, Some(index), limits, out);
            }
            let group = out.open(Group {
                device: Some(index),
                parent: None,
                at: None,
                time: SentTime::Absent,
            });
            let fault = wrong(value, out.place(group), "an array of {\"ts\", \"values\"}");
            out.faults.push(fault);
            Ok(())
        },
        out,
    )?;
    finish(out)
}

/// Either of `ThingsBoard`'s shapes, for routes that say nothing of it: an object whose first member is an array
/// of `{"ts"..` or `{"values"..` is a gateway's, everything else is one device's.
///
/// # Errors
/// As [`super::decode`].
pub fn thingsboard<'a>(
    payload: &'a [u8],
    limits: Limits,
    out: &mut Decoded<'a>,
) -> Result<(), Fault> {
    let blank = |byte: &u8| byte.is_ascii_whitespace();
    let mut bytes = payload.iter().filter(|byte| !blank(byte));
    let object = bytes.next() == Some(&b'{') && bytes.next() == Some(&b'"');
    let mut escaped = false;
    let mut rest = bytes.skip_while(|byte| {
        let within = escaped || **byte != b'"';
        escaped = !escaped && **byte == b'\\';
        within
    });
    let mut head = [0; 12];
    for (at, byte) in head.iter_mut().zip(&mut rest) {
        *at = *byte;
    }
    let carries = head.starts_with(b"\":[{\"ts\"") || head.starts_with(b"\":[{\"values\"");
    if object && carries {
        return gateway(payload, limits, out);
    }
    super::decode(payload, limits, out)
}

/// Not an object: says what it is, or why it is no JSON at all.
fn array_or_fault(text: &str) -> Result<(), Fault> {
    if text.is_empty() {
        return Err(Fault::whole(Reason::NoReadings, "the payload is empty"));
    }
    if text.starts_with('[') {
        array(text, |_| Ok(()))?;
    }
    Err(wrong(text, String::new(), "an object of device names"))
}

/// Keys and values, at most 32, each cut to 64 characters.
pub type Attributes = Vec<(String, String)>;

/// Most attributes that are kept of one uplink; they are a note, no telemetry.
const ATTRIBUTES_MAX: usize = 32;
/// Longest key or value that is kept, in characters.
const ATTRIBUTE_LEN_MAX: usize = 64;

/// `v1/devices/me/attributes` and `v1/gateway/attributes`: an object of anything.
///
/// # Errors
/// Not UTF-8, not JSON, no object.
pub fn attributes(payload: &[u8]) -> Result<Attributes, Fault> {
    let text = diagnose::utf8(payload)?.trim_ascii();
    if !text.starts_with('{') {
        array_or_fault(text)?;
    }
    let cut = |text: &str| text.chars().take(ATTRIBUTE_LEN_MAX).collect::<String>();
    let mut all = Attributes::new();
    members(
        text,
        |key, value, all: &mut Attributes| {
            if all.len() < ATTRIBUTES_MAX {
                let value = string_or_raw(value);
                all.push((cut(&key), cut(&value)));
            }
            Ok(())
        },
        &mut all,
    )?;
    Ok(all)
}

fn string_or_raw(value: &str) -> Cow<'_, str> {
    if value.starts_with('"') {
        string(value).unwrap_or(Cow::Borrowed(value))
    } else {
        Cow::Borrowed(value)
    }
}

/// `v1/gateway/connect` and `disconnect`: `{"device": "meter-1"}`.
///
/// # Errors
/// Not UTF-8, not JSON, no object, no `device`.
pub fn connection(payload: &[u8]) -> Result<Cow<'_, str>, Fault> {
    let text = diagnose::utf8(payload)?.trim_ascii();
    if !text.starts_with('{') {
        array_or_fault(text)?;
    }
    let mut device = None;
    members(
        text,
        |key, value, device: &mut Option<_>| {
            if key == "device" {
                *device = Some(value);
            }
            Ok(())
        },
        &mut device,
    )?;
    match device.map(|value| (value, plain(value))) {
        Some((_, Ok(super::Sent::Text(device)))) => Ok(device),
        found => Err(Fault::part(
            Reason::WrongType,
            "device",
            format!(
                "`device` is {}; a text is needed",
                found.map_or_else(|| "missing".to_owned(), |(value, _)| quote(value))
            ),
        )),
    }
}
