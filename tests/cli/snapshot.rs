//! Inventory and profiles under a running gateway: read again at a change, refused with mistakes in them
//! or with devices missing, and swapped as a whole.
#![allow(clippy::float_cmp, reason = "counts are whole numbers")]
use super::live::{count, wait_for};
use super::reload::{metric, told};
use super::support::{Gateway, Ports};
use super::{Done, citygate, run};
use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A gateway with an inventory and a folder of profiles.
pub struct City {
    dir: tempfile::TempDir,
    pub gateway: Gateway,
}

impl City {
    pub fn new(csv: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("profiles")).unwrap();
        fs::write(dir.path().join("devices.csv"), csv).unwrap();
        Self::start(dir, "")
    }

    /// With a users' file.
    fn with_users(csv: &str) -> (Self, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("profiles")).unwrap();
        fs::write(dir.path().join("devices.csv"), csv).unwrap();
        let users = dir.path().join("users.toml");
        fs::write(&users, "").unwrap();
        let line = format!("users_file = \"{}\"\n", users.display());
        (Self::start(dir, &line), users)
    }

    /// `mqtt`: more of that section.
    fn start(dir: tempfile::TempDir, mqtt: &str) -> Self {
        let ports = Ports::free();
        let at = |name: &str| dir.path().join(name).display().to_string();
        let devices = format!(
            "[devices]\ninventory = \"{}\"\nprofiles = \"{}\"\n",
            at("devices.csv"),
            at("profiles")
        );
        let config = ports.config(&dir.path().join("data"), &devices);
        let config = config.replace("[coap]", &format!("{mqtt}[coap]"));
        let gateway = Gateway::start(dir.path(), ports, &config);
        Self { dir, gateway }
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// As an editor writes: another file, under the same name.
    pub fn write(&self, name: &str, text: &str) {
        replace(&self.at(name), text);
    }

    pub fn metric(&self, name: &str) -> f64 {
        metric(&self.gateway, name).unwrap_or(-1.0)
    }

    pub fn generation(&self) -> f64 {
        self.metric("citygate_snapshot_generation")
    }

    pub fn until_generation(&self, wanted: f64) {
        wait_for("the snapshot", || self.generation() >= wanted);
        assert!(self.generation() <= wanted, "read more often than once");
    }

    /// The problems that `/v1/gateway` tells, once there are some.
    pub fn problems(&self) -> Vec<String> {
        let problems = || -> Vec<String> {
            let told = told(&self.gateway)["problems"].take();
            let told = told.as_array().cloned().unwrap_or_default();
            told.iter()
                .map(|it| it.as_str().unwrap().to_owned())
                .collect()
        };
        wait_for("problems", || !problems().is_empty());
        problems()
    }

    pub fn reload(&self, args: &[&str]) -> Done {
        let url = format!("http://127.0.0.1:{}", self.gateway.ports.http);
        run(&[&["reload", "--url", &url], args].concat())
    }

    /// Publishes a payload; true if it was acknowledged.
    pub fn publish(&self, topic: &str, payload: &str) {
        let sent = Command::new("mosquitto_pub")
            .args(["-p", &self.gateway.ports.mqtt.to_string()])
            .args(["-q", "1", "-t", topic, "-m", payload])
            .status()
            .unwrap();
        assert!(sent.success());
    }
}

pub fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

/// Meters 0.. of a district.
fn csv(count: usize, district: &str) -> String {
    let mut text = "id,kind,district\n".to_owned();
    for n in 0..count {
        writeln!(text, "m-{n},meter.water,{district}").unwrap();
    }
    text
}

