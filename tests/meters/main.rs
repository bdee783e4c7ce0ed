//! Meters and concentrators before a real gateway: frames over MQTT and `CoAP`, their devices, what is refused of
//! them, and what the commands say of all that.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by failing"
)]
mod decode;
mod frames;
mod scenario;
#[path = "../support/mod.rs"]
mod support;

use frames::{METER_161, VOLTAGE_161, bytes, dlt645, error, hex, post, publish, water};
use serde_json::Value;
use std::fs;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use support::{BOUND, Gateway, Ports};

const DEVICES: &str = "\
id,kind,profile,district,aliases,parent
lone-1,meter.electricity,dlt645,370102,,
conc-1,,meters,370102,,
em-161,meter.electricity,,370102,dlt645:000000000161,conc-1
em-2010,meter.electricity,,370102,dlt645:201000000012,conc-1
wm-1,meter.water,,370102,cjt188:10:78330011223344,conc-1
wm-2,meter.water,,370102,cjt188:10:78330011223355,conc-1
em-999,meter.electricity,,370102,dlt645:000000000999,
dtu-1,meter.electricity,dtu-json-hex,370102,imei:867723030711443,
dtu-2,,dtu-json-base64,370102,,
em-77,meter.electricity,,370102,dlt645:000000000077,dtu-2
";
const CONFIG: &str = "[devices]\ninventory = \"devices.csv\"\n";

