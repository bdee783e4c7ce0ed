//! DL/T 698.45: what an object-oriented meter of electricity answers and reports.
//!
//! ```text
//!  [FE ..] 68 L C AF SA CA HCS APDU FCS 16    L: bytes between 68 and 16, low first
//! ```
//! HCS covers L to CA, FCS L to the end of the APDU; both are CRC-16/X-25, low byte first.
use super::{END, PREAMBLE, START};
use jiff::civil::DateTime;

/// A meter's answer to a client's request, and a report that it starts itself: direction, starter, user data.
const ANSWER: u8 = 0xc3;
const REPORT: u8 = 0x83;
const REQUEST: u8 = 0x43;
/// Most bytes of an address: AF has four bits for it, less one.
const ADDRESS_MAX: u8 = 16;

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// Decimal digits of the server address.
    pub address: u64,
    /// Bytes of it, 1 to 16, two digits each: 6 in most meters.
    pub bytes: u8,
    /// Address of the client.
    pub client: u8,
    /// FE bytes before the frame.
    pub preamble: u8,
}

impl Link {
    /// A meter with an address of 12 digits.
    pub const fn of(address: u64) -> Self {
        Self {
            address,
            bytes: 6,
            client: 0,
            preamble: 0,
        }
    }

    /// Appends a frame of this control byte; an APDU beyond 16 KiB is cut.
    fn frame(self, control: u8, apdu: &[u8], out: &mut Vec<u8>) {
        let apdu = apdu.get(..APDU_MAX).unwrap_or(apdu);
        out.resize(out.len() + usize::from(self.preamble), PREAMBLE);
        let start = out.len() + 1;
        let bytes = self.bytes.clamp(1, ADDRESS_MAX);
        // L itself, C, AF, SA, CA, both checks.
        let len = 2 + 1 + 1 + usize::from(bytes) + 1 + 2 + apdu.len() + 2;
        out.push(START);
        out.extend(u16::try_from(len).unwrap_or(0).to_le_bytes());
        out.extend([control, bytes - 1]);
        let mut left = self.address;
        for _ in 0..bytes {
            out.push(u8::try_from(left / 10 % 10 * 16 + left % 10).unwrap_or(0));
            left /= 100;
        }
        out.push(self.client);
        let check = crc(out.get(start..).unwrap_or_default());
        out.extend(check.to_le_bytes());
        out.extend(apdu);
        let check = crc(out.get(start..).unwrap_or_default());
        out.extend(check.to_le_bytes());
        out.push(END);
    }
}

/// Longest APDU: with the rest of the frame it fits the 14 bits of L.
const APDU_MAX: usize = 16_000;

/// CRC-16/X-25: reflected 1021, start and end FFFF.
fn crc(bytes: &[u8]) -> u16 {
    let step = |crc: u16, byte: &u8| {
        (0..8).fold(crc ^ u16::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0x8408 } else { 0 }
        })
    };
    !bytes.iter().fold(0xffff, step)
}

/// A value (§7.3.1), numbers high byte first. Sequences longer than 127 elements are cut to that: their
/// length is one byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// 00: no value.
    Null,
    /// 01
    Array(Vec<Self>),
    /// 02
    Structure(Vec<Self>),
    /// 03
    Flag(bool),
    /// 04: bits, the first one highest.
    Bits(Vec<u8>, u8),
    /// 05: double-long.
    I32(i32),
    /// 06: double-long-unsigned.
    U32(u32),
    /// 09
    Octets(Vec<u8>),
    /// 0A
    Text(String),
    /// 0F: integer.
    I8(i8),
    /// 10: long.
    I16(i16),
    /// 11: unsigned.
    U8(u8),
    /// 12: long-unsigned.
    U16(u16),
    /// 14: long64.
    I64(i64),
    /// 15: long64-unsigned.
    U64(u64),
    /// 16
    Enum(u8),
    /// 1C: `date_time_s`, local.
    Time(DateTime),
}

impl Data {
    /// Appends type and value.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.push(0x00),
            Self::Array(items) => put_all(out, 0x01, items),
            Self::Structure(items) => put_all(out, 0x02, items),
            Self::Flag(flag) => out.extend([0x03, u8::from(*flag)]),
            Self::Bits(bytes, bits) => {
                out.extend([0x04, *bits]);
                out.extend(bytes.iter().take(usize::from(bits.div_ceil(8))));
            }
            Self::I32(number) => put(out, 0x05, &number.to_be_bytes()),
            Self::U32(number) => put(out, 0x06, &number.to_be_bytes()),
            Self::Octets(bytes) => put_counted(out, 0x09, bytes),
            Self::Text(text) => put_counted(out, 0x0a, text.as_bytes()),
            Self::I8(number) => put(out, 0x0f, &number.to_be_bytes()),
            Self::I16(number) => put(out, 0x10, &number.to_be_bytes()),
            Self::U8(number) => out.extend([0x11, *number]),
            Self::U16(number) => put(out, 0x12, &number.to_be_bytes()),
            Self::I64(number) => put(out, 0x14, &number.to_be_bytes()),
            Self::U64(number) => put(out, 0x15, &number.to_be_bytes()),
            Self::Enum(number) => out.extend([0x16, *number]),
            Self::Time(at) => {
                out.push(0x1c);
                put_time(out, *at);
            }
        }
    }
}

