//! Another configuration under a running gateway: at a signal, at a change, under load, and with mistakes in it.
use super::live::{count, stat, wait_for};
use super::support::{BOUND, Gateway, Ports};
use super::{Done, citygate, piped, run};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::thread;
use std::time::Duration;

const ROUTE: &str = "[[route]]\ntopic = \"plant/+/{device}/up\"\n";

fn to(ports: Ports) -> String {
    format!("mqtt://127.0.0.1:{}", ports.mqtt)
}

/// Sends some messages to a topic; the exit code.
fn send(ports: Ports, topic: &str, more: &[&str]) -> i32 {
    let to = to(ports);
    let args = [
        "simulate",
        "--to",
        &to,
        "--topic",
        topic,
        "--count",
        "5",
        "--rate",
        "100",
        "--patience",
        "2s",
    ];
    run(&[&args, more].concat()).code
}

/// What `/v1/gateway` says about the configuration.
pub fn told(gateway: &Gateway) -> Value {
    let (status, body) = gateway.get("/v1/gateway").unwrap();
    assert_eq!(status, 200, "{body}");
    serde_json::from_str::<Value>(&body).unwrap()["config"].take()
}

pub fn metric(gateway: &Gateway, line: &str) -> Option<f64> {
    let (_, body) = gateway.get("/metrics")?;
    let line = body.lines().find_map(|found| found.strip_prefix(line));
    line?.trim().parse().ok()
}

fn configure(dir: &Path, config: &str) {
    // As an editor does it: another file, under the same name.
    let new = dir.join("new.toml");
    fs::write(&new, config).unwrap();
    fs::rename(new, dir.join("citygate.toml")).unwrap();
}

#[test]
fn reloads_every_100_ms_under_load_lose_double_and_disconnect_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (ports, data) = (Ports::free(), dir.path().join("data"));
    let mut gateway = Gateway::start(dir.path(), ports, &ports.config(&data, ROUTE));
    let to = to(ports);
    let load = [
        "simulate",
        "--json",
        "--to",
        &to,
        "--devices",
        "40",
        "--connections",
        "4",
        "--count",
        "8000",
        "--rate",
        "2000",
    ];
    let mut load = piped(&mut citygate(&load));
    let mut asked = 0;
    while load.try_wait().unwrap().is_none() {
        let raw = if asked % 2 == 0 { "0B" } else { "4KiB" };
        let more = if asked % 3 == 0 { "" } else { ROUTE };
        configure(
            dir.path(),
            &ports.config(&data, &format!("[intake]\nkeep_raw = \"{raw}\"\n{more}")),
        );
        gateway.signal(Signal::HUP);
        asked += 1;
        thread::sleep(Duration::from_millis(100));
    }
    let done = Done::from(load.wait_with_output().unwrap());
    assert_eq!(done.code, 0, "{}", done.err);
    let summary: Value = serde_json::from_str(&done.out).unwrap();
    let sent = summary["sent"].as_u64().unwrap();
    assert_eq!((sent, summary["acknowledged"].as_u64()), (8000, Some(sent)));
    assert_eq!(summary["reconnects"].as_u64(), Some(0), "{summary}");
    let loaded = metric(
        &gateway,
        "citygate_config_reloads_total{outcome=\"loaded\"}",
    )
    .unwrap();
    assert!(asked > 20 && loaded > 10.0, "{loaded} of {asked}");
    assert_eq!(metric(&gateway, "citygate_config_reload_failed"), Some(0.0));
    assert_eq!(
        (count(&gateway, "received"), count(&gateway, "logged")),
        (sent, sent)
    );
    assert!(gateway.stop().success(), "{}", gateway.said());
    assert_eq!(stat(&data), (sent, 0));
}

#[test]
fn a_change_works_by_itself_and_a_mistake_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (ports, data) = (Ports::free(), dir.path().join("data"));
    let mut gateway = Gateway::start(dir.path(), ports, &ports.config(&data, ""));
    let topic = "plant/x/{device}/up";
    assert_eq!(send(ports, topic, &[]), 0);
    assert_eq!(
        (count(&gateway, "logged"), count(&gateway, "rejected")),
        (0, 5)
    );

    configure(dir.path(), &ports.config(&data, ROUTE));
    let loaded = |gateway: &Gateway, times: f64| {
        metric(gateway, "citygate_config_reloads_total{outcome=\"loaded\"}") == Some(times)
    };
    wait_for("the new route", || loaded(&gateway, 1.0));
    assert_eq!(send(ports, topic, &[]), 0);
    assert_eq!(count(&gateway, "logged"), 5);

    let mistakes = "[intake]\nkeep_raw = 'much'\nreadings = 7\n[mqtt2]\nx = 1\n";
    configure(dir.path(), &ports.config(&data, mistakes));
    wait_for("the mistakes", || {
        told(&gateway)["problems"].as_array().unwrap().len() == 3
    });
    assert_eq!(metric(&gateway, "citygate_config_reload_failed"), Some(1.0));
    let said = gateway.said();
    assert!(
        said.contains("intake.keep_raw = \"much\": must be a size"),
        "{said}"
    );
    assert_eq!(send(ports, topic, &[]), 0);
    assert_eq!(count(&gateway, "logged"), 10, "the old route works on");

    let restart = ports.config(&data, &format!("{ROUTE}[log]\nretain = \"16d\"\n"));
    let restart = restart.replace("[http]", "[http]\nhosts = [\"gate.example\"]");
    configure(
        dir.path(),
        &restart.replace("node = \"test\"", "node = \"other\""),
    );
    wait_for("the next one", || loaded(&gateway, 2.0));
    let told = told(&gateway);
    assert_eq!(
        told["needsRestart"],
        serde_json::json!(["log.retain", "node"])
    );
    assert_eq!(told["problems"], serde_json::json!([]));
    assert_eq!(metric(&gateway, "citygate_config_reload_failed"), Some(0.0));
    assert_eq!(metric(&gateway, "citygate_config_needs_restart"), Some(2.0));
    assert!(
        gateway
            .said()
            .contains("these keys have changed, and need a restart")
    );
    assert!(gateway.stop().success());
}

