#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use super::*;

fn read(text: &str) -> Result<Inventory, Vec<String>> {
    let catalogue = Catalogue::shipped();
    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    let read = Inventory::of_csv(
        Path::new("devices.csv"),
        text,
        &catalogue,
        &zone,
        Unknown::Reject,
    );
    read.map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text, &TimeZone::get("Asia/Shanghai").unwrap()).unwrap()
}

mod model;
mod rows;
