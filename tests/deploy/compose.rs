//! The compose file: by docker-compose's own judgement, and played without containers, with the same scripts,
//! configurations and commands. What the images bring (`InfluxDB` 2, Grafana, Prometheus) is not checked here.
use super::support::{BOUND, Gateway, Ports, free_ports};
use super::{ask, path, run, said, text};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

const FILE: &str = "docker-compose.yml";

#[test]
fn docker_compose_understands_the_file() {
    let mut command = Command::new("docker-compose");
    command.arg("--file").arg(path(FILE)).args(["config", "-q"]);
    if let Some(checked) = run(&mut command) {
        assert!(checked.status.success(), "{}", said(&checked));
    }
}

#[test]
fn what_it_mounts_exists_and_nothing_is_open_to_the_network() {
    let file = text(FILE);
    let (mut mounts, mut ports, mut images) = (0, 0, 0);
    for line in file.lines().map(str::trim) {
        if let Some((own, _)) = line
            .strip_prefix("- ./")
            .and_then(|mount| mount.split_once(':'))
        {
            mounts += 1;
            assert!(path(own).exists(), "{own}");
        }
        if line.starts_with("- \"127.0.0.1:") {
            ports += 1;
        }
        if let Some(image) = line.strip_prefix("image: ") {
            images += 1;
            assert!(
                image.contains(':') && !image.ends_with(":latest"),
                "{image}"
            );
        }
    }
    assert_eq!((mounts, ports, images), (8, 8, 6));
    assert_eq!(
        file.matches("ports:").count(),
        5,
        "each port is bound to loopback"
    );
    assert!(path("deploy/Dockerfile").exists());
}

/// A program of the city. Dropped, it is killed.
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn(command: &mut Command) -> Option<Peer> {
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().ok().map(Peer)
}

/// The arguments of a service's `command`.
fn command_of(service: &str) -> Vec<String> {
    let file = text(FILE);
    let (_, from) = file.split_once(&format!("\n  {service}:\n")).unwrap();
    let (_, from) = from.split_once("    command:\n").unwrap();
    let items = from.lines().map_while(|line| line.strip_prefix("      - "));
    items.map(str::to_owned).collect()
}

/// Runs the script that makes the secrets, twice: the second time changes nothing.
fn make_secrets(dir: &Path) {
    fs::create_dir(dir.join("data")).unwrap();
    let brain = dir.join("city/gateway/brain.token");
    let mut first = String::new();
    for _ in 0..2 {
        let program = Path::new(env!("CARGO_BIN_EXE_citygate")).parent().unwrap();
        let paths = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        let mut setup = Command::new("sh");
        setup
            .arg(path("deploy/compose/setup.sh"))
            .env("PATH", paths);
        setup
            .env("CITY_SECRETS", dir.join("city"))
            .env("CITY_TOKENS", dir.join("data/tokens.toml"));
        let done = run(&mut setup).unwrap();
        assert!(done.status.success(), "{}", said(&done));
        let token = fs::read_to_string(&brain).unwrap();
        assert!(first.is_empty() || first == token);
        first = token;
    }
}

fn start_mosquitto(dir: &Path, port: u16) -> Option<Peer> {
    let (passwords, data) = (dir.join("mosquitto.passwd"), dir.join("mosquitto"));
    let conf = text("deploy/mosquitto.conf")
        .replace(
            "listener 1883",
            &format!("user root\nlistener {port} 127.0.0.1"),
        )
        .replace(
            "/etc/mosquitto/citygate.passwd",
            passwords.to_str().unwrap(),
        )
        .replace("/var/lib/mosquitto/", &format!("{}/", data.display()));
    fs::write(dir.join("mosquitto.conf"), conf).unwrap();
    let mut broker = Command::new("sh");
    broker.arg(path("deploy/compose/mosquitto.sh"));
    broker
        .env("CITY_SECRETS", dir.join("city/mosquitto"))
        .env("CITY_PASSWORDS", passwords);
    broker
        .env("CITY_MOSQUITTO", dir.join("mosquitto.conf"))
        .env("CITY_MOSQUITTO_DATA", data);
    spawn(&mut broker)
}

