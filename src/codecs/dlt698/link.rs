//! The link layer: `68 L C AF SA CA HCS APDU FCS 16`.
//!
//! ```text
//!  68 | L, 2 bytes | C | AF | SA, (AF & 15) + 1 bytes | CA | HCS | APDU | FCS | 16
//!     '--------------------- HCS: CRC-16/X.25 -------------'            '
//!     '--------------------- FCS: the same, over the head too ----------'
//! ```
//! L counts the bytes between 68 and 16. SA, L and both checks go low byte first.
use super::crc;
use crate::codecs::frames::Unframed;
use crate::codecs::{Fault, Reason};

/// Last byte of a frame.
const END: u8 = 0x16;
/// L has 14 bits.
const LENGTH_MAX: usize = 1 << 14;
/// Bytes before SA: start, L, C, AF.
const BEFORE_ADDRESS: usize = 5;
/// Bytes of the head behind SA: CA, HCS.
const AFTER_ADDRESS: usize = 3;
/// Tags that an APDU begins with.
const TAGS: &[u8] = &[
    0x01, 0x02, 0x03, 0x05, 0x06, 0x07, 0x08, 0x09, 0x10, 0x6e, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86,
    0x87, 0x88, 0x89, 0x90, 0xee,
];

/// What the head of a frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// C as sent.
    pub(super) control: u8,
    /// AF as sent.
    pub(super) address: u8,
    /// Bytes of SA.
    pub(super) address_len: usize,
    /// First byte of the APDU, counted from the start byte.
    pub(super) apdu: usize,
    /// Bytes of the frame.
    pub(super) len: usize,
}

impl Head {
    /// What the first bytes say, where they can be the head of a frame. No check is made.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let [0x68, low, high, control, address, ..] = bytes else {
            return None;
        };
        // Functions 1 (link) and 3 (user data); one bit is reserved.
        if !matches!(control & 0x17, 1 | 3) {
            return None;
        }
        let address_len = usize::from(address & 15) + 1;
        Some(Self {
            control: *control,
            address: *address,
            address_len,
            apdu: BEFORE_ADDRESS + address_len + AFTER_ADDRESS,
            len: usize::from(u16::from_le_bytes([*low, *high]) & 0x3fff) + 2,
        })
    }

    /// The APDU lies in several frames.
    pub(super) const fn is_split(&self) -> bool {
        self.control & 0x20 != 0
    }

    /// Every byte of the APDU is sent with 0x33 added.
    pub(super) const fn is_scrambled(&self) -> bool {
        self.control & 0x08 != 0
    }

    /// `reply to the client, user data, scrambled`, ..
    pub(super) fn control_words(&self) -> String {
        let mut words = match self.control >> 6 {
            0b11 => "reply to the client",
            0b10 => "report of the server",
            0b01 => "request of the client",
            _ => "answer to a report",
        }
        .to_owned();
        words.push_str(match self.control & 7 {
            1 => ", link",
            _ => ", user data",
        });
        if self.is_split() {
            words.push_str(", in several frames");
        }
        if self.is_scrambled() {
            words.push_str(", scrambled");
        }
        words
    }

    /// Bytes of the address: without the logical address that AF announces as its first one.
    pub(super) fn digits(&self, frame: &[u8]) -> String {
        let from = BEFORE_ADDRESS + usize::from(self.address & 0x20 != 0);
        let sent = frame.get(from..BEFORE_ADDRESS + self.address_len);
        let sent = sent.unwrap_or_default().iter().rev();
        let digits = sent.flat_map(|byte| [byte >> 4, byte & 15]);
        let digits: String = digits
            .filter_map(|digit| char::from_digit(u32::from(digit), 16))
            .collect();
        // An odd number of digits is filled up with one F.
        digits.trim_end_matches('f').to_owned()
    }

    /// `single`, `wildcard`, `group`, `broadcast`.
    pub(super) const fn address_type(&self) -> &'static str {
        match self.address >> 6 {
            0 => "single",
            1 => "wildcard",
            2 => "group",
            _ => "broadcast",
        }
    }
}

