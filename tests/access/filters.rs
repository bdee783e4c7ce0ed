//! A filter narrows within the grant, and says so where it asks for more.
use crate::city::{City, grants};
use crate::matrix::{query, readings, subscribe, within};
use crate::oracle::Grant;
use citygate::api::grpc::status::{ErrorInfo, RpcStatus};
use citygate::model::proto::{self, Filter};
use prost::Message;
use tonic::{Code, Status};

fn texts(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub fn reason(status: &Status) -> String {
    let details = RpcStatus::decode(status.details()).unwrap();
    let info = ErrorInfo::decode(details.details[0].value.as_slice()).unwrap();
    info.reason
}

/// The same answer of all RPCs that take a filter.
async fn refused(city: &City, grant: &Grant, filter: &Filter) -> Status {
    let filter = Some(filter.clone());
    let mut telemetry = city.telemetry(&grant.token).await;
    let mut registry = city.registry(&grant.token).await;
    let subscribe = proto::SubscribeRequest {
        filter: filter.clone(),
        start: None,
    };
    let query = proto::QueryRequest {
        filter: filter.clone(),
        ..proto::QueryRequest::default()
    };
    let list = proto::ListDevicesRequest {
        filter: filter.clone(),
        ..proto::ListDevicesRequest::default()
    };
    let watch = proto::WatchDevicesRequest {
        filter,
        ..proto::WatchDevicesRequest::default()
    };
    let all = [
        within(telemetry.subscribe(subscribe)).await.unwrap_err(),
        within(telemetry.query(query)).await.unwrap_err(),
        within(registry.list_devices(list)).await.unwrap_err(),
        within(registry.watch_devices(watch)).await.unwrap_err(),
    ];
    let [first, others @ ..] = all;
    for other in others {
        assert_eq!(
            (other.code(), other.message()),
            (first.code(), first.message())
        );
    }
    first
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_narrows_within_the_grant_or_is_refused() {
    let gas = Grant::new(
        "gas",
        Some(vec!["meter.gas"]),
        Some(vec!["3701"]),
        Some(vec!["voltage", "current"]),
        false,
    );
    let city = City::peopled(vec![gas]);
    let grant = &city.grants[0];
    let filter = Filter {
        kinds: texts(&["meter"]),
        districts: texts(&["370102"]),
        metrics: texts(&["voltage"]),
        ..Filter::default()
    };
    let narrower = Grant {
        districts: Some(vec!["370102"]),
        metrics: Some(vec!["voltage"]),
        ..grant.clone()
    };
    let expected = narrower.readings(&city.devices);
    assert_eq!(expected.len(), 2, "a meter and a child");
    let responses = subscribe(&city, grant, filter.clone(), (2, 0)).await;
    let reports = responses.iter().flat_map(|response| &response.reports);
    assert_eq!(readings(reports), expected);
    assert_eq!(readings(&query(&city, grant, filter).await), expected);

    let list = |field: &str, name: &str| {
        let names = texts(&[name]);
        match field {
            "kinds" => Filter {
                kinds: names,
                ..Filter::default()
            },
            "districts" => Filter {
                districts: names,
                ..Filter::default()
            },
            "metrics" => Filter {
                metrics: names,
                ..Filter::default()
            },
            _ => Filter {
                devices: names,
                ..Filter::default()
            },
        }
    };
    for (field, name) in [
        ("kinds", "meter.heat"),
        ("kinds", "unknown"),
        ("districts", "4101"),
        ("metrics", "relative_humidity"),
        ("devices", "zq-h2-x"),
    ] {
        let status = refused(&city, grant, &list(field, name)).await;
        assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
        assert_eq!(reason(&status), "OUTSIDE_GRANT");
        assert!(status.message().contains(name), "{status:?}");
        let parameter = field.trim_end_matches('s');
        let answer = city.get(grant, &format!("/v1/devices?{parameter}={name}"));
        assert!(answer.problem(403).contains(name));
        grant.assert_clean(&city.devices, name, &answer.body);
    }
    for (known, nobody) in [("zq-h2-x", "zq-k9-x"), ("zq-unknown-x", "zq-nobody-xxx")] {
        let [known_says, nobody_says] = [
            refused(&city, grant, &list("devices", known)).await,
            refused(&city, grant, &list("devices", nobody)).await,
        ];
        let same = known_says.message().replace(known, nobody);
        assert_eq!(same, nobody_says.message(), "whether it exists is not told");
        let target = |device: &str| format!("/v1/rejects?device={device}");
        let [known_says, nobody_says] =
            [known, nobody].map(|device| city.get(grant, &target(device)).problem(403));
        assert_eq!(known_says.replace(known, nobody), nobody_says);
    }
    let wrong = refused(&city, grant, &list("metrics", "voltge")).await;
    assert_eq!(wrong.code(), Code::InvalidArgument);
    assert!(wrong.message().contains("did you mean \"voltage\"?"));
    let foreign = city.get(
        grant,
        "/v1/devices/zq-g2-x/readings?metric=relative_humidity",
    );
    assert!(foreign.problem(403).contains("relative_humidity"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_nobody_is_served_but_probes() {
    let city = City::new(grants());
    let mut client = city.bare().await;
    let status = within(client.subscribe(proto::SubscribeRequest::default())).await;
    let status = status.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(reason(&status), "TOKEN_MISSING");
    let unknown = Grant::all("unknown");
    let mut client = city.registry(&unknown.token).await;
    let status = within(client.list_devices(proto::ListDevicesRequest::default())).await;
    let status = status.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(reason(&status), "TOKEN_UNKNOWN");
    let port = city.gateway.ports.http;
    for path in ["/healthz", "/readyz", "/openapi.json", "/login"] {
        let answer = crate::http::get_with(port, path, "");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }
    let document = crate::http::get_with(port, "/openapi.json", "").json();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            // A push route asks for a proof of its own: `tests/push`.
            let own = path.starts_with("/v1/push/");
            if own || operation["security"].as_array().unwrap().is_empty() {
                continue;
            }
            let answer = match method.as_str() {
                "get" => crate::http::get_with(port, path, ""),
                _ => crate::http::post(port, path, "", ""),
            };
            answer.problem(401);
            let challenge = answer.header("www-authenticate");
            assert_eq!(challenge, Some("Bearer realm=\"citygate\""), "{path}");
        }
    }
    for path in [
        "/",
        "/d/x",
        "/d/x/t",
        "/d/x/t/u1",
        "/new",
        "/strangers",
        "/tunnel",
        "/nothing",
    ] {
        crate::http::get_with(port, path, "").problem(401);
    }
    let wrong = crate::http::get(port, "/v1/devices", &unknown.token);
    wrong.problem(401);
    let challenge = wrong.header("www-authenticate").unwrap();
    assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
}

/// What it said as one kind stays with that kind; what it is now decides who finds it.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_changes_its_kind_takes_nothing_with_it() {
    let gas = Grant::new("gas", Some(vec!["meter.gas"]), None, None, false);
    let pole = Grant::new("pole", Some(vec!["pole"]), None, None, false);
    let city = City::new(vec![gas, pole]);
    let mut client = city.client("zq-mover", None);
    client.publish("g2/zq-mover/json", b"{\"voltage\":41.25}");
    client.publish("p4/zq-mover/json", b"{\"voltage\":43.75}");
    city.settle();
    for (grant, value, other) in [
        (&city.grants[0], "41.25", "43.75"),
        (&city.grants[1], "43.75", "41.25"),
    ] {
        let responses = subscribe(&city, grant, Filter::default(), (1, 0)).await;
        let reports = responses.iter().flat_map(|response| &response.reports);
        let found = readings(reports);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].2, value);
        let found = readings(&query(&city, grant, Filter::default()).await);
        assert_eq!(found.len(), 1, "{found:?}");
        let is_pole = value == "43.75";
        for behind in ["", "/timeline", "/readings"] {
            let answer = city.get(grant, &format!("/v1/devices/zq-mover{behind}"));
            assert_eq!(answer.status, if is_pole { 200 } else { 404 }, "{behind}");
            assert!(!answer.body.contains(other), "{}", answer.body);
        }
        let answer = city.get(grant, "/d/zq-mover");
        assert_eq!(answer.status, if is_pole { 200 } else { 404 });
        assert!(!answer.body.contains(other));
    }
}
