//! 200 meters behind one concentrator for 31 days: what the gateway says of them is what they did.
//!
//! `CITYGATE_SCENARIO_SEED` draws another fleet, other days and other losses.
mod compare;
mod driven;
mod lines;
mod process;
mod publisher;

use citygate::model::Timestamp;
use citygate::sim::scenario::Scenario;
use jiff::tz::TimeZone;

/// Times of meters have no zone; this is theirs.
const ZONE: &str = "Asia/Shanghai";
/// Where all uplinks arrive.
const TOPIC: &str = "city/conc-1/meters";
const SEED: u64 = 20_261_125;

fn seed() -> u64 {
    let seed = std::env::var("CITYGATE_SCENARIO_SEED").ok();
    seed.map_or(SEED, |seed| seed.parse().expect("a number"))
}

fn zone() -> TimeZone {
    TimeZone::get(ZONE).unwrap()
}

/// The scenario from this midnight on: `2026-10-20`.
fn from_day(day: &str) -> Scenario {
    let start = Timestamp::parse(&format!("{day}T00:00:00"), &zone()).unwrap();
    Scenario::new(seed(), start, &zone())
}

/// The folder of profiles and the inventory, in `dir`.
fn write_files(scenario: &Scenario, dir: &std::path::Path) {
    let profiles = dir.join("profiles");
    std::fs::create_dir(&profiles).unwrap();
    for (name, text) in Scenario::profiles() {
        std::fs::write(profiles.join(name), text).unwrap();
    }
    std::fs::write(dir.join("devices.csv"), &scenario.inventory).unwrap();
}