/// What a command did: exit code and output.
fn run(args: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_citygate"));
    command.args(args).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CITYGATE_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    let done = command.output().unwrap();
    let said = [done.stdout, done.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    (done.status.code().unwrap_or(-1), said)
}

struct Plant {
    dir: tempfile::TempDir,
    ports: Ports,
    gateway: Gateway,
}

impl Plant {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ports = Ports::free();
        fs::write(dir.path().join("devices.csv"), DEVICES).unwrap();
        let config = ports.config(&dir.path().join("data"), CONFIG);
        let mut gateway = Gateway::spawn(dir.path(), ports, &config, |command| {
            command.current_dir(dir.path());
        });
        gateway.wait_ready();
        Self {
            dir,
            ports,
            gateway,
        }
    }

    fn publish(&self, topic: &str, payload: &[u8]) {
        publish(self.dir.path(), self.ports, topic, payload);
    }

    fn json(&self, path: &str) -> Value {
        let (status, body) = self.gateway.get(path).unwrap_or_default();
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    fn ask(&self, args: &[&str]) -> (i32, String) {
        let url = format!("http://127.0.0.1:{}", self.ports.http);
        run(&[args, &["--url", &url]].concat())
    }

    /// Readings of a device, once there are so many: metric, value, raw, unit of that, via.
    #[track_caller]
    fn readings(&self, device: &str, count: usize) -> Vec<[String; 5]> {
        let start = Instant::now();
        loop {
            let path = format!("/v1/devices/{device}/readings");
            let page = self.gateway.get(&path).unwrap_or_default().1;
            let page: Value = serde_json::from_str(&page).unwrap_or_default();
            let found = page["readings"].as_array().cloned().unwrap_or_default();
            if found.len() == count {
                return found.iter().map(shown).collect();
            }
            assert!(start.elapsed() < BOUND, "{count} readings: {page}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Rejects of a device, newest first: reason, part, device, via.
    #[track_caller]
    fn rejects(&self, device: &str) -> Vec<[String; 4]> {
        let page = self.json(&format!("/v1/rejects?device={device}"));
        let rejects = page["rejects"].as_array().unwrap().iter();
        let text =
            |reject: &Value, name: &str| reject[name].as_str().unwrap_or_default().to_owned();
        rejects
            .map(|reject| ["reason", "part", "deviceId", "via"].map(|name| text(reject, name)))
            .collect()
    }
}

fn shown(reading: &Value) -> [String; 5] {
    let text = |name: &str| reading[name].as_str().unwrap_or_default().to_owned();
    let number = reading["number"].as_f64().map(|number| number.to_string());
    let flag = reading["flag"].as_bool().map(|flag| flag.to_string());
    let labels = reading["labels"].as_object().into_iter().flatten();
    let labels: Vec<String> = labels
        .map(|(name, of)| format!(" {name}={}", of.as_str().unwrap()))
        .collect();
    [
        text("metric") + &labels.concat(),
        number.or(flag).unwrap_or_else(|| text("text")),
        text("raw"),
        text("rawUnit"),
        text("via"),
    ]
}

fn has(readings: &[[String; 5]], expected: [&str; 5]) {
    let found = readings.iter().any(|reading| reading == &expected);
    assert!(found, "{expected:?} in {readings:?}");
}

#[test]
fn one_meter_of_its_own_over_mqtt_and_coap() {
    let plant = Plant::new();
    plant.publish("city/lone-1/dlt645", &bytes(METER_161).repeat(1));
    // A text-mode modem sends digits.
    let said = post(
        plant.dir.path(),
        plant.ports,
        "/t/lone-1/dlt645",
        VOLTAGE_161.as_bytes(),
    );
    // The address is em-161's, which another device carries.
    assert!(said.contains("4.03"), "{said}");
    assert_eq!(plant.rejects("em-161").len(), 2);
    let own = dlt645("000000004711", "00010000", "00012345");
    plant.publish("city/lone-1/dlt645", &own);
    let voltage = hex(&dlt645("000000004711", "02010100", "2301"));
    let said = post(
        plant.dir.path(),
        plant.ports,
        "/t/lone-1",
        voltage.as_bytes(),
    );
    assert_eq!(said, "", "2.04");
    let readings = plant.readings("lone-1", 2);
    has(&readings, ["active_energy_import", "123.45", "", "", ""]);
    has(&readings, ["voltage phase=a", "230.1", "", "", ""]);
}

#[test]
fn a_concentrator_keeps_what_is_good_and_names_what_is_not() {
    let plant = Plant::new();
    let mut damaged = dlt645("000000000161", "00010000", "00000027");
    damaged[15] ^= 0x40;
    let strange = dlt645("000000000555", "00010000", "00000100");
    let parts = [
        b"DTU-0817".to_vec(),
        bytes(METER_161),
        dlt645("201000000012", "0201ff00", "ffffffff2256"),
        damaged,
        water("78330011223344", "00123456", 0x29),
        strange,
        vec![0xfe; 4],
        dlt645("000000000999", "00010000", "00000100"),
        error("000000000161"),
        water("78330011223355", "0012345a", 0x2c),
    ];
    plant.publish("city/conc-1", &parts.concat());
    has(
        &plant.readings("em-161", 1),
        ["active_energy_import", "0.26", "", "", "conc-1"],
    );
    let phases = plant.readings("em-2010", 3);
    has(&phases, ["voltage phase=a", "225.6", "", "", "conc-1"]);
    has(&phases, ["voltage phase=c", "", "", "", "conc-1"]);
    let litres = plant.readings("wm-1", 4);
    has(
        &litres,
        ["water_volume", "1.23456", "1234.56", "L", "conc-1"],
    );
    has(&litres, ["battery_low", "false", "", "", "conc-1"]);
    let at = parts[..3].concat().len();
    let all = plant.rejects("conc-1");
    let row = |reason: &str, part: &str, device: &str, via: &str| {
        [reason, part, device, via].map(str::to_owned)
    };
    for expected in [
        row("bad_checksum", &format!("frame at byte {at}"), "conc-1", ""),
        row(
            "unknown_device",
            "dlt645:000000000555",
            "dlt645:000000000555",
            "conc-1",
        ),
        row("other_device", "em-999", "em-999", "conc-1"),
        row(
            "invalid_bcd",
            "cjt188:10:78330011223355.water_volume",
            "wm-2",
            "conc-1",
        ),
    ] {
        assert!(all.contains(&expected), "{expected:?} in {all:#?}");
    }
    // What the meter answers is an event of that meter, and no reject.
    let timeline = plant.json("/v1/devices/em-161/timeline").to_string();
    assert!(timeline.contains("\"meter_error\""), "{timeline}");
    explained(&plant);
    recovered(&plant);
}

/// A child and a stranger, as an engineer asks for them.
fn explained(plant: &Plant) {
    let (code, story) = plant.ask(&["explain", "em-161", "--json"]);
    let story: Value = serde_json::from_str(&story).unwrap();
    assert_eq!((code, &story["well"]), (0, &Value::Bool(true)), "{story}");
    assert_eq!(story["parent"]["id"], "conc-1");
    let uplink = &story["uplinks"][0];
    assert_eq!(
        (&uplink["device"], &uplink["via"]),
        (&"em-161".into(), &"conc-1".into())
    );
    assert_eq!(uplink["topic"], "city/conc-1");
    // Who carried them has the uplink with what it brought, and not just with what was refused of it.
    let (_, story) = plant.ask(&["explain", "conc-1", "--json"]);
    let story: Value = serde_json::from_str(&story).unwrap();
    let uplink = &story["uplinks"][0];
    assert_eq!(story["verdict"]["code"], "parts", "{story}");
    assert_eq!(uplink["accepted"], true, "{story}");
    assert_eq!(
        uplink["carried"]["say"],
        "4 reports for 4 meters: em-161, em-2010, wm-1, wm-2"
    );
    // Of five: the registry remembers a few records of a device, in the order in which it read the two logs.
    let refused = uplink["refused"].as_array().unwrap().len();
    assert!((4..=5).contains(&refused), "{uplink}");
    assert_eq!(uplink["events"][0]["device"], "em-161", "{uplink}");
    assert_eq!(story["uplinks"].as_array().unwrap().len(), 1, "{story}");
    error_alone(plant);
    let (_, story) = plant.ask(&["explain", "wm-2"]);
    assert!(story.contains("invalid_bcd"), "{story}");
    let (code, story) = plant.ask(&["explain", "dlt645:000000000555", "--json"]);
    let story: Value = serde_json::from_str(&story).unwrap();
    assert_eq!(code, 1);
    assert_eq!(
        story["strangers"][0]["name"], "dlt645:000000000555",
        "{story}"
    );
    assert_eq!(story["strangers"][0]["topic"], "city/conc-1");
}

/// An uplink that became an event and nothing else is told of the meter and of who carried it.
fn error_alone(plant: &Plant) {
    plant.publish("city/conc-1", &error("201000000012"));
    for device in ["em-2010", "conc-1"] {
        let start = Instant::now();
        let told = loop {
            let (_, told) = plant.ask(&["explain", device]);
            let last = told.split("\n\n").nth(1).unwrap_or_default().to_owned();
            if last.contains("event ") && !last.contains("reports for") {
                break last;
            }
            assert!(start.elapsed() < BOUND, "{device}: {told}");
            thread::sleep(Duration::from_millis(10));
        };
        assert!(told.contains(" accepted\n"), "{told}");
        assert!(told.contains(" at city/conc-1\n"), "{told}");
        assert!(told.contains("  event    em-2010 meter_error"), "{told}");
    }
    let page = plant.gateway.get("/d/conc-1/explain").unwrap().1;
    for said in ["4 reports for 4 meters", "The meter answers with an error"] {
        assert!(page.contains(said), "{said}: {page}");
    }
}

/// The row comes into the inventory, and what was refused is taken.
fn recovered(plant: &Plant) {
    let row = "em-555,meter.electricity,,370102,dlt645:000000000555,conc-1\n";
    let file = plant.dir.path().join("devices.csv");
    fs::write(file, format!("{DEVICES}{row}")).unwrap();
    let (code, said) = plant.ask(&["reload"]);
    assert_eq!(code, 0, "{said}");
    let (_, story) = plant.ask(&["explain", "em-555", "--json"]);
    let story: Value = serde_json::from_str(&story).unwrap();
    assert_eq!(story["strangers"][0]["by"], "alias", "{story}");
    let retry = ["rejects", "retry", "--reason", "unknown_device", "--json"];
    let (_, said) = plant.ask(&[&retry[..], &["--device", "dlt645:000000000555"]].concat());
    assert!(said.contains("\"recovered\""), "{said}");
    has(
        &plant.readings("em-555", 1),
        ["active_energy_import", "1", "", "", "conc-1"],
    );
    assert_eq!(plant.readings("em-161", 1).len(), 1, "nothing comes twice");
}

#[test]
fn frames_in_json_are_of_the_dtu_or_of_its_meters() {
    let plant = Plant::new();
    let json = |data: &str| format!(r#"{{"imei":"867723030711443","csq":21,"data":"{data}"}}"#);
    let own = dlt645("000000004711", "00010000", "00012345");
    plant.publish("city/dtu-1", json(&hex(&own)).as_bytes());
    let readings = plant.readings("dtu-1", 2);
    has(&readings, ["active_energy_import", "123.45", "", "", ""]);
    has(&readings, ["csq", "21", "", "", ""]);
    let frames = [
        dlt645("000000000077", "00010000", "00000700"),
        dlt645("000000000078", "00010000", "00000800"),
    ];
    let data = base64(&frames.concat());
    let payload = format!(r#"{{"data":"{data}","csq":7}}"#);
    let said = post(
        plant.dir.path(),
        plant.ports,
        "/t/dtu-2",
        payload.as_bytes(),
    );
    assert_eq!(said, "", "2.04");
    has(
        &plant.readings("em-77", 1),
        ["active_energy_import", "7", "", "", "dtu-2"],
    );
    has(&plant.readings("dtu-2", 1), ["csq", "7", "", "", ""]);
    let strange = plant.rejects("dlt645:000000000078");
    assert_eq!(strange[0][0], "unknown_device", "{strange:?}");
}

/// Two strangers of one uplink: each reject leads to its own device's report, and to ask for one takes both.
#[test]
fn rejects_of_one_uplink_are_retried_together_and_lead_to_their_own_reports() {
    let plant = Plant::new();
    let frames = [
        dlt645("000000000161", "00010000", "00000100"),
        dlt645("000000000601", "00010000", "00000200"),
        dlt645("000000000602", "00010000", "00000300"),
    ];
    plant.publish("city/conc-1", &frames.concat());
    assert_eq!(plant.readings("em-161", 1).len(), 1);
    let rows = "\
em-601,meter.electricity,,370102,dlt645:000000000601,conc-1
em-602,meter.electricity,,370102,dlt645:000000000602,conc-1
";
    let file = plant.dir.path().join("devices.csv");
    fs::write(file, format!("{DEVICES}{rows}")).unwrap();
    let (code, said) = plant.ask(&["reload"]);
    assert_eq!(code, 0, "{said}");
    // It is there from then on, though nothing of it is.
    let none = plant.json("/v1/devices/em-601/readings");
    assert_eq!(none["readings"], serde_json::json!([]));
    let one = "dlt645:000000000602";
    let (code, said) = plant.ask(&["rejects", "retry", "--device", one]);
    assert_eq!(code, 0, "{said}");
    let lines: Vec<&str> = said.lines().collect();
    let report = |line: &str| {
        let (_, after) = line.split_once("is report ").unwrap();
        after.split_once(' ').unwrap().0.parse::<u64>().unwrap()
    };
    let (first, second) = (report(lines[0]), report(lines[1]));
    assert_eq!(second, first + 1, "{said}");
    assert!(
        lines[0].starts_with('+') && !lines[1].starts_with('+'),
        "{said}"
    );
    assert_eq!(
        lines[2],
        "the reject marked with + was not asked for: the rejects of one uplink are retried together"
    );
    assert!(lines[3].starts_with("2 recovered"), "{said}");
    for (device, report) in [("601", first), ("602", second)] {
        let path = format!("/v1/rejects?device=dlt645:000000000{device}");
        let reject = &plant.json(&path)["rejects"][0];
        assert_eq!(reject["recovered"], report.to_string(), "{device}");
        let path = format!("/v1/rejects/{}", reject["sequence"].as_str().unwrap());
        let shown = &plant.json(&path);
        assert_eq!(shown["reject"]["recovered"], report.to_string(), "{shown}");
        plant.readings(&format!("em-{device}"), 1);
        let timeline = plant.json(&format!("/v1/devices/em-{device}/timeline"));
        let own = format!("\"sequence\":\"{report}\"");
        assert!(timeline.to_string().contains(&own), "{own} in {timeline}");
    }
    // Once more, by its number: the other one was there as well.
    let (_, said) = plant.ask(&["rejects", "retry", "--all"]);
    assert!(said.starts_with("0 recovered"), "{said}");
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
