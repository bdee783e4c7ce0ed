//! DL/T 698.45: electricity meters and terminals, object oriented.
//!
//! ```text
//!  link.rs     68 L C AF SA CA HCS APDU FCS 16, checks         crc.rs      CRC-16/X.25
//!  apdu.rs     APDU out of one frame or several, unscrambled, and its places in the payload
//!  service.rs  GET-Response, REPORT-Notification, SECURITY-Response, requests
//!  record.rs   rows of a freeze                                data.rs     A-XDR: types and values
//!  object.rs   OAD -> quantities                               value.rs    values -> samples, by reader.rs
//!  status.rs   status words, as in DL/T 645                    words.rs    names of errors and services
//! ```
//! Decisions: decimals are those of an object's definition, since a reply has the whole number alone. Null is a
//! value that the meter does not have, and so is an unsigned number of all ones. An OAD that is not of the tables
//! here is a fault that names it; what stands beside it stays. Checks cover the bytes as sent; scrambling (33 on
//! every byte) is taken off behind them.
mod apdu;
mod crc;
mod data;
mod link;
mod object;
mod reader;
mod record;
mod service;
mod status;
#[cfg(test)]
mod tests;
mod value;
mod words;

use self::apdu::Apdu;
use self::link::Head;
use self::reader::Reader;
use super::frames::{Framing, hex};
use super::{Decoded, Fault, Reason, Spot, Told, Traced};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

pub(super) const FRAMING: Framing = Framing {
    name: "dlt698",
    frame: link::frame,
    read,
};

/// Numbers of frames of one APDU run from 0 to this, and then from 0 again.
const NUMBER_MAX: u16 = 0xfff;

/// An APDU whose last frame has not come.
struct Open {
    apdu: Apdu,
    /// First byte of its first frame.
    frame: usize,
    next: u16,
}

/// Whose APDU it is: C without the bits that change from frame to frame, and the address.
type Key = (u8, String);

fn read(payload: &[u8], frames: &[Range<usize>], told: Told<'_>, out: &mut Decoded<'_>) {
    let mut open: BTreeMap<Key, Open> = BTreeMap::new();
    for place in frames {
        let frame = payload.get(place.clone()).unwrap_or_default();
        let Some(head) = Head::of(frame) else {
            continue;
        };
        let address = head.digits(frame);
        around(payload, place, &head, &address, out);
        let part = place.start + head.apdu..place.end.saturating_sub(3);
        let is_nobody = head.address_type() != "single" || address.contains('a');
        let device = if is_nobody {
            None
        } else {
            device(&address, out)
        };
        let whole = if head.is_split() {
            let key = (head.control & 0xc0, address);
            join(payload, part, &head, (key, place.start), &mut open, out)
        } else {
            let mut apdu = Apdu::default();
            apdu.append(payload, part, head.is_scrambled());
            Some((apdu, place.start))
        };
        if let Some((apdu, start)) = whole {
            let mut reader = Reader::new(payload, &apdu, start, device, out);
            reader.readings_max = told.limits.readings_max;
            service::read(&mut reader);
        }
    }
    for (_, open) in open {
        incomplete(payload, &open, out);
    }
}

/// Index of the meter of an address.
fn device(address: &str, out: &mut Decoded<'_>) -> Option<u32> {
    let alias = format!("dlt698:{address}");
    if out.devices.last().is_none_or(|last| *last != alias) {
        out.devices.push(Cow::Owned(alias));
    }
    u32::try_from(out.devices.len() - 1).ok()
}

