//! What standards of meters leave open, and a profile settles.

/// Variants of one model of meter. The default is what the standard's text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// CJ/T 188: digits behind the point of a volume in litres, 0..=3. The standard has two for every volume;
    /// there are meters that count whole litres.
    pub litre_decimals: u8,
    /// CJ/T 188: what the first byte of the status ST means.
    pub status: StatusBits,
    /// CJ/T 188: the unit's byte comes before the value, where a frame can be read both ways.
    pub unit_first: bool,
    /// CJ/T 188: the clock is sent year first, where a frame can be read both ways.
    pub year_first: bool,
    /// CJ/T 188-2018: digits behind the point of a flow of three bytes, 3 or 4; `None`: the layout's.
    pub flow_decimals: Option<u8>,
    /// CJ/T 188-2018: UCUM unit of pressures, which carry none; `None`: not known, so that they are not taken.
    pub pressure_unit: Option<&'static str>,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            litre_decimals: 2,
            status: StatusBits::Standard,
            unit_first: false,
            year_first: false,
            flow_decimals: None,
            pressure_unit: None,
        }
    }
}

/// Readings of the first byte of ST of CJ/T 188. Sources disagree, so that a profile says which one holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StatusBits {
    /// `standard`: D1 D0 are the valve, 00 open, 01 closed, 11 fault; D2 is set while the battery is low.
    #[default]
    Standard,
    /// `mirrored`: the same, with the bits of the byte in the other order.
    Mirrored,
    /// `high`: D7 D6 are the valve, read as `standard` reads D1 D0; D5 is the battery.
    High,
    /// `flags`: D0 is set while the valve is closed, D1 while it has a fault, D2 while the battery is low.
    Flags,
    /// `ignored`: it means nothing.
    Ignored,
}
