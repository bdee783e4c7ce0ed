//! The frame around the data: `68 T A0..A6 C L DATA CS 16`.
use super::meter::Meter;
use super::piece::{Fate, Piece};
use crate::codecs::frames::{Unframed, checksum};
use crate::codecs::{Decoded, Fault, Reason};

/// `68 T A0..A6 C L`.
const HEAD_BYTES: usize = 11;
/// `CS 16`.
const TAIL_BYTES: usize = 2;
const START: u8 = 0x68;
const END: u8 = 0x16;

/// The control code C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Control(pub(super) u8);

impl Control {
    /// Does it come from a meter, rather than from who asks?
    pub(super) const fn is_reply(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// The meter could not do what it was asked.
    pub(super) const fn is_error(self) -> bool {
        self.0 & 0xC0 == 0xC0
    }

    /// Is it about reading data?
    pub(super) const fn is_read(self) -> bool {
        self.0 & 0x1F == 0x01
    }

    /// What is asked for; `None`: not of the standard.
    pub(super) const fn function(self) -> Option<&'static str> {
        if self.0 & 0x20 != 0 && self.0 & 0x1F != 0x01 {
            // 2A and AA: a vendor's valve. The standard has more frames behind readings only.
            return None;
        }
        Some(match self.0 & 0x1F {
            0x01 => "read data",
            0x03 => "read address",
            0x04 => "write data",
            0x09 => "read key version",
            0x0A => "read standard data",
            0x15 => "write address",
            0x16 => "write synchronisation",
            _ => return None,
        })
    }

    /// For a person: "read data, reply".
    pub(super) fn words(self) -> String {
        let mut words = self.function().unwrap_or("a vendor's function").to_owned();
        words.push_str(match (self.is_reply(), self.is_error()) {
            (false, _) => ", request",
            (true, false) => ", reply",
            (true, true) => ", error reply",
        });
        if self.function().is_some() && self.0 & 0x20 != 0 {
            words.push_str(", more follows");
        }
        words
    }
}

/// One frame, whose checks hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'p> {
    pub(super) meter: Meter,
    pub(super) control: Control,
    head: Piece<'p>,
    /// DI, SER and what follows.
    pub(super) data: Piece<'p>,
    tail: Piece<'p>,
}

/// Bytes of the frame that begins at the first byte. Less than its head says too little to know it by.
pub(super) fn measure(bytes: &[u8]) -> Result<usize, Unframed> {
    let Some([START, kind, .., control, len]) = bytes.first_chunk::<HEAD_BYTES>() else {
        return Err(Unframed::Other);
    };
    if !Meter::is_type(*kind) {
        return Err(Unframed::Other);
    }
    let whole = HEAD_BYTES + usize::from(*len) + TAIL_BYTES;
    let frame = bytes.get(..whole);
    match frame.and_then(<[u8]>::split_last_chunk::<TAIL_BYTES>) {
        Some((before, [sent, END])) if checksum(before) == *sent => Ok(whole),
        // Only what the standard has can be damaged: a vendor's function is known by its sum.
        _ if Control(*control).function().is_none() => Err(Unframed::Other),
        None => {
            let there = bytes.len();
            let sentence = format!(
                "cut at byte {there}: its length at byte 10 is {len}, so that it has {whole} bytes"
            );
            let fault = Fault::whole(Reason::Truncated, sentence).at(there);
            Err(Unframed::Damaged(fault))
        }
        Some((before, [sent, END])) => {
            let (at, sum) = (before.len(), checksum(before));
            let sentence =
                format!("check sum at byte {at} is {sent:02x}; the bytes before it give {sum:02x}");
            let fault = Fault::whole(Reason::BadChecksum, sentence).at(at);
            Err(Unframed::Broken { fault, len: whole })
        }
        Some((before, [_, end])) => {
            let at = before.len() + 1;
            let sentence = format!("byte {at} is {end:02x}; a frame ends with 16");
            let fault = Fault::whole(Reason::Malformed, sentence).at(at);
            Err(Unframed::Damaged(fault))
        }
    }
}

impl<'p> Frame<'p> {
    /// Takes a frame apart that [`measure`] has measured.
    pub(super) fn of(whole: Piece<'p>) -> Option<Self> {
        let (head, rest) = whole.split(HEAD_BYTES)?;
        let (data, tail) = rest.split(rest.bytes.len().checked_sub(TAIL_BYTES)?)?;
        let [_, kind, address @ .., control, _] = *head.bytes.first_chunk::<HEAD_BYTES>()?;
        Some(Self {
            meter: Meter { kind, address },
            control: Control(control),
            head,
            data,
            tail,
        })
    }

    /// What lies before the data.
    pub(super) fn show_head(&self, out: &mut Decoded<'_>) {
        let mut rest = self.head;
        let mut piece = |len: usize, out: &mut Decoded<'_>, told: &dyn Fn() -> Fate| {
            if let Some((own, behind)) = rest.split(len) {
                own.show(out, told);
                rest = behind;
            }
        };
        let meter = self.meter;
        piece(1, out, &|| Fate::plain("start"));
        piece(1, out, &|| {
            Fate::plain(format!("type {:02X}, {}", meter.kind, meter.words()))
        });
        piece(7, out, &|| Fate {
            became: format!("address {}", meter.digits()),
            note: if meter.is_nobody() {
                "any meter".to_owned()
            } else {
                String::new()
            },
            ..Fate::default()
        });
        let control = self.control;
        piece(1, out, &|| {
            Fate::plain(format!("control {:02X}, {}", control.0, control.words()))
        });
        let len = self.data.bytes.len();
        piece(1, out, &|| Fate::plain(format!("length {len}")));
    }

    /// What lies behind it.
    pub(super) fn show_tail(&self, out: &mut Decoded<'_>) {
        if let Some((sum, end)) = self.tail.split(1) {
            sum.show(out, || Fate::plain("check sum"));
            end.show(out, || Fate::plain("end"));
        }
    }
}
