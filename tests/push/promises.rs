//! 200 means durable, nothing vanishes, and a full disk is told.
use crate::City;
use crate::client::post;
use crate::support::{Gateway, Ports};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn what_curl_was_told_is_there_after_a_kill() {
    let mut city = City::new();
    // Not older than history keeps.
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() - 100;
    let url = format!("http://127.0.0.1:{}/v1/push/bearer?device=m-1", city.port());
    for count in 0..20_u32 {
        let body = format!(
            r#"{{"ts":{},"water_volume":{count}}}"#,
            now + u64::from(count)
        );
        let mut curl = Command::new("curl");
        curl.args(["-s", "-o", "-", "-w", " %{http_code}", "-H"]);
        curl.arg(format!("Authorization: Bearer {}", crate::TOKEN));
        curl.args([
            "-H",
            "Content-Type: application/json",
            "--data-binary",
            &body,
            &url,
        ]);
        let said = curl.output().expect("curl is installed");
        let said = String::from_utf8(said.stdout).unwrap();
        assert_eq!(said, r#"{"accepted":true} 200"#);
    }
    city.gateway.kill();
    city.restart();
    let values: Vec<f64> = (0..20_u32).map(f64::from).collect();
    assert_eq!(city.history("m-1", "water_volume", 20), values);
    // Pushed again after the crash, it is known.
    let again = format!(r#"{{"ts":{now},"water_volume":0}}"#);
    let answer = post(city.port(), "/v1/push/open?device=m-1", "", &again);
    assert_eq!(answer.json()["duplicate"], true, "{}", answer.body);
}

#[test]
fn many_at_a_time_and_each_is_counted_once() {
    let city = City::new();
    let url = format!("http://127.0.0.1:{}/v1/push/open?device=m-1", city.port());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    citygate::tls::provider();
    let client = reqwest::Client::new();
    let pushes = (0..400_u32).map(|count| {
        let body = match count % 4 {
            // A duplicate of the one before it, a part that is bad, and what cannot be read at all.
            0 | 1 => format!(r#"{{"ts":{},"voltage":230}}"#, 1_780_000_000 + count / 4),
            2 => format!(
                r#"{{"ts":{},"voltage":231,"volage":1}}"#,
                1_780_100_000 + count
            ),
            _ => "voltage=230".to_owned(),
        };
        let request = client.post(&url).body(body);
        async move {
            let answer = request.send().await.unwrap();
            (answer.status().as_u16(), answer.json_value().await)
        }
    });
    let answers: Vec<(u16, Value)> = runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for push in pushes.collect::<Vec<_>>() {
            tasks.spawn(push);
        }
        tasks.join_all().await
    });
    assert!(answers.iter().all(|(status, _)| *status == 200));
    let rejected = answers
        .iter()
        .filter(|(_, answer)| answer["accepted"] == false);
    let rejected: Vec<_> = rejected.map(|(_, answer)| &answer["reason"]).collect();
    assert_eq!(rejected, vec![&Value::from("malformed"); 100]);
    let counts = city.settled(400);
    assert_eq!(
        (counts.logged, counts.duplicate, counts.rejected),
        (200, 100, 100)
    );
    let (_, body) = city
        .gateway
        .get("/v1/rejects?reason=malformed&limit=1")
        .unwrap();
    let reject: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(reject["rejects"][0]["topic"], "push/open/m-1", "{body}");
}

trait JsonValue {
    async fn json_value(self) -> Value;
}

impl JsonValue for reqwest::Response {
    async fn json_value(self) -> Value {
        let bytes = self.bytes().await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }
}

/// A tmpfs that goes with the test.
struct Small(PathBuf);

impl Small {
    fn mount(dir: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=160m", "tmpfs"])
            .arg(dir);
        let mounted = mount.status().is_ok_and(|status| status.success());
        mounted.then(|| Self(dir.to_owned()))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_told_and_room_brings_200_again() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    let Some(_small) = Small::mount(&data) else {
        eprintln!("SKIPPED: this user may not mount a tmpfs");
        return;
    };
    let city = City::with(
        dir,
        "[log]\nmin_free = \"48MiB\"\nsegment_bytes = \"1MiB\"\n",
    );
    let push = || {
        post(
            city.port(),
            "/v1/push/open?device=m-1",
            "",
            r#"{"voltage":230}"#,
        )
    };
    assert_eq!(push().status, 200);
    fs::write(data.join("ballast"), vec![7; 120 << 20]).unwrap();
    let start = std::time::Instant::now();
    let mut sent = 1;
    let refused = loop {
        let answer = push();
        sent += 1;
        if answer.status != 200 {
            break answer;
        }
        assert!(start.elapsed() < crate::support::BOUND);
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert_eq!(refused.header("retry-after"), Some("60"));
    let full = city.settled(sent);
    assert_eq!((full.refused, full.logged), (1, sent - 1));
    fs::remove_file(data.join("ballast")).unwrap();
    while push().status != 200 {
        sent += 1;
        assert!(start.elapsed() < crate::support::BOUND);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    sent += 1;
    assert_eq!(city.settled(sent).logged, full.logged + 1);
}

#[test]
fn a_secret_that_cannot_be_read_is_named_and_a_new_one_needs_no_restart() {
    let dir = tempfile::tempdir().unwrap();
    let ports = Ports::free();
    let token = dir.path().join("token");
    let route = format!(
        "[[route]]\npush = \"aep\"\ntoken_file = \"{}\"\n",
        token.display()
    );
    let config = ports.config(&dir.path().join("data"), &route);
    let file = dir.path().join("citygate.toml");
    fs::write(&file, &config).unwrap();
    let mut check = Command::new(env!("CARGO_BIN_EXE_citygate"));
    let checked = check
        .arg("check")
        .arg("--config")
        .arg(&file)
        .output()
        .unwrap();
    let said = [checked.stdout, checked.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert_eq!(checked.status.code(), Some(1), "{said}");
    assert!(said.contains("route[0].token_file"), "{said}");
    fs::write(&token, "one").unwrap();
    let gateway = Gateway::start(dir.path(), ports, &config);
    let push = |token: &str| {
        let header = format!("Authorization: Bearer {token}\r\n");
        post(
            ports.http,
            "/v1/push/aep?device=m-1",
            &header,
            r#"{"voltage":230}"#,
        )
        .status
    };
    assert_eq!((push("one"), push("two")), (200, 401));
    fs::write(&token, "two").unwrap();
    gateway.signal(rustix::process::Signal::HUP);
    let start = std::time::Instant::now();
    while push("two") != 200 {
        assert!(start.elapsed() < crate::support::BOUND);
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_ne!(push("one"), 200);
}
