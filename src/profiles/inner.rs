//! `[inner]`: a payload within the payload, as platforms pass on what a meter said.
//!
//! A profile that has an inner payload is never itself an inner one, so that there are no loops and
//! one uplink is decoded twice at most.
use super::{Around, Codec, Spot, Trace, Traced};
use crate::codecs::{Decoded, Fault, Group, Limits, Note, Reason, Sample, SentTime, owned, quote};
use crate::model::settings::Section;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use std::borrow::Cow;

/// `[inner]` without its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Inner {
    encoding: Encoding,
    /// "": the inventory's for the device.
    profile: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Text,
    Hex,
    Base64,
}

impl Inner {
    /// Reads `encoding` and `profile`.
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let encoding = match section.word("encoding", &["base64", "hex", "text", "bytes"]) {
            Some("hex") => Encoding::Hex,
            Some("base64") => Encoding::Base64,
            _ => Encoding::Text,
        };
        let profile = section.text("profile").unwrap_or_default();
        Self {
            encoding,
            profile: profile.into(),
        }
    }

    /// The profile that it names; "": the inventory's for the device.
    pub(super) fn profile(&self) -> &str {
        &self.profile
    }

    /// Decodes `sent` by the inner profile into `out`; what is wrong with it is a part of the uplink
    /// named `inner`, or `[2].inner` of a record. Times and devices that it does not say are those of `group`.
    pub(super) fn decode(
        &self,
        sent: &[u8],
        group: u32,
        around: Around<'_>,
        out: &mut Decoded<'_>,
    ) {
        if let Err(mut fault) = self.read_into(sent, group, around, out) {
            let place = out.group(group).and_then(|group| group.at);
            let place = place.map_or_else(String::new, |at| format!("[{at}]."));
            fault.part = if fault.part.is_empty() {
                format!("{place}inner")
            } else {
                format!("{place}inner.{}", fault.part)
            };
            fault.byte = None;
            out.faults.push(fault);
        }
    }

    fn read_into(
        &self,
        sent: &[u8],
        group: u32,
        around: Around<'_>,
        out: &mut Decoded<'_>,
    ) -> Result<(), Fault> {
        let name = self.name(out, group, around)?;
        let Some(codec) = around.profiles.find(name) else {
            let sentence = format!("no profile `{}` is known here", quote(name));
            return Err(Fault::whole(Reason::UnknownProfile, sentence));
        };
        if let Codec::File(profile) = codec
            && profile.has_inner()
        {
            let sentence =
                format!("profile `{name}` has an inner payload itself; two deep is not followed");
            return Err(Fault::whole(Reason::TooDeep, sentence));
        }
        let bytes = self.bytes(sent)?;
        let profile_of = |name: &str| (around.profile_of)(name);
        let within = Around {
            limits: Limits {
                readings_max: around.limits.readings_max.saturating_sub(out.samples.len()),
            },
            profiles: around.profiles,
            profile_of: &profile_of,
        };
        let mut decoded = Decoded {
            trace: out.trace.as_ref().map(|_| Trace::default()),
            ..Decoded::default()
        };
        let done = codec.decode(&bytes, within, &mut decoded);
        show(&mut decoded, group, out);
        done?;
        let knows = |name: &str| (around.profile_of)(name).is_some();
        merge(decoded, group, &knows, out);
        Ok(())
    }

    fn name<'n, 'a: 'n>(
        &'n self,
        out: &Decoded<'_>,
        group: u32,
        around: Around<'a>,
    ) -> Result<&'n str, Fault> {
        if !self.profile.is_empty() {
            return Ok(&self.profile);
        }
        let device = out.device_of(group).or(out.sender.as_deref());
        let found = device.and_then(|device| (around.profile_of)(device));
        let found = found.filter(|name| !name.is_empty());
        found.ok_or_else(|| {
            let sentence = match device {
                Some(device) => format!("the inventory gives `{}` no profile", quote(device)),
                None => "nothing says whose profile it needs".to_owned(),
            };
            Fault::whole(Reason::UnknownProfile, sentence)
        })
    }

    fn bytes<'b>(&self, sent: &'b [u8]) -> Result<Cow<'b, [u8]>, Fault> {
        match self.encoding {
            Encoding::Text => Ok(Cow::Borrowed(sent)),
            Encoding::Hex => hex(sent).map(Cow::Owned),
            Encoding::Base64 => base64(sent).map(Cow::Owned),
        }
    }
}

