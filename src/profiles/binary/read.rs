//! Fields out of a profile's TOML: every mistake is a problem with its key.
use super::field::{Field, Kind};
use crate::model::settings::Section;

/// Farthest byte that a layout may name, from either end: half of the largest payload is enough for all.
pub(super) const AT_MAX: i64 = 65_535;
/// Longest text.
const LENGTH_MAX: u64 = 64;
/// Longest BCD number: 32 digits.
const LENGTH_BCD_MAX: u64 = 16;

/// Names of the types, their bytes (0: `length` says it) and meaning.
const TYPES: &[(&str, usize, Kind)] = &[
    ("u8", 1, Kind::Unsigned),
    ("u16", 2, Kind::Unsigned),
    ("u24", 3, Kind::Unsigned),
    ("u32", 4, Kind::Unsigned),
    ("u40", 5, Kind::Unsigned),
    ("u48", 6, Kind::Unsigned),
    ("u56", 7, Kind::Unsigned),
    ("u64", 8, Kind::Unsigned),
    ("i8", 1, Kind::Signed),
    ("i16", 2, Kind::Signed),
    ("i24", 3, Kind::Signed),
    ("i32", 4, Kind::Signed),
    ("i40", 5, Kind::Signed),
    ("i48", 6, Kind::Signed),
    ("i56", 7, Kind::Signed),
    ("i64", 8, Kind::Signed),
    ("f32", 4, Kind::Float),
    ("f64", 8, Kind::Float),
    ("bcd", 0, Kind::Bcd),
    ("digits", 0, Kind::Digits),
    ("text", 0, Kind::Text),
    ("hex", 0, Kind::Hex),
];

/// The names, for [`Section::word`].
fn names() -> Vec<&'static str> {
    TYPES.iter().map(|(name, ..)| *name).collect()
}

/// `endian`: is the least significant byte first?
pub(super) fn little(section: &mut Section<'_>, default: bool) -> bool {
    section
        .word("endian", &["big", "little"])
        .map_or(default, |word| word == "little")
}

/// A whole number, possibly negative.
pub(super) fn signed(
    section: &mut Section<'_>,
    key: &'static str,
    min: i64,
    max: i64,
) -> Option<i64> {
    let rule = format!("must be a whole number from {min} to {max}");
    section.get(key, &rule, |value| {
        value
            .as_integer()
            .filter(|number| (min..=max).contains(number))
    })
}

/// `at`, or 0 where it is left out and may be.
pub(super) fn at(section: &mut Section<'_>) -> Option<i32> {
    signed(section, "at", -AT_MAX, AT_MAX).and_then(|at| i32::try_from(at).ok())
}

/// A field: `at`, `type`, `length`, `endian`, `mask`, `shift`, `bit`, `sign`. `None` after a problem.
/// `default_at`: where `at` may be left out.
pub(super) fn field(
    section: &mut Section<'_>,
    little_default: bool,
    default_at: Option<i32>,
) -> Option<Field> {
    let has_at = section.has("at");
    let at = at(section).or(default_at.filter(|_| !has_at));
    if at.is_none() && !has_at {
        section.problem("at", "", "is needed: the byte at which it begins");
    }
    let has_type = section.has("type");
    let name = section.word("type", &names());
    if !has_type {
        section.problem("type", "", "is needed: u8, i16, f32, bcd, text, ..");
    }
    let little = little(section, little_default);
    let found = name.and_then(|name| TYPES.iter().find(|(known, ..)| *known == name));
    let length = found.and_then(|(name, size, kind)| length(section, name, *size, *kind));
    let (bits, magnitude) = (Bits::read(section), sign(section));
    let (_, _, kind) = *found?;
    let kind = match (kind, magnitude) {
        (kind, false) => kind,
        (Kind::Unsigned | Kind::Signed, true) => Kind::Magnitude,
        (Kind::Bcd, true) => Kind::SignedBcd,
        (_, true) => {
            section.problem("sign", "magnitude", "is for whole numbers and bcd only");
            return None;
        }
    };
    let (length, at) = (length?, at?);
    let field = Field {
        at,
        length,
        kind,
        little,
        mask: u64::MAX,
        shift: 0,
        bits: u32::try_from(length.min(8) * 8).unwrap_or(64),
    };
    let field = bits.narrow(field, section)?;
    if at < 0 && i64::try_from(length).unwrap_or(i64::MAX) > -i64::from(at) {
        let rule = format!(
            "is {length} bytes long and cannot begin {} before the end",
            -at
        );
        section.problem("at", at, rule);
        return None;
    }
    Some(field)
}

/// The bytes of a field.
fn length(section: &mut Section<'_>, name: &str, size: usize, kind: Kind) -> Option<usize> {
    let given = section.has("length");
    let max = if kind == Kind::Bcd {
        LENGTH_BCD_MAX
    } else {
        LENGTH_MAX
    };
    let length = section.integer("length", 1, max);
    let length = length.and_then(|length| usize::try_from(length).ok());
    if size == 0 {
        if !given {
            let rule = format!("is needed for `{name}`: 1 to {max} bytes");
            section.problem("length", "", rule);
        }
        return length;
    }
    if let Some(length) = length.filter(|length| *length != size) {
        let rule = format!("is not needed, and wrong: `{name}` has {size}");
        section.problem("length", length, rule);
        return None;
    }
    Some(size)
}

fn sign(section: &mut Section<'_>) -> bool {
    section.word("sign", &["magnitude", "twos"]) == Some("magnitude")
}

/// Which bits of a whole number count.
struct Bits {
    mask: Option<u64>,
    shift: Option<u32>,
    bit: Option<u32>,
}

impl Bits {
    fn read(section: &mut Section<'_>) -> Self {
        let small = |number: u64| u32::try_from(number).ok();
        Self {
            mask: section.integer("mask", 1, u64::MAX),
            shift: section.integer("shift", 1, 63).and_then(small),
            bit: section.integer("bit", 0, 63).and_then(small),
        }
    }

    /// Applies them.
    fn narrow(self, mut field: Field, section: &mut Section<'_>) -> Option<Field> {
        let first = [
            ("mask", self.mask),
            ("shift", self.shift.map(u64::from)),
            ("bit", self.bit.map(u64::from)),
        ];
        let Some((key, value)) = first
            .into_iter()
            .find_map(|(key, value)| value.map(|value| (key, value)))
        else {
            return Some(field);
        };
        if !matches!(field.kind, Kind::Unsigned | Kind::Signed | Kind::Magnitude) {
            section.problem(key, value, "is for whole numbers only");
            return None;
        }
        let (mask, shift) = match (self.bit, self.mask, self.shift) {
            (Some(bit), None, None) => (1u64.checked_shl(bit).unwrap_or(0), bit),
            (Some(bit), ..) => {
                section.problem("bit", bit, "excludes `mask` and `shift`: it is one bit");
                return None;
            }
            (None, mask, shift) => (mask.unwrap_or(u64::MAX), shift.unwrap_or(0)),
        };
        let all = u64::MAX >> (64 - field.bits);
        if self.mask.is_some_and(|mask| mask & !all != 0) || mask & all == 0 {
            let rule = format!("is outside of the type's {} bits", field.bits);
            section.problem(key, value, rule);
            return None;
        }
        let kept = (mask & all) >> shift;
        if kept == 0 {
            section.problem("shift", shift, "moves out every bit that counts");
            return None;
        }
        field.mask = mask & all;
        field.shift = shift;
        field.bits = 64 - kept.leading_zeros();
        Some(field)
    }
}
