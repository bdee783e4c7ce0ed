//! Rejects of a real gateway: listed, shown, and retried after what was wrong has been mended.
use super::live::wait_for;
use super::support::{Gateway, Ports};
use super::{Done, run};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const MENDED: &str = "[devices]\nunknown = \"accept\"\n[[route]]\ntopic = \"plant/{device}/up\"\n\
                      [[metric]]\nname = \"flux\"\nunit = \"V\"\nen = \"Flux\"\nzh = \"Flux\"";

struct Rig {
    dir: tempfile::TempDir,
    ports: Ports,
    gateway: Option<Gateway>,
}

impl Rig {
    fn start(more: &str) -> Self {
        let mut rig = Self {
            dir: tempfile::tempdir().unwrap(),
            ports: Ports::free(),
            gateway: None,
        };
        rig.restart(more);
        rig
    }

    fn data(&self) -> String {
        self.dir.path().join("data").to_str().unwrap().to_owned()
    }

    fn stop(&mut self) {
        if let Some(mut gateway) = self.gateway.take() {
            assert!(gateway.stop().success());
        }
    }

    fn restart(&mut self, more: &str) {
        self.stop();
        let config = self.ports.config(Path::new(&self.data()), more);
        self.gateway = Some(Gateway::start(self.dir.path(), self.ports, &config));
    }

    fn crash(&mut self, more: &str) {
        self.gateway.take().unwrap().kill();
        self.restart(more);
    }

    fn publish(&self, topic: &str, payload: &str) {
        let port = self.ports.mqtt.to_string();
        let sent = Command::new("mosquitto_pub")
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &port,
                "-q",
                "1",
                "-t",
                topic,
                "-m",
                payload,
            ])
            .output()
            .unwrap();
        assert!(sent.status.success(), "{sent:?}");
    }

    fn post(&self, path: &str, payload: &str) {
        let url = format!("coap://127.0.0.1:{}/{path}", self.ports.coap);
        let sent = Command::new("coap-client-notls")
            .args(["-m", "post", "-t", "50", "-e", payload, &url])
            .output()
            .unwrap();
        assert!(sent.status.success(), "{sent:?}");
    }

    fn rejects(&self, args: &[&str]) -> Done {
        let url = format!("http://127.0.0.1:{}", self.ports.http);
        run(&[&["rejects"], args, &["--url", &url]].concat())
    }

    fn listed(&self, args: &[&str]) -> Vec<Value> {
        let done = self.rejects(&[&["list", "--json", "--limit", "1000"], args].concat());
        assert_eq!(done.code, 0, "{}", done.err);
        let page: Value = serde_json::from_str(&done.out).unwrap();
        page["rejects"].as_array().unwrap().clone()
    }

    /// What each reject came to.
    fn retried(&self, args: &[&str]) -> Vec<String> {
        let done = self.rejects(&[&["retry", "--json"], args].concat());
        assert!(done.code <= 1, "{}", done.err);
        assert!(done.err.is_empty(), "a pipe stays quiet: {}", done.err);
        let outcome = |line: &str| {
            let reject: Value = serde_json::from_str(line).unwrap();
            reject["outcome"].as_str().unwrap().to_owned()
        };
        done.out.lines().map(outcome).collect()
    }

    /// Every reading of the stopped gateway's log: device, metric and value, with its time of reception.
    fn exported(&mut self) -> Vec<(String, String)> {
        self.stop();
        let done = run(&["log", "export", &self.data()]);
        assert_eq!(done.code, 0, "{}", done.err);
        let mut all = Vec::new();
        for line in done.out.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let report = &line["report"];
            for reading in report["readings"].as_array().into_iter().flatten() {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let name = format!(
                    "{} {} {}",
                    text(&report["deviceId"]),
                    text(&reading["metric"]),
                    reading["number"]
                );
                all.push((name, text(&report["receivedAt"])));
            }
        }
        all.sort();
        all
    }
}

fn accounting(rig: &Rig, source: &str, term: &str) -> u64 {
    let (_, body) = rig.gateway.as_ref().unwrap().get("/v1/accounting").unwrap();
    let answer: Value = serde_json::from_str(&body).unwrap();
    let sources = answer["sources"].as_array().unwrap();
    let found = sources
        .iter()
        .find(|found| found["name"] == source)
        .unwrap();
    found[term].as_str().unwrap().parse().unwrap()
}