/// Bytes out of hex digits, blanks between them allowed.
pub(super) fn hex(text: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for (at, byte) in text.iter().enumerate() {
        if byte.is_ascii_whitespace() {
            continue;
        }
        let Some(digit) = char::from(*byte)
            .to_digit(16)
            .and_then(|d| u8::try_from(d).ok())
        else {
            let sentence = format!("byte {at} (0x{byte:02x}) is no hex digit");
            return Err(Fault::whole(Reason::Malformed, sentence));
        };
        match high.take() {
            None => high = Some(digit),
            Some(first) => bytes.push(first << 4 | digit),
        }
    }
    if high.is_some() {
        let sentence = "an odd number of hex digits: half a byte is missing";
        return Err(Fault::whole(Reason::Truncated, sentence));
    }
    Ok(bytes)
}

/// Bytes out of base64 of either alphabet, with or without padding.
pub(super) fn base64(text: &[u8]) -> Result<Vec<u8>, Fault> {
    let text = text.trim_ascii();
    let url = text.iter().any(|byte| matches!(byte, b'-' | b'_'));
    let padded = text.ends_with(b"=");
    let read = match (url, padded) {
        (true, true) => URL_SAFE.decode(text),
        (true, false) => URL_SAFE_NO_PAD.decode(text),
        (false, true) => STANDARD.decode(text),
        (false, false) => STANDARD_NO_PAD.decode(text),
    };
    read.map_err(|error| Fault::whole(Reason::Malformed, format!("no base64: {error}")))
}

/// Puts its pieces behind those that are there. Their places are bytes of the inner payload.
fn show(inner: &mut Decoded<'_>, outer: u32, out: &mut Decoded<'_>) {
    let before = out.samples.len();
    let record = out.group(outer).and_then(|group| group.at);
    let record = record.map_or_else(String::new, |at| format!("[{at}]."));
    let pieces = inner
        .trace
        .take()
        .into_iter()
        .flat_map(|trace| trace.pieces);
    let Some(trace) = &mut out.trace else { return };
    trace.pieces.extend(pieces.map(|piece| Traced {
        spot: match piece.spot {
            Spot::Bytes(range) if range.len() == 1 => {
                Spot::Path(format!("{record}inner {}", range.start))
            }
            Spot::Bytes(range) => Spot::Path(format!(
                "{record}inner {}..{}",
                range.start,
                range.end.saturating_sub(1)
            )),
            Spot::Path(path) => Spot::Path(format!("{record}inner {path}")),
        },
        sample: piece.sample.map(|sample| sample + before),
        ..piece
    }));
}

/// Puts what an inner payload said beside what is there. A sender of its own that the inventory knows is
/// a device that the envelope's reports for; one that it does not know says nothing against that.
fn merge(inner: Decoded<'_>, outer: u32, knows: &dyn Fn(&str) -> bool, out: &mut Decoded<'_>) {
    let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
    let (devices, groups) = (count(out.devices.len()), count(out.groups.len()));
    let (device, time) = match out.group(outer) {
        Some(group) => (group.device, group.clone().into_owned().time),
        None => (None, SentTime::Absent),
    };
    // Beside names that the envelope gave, an address is looked up like them.
    out.addressed |= inner.addressed && out.devices.is_empty();
    let envelope = out.device_of(outer).or(out.sender.as_deref());
    let other = |name: &&str| envelope.is_some_and(|envelope| envelope != *name) && knows(name);
    let other = inner.sender.as_deref().filter(other).map(str::to_owned);
    let named = other
        .is_some()
        .then(|| count(inner.devices.len()) + devices);
    out.devices.extend(inner.devices.into_iter().map(owned));
    out.devices.extend(other.map(Cow::Owned));
    for group in inner.groups {
        let own = group.into_owned();
        out.open(Group {
            device: own.device.map(|at| at + devices).or(named).or(device),
            parent: own.parent.map(|at| at + groups),
            at: own.at,
            time: match own.time {
                SentTime::Absent => time.clone(),
                time => time,
            },
        });
    }
    for sample in inner.samples {
        out.samples.push(Sample {
            group: sample.group + groups,
            ..sample.into_owned()
        });
    }
    for note in inner.notes {
        out.notes.push(Note {
            group: note.group + groups,
            ..note.into_owned()
        });
    }
    let faults = inner.faults.list().iter().cloned();
    // A byte of the inner payload is none of the uplink's.
    out.faults.extend(faults.map(|fault| Fault {
        byte: None,
        ..fault
    }));
    out.faults.extend(inner.faults.summary());
    if out.sender.is_none() {
        out.sender = inner.sender.map(owned);
        out.via = inner.via.map(owned);
    }
}