#[test]
fn users_are_those_of_the_file_that_a_link_points_to_now() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for (version, password) in [("..1", "first"), ("..2", "second")] {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("password"), password).unwrap();
        let users = "[[user]]\nname = \"meters\"\npassword_file = \"password\"\n";
        fs::write(at(version).join("users.toml"), users).unwrap();
        fs::write(at(password), password).unwrap();
    }
    symlink("..1", at("..data")).unwrap();
    symlink("..data/users.toml", at("users.toml")).unwrap();
    symlink("..data/password", at("password")).unwrap();
    let (ports, data) = (Ports::free(), at("data"));
    let users = format!("users_file = \"{}\"", at("users.toml").display());
    let config = ports
        .config(&data, "")
        .replace("[coap]", &format!("{users}\n[coap]"));
    let mut gateway = Gateway::start(dir.path(), ports, &config);
    let login = |password: &str| {
        let file = at(password);
        let login = [
            "--user",
            "meters",
            "--password-file",
            file.to_str().unwrap(),
        ];
        send(ports, "city/{device}/json", &login)
    };
    assert_eq!((login("first"), login("second")), (0, 3));
    symlink("..2", at("..new")).unwrap();
    fs::rename(at("..new"), at("..data")).unwrap();
    wait_for("the new password", || login("second") == 0);
    assert_eq!(login("first"), 3);
    fs::remove_file(at("users.toml")).unwrap();
    wait_for("the problem", || {
        told(&gateway)["problems"][0]
            .as_str()
            .is_some_and(|it| it.contains("citygate.toml:5: mqtt.users_file = "))
    });
    assert_eq!(login("second"), 0, "who had a password has it still");
    assert!(gateway.stop().success());
}

#[test]
fn an_end_does_not_wait_for_a_file_that_does_not_come() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::write(at("users.toml"), "").unwrap();
    let (ports, data) = (Ports::free(), at("data"));
    let users = format!("users_file = \"{}\"", at("users.toml").display());
    let config = ports
        .config(&data, "")
        .replace("[coap]", &format!("{users}\n[coap]"));
    let mut gateway = Gateway::start(dir.path(), ports, &config);
    // As a file of a network that hangs: who reads it waits.
    let pipe = std::process::Command::new("mkfifo")
        .arg(at("pipe"))
        .status();
    assert!(pipe.unwrap().success());
    fs::rename(at("pipe"), at("users.toml")).unwrap();
    gateway.signal(Signal::HUP);
    let mut writer = None;
    wait_for("a reader", || {
        let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::NONBLOCK;
        writer = rustix::fs::open(at("users.toml"), flags, rustix::fs::Mode::empty()).ok();
        writer.is_some()
    });
    let began = std::time::Instant::now();
    assert!(gateway.stop().success(), "{}", gateway.said());
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "as if nothing hung"
    );
    drop(writer);
}

#[test]
fn a_service_manager_hears_of_start_watchdog_reload_and_end() {
    let dir = tempfile::tempdir().unwrap();
    let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
    socket.set_read_timeout(Some(BOUND)).unwrap();
    let (ports, data) = (Ports::free(), dir.path().join("data"));
    let mut gateway = Gateway::spawn(dir.path(), ports, &ports.config(&data, ""), |command| {
        command.env("NOTIFY_SOCKET", dir.path().join("notify"));
        command.env("WATCHDOG_USEC", "400000");
    });
    let heard = |what: &str| {
        loop {
            let mut bytes = [0; 512];
            let len = socket.recv(&mut bytes).unwrap();
            let text = String::from_utf8(bytes[..len].to_vec()).unwrap();
            if text.starts_with(what) {
                return;
            }
            assert!(text == "WATCHDOG=1", "{text:?} instead of {what}");
        }
    };
    heard("READY=1");
    heard("WATCHDOG=1");
    heard("WATCHDOG=1");
    gateway.signal(Signal::HUP);
    heard("RELOADING=1\nMONOTONIC_USEC=");
    heard("READY=1");
    assert!(gateway.stop().success());
    heard("STOPPING=1");
}