/// Bytes of the frame that begins at a 0x68.
///
/// # Errors
/// The bytes are no frame, or one that is damaged or cut.
pub(super) fn frame(bytes: &[u8]) -> Result<usize, Unframed> {
    let Some(head) = Head::of(bytes) else {
        return Err(Unframed::Other);
    };
    let Some(hcs_at) = head.apdu.checked_sub(2) else {
        return Err(Unframed::Other);
    };
    let (Some(checked), Some(hcs)) = (bytes.get(1..hcs_at), two(bytes, hcs_at)) else {
        return Err(cut_head(bytes, &head));
    };
    let ends = bytes.get(head.len - 1) == Some(&END);
    if crc::of(checked) != hcs {
        return Err(wrong_head(
            bytes,
            &head,
            (hcs_at, hcs, crc::of(checked)),
            ends,
        ));
    }
    if bytes
        .get(1..3)
        .is_some_and(|len| len.get(1).is_some_and(|high| high & 0x40 != 0))
    {
        let sentence = "its length is in KiB (bit 14 of L), which is not read";
        return Err(damaged(Reason::NotUnderstood, sentence));
    }
    if head.len < head.apdu + 3 {
        let sentence = format!(
            "length {} at byte 1 ends within the head of {} bytes",
            head.len - 2,
            head.apdu
        );
        return Err(damaged(Reason::Malformed, sentence));
    }
    if bytes.len() < head.len {
        let sentence = format!("cut after {} bytes of {}", bytes.len(), head.len);
        return Err(damaged(Reason::Truncated, sentence));
    }
    if !ends {
        let at = head.len - 1;
        let found = bytes.get(at).copied().unwrap_or_default();
        let sentence = format!("end byte at byte {at} is {found:02x}, not 16");
        return Err(damaged(Reason::Malformed, sentence));
    }
    let fcs_at = head.len - 3;
    let sent = two(bytes, fcs_at).unwrap_or_default();
    let made = crc::of(bytes.get(1..fcs_at).unwrap_or_default());
    if sent == made {
        return Ok(head.len);
    }
    Err(Unframed::Broken {
        fault: wrong_check("frame check (FCS)", fcs_at, sent, made),
        len: head.len,
    })
}

fn cut_head(bytes: &[u8], head: &Head) -> Unframed {
    if bytes.len() < BEFORE_ADDRESS + 6 || !has_digits(bytes, head) {
        return Unframed::Other;
    }
    let sentence = format!(
        "cut after {} bytes of {}, within its head",
        bytes.len(),
        head.len
    );
    damaged(Reason::Truncated, sentence)
}

/// A head whose check does not hold is one all the same where the rest of it looks like one.
fn wrong_head(bytes: &[u8], head: &Head, check: (usize, u16, u16), ends: bool) -> Unframed {
    let tag = bytes.get(head.apdu).is_none_or(|tag| TAGS.contains(tag));
    let tag = tag || head.is_scrambled() || head.is_split();
    if !tag || !has_digits(bytes, head) {
        return Unframed::Other;
    }
    let (at, sent, made) = check;
    let rest = bytes.get(3..at).unwrap_or_default();
    let length = usize::from(crc::first_two(rest, sent));
    // One that ends with 16, and a head whose check holds: the length alone is wrong.
    if !ends && length < LENGTH_MAX && bytes.get(length + 1) == Some(&END) {
        let end = bytes.get(head.len - 1).map_or_else(
            || "behind the last byte".to_owned(),
            |byte| format!("at {byte:02x}"),
        );
        let sentence = format!(
            "length {} at byte 1, by which it ends {end}; with {length} its head check (HCS) holds, and it \
             ends with 16",
            head.len - 2
        );
        let fault = Fault::whole(Reason::Malformed, sentence);
        let len = length + 2;
        return Unframed::Broken { fault, len };
    }
    let fault = wrong_check("head check (HCS)", at, sent, made);
    if ends && head.len >= head.apdu + 3 {
        let len = head.len;
        return Unframed::Broken { fault, len };
    }
    Unframed::Damaged(fault)
}

/// Is the address made of decimal digits, or of the AA of a wildcard?
fn has_digits(bytes: &[u8], head: &Head) -> bool {
    let address = bytes.get(BEFORE_ADDRESS..).unwrap_or_default();
    let address = address.iter().take(head.address_len);
    address
        .flat_map(|byte| [byte >> 4, byte & 15])
        .all(|digit| digit <= 10 || digit == 15)
}

fn wrong_check(what: &str, at: usize, sent: u16, made: u16) -> Fault {
    let sentence =
        format!("{what} at byte {at} is {sent:04x}; the bytes before it give {made:04x}");
    Fault::whole(Reason::BadChecksum, sentence).at(at)
}

fn damaged(reason: Reason, sentence: impl Into<String>) -> Unframed {
    Unframed::Damaged(Fault::whole(reason, sentence))
}

fn two(bytes: &[u8], at: usize) -> Option<u16> {
    let pair = bytes.get(at..)?.first_chunk::<2>()?;
    Some(u16::from_le_bytes(*pair))
}
