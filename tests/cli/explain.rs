//! `explain` beside a real gateway: what became of uplinks over MQTT and CoAP, who had them when, and of silences.
use super::live::wait_for;
use super::support::{Gateway, Ports, free_ports, http_get};
use super::{Done, run};
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// Silence of more than 1.5 of these and 5 s is late, of more than three and 10 s offline.
const QUICK: &str = "[devices]\ninterval_default = \"1s\"\n";

fn publish(ports: Ports, client: &str, topic: &str, payload: &str) {
    let port = ports.mqtt.to_string();
    let args = [
        "-p", &port, "-i", client, "-q", "1", "-t", topic, "-m", payload,
    ];
    let done = Command::new("mosquitto_pub").args(args).output();
    let done = done.expect("installed by scripts/test.sh");
    assert!(done.status.success(), "{done:?}");
}

fn url(ports: Ports) -> String {
    format!("http://127.0.0.1:{}", ports.http)
}

fn explain(ports: Ports, device: &str) -> Done {
    run(&["explain", device, "--url", &url(ports)])
}

/// The story as JSON, and the exit code.
fn story(ports: Ports, device: &str) -> (Value, i32) {
    let done = run(&["explain", device, "--json", "--url", &url(ports)]);
    let story = serde_json::from_str(&done.out);
    let story = story.unwrap_or_else(|error| panic!("{error}: {} {}", done.out, done.err));
    (story, done.code)
}

/// Waits until the story is one of this verdict, and gives it.
#[track_caller]
fn wait_for_verdict(ports: Ports, device: &str, code: &str) -> (Value, i32) {
    let mut last = (Value::Null, -1);
    wait_for(code, || {
        last = story(ports, device);
        last.0["verdict"]["code"] == code
    });
    last
}

fn sentence(story: &Value) -> &str {
    story["sentence"].as_str().unwrap()
}

/// What is said of a reader of an uplink.
fn passage<'s>(uplink: &'s Value, reader: &str) -> &'s Value {
    let passages = uplink["passages"].as_array().unwrap();
    let found = passages.iter().find(|passage| passage["reader"] == reader);
    found.unwrap_or_else(|| panic!("no {reader}: {uplink}"))
}

