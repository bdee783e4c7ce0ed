//! Every grant against every route: those of `/openapi.json`, so that a route without a case fails, and pages.
use crate::city::{City, grants};
use crate::http::{Answer, post};
use crate::oracle::{Device, Grant};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::collections::BTreeSet;

fn array<'v>(value: &'v Value, name: &str) -> &'v Vec<Value> {
    value[name]
        .as_array()
        .unwrap_or_else(|| panic!("{name}: {value}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A GET whose answer holds nothing forbidden.
#[track_caller]
fn clean(city: &City, grant: &Grant, target: &str) -> Answer {
    let answer = city.get(grant, target);
    grant.assert_clean(&city.devices, target, &answer.body);
    answer
}

fn list(city: &City, grant: &Grant) {
    let page = clean(city, grant, "/v1/devices?values=true").json();
    let devices = array(&page, "devices");
    let mut ids: Vec<String> = devices.iter().map(|d| text(&d["deviceId"])).collect();
    ids.sort();
    assert_eq!(ids, grant.ids(&city.devices), "{}", grant.name);
    let total = page["counts"].get("total").map(text).unwrap_or_default();
    assert_eq!(total.parse().unwrap_or(0), ids.len(), "{}", grant.name);
    for target in [
        "/v1/devices?q=zq-",
        "/v1/devices?heard_not_accepted=true",
        "/v1/devices?parent=zq-carrier-x",
        "/v1/devices?health=attention,fault&state=online,never",
        "/v1/devices?limit=1",
    ] {
        assert_eq!(clean(city, grant, target).status, 200);
    }
}

/// 404 where the device is not seen, with one sentence for all.
fn seen_or_nobody(city: &City, grant: &Grant, device: &Device, behind: &str) -> Option<Answer> {
    let target = |id: &str| format!("/v1/devices/{id}{behind}");
    let answer = clean(city, grant, &target(&device.id));
    if grant.sees(device) {
        assert_eq!(
            answer.status, 200,
            "{} {}: {}",
            grant.name, device.id, answer.body
        );
        return Some(answer);
    }
    let nobody = city.get(grant, &target("zq-q9-x")).problem(404);
    let near = |sentence: &str| sentence.split("; did").next().unwrap().to_owned();
    let says = near(&answer.problem(404)).replace(&device.id, "zq-q9-x");
    assert_eq!(says, near(&nobody));
    None
}

fn device(city: &City, grant: &Grant) {
    for device in &city.devices {
        if let Some(answer) = seen_or_nobody(city, grant, device, "") {
            let values = answer.json();
            let values = values
                .get("values")
                .and_then(Value::as_array)
                .map_or(0, Vec::len);
            let granted = device.readings.iter().filter(|(m, _)| grant.sees_metric(m));
            assert_eq!(values, granted.count(), "{} {}", grant.name, device.id);
        }
    }
}

fn readings(city: &City, grant: &Grant) {
    for device in &city.devices {
        if device.readings.is_empty() {
            continue;
        }
        if let Some(answer) = seen_or_nobody(city, grant, device, "/readings") {
            let page = answer.json();
            let mut found: Vec<(String, String)> = array(&page, "readings")
                .iter()
                .map(|reading| (text(&reading["metric"]), reading["number"].to_string()))
                .collect();
            found.sort();
            let granted = device.readings.iter().filter(|(m, _)| grant.sees_metric(m));
            let mut expected: Vec<_> = granted.map(|(m, v)| ((*m).to_owned(), v.clone())).collect();
            expected.sort();
            assert_eq!(found, expected, "{} {}", grant.name, device.id);
        }
    }
}

/// The whole of a device that speaks for itself, with its bytes where every metric is granted.
fn timeline(city: &City, grant: &Grant) {
    for device in &city.devices {
        let Some(answer) = seen_or_nobody(city, grant, device, "/timeline") else {
            continue;
        };
        let page = answer.json();
        let entries = array(&page, "entries");
        let speaks = device.payloads.len() == 4;
        let types: Vec<String> = entries.iter().map(|entry| text(&entry["type"])).collect();
        for kind in ["uplink", "reject", "event"].iter().filter(|_| speaks) {
            assert!(types.iter().any(|t| t == kind), "{} {types:?}", grant.name);
        }
        let raw = STANDARD.encode(&device.payloads[0]);
        let shown = answer.body.contains(&raw);
        let alone = speaks || grant.sees_all_devices();
        if grant.metrics.is_none() && alone {
            assert!(shown, "{} {}: {}", grant.name, device.id, answer.body);
        }
        assert!(grant.metrics.is_none() || !shown);
    }
}

fn entry(city: &City, grant: &Grant) {
    for device in &city.devices {
        let all = city.get(&city.admin, &format!("/v1/devices/{}/timeline", device.id));
        for entry in array(&all.json(), "entries") {
            let (sequence, log) = (text(&entry["sequence"]), text(&entry["log"]));
            if log.is_empty() {
                continue;
            }
            let target = format!("/v1/devices/{}/timeline/{sequence}?log={log}", device.id);
            let answer = clean(city, grant, &target);
            let expected = if grant.sees(device) { 200 } else { 404 };
            assert_eq!(
                answer.status, expected,
                "{} {target}: {}",
                grant.name, answer.body
            );
            let letter = match (log.as_str(), text(&entry["type"]).as_str()) {
                ("rejects", _) => 'r',
                (_, "event") => 'e',
                _ => 'u',
            };
            let page = clean(
                city,
                grant,
                &format!("/d/{}/t/{letter}{sequence}", device.id),
            );
            assert_eq!(page.status, expected, "{} {target}", grant.name);
        }
    }
}

fn strangers(city: &City, grant: &Grant) {
    let answer = clean(city, grant, "/v1/strangers");
    if grant.sees_all_devices() {
        assert!(answer.body.contains("zq-stranger-x"), "{}", answer.body);
    } else {
        answer.problem(403);
    }
}

fn rejects(city: &City, grant: &Grant) {
    let page = clean(city, grant, "/v1/rejects").json();
    let found: BTreeSet<String> = array(&page, "rejects")
        .iter()
        .map(|reject| text(&reject["deviceId"]))
        .collect();
    let erring = city.devices.iter().filter(|device| {
        let erred = device
            .payloads
            .iter()
            .any(|payload| payload.starts_with("secret"));
        erred && grant.sees(device)
    });
    let expected: BTreeSet<String> = erring.map(|device| device.id.clone()).collect();
    assert_eq!(found, expected, "{}", grant.name);
    let raw = |device: &Device| STANDARD.encode(&device.payloads[1]);
    for device in city
        .devices
        .iter()
        .filter(|d| d.payloads.len() == 4 && grant.sees(d))
    {
        let shown = page.to_string().contains(&raw(device));
        assert_eq!(
            shown,
            grant.metrics.is_none() && grant.sees_all_devices(),
            "{} {}",
            grant.name,
            device.id
        );
    }
}

/// A pasted payload tells of nobody: under a foreign device's name it gives what it gives under none.
fn decode(city: &City, grant: &Grant) {
    let authorization = format!("Authorization: Bearer {}\r\n", grant.token);
    let of = |device: &str| {
        let target = format!("/v1/decode?profile=json&device={device}");
        let body = "{\"voltage\": 230.1, \"curent\": 5}";
        let answer = post(city.gateway.ports.http, &target, &authorization, body);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let mut said = answer.json();
        for reading in said["readings"].as_array_mut().unwrap() {
            reading["observedAt"].take();
        }
        said
    };
    let nobody = of("");
    assert_eq!(nobody["readings"][0]["number"], 230.1);
    assert_eq!(nobody["rejected"][0]["reason"], "unknown_metric");
    for device in city.devices.iter().filter(|device| !grant.sees(device)) {
        assert_eq!(of(&device.id), nobody, "{} {}", grant.name, device.id);
    }
}

fn reject_counts(city: &City, grant: &Grant) {
    let summary = clean(city, grant, "/v1/rejects/summary?limit=1000").json();
    let groups = array(&summary["byDevice"], "groups").iter();
    let counted: BTreeSet<String> = groups.map(|group| text(&group["name"])).collect();
    let page = clean(city, grant, "/v1/rejects").json();
    let listed = array(&page, "rejects").iter();
    let listed: BTreeSet<String> = listed.map(|reject| text(&reject["deviceId"])).collect();
    assert_eq!(counted, listed, "{}", grant.name);
}

/// Each reject by its sequence: who does not see it hears that there is none.
fn one_reject(city: &City, grant: &Grant) {
    let all = city.get(&city.admin, "/v1/rejects").json();
    let seen = clean(city, grant, "/v1/rejects").json();
    let of = |page: &Value| -> BTreeSet<String> {
        let rejects = array(page, "rejects").iter();
        rejects.map(|reject| text(&reject["sequence"])).collect()
    };
    let seen = of(&seen);
    for sequence in of(&all) {
        let answer = clean(city, grant, &format!("/v1/rejects/{sequence}"));
        if !seen.contains(&sequence) {
            answer.problem(404);
            continue;
        }
        let shown = answer.json();
        let whole = grant.metrics.is_none() && grant.sees_all_devices();
        assert_eq!(shown.get("now").is_some(), whole, "{}", grant.name);
        assert!(
            whole || text(&shown["payload"]).is_empty(),
            "{}",
            grant.name
        );
    }
}

/// What needs no more than the gateway, or to operate: served or refused as a whole.
fn whole(city: &City, grant: &Grant, path: &str, method: &str, scope: &str) {
    let granted = match scope {
        "gateway" => grant.gateway,
        _ => false,
    };
    let authorization = format!("Authorization: Bearer {}\r\n", grant.token);
    let answer = match method {
        "get" => city.get(grant, path),
        _ => post(city.gateway.ports.http, path, &authorization, ""),
    };
    if granted {
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    } else {
        answer.problem(403);
    }
}

#[test]
fn every_route_gives_what_is_granted_and_nothing_else() {
    let city = City::peopled(grants());
    let document = city.get(&city.admin, "/openapi.json").json();
    for grant in &city.grants {
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let scope = operation["security"][0]["token"][0].as_str().unwrap_or("");
                match (path.as_str(), scope) {
                    ("/healthz" | "/readyz" | "/openapi.json", "") => {
                        assert_eq!(city.get(grant, path).status, 200);
                    }
                    (_, "gateway" | "operate") => whole(&city, grant, path, method, scope),
                    // No token of `[access]` opens it; `tests/push` has what does.
                    ("/v1/push/{route}", "") => {
                        let headers = format!("Authorization: Bearer {}\r\n", grant.token);
                        let answer =
                            post(city.gateway.ports.http, "/v1/push/huawei", &headers, "{}");
                        assert!([404, 429].contains(&answer.status), "{}", answer.body);
                    }
                    ("/v1/devices", "data") => list(&city, grant),
                    ("/v1/devices/{id}", "data") => device(&city, grant),
                    ("/v1/devices/{id}/readings", "data") => readings(&city, grant),
                    ("/v1/devices/{id}/timeline", "data") => timeline(&city, grant),
                    ("/v1/devices/{id}/timeline/{sequence}", "data") => entry(&city, grant),
                    ("/v1/strangers", "data") => strangers(&city, grant),
                    ("/v1/rejects", "data") => rejects(&city, grant),
                    ("/v1/rejects/summary", "data") => reject_counts(&city, grant),
                    ("/v1/rejects/{sequence}", "data") => one_reject(&city, grant),
                    ("/v1/decode", "data") => decode(&city, grant),
                    (path, scope) => panic!("no case for {method} {path} ({scope})"),
                }
            }
        }
    }
}

