//! What goes wrong at the store itself: a line that it will not take, a password, a database, its data.
use super::city::{City, same_as, section};
use super::load::{Load, Message};
use super::peers::{DATABASE, Kind, Store, USER};
use super::readback;
use super::truth::{Reading, Scalar, expected};
use serde_json::Value;
use std::fs;

/// `voltage` of one meter is a text in the database already, in the same week as one half of the load: `InfluxDB` takes
/// no number for it there. Everything else is stored, and each refused reading is a reject, with its line.
#[test]
fn a_poison_line_spoils_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::started(Kind::Influx, dir.path());
    let load = Load::of(0, 8);
    let (poison, good): (Vec<&Reading>, Vec<&Reading>) = load
        .readings
        .iter()
        .partition(|reading| reading.kind == "tunnel.gas");
    let is_poison = |reading: &&Reading| reading.metric == "methane_lel";
    let first = poison.iter().find(|reading| is_poison(reading)).unwrap();
    store.write(&format!(
        "tunnel,device=other methane_lel=\"a text\" {}\n",
        first.at_ns
    ));
    let city = City::start(
        dir,
        &section("store", Kind::Influx, store.port, "batch_lines = 500"),
    );
    city.publish(&load);
    let counts = city.delivered("store", load.count());
    // A refused line takes all the readings of its time with it: they share it.
    let line_mates = poison.len() as u64;
    assert_eq!(
        (counts.rejected, counts.expired),
        (line_mates, 0),
        "{counts:?}"
    );
    let mut found = readback::all(&store);
    found.retain(|(key, _)| {
        key.tags
            .get("device")
            .is_none_or(|device| device != "other")
    });
    let wanted = expected(Kind::Influx, good.iter().copied());
    let said = super::truth::differences(Kind::Influx, &wanted, &found);
    assert_eq!(said, "");
    // Each refused line is among the rejects.
    let lines = rejected_lines(&city);
    let times: std::collections::BTreeSet<(&str, i64)> = poison
        .iter()
        .map(|reading| (reading.device.as_str(), reading.at_ns))
        .collect();
    assert_eq!(lines.len(), times.len());
    for (device, at_ns) in times {
        let lines = lines
            .iter()
            .filter(|line| line.ends_with(&format!(" {at_ns}")));
        assert!(
            lines
                .into_iter()
                .any(|line| line.contains(&format!("device={device},"))),
            "{device} {at_ns}"
        );
    }
    // They are sources' business no more: nothing of them is counted there.
    let sources = city.get("/v1/accounting")["sources"].clone();
    assert_eq!(sources[0]["rejected"], "0", "{sources}");
}

/// The lines of all rejects with `store_rejected`.
fn rejected_lines(city: &City) -> Vec<String> {
    let (mut lines, mut token) = (Vec::new(), String::new());
    loop {
        let page = city.get(&format!(
            "/v1/rejects?reason=store_rejected&limit=1000{token}"
        ));
        for reject in page["rejects"].as_array().unwrap() {
            use base64::Engine;
            let raw = reject["raw"]
                .as_str()
                .unwrap_or_else(|| panic!("no raw: {reject}"));
            let raw = base64::prelude::BASE64_STANDARD.decode(raw).unwrap();
            lines.push(String::from_utf8(raw).unwrap().trim_end().to_owned());
        }
        match page["nextPageToken"].as_str() {
            Some(next) => token = format!("&page_token={next}"),
            None => return lines,
        }
    }
}

/// A wrong password loses nothing and is shown; the right one is taken without a restart.
#[test]
fn a_wrong_password_is_an_alarm_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::started(Kind::InfluxWithAuth, dir.path());
    let password = dir.path().join("password");
    fs::write(&password, "wrong\n").unwrap();
    let more = format!(
        "user = \"{USER}\"\npassword_file = \"{}\"",
        password.display()
    );
    let city = City::start(dir, &section("store", store.kind, store.port, &more));
    let load = Load::of(0, 3);
    city.publish(&load);
    let status = city.until_status("store", |status| says(status, "401"));
    assert!(!status.to_string().contains("wrong"), "{status}");
    let counts = city.until("store", |counts| counts.logged == load.count());
    assert_eq!((counts.stored, counts.rejected), (0, 0), "{counts:?}");
    fs::write(&password, "right\n").unwrap();
    let counts = city.delivered("store", load.count());
    assert_eq!(counts.rejected, 0, "{counts:?}");
    same_as(&store, &load.readings);
    city.until_status("store", |status| status["state"] == "idle");
}

/// Is this in what is wrong now with a store?
fn says(status: &Value, what: &str) -> bool {
    let error = status["last_error"]["what"].as_str().unwrap_or_default();
    status["state"] == "alarm" && error.contains(what)
}

/// A database that does not exist yet.
#[test]
fn a_missing_database_is_an_alarm_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::started(Kind::Influx, dir.path());
    store.query(&format!("DROP DATABASE {DATABASE}"));
    let city = City::start(dir, &section("store", store.kind, store.port, ""));
    let load = Load::of(0, 3);
    city.publish(&load);
    city.until_status("store", |status| says(status, "404"));
    let counts = city.until("store", |counts| counts.logged == load.count());
    assert_eq!((counts.stored, counts.rejected), (0, 0), "{counts:?}");
    store.create_database();
    city.delivered("store", load.count());
    same_as(&store, &load.readings);
}

/// A store that lost everything is filled again, and one that lost nothing has nothing twice.
fn rewound(kind: Kind) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::started(kind, dir.path());
    let city = City::start(dir, &section("store", kind, store.port, ""));
    let (load, more) = (Load::of(0, 4), Load::of(4, 4));
    city.publish(&load);
    city.delivered("store", load.count());
    if kind == Kind::Victoria {
        store.stop();
        store.forget();
        store.start();
        assert_eq!(readback::all(&store), []);
    }
    let done = city.command(&["stores", "rewind", "store", "--to", "2020-01-01T00:00:00Z"]);
    assert!(done.status.success(), "{done:?}");
    city.publish(&more);
    let all = load.and(more);
    city.delivered("store", all.count());
    same_as(&store, &all.readings);
}

#[test]
fn victoria_is_filled_again_after_it_lost_all() {
    rewound(Kind::Victoria);
}

#[test]
fn influx_has_nothing_twice_after_a_rewind() {
    rewound(Kind::Influx);
}

/// The same place twice: the later value holds, also after a rewind.
#[test]
fn of_two_values_for_one_time_the_last_holds() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::started(Kind::Influx, dir.path());
    let city = City::start(
        dir,
        &section("store", Kind::Influx, store.port, "batch_lines = 7"),
    );
    let mut load = Load::of(0, 1);
    load.readings
        .retain(|reading| reading.device == "u.0" && reading.value != Scalar::Absent);
    load.messages.clear();
    for value in (0..60).rev() {
        let ms = load.readings[0].at_ns / 1_000_000;
        load.messages.push(Message {
            topic: "city/u.0".to_owned(),
            payload: format!("{{\"ts\":{ms},\"device_temperature\":{value}}}"),
        });
        load.readings[0].value = Scalar::Number(f64::from(value));
    }
    load.readings.truncate(1);
    city.publish(&load);
    city.delivered("store", 60);
    same_as(&store, &load.readings);
    let done = city.command(&["stores", "rewind", "store", "--to", "2020-01-01T00:00:00Z"]);
    assert!(done.status.success(), "{done:?}");
    city.delivered("store", 60);
    same_as(&store, &load.readings);
}
