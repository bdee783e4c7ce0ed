//! CJ/T 188: what meters of water, gas and heat answer.
//!
//! ```text
//!  [FE ..] 68 T A0..A6 C L DATA CS 16         DATA: DI (2), SER, values, each as it is
//! ```
//! Real meters differ in the order of the identifier, of value and unit, and of the clock: [`Layout`].
mod kept;

pub use kept::{Frozen, Settlement};

use super::{Clock, END, PREAMBLE, START, bcd::Field, sum, two};

/// A register or a rate, 8 digits.
const EIGHT: Field = Field::register(4);
const SIX: Field = Field::measured(3);
/// Current values.
const CURRENT: u16 = 0x901f;
const ADDRESS: u16 = 0x810a;

/// Unit bytes (annex of CJ/T 188).
pub mod unit {
    /// W.h
    pub const WH: u8 = 0x02;
    /// kW.h
    pub const KWH: u8 = 0x05;
    /// MW.h
    pub const MWH: u8 = 0x08;
    /// 100 MW.h
    pub const MWH_100: u8 = 0x0a;
    /// J
    pub const J: u8 = 0x01;
    /// kJ
    pub const KJ: u8 = 0x0b;
    /// MJ
    pub const MJ: u8 = 0x0e;
    /// GJ
    pub const GJ: u8 = 0x11;
    /// 100 GJ
    pub const GJ_100: u8 = 0x13;
    /// W
    pub const W: u8 = 0x14;
    /// kW
    pub const KW: u8 = 0x17;
    /// MW
    pub const MW: u8 = 0x1a;
    /// L
    pub const L: u8 = 0x29;
    /// m3
    pub const M3: u8 = 0x2c;
    /// L/h
    pub const L_H: u8 = 0x32;
    /// m3/h
    pub const M3_H: u8 = 0x35;
}

/// Orders in which meters disagree. The default is the standard's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// `90 1F` instead of `1F 90`.
    pub di_high_first: bool,
    /// The unit before its value.
    pub unit_first: bool,
    /// The clock as `YYYY MM DD hh mm ss` instead of the reverse.
    pub year_first: bool,
}

/// Who answers, and how its frames are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Type: 10 to 19 water, 20 to 29 heat, 30 to 39 gas, 40 to 49 others (hexadecimal).
    pub kind: u8,
    /// 14 decimal digits, those of the manufacturer first; [`Link::ANY`] for the wildcard.
    pub address: u64,
    /// FE bytes before the frame.
    pub preamble: u8,
    /// Its orders.
    pub layout: Layout,
}

impl Link {
    /// AA in all seven bytes.
    pub const ANY: u64 = u64::MAX;

    /// A meter that does as the standard says.
    pub fn of(kind: u8, address: u64) -> Self {
        Self {
            kind,
            address,
            preamble: 0,
            layout: Layout::default(),
        }
    }

    fn frame(self, control: u8, data: &[u8], out: &mut Vec<u8>) {
        out.resize(out.len() + usize::from(self.preamble), PREAMBLE);
        let start = out.len();
        out.extend([START, self.kind]);
        if self.address == Self::ANY {
            out.resize(out.len() + 7, 0xaa);
        } else {
            Field::register(7).put(out, i64::try_from(self.address).ok());
        }
        let len = u8::try_from(data.len()).unwrap_or(u8::MAX);
        out.extend([control, len]);
        out.extend(data.iter().take(len.into()));
        let check = sum(out.get(start..).unwrap_or_default());
        out.extend([check, END]);
    }

    /// Identifier and sequence number.
    fn data(self, di: u16, ser: u8) -> Vec<u8> {
        let mut data = Vec::with_capacity(48);
        data.extend(if self.layout.di_high_first {
            di.to_be_bytes()
        } else {
            di.to_le_bytes()
        });
        data.push(ser);
        data
    }

    fn quantity(self, quantity: Quantity, field: Field, out: &mut Vec<u8>) {
        if self.layout.unit_first {
            out.push(quantity.unit);
        }
        field.put(out, quantity.digits);
        if !self.layout.unit_first {
            out.push(quantity.unit);
        }
    }

    fn clock(self, clock: Clock, out: &mut Vec<u8>) {
        let at = match clock {
            Clock::Set(at) => at,
            Clock::Unset | Clock::Absent => {
                let byte = if clock == Clock::Unset { 0 } else { 0xff };
                out.resize(out.len() + 7, byte);
                return;
            }
        };
        let year = i32::from(at.year());
        let mut parts = [
            at.second().into(),
            at.minute().into(),
            at.hour().into(),
            at.day().into(),
            at.month().into(),
            year,
            year / 100,
        ];
        if self.layout.year_first {
            parts.reverse();
        }
        out.extend(parts.map(two));
    }
}

/// 8 digits and their unit. How many are behind the point is the meter's matter: two in volumes, heats
/// and powers, four in flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// Without the point; `None`: all FF.
    pub digits: Option<i64>,
    /// Of [`mod@unit`], or any other byte.
    pub unit: u8,
}

