//! Every grant against every RPC: all that is granted arrives, and nothing else.
use crate::city::{CARRIER, CHILD, City, STRANGER, grants};
use crate::oracle::{Device, Grant};
use crate::support::BOUND;
use citygate::log::Cursor;
use citygate::model::proto;
use proto::reading::Value;
use proto::subscribe_request::Start;
use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;
use tonic::{Code, Streaming};

/// How long a stream is watched for more than was expected.
const QUIET: Duration = Duration::from_millis(100);

pub async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(BOUND, work).await.expect("in time")
}

/// (device, metric, value) of reports, sorted.
pub fn readings<'r>(
    reports: impl IntoIterator<Item = &'r proto::Report>,
) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for report in reports {
        for reading in &report.readings {
            let Some(Value::Number(number)) = reading.value else {
                panic!("{reading:?}");
            };
            found.push((
                report.device_id.clone(),
                reading.metric.clone(),
                number.to_string(),
            ));
        }
    }
    found.sort();
    found
}

/// Everything from the beginning: so many readings and events, and what comes soon after.
pub async fn subscribe(
    city: &City,
    grant: &Grant,
    filter: proto::Filter,
    (readings, events): (usize, usize),
) -> Vec<proto::SubscribeResponse> {
    let mut client = city.telemetry(&grant.token).await;
    let request = proto::SubscribeRequest {
        filter: Some(filter),
        start: Some(Start::Earliest(true)),
    };
    let stream = within(client.subscribe(request)).await;
    let mut stream = stream.unwrap().into_inner();
    let mut responses = Vec::new();
    loop {
        let all = || {
            responses
                .iter()
                .flat_map(|r: &proto::SubscribeResponse| &r.reports)
        };
        let read: usize = all().map(|report| report.readings.len()).sum();
        let told: usize = responses.iter().map(|response| response.events.len()).sum();
        let more = read < readings || told < events || responses.is_empty();
        let patience = if more { BOUND } else { QUIET };
        match tokio::time::timeout(patience, stream.message()).await {
            Ok(message) => responses.push(message.unwrap().expect("an open stream")),
            Err(elapsed) => {
                assert!(!more, "{}, {elapsed}: {responses:?}", grant.name);
                return responses;
            }
        }
    }
}

pub async fn query(city: &City, grant: &Grant, filter: proto::Filter) -> Vec<proto::Report> {
    let mut client = city.telemetry(&grant.token).await;
    let request = proto::QueryRequest {
        filter: Some(filter),
        ..proto::QueryRequest::default()
    };
    let stream = within(client.query(request)).await.unwrap();
    let responses = drain(stream.into_inner()).await;
    responses
        .into_iter()
        .flat_map(|response| response.reports)
        .collect()
}

async fn drain<T>(mut stream: Streaming<T>) -> Vec<T> {
    let mut all = Vec::new();
    while let Some(message) = within(stream.message()).await.unwrap() {
        all.push(message);
    }
    all
}

#[track_caller]
fn assert_clean(city: &City, grant: &Grant, asked: &str, shown: &impl Debug) {
    grant.assert_clean(&city.devices, asked, &format!("{shown:?}"));
}

/// A wrong clock and a will of each that speaks for itself.
fn events(city: &City, grant: &Grant) -> Vec<(String, String)> {
    let speaks = |id: &String| ![CHILD, CARRIER, STRANGER].contains(&id.as_str());
    let ids = grant.ids(&city.devices).into_iter().filter(speaks);
    let each = |id: String| ["clock_wrong", "will"].map(|name| (id.clone(), name.to_owned()));
    ids.flat_map(each).collect()
}

async fn telemetry(city: &City, grant: &Grant) {
    let expected = grant.readings(&city.devices);
    let told = events(city, grant);
    let counts = (expected.len(), told.len());
    let responses = subscribe(city, grant, proto::Filter::default(), counts).await;
    assert_clean(city, grant, "", &responses);
    let reports = responses.iter().flat_map(|response| &response.reports);
    assert_eq!(readings(reports), expected, "Subscribe of {}", grant.name);
    if !(grant.sees_all_devices() && grant.metrics.is_none()) {
        let lags = responses
            .iter()
            .filter_map(|response| response.lag.as_ref());
        let lags: Vec<_> = lags
            .filter(|lag| lag.seconds > 0 || lag.nanos > 0)
            .collect();
        assert!(lags.is_empty(), "the lag of others: {lags:?}");
    }
    let mut found: Vec<(String, String)> = responses
        .iter()
        .flat_map(|response| &response.events)
        .map(|event| (event.device_id.clone(), event.name.clone()))
        .collect();
    found.sort();
    assert_eq!(found, told, "events of {}", grant.name);

    let reports = query(city, grant, proto::Filter::default()).await;
    assert_clean(city, grant, "", &reports);
    assert_eq!(readings(&reports), expected, "Query of {}", grant.name);
}