/// Adds a frame's part to its APDU; gives the APDU and its first frame where the part is the last one.
///
/// A part begins with a number in 12 bits and a kind in two: 0 the first, 3 further ones, 1 the last, 2 a receipt.
fn join(
    payload: &[u8],
    part: Range<usize>,
    head: &Head,
    (key, frame): (Key, usize),
    open: &mut BTreeMap<Key, Open>,
    out: &mut Decoded<'_>,
) -> Option<(Apdu, usize)> {
    let mut field = Apdu::default();
    let after = (part.start + 2).min(part.end);
    field.append(payload, part.start..after, head.is_scrambled());
    let Some([low, high]) = field.bytes.first_chunk::<2>().copied() else {
        let found = part.len();
        let sentence =
            format!("{found} bytes of data, and a part of an APDU begins with two of its number");
        lost(frame, sentence, out);
        piece(payload, part, "", out);
        return None;
    };
    let (number, kind) = (u16::from_le_bytes([low, high & 0x0f]), high >> 6);
    let words = ["the first", "the last", "a receipt", "a further one"];
    let word = words.get(usize::from(kind)).copied().unwrap_or_default();
    piece(
        payload,
        part.start..after,
        &format!("part {number}, {word}"),
        out,
    );
    if kind == 2 {
        piece(payload, after..part.end, "data", out);
        return None;
    }
    let previous = open.remove(&key);
    let mut this = match previous {
        Some(previous) if kind != 0 && previous.next == number => previous,
        previous => {
            if let Some(previous) = previous {
                incomplete(payload, &previous, out);
            }
            if kind != 0 {
                let sentence = format!(
                    "part {number} of an APDU in several frames, of which the part before is not in this uplink"
                );
                lost(frame, sentence, out);
                piece(payload, after..part.end, "", out);
                return None;
            }
            Open {
                apdu: Apdu::default(),
                frame,
                next: number,
            }
        }
    };
    this.apdu
        .append(payload, after..part.end, head.is_scrambled());
    this.next = (number + 1) & NUMBER_MAX;
    if kind == 1 {
        return Some((this.apdu, this.frame));
    }
    open.insert(key, this);
    None
}

/// The fault of an APDU whose end is not there.
fn incomplete(payload: &[u8], open: &Open, out: &mut Decoded<'_>) {
    for place in open.apdu.places(0..open.apdu.bytes.len()) {
        piece(payload, place, "", out);
    }
    let sentence = format!(
        "an APDU in several frames, of which part {} is not in this uplink",
        open.next
    );
    lost(open.frame, sentence, out);
}

fn lost(frame: usize, sentence: String, out: &mut Decoded<'_>) {
    let part = format!("frame at byte {frame}");
    out.faults
        .push(Fault::part(Reason::Truncated, part, sentence));
}

/// Shows all of a frame but its APDU.
fn around(payload: &[u8], place: &Range<usize>, head: &Head, address: &str, out: &mut Decoded<'_>) {
    if out.trace.is_none() {
        return;
    }
    let at = place.start;
    let sa = at + 5 + head.address_len;
    let apdu = at + head.apdu;
    let fcs = place.end - 3;
    let logical = head.address >> 4 & 3;
    let kind = format!(
        "{} address of {} bytes, logical {logical}",
        head.address_type(),
        head.address_len
    );
    for (range, became) in [
        (at..at + 1, "start".to_owned()),
        (at + 1..at + 3, format!("length {}", head.len - 2)),
        (at + 3..at + 4, format!("control: {}", head.control_words())),
        (at + 4..at + 5, kind),
        (at + 5..sa, format!("address {address}")),
        (sa..sa + 1, "client address".to_owned()),
        (sa + 1..apdu, "head check (HCS)".to_owned()),
        (fcs..place.end - 1, "frame check (FCS)".to_owned()),
        (place.end - 1..place.end, "end".to_owned()),
    ] {
        piece(payload, range, &became, out);
    }
}

fn piece(payload: &[u8], place: Range<usize>, became: &str, out: &mut Decoded<'_>) {
    if !place.is_empty() {
        out.show(|| Traced {
            sent: hex(payload.get(place.clone()).unwrap_or_default()),
            spot: Spot::Bytes(place),
            became: became.to_owned(),
            sample: None,
            note: String::new(),
        });
    }
}