/// Before it is mended, a reject tells so.
fn not_mended(rig: &Rig, no_route: &str) {
    let shown = rig.rejects(&["show", no_route]).out;
    assert!(
        shown.contains("0000  7b 22 76 6f 6c 74 61 67 65 22 3a 20 32 33 33 7d  {\"voltage\": 233}"),
        "{shown}"
    );
    assert!(
        shown.contains("would be rejected again, no_route"),
        "{shown}"
    );
    assert_eq!(rig.retried(&[no_route]), ["rejected"]);
    let busy = run(&["rejects", "list", "--dir", &rig.data()]);
    assert_eq!(busy.code, 3);
    assert!(
        busy.err.contains("in use by a running gateway"),
        "{}",
        busy.err
    );
}

fn grouped(rig: &Rig) {
    let grouped = rig.rejects(&["list", "--by", "reason"]).out;
    assert!(
        grouped.starts_with("6 rejects, 0 of them recovered\n"),
        "{grouped}"
    );
    assert!(grouped.contains("        3         0  "), "{grouped}");
    let told = rig.rejects(&["list", "--reason", "no_rout"]);
    assert_eq!(told.code, 2);
    assert!(
        told.err.contains("did you mean \\\"no_route\\\"?") || told.err.contains("no_route"),
        "{}",
        told.err
    );
}

