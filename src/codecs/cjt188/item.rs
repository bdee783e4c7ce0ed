//! Data identifiers (DI) and how their data is laid out.
//!
//! DI travels low byte first (`1F 90`) by the standard and high byte first (`90 1F`) by as many meters, so that
//! both orders are looked up. What the edition of 2018 adds is known from one public decoder only
//! (shiyuecamus/ng-gateway, Apache-2.0), and is marked so; each of its layouts has a length of its own.
use super::meter::{Family, What};

/// One field of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// BCD and a unit's byte, in either order.
    Measured {
        what: What,
        /// Of the value alone.
        bytes: usize,
        decimals: u8,
        /// Of the last settlement, rather than of now.
        settled: bool,
    },
    /// BCD in a unit that is not sent; "": the profile's.
    Plain {
        what: What,
        bytes: usize,
        decimals: u8,
        unit: &'static str,
    },
    Clock,
    Status,
}

impl Field {
    /// Bytes on the wire.
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::Measured { bytes, .. } => bytes + 1,
            Self::Plain { bytes, .. } => bytes,
            Self::Clock => super::clock::BYTES,
            Self::Status => 2,
        }
    }
}

const fn measured(what: What, bytes: usize, decimals: u8) -> Field {
    Field::Measured {
        what,
        bytes,
        decimals,
        settled: false,
    }
}

const fn settled(what: What) -> Field {
    Field::Measured {
        what,
        bytes: 4,
        decimals: 2,
        settled: true,
    }
}

const fn plain(what: What, bytes: usize, decimals: u8, unit: &'static str) -> Field {
    Field::Plain {
        what,
        bytes,
        decimals,
        unit,
    }
}

/// 901F of water and gas.
const NOW: &[Field] = &[
    measured(What::Register, 4, 2),
    settled(What::Register),
    Field::Clock,
    Field::Status,
];
/// 901F of heat.
const HEAT: &[Field] = &[
    settled(What::Register),
    measured(What::Register, 4, 2),
    measured(What::Power, 4, 2),
    measured(What::Flow, 4, 4),
    measured(What::Volume, 4, 2),
    plain(What::Supply, 3, 2, "Cel"),
    plain(What::Return, 3, 2, "Cel"),
    plain(What::Hours, 3, 0, "h"),
    Field::Clock,
    Field::Status,
];
/// The same of 2018.
const HEAT_2018: &[Field] = &[
    settled(What::Register),
    measured(What::Register, 4, 2),
    measured(What::Power, 3, 2),
    measured(What::Flow, 3, 3),
    measured(What::Volume, 4, 2),
    plain(What::Supply, 2, 2, "Cel"),
    plain(What::Return, 2, 2, "Cel"),
    plain(What::Hours, 4, 0, "h"),
    Field::Clock,
    Field::Status,
];
/// 911F of meters for heat and cooling, 2018.
const BOTH_2018: &[Field] = &[
    settled(What::Heat),
    settled(What::Cooling),
    measured(What::Heat, 4, 2),
    measured(What::Cooling, 4, 2),
    measured(What::Power, 3, 2),
    measured(What::Flow, 3, 4),
    measured(What::Volume, 4, 2),
    plain(What::Supply, 2, 2, "Cel"),
    plain(What::Return, 2, 2, "Cel"),
    plain(What::Pressure, 2, 2, ""),
    plain(What::Pressure, 2, 2, ""),
    plain(What::Hours, 4, 0, "h"),
    Field::Clock,
    Field::Status,
];
/// D120..D12B, and D200..D2FF of water and gas.
const SETTLEMENT: &[Field] = &[settled(What::Register)];
/// D200..D2FF of heat, 2018.
const SETTLEMENT_HEAT: &[Field] = &[
    settled(What::Heat),
    settled(What::Cooling),
    settled(What::Volume),
];
/// D300..D4FF of water and gas, 2018.
const FROZEN: &[Field] = &[
    Field::Clock,
    measured(What::Register, 4, 2),
    measured(What::Flow, 4, 4),
    plain(What::Temperature, 3, 2, "Cel"),
    plain(What::Pressure, 3, 2, ""),
];

/// What was kept when: the label `freeze`, and how many periods ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Freeze {
    pub(super) kind: &'static str,
    pub(super) ago: u16,
}

/// Readings under an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// Of what follows SER.
    pub(super) layout: &'static [Field],
    pub(super) freeze: Option<Freeze>,
    /// Known from one public decoder, and not from the standard's text.
    pub(super) is_unconfirmed: bool,
}

impl Item {
    const fn new(layout: &'static [Field], freeze: Option<Freeze>, is_unconfirmed: bool) -> Self {
        Self {
            layout,
            freeze,
            is_unconfirmed,
        }
    }

    /// Bytes behind SER.
    pub(super) fn bytes(&self) -> usize {
        self.layout.iter().map(|field| field.bytes()).sum()
    }
}

/// What an identifier means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Readings, laid out in as many bytes as there are, or in fewer.
    Readings(Item),
    /// Readings in another number of bytes: one of these.
    Length([Option<usize>; 2]),
    /// Something that is no reading.
    Answer(&'static str),
    Unknown,
}