fn start_store(dir: &Path, port: u16) -> Option<Peer> {
    let mut store = Command::new("victoria-metrics");
    store.arg(format!("-httpListenAddr=127.0.0.1:{port}"));
    store.arg(format!("-storageDataPath={}", dir.join("store").display()));
    spawn(&mut store)
}

fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < BOUND, "no {what} within {BOUND:?}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

#[test]
fn the_city_works_without_containers() {
    if !rustix::process::geteuid().is_root() {
        println!("NOT CHECKED: the secrets' owners are set by root");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (ports, [broker, store]) = (Ports::free(), free_ports());
    make_secrets(dir);
    let Some(_mosquitto) = start_mosquitto(dir, broker) else {
        return;
    };
    // It takes what InfluxDB 2 takes, as far as writing goes.
    let Some(_store) = start_store(dir, store) else {
        println!("NOT CHECKED: victoria-metrics is not installed");
        return;
    };
    let own = |text: &str| {
        text.replace("/run/city/", &format!("{}/city/", dir.display()))
            .replace("\"/data", &format!("\"{}/data", dir.display()))
            .replace("mosquitto:1883", &format!("127.0.0.1:{broker}"))
            .replace("influxdb:8086", &format!("127.0.0.1:{store}"))
            .replace("gateway:5683", &format!("127.0.0.1:{}", ports.coap))
            .replace("0.0.0.0:1883", &format!("127.0.0.1:{}", ports.mqtt))
            .replace("0.0.0.0:5683", &format!("127.0.0.1:{}", ports.coap))
            .replace("0.0.0.0:50051", &format!("127.0.0.1:{}", ports.grpc))
            .replace("0.0.0.0:8080", &format!("127.0.0.1:{}", ports.http))
    };
    let mut gateway = Gateway::start(dir, ports, &own(&text("deploy/compose/citygate.toml")));
    let token = |name: &str| {
        fs::read_to_string(dir.join("city").join(name))
            .unwrap()
            .trim()
            .to_owned()
    };
    let (brain, prometheus) = (
        token("gateway/brain.token"),
        token("prometheus/gateway.token"),
    );
    let metrics = || ask(ports.http, "gateway:8080", "/metrics", &prometheus);
    until("link to the broker", || {
        metrics().contains("citygate_broker_subscribed{broker=\"mosquitto\",client=\"0\"} 1")
    });

    let mut simulator = Command::new(env!("CARGO_BIN_EXE_citygate"));
    simulator.args(command_of("simulator").iter().map(|argument| own(argument)));
    let done = run(simulator
        .args(["--count=400", "--json"])
        .env_remove("CITYGATE_URL"))
    .unwrap();
    assert!(done.status.success(), "{}", said(&done));
    let summary: Value = serde_json::from_slice(&done.stdout).unwrap();
    let sent = summary["sent"].as_u64().unwrap();
    assert!(
        sent >= 400 && summary["acknowledged"].as_u64() == Some(sent),
        "{summary}"
    );

    let accounting = || ask(ports.http, "localhost", "/v1/accounting", &brain);
    let uplinks = || {
        let all: Value = serde_json::from_str(&accounting()).unwrap();
        let count =
            |source: &Value, key: &str| source[key].as_str().unwrap().parse::<u64>().unwrap();
        let of = |name: &str| {
            let sources = all["sources"].as_array().unwrap().iter();
            let source = sources
                .into_iter()
                .find(|source| source["name"] == name)
                .unwrap();
            count(source, "logged") + count(source, "rejected") + count(source, "duplicate")
        };
        (of("broker"), of("coap"))
    };
    until("uplinks over both", || uplinks().0 + uplinks().1 >= sent);
    let (over_broker, over_coap) = uplinks();
    assert!(
        over_broker > 50 && over_coap > 50,
        "{over_broker} {over_coap}"
    );
    let devices = ask(ports.http, "localhost", "/v1/devices?kind=meter", &brain);
    assert!(devices.contains("\"meter.electricity\""), "{devices}");
    let stored = || {
        ask(
            store,
            "localhost",
            "/api/v1/series?match[]=meter_voltage",
            "",
        )
    };
    until("readings in the store", || {
        stored().contains("meter_voltage")
    });
    assert!(gateway.stop().success(), "{}", gateway.said());
}
