//! HTTP, over a socket, byte by byte: no client library hides what the gateway sends.
use crate::support::{Gateway, START, report_of, start, within};
use citygate::api::Phase;
use citygate::model::{Reject, Source, Timestamp};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    /// Asserts an RFC 9457 problem of this status; its sentence.
    pub fn problem(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        assert!(
            self.head.contains("content-type: application/problem+json"),
            "{}",
            self.head
        );
        let problem = self.json();
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], "about:blank");
        assert!(problem["title"].is_string());
        problem["detail"].as_str().unwrap().to_owned()
    }
}

pub async fn send(gateway: &Gateway, request: &str) -> Answer {
    let mut socket = TcpStream::connect(gateway.http).await.unwrap();
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    within(socket.read_to_end(&mut bytes)).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    Answer {
        status: head[9..12].parse().unwrap(),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

pub async fn get(gateway: &Gateway, target: &str) -> Answer {
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    send(gateway, &request).await
}

#[tokio::test]
async fn probes_follow_the_phase_and_the_clock() {
    let gateway = start().await;
    assert_eq!(get(&gateway, "/healthz").await.status, 200);
    assert_eq!(
        get(&gateway, "/readyz").await.json(),
        json!({"status": "ready"})
    );
    gateway
        .shared
        .readiness
        .set(Phase::Starting("reading the log"));
    let answer = get(&gateway, "/readyz").await;
    assert_eq!(answer.problem(503), "starting: reading the log");
    gateway.shared.readiness.set(Phase::Draining);
    gateway.clock().set(Timestamp::EPOCH);
    let answer = get(&gateway, "/readyz").await;
    answer.problem(503);
    assert_eq!(answer.json()["reasons"].as_array().unwrap().len(), 2);
    assert_eq!(get(&gateway, "/healthz").await.status, 200);
}

#[tokio::test]
async fn accounting_shows_every_term_as_a_text() {
    let gateway = start().await;
    gateway.shared.accounting.update(Source::Mqtt, |counts| {
        counts.received = (1 << 53) + 1;
        counts.logged = 1 << 53;
        counts.in_flight = 1;
    });
    let accounting = get(&gateway, "/v1/accounting").await.json();
    assert_eq!(
        accounting["sources"],
        json!([{"name": "mqtt", "received": "9007199254740993", "logged": "9007199254740992",
            "rejected": "0", "duplicate": "0", "refused": "0", "dropped": "0", "in_flight": "1",
            "reject_parts": "0", "recovered": "0", "protocol_errors": "0"},
            {"name": "coap", "received": "0", "logged": "0", "rejected": "0", "duplicate": "0",
            "refused": "0", "dropped": "0", "in_flight": "0", "reject_parts": "0",
            "recovered": "0", "protocol_errors": "0"}])
    );
    assert_eq!(accounting["stores"], json!([]));
    let sources = get(&gateway, "/v1/sources").await.json();
    assert_eq!(sources["sources"][0]["name"], "mqtt");
    assert_eq!(sources["sources"][1]["name"], "coap");
}

#[tokio::test]
async fn metrics_are_in_the_format_that_prometheus_reads() {
    let gateway = start().await;
    gateway.append(&["a"]).await;
    gateway.shared.accounting.update(Source::Mqtt, |counts| {
        counts.received = 7;
        counts.duplicate = 7;
    });
    let answer = get(&gateway, "/metrics").await;
    assert!(
        answer
            .head
            .contains("content-type: application/openmetrics-text")
    );
    for line in [
        "citygate_uplinks_received_total{source=\"mqtt\"} 7",
        "citygate_uplinks_total{source=\"mqtt\",outcome=\"duplicate\"} 7",
        "citygate_log_records_total{log=\"readings\"} 1",
        "citygate_ready 1.0",
        "citygate_log_group_seconds_count{log=\"readings\"} 1",
        "citygate_log_group_seconds_bucket{le=\"+Inf\",log=\"readings\"} 1",
        "# TYPE citygate_process_cpu_seconds counter",
        "# EOF",
    ] {
        assert!(
            answer.body.lines().any(|found| found == line),
            "{line} in\n{}",
            answer.body
        );
    }
    assert!(
        answer
            .body
            .lines()
            .any(|line| line.starts_with("citygate_process_resident_bytes "))
    );
    for name in [
        "citygate_history_readings_total",
        "citygate_devices{state=\"offline\"}",
        "citygate_device_health{health=\"fault\"}",
        "citygate_devices_heard_not_accepted",
        "citygate_strangers",
        "citygate_device_silences_total",
        "citygate_devices_lag_records{log=\"rejects\"}",
        "citygate_devices_bytes",
        "citygate_grpc_streams",
        "citygate_http_requests_total",
    ] {
        assert!(answer.body.contains(name), "{name}");
    }
}

#[tokio::test]
async fn every_error_is_a_problem() {
    let gateway = start().await;
    assert_eq!(
        get(&gateway, "/v1/nothing").await.problem(404),
        "nothing is at /v1/nothing"
    );
    let post = "POST /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let answer = send(&gateway, post).await;
    answer.problem(405);
    assert!(
        answer.head.to_lowercase().contains("\r\nallow: get"),
        "{}",
        answer.head
    );
    let large = "POST /v1/rejects HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 99999999\r\n\r\n";
    send(&gateway, large).await.problem(413);
    let answer = get(&gateway, "/v1/rejects?limit=0&colour=red").await;
    answer.problem(400);
    assert_eq!(answer.json()["violations"].as_array().unwrap().len(), 2);
    get(&gateway, "/v1/rejects?page_token=AAAA")
        .await
        .problem(400);
    get(&gateway, "/v1/devices/pole%2F7/readings")
        .await
        .problem(400);
    get(&gateway, "/v1/devices/%ff/readings").await.problem(400);
    let told = get(&gateway, "/v1/rejects?reason=unknown_metrik")
        .await
        .problem(400);
    assert!(told.contains("did you mean \"unknown_metric\"?"), "{told}");
    let told = get(&gateway, "/v1/devices/m/readings?metric=voltagge")
        .await
        .problem(400);
    assert!(told.contains("did you mean \"voltage\"?"), "{told}");
}

#[tokio::test]
async fn a_foreign_name_is_misdirected_and_answers_are_guarded() {
    let gateway = start().await;
    let host = |line: &str| format!("GET /healthz HTTP/1.1\r\n{line}Connection: close\r\n\r\n");
    let evil = send(&gateway, &host("Host: evil.example\r\n")).await;
    assert!(evil.problem(421).contains("http.hosts"));
    send(&gateway, &host("")).await.problem(400);
    send(&gateway, &host("Host: localhost\r\nHost: evil.example\r\n"))
        .await
        .problem(400);
    let fine = send(&gateway, &host("Host: test-1:8080\r\n")).await;
    assert_eq!(fine.status, 200);
    for header in [
        "content-security-policy: default-src 'none'",
        "x-content-type-options: nosniff",
        "cache-control: no-store",
    ] {
        assert!(fine.head.contains(header), "{header} in {}", fine.head);
        assert!(evil.head.contains(header), "{header} in {}", evil.head);
    }
}

#[tokio::test]
async fn readings_come_oldest_first_in_pages() {
    let gateway = start().await;
    gateway
        .append_bodies(&vec![report_of("m-1", "meter.gas", "", 2); 1])
        .await;
    gateway.append(&["other"]).await;
    gateway.clock().set(START.plus(Duration::from_secs(1)));
    let path = "/v1/devices/m-1/readings?limit=1";
    // History reads the log on a thread of its own.
    let first = within(async {
        loop {
            let page = get(&gateway, path).await.json();
            if page["readings"] != json!([]) {
                return page;
            }
        }
    })
    .await;
    let reading = &first["readings"][0];
    assert_eq!(reading["observedAt"], "2027-01-15T08:00:00Z");
    assert_eq!(reading["receivedAt"], "2027-01-15T08:00:00Z");
    assert_eq!(reading["quality"], "QUALITY_GOOD");
    assert_eq!(reading["labels"], json!({"phase": "a"}));
    assert!(reading["sequence"].is_string());
    let token = first["nextPageToken"].as_str().unwrap();
    let second = get(&gateway, &format!("{path}&page_token={token}"))
        .await
        .json();
    let metrics =
        [&first, &second].map(|page| page["readings"][0]["metric"].as_str().unwrap().to_owned());
    assert_eq!(
        std::collections::BTreeSet::from(metrics),
        ["current".to_owned(), "voltage".to_owned()].into()
    );
    assert_eq!(second.get("nextPageToken"), None);
    let voltage = get(&gateway, "/v1/devices/m-1/readings?metric=voltage")
        .await
        .json();
    assert_eq!(voltage["readings"].as_array().unwrap().len(), 1);
    assert_eq!(voltage["readings"][0]["number"], 230.5);
    get(
        &gateway,
        &format!("/v1/devices/m-2/readings?limit=1&page_token={token}"),
    )
    .await
    .problem(400);
    let earlier = get(&gateway, "/v1/devices/m-1/readings?to=2027-01-15T08:00:00Z")
        .await
        .json();
    assert_eq!(earlier, json!({"readings": []}), "`to` is exclusive");
}

fn reject(number: i64) -> Reject {
    Reject {
        received_at_ns: START
            .plus(Duration::from_secs(number.unsigned_abs()))
            .as_nanos(),
        source: 1,
        address: "10.0.0.1:999".into(),
        device_id: format!("d{}", number % 3),
        topic: "city/d/json".into(),
        reason: if number % 2 == 0 {
            "unknown_metric"
        } else {
            "malformed"
        }
        .into(),
        sentence: format!("number {number}"),
        raw: b"{\"<b>\": \x00\xff}".to_vec(),
        raw_len: 12,
        ..Reject::default()
    }
}

#[tokio::test]
async fn rejects_come_newest_first_in_pages_with_their_bytes() {
    let gateway = start().await;
    gateway.clock().set(START.plus(Duration::from_secs(400)));
    for some in [0..100, 100..101, 101..400] {
        gateway.reject(some.map(reject)).await;
    }
    let newest = get(&gateway, "/v1/rejects?limit=1").await.json();
    let newest = &newest["rejects"][0];
    assert_eq!(newest["sentence"], "number 399");
    assert_eq!(newest["source"], "mqtt");
    assert_eq!(newest["raw"], "eyI8Yj4iOiAA/30=");
    assert_eq!(newest["rawText"], "{\"<b>\": \\u{0}\\xff}");
    assert_eq!(newest["rawLen"], "12");
    assert_eq!(newest["receivedAt"], "2027-01-15T08:06:39Z");

    for (filter, matches) in [
        ("", Box::new(|_: i64| true) as Box<dyn Fn(i64) -> bool>),
        (
            "&reason=unknown_metric&device=d1",
            Box::new(|n| n % 2 == 0 && n % 3 == 1),
        ),
        (
            "&from=2027-01-15T08:00:10Z&to=2027-01-15T08:00:20Z",
            Box::new(|n| (10..20).contains(&n)),
        ),
        ("&device=none", Box::new(|_| false)),
    ] {
        let expected: Vec<i64> = (0..400).rev().filter(|n| matches(*n)).collect();
        let mut seen = Vec::new();
        let mut token = String::new();
        loop {
            let page = get(&gateway, &format!("/v1/rejects?limit=7{filter}{token}"))
                .await
                .json();
            let rejects = page["rejects"].as_array().unwrap();
            assert!(rejects.len() <= 7);
            seen.extend(rejects.iter().map(|reject| {
                let sentence = reject["sentence"].as_str().unwrap();
                sentence["number ".len()..].parse::<i64>().unwrap()
            }));
            let Some(next) = page.get("nextPageToken") else {
                break;
            };
            token = format!("&page_token={}", next.as_str().unwrap());
        }
        assert_eq!(seen, expected, "{filter}");
    }
}

#[tokio::test]
async fn a_halt_closes_idle_connections_in_time() {
    let mut gateway = start().await;
    let mut idle = TcpStream::connect(gateway.http).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 12];
    within(idle.read_exact(&mut first)).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    gateway.halt.cancel();
    within(idle.read_to_end(&mut Vec::new())).await.unwrap();
    within(async { while gateway.servers.join_next().await.is_some() {} }).await;
}
