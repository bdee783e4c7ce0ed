//! `citygate decode`: what frames become, field by field, and where a bad one is bad.
use crate::frames::{METER_161, bytes, dlt645, error, hex};
use crate::{DEVICES, run};
use serde_json::Value;
use std::fs;

fn decode(profile: &str, payload: &str) -> (i32, String) {
    run(&["decode", "--profile", profile, payload])
}

fn json(args: &[&str]) -> (i32, Value) {
    let (code, said) = run(&[&["decode", "--json"], args].concat());
    let parsed = serde_json::from_str(&said);
    (
        code,
        parsed.unwrap_or_else(|error| panic!("{error}: {said}")),
    )
}

/// What a README shows behind `$ citygate decode ..` is what the command prints, but for the time of reception.
#[test]
fn the_readme_shows_what_is_printed() {
    let readme = include_str!("../../README.md");
    let section = readme.split("## Meters").nth(1).unwrap();
    let block = section
        .split("```")
        .find(|block| block.contains("$ citygate decode"));
    let block = block.unwrap().trim_start_matches("console\n");
    let (command, shown) = block.split_once('\n').unwrap();
    let hex = command.split('\'').nth(1).unwrap();
    let (code, said) = decode("dlt645", hex);
    assert_eq!(code, 0, "{said}");
    let timeless = |text: &str| {
        let at = text.find(" at 2").map(|at| at + 4);
        let end = at.and_then(|at| Some(at + text[at..].find(' ')?));
        match (at, end) {
            (Some(at), Some(end)) => format!("{}..{}", &text[..at], &text[end..]),
            _ => text.to_owned(),
        }
    };
    let lines = |text: &str| text.trim().lines().map(timeless).collect::<Vec<_>>();
    assert_eq!(lines(shown), lines(&said));
}

#[test]
fn every_byte_of_a_frame_is_shown() {
    let (code, decoded) = json(&["--profile", "dlt645", METER_161]);
    assert_eq!(code, 0);
    assert_eq!(decoded["readings"][0]["deviceId"], "dlt645:000000000161");
    let mut at = 0;
    for piece in decoded["pieces"].as_array().unwrap() {
        assert_eq!(piece["bytes"][0], at, "{decoded:#}");
        at = piece["bytes"][1].as_u64().unwrap();
    }
    assert_eq!(at, bytes(METER_161).len() as u64);
}

#[test]
fn a_bad_frame_says_where_it_is_bad() {
    let bad = METER_161.replace("8a16", "8d16");
    let (code, said) = decode("dlt645", &bad);
    assert_eq!(code, 1);
    assert!(
        said.contains("bad_checksum") && said.contains("byte 18"),
        "{said}"
    );
    assert!(
        said.lines().any(|line| line.trim() == "^^ byte 18"),
        "{said}"
    );
    let (_, decoded) = json(&["--profile", "dlt645", &bad]);
    assert_eq!(decoded["rejected"][0]["byte"], 18, "{decoded:#}");
    // Behind a header, and beside a good one: it is the payload's byte that is named.
    let two = format!("{METER_161}{bad}");
    let (code, decoded) = json(&["--profile", "meters", &two]);
    assert_eq!(code, 1);
    assert_eq!(decoded["rejected"][0]["part"], "frame at byte 20");
    assert_eq!(decoded["rejected"][0]["byte"], 38, "{decoded:#}");
    assert_eq!(decoded["readings"].as_array().unwrap().len(), 1);
    // A digit that is none.
    let digit = hex(&dlt645("000000000161", "00010000", "0000002a"));
    let (code, decoded) = json(&["--profile", "dlt645", &digit]);
    assert_eq!(code, 1);
    assert_eq!(
        decoded["rejected"][0]["reason"], "invalid_bcd",
        "{decoded:#}"
    );
}

#[test]
fn an_answer_without_readings_is_no_reject() {
    let refused = hex(&error("000000000161"));
    let (code, said) = decode("dlt645", &refused);
    assert_eq!(code, 0, "{said}");
    let event = "dlt645:000000000161: event meter_error: ";
    let line = said.lines().find(|line| line.starts_with(event));
    assert!(line.is_some_and(|line| line.contains("error 02")), "{said}");
    let (code, decoded) = json(&["--profile", "dlt645", &refused]);
    assert_eq!((code, &decoded["events"][0]), (0, &"meter_error".into()));
    let detail = &decoded["eventDetails"][0];
    assert_eq!(detail["deviceId"], "dlt645:000000000161");
    assert_eq!(detail["detail"]["error"], "02", "{decoded:#}");
}

#[test]
fn the_inventory_says_whose_each_frame_is() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("devices.csv"), DEVICES).unwrap();
    let config = dir.path().join("citygate.toml");
    let inventory = dir.path().join("devices.csv");
    let text = format!("[devices]\ninventory = \"{}\"\n", inventory.display());
    fs::write(&config, text).unwrap();
    let config = config.to_str().unwrap();
    let frames = [
        bytes(METER_161),
        dlt645("000000000555", "00010000", "00000100"),
        dlt645("000000000999", "00010000", "00000100"),
    ];
    let (_, said) = run(&[
        "decode",
        "--config",
        config,
        "--device",
        "conc-1",
        &hex(&frames.concat()),
    ]);
    for expected in [
        "dlt645:000000000161 is `em-161` in the inventory, a meter.electricity\n",
        "dlt645:000000000555 is not in the inventory; it would be refused: ",
        "dlt645:000000000999 is `em-999` in the inventory, a meter.electricity; it would be refused: ",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}
