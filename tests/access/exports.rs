//! Whatever readings leave by is in the audit log, under the route and not under what was asked for.
use crate::city::City;
use crate::matrix::within;
use crate::oracle::Grant;
use crate::support::BOUND;
use citygate::model::proto;
use std::time::{Duration, Instant};

/// The routes of this token's exports so far, in order.
fn exports(city: &City) -> Vec<String> {
    let audit = city.audit();
    let lines = audit.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line
    });
    let exports = lines.filter(|line| line["what"] == "export" && line["repeats"].is_null());
    let routes = exports.map(|line| line["route"].as_str().unwrap().to_owned());
    let mut routes: Vec<_> = routes.collect();
    routes.sort();
    routes
}

fn wait_for(city: &City, expected: &[&str]) {
    let start = Instant::now();
    while exports(city) != expected {
        assert!(start.elapsed() < BOUND, "{expected:?}: {:?}", exports(city));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_out_is_noted_once_and_nothing_that_was_refused() {
    let gas = Grant::new("gas", Some(vec!["meter.gas"]), None, None, false);
    let city = City::peopled(vec![gas]);
    let gas = &city.grants[0];
    let sees = |target: &str| assert_eq!(city.get(gas, target).status, 200, "{target}");
    // No readings, or none that are given.
    sees("/v1/devices");
    sees("/v1/devices?values=false");
    sees("/");
    assert_eq!(city.get(gas, "/v1/devices/nobody").status, 404);
    assert_eq!(city.get(gas, "/d/nobody").status, 404);
    assert_eq!(city.get(gas, "/v1/devices?values=maybe").status, 400);
    let mut registry = city.registry(&gas.token).await;
    let list = |values| proto::ListDevicesRequest {
        values,
        ..proto::ListDevicesRequest::default()
    };
    let one = |name: &str| proto::GetDeviceRequest {
        device_id: name.to_owned(),
    };
    let watch = |values| proto::WatchDevicesRequest {
        values,
        ..proto::WatchDevicesRequest::default()
    };
    within(registry.list_devices(list(false))).await.unwrap();
    within(registry.watch_devices(watch(false))).await.unwrap();
    within(registry.get_device(one("nobody")))
        .await
        .unwrap_err();
    let wrong = proto::SubscribeRequest {
        filter: Some(proto::Filter {
            metrics: vec!["no such metric".to_owned()],
            ..proto::Filter::default()
        }),
        start: None,
    };
    let mut telemetry = city.telemetry(&gas.token).await;
    within(telemetry.subscribe(wrong)).await.unwrap_err();
    // Readings.
    for _ in 0..2 {
        within(registry.list_devices(list(true))).await.unwrap();
        within(registry.watch_devices(watch(true))).await.unwrap();
        within(registry.get_device(one("zq-g2-x"))).await.unwrap();
    }
    for target in [
        "/v1/devices?v%61lues=true",
        "/v1/devices?values=true&limit=1",
        "/v1/devices/zq-g2-x",
        "/v1/devices/zq-g2-x/readings?limit=1",
        "/v1/devices/zq-g2-x/readings?limit=2",
        "/d/zq-g2-x",
        "/d/zq-g2-x?live=1",
        "/d/zq-g2-x/t",
        "/d/zq-g2-x/explain",
        "/v1/devices/zq-g2-x/explain",
        "/tunnel",
    ] {
        sees(target);
    }
    wait_for(
        &city,
        &[
            "/d/{id}",
            "/d/{id}/explain",
            "/d/{id}/t",
            "/tunnel",
            "/v1/devices",
            "/v1/devices/{id}",
            "/v1/devices/{id}/explain",
            "/v1/devices/{id}/readings",
            "GetDevice",
            "ListDevices",
            "WatchDevices",
        ],
    );
    let told = city
        .audit()
        .contains(r#""detail":"/v1/devices?v%61lues=true""#);
    assert!(told, "{}", city.audit());
}
