//! `/v1/devices/{id}/timeline`: everything that happened, once, newest first, with the bytes as they came.
use crate::binary;
use crate::devices::{refused, seen};
use crate::http::get;
use crate::support::{Gateway, START, start, within};
use citygate::devices::{State, Trace, TraceKind};
use citygate::log::record::Kind;
use citygate::model::proto::Event;
use citygate::model::{Quality, ReadingDraft, Reject, ReportDraft, Source, Timestamp, Value};
use prost::Message;
use rumqttc::{Client, LastWill, MqttOptions, Packet, QoS};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

fn at(secs: u64) -> Timestamp {
    START.plus(Duration::from_secs(secs))
}

fn report(device: &str, received_at: Timestamp, observed_at: Timestamp) -> Vec<u8> {
    let mut bytes = Vec::new();
    ReportDraft {
        device_id: device,
        kind: "meter.gas",
        district: "",
        profile: "json",
        received_at,
        source: Source::Mqtt,
        readings: vec![ReadingDraft {
            metric: "voltage",
            unit: "V",
            value: Value::Number(230.5),
            observed_at,
            quality: Quality::Good,
            labels: Vec::new(),
            raw: "".into(),
            raw_unit: "".into(),
        }],
        node: "test-1",
        via: "",
    }
    .encode(&mut bytes);
    bytes
}

/// All entries, in pages of `limit`.
async fn entries(gateway: &Gateway, path: &str, limit: usize) -> Vec<Json> {
    let mut all = Vec::new();
    let mut token = String::new();
    for _ in 0..1_000 {
        let page = get(gateway, &format!("{path}limit={limit}{token}")).await;
        assert_eq!(page.status, 200, "{}", page.body);
        let page = page.json();
        let entries = page["entries"].as_array().unwrap();
        assert!(entries.len() <= limit);
        all.extend(entries.iter().cloned());
        let Some(next) = page.get("nextPageToken") else {
            return all;
        };
        token = format!("&page_token={}", next.as_str().unwrap());
    }
    panic!("no end: {} entries", all.len());
}

/// A day of one device: 200 reports, 60 rejects, two events, among those of others.
async fn a_day(gateway: &Gateway) {
    for step in 0..200u64 {
        gateway.clock().set(at(step * 60 + 30));
        let received = at(step * 60);
        // Every tenth was observed a while before it came, as after a gap in the radio.
        let back = if step % 10 == 7 { 40 } else { 0 };
        let observed = received.minus(Duration::from_secs(back));
        let bodies = [
            report("m-1", received, observed),
            report("m-2", received, received),
        ];
        gateway.append_bodies(&bodies).await;
        if step % 10 < 3 {
            let reject = |device: &str| Reject {
                received_at_ns: at(step * 60 + 20).as_nanos(),
                ..refused(device)
            };
            gateway.reject([reject("m-1"), reject("m-3")]).await;
        }
        // Of one device, the registry remembers the last few events, however many rejects follow.
        if step == 150 || step == 199 {
            let event = Event {
                device_id: "m-1".into(),
                name: "clock_wrong".into(),
                at: Some(at(step * 60 + 5).into()),
                ..Event::default()
            };
            let event = event.encode_to_vec();
            gateway.append_kind(Kind::Event, &event).await;
        }
    }
    seen(gateway, 2).await;
    remembered(gateway).await;
}

