//! The table's rows and the rules made of them.
#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "tests")]
use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

/// Primary and secondary names of RFC 8428 §12.1 and RFC 8798 §2 and §3.
const SENML: &str = "m kg g s A K cd mol Hz rad sr N Pa J W C V F Ohm S Wb T H Cel lm lx Bq Gy Sv kat \
    m2 m3 l m/s m/s2 m3/s l/s W/m2 cd/m2 bit bit/s lat lon pH dB dBW Bspl count / % %RH %EL EL 1/s \
    1/min beat/min beats S/m B VA VAs var vars J/m kg/m3 deg NTU \
    ms min h MHz kW kVA kvar Ah Wh kWh varh kvarh kVAh Wh/km KiB GB Mbit/s B/s MB/s mV mA dBm ug/m3 \
    mm/h m/h ppm /100 /1000 hPa mm cm km km/h";

fn accepted(unit: &str, substance: Substance) -> Accepted {
    Accepted::new(unit, Quantity::of(unit).unwrap(), substance).unwrap()
}

fn convert(value: f64, from: &str, to: &str) -> Option<f64> {
    let quantity = Quantity::of_code(to).unwrap();
    Accepted::new(to, quantity, Substance::default())?.convert(value, from)
}

/// Every ordered pair of codes of one quantity.
fn pairs() -> Vec<(&'static Quantity, &'static str, &'static str)> {
    Quantity::all()
        .flat_map(|quantity| {
            quantity.units.iter().flat_map(move |from| {
                let to = quantity.units.iter();
                to.map(move |to| (quantity, from.code(), to.code()))
            })
        })
        .collect()
}

#[test]
fn names_are_unique_in_their_quantity_and_plain() {
    let mut keys = HashSet::new();
    for quantity in Quantity::all() {
        assert!(keys.insert(quantity.key), "{} twice", quantity.key);
        let mut names = HashSet::new();
        for name in quantity.units.iter().flat_map(Unit::names) {
            assert!(names.insert(name), "{name} twice in {}", quantity.key);
            assert_eq!(plain(name).as_deref(), Some(name), "never found");
        }
    }
}

#[test]
fn every_row_is_a_growing_rule_that_a_double_holds() {
    for unit in Quantity::all().flat_map(|quantity| quantity.units) {
        assert!(unit.mul > 0 && unit.div > 0, "{}", unit.names);
        assert!(unit.mul < 1 << 53 && unit.div <= 1 << 57, "{}", unit.names);
        assert_eq!(
            unit.rule().then(unit.rule().inverse()),
            Rule {
                mul: 1,
                add: 0,
                div: 1
            }
        );
    }
}

#[test]
fn every_senml_name_is_known() {
    for name in SENML.split_ascii_whitespace() {
        assert!(Quantity::of(name).is_some(), "{name}");
    }
}

#[test]
fn secondary_units_of_rfc_8798_have_its_factors() {
    for (secondary, primary, value) in [
        ("ms", "s", 0.001),
        ("kVAh", "V.A.s", 3_600_000.0),
        ("kvarh", "var.s", 3_600_000.0),
        ("Wh/km", "J/m", 3.6),
        ("Ah", "C", 3_600.0),
        ("KiB", "By", 1_024.0),
        ("MB/s", "bit/s", 8_000_000.0),
        ("dBm", "dB[W]", -29.0),
        ("ug/m3", "kg/m3", 1e-9),
        ("mm/h", "m/s", 1.0 / 3_600_000.0),
        ("km/h", "m/s", 1.0 / 3.6),
        ("/100", "1", 0.01),
        ("hPa", "Pa", 100.0),
    ] {
        assert_eq!(convert(1.0, secondary, primary), Some(value), "{secondary}");
    }
}

#[test]
fn decimal_values_stay_the_nearest_double() {
    assert_eq!(convert(12_008.0, "Wh", "kW.h"), Some(12.008));
    assert_eq!(convert(300.0, "K", "Cel"), Some(26.85));
    assert_eq!(convert(98.6, "°F", "Cel"), Some(37.0));
    assert_eq!(convert(0.1, "kWh", "kW.h"), Some(0.1));
    assert_eq!(convert(10_132.5, "Pa", "hPa"), Some(101.325));
}

#[test]
fn typographic_signs_are_read_as_letters() {
    for (sent, canonical) in [
        ("m³", "m3"),
        ("m^3/h", "m3/h"),
        ("㎥", "m3"),
        ("\u{b5}g/m³", "ug/m3"),
        ("\u{3bc}g/m3", "ug/m3"),
        ("㎍/㎥", "ug/m3"),
        ("℃", "Cel"),
        ("° C", "Cel"),
        ("kW·h", "kW.h"),
        (" kWh ", "kW.h"),
        ("%", "%"),
        ("k\u{2126}", "kOhm"),
        ("m/s²", "m/s2"),
    ] {
        assert_eq!(convert(7.5, sent, canonical), Some(7.5), "{sent}");
    }
}