/// (device, metric, value) of last values, sorted.
fn values(devices: &[proto::Device]) -> Vec<(String, String, String)> {
    let reports = devices.iter().map(|device| proto::Report {
        device_id: device.device_id.clone(),
        readings: device
            .values
            .iter()
            .filter_map(|last| last.reading.clone())
            .collect(),
        ..proto::Report::default()
    });
    readings(&reports.collect::<Vec<_>>())
}

fn ids(devices: &[proto::Device]) -> Vec<String> {
    let mut ids: Vec<String> = devices
        .iter()
        .map(|device| device.device_id.clone())
        .collect();
    ids.sort();
    ids
}

async fn list(city: &City, grant: &Grant) -> proto::ListDevicesResponse {
    let request = proto::ListDevicesRequest {
        values: true,
        ..proto::ListDevicesRequest::default()
    };
    let mut client = city.registry(&grant.token).await;
    let listed = within(client.list_devices(request)).await.unwrap();
    listed.into_inner()
}

async fn devices(city: &City, grant: &Grant) {
    let (expected, readings) = (grant.ids(&city.devices), grant.readings(&city.devices));
    let listed = list(city, grant).await;
    assert_clean(city, grant, "", &listed);
    assert_eq!(ids(&listed.devices), expected, "{}", grant.name);
    assert_eq!(values(&listed.devices), readings, "{}", grant.name);
    let total = usize::try_from(listed.counts.unwrap().total).unwrap();
    assert_eq!(total, expected.len(), "{}", grant.name);

    let mut client = city.registry(&grant.token).await;
    for device in &city.devices {
        let request = proto::GetDeviceRequest {
            device_id: device.id.clone(),
        };
        let found = within(client.get_device(request)).await;
        if grant.sees(device) {
            let found = found.unwrap().into_inner();
            assert_clean(city, grant, &device.id, &found);
            assert_eq!(found.device.unwrap().device_id, device.id);
        } else {
            let status = found.unwrap_err();
            assert_eq!(status.code(), Code::NotFound, "{}", device.id);
            assert_clean(city, grant, &device.id, &status);
        }
    }
    watch(city, grant, &listed.cursor, &expected).await;
}

async fn watch(city: &City, grant: &Grant, cursor: &str, expected: &[String]) {
    let start = Cursor {
        sequence: 0,
        ..cursor.parse().unwrap()
    };
    let mut client = city.registry(&grant.token).await;
    let request = proto::WatchDevicesRequest {
        after_cursor: start.to_string(),
        values: true,
        ..proto::WatchDevicesRequest::default()
    };
    let mut stream = within(client.watch_devices(request))
        .await
        .unwrap()
        .into_inner();
    let mut seen = Vec::new();
    let mut quiet = BOUND;
    while let Ok(message) = tokio::time::timeout(quiet, stream.message()).await {
        let response = message.unwrap().unwrap();
        assert_clean(city, grant, "", &response);
        if !grant.sees_all_devices() {
            // Of what others did, the place tells nothing.
            let last: Cursor = response.cursor.parse().unwrap();
            let listed: Cursor = cursor.parse().unwrap();
            assert!(last.sequence <= listed.sequence);
        }
        seen.extend(response.devices);
        if ids(&seen) == expected {
            quiet = QUIET;
        }
    }
    assert_eq!(ids(&seen), expected, "{}", grant.name);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rpc_gives_what_is_granted_and_nothing_else() {
    let city = City::peopled(grants());
    let everything: Vec<&Device> = city.devices.iter().collect();
    assert_eq!(everything.len(), 9);
    for grant in city.grants.iter().chain([&city.admin]) {
        telemetry(&city, grant).await;
        devices(&city, grant).await;
    }
}
