//! Profiles of meters whose protocol a codec reads: which one, and what `[dialect]` settles.
//!
//! ```toml
//! format = "cjt188"
//! [dialect]
//! litre_decimals = 0
//! ```
//! A model's meters behind a concentrator are read by the profile that the inventory gives each of them, and
//! not by the concentrator's.
use super::{Around, Trace};
use crate::codecs::{self, Decode, Decoded, Dialect, Fault, StatusBits, Told};
use crate::model::settings::Section;

/// The codecs that read CJ/T 188, the only standard that leaves a profile something to settle.
const WITH_DIALECT: [&str; 2] = ["cjt188", "meters"];

/// Readings of the status ST.
const STATUS: [(&str, StatusBits); 5] = [
    ("standard", StatusBits::Standard),
    ("mirrored", StatusBits::Mirrored),
    ("high", StatusBits::High),
    ("flags", StatusBits::Flags),
    ("ignored", StatusBits::Ignored),
];

/// A codec and its dialect.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    codec: Decode,
    dialect: Dialect,
}

impl Layout {
    /// Reads `[dialect]`, which may be left out. `codec` is one of the table.
    pub(super) fn read(top: &mut Section<'_>, codec: &str) -> Self {
        let dialect = if WITH_DIALECT.contains(&codec) {
            top.section("dialect", dialect)
        } else {
            Dialect::default()
        };
        let codec = codecs::named(codec).map_or(Decode::Frames(&[]), |(_, decode)| decode);
        Self { codec, dialect }
    }

    pub(super) const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Decodes a payload into `out`.
    pub(super) fn decode<'a>(
        &self,
        payload: &'a [u8],
        around: Around<'_>,
        out: &mut Decoded<'a>,
    ) -> Result<(), Fault> {
        let dialect_of = |alias: &str| around.dialect_of(alias);
        let told = Told {
            limits: around.limits,
            dialect: self.dialect,
            dialect_of: &dialect_of,
        };
        self.codec.decode(payload, told, out)
    }

    /// Every field of every frame, and what lies between them.
    pub(super) fn trace(&self, payload: &[u8], around: Around<'_>) -> Trace {
        let mut decoded = Decoded {
            trace: Some(Trace::default()),
            ..Decoded::default()
        };
        // What is wrong is in the trace, too, and is told by who decodes.
        let _ = self.decode(payload, around, &mut decoded);
        decoded.trace.unwrap_or_default()
    }
}

/// The keys of `[dialect]`; what is left out is as the standard says.
fn dialect(section: &mut Section<'_>) -> Dialect {
    let default = Dialect::default();
    let digits = |section: &mut Section<'_>, key, min, max| {
        let digits = section.integer(key, min, max)?;
        u8::try_from(digits).ok()
    };
    let status = section.word("status", &STATUS.map(|(word, _)| word));
    let status = STATUS.iter().find(|(word, _)| Some(*word) == status);
    let unit = section.word("unit", &["after", "before"]);
    let clock = section.word("clock", &["standard", "year_first"]);
    Dialect {
        litre_decimals: digits(section, "litre_decimals", 0, 3).unwrap_or(default.litre_decimals),
        status: status.map_or(default.status, |(_, bits)| *bits),
        unit_first: unit == Some("before"),
        year_first: clock == Some("year_first"),
        flow_decimals: digits(section, "flow_decimals", 3, 4),
        pressure_unit: section.word("pressure_unit", &["Pa", "kPa", "MPa"]),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::codecs::{Limits, Sent};
    use crate::profiles::{Codec, Profile, Profiles, inner};

    /// A profile of this name, or its mistakes.
    fn parse(name: &str, format: &str, dialect: &str) -> Result<Profile, Vec<String>> {
        let text =
            format!("name = '{name}'\nversion = '1'\nformat = '{format}'\n[dialect]\n{dialect}");
        Profile::parse(
            &format!("profiles/{name}.toml"),
            &text,
            &Catalogue::shipped(),
        )
        .map_err(|all| all.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_key_is_read() {
        let all = "litre_decimals = 0\nstatus = 'flags'\nunit = 'before'\nclock = 'year_first'\n\
                   flow_decimals = 4\npressure_unit = 'MPa'";
        let profile = parse("x", "meters", all).unwrap();
        let expected = Dialect {
            litre_decimals: 0,
            status: StatusBits::Flags,
            unit_first: true,
            year_first: true,
            flow_decimals: Some(4),
            pressure_unit: Some("MPa"),
        };
        assert_eq!(profile.dialect(), Some(expected));
        for (word, bits) in STATUS {
            let profile = parse("x", "cjt188", &format!("status = '{word}'")).unwrap();
            assert_eq!(profile.dialect().unwrap().status, bits);
        }
        let standard = parse("x", "cjt188", "").unwrap();
        assert_eq!(standard.dialect(), Some(Dialect::default()));
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let mistakes = parse(
            "x",
            "cjt188",
            "litre_decimals = 4\nstate = 'flags'\nstatus = 'mirror'",
        );
        assert_eq!(
            mistakes.unwrap_err(),
            [
                "profiles/x.toml:5: dialect.litre_decimals = 4: must be a whole number from 0 to 3",
                "profiles/x.toml:6: dialect.state = \"flags\": unknown key; did you mean `status`?",
                "profiles/x.toml:7: dialect.status = \"mirror\": must be one of standard, mirrored, high, \
                 flags, ignored",
            ]
        );
        let other = parse("x", "dlt645", "litre_decimals = 2").unwrap_err();
        assert_eq!(other.len(), 1);
        assert!(other.concat().contains("dialect"), "{other:?}");
    }

    /// Comment of an `OceanConnect` demo: litres, behind a concentrator whose profile says nothing of them.
    #[test]
    fn a_meters_own_profile_goes_before_the_concentrators() {
        let hex = "6810437632510000008116901f0047700100295148010029202005282058240000a716";
        let payload = inner::hex(hex.as_bytes()).unwrap();
        let litres = parse("litres", "cjt188", "litre_decimals = 0").unwrap();
        let tens = parse("tens", "cjt188", "litre_decimals = 1").unwrap();
        let profiles = Profiles::of([litres, tens]).unwrap();
        let value = |concentrator: &str, own: Option<&str>| {
            let profile_of = |name: &str| own.filter(|_| name == "cjt188:10:00000051327643");
            let around = Around {
                limits: Limits { readings_max: 9 },
                profiles: &profiles,
                profile_of: &profile_of,
            };
            let mut out = Decoded::default();
            let codec = profiles.find(concentrator).unwrap();
            codec.decode(&payload, around, &mut out).unwrap();
            let sample = out.samples.first().unwrap();
            match &sample.value {
                Sent::Number(_, text) => text.clone().into_owned(),
                other => unreachable!("{other:?}"),
            }
        };
        assert!(matches!(profiles.find("meters"), Some(Codec::BuiltIn(..))));
        assert_eq!(value("meters", None), "170.47");
        assert_eq!(value("meters", Some("litres")), "17047");
        assert_eq!(value("litres", None), "17047");
        assert_eq!(value("litres", Some("tens")), "1704.7");
        // One that needs no file is a profile of its own, too, and means the standard.
        assert_eq!(value("litres", Some("cjt188")), "170.47");
        // Neither a profile that reads no frames nor none says anything of them.
        assert_eq!(value("litres", Some("json")), "17047");
        assert_eq!(value("litres", Some("")), "17047");
    }
}