impl Quantity {
    /// Digits in a unit.
    pub const fn of(digits: i64, unit: u8) -> Self {
        Self {
            digits: Some(digits),
            unit,
        }
    }
}

/// Status: two bytes. Low first: valve in bits 0 and 1, battery in bit 2, the rest the maker's.
pub mod status {
    /// Valve open.
    pub const OPEN: [u8; 2] = [0, 0];
    /// Valve closed.
    pub const CLOSED: [u8; 2] = [1, 0];
    /// Valve out of order.
    pub const FAULT: [u8; 2] = [3, 0];
    /// Battery low, to be combined with the others.
    pub const BATTERY_LOW: u8 = 4;
}

/// The current values of a meter of water or gas: 901F, 22 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Who answers.
    pub link: Link,
    /// Sequence number of the request.
    pub ser: u8,
    /// The register.
    pub current: Quantity,
    /// The register at the last settlement.
    pub settlement: Quantity,
    /// The meter's clock.
    pub clock: Clock,
    /// In the order sent.
    pub status: [u8; 2],
}

impl Volume {
    /// Appends its frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let link = self.link;
        let mut data = link.data(CURRENT, self.ser);
        link.quantity(self.current, EIGHT, &mut data);
        link.quantity(self.settlement, EIGHT, &mut data);
        link.clock(self.clock, &mut data);
        data.extend(self.status);
        link.frame(0x81, &data, out);
    }
}

/// The current values of a meter of heat: 901F, 46 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heat {
    /// Who answers.
    pub link: Link,
    /// Sequence number of the request.
    pub ser: u8,
    /// Heat at the last settlement.
    pub settlement: Quantity,
    /// Heat.
    pub current: Quantity,
    /// Power.
    pub power: Quantity,
    /// Flow, four digits behind the point.
    pub flow: Quantity,
    /// Water that went through.
    pub volume: Quantity,
    /// Supply, in 0.01 Cel, 6 digits.
    pub supply: Option<i64>,
    /// Return, likewise.
    pub returned: Option<i64>,
    /// Hours of work, 6 digits.
    pub hours: Option<i64>,
    /// The meter's clock.
    pub clock: Clock,
    /// In the order sent.
    pub status: [u8; 2],
}

impl Heat {
    /// Appends its frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        self.frame([EIGHT, EIGHT, SIX, SIX, Field::register(3)], out);
    }

    /// The same in the shorter layout of 2018, 40 bytes: six digits of power and flow, four of the
    /// temperatures, eight of the hours. The flow has three digits behind the point there. Known from one
    /// public decoder (shiyuecamus/ng-gateway), not from the standard's text.
    pub fn encode_2018(&self, out: &mut Vec<u8>) {
        let four = Field::measured(2);
        self.frame([SIX, SIX, four, four, EIGHT], out);
    }

    /// With the fields of power, flow, supply, return, hours.
    fn frame(&self, fields: [Field; 5], out: &mut Vec<u8>) {
        let [power, flow, supply, returned, hours] = fields;
        let link = self.link;
        let mut data = link.data(CURRENT, self.ser);
        link.quantity(self.settlement, EIGHT, &mut data);
        link.quantity(self.current, EIGHT, &mut data);
        link.quantity(self.power, power, &mut data);
        link.quantity(self.flow, flow, &mut data);
        link.quantity(self.volume, EIGHT, &mut data);
        supply.put(&mut data, self.supply);
        returned.put(&mut data, self.returned);
        hours.put(&mut data, self.hours);
        link.clock(self.clock, &mut data);
        data.extend(self.status);
        link.frame(0x81, &data, out);
    }
}

/// An error answer: C1, sequence number, status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who answers.
    pub link: Link,
    /// The control byte: C1 for a read, C4 for a write.
    pub control: u8,
    /// Sequence number of the request.
    pub ser: u8,
    /// In the order sent.
    pub status: [u8; 2],
}

impl Refusal {
    /// Appends its frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let [low, high] = self.status;
        self.link.frame(self.control, &[self.ser, low, high], out);
    }
}

/// The answer to a read of the address: 83 with 810A.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Who answers.
    pub link: Link,
    /// Sequence number of the request.
    pub ser: u8,
}

impl Address {
    /// Appends its frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let data = self.link.data(ADDRESS, self.ser);
        self.link.frame(0x83, &data, out);
    }
}

/// Any other frame with an identifier: a request, or an answer of the maker's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// Whose address it bears.
    pub link: Link,
    /// The control byte: 01 read, 03 address, 04 write; with 80 set in an answer.
    pub control: u8,
    /// The data identifier, as printed: 0x901F.
    pub di: u16,
    /// Sequence number.
    pub ser: u8,
    /// What follows, cut to 252 bytes.
    pub data: Vec<u8>,
}

impl Other {
    /// A request for the current values.
    pub const fn read(link: Link, ser: u8) -> Self {
        Self {
            link,
            control: 0x01,
            di: CURRENT,
            ser,
            data: Vec::new(),
        }
    }

    /// Appends its frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut data = self.link.data(self.di, self.ser);
        data.extend(&self.data);
        self.link.frame(self.control, &data, out);
    }
}

#[cfg(test)]
mod tests;