/// An identifier as a frame carries it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identified {
    pub(super) di: u16,
    /// It was sent low byte first.
    pub(super) low_first: bool,
    pub(super) meaning: Meaning,
}

/// Finds the order of an identifier's bytes and what it means of a meter, where `len` bytes follow SER.
/// An order in which the length fits goes before one in which the identifier is known, and that before
/// the other; where both fit, nobody can say which it is.
pub(super) fn identify(sent: [u8; 2], family: Family, len: usize) -> Identified {
    let read = |di, low_first| Identified {
        di,
        low_first,
        meaning: meaning(di, family, len),
    };
    let high = read(u16::from_be_bytes(sent), false);
    let low = read(u16::from_le_bytes(sent), true);
    let both =
        matches!(high.meaning, Meaning::Readings(_)) && matches!(low.meaning, Meaning::Readings(_));
    if both && high.di != low.di {
        return Identified {
            meaning: Meaning::Unknown,
            ..high
        };
    }
    if rank(&low.meaning) > rank(&high.meaning) {
        low
    } else {
        high
    }
}

const fn rank(meaning: &Meaning) -> u8 {
    match meaning {
        Meaning::Readings(_) => 2,
        Meaning::Length(_) | Meaning::Answer(_) => 1,
        Meaning::Unknown => 0,
    }
}

fn meaning(di: u16, family: Family, len: usize) -> Meaning {
    let items = items(di, family);
    let mut known = items.iter().flatten();
    if known.clone().next().is_none() {
        return words(di).map_or(Meaning::Unknown, Meaning::Answer);
    }
    let found = known.clone().find(|item| item.bytes() == len);
    // Some makers add bytes of their own to the standard's of water and gas. Of heat two layouts are known, and
    // one with more bytes could be a third.
    let grows = di == 0x901F && matches!(family, Family::Water | Family::Gas);
    match found.or_else(|| known.clone().find(|item| grows && item.bytes() < len)) {
        Some(item) => Meaning::Readings(*item),
        None => Meaning::Length([known.next(), known.next()].map(|item| item.map(Item::bytes))),
    }
}

/// The layouts that an identifier has, each of another length.
fn items(di: u16, family: Family) -> [Option<Item>; 2] {
    let [high, low] = di.to_be_bytes();
    let ago = u16::from(low) + 1;
    let one = |layout, kind| {
        let freeze = Some(Freeze { kind, ago });
        [Some(Item::new(layout, freeze, true)), None]
    };
    match (high, low, family) {
        (0x90, 0x1F, Family::Heat) => [
            Some(Item::new(HEAT, None, false)),
            Some(Item::new(HEAT_2018, None, true)),
        ],
        (0x90, 0x1F, _) => [Some(Item::new(NOW, None, false)), None],
        (0x91, 0x1F, Family::Heat) => [Some(Item::new(BOTH_2018, None, true)), None],
        (0xD1, 0x20..=0x2B, _) => {
            let freeze = Freeze {
                kind: "settlement",
                ago: ago - 0x20,
            };
            [Some(Item::new(SETTLEMENT, Some(freeze), false)), None]
        }
        (0xD2, _, Family::Heat) => one(SETTLEMENT_HEAT, "settlement"),
        (0xD2, _, Family::Water | Family::Gas) => one(SETTLEMENT, "settlement"),
        (0xD3, _, Family::Water | Family::Gas) => one(FROZEN, "timed"),
        (0xD4, _, Family::Water | Family::Gas) => one(FROZEN, "instant"),
        _ => [None, None],
    }
}

/// Is its data a key, which nobody is to see?
pub(super) const fn is_secret(di: u16) -> bool {
    matches!(di, 0xA014 | 0xA107)
}

/// What else there is, for a person.
const fn words(di: u16) -> Option<&'static str> {
    Some(match di {
        0x8102 => "prices",
        0x8103 => "settlement day",
        0x8104 => "reading day",
        0x8105 => "amount bought",
        0x8106 => "key version",
        0x810A => "address",
        0x907F => "clock",
        0xA010 => "write prices",
        0xA011 => "write settlement day",
        0xA012 => "write reading day",
        0xA013 => "write amount bought",
        0xA014 => "write key",
        0xA015 => "write clock",
        0xA016 => "write synchronisation",
        0xA017 => "write valve",
        0xA018 => "write address",
        0xA019 => "start in service",
        0xA101 => "begin verification",
        0xA102 => "end verification",
        0xA103 => "write communication",
        0xA104 => "write freezes",
        0xA105 => "write alarm volume",
        0xA106 => "write alarm amount",
        0xA107 => "change key",
        _ => return None,
    })
}

/// For a person: "current data", "settlement, 3 back".
pub(super) fn title(identified: &Identified) -> String {
    match (&identified.meaning, identified.di) {
        (Meaning::Answer(words), _) => (*words).to_owned(),
        (Meaning::Unknown, _) => "not known".to_owned(),
        (
            Meaning::Readings(Item {
                freeze: Some(freeze),
                ..
            }),
            _,
        ) => {
            format!("{}, {} back", freeze.kind, freeze.ago)
        }
        (_, 0x901F | 0x911F) => "current data".to_owned(),
        _ => "kept data".to_owned(),
    }
}
