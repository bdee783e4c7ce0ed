//! Topics, paths and names of push routes, and where they lead.
#![allow(clippy::indexing_slicing, reason = "tests")]
use super::*;

fn routes(toml: &str) -> (Routes, Vec<String>) {
    let mut problems = Vec::new();
    let table = toml::from_str(toml).expect("TOML");
    let mut section = Section::new("", table, &mut problems);
    let routes = Routes::read(&mut section, &Catalogue::shipped());
    section.finish();
    (routes, problems.iter().map(ToString::to_string).collect())
}

#[test]
fn defaults_lead_to_device_and_profile() {
    let routes = Routes::default();
    let find = |topic| {
        let found = routes.find(topic, Source::Mqtt);
        found.map(|t| (t.device, t.profile, t.shape))
    };
    let telemetry = Shape::Telemetry;
    assert_eq!(
        find("city/m-1/json"),
        Some((Some("m-1"), "json", telemetry))
    );
    assert_eq!(find("city/m-1"), Some((Some("m-1"), "", telemetry)));
    assert_eq!(find("city"), None);
    assert_eq!(find("city/m-1/json/x"), None);
    assert_eq!(find("/city/m-1"), None);
    assert_eq!(find("v1/devices/me/telemetry"), Some((None, "", telemetry)));
    assert_eq!(
        find("v1/gateway/telemetry"),
        Some((None, "", Shape::Gateway))
    );
    assert_eq!(find("v1/devices/me/rpc/response/1"), None);
}

#[test]
fn each_default_serves_its_sources() {
    let routes = Routes::default();
    let serves = |topic, source| routes.find(topic, source).is_some();
    for topic in [
        "t/m-1",
        "t/m-1/senml",
        "api/v1/x/telemetry",
        "api/v1/x/attributes",
    ] {
        assert!(serves(topic, Source::Coap), "{topic}");
        assert!(!serves(topic, Source::Mqtt), "{topic}");
    }
    for topic in ["city/m-1", "city/m-1/json", "v1/gateway/telemetry"] {
        assert!(!serves(topic, Source::Coap), "{topic}");
        assert!(serves(topic, Source::Broker), "{topic}");
    }
    let found = routes.find("api/v1/s3cret/telemetry", Source::Coap);
    assert_eq!(found.and_then(|t| t.token), Some("s3cret"));
}

#[test]
fn configured_routes_go_first_and_have_wildcards() {
    let (routes, problems) = routes(
        "[[route]]\ntopic = 'plant/+/{device}/up'\nkind = 'meter.gas'\ndistrict = '370102'\n\
         [[route]]\ntopic = 'city/{device}/#'\n",
    );
    assert!(problems.is_empty(), "{problems:?}");
    let found = routes
        .find("plant/7/m-1/up", Source::Mqtt)
        .expect("a route");
    assert_eq!(
        (found.device, found.kind, found.district),
        (Some("m-1"), "meter.gas", "370102")
    );
    assert_eq!(routes.find("plant/7/m-1/down", Source::Mqtt), None);
    let found = routes
        .find("city/m-2/dlt645", Source::Mqtt)
        .expect("a route");
    assert_eq!((found.device, found.profile), (Some("m-2"), ""));
    assert_eq!(
        routes
            .find("city/m-2/a/b", Source::Coap)
            .and_then(|t| t.device),
        Some("m-2")
    );
    assert_eq!(
        routes.find("city/m-2", Source::Mqtt).and_then(|t| t.device),
        Some("m-2")
    );
}

#[test]
fn every_mistake_of_every_route_is_a_problem() {
    let (_, problems) = routes(
        "[[route]]\ntopic = 'a/b'\nkind = 'meter.gsa'\n\
         [[route]]\nprofile = 'json'\n\
         [[route]]\ntopic = 'a/#/{device}'\n\
         [[route]]\ntopic = 'a+/{device}'\nprofil = 'json'\n",
    );
    assert_eq!(problems.len(), 6, "{problems:#?}");
    assert!(
        problems
            .iter()
            .any(|p| p.contains("did you mean `meter.gas`")),
        "{problems:#?}"
    );
}

#[test]
fn tokens_are_not_shown() {
    assert_eq!(shown("/api/v1/s3cret/telemetry"), "/api/v1/***/telemetry");
    assert_eq!(shown("api/v1/s3cret"), "api/v1/***");
    assert_eq!(shown("api/v1/"), "api/v1/***");
    assert_eq!(shown("city/api/v1/x"), "city/api/v1/x");
}

#[test]
fn a_push_route_serves_pushes_only_and_they_nothing_else() {
    let (routes, problems) = routes(
        "[[route]]\ntopic = 'push/{device}'\n\
         [[route]]\npush = 'huawei'\nprofile = 'json'\ntoken_file = 'secret'\nkind = 'tunnel'\n",
    );
    assert!(problems.is_empty(), "{problems:?}");
    let find = |topic, source| {
        let found = routes.find(topic, source);
        found.map(|target| (target.route.to_owned(), target.device.map(str::to_owned)))
    };
    let huawei = || "huawei".to_owned();
    assert_eq!(find("push/huawei", Source::Http), Some((huawei(), None)));
    assert_eq!(
        find("push/huawei/m-1", Source::Http),
        Some((huawei(), Some("m-1".into())))
    );
    for topic in ["push/other", "push/huawei/m-1/x", "city/m-1", "push"] {
        assert_eq!(find(topic, Source::Http), None, "{topic}");
    }
    let of_topic = find("push/huawei", Source::Mqtt).expect("the first route");
    assert_eq!(of_topic.0, "push/{device}");
    assert_eq!(find("push/huawei/m-1", Source::Mqtt), None);
    let pushes: Vec<Push> = routes.pushes().collect();
    assert_eq!(pushes.len(), 1);
    assert_eq!((pushes[0].at, &*pushes[0].name), (1, "huawei"));
}

#[test]
fn mistakes_of_push_routes_are_problems() {
    for toml in [
        "[[route]]\npush = 'a'\ntopic = 'x/{device}'\n",
        "[[route]]\ntopic = 'x/{device}'\ntoken_file = 'a'\n",
        "[[route]]\npush = 'a'\n[[route]]\npush = 'a'\n",
    ] {
        assert_eq!(routes(toml).1.len(), 1, "{toml}");
    }
}

#[test]
fn a_route_may_leave_the_device_to_the_payload() {
    let (routes, problems) = routes("[[route]]\ntopic = 'vendor/up'\nprofile = 'vega-nb'\n");
    assert!(problems.is_empty(), "{problems:?}");
    let found = routes.find("vendor/up", Source::Broker).expect("a route");
    assert!(found.payload_names);
    assert_eq!((found.device, found.route), (None, "vendor/up"));
    assert_eq!(routes.profiles().collect::<Vec<_>>(), [(0, "vega-nb")]);
}
