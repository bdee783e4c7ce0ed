//! Data items of annex A: an identifier, and values in the meter's digits.
use crate::sim::meters::bcd::Field;
use crate::sim::meters::{Phase, two};
use jiff::civil::DateTime;

/// A data item: what follows the identifier in a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// `DI3 DI2 DI1 DI0`, as the standard prints it: 0x00010000.
    pub di: u32,
    /// Plain bytes of the values.
    pub values: Vec<u8>,
    /// Bytes of one value: a following frame begins with a whole one.
    pub width: usize,
}

/// An energy, `DI2` of 00xxxxxx (table A.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Energy {
    /// Active, combined: with a sign.
    Combined,
    /// Active, drawn.
    Import,
    /// Active, fed in.
    Export,
    /// Reactive, combined 1: with a sign.
    Reactive1,
    /// Reactive, combined 2: with a sign.
    Reactive2,
    /// Reactive, of one quadrant, 1 to 4.
    Quadrant(u8),
    /// Apparent, drawn.
    ApparentImport,
    /// Apparent, fed in.
    ApparentExport,
}

impl Energy {
    const fn code(self) -> u8 {
        match self {
            Self::Combined => 0,
            Self::Import => 1,
            Self::Export => 2,
            Self::Reactive1 => 3,
            Self::Reactive2 => 4,
            Self::Quadrant(quadrant) => 4 + quadrant,
            Self::ApparentImport => 9,
            Self::ApparentExport => 10,
        }
    }

    /// 8 digits, two of them behind the point.
    const fn field(self) -> Field {
        match self {
            Self::Combined | Self::Reactive1 | Self::Reactive2 => Field::signed(4),
            _ => Field::register(4),
        }
    }

    /// `DI2` of the energy of one phase: those of phase A begin at 15, B at 29, C at 3D.
    const fn of(self, phase: Option<Phase>) -> u8 {
        let base = match phase {
            None => return self.code(),
            Some(Phase::A) => 0x14,
            Some(Phase::B) => 0x28,
            Some(Phase::C) => 0x3c,
        };
        base + self.code()
    }
}

/// A measured value, `DI2` of 02xxpp00 (table A.3), in units of its last digit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    /// 0.1 V.
    Voltage,
    /// 0.001 A, signed.
    Current,
    /// 0.0001 kW, signed; has a total.
    ActivePower,
    /// 0.0001 kvar, signed; has a total.
    ReactivePower,
    /// 0.0001 kVA, signed; has a total.
    ApparentPower,
    /// 0.001, signed; has a total.
    PowerFactor,
    /// 0.1 degrees.
    PhaseAngle,
    /// 0.01 %.
    VoltageDistortion,
    /// 0.01 %.
    CurrentDistortion,
}

impl Measured {
    const fn code_and_field(self) -> (u8, Field) {
        match self {
            Self::Voltage => (1, Field::measured(2)),
            Self::Current => (2, Field::signed(3)),
            Self::ActivePower => (3, Field::signed(3)),
            Self::ReactivePower => (4, Field::signed(3)),
            Self::ApparentPower => (5, Field::signed(3)),
            Self::PowerFactor => (6, Field::signed(2)),
            Self::PhaseAngle => (7, Field::measured(2)),
            Self::VoltageDistortion => (8, Field::measured(2)),
            Self::CurrentDistortion => (9, Field::measured(2)),
        }
    }
}

/// A highest demand and when it was (table A.2), in 0.0001 kW or kvar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// `None`: absent, and the time with it.
    pub peak: Option<i64>,
    /// To the minute; `None`: all zero.
    pub at: Option<DateTime>,
}

/// What froze data, `DI2` of 05xxxxxx (table A.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrozenAt {
    /// At times that were agreed on.
    Timed = 0,
    /// By command.
    Instant = 1,
    /// On the hour: total energies only.
    Hourly = 4,
    /// At midnight.
    Daily = 6,
}

/// `mm hh DD MM YY`, low byte first as all numbers; `None`: all zero.
fn minute(out: &mut Vec<u8>, at: Option<DateTime>) {
    let parts = at.map_or([0; 5], |at| {
        [
            i32::from(at.minute()),
            i32::from(at.hour()),
            i32::from(at.day()),
            i32::from(at.month()),
            i32::from(at.year()),
        ]
    });
    out.extend(parts.map(two));
}

impl Item {
    /// Any identifier with any bytes.
    pub fn raw(di: u32, values: &[u8], width: usize) -> Self {
        Self {
            di,
            values: values.to_vec(),
            width,
        }
    }

    fn of(di: [u8; 4], field: Field, numbers: &[Option<i64>]) -> Self {
        let mut values = Vec::with_capacity(numbers.len() * usize::from(field.bytes));
        for number in numbers {
            field.put(&mut values, *number);
        }
        Self {
            di: u32::from_be_bytes(di),
            values,
            width: field.bytes.into(),
        }
    }

    /// One energy in 0.01 kW.h, kvar.h or kVA.h. Tariff 0 is the total, 1 to 63 a tariff; `back` counts
    /// settlements, 0 the current one, 1 to 12.
    pub fn energy(
        energy: Energy,
        phase: Option<Phase>,
        (tariff, back): (u8, u8),
        number: Option<i64>,
    ) -> Self {
        let di = [0, energy.of(phase), tariff, back];
        Self::of(di, energy.field(), &[number])
    }

