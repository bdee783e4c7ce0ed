//! The catalogue: what is shipped, and what an operator may add.
#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "tests")]
use super::*;

fn extended(text: &str) -> (Catalogue, Vec<String>) {
    let mut catalogue = Catalogue::shipped();
    let mut problems = Vec::new();
    let mut top = Section::new("", toml::from_str(text).unwrap(), &mut problems);
    catalogue.extend(&mut top);
    top.finish();
    (
        catalogue,
        problems.iter().map(ToString::to_string).collect(),
    )
}

fn convert(metric: &str, value: f64, unit: &str) -> f64 {
    let catalogue = Catalogue::shipped();
    let metric = catalogue.metric(metric).unwrap();
    catalogue.convert(metric, value, unit).unwrap()
}

#[test]
fn shipped_files_have_no_problem() {
    let (catalogue, problems) = read_shipped();
    assert_eq!(problems, []);
    assert!(catalogue.metrics().count() > 100);
    assert!(catalogue.kinds().count() > 20);
}

#[test]
fn known_conversions() {
    assert_eq!(convert("active_energy_import", 12_340.0, "Wh"), 12.34);
    assert_eq!(convert("heat_energy", 1.0, "GJ"), 1_000.0 / 3.6);
}