#[test]
fn a_broken_inventory_leaves_the_old_one_and_says_why_and_a_mended_one_works() {
    let city = City::new(&csv(20, "370102"));
    assert_eq!(city.metric("citygate_inventory_devices"), 20.0);
    assert_eq!(told(&city.gateway)["snapshot"]["devices"], "20");
    city.publish("city/m-3/json", r#"{"voltage": 230}"#);
    assert_eq!(count(&city.gateway, "logged"), 1);

    let broken = csv(21, "370102").replace("m-3,meter.water", "m-3,meter.wata");
    city.write("devices.csv", &format!("{broken}m-1,meter.water,\n"));
    let problems = city.problems();
    assert_eq!(problems.len(), 2, "{problems:#?}");
    let line = format!(
        "{}:5: kind = \"meter.wata\": ",
        city.at("devices.csv").display()
    );
    assert!(problems[0].starts_with(&line), "{problems:#?}");
    assert!(problems[1].contains("devices.csv:23: id"), "{problems:#?}");
    let said = city.gateway.said();
    assert!(said.contains(&problems[0]), "{said}");
    let (_, page) = city.gateway.get("/").unwrap();
    assert!(page.contains("devices.csv:5: kind"), "{page}");
    for (name, value) in [
        ("citygate_config_reload_failed", 1.0),
        (
            "citygate_config_reload_failures_total{part=\"inventory\"}",
            1.0,
        ),
        (
            "citygate_config_reload_failures_total{part=\"profiles\"}",
            0.0,
        ),
        ("citygate_snapshot_generation", 1.0),
        ("citygate_inventory_devices", 20.0),
    ] {
        assert_eq!(city.metric(name), value, "{name}");
    }
    city.publish("city/m-3/json", r#"{"voltage": 231}"#);
    assert_eq!(count(&city.gateway, "logged"), 2, "the old one works on");
    city.publish("city/m-20/json", r#"{"voltage": 231}"#);
    assert_eq!(count(&city.gateway, "rejected"), 1);

    city.write("devices.csv", &csv(21, "370102"));
    city.until_generation(2.0);
    assert_eq!(told(&city.gateway)["problems"], serde_json::json!([]));
    city.publish("city/m-20/json", r#"{"voltage": 231}"#);
    assert_eq!(count(&city.gateway, "logged"), 3);
}

#[test]
fn losing_over_a_tenth_of_the_devices_has_to_be_confirmed() {
    let mut city = City::new(&csv(1_000, "370102"));
    city.write("devices.csv", &csv(900, "370102"));
    city.until_generation(2.0);

    city.write("devices.csv", &csv(700, "370102"));
    let problems = city.problems();
    let file = city.at("devices.csv").display().to_string();
    let said = format!(
        "{file} would lose 200 of 900 devices (22.3 %): put it in order, or confirm with citygate reload --force="
    );
    assert!(problems[0].starts_with(&said), "{problems:#?}");
    assert!(city.gateway.said().contains(&said));
    assert!(
        city.gateway
            .get("/")
            .unwrap()
            .1
            .contains("would lose 200 of 900 devices")
    );
    assert_eq!(
        city.metric("citygate_config_reload_failures_total{part=\"loss\"}"),
        1.0
    );
    assert_eq!(city.metric("citygate_inventory_devices"), 900.0);

    // Without the confirmation nothing is taken, by the command and by the signal.
    let done = city.reload(&[]);
    assert_eq!(
        (done.code, done.out.starts_with(&said)),
        (1, true),
        "{}",
        done.out
    );
    let code = problems[0].rsplit_once('=').unwrap().1.to_owned();
    // A file that changes in between is not what was confirmed.
    city.write("devices.csv", &csv(100, "370102"));
    let done = city.reload(&[&format!("--force={code}")]);
    assert_eq!(done.code, 1);
    assert!(
        done.out.contains("would lose 800 of 900 devices"),
        "{}",
        done.out
    );
    city.write("devices.csv", &csv(700, "370102"));
    wait_for("the loss of before", || {
        told(&city.gateway)["loss"]["lost"] == "200"
    });
    let done = city.reload(&["--json", &format!("--force={code}")]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let answer: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(answer["devices"]["removed"], "200", "{answer}");
    assert_eq!(city.metric("citygate_inventory_devices"), 700.0);
    assert_eq!(told(&city.gateway)["problems"], serde_json::json!([]));

    // Without a code: what was refused last, or what is there.
    city.write("devices.csv", &csv(1, "370102"));
    let done = city.reload(&["--force"]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(done.err.contains("forced: ") && done.err.contains("would lose 699 of 700"));
    assert!(
        done.out
            .contains("1 devices (0 added, 699 removed, 0 changed)"),
        "{}",
        done.out
    );
    assert!(city.gateway.stop().success());
}

#[test]
fn a_user_that_goes_is_gone_whatever_is_wrong_with_the_inventory() {
    let (city, users) = City::with_users(&csv(20, "370102"));
    let user = |name: &str| {
        // printf '%s%s' salt secret | sha256sum
        let hash = "bede90386d450cea8b77b822f8887065e4e5abf132c2f9dccfcc7fbd4cba5e35";
        format!("[[user]]\nname = \"{name}\"\npassword_sha256 = \"salt:{hash}\"\n")
    };
    let may = |name: &str| {
        let sent = Command::new("mosquitto_pub")
            .args([
                "-p",
                &city.gateway.ports.mqtt.to_string(),
                "-u",
                name,
                "-P",
                "secret",
            ])
            .args(["-q", "1", "-t", "city/m-3/json", "-m", "{}"])
            .status();
        sent.unwrap().success()
    };
    replace(&users, &(user("a") + &user("b") + &user("c")));
    wait_for("the users", || may("a") && may("b"));
    // A mistake, then a loss: each is refused, and the user goes all the same.
    city.write("devices.csv", "id,kind\nm-1,meter.wata\n");
    replace(&users, &(user("b") + &user("c")));
    wait_for("the end of a", || !may("a"));
    assert!(may("b"));
    city.write("devices.csv", &csv(3, "370102"));
    replace(&users, &user("c"));
    wait_for("the end of b", || !may("b"));
    assert!(may("c"));
    assert!(city.problems()[0].contains("would lose 17 of 20 devices"));
    // But nobody comes in because no file is named any more.
    let config = fs::read_to_string(city.at("citygate.toml")).unwrap();
    let open = config
        .lines()
        .filter(|line| !line.starts_with("users_file"));
    let open: Vec<&str> = open.collect();
    city.write("citygate.toml", &open.join("\n"));
    let failures = "citygate_config_reload_failures_total{part=\"loss\"}";
    let before = city.metric(failures);
    wait_for("one more refusal", || city.metric(failures) > before);
    assert!(!may("a") && may("c"));
}

#[test]
fn a_reload_that_is_asked_for_says_what_changed_or_every_problem() {
    let city = City::new(&csv(10, "370102"));
    let done = city.reload(&[]);
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    assert!(
        done.out
            .starts_with("snapshot 2: 10 devices (0 added, 0 removed, 0 changed), "),
        "{}",
        done.out
    );
    let two = csv(11, "370102").replace("m-3,meter.water,370102", "m-3,meter.water,370103");
    city.write("devices.csv", &two);
    let done = city.reload(&["--json"]);
    let answer: Value = serde_json::from_str(&done.out).unwrap();
    let devices = serde_json::json!({"count": "11", "added": "1", "removed": "0", "changed": "1"});
    assert_eq!(
        (&answer["generation"], &answer["devices"]),
        (&"3".into(), &devices)
    );

    for name in ["bad-one", "bad-two"] {
        let text = format!("name = '{name}'\nversion = 7\nformat = 'jsn'\n");
        fs::write(city.at("profiles").join(format!("{name}.toml")), text).unwrap();
    }
    city.write("devices.csv", &two.replace("id,kind", "id,kined"));
    let done = city.reload(&[]);
    assert_eq!(done.code, 1);
    for part in [
        "devices.csv:1: ",
        "bad-one.toml:2: version",
        "bad-one.toml:3: format",
        "bad-two.toml:2: ",
    ] {
        assert!(done.out.contains(part), "{part}: {}", done.out);
    }
    let done = city.reload(&["--json"]);
    let answer: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((done.code, answer["status"].as_u64()), (1, Some(422)));
    assert!(city.reload(&["--force=x"]).code == 2);
    let nobody = Ports::free();
    let url = format!("http://127.0.0.1:{}", nobody.http);
    assert_eq!(run(&["reload", "--url", &url]).code, 3);
}

#[test]
fn a_gateway_does_not_start_with_mistakes_and_names_all_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    fs::write(at("devices.csv"), "id,kind,profile\nm-1,meter.wata,jsn\n").unwrap();
    let ports = Ports::free();
    let more = format!(
        "[[route]]\ntopic = \"a/{{device}}\"\nprofile = \"sen-ml\"\n[devices]\ninventory = \"{}\"\nprofiles = \"{}\"\n",
        at("devices.csv"),
        at("absent")
    );
    fs::write(at("c.toml"), ports.config(&dir.path().join("data"), &more)).unwrap();
    let wanted = [
        "c.toml:13: route[0].profile = \"sen-ml\": is no profile; did you mean `senml`?",
        "devices.csv:2: kind = \"meter.wata\": ",
        "c.toml:16: devices.profiles = ",
    ];
    let start = run(&["run", "--config", &at("c.toml")]);
    assert_eq!(start.code, 3, "{}", start.err);
    let check = citygate(&["check", "--config", &at("c.toml")])
        .output()
        .unwrap();
    let check = Done::from(check);
    assert_eq!(check.code, 1);
    for wanted in wanted {
        assert!(start.err.contains(wanted), "{wanted}: {}", start.err);
        assert!(check.out.contains(wanted), "{wanted}: {}", check.out);
    }
    assert!(!Path::new(&at("data")).exists(), "nothing is touched");
}
