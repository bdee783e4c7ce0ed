//! DL/T 645-2007: what a meter of electricity answers.
//!
//! ```text
//!  [FE ..] 68 A0..A5 68 C L DATA CS 16        DATA: DI0..DI3, values, [SEQ], each byte + 0x33
//! ```
//! [`Item`]s are the data, plain; a [`Reply`] puts one into a frame, or into several where it is long.
mod items;

pub use items::{Demand, Energy, FrozenAt, Item, Measured};

use super::{END, PREAMBLE, START, bcd::Field, sum};

/// Most bytes of DATA in a reply to a read (§7.1.5).
pub const DATA_MAX: usize = 200;
/// Added to every byte of DATA.
const OFFSET: u8 = 0x33;
/// Set in a meter's answers.
const FROM_METER: u8 = 0x80;
const ERROR: u8 = 0x40;
const MORE: u8 = 0x20;

/// Functions, the low five bits of the control byte.
pub mod function {
    /// Broadcast time.
    pub const SET_TIME: u8 = 0x08;
    /// Read data.
    pub const READ: u8 = 0x11;
    /// Read what did not fit into the answer before.
    pub const READ_NEXT: u8 = 0x12;
    /// Read the address.
    pub const READ_ADDRESS: u8 = 0x13;
    /// Write data.
    pub const WRITE: u8 = 0x14;
    /// Write the address.
    pub const WRITE_ADDRESS: u8 = 0x15;
    /// Freeze.
    pub const FREEZE: u8 = 0x16;
    /// Relay, alarm, power protection.
    pub const CONTROL: u8 = 0x1c;
}

/// Who answers, and how its line begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// 12 decimal digits; [`Link::ANY`] for the wildcard, [`Link::ALL`] for a broadcast.
    pub address: u64,
    /// FE bytes before the frame: 0 to 4 in the standard.
    pub preamble: u8,
}

impl Link {
    /// AA in all six bytes: whichever meter is on the line.
    pub const ANY: u64 = u64::MAX;
    /// 99 in all six bytes: every meter.
    pub const ALL: u64 = 999_999_999_999;

    /// A meter whose frames begin with 68.
    pub const fn of(address: u64) -> Self {
        Self {
            address,
            preamble: 0,
        }
    }

    fn digits(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(6);
        if self.address == Self::ANY {
            out.resize(6, 0xaa);
        } else {
            Field::register(6).put(&mut out, i64::try_from(self.address).ok());
        }
        out
    }

    /// Appends a frame of this control byte with plain data, cut to 255 bytes.
    fn frame(self, control: u8, data: &[u8], out: &mut Vec<u8>) {
        out.resize(out.len() + usize::from(self.preamble), PREAMBLE);
        let start = out.len();
        out.push(START);
        out.extend(self.digits());
        let len = u8::try_from(data.len()).unwrap_or(u8::MAX);
        out.extend([START, control, len]);
        let data = data.iter().take(len.into());
        out.extend(data.map(|byte| byte.wrapping_add(OFFSET)));
        let check = sum(out.get(start..).unwrap_or_default());
        out.extend([check, END]);
    }
}

/// An answer to a read: one frame, and as many following ones as its data needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Who answers.
    pub link: Link,
    /// What.
    pub item: Item,
    /// Most bytes of values in one frame: [`DATA_MAX`] less the identifier and the sequence number, or
    /// less. Frames are cut between values.
    pub values_max: usize,
}

impl Reply {
    /// In frames as long as the standard allows.
    pub const fn of(link: Link, item: Item) -> Self {
        Self {
            link,
            item,
            values_max: DATA_MAX - 5,
        }
    }

    /// Appends its frames, all of them, in order.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for frame in self.frames() {
            out.extend(frame);
        }
    }

    /// Its frames: the first answers a read (91, or B1 where more follow), the others each a read of
    /// what follows (92 or B2, with a sequence number from 1).
    pub fn frames(&self) -> Vec<Vec<u8>> {
        let width = self.item.width.max(1);
        let most = self.values_max.clamp(width, 250) / width * width;
        let values = &self.item.values;
        let count = values.len().div_ceil(most).max(1);
        let mut parts = values.chunks(most);
        let frame = |number: usize| {
            let mut data = self.item.di.to_le_bytes().to_vec();
            data.extend(parts.next().unwrap_or_default());
            let mut control = FROM_METER | function::READ;
            if number > 0 {
                control = FROM_METER | function::READ_NEXT;
                data.push(u8::try_from(number).unwrap_or(u8::MAX));
            }
            if number + 1 < count {
                control |= MORE;
            }
            let mut out = Vec::new();
            self.link.frame(control, &data, &mut out);
            out
        };
        (0..count).map(frame).collect()
    }
}

/// An error answer (§7.1.6): `68 A 68 D1 01 word CS 16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who answers.
    pub link: Link,
    /// Which function it refuses, of [`function`].
    pub function: u8,
    /// Bit 0 other, 1 no such data, 2 no authority, 3 baud rate, 4 zones, 5 day tables, 6 tariffs.
    pub word: u8,
}

impl Refusal {
    /// Appends its frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let control = FROM_METER | ERROR | self.function;
        self.link.frame(control, &[self.word], out);
    }
}

/// The answer to a read of the address (§7.3): 93, with the address as its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Who answers.
    pub link: Link,
}

impl Address {
    /// Appends its frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let control = FROM_METER | function::READ_ADDRESS;
        self.link.frame(control, &self.link.digits(), out);
    }
}

/// Any other frame: a request of the master, or an answer without values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// Whose address it bears.
    pub link: Link,
    /// The whole control byte.
    pub control: u8,
    /// Plain, without the offset; cut to 255 bytes.
    pub data: Vec<u8>,
}

impl Other {
    /// A read request for a data identifier.
    pub fn read(link: Link, di: u32) -> Self {
        Self {
            link,
            control: function::READ,
            data: di.to_le_bytes().to_vec(),
        }
    }

    /// Appends its frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.link.frame(self.control, &self.data, out);
    }
}

#[cfg(test)]
mod tests;