#[test]
fn letters_that_change_the_meaning_are_not_folded() {
    assert_eq!(convert(1.0, "MW", "kW"), Some(1_000.0));
    assert_eq!(convert(1.0, "mW", "kW"), Some(1e-6));
    for ambiguous in ["mwh", "MWH", "MV", "BTU", "gal", "mpa"] {
        assert_eq!(Quantity::of(ambiguous).map(|q| q.key), None, "{ambiguous}");
    }
}

#[test]
fn a_normal_cubic_metre_is_no_cubic_metre() {
    assert_eq!(convert(1.0, "Nm3", "m3"), None);
    assert_eq!(convert(1.0, "Sm3", "Nm3"), None);
    assert_eq!(Quantity::of("Nm³"), None);
    assert_eq!(
        Quantity::of(&plain("Nm³").unwrap()).unwrap().name,
        "volume at normal conditions"
    );
}

#[test]
fn a_long_unit_is_not_looked_into() {
    let long = "k".repeat(100_000);
    let accepted = accepted("kW.h", Substance::default());
    assert_eq!(accepted.convert(1.0, &long), None);
    let UnitError::Unknown { unit, nearest } =
        UnitError::new(&long, &accepted, "active_energy_import", "kW.h", "energy")
    else {
        panic!("known");
    };
    assert_eq!((unit.len(), nearest), (32, None));
}

#[test]
fn what_is_not_finite_stays_so_and_what_is_stays_finite() {
    assert!(convert(f64::NAN, "Wh", "kW.h").unwrap().is_nan());
    assert_eq!(convert(f64::INFINITY, "K", "Cel"), Some(f64::INFINITY));
    assert_eq!(convert(-1e308, "GJ", "kW.h"), Some(f64::MIN));
}

#[test]
fn a_gas_must_be_known_to_weigh_its_volume() {
    let methane = Substance {
        molar_mass_milli: Some(16_043),
        explosive_limit_milli: Some(5_000),
    };
    let unknown = accepted("mg/m3", Substance::default());
    assert_eq!(unknown.convert(1.0, "ppm"), None);
    let known = accepted("mg/m3", methane);
    assert_eq!(known.convert(24.45, "ppm"), Some(16.043));
    assert_eq!(
        known.convert(1.0, "%"),
        None,
        "of the volume or of the limit?"
    );
    let limit = accepted("%{LEL}", methane);
    assert_eq!(limit.convert(5.0, "%vol"), Some(100.0));
    assert_eq!(limit.convert(10_000.0, "ppm"), Some(20.0));
    assert_eq!(limit.convert(2.5, "%"), None);
    let back = accepted("[ppm]", methane);
    assert_eq!(back.convert(16.043, "mg/m3"), Some(24.45));
}

proptest! {
    #[test]
    fn there_and_back_is_where_it_began(pair in prop::sample::select(pairs()), value in -1e9..1e9) {
        let (quantity, from, to) = pair;
        let there = Accepted::new(to, quantity, Substance::default()).unwrap();
        let back = Accepted::new(from, quantity, Substance::default()).unwrap();
        let between = there.convert(value, from).unwrap();
        let again = back.convert(between, to).unwrap();
        // An offset (273.15 K, 60 dB) costs digits of what is small beside it.
        let bound = 1e-12 * (value.abs() + 1e3);
        prop_assert!((again - value).abs() <= bound, "{value} {from} = {between} {to} = {again}");
    }

    #[test]
    fn more_stays_more(pair in prop::sample::select(pairs()), a in -1e12..1e12, b in -1e12..1e12) {
        let (quantity, from, to) = pair;
        let accepted = Accepted::new(to, quantity, Substance::default()).unwrap();
        let (low, high) = if a <= b { (a, b) } else { (b, a) };
        let convert = |value| accepted.convert(value, from).unwrap();
        prop_assert!(convert(low) <= convert(high));
    }

    #[test]
    fn any_text_is_a_unit_or_an_error(unit in "\\PC{0,40}") {
        let accepted = accepted("m3/h", Substance::default());
        if accepted.convert(1.0, &unit).is_none() {
            let error = UnitError::new(&unit, &accepted, "gas_flow", "m3/h", "volume flow");
            prop_assert!(error.to_string().contains("unit") || error.to_string().contains("measures"));
        }
    }
}
