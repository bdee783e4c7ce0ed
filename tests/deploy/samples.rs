//! Every sample configuration is one, with the files that it names.
use super::{path, run, said};
use citygate::catalogue::Catalogue;
use citygate::inventory::{self, Entry, Unknown};
use citygate::model::Timestamp;
use jiff::tz::TimeZone;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Where samples expect what only their machine has.
const PLACES: [&str; 4] = [
    "/etc/citygate/",
    "/run/credentials/citygate.service/",
    "/run/city/gateway/",
    "/data/",
];

/// A file that a sample names, as its machine would have it.
fn make(file: &Path, name: &str) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    match name {
        "users.toml" => fs::write(
            file,
            "[[user]]\nname = \"meters\"\npassword_file = \"meters\"\n",
        )
        .unwrap(),
        // Before the first token there is none.
        "tokens.toml" => return,
        "cert.pem" | "key.pem" => {
            let made = rcgen::generate_simple_self_signed(["gate.example".to_owned()]).unwrap();
            fs::write(file.with_file_name("cert.pem"), made.cert.pem()).unwrap();
            fs::write(
                file.with_file_name("key.pem"),
                made.signing_key.serialize_pem(),
            )
            .unwrap();
        }
        _ if file.extension().is_some_and(|end| end == "pem") => {
            let made = rcgen::generate_simple_self_signed(["ca.example".to_owned()]).unwrap();
            fs::write(file, made.cert.pem()).unwrap();
        }
        _ => fs::write(file, "secret\n").unwrap(),
    }
    fs::write(file.with_file_name("meters"), "secret\n").unwrap();
}

/// A sample with its files in `dir`.
pub fn in_place(sample: &str, dir: &Path) -> String {
    let mut text = fs::read_to_string(path(sample)).unwrap();
    for place in PLACES {
        let here = format!("{}{place}", dir.display());
        text = text.replace(&format!("\"{place}"), &format!("\"{here}"));
    }
    for quoted in text
        .split('"')
        .filter(|quoted| Path::new(quoted).starts_with(dir))
    {
        let file = Path::new(quoted);
        if !file.exists() {
            make(file, file.file_name().unwrap().to_str().unwrap());
        }
    }
    text
}

#[test]
fn sample_configurations_are_valid_with_the_files_that_they_name() {
    let mut samples = vec!["deploy/compose/citygate.toml".to_owned()];
    for entry in fs::read_dir(path("deploy")).unwrap() {
        let name = entry.unwrap().file_name();
        if Path::new(&name)
            .extension()
            .is_some_and(|end| end == "toml")
        {
            samples.push(format!("deploy/{}", name.display()));
        }
    }
    assert!(samples.len() >= 4, "{samples:?}");
    for sample in samples {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("sample.toml");
        fs::write(&file, in_place(&sample, dir.path())).unwrap();
        let checked = run(Command::new(env!("CARGO_BIN_EXE_citygate"))
            .args(["check", "--config"])
            .arg(&file));
        let checked = checked.unwrap();
        assert!(checked.status.success(), "{sample}: {}", said(&checked));
    }
}

#[test]
fn a_file_that_is_named_and_missing_is_a_problem() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("sample.toml");
    let sample = in_place("deploy/edge.toml", dir.path());
    fs::write(&file, sample.replace("users.toml", "nobody.toml")).unwrap();
    let checked = run(Command::new(env!("CARGO_BIN_EXE_citygate"))
        .args(["check", "--config"])
        .arg(&file))
    .unwrap();
    assert_eq!(checked.status.code(), Some(1));
    assert!(
        said(&checked).contains("sample.toml:11: mqtt.users_file = "),
        "{}",
        said(&checked)
    );
}

#[test]
fn the_sample_inventory_is_one_with_a_meter_exchange() {
    let zone = TimeZone::get("Asia/Shanghai").unwrap();
    let catalogue = Catalogue::shipped();
    let read = inventory::load(
        &path("deploy/devices.csv"),
        &catalogue,
        &zone,
        Unknown::Reject,
    );
    let devices = read.unwrap_or_else(|problems| panic!("{problems:#?}"));
    assert_eq!(devices.devices(), 12);
    let at = |text| Timestamp::parse(text, &zone).unwrap();
    let id = |name, text| devices.lookup(name, at(text)).map(Entry::id);
    let meter = "dlt645:000000000161";
    assert_eq!(id(meter, "2026-03-01 09:59"), Some("em-88-main"));
    assert_eq!(id(meter, "2026-03-01 10:00"), Some("em-88-main-2"));
    assert_eq!(id("pole-0098", "2026-11-25"), None);
    assert_eq!(devices.children("conc-7", at("2026-11-25")).count(), 5);
    // Each profile needs no file.
    let built_in: Vec<&str> = citygate::codecs::CODECS
        .iter()
        .map(|(name, _)| *name)
        .collect();
    assert!(devices.unknown_profiles(&built_in).is_empty());
}