    /// The block of an energy: the total, then the tariffs from 1.
    pub fn energies(energy: Energy, back: u8, numbers: &[Option<i64>]) -> Self {
        Self::of([0, energy.code(), 0xff, back], energy.field(), numbers)
    }

    /// The highest demand of an energy, in the manner of [`Item::energy`].
    pub fn demand(energy: Energy, (tariff, back): (u8, u8), demand: Demand) -> Self {
        let mut item = Self::demands(energy, back, &[demand]);
        item.di = u32::from_be_bytes([1, energy.code(), tariff, back]);
        item
    }

    /// The block of demands: the total, then the tariffs.
    pub fn demands(energy: Energy, back: u8, demands: &[Demand]) -> Self {
        let mut values = Vec::with_capacity(demands.len() * 8);
        for demand in demands {
            put_demand(&mut values, energy, *demand);
        }
        Self {
            di: u32::from_be_bytes([1, energy.code(), 0xff, back]),
            values,
            width: 8,
        }
    }

    /// A measured value of a phase; `None` is the total, of those that have one.
    pub fn measured(what: Measured, phase: Option<Phase>, number: Option<i64>) -> Self {
        let (code, field) = what.code_and_field();
        let place = phase.map_or(0, |phase| phase as u8 + 1);
        Self::of([2, code, place, 0], field, &[number])
    }

    /// The block of a measured value: the phases, after the total in those that have one.
    pub fn measured_all(what: Measured, numbers: &[Option<i64>]) -> Self {
        let (code, field) = what.code_and_field();
        Self::of([2, code, 0xff, 0], field, numbers)
    }

    /// Current of the neutral in 0.001 A.
    pub fn neutral_current(number: Option<i64>) -> Self {
        Self::of([2, 0x80, 0, 1], Field::signed(3), &[number])
    }

    /// Frequency in 0.01 Hz.
    pub fn frequency(number: Option<i64>) -> Self {
        Self::of([2, 0x80, 0, 2], Field::measured(2), &[number])
    }

    /// Temperature inside the meter in 0.1 Cel.
    pub fn temperature(number: Option<i64>) -> Self {
        Self::of([2, 0x80, 0, 7], Field::signed(2), &[number])
    }

    /// Voltage of the clock's battery in 0.01 V.
    pub fn clock_battery(number: Option<i64>) -> Self {
        Self::of([2, 0x80, 0, 8], Field::measured(2), &[number])
    }

    /// Voltage of the battery that reads the meter during an outage, in 0.01 V.
    pub fn reading_battery(number: Option<i64>) -> Self {
        Self::of([2, 0x80, 0, 9], Field::measured(2), &[number])
    }

    /// 04000101: `WW DD MM YY`, Sunday is 0.
    pub fn date(at: DateTime) -> Self {
        let week = i32::from(at.weekday().to_sunday_zero_offset());
        let parts = [week, at.day().into(), at.month().into(), at.year().into()];
        Self::raw(0x0400_0101, &parts.map(two), 4)
    }

    /// 04000102: `ss mm hh`.
    pub fn time(at: DateTime) -> Self {
        let parts = [at.second(), at.minute(), at.hour()];
        let parts = parts.map(|part| two(part.into()));
        Self::raw(0x0400_0102, &parts, 3)
    }

    /// One of the seven status words (table C.1), 1 to 7.
    pub fn status(number: u8, word: u16) -> Self {
        let di = u32::from_be_bytes([4, 0, 5, number]);
        Self::raw(di, &word.to_le_bytes(), 2)
    }

    /// All seven.
    pub fn statuses(words: [u16; 7]) -> Self {
        let bytes: Vec<u8> = words.into_iter().flat_map(u16::to_le_bytes).collect();
        Self::raw(0x0400_05ff, &bytes, 2)
    }

    /// When data were frozen, `back` times ago, to the minute.
    pub fn frozen_when(by: FrozenAt, back: u8, at: Option<DateTime>) -> Self {
        let mut values = Vec::with_capacity(5);
        minute(&mut values, at);
        Self::raw(u32::from_be_bytes([5, by as u8, 0, back]), &values, 5)
    }

    /// A frozen energy: the total, then the tariffs; on the hour the total alone, of
    /// [`Energy::Import`] and [`Energy::Export`].
    pub fn frozen(by: FrozenAt, energy: Energy, back: u8, numbers: &[Option<i64>]) -> Self {
        Self::of([5, by as u8, energy.code(), back], energy.field(), numbers)
    }

    /// Frozen demands of [`Energy::Import`] or [`Energy::Export`]: the total, then the tariffs.
    pub fn frozen_demands(by: FrozenAt, energy: Energy, back: u8, demands: &[Demand]) -> Self {
        let mut item = Self::demands(energy, back, demands);
        item.di = u32::from_be_bytes([5, by as u8, 8 + energy.code(), back]);
        item
    }

    /// Frozen powers in 0.0001 kW and kvar: active total, a, b, c, then reactive.
    pub fn frozen_powers(by: FrozenAt, back: u8, numbers: &[Option<i64>; 8]) -> Self {
        Self::of([5, by as u8, 0x10, back], Field::signed(3), numbers)
    }
}

fn put_demand(out: &mut Vec<u8>, energy: Energy, demand: Demand) {
    let field = Field {
        bytes: 3,
        ..energy.field()
    };
    let field = Field {
        past: crate::sim::meters::Past::Saturates,
        ..field
    };
    field.put(out, demand.peak);
    if demand.peak.is_some() {
        minute(out, demand.at);
    } else {
        out.resize(out.len() + 5, 0xff);
    }
}