fn put(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    out.push(kind);
    out.extend(bytes);
}

fn put_counted(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    out.extend([kind, count(bytes.len())]);
    out.extend(bytes.iter().take(ITEMS_MAX));
}

fn put_all(out: &mut Vec<u8>, kind: u8, items: &[Data]) {
    out.extend([kind, count(items.len())]);
    for item in items.iter().take(ITEMS_MAX) {
        item.encode(out);
    }
}

/// Most elements of a sequence whose length is one byte.
const ITEMS_MAX: usize = 127;

fn count(items: usize) -> u8 {
    u8::try_from(items.min(ITEMS_MAX)).unwrap_or(0)
}

/// Year high byte first, then month, day, hour, minute, second: binary, not decimal.
fn put_time(out: &mut Vec<u8>, at: DateTime) {
    out.extend(at.year().to_be_bytes());
    let parts = [at.month(), at.day(), at.hour(), at.minute(), at.second()];
    out.extend(parts.map(i8::cast_unsigned));
}

/// An object's attribute: 0x20000200 is the voltage.
pub type Oad = u32;

/// What became of one object: its data, or why there is none (DAR: 4 no such object, 3 denied, ..).
pub type Answer = Result<Data, u8>;

fn put_answer(out: &mut Vec<u8>, answer: &Answer) {
    match answer {
        Ok(data) => {
            out.push(1);
            data.encode(out);
        }
        Err(reason) => out.extend([0, *reason]),
    }
}

/// Neither a report that follows nor a time tag.
const TAIL: [u8; 2] = [0, 0];

/// An answer to one read: `GetResponseNormal`, 85 01.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Normal {
    /// Who answers.
    pub link: Link,
    /// Number of the request.
    pub piid: u8,
    /// Of what.
    pub oad: Oad,
    /// The answer.
    pub answer: Answer,
}

impl Normal {
    /// Appends its frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut apdu = vec![0x85, 0x01, self.piid];
        apdu.extend(self.oad.to_be_bytes());
        put_answer(&mut apdu, &self.answer);
        apdu.extend(TAIL);
        self.link.frame(ANSWER, &apdu, out);
    }
}

/// An answer to a read of several: `GetResponseNormalList`, 85 02; or a report of several:
/// `ReportNotificationList`, 88 01.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List {
    /// Who answers.
    pub link: Link,
    /// Is it a report that the meter starts itself?
    pub report: bool,
    /// Number of the request or report.
    pub piid: u8,
    /// At most 127.
    pub answers: Vec<(Oad, Answer)>,
}

impl List {
    /// Appends its frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (head, control) = if self.report {
            ([0x88, 0x01], REPORT)
        } else {
            ([0x85, 0x02], ANSWER)
        };
        let mut apdu = head.to_vec();
        apdu.extend([self.piid, count(self.answers.len())]);
        for (oad, answer) in self.answers.iter().take(ITEMS_MAX) {
            apdu.extend(oad.to_be_bytes());
            put_answer(&mut apdu, answer);
        }
        apdu.extend(TAIL);
        self.link.frame(control, &apdu, out);
    }
}

/// A column of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// One attribute.
    Oad(Oad),
    /// An object and the attributes of it that were recorded.
    Road(Oad, Vec<Oad>),
}

/// Records of a freeze or a curve: `GetResponseRecord`, 85 03, or `ReportNotificationRecordList`, 88 02 with one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who answers.
    pub link: Link,
    /// Is it a report that the meter starts itself?
    pub report: bool,
    /// Number of the request or report.
    pub piid: u8,
    /// The table: 0x50040200 is the daily freeze.
    pub oad: Oad,
    /// Its columns, at most 127.
    pub columns: Vec<Column>,
    /// Its rows, at most 127, with a value for each attribute of the columns.
    pub rows: Vec<Vec<Data>>,
}

impl Record {
    /// Appends its frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (head, control) = if self.report {
            (vec![0x88, 0x02, self.piid, 1], REPORT)
        } else {
            (vec![0x85, 0x03, self.piid], ANSWER)
        };
        let mut apdu = head;
        apdu.extend(self.oad.to_be_bytes());
        apdu.push(count(self.columns.len()));
        for column in self.columns.iter().take(ITEMS_MAX) {
            match column {
                Column::Oad(oad) => put(&mut apdu, 0, &oad.to_be_bytes()),
                Column::Road(oad, of) => {
                    put(&mut apdu, 1, &oad.to_be_bytes());
                    apdu.push(count(of.len()));
                    apdu.extend(of.iter().take(ITEMS_MAX).flat_map(|oad| oad.to_be_bytes()));
                }
            }
        }
        apdu.extend([1, count(self.rows.len())]);
        for row in self.rows.iter().take(ITEMS_MAX) {
            for data in row {
                data.encode(&mut apdu);
            }
        }
        apdu.extend(TAIL);
        self.link.frame(control, &apdu, out);
    }
}

/// A request for one object: `GetRequestNormal`, 05 01.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who is asked.
    pub link: Link,
    /// Its number.
    pub piid: u8,
    /// For what.
    pub oad: Oad,
}

impl Request {
    /// Appends its frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut apdu = vec![0x05, 0x01, self.piid];
        apdu.extend(self.oad.to_be_bytes());
        apdu.push(0);
        self.link.frame(REQUEST, &apdu, out);
    }
}

#[cfg(test)]
mod tests;