#[test]
fn mended_rejects_become_reports_of_their_own_time_once() {
    let mut rig = Rig::start("[devices]\nunknown = \"reject\"");
    rig.publish(
        "city/m-1/json",
        r#"{"ts": "2026-11-20T08:00:00Z", "voltage": 231}"#,
    );
    rig.publish("city/m-1/json", r#"{"voltage": 232}"#);
    rig.publish("plant/p-1/up", r#"{"voltage": 233}"#);
    rig.post("t/c-1/json", r#"{"voltage": 234}"#);
    rig.restart("[devices]\nunknown = \"accept\"");
    rig.publish(
        "city/m-2/json",
        r#"{"voltage": 235, "flux": 7, "bogus": 1}"#,
    );

    let all = rig.listed(&[]);
    let reasons: Vec<&str> = all
        .iter()
        .map(|reject| reject["reason"].as_str().unwrap())
        .collect();
    assert_eq!(
        reasons,
        [
            "unknown_metric",
            "unknown_metric",
            "unknown_device",
            "no_route",
            "unknown_device",
            "unknown_device"
        ]
    );
    assert_eq!(rig.listed(&["--route", "city/{device}/{profile}"]).len(), 4);
    assert_eq!(rig.listed(&["--route", ""]).len(), 1);
    grouped(&rig);
    let no_route = all[3]["sequence"].as_str().unwrap();
    not_mended(&rig, no_route);
    rig.restart(MENDED);
    let shown = rig.rejects(&["show", no_route]).out;
    assert!(
        shown.contains("would become a report") && shown.contains("voltage = 233"),
        "{shown}"
    );
    assert_eq!(
        rig.retried(&["--reason", "unknown_device", "--device", "m-1", "--dry-run"])
            .len(),
        2
    );
    assert!(rig.listed(&["--recovered"]).is_empty());
    assert_eq!(
        rig.retried(&["--reason", "unknown_device", "--device", "m-1"]),
        ["recovered", "recovered"]
    );
    assert_eq!(rig.retried(&["--all"]).len(), 4, "those that are left");
    assert_eq!(rig.listed(&["--recovered"]).len(), 5);
    assert_eq!(rig.listed(&["--open"])[0]["part"], "bogus");
    assert_eq!(accounting(&rig, "mqtt", "recovered"), 4);
    assert_eq!(accounting(&rig, "coap", "recovered"), 1);
    let sequences: Vec<&str> = all
        .iter()
        .map(|reject| reject["sequence"].as_str().unwrap())
        .collect();
    rig.crash(MENDED);
    let again = rig.retried(&sequences);
    assert_eq!(
        again,
        ["before", "before", "before", "before", "before", "rejected"]
    );

    let received: BTreeMap<String, String> = all
        .iter()
        .map(|reject| {
            let text = |name: &str| reject[name].as_str().unwrap().to_owned();
            (text("sequence"), text("receivedAt"))
        })
        .collect();
    let exported = rig.exported();
    let at = |place: usize| received[sequences[place]].clone();
    let expected = [
        ("c-1 voltage 234.0".to_owned(), at(2)),
        ("m-1 voltage 231.0".to_owned(), at(5)),
        ("m-1 voltage 232.0".to_owned(), at(4)),
        ("m-2 flux 7.0".to_owned(), at(0)),
        ("m-2 voltage 235.0".to_owned(), at(0)),
        ("p-1 voltage 233.0".to_owned(), at(3)),
    ];
    assert_eq!(exported, expected);
    let offline = run(&["rejects", "list", "--dir", &rig.data(), "--recovered"]);
    assert!(
        offline.out.starts_with("5 rejects, 5 of them recovered\n"),
        "{}{}",
        offline.out,
        offline.err
    );
    let offline = run(&["rejects", "show", no_route, "--dir", &rig.data()]);
    assert!(
        offline.out.contains("recovered by report"),
        "{}",
        offline.out
    );
}

#[test]
fn what_the_device_sent_again_long_ago_is_found_in_history() {
    // Entries of deduplication end after a minute.
    let window = "[intake]\ndedup_window = \"1m\"\n";
    let mut rig = Rig::start("[devices]\nunknown = \"reject\"");
    let payload = r#"{"ts": "2026-11-20T08:00:00Z", "voltage": 231}"#;
    rig.publish("city/m-1/json", payload);
    rig.restart("[devices]\nunknown = \"accept\"");
    rig.publish("city/m-1/json", payload);
    let logged = |rig: &Rig| {
        let path = "/v1/devices/m-1/readings?from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z";
        let (_, body) = rig.gateway.as_ref().unwrap().get(path).unwrap_or_default();
        body.contains("231")
    };
    wait_for("the reading in history", || logged(&rig));
    rig.stop();
    // Of the log nothing is left that a key could be rebuilt from.
    std::fs::remove_dir_all(Path::new(&rig.data()).join("log")).unwrap();
    rig.restart(&format!("{window}[devices]\nunknown = \"accept\""));
    assert_eq!(rig.retried(&["--all"]), ["before"]);
    assert_eq!(rig.retried(&["--all"]), Vec::<String>::new(), "it is noted");
}

#[test]
fn what_history_no_longer_has_is_not_guessed() {
    let more = "[devices]\nunknown = \"reject\"\n[history]\nretain = \"1d\"";
    let mut rig = Rig::start(more);
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    for days in [0, 3] {
        let ts = now - days * 86_400 - 60;
        rig.publish(
            "city/meter-7/json",
            &format!("{{\"ts\": {ts}, \"active_energy_import\": 1}}"),
        );
    }
    rig.restart("[devices]\nunknown = \"accept\"\n[history]\nretain = \"1d\"");
    let done = rig.rejects(&["retry", "--all", "--json"]);
    assert!(
        done.out.contains("older than history.retain keeps"),
        "{}",
        done.out
    );
    assert_eq!(done.out.matches("\"cannot\"").count(), 1, "{}", done.out);
    assert_eq!(done.out.matches("\"recovered\"").count(), 1, "{}", done.out);
    assert_eq!(rig.exported().len(), 1);
}

#[test]
fn two_operators_at_once_bring_each_uplink_once() {
    let mut rig = Rig::start("[devices]\nunknown = \"reject\"");
    let target = format!("mqtt://127.0.0.1:{}", rig.ports.mqtt);
    let city = [
        "simulate",
        "--json",
        "--target",
        &target,
        "--devices",
        "20",
        "--rate",
        "2000",
        "--count",
        "600",
        "--seed",
        "3",
    ];
    let done = run(&city);
    assert_eq!(done.code, 0, "{}", done.err);
    let sent = rig.listed(&[]).len();
    assert!(sent >= 500, "{sent}");
    rig.restart("[devices]\nunknown = \"accept\"");
    let outcomes: Vec<Vec<String>> = std::thread::scope(|scope| {
        let operators = [0, 1].map(|_| scope.spawn(|| rig.retried(&["--all"])));
        operators.map(|operator| operator.join().unwrap()).into()
    });
    let recovered =
        |outcomes: &Vec<String>| outcomes.iter().filter(|one| *one == "recovered").count();
    let both: usize = outcomes.iter().map(recovered).sum();
    assert_eq!(accounting(&rig, "mqtt", "recovered"), both as u64);
    let open = rig.listed(&["--open"]).len();
    assert_eq!(both + open, sent, "{outcomes:?}");
    rig.stop();
    let (reports, rejects) = super::live::stat(Path::new(&rig.data()));
    assert_eq!(rejects, sent as u64, "no second reject");
    assert!(reports >= both as u64, "{reports} {both}");
}
