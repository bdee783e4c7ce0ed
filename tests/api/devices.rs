//! `DeviceService` over a socket: lists, lookups, and watches that miss nothing.
use crate::support::{Gateway, info, report_of, start, start_with, within};
use citygate::api::grpc;
use citygate::devices::Query;
use citygate::model::proto::client::device_service_client::DeviceServiceClient;
use citygate::model::proto::{
    Device, DeviceState, Filter, GetDeviceRequest, ListDevicesRequest, ListDevicesResponse,
    WatchDevicesRequest, WatchDevicesResponse,
};
use citygate::model::{Reject, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status, Streaming};

pub async fn client(gateway: &Gateway) -> DeviceServiceClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://{}", gateway.grpc)).unwrap();
    DeviceServiceClient::new(within(endpoint.connect()).await.unwrap())
}

/// Waits until the registry has applied every report and reject that is durable; `events` of the
/// log's records are none.
pub async fn seen(gateway: &Gateway, events: u64) {
    let shared = &gateway.shared;
    let reports = shared.log.stat().records - events;
    let rejects = shared.rejects.stat().records;
    let applied = || {
        let query = Query {
            limit: usize::MAX,
            ..Query::default()
        };
        let devices = shared.devices.list(&query).devices;
        let strangers = shared.devices.strangers(Timestamp::EPOCH, usize::MAX);
        let strangers = strangers
            .iter()
            .filter(|stranger| shared.devices.get(&stranger.name).is_none());
        let refused = devices.iter().map(|device| device.rejects).sum::<u64>();
        (
            devices.iter().map(|device| device.reports).sum::<u64>(),
            refused + strangers.map(|stranger| stranger.rejects).sum::<u64>(),
        )
    };
    within(async {
        while applied() != (reports, rejects) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

async fn add(gateway: &Gateway, devices: impl IntoIterator<Item = String>) {
    let bodies: Vec<_> = devices
        .into_iter()
        .map(|device| report_of(&device, "meter.gas", "370102", 1))
        .collect();
    gateway.append_bodies(&bodies).await;
    seen(gateway, 0).await;
}

async fn list(
    gateway: &Gateway,
    request: ListDevicesRequest,
) -> Result<ListDevicesResponse, Status> {
    let mut client = client(gateway).await;
    let response = within(client.list_devices(request)).await;
    response.map(tonic::Response::into_inner)
}

fn ids(devices: &[Device]) -> Vec<&str> {
    devices
        .iter()
        .map(|device| device.device_id.as_str())
        .collect()
}

fn kinds(names: &[&str]) -> Filter {
    Filter {
        kinds: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Filter::default()
    }
}

#[tokio::test]
async fn a_list_is_filtered_and_counted() {
    let gateway = start().await;
    let bodies = [
        report_of("m-1", "meter.gas", "370102", 2),
        report_of("m-2", "meter.electricity", "370103", 2),
        report_of("pole-0042", "pole.light", "370102", 2),
    ];
    gateway.append_bodies(&bodies).await;
    gateway.reject([refused("m-2"), refused("pole/9")]).await;
    seen(&gateway, 0).await;
    let all = list(&gateway, ListDevicesRequest::default()).await.unwrap();
    assert_eq!(ids(&all.devices), ["m-1", "m-2", "pole-0042"]);
    let counts = all.counts.unwrap();
    assert_eq!((counts.total, counts.heard_not_accepted), (3, 0));
    let states = counts.never + counts.online + counts.sleeping + counts.late;
    assert_eq!(states + counts.offline + counts.retired, 3);
    assert!(all.devices.iter().all(|device| device.values.is_empty()));
    assert_eq!(all.next_page_token, "");

    let wanted = |filter: Filter| ListDevicesRequest {
        filter: Some(filter),
        ..ListDevicesRequest::default()
    };
    let district = Filter {
        districts: vec!["370102".into()],
        ..Filter::default()
    };
    for (request, expected) in [
        (wanted(kinds(&["meter"])), vec!["m-1", "m-2"]),
        (wanted(district), vec!["m-1", "pole-0042"]),
        (wanted(kinds(&["pole.light"])), vec!["pole-0042"]),
        (
            ListDevicesRequest {
                search: "0042".into(),
                ..ListDevicesRequest::default()
            },
            vec!["pole-0042"],
        ),
        (
            ListDevicesRequest {
                states: vec![DeviceState::Offline as i32],
                ..ListDevicesRequest::default()
            },
            vec![],
        ),
    ] {
        let found = list(&gateway, request).await.unwrap();
        assert_eq!(ids(&found.devices), expected);
    }

    let mut request = wanted(Filter {
        devices: vec!["m-1".into()],
        metrics: vec!["current".into()],
        ..Filter::default()
    });
    request.values = true;
    let found = list(&gateway, request).await.unwrap();
    let metrics: Vec<_> = found.devices[0]
        .values
        .iter()
        .map(|value| value.reading.as_ref().unwrap().metric.as_str())
        .collect();
    assert_eq!(metrics, ["current"]);
}

pub fn refused(device: &str) -> Reject {
    Reject {
        received_at_ns: crate::support::START.as_nanos(),
        source: 1,
        address: "10.0.0.1:999".into(),
        device_id: device.into(),
        profile: "json".into(),
        topic: format!("city/{device}/json"),
        reason: "unknown_metric".into(),
        sentence: "unknown metric `voltagee`; did you mean `voltage`?".into(),
        raw: b"{\"voltagee\": 230}".to_vec(),
        raw_len: 17,
        ..Reject::default()
    }
}

#[tokio::test]
async fn pages_lose_nothing_while_devices_are_added() {
    let gateway = start().await;
    let names = |range: std::ops::Range<u32>| range.map(|n| format!("m-{n}"));
    add(&gateway, names(0..100)).await;
    let mut seen = Vec::new();
    let mut token = String::new();
    let mut more = 100..110;
    loop {
        let page = list(
            &gateway,
            ListDevicesRequest {
                filter: Some(kinds(&["meter"])),
                page_size: 7,
                page_token: token,
                ..ListDevicesRequest::default()
            },
        )
        .await
        .unwrap();
        assert!(page.devices.len() <= 7);
        seen.extend(page.devices.into_iter().map(|device| device.device_id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
        if let Some(next) = more.next() {
            add(&gateway, names(next..next + 1)).await;
        }
    }
    let distinct: BTreeSet<_> = seen.iter().cloned().collect();
    assert_eq!(distinct.len(), seen.len(), "each once");
    assert!(names(0..100).all(|name| distinct.contains(&name)));
}

#[tokio::test]
async fn errors_name_what_was_meant() {
    let gateway = start().await;
    add(&gateway, ["meter-0042".to_owned()]).await;
    let wrong = list(
        &gateway,
        ListDevicesRequest {
            filter: Some(kinds(&["meter.gsa"])),
            states: vec![17],
            page_size: 1_001,
            ..ListDevicesRequest::default()
        },
    )
    .await
    .unwrap_err();
    assert_eq!(wrong.code(), Code::InvalidArgument);
    for part in [
        "did you mean \"meter.gas\"?",
        "states[0]: 17",
        "page_size: must be from 1 to 1000",
    ] {
        assert!(wrong.message().contains(part), "{}", wrong.message());
    }
    let mut client = client(&gateway).await;
    let get = |name: &str| GetDeviceRequest {
        device_id: name.to_owned(),
    };
    let missing = client.get_device(get("meter-0043")).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    let details = info(&missing);
    assert_eq!(details.reason, "UNKNOWN_DEVICE");
    assert_eq!(details.metadata["nearest"], "meter-0042");
    let empty = client.get_device(get("")).await.unwrap_err();
    assert_eq!(empty.code(), Code::InvalidArgument);
    let found = client.get_device(get("meter-0042")).await.unwrap();
    let found = found.into_inner();
    let device = found.device.unwrap();
    assert_eq!((device.reports, device.values.len()), (1, 1));
    assert!(!found.cursor.is_empty());
}

async fn watch(
    gateway: &Gateway,
    request: WatchDevicesRequest,
) -> Result<Streaming<WatchDevicesResponse>, Status> {
    let mut client = client(gateway).await;
    let stream = within(client.watch_devices(request)).await;
    stream.map(tonic::Response::into_inner)
}

fn after(cursor: &str) -> WatchDevicesRequest {
    WatchDevicesRequest {
        after_cursor: cursor.to_owned(),
        ..WatchDevicesRequest::default()
    }
}

/// A list and a watch behind it, kept together, are what a list says in the end.
#[tokio::test]
async fn a_watch_behind_a_list_misses_nothing() {
    let gateway = start().await;
    add(&gateway, (0..20).map(|n| format!("m-{n}"))).await;
    let first = list(&gateway, ListDevicesRequest::default()).await.unwrap();
    let mut kept: BTreeMap<String, Device> = first
        .devices
        .into_iter()
        .map(|device| (device.device_id.clone(), device))
        .collect();
    let mut cursor = first.cursor;
    for round in 0..5 {
        // Some while nobody watches, some while somebody does.
        add(
            &gateway,
            (0..30).step_by(round + 1).map(|n| format!("m-{n}")),
        )
        .await;
        let mut stream = watch(&gateway, after(&cursor)).await.unwrap();
        add(
            &gateway,
            (0..40).step_by(round + 2).map(|n| format!("m-{n}")),
        )
        .await;
        let target = gateway.shared.devices.version();
        while version(&cursor) < target {
            let response = within(stream.message()).await.unwrap().unwrap();
            for device in response.devices {
                kept.insert(device.device_id.clone(), device);
            }
            cursor = response.cursor;
        }
    }
    let last = list(&gateway, ListDevicesRequest::default()).await.unwrap();
    let expected: BTreeMap<String, Device> = last
        .devices
        .into_iter()
        .map(|device| (device.device_id.clone(), device))
        .collect();
    assert_eq!(kept, expected);
}

/// The version in a cursor: its last 16 digits.
fn version(cursor: &str) -> u64 {
    u64::from_str_radix(&cursor[33..], 16).unwrap()
}

#[tokio::test]
async fn a_watch_is_filtered_beats_and_ends() {
    let mut gateway = start_with(grpc::Config {
        heartbeat: Duration::from_millis(50),
        ..grpc::Config::default()
    })
    .await;
    let mut stream = watch(
        &gateway,
        WatchDevicesRequest {
            filter: Some(Filter {
                devices: vec!["wanted".into()],
                ..Filter::default()
            }),
            values: true,
            ..WatchDevicesRequest::default()
        },
    )
    .await
    .unwrap();
    for _ in 0..3 {
        let beat = within(stream.message()).await.unwrap().unwrap();
        assert!(beat.devices.is_empty() && !beat.cursor.is_empty());
    }
    add(&gateway, ["other".into(), "wanted".into(), "third".into()]).await;
    let device = within(async {
        loop {
            let response = stream.message().await.unwrap().unwrap();
            if let Some(device) = response.devices.into_iter().next() {
                return device;
            }
        }
    })
    .await;
    assert_eq!(
        (device.device_id.as_str(), device.values.len()),
        ("wanted", 1)
    );
    gateway.halt.cancel();
    let end = within(async {
        loop {
            match stream.message().await {
                Ok(Some(response)) => assert!(response.devices.is_empty()),
                ended => return ended,
            }
        }
    });
    assert_eq!(end.await.unwrap_err().code(), Code::Unavailable);
    gateway.stop_servers().await;
}

#[tokio::test]
async fn a_foreign_cursor_is_refused_with_words() {
    let gateway = start().await;
    add(&gateway, ["m-1".to_owned()]).await;
    let of_log = gateway.shared.log.cursor(1).to_string();
    let ahead = {
        let cursor = list(&gateway, ListDevicesRequest::default()).await.unwrap();
        format!("{}{:016x}", &cursor.cursor[..33], u64::MAX / 2)
    };
    for (cursor, code, reason) in [
        (of_log, Code::FailedPrecondition, "CURSOR_OF_OTHER_REGISTRY"),
        (ahead, Code::FailedPrecondition, "CURSOR_IN_FUTURE"),
        ("1234".into(), Code::InvalidArgument, "INVALID_FIELD"),
    ] {
        let status = watch(&gateway, after(&cursor)).await.unwrap_err();
        assert_eq!(status.code(), code, "{cursor}: {status:?}");
        assert_eq!(info(&status).reason, reason);
    }
    let wrong = watch(
        &gateway,
        WatchDevicesRequest {
            filter: Some(kinds(&["metre"])),
            ..WatchDevicesRequest::default()
        },
    );
    assert_eq!(wrong.await.unwrap_err().code(), Code::InvalidArgument);
}

/// What changed many times while a watcher did not read comes once, in its latest shape.
#[tokio::test]
async fn a_slow_watcher_gets_the_latest() {
    let gateway = start().await;
    add(&gateway, ["m-1".to_owned()]).await;
    let mut stream = watch(&gateway, WatchDevicesRequest::default())
        .await
        .unwrap();
    let first = within(stream.message()).await.unwrap().unwrap();
    for _ in 0..50 {
        add(&gateway, ["m-1".to_owned()]).await;
    }
    let target = gateway.shared.devices.version();
    let mut cursor = first.cursor;
    let (mut responses, mut reports) = (0, 0);
    while version(&cursor) < target {
        let response = within(stream.message()).await.unwrap().unwrap();
        cursor = response.cursor;
        responses += 1;
        for device in response.devices {
            reports = device.reports;
        }
    }
    assert_eq!(reports, 51);
    assert!(responses < 50, "{responses} responses for 50 changes");
}
