//! The frame: `68 A0..A5 68 C L DATA CS 16` (DL/T 645-2007 5.2; 1997 is the same).
//!
//! Data bytes are sent + 0x33; the check sum is taken over the bytes as sent, from the first 68.
//! An address is 12 decimal digits, lowest byte first; `AA` stands for any two digits.
use super::control::Control;
use crate::codecs::frames::{Unframed, checksum};
use crate::codecs::{Fault, Reason};
use std::ops::Range;

const START: u8 = 0x68;
const END: u8 = 0x16;
const WILDCARD: u8 = 0xaa;
/// What each byte of the data field is sent more than it means.
const OFFSET: u8 = 0x33;
/// Places in a frame.
const ADDRESS: Range<usize> = 1..7;
const SECOND_START: usize = 7;
const CONTROL: usize = 8;
const LENGTH: usize = 9;
const DATA: usize = 10;
/// Bytes of a frame without data.
const LEAST: usize = 12;

/// A frame whose checks hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Place in the payload of its first byte.
    pub(super) start: usize,
    /// Lowest byte first.
    pub(super) address: [u8; 6],
    pub(super) control: Control,
    /// Place of the data field in the payload.
    pub(super) data: Range<usize>,
}

/// Bytes of the frame that begins at the first byte.
///
/// # Errors
/// None does, or it is cut or damaged.
pub(super) fn frame(bytes: &[u8]) -> Result<usize, Unframed> {
    if bytes.first() != Some(&START) {
        return Err(Unframed::Other);
    }
    match bytes.get(SECOND_START) {
        Some(&START) => {}
        None if bytes.iter().skip(1).all(|byte| is_address(*byte)) => {
            return Err(cut(bytes.len(), LEAST));
        }
        Some(_) | None => return Err(Unframed::Other),
    }
    let Some(length) = bytes.get(LENGTH) else {
        return Err(cut(bytes.len(), LEAST));
    };
    let len = LEAST + usize::from(*length);
    let Some([before @ .., sum, end]) = bytes.get(..len) else {
        return Err(cut(bytes.len(), len));
    };
    if *end != END {
        let sentence = format!(
            "byte {} is {end:02x}; with the {length} bytes of data that byte {LENGTH} names, the frame ends there, with 16",
            len - 1
        );
        let fault = Fault::whole(Reason::Malformed, sentence).at(len - 1);
        return Err(Unframed::Damaged(fault));
    }
    let own = checksum(before);
    if own != *sum {
        let sentence = format!(
            "check sum at byte {} is {sum:02x}; the bytes before it give {own:02x}",
            len - 2
        );
        return Err(broken(Reason::BadChecksum, sentence, (len - 2, len)));
    }
    let address = before.get(ADDRESS).unwrap_or_default();
    if let Some(at) = address.iter().position(|byte| !is_address(*byte)) {
        let byte = address.get(at).copied().unwrap_or_default();
        let sentence = format!(
            "byte {} of the address is {byte:02x}: no two decimal digits, and no AA",
            ADDRESS.start + at
        );
        return Err(broken(
            Reason::InvalidBcd,
            sentence,
            (ADDRESS.start + at, len),
        ));
    }
    Ok(len)
}

fn broken(reason: Reason, sentence: String, (at, len): (usize, usize)) -> Unframed {
    let fault = Fault::whole(reason, sentence).at(at);
    Unframed::Broken { fault, len }
}

fn cut(len: usize, whole: usize) -> Unframed {
    let sentence = format!("it ends after {len} bytes of {whole}");
    Unframed::Damaged(Fault::whole(Reason::Truncated, sentence).at(len))
}

/// A byte of a data field as it is meant.
pub(super) const fn meant(sent: u8) -> u8 {
    sent.wrapping_sub(OFFSET)
}

const fn is_digits(byte: u8) -> bool {
    byte >> 4 <= 9 && byte & 0xf <= 9
}

const fn is_address(byte: u8) -> bool {
    is_digits(byte) || byte == WILDCARD
}

/// Six bytes, lowest first, as 12 digits.
pub(super) fn digits(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes.iter().rev() {
        // A string takes whatever is written.
        let _ = write!(text, "{byte:02X}");
    }
    text
}

impl Frame {
    /// The frame at this place, which [`frame`] has found.
    pub(super) fn at(payload: &[u8], place: &Range<usize>) -> Option<Self> {
        let bytes = payload.get(place.clone())?;
        let address = bytes.get(ADDRESS)?.try_into().ok()?;
        let control = Control::new(*bytes.get(CONTROL)?);
        let len = usize::from(*bytes.get(LENGTH)?);
        let data = place.start + DATA;
        payload.get(data..data + len)?;
        Some(Self {
            start: place.start,
            address,
            control,
            data: data..data + len,
        })
    }

    /// `dlt645:000000000161`; `None`: a wildcard or the broadcast address, which are nobody's.
    pub(super) fn alias(&self) -> Option<String> {
        let nobody = self.address.contains(&WILDCARD) || self.address == [0x99; 6];
        (!nobody).then(|| format!("dlt645:{}", digits(&self.address)))
    }

    /// Its data as it is meant.
    pub(super) fn meant<'p>(&self, payload: &'p [u8]) -> impl Iterator<Item = u8> + 'p {
        let sent = payload.get(self.data.clone()).unwrap_or_default();
        sent.iter().map(|byte| meant(*byte))
    }

    /// Places in the payload: start, address, second start, control, length.
    pub(super) const fn places(&self) -> [Range<usize>; 5] {
        let at = self.start;
        [
            at..at + 1,
            at + ADDRESS.start..at + ADDRESS.end,
            at + SECOND_START..at + CONTROL,
            at + CONTROL..at + LENGTH,
            at + LENGTH..at + DATA,
        ]
    }
}
