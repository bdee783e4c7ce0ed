//! A frame field by field, for `decode` and the trace.
use super::data::{Data, Field, hex};
use super::frame::{Frame, digits, meant};
use crate::codecs::frames::checksum;
use crate::codecs::{Decoded, Spot, Traced};
use std::ops::Range;

/// What is sent where nobody is to see it.
pub(super) const HIDDEN: &str = "(not shown)";

/// What a minute became: `time 2007-09-12T11:41:00`.
pub(super) fn time(time: Option<&str>) -> String {
    time.map_or_else(|| "time: not set".to_owned(), |time| format!("time {time}"))
}

/// A field of the data: as sent, and less 33. What goes on in the next frame is a piece of its own.
pub(super) fn field(
    payload: &[u8],
    data: &Data,
    field: Field,
    became: &str,
    sample: Option<usize>,
    note: &str,
) -> Vec<Traced> {
    let piece = |(at, place): (usize, Range<usize>)| {
        let first = at == 0;
        Traced {
            sent: both(payload.get(place.clone()).unwrap_or_default()),
            spot: Spot::Bytes(place),
            became: if first || became.is_empty() {
                became.to_owned()
            } else {
                format!("rest of {became}")
            },
            sample: sample.filter(|_| first),
            note: if first { note } else { "" }.to_owned(),
        }
    };
    let places = data.places(field).into_iter().enumerate();
    places.map(piece).collect()
}

/// `59 less 33: 26`.
fn both(sent: &[u8]) -> String {
    let plain: Vec<u8> = sent.iter().map(|byte| meant(*byte)).collect();
    format!("{} less 33: {}", hex(sent), hex(&plain))
}

/// A piece of the data field, by its place in the payload.
pub(super) fn piece(payload: &[u8], place: Range<usize>, became: String, note: &str) -> Traced {
    Traced {
        sent: both(payload.get(place.clone()).unwrap_or_default()),
        spot: Spot::Bytes(place),
        became,
        sample: None,
        note: note.to_owned(),
    }
}

/// A piece that nobody is to see.
pub(super) fn secret(place: Range<usize>, became: &str) -> Traced {
    Traced {
        spot: Spot::Bytes(place),
        sent: HIDDEN.to_owned(),
        became: became.to_owned(),
        sample: None,
        note: String::new(),
    }
}

/// All of a frame but its data.
pub(super) fn around(payload: &[u8], frame: &Frame, out: &mut Decoded<'_>) {
    if out.trace.is_none() {
        return;
    }
    let mut plain = |place: Range<usize>, became: String| {
        out.show(|| Traced {
            sent: hex(payload.get(place.clone()).unwrap_or_default()),
            spot: Spot::Bytes(place),
            became,
            sample: None,
            note: String::new(),
        });
    };
    let [start, address, second, control, length] = frame.places();
    plain(start, "start".to_owned());
    plain(address, format!("address {}", digits(&frame.address)));
    plain(second, "start".to_owned());
    plain(control, format!("control: {}", frame.control.words()));
    plain(length, format!("length {}", frame.data.len()));
    let end = frame.data.end;
    let sum = checksum(payload.get(frame.start..end).unwrap_or_default());
    plain(end..end + 1, format!("check sum {sum:02x}"));
    plain(end + 1..end + 2, "end".to_owned());
}