#[test]
fn every_page_shows_what_is_granted_and_nothing_else() {
    let city = City::peopled(grants());
    for grant in &city.grants {
        let home = clean(&city, grant, "/");
        assert_eq!(home.body.contains("id=\"gateway\""), grant.gateway);
        assert_eq!(
            home.body.contains("id=\"strangers\""),
            grant.sees_all_devices()
        );
        let all = clean(&city, grant, "/?all=1");
        for id in grant.ids(&city.devices) {
            assert!(
                all.body.contains(&format!("/d/{id}\"")),
                "{} {id}",
                grant.name
            );
        }
        for target in [
            "/?q=zq",
            "/?heard=1",
            "/?health=attention",
            "/?parent=zq-carrier-x",
            "/tunnel",
            "/strangers",
        ] {
            // The only device that a search finds is where it leads.
            let page = clean(&city, grant, target).status;
            assert!([200, 303].contains(&page), "{target}: {page}");
            let live = format!(
                "{target}{}live=1",
                if target.contains('?') { '&' } else { '?' }
            );
            let part = clean(&city, grant, &live).status;
            assert!([200, 304].contains(&part), "{live}: {part}");
        }
        for device in &city.devices {
            let page = clean(&city, grant, &format!("/d/{}", device.id));
            assert_eq!(page.status, if grant.sees(device) { 200 } else { 404 });
            for target in [
                format!("/d/{}?live=1&want=chart&m=relative_humidity", device.id),
                format!("/d/{}/t", device.id),
                format!("/new?id={}", device.id),
            ] {
                let page = clean(&city, grant, &target);
                assert!(
                    [200, 304, 404].contains(&page.status),
                    "{target}: {}",
                    page.status
                );
            }
            if grant.sees(device) {
                for (metric, value) in &device.readings {
                    // To the digits that the page gives.
                    let shown = page.body.contains(&value[..5]);
                    assert!(
                        shown || !grant.sees_metric(metric),
                        "{} {metric}",
                        device.id
                    );
                }
            }
        }
    }
}
