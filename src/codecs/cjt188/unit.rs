//! The unit's byte beside a value (CJ/T 188-2004 table 13, CJ/T 188-2018 table 20, as public decoders have them:
//! hupengwu/fox-edge-server-protocol, shiyuecamus/ng-gateway).
use std::borrow::Cow;

/// What a unit measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantity {
    Energy,
    Power,
    Volume,
    Flow,
}

/// A unit and the power of ten before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// UCUM, the power of ten left out.
    pub(super) code: &'static str,
    /// 0, 1 or 2: the value counts units, tens or hundreds of them.
    pub(super) tens: u8,
    pub(super) quantity: Quantity,
}

/// First byte, unit, what it measures. The two bytes behind it are tens and hundreds of the unit.
const UNITS: [(u8, &str, Quantity); 16] = [
    (0x02, "W.h", Quantity::Energy),
    (0x05, "kW.h", Quantity::Energy),
    (0x08, "MW.h", Quantity::Energy),
    (0x0B, "kJ", Quantity::Energy),
    (0x0E, "MJ", Quantity::Energy),
    (0x11, "GJ", Quantity::Energy),
    (0x14, "W", Quantity::Power),
    (0x17, "kW", Quantity::Power),
    (0x1A, "MW", Quantity::Power),
    (0x29, "L", Quantity::Volume),
    (0x2C, "m3", Quantity::Volume),
    (0x32, "L/h", Quantity::Flow),
    (0x35, "m3/h", Quantity::Flow),
    (0x43, "kJ/h", Quantity::Power),
    (0x46, "MJ/h", Quantity::Power),
    (0x49, "GJ/h", Quantity::Power),
];

/// Units without tens and hundreds.
const ALONE: [(u8, &str, Quantity); 2] = [
    (0x01, "J", Quantity::Energy),
    (0x40, "J/h", Quantity::Power),
];

impl Unit {
    /// The unit of a byte; `None`: the standard has none for it.
    pub(super) fn of(byte: u8) -> Option<Self> {
        let alone = ALONE.iter().find(|(first, ..)| *first == byte);
        let run = || {
            UNITS
                .iter()
                .find(|(first, ..)| (*first..*first + 3).contains(&byte))
        };
        let (first, code, quantity) = alone.or_else(run)?;
        Some(Self {
            code,
            tens: byte - first,
            quantity: *quantity,
        })
    }

    /// UCUM with the power of ten: `10*2.MW.h`.
    pub(super) fn as_sent(self) -> Cow<'static, str> {
        match self.tens {
            0 => Cow::Borrowed(self.code),
            tens => Cow::Owned(format!("10*{tens}.{}", self.code)),
        }
    }

    /// Litres, whose digits behind the point differ from model to model?
    pub(super) fn is_litres(self) -> bool {
        self.code == "L"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of the table in hupengwu/fox-edge-server-protocol `CJT188Unit.java` (Apache-2.0).
    #[test]
    fn published_bytes_have_their_units() {
        let published = [
            (0x02, "W.h"),
            (0x05, "kW.h"),
            (0x08, "MW.h"),
            (0x0A, "10*2.MW.h"),
            (0x01, "J"),
            (0x0B, "kJ"),
            (0x0E, "MJ"),
            (0x11, "GJ"),
            (0x13, "10*2.GJ"),
            (0x14, "W"),
            (0x17, "kW"),
            (0x1A, "MW"),
            (0x29, "L"),
            (0x2C, "m3"),
            (0x32, "L/h"),
            (0x35, "m3/h"),
        ];
        for (byte, code) in published {
            assert_eq!(
                Unit::of(byte).map(Unit::as_sent).as_deref(),
                Some(code),
                "{byte:02x}"
            );
        }
        for byte in [0x00, 0x1D, 0x28, 0x2F, 0x38, 0x41, 0x4C, 0xFF] {
            assert_eq!(Unit::of(byte), None, "{byte:02x}");
        }
    }

    /// No byte is in two runs.
    #[test]
    fn runs_do_not_overlap() {
        for byte in 0..=u8::MAX {
            let runs = UNITS
                .iter()
                .filter(|(first, ..)| (*first..*first + 3).contains(&byte));
            let alone = ALONE.iter().filter(|(first, ..)| *first == byte);
            assert!(runs.count() + alone.count() <= 1, "{byte:02x}");
        }
    }
}
