//! What is open ends with its token within five seconds: revoked, narrowed, idle or slow.
use crate::city::City;
use crate::filters::reason;
use crate::matrix::within;
use crate::mqtt::Client;
use crate::oracle::Grant;
use citygate::model::proto;
use std::fmt::Write;
use std::time::{Duration, Instant};
use tonic::{Code, Status, Streaming};

const IN_TIME: Duration = Duration::from_secs(5);
/// Readings of the long query: some responses of a mebibyte each.
const MESSAGES: usize = 150;
const READINGS: usize = 200;

/// The error that ends a stream, and when it came.
async fn end<T>(mut stream: Streaming<T>) -> (Status, Instant) {
    loop {
        match within(stream.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("ended without an error"),
            Err(status) => return (status, Instant::now()),
        }
    }
}

#[track_caller]
fn assert_ended((status, at): &(Status, Instant), from: Instant) {
    assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
    assert_eq!(reason(status), "TOKEN_REVOKED");
    assert!(
        at.duration_since(from) < IN_TIME,
        "{:?}",
        at.duration_since(from)
    );
}

/// Within what history keeps.
fn two_days_ago() -> i64 {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    i64::try_from(now).unwrap() - 2 * 24 * 3600
}

fn fill(city: &City, start: i64) {
    let mut client = Client::new(city.gateway.ports.mqtt, "zq-long", None);
    for message in 0..MESSAGES {
        let mut pack = String::from("[");
        for reading in 0..READINGS {
            let ts = start + i64::try_from(message * READINGS + reading).unwrap();
            let joint = if reading == 0 { "" } else { "," };
            write!(
                pack,
                "{joint}{{\"ts\":{ts},\"voltage\":{}}}",
                200 + reading % 50
            )
            .unwrap();
        }
        pack.push(']');
        client.publish("g2/zq-long/json", pack.as_bytes());
    }
}

async fn streams(
    city: &City,
    start: i64,
    grant: &Grant,
) -> (
    Streaming<proto::SubscribeResponse>,
    Streaming<proto::WatchDevicesResponse>,
    Streaming<proto::QueryResponse>,
) {
    let mut telemetry = city.telemetry(&grant.token).await;
    let mut registry = city.registry(&grant.token).await;
    let idle = within(telemetry.subscribe(proto::SubscribeRequest::default())).await;
    let watch = within(registry.watch_devices(proto::WatchDevicesRequest::default())).await;
    let request = proto::QueryRequest {
        from: Some(prost_types::Timestamp {
            seconds: start,
            nanos: 0,
        }),
        ..proto::QueryRequest::default()
    };
    let long = within(telemetry.query(request)).await;
    (
        idle.unwrap().into_inner(),
        watch.unwrap().into_inner(),
        long.unwrap().into_inner(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_or_narrowed_token_ends_what_is_open() {
    let revoked = Grant::all("revoked");
    let narrowed = Grant::all("narrowed");
    let other = Grant::all("other");
    let mut city = City::new(vec![revoked.clone(), narrowed.clone(), other.clone()]);
    let start = two_days_ago();
    fill(&city, start);
    city.settle();
    let mut of_revoked = streams(&city, start, &revoked).await;
    let of_narrowed = streams(&city, start, &narrowed).await;
    let mut of_other = streams(&city, start, &other).await;
    // One is slow: it has begun to read, and pauses.
    let first = within(of_revoked.2.message()).await.unwrap().unwrap();
    assert!(!first.reports.is_empty());
    let now = Instant::now();
    city.rewrite(vec![
        Grant {
            revoked: true,
            ..revoked.clone()
        },
        Grant {
            kinds: Some(vec!["meter.heat"]),
            gateway: false,
            ..narrowed.clone()
        },
        other.clone(),
    ]);
    let (subscribe, watch, narrowed_subscribe, narrowed_watch) = tokio::join!(
        end(of_revoked.0),
        end(of_revoked.1),
        end(of_narrowed.0),
        end(of_narrowed.1)
    );
    for ended in [&subscribe, &watch, &narrowed_subscribe, &narrowed_watch] {
        assert_ended(ended, now);
    }
    for long in [of_revoked.2, of_narrowed.2] {
        let (status, _) = end(long).await;
        assert_eq!(
            status.code(),
            Code::Unauthenticated,
            "not to its end: {status:?}"
        );
    }
    // Who was not meant goes on, and the narrowed token sees what it grants now.
    let mut count = 0;
    while let Some(response) = within(of_other.2.message()).await.unwrap() {
        count += response.reports.len();
    }
    assert_eq!(count, MESSAGES * READINGS);
    let first = within(of_other.0.message()).await;
    assert!(first.unwrap().is_some());
    let mut again = city.telemetry(&revoked.token).await;
    let status = within(again.subscribe(proto::SubscribeRequest::default())).await;
    assert_eq!(reason(&status.unwrap_err()), "TOKEN_REVOKED");
    let narrow = city.get(&narrowed, "/v1/devices").json();
    assert!(narrow["devices"].as_array().unwrap().is_empty(), "{narrow}");
}

/// A peer that stops reading cannot keep what it has open: its connection is cut.
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_does_not_read_is_cut_off() {
    let mute = Grant::all("mute");
    let mut city = City::new(vec![mute.clone()]);
    let start = two_days_ago();
    fill(&city, start);
    city.settle();
    let mut held = streams(&city, start, &mute).await;
    let open = |city: &City| {
        let metrics = city.get(&city.admin, "/metrics").body;
        let name = "citygate_grpc_streams{call=\"query\"} ";
        let line = metrics.lines().find_map(|line| line.strip_prefix(name));
        line.expect("the gauge").parse::<f64>().unwrap() > 0.0
    };
    assert!(open(&city));
    let now = Instant::now();
    city.rewrite(vec![Grant {
        revoked: true,
        ..mute
    }]);
    while open(&city) {
        assert!(now.elapsed() < IN_TIME, "the query is still open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut count = 0;
    let end = loop {
        match within(held.2.message()).await {
            Ok(Some(response)) => count += response.reports.len(),
            other => break other,
        }
    };
    assert!(end.is_err() && count < MESSAGES * READINGS, "{count}");
}