/// Waits until the registry has both events, of which one is the last record.
async fn remembered(gateway: &Gateway) {
    let registry = &gateway.shared.devices;
    let has = || {
        let device = registry.get("m-1").unwrap();
        let event = |trace: &Trace| matches!(trace.what, TraceKind::Event(_));
        device.traces.iter().filter(|trace| event(trace)).count() == 2
    };
    within(async {
        while !has() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn pages_have_everything_once_and_newest_first() {
    let gateway = start().await;
    a_day(&gateway).await;
    for limit in [1, 7, 200] {
        let all = entries(&gateway, "/v1/devices/m-1/timeline?", limit).await;
        let times: Vec<&str> = all.iter().map(|e| e["at"].as_str().unwrap()).collect();
        let times: Vec<Timestamp> = times
            .iter()
            .map(|at| Timestamp::parse(at, &jiff::tz::TimeZone::UTC).unwrap())
            .collect();
        assert!(times.is_sorted_by(|a, b| a >= b), "limit {limit}");
        let of = |kind: &str| -> Vec<String> {
            let all = all.iter().filter(|entry| entry["type"] == kind);
            all.map(|entry| entry["sequence"].as_str().unwrap().to_owned())
                .collect()
        };
        for (kind, count) in [("uplink", 200), ("reject", 60), ("event", 2)] {
            let found = of(kind);
            let distinct: BTreeSet<_> = found.iter().collect();
            assert_eq!(
                (found.len(), distinct.len()),
                (count, count),
                "{kind}, limit {limit}"
            );
        }
    }
    let some = entries(
        &gateway,
        "/v1/devices/m-1/timeline?from=2027-01-15T09:00:00Z&to=2027-01-15T10:00:00Z&",
        9,
    )
    .await;
    let count = |kind: &str| some.iter().filter(|entry| entry["type"] == kind).count();
    assert_eq!((count("uplink"), count("reject")), (60, 18));
}

#[tokio::test]
async fn strangers_have_a_timeline_and_nobody_has_none() {
    let gateway = start().await;
    gateway.append(&["meter-0042"]).await;
    let sent: Vec<Reject> = ["pole/7", "pole/7", "x"].map(refused).into();
    let invalid = sent.into_iter().map(|reject| Reject {
        reason: "invalid_device_id".into(),
        ..reject
    });
    gateway.reject(invalid).await;
    seen(&gateway, 0).await;
    let all = entries(&gateway, "/v1/devices/pole%2F7/timeline?", 10).await;
    assert_eq!(all.len(), 2);
    assert_eq!(all[0]["type"], "reject");
    assert_eq!(all[0]["reject"]["rawText"], "{\"voltagee\": 230}");
    let told = get(&gateway, "/v1/devices/pole%2F7").await.problem(404);
    assert!(
        told.contains("heard and not accepted: refused 2 times"),
        "{told}"
    );
    let missing = get(&gateway, "/v1/devices/meter-0043/timeline").await;
    let told = missing.problem(404);
    assert!(told.contains("did you mean \"meter-0042\"?"), "{told}");
    assert_eq!(missing.json()["nearest"], "meter-0042");
    let strangers = get(&gateway, "/v1/strangers?since=2027-01-15T00:00:00Z").await;
    let strangers = strangers.json();
    let names: Vec<_> = strangers["strangers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stranger| (stranger["name"].as_str().unwrap(), &stranger["rejects"]))
        .collect();
    assert_eq!(names, [("x", &json!("1")), ("pole/7", &json!("2"))]);
    get(&gateway, "/v1/devices/m-1/timeline?page_token=AAAA&limit=0")
        .await
        .problem(400);
    get(&gateway, "/v1/devices/m-1/timeline/x?log=both")
        .await
        .problem(400);
    get(&gateway, "/v1/devices/meter-0042/timeline/7")
        .await
        .problem(404);
}

/// A gateway of the real binary, and one device that publishes over MQTT.
struct City {
    gateway: binary::Gateway,
    config: String,
    dir: tempfile::TempDir,
}

impl City {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ports = binary::Ports::free();
        let config = ports.config(&dir.path().join("data"), "[intake]\nkeep_raw = \"1KiB\"");
        let gateway = binary::Gateway::start(dir.path(), ports, &config);
        Self {
            gateway,
            config,
            dir,
        }
    }

    /// Publishes, waits for the acknowledgements, and goes without a DISCONNECT.
    fn publish(&self, topic: &str, payloads: &[&[u8]]) {
        let mut options = MqttOptions::new("the-client", "127.0.0.1", self.gateway.ports.mqtt);
        options.set_last_will(LastWill::new(topic, "gone", QoS::AtMostOnce, false));
        let (client, mut connection) = Client::new(options, 16);
        for payload in payloads {
            client
                .publish(topic, QoS::AtLeastOnce, false, *payload)
                .unwrap();
        }
        let mut left = payloads.len();
        for notification in connection.iter() {
            if let rumqttc::Event::Incoming(Packet::PubAck(_)) = notification.unwrap() {
                left -= 1;
            }
            if left == 0 {
                break;
            }
        }
    }

    fn get(&self, path: &str) -> Json {
        let (status, body) = self.gateway.get(path).unwrap();
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// The timeline once it has this many entries.
    fn timeline(&self, count: usize) -> Vec<Json> {
        let start = Instant::now();
        loop {
            if let Some((200, body)) = self.gateway.get("/v1/devices/m-1/timeline") {
                let page: Json = serde_json::from_str(&body).unwrap();
                let entries = page["entries"].as_array().unwrap().clone();
                if entries.len() >= count {
                    return entries;
                }
                assert!(start.elapsed() < binary::BOUND, "{entries:#?}");
            }
            assert!(start.elapsed() < binary::BOUND);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

const GOOD: &[u8] = br#"{"voltage": {"value": 0.2301, "unit": "kV"}, "current": 1.5}"#;
const HALF: &[u8] = br#"{"voltage": 231, "voltagee": 7}"#;
const BAD: &[u8] = b"\x00\xff no JSON";

/// As `raw` in JSON.
fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn bytes_are_those_that_were_published_also_after_a_restart() {
    let mut city = City::new();
    let long = format!("{{\"voltage\": 232, \"pad\": \"{}\"}}", "x".repeat(2_000));
    city.publish("city/m-1/json", &[GOOD, HALF, BAD, long.as_bytes()]);
    // Three uplinks, three rejects, the will, and OFFLINE by it.
    let before = city.timeline(8);
    for round in 0..2 {
        let entries = city.timeline(8);
        let of = |kind: &str| {
            let all = entries.iter().filter(|entry| entry["type"] == kind);
            all.collect::<Vec<_>>()
        };
        let raws: Vec<&str> = of("uplink")
            .iter()
            .map(|entry| entry["arrival"]["raw"].as_str().unwrap())
            .collect();
        let cut = base64(&long.as_bytes()[..1024]);
        assert_eq!(
            raws,
            [cut.as_str(), &base64(HALF), &base64(GOOD)],
            "round {round}"
        );
        let first = of("uplink")[2];
        assert_eq!(first["arrival"]["topic"], "city/m-1/json");
        assert_eq!(first["arrival"]["client"], "the-client");
        assert_eq!(first["arrival"]["rawLen"], GOOD.len().to_string());
        assert!(
            first["arrival"]["address"]
                .as_str()
                .unwrap()
                .starts_with("127.0.0.1:")
        );
        assert_eq!(first["report"]["profile"], "json");
        assert_eq!(first["report"]["source"], "SOURCE_MQTT");
        assert_eq!(first["report"]["readings"].as_array().unwrap().len(), 2);
        let rejects = of("reject");
        assert_eq!(rejects.len(), 3);
        let raws: BTreeSet<&str> = rejects
            .iter()
            .map(|entry| entry["reject"]["raw"].as_str().unwrap())
            .collect();
        assert!(raws.contains(base64(HALF).as_str()) && raws.contains(base64(BAD).as_str()));
        assert_eq!(of("event")[0]["event"]["name"], "will");
        let states: Vec<&str> = of("state")
            .iter()
            .map(|entry| entry["state"]["to"].as_str().unwrap())
            .collect();
        assert!(
            states.contains(&State::Offline.json_name().as_str()),
            "{states:?}"
        );
        if round == 0 {
            city.gateway.stop();
            let ports = city.gateway.ports;
            city.gateway = binary::Gateway::start(city.dir.path(), ports, &city.config);
        }
    }
    let after = city.timeline(8);
    let uplinks = |entries: &[Json]| -> Vec<Json> {
        let all = entries.iter().filter(|entry| entry["type"] == "uplink");
        all.cloned().collect()
    };
    assert_eq!(uplinks(&before), uplinks(&after));
    decoded(&city, &after);
}

/// One entry, decoded once more, says of each value where it comes from.
fn decoded(city: &City, entries: &[Json]) {
    let entry = |kind: &str, raw: &str| {
        let found = entries.iter().find(|entry| {
            let member = if kind == "uplink" {
                "arrival"
            } else {
                "reject"
            };
            entry["type"] == kind && entry[member]["raw"] == raw
        });
        let found = found.unwrap();
        let (sequence, log) = (&found["sequence"], &found["log"]);
        let (sequence, log) = (sequence.as_str().unwrap(), log.as_str().unwrap());
        city.get(&format!("/v1/devices/m-1/timeline/{sequence}?log={log}"))
    };
    let good = entry("uplink", &base64(GOOD));
    let readings = good["decoded"]["readings"].as_array().unwrap();
    assert_eq!(readings.len(), 2);
    assert_eq!(readings[0]["path"], "voltage");
    assert_eq!(readings[0]["number"], 230.1);
    assert_eq!(readings[0]["raw"], "0.2301");
    assert_eq!(readings[0]["rawUnit"], "kV");
    assert_eq!(good["decoded"]["rejected"], json!([]));
    let half = entry("uplink", &base64(HALF));
    assert_eq!(half["decoded"]["rejected"][0]["part"], "voltagee");
    assert_eq!(half["decoded"]["rejected"][0]["reason"], "unknown_metric");
    let bad = entry("reject", &base64(BAD));
    assert_eq!(bad["decoded"]["readings"], json!([]));
    assert_eq!(bad["decoded"]["rejected"][0]["part"], "");
    let cut = entries
        .iter()
        .find(|entry| entry["arrival"]["rawLen"] == "2027");
    let cut = cut.unwrap()["sequence"].as_str().unwrap();
    let cut = city.get(&format!("/v1/devices/m-1/timeline/{cut}"));
    let note = cut["decoded"]["note"].as_str().unwrap();
    assert!(note.contains("first 1024 of 2027 bytes"), "{note}");
}

/// A device that says ten things a second for an hour, and is asked for the last few of them.
#[tokio::test]
async fn the_work_for_a_page_is_bounded() {
    let gateway = start().await;
    let time = |step: u64| START.plus(Duration::from_millis(step * 100));
    for part in 0..36u64 {
        let bodies: Vec<_> = (part * 1_000..(part + 1) * 1_000)
            .map(|step| report("m-1", time(step), time(step)))
            .collect();
        gateway.append_bodies(&bodies).await;
    }
    gateway.clock().set(time(36_000));
    seen(&gateway, 0).await;
    within(async {
        while gateway.shared.history.stats().lag > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    let started = Instant::now();
    let mut token = String::new();
    for page in 0..20u64 {
        let answer = get(
            &gateway,
            &format!("/v1/devices/m-1/timeline?limit=50{token}"),
        )
        .await;
        let answer = answer.json();
        let entries = answer["entries"].as_array().unwrap();
        assert_eq!(entries.len(), 50, "page {page}");
        let newest = json!(citygate::api::http::json::time(time(35_999 - page * 50)));
        assert_eq!(entries[0]["at"], newest);
        token = format!("&page_token={}", answer["nextPageToken"].as_str().unwrap());
    }
    let each = started.elapsed() / 20;
    println!("{each:?} for a page of 50 among 36,000");
    assert!(each < Duration::from_secs(1), "{each:?}");
}
