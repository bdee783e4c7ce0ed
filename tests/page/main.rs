//! The status page in a real browser: a gateway, devices over MQTT, headless Chromium driven from `*.mjs`.
//!
//! Each test starts a gateway of its own and runs one script, which asserts and writes screenshots into a temporary
//! folder whose name it prints. What the scripts need is installed by `scripts/test.sh`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by failing"
)]
#[path = "../support/mod.rs"]
mod support;

use std::path::Path;
use std::process::Command;
use support::{Gateway, Ports};

/// Runs a script against a fresh gateway.
#[track_caller]
fn browse(script: &str) {
    browse_with(script, None);
}

/// The same, with an inventory of these rows.
#[track_caller]
fn browse_with(script: &str, rows: Option<&str>) {
    let dir = tempfile::tempdir().unwrap();
    let ports = Ports::free();
    let mut more = String::new();
    if let Some(rows) = rows {
        let file = dir.path().join("devices.csv");
        std::fs::write(&file, rows).unwrap();
        more = format!("[devices]\ninventory = \"{}\"\n", file.display());
    }
    more += "[site]\ntimezone = \"Asia/Shanghai\"\n\
        [[route]]\ntopic = \"tunnel/{device}\"\nkind = \"tunnel.gas\"\ndistrict = \"370102-A3\"\n\
        [[route]]\ntopic = \"meter/{device}\"\nkind = \"meter.electricity\"\ndistrict = \"370102\"\n";
    let config = ports.config(&dir.path().join("data"), &more);
    let mut gateway = Gateway::start(dir.path(), ports, &config);
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page");
    let shots = std::env::temp_dir().join(format!("citygate-page-{script}"));
    std::fs::create_dir_all(&shots).unwrap();
    println!("screenshots: {}", shots.display());
    let output = Command::new("node")
        .arg(scripts.join(format!("{script}.mjs")))
        .env("CITYGATE_PAGE", format!("http://127.0.0.1:{}", ports.http))
        .env("CITYGATE_MQTT", ports.mqtt.to_string())
        .env("CITYGATE_SHOTS", &shots)
        .output()
        .expect("node is installed by scripts/test.sh");
    println!("{}", String::from_utf8_lossy(&output.stdout));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(gateway.stop().success());
}

#[test]
fn search_filter_and_language() {
    browse("home");
}

#[test]
fn a_device_with_chart_and_timeline() {
    browse("device");
}

#[test]
fn just_installed() {
    browse("installed");
}

#[test]
fn a_bad_line() {
    browse("line");
}

#[test]
fn what_the_inventory_names() {
    let rows = "id,kind,district,aliases,parent,place,lat,lon,metering_point,multiplier\n\
        hub-1,meter.electricity,370102,,,,,,,\n\
        w-1,meter.water,370102,imei:868411056758781,hub-1,\"Lixia pump house, north wall\",36.6512,117.1201,MP-77,10000/100 x 75/5\n\
        w-2,meter.electricity,370102,,hub-1,,,,,\n\
        w-3,meter.heat,370103,,hub-1,,,,,\n";
    browse_with("listed", Some(rows));
}

#[test]
fn without_script() {
    browse("plain");
}
