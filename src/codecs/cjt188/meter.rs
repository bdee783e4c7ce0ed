//! Who a frame is of: the type T, which says what is measured, and the address.
use super::unit::Quantity;
use crate::codecs::frames::hex;

/// What a type's ten numbers measure (CJ/T 188-2018: 10-19, 20-29, 30-39, 40-49).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Water,
    Heat,
    Gas,
    /// 40 is an electricity meter in the edition of 2004, and whatever a vendor likes in that of 2018.
    Other,
}

/// One value of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The register that the meter is there for.
    Register,
    Heat,
    Cooling,
    /// Volume of the heat carrier.
    Volume,
    Power,
    Flow,
    Supply,
    Return,
    Hours,
    Temperature,
    Pressure,
}

/// Type and address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meter {
    /// T.
    pub(super) kind: u8,
    /// A0..A6, as sent.
    pub(super) address: [u8; 7],
}

impl Meter {
    /// Is it a type of the standard, or one of the wildcards?
    pub(super) const fn is_type(kind: u8) -> bool {
        matches!(kind, 0x10..=0x19 | 0x20..=0x29 | 0x30..=0x39 | 0x40..=0x49 | 0x99 | 0xAA)
    }

    /// What it measures.
    pub(super) const fn family(self) -> Family {
        match self.kind {
            0x10..=0x19 => Family::Water,
            0x20..=0x29 => Family::Heat,
            0x30..=0x39 => Family::Gas,
            _ => Family::Other,
        }
    }

    /// The address as people read it: 14 digits, the manufacturer's first.
    pub(super) fn digits(self) -> String {
        let mut address = self.address;
        address.reverse();
        hex(&address).to_ascii_uppercase()
    }

    /// Any meter, or all of them?
    pub(super) fn is_nobody(self) -> bool {
        let all = |filler| self.address.iter().all(|byte| *byte == filler);
        all(0xAA) || all(0x99)
    }

    /// The inventory's alias: `cjt188:10:78330011223344`; `None`: it names nobody.
    pub(super) fn alias(self, protocol: &str) -> Option<String> {
        let named = !self.is_nobody() && !matches!(self.kind, 0x99 | 0xAA);
        named.then(|| format!("{protocol}:{:02X}:{}", self.kind, self.digits()))
    }

    /// For a person.
    pub(super) const fn words(self) -> &'static str {
        match self.kind {
            0x10 => "cold water",
            0x11 => "hot water",
            0x12 => "drinking water",
            0x13 => "reclaimed water",
            0x14..=0x19 => "water",
            0x20 => "heat",
            0x21 => "cooling",
            0x22 => "heat and cooling",
            0x23..=0x29 => "heat or cooling",
            0x30..=0x39 => "gas",
            0x40 => "electricity, or the vendor's own",
            0x41..=0x49 => "the vendor's own",
            _ => "any type",
        }
    }

    /// The catalogue's metric of a value in a unit of `sent`; `None`: the type does not say what it is.
    ///
    /// A meter for both (22) reports heat: the frame's number has no sign, its unit is energy either way, and
    /// what the standard calls the value is heat. The edition of 2018 has 911F for such meters, with heat and
    /// cooling apart.
    pub(super) const fn metric(self, what: What, sent: Option<Quantity>) -> Option<&'static str> {
        let family = self.family();
        Some(match (what, family) {
            (What::Register, Family::Water) => "water_volume",
            (What::Register, Family::Gas) => "gas_volume",
            (What::Register, Family::Heat) if self.kind == 0x21 => "cooling_energy",
            (What::Register, Family::Heat) | (What::Heat, _) => "heat_energy",
            (What::Register, Family::Other) => match sent {
                Some(Quantity::Energy) if self.kind == 0x40 => "active_energy_import",
                _ => return None,
            },
            (What::Cooling, _) => "cooling_energy",
            (What::Volume, _) => "heat_volume",
            (What::Power, _) => "heat_power",
            (What::Flow, Family::Water) => "water_flow",
            (What::Flow, Family::Gas) => "gas_flow",
            (What::Flow, Family::Heat) => "heat_flow",
            (What::Supply, _) => "supply_temperature",
            (What::Return, _) => "return_temperature",
            (What::Hours, _) => "operating_time",
            (What::Temperature, Family::Water) => "water_temperature",
            (What::Temperature, Family::Gas) => "gas_temperature",
            (What::Pressure, Family::Water) => "water_pressure",
            (What::Pressure, Family::Gas) => "gas_pressure",
            (What::Flow | What::Temperature | What::Pressure, _) => return None,
        })
    }

    /// What a value's unit should measure.
    pub(super) const fn quantity(self, what: What) -> Quantity {
        match (what, self.family()) {
            (What::Register, Family::Water | Family::Gas) | (What::Volume, _) => Quantity::Volume,
            (What::Power, _) => Quantity::Power,
            (What::Flow, _) => Quantity::Flow,
            _ => Quantity::Energy,
        }
    }
}