/// A gateway with a route, and an uplink of `m-1` over each of MQTT and CoAP; the story once all have read them.
fn plant(dir: &Path, ports: Ports) -> (Gateway, Value) {
    let route = "[[route]]\ntopic = \"plant/+/{device}/up\"\nprofile = \"json\"\nkind = \"meter.electricity\"\n";
    let gateway = Gateway::start(dir, ports, &ports.config(&dir.join("data"), route));
    let payload =
        r#"{"voltage":{"value":0.231,"unit":"kV"},"relative_humidity":140,"current":null}"#;
    publish(ports, "pole-3", "plant/7/m-1/up", payload);
    let uri = format!("coap://127.0.0.1:{}/t/m-1/json", ports.coap);
    let coap = ["-m", "post", "-t", "50", "-e", r#"{"voltage":229}"#, &uri];
    let done = Command::new("coap-client-notls").args(coap).output();
    assert!(done.expect("installed by scripts/test.sh").status.success());
    let mut told = Value::Null;
    wait_for("history and registry", || {
        told = story(ports, "m-1").0;
        let passed = |uplink: &Value| {
            let mut readers = ["history", "registry"].into_iter();
            readers.all(|reader| passage(uplink, reader)["passed"] == true)
        };
        let uplinks = told["uplinks"].as_array().unwrap();
        uplinks.len() == 2 && uplinks.iter().all(passed)
    });
    (gateway, told)
}

#[test]
fn uplinks_over_mqtt_and_coap_are_told_from_arrival_to_readers() {
    let dir = tempfile::tempdir().unwrap();
    let ports = Ports::free();
    let (_gateway, told) = plant(dir.path(), ports);
    let [coap, mqtt] = [&told["uplinks"][0], &told["uplinks"][1]];
    let names = [
        "source", "topic", "client", "route", "profile", "device", "named",
    ];
    let by_topic = "named in the topic";
    for (uplink, facts) in [
        (
            mqtt,
            [
                "mqtt",
                "plant/7/m-1/up",
                "pole-3",
                "plant/+/{device}/up",
                "json",
                "m-1",
                by_topic,
            ],
        ),
        (
            coap,
            [
                "coap",
                "t/m-1/json",
                "",
                "t/{device}/{profile}",
                "json",
                "m-1",
                by_topic,
            ],
        ),
    ] {
        for (name, expected) in names.into_iter().zip(facts) {
            assert_eq!(
                uplink[name].as_str().unwrap_or(""),
                expected,
                "{name}: {uplink}"
            );
        }
        assert!(
            uplink["address"]
                .as_str()
                .unwrap()
                .starts_with("127.0.0.1:")
        );
        let log = passage(uplink, "log");
        assert!(
            log["say"]
                .as_str()
                .unwrap()
                .starts_with("durable in the log at "),
            "{log}"
        );
        // No stream is open.
        assert_eq!(
            passage(uplink, "subscribers")["streams"],
            serde_json::json!([0, 0])
        );
    }
    let readings = mqtt["readings"].as_array().unwrap();
    let of = |metric: &str| readings.iter().find(|r| r["metric"] == metric).unwrap();
    let voltage = of("voltage");
    assert_eq!(
        (&voltage["number"], &voltage["raw"]),
        (&231.0.into(), &"0.231 kV".into())
    );
    assert_eq!(voltage["quality"], "good");
    assert_eq!(of("relative_humidity")["doubt"]["code"], "out_of_range");
    assert_eq!(of("current")["doubt"]["code"], "no_value");

    let done = explain(ports, "m-1");
    assert_eq!(done.code, 0, "{}", done.out);
    for part in [
        "m-1: Heard just now; its last uplink was accepted.",
        "route plant/+/{device}/up profile json",
        "reading  voltage = 231 V (sent as 0.231 kV), good",
        "reading  current = no value A, not_available: the device says that it has no value",
        "outside what is plausible",
        "the device registry is past it since ",
        "history is past it since ",
    ] {
        assert!(done.out.contains(part), "{part}: {}", done.out);
    }
}

#[test]
fn what_is_refused_is_told_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let ports = Ports::free();
    let (_gateway, _) = plant(dir.path(), ports);
    let topic = "plant/7/m-1/up";
    publish(ports, "pole-3", topic, r#"{"voltage":230,"volts":1}"#);
    let (partly, code) = wait_for_verdict(ports, "m-1", "parts");
    assert_eq!(code, 0);
    assert_eq!(partly["uplinks"][0]["refused"][0]["part"], "volts");
    assert_eq!(partly["uplinks"].as_array().unwrap().len(), 3);
    publish(
        ports,
        "pole-3",
        topic,
        r#"{"active_energy_import":{"value":1,"unit":"m3"}}"#,
    );
    let (refused, code) = wait_for_verdict(ports, "m-1", "refused");
    assert_eq!(code, 1);
    let last = &refused["uplinks"][0];
    assert_eq!(
        (&last["accepted"], &last["routeIsTodays"], &last["route"]),
        (&false.into(), &false.into(), &"plant/+/{device}/up".into())
    );
    assert_eq!(last["refused"][0]["reason"], "unit_mismatch");
    assert!(
        sentence(&refused).contains("its last uplink was refused: "),
        "{refused}"
    );
    assert!(
        explain(ports, "m-1")
            .out
            .contains("the gateway never guesses")
    );
}

#[test]
fn a_silent_device_and_its_concentrator_are_told_together() {
    let dir = tempfile::tempdir().unwrap();
    let ports = Ports::free();
    let config = ports.config(&dir.path().join("data"), QUICK);
    let _gateway = Gateway::start(dir.path(), ports, &config);
    // Four times, as a device of this rhythm: then its interval is learned.
    for _ in 0..4 {
        let pack = r#"[{"n":"m-1:voltage","v":230},{"n":"m-2:voltage","v":231},{"n":"c-1:voltage","v":232}]"#;
        publish(ports, "c-1", "city/c-1/senml", pack);
        publish(ports, "lone", "city/lone", r#"{"voltage":230}"#);
        thread::sleep(Duration::from_millis(600));
    }
    let (heard, code) = story(ports, "m-1");
    assert_eq!(
        (heard["verdict"]["code"].as_str(), code),
        (Some("heard"), 0),
        "{heard}"
    );
    assert_eq!(heard["uplinks"][0]["via"], "c-1");
    assert_eq!(heard["uplinks"][0]["named"], "named in the payload");
    assert_eq!(heard["expected"]["from"], "learned");

    // Of the way in one is heard all the time, so the way is not blamed.
    let alive = || publish(ports, "alive", "city/alive", r#"{"voltage":230}"#);
    let mut silent = Value::Null;
    wait_for("a silent concentrator", || {
        alive();
        silent = story(ports, "m-1").0;
        silent["verdict"]["cause"]["what"] == "parent" && silent["parent"]["silent"] == 2
    });
    assert!(silent["well"] == false && silent["verdict"]["everySecs"].as_f64().unwrap() < 2.0);
    let said = sentence(&silent);
    assert!(
        said.starts_with("Silent since ") && said.contains("Its concentrator c-1 is silent since "),
        "{said}"
    );
    assert!(
        said.ends_with("with 2 of its 2 devices: look at the concentrator."),
        "{said}"
    );
    let mut alone = Value::Null;
    wait_for("a silent device", || {
        alive();
        alone = story(ports, "lone").0;
        alone["verdict"]["cause"]["what"] == "alone"
    });
    assert!(
        sentence(&alone).contains("(1 by mqtt): look at the device itself"),
        "{alone}"
    );
    assert_eq!(story(ports, "lone").1, 1);
}

#[test]
fn an_unknown_name_leads_to_those_like_it() {
    let dir = tempfile::tempdir().unwrap();
    let ports = Ports::free();
    let config = ports.config(&dir.path().join("data"), "");
    let _gateway = Gateway::start(dir.path(), ports, &config);
    publish(ports, "x", "city/meter-77/json", r#"{"voltage":230}"#);
    publish(ports, "x", "city/metre-78/json", "garbage");
    wait_for_verdict(ports, "meter-77", "heard");
    wait_for_verdict(ports, "metre-78", "only_refused");
    // The rejects say so at once, the registry's table of strangers a moment later.
    wait_for("the stranger", || {
        let strangers = &story(ports, "meter-78").0["strangers"];
        strangers.as_array().is_some_and(|found| !found.is_empty())
    });
    let done = explain(ports, "meter-78");
    assert_eq!(done.code, 1);
    assert!(
        done.out.starts_with(
            "meter-78: Never heard. No uplink with this name has reached this gateway since "
        ),
        "{}",
        done.out
    );
    assert!(done.out.contains("Was meter-77 meant?"), "{}", done.out);
    assert!(
        done.out.contains("Somebody called metre-78 was refused"),
        "{}",
        done.out
    );
    // Another command line, another gateway.
    assert_eq!(explain(ports, &"x".repeat(300)).code, 2);
    assert_eq!(
        run(&[
            "explain",
            "meter-77",
            "--uplinks",
            "21",
            "--url",
            &url(ports)
        ])
        .code,
        2
    );
    let [nobody] = free_ports();
    let done = run(&[
        "explain",
        "meter-77",
        "--url",
        &format!("http://127.0.0.1:{nobody}"),
    ]);
    assert_eq!(done.code, 3, "{}", done.err);
}

/// `VictoriaMetrics` on a port; killed when it is dropped.
struct Victoria(Child);

impl Victoria {
    fn start(port: u16, dir: &Path) -> Self {
        let child = Command::new("victoria-metrics")
            .arg(format!("-httpListenAddr=127.0.0.1:{port}"))
            .arg(format!("-storageDataPath={}", dir.join("vm").display()))
            .args(["-memory.allowedBytes=128MiB", "-loggerLevel=WARN"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let store = Self(child.expect("installed by scripts/test.sh"));
        wait_for("VictoriaMetrics", || http_get(port, "/health").is_some());
        store
    }
}

impl Drop for Victoria {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_store_that_is_away_is_named_and_the_delivery_is_told_when_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let (ports, [vm]) = (Ports::free(), free_ports());
    let store =
        format!("[[store]]\nname = \"vm\"\nurl = \"http://127.0.0.1:{vm}\"\nbucket = \"x\"\n");
    let config = ports.config(&dir.path().join("data"), &store);
    let mut gateway = Gateway::start(dir.path(), ports, &config);
    publish(ports, "m-1", "city/m-1/json", r#"{"voltage":230}"#);
    let (waiting, code) = wait_for_verdict(ports, "m-1", "undelivered");
    assert_eq!(code, 0, "it is heard and accepted");
    let passage_of = |story: &Value| passage(&story["uplinks"][0], "vm").clone();
    let said = passage_of(&waiting);
    let say = said["say"].as_str().unwrap();
    assert!(
        say.starts_with("not yet delivered to vm: ") && say.contains(", since "),
        "{say}"
    );
    assert!(say.to_lowercase().contains("refused"), "{say}");
    assert!(
        sentence(&waiting).contains("not yet delivered to vm"),
        "{waiting}"
    );

    let store = Victoria::start(vm, dir.path());
    let mut said = Value::Null;
    wait_for("the delivery", || {
        said = passage_of(&story(ports, "m-1").0);
        said["passed"] == true
    });
    assert!(said["by"].is_string(), "{said}");
    let say = said["say"].as_str().unwrap();
    assert!(say.starts_with("vm is past it since "), "{say}");
    wait_for_verdict(ports, "m-1", "heard");

    // After a restart the marks are gone, and that is said.
    assert!(gateway.stop().success());
    let _gateway = Gateway::start(dir.path(), ports, &config);
    let mut told = Value::Null;
    wait_for("marks", || {
        told = passage_of(&story(ports, "m-1").0);
        told["beforeStart"].is_string()
    });
    let say = told["say"].as_str().unwrap();
    assert!(
        say.starts_with("vm is past it since before the last start at "),
        "{say}"
    );
    let (told, _) = story(ports, "m-1");
    let gateway = told["gateway"]["say"].as_str().unwrap();
    assert!(
        gateway.contains("; the last record before that is of "),
        "{gateway}"
    );
    drop(store);
}
