//! The dashboards: Grafana's JSON, data sources that are provisioned, metrics that exist.
use super::text;
use citygate::catalogue::Catalogue;
use serde_json::Value;
use std::collections::BTreeSet;

const DASHBOARDS: [&str; 2] = ["city", "gateway"];

fn dashboard(name: &str) -> Value {
    serde_json::from_str(&text(&format!("deploy/grafana/dashboards/{name}.json"))).unwrap()
}

/// Every data source that is named anywhere below.
fn sources(value: &Value, found: &mut BTreeSet<(String, String)>) {
    match value {
        Value::Object(map) => {
            if let Some(source) = map.get("datasource") {
                let word = |key: &str| source[key].as_str().unwrap().to_owned();
                found.insert((word("type"), word("uid")));
            }
            map.values().for_each(|value| sources(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| sources(value, found)),
        _ => {}
    }
}

#[test]
fn data_sources_are_provisioned() {
    let provisioned = text("deploy/grafana/provisioning/datasources/citygate.yml");
    let mut found = BTreeSet::new();
    for name in DASHBOARDS {
        sources(&dashboard(name), &mut found);
    }
    assert_eq!(found.len(), 2, "{found:?}");
    for (kind, uid) in found {
        let expected = format!("    uid: {uid}\n    type: {kind}\n");
        assert!(provisioned.contains(&expected), "{kind} {uid}");
    }
}

#[test]
fn panels_have_titles_places_and_queries_of_their_own() {
    let mut uids = BTreeSet::new();
    for name in DASHBOARDS {
        let dashboard = dashboard(name);
        assert!(uids.insert(dashboard["uid"].as_str().unwrap().to_owned()));
        let panels = dashboard["panels"].as_array().unwrap();
        let mut taken = BTreeSet::new();
        for panel in panels {
            let title = panel["title"].as_str().unwrap();
            let at = &panel["gridPos"];
            let edge = |key: &str| at[key].as_u64().unwrap();
            for x in edge("x")..edge("x") + edge("w") {
                for y in edge("y")..edge("y") + edge("h") {
                    assert!(
                        x < 24 && taken.insert((x, y)),
                        "{name}: {title} lies on another"
                    );
                }
            }
            let row = panel["type"] == "row";
            let targets = panel["targets"].as_array().map_or(0, Vec::len);
            assert_eq!(row, targets == 0, "{name}: {title}");
        }
    }
}

#[test]
fn the_city_shows_metrics_and_kinds_of_the_catalogue() {
    let catalogue = Catalogue::shipped();
    let (mut fields, mut measurements) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard("city")["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = target["query"].as_str().unwrap();
            assert!(query.starts_with("from(bucket: \"telemetry\")"), "{query}");
            let quoted = |before: &str| -> Vec<String> {
                let parts = query.split(before).skip(1);
                parts
                    .map(|part| part.split('"').next().unwrap().to_owned())
                    .collect()
            };
            fields.extend(quoted("r._field == \""));
            measurements.extend(quoted("r._measurement == \""));
        }
    }
    assert!(fields.len() > 15, "{fields:?}");
    for field in &fields {
        assert!(catalogue.metric(field).is_some(), "no metric {field}");
    }
    assert_eq!(measurements.len(), 3);
    for measurement in &measurements {
        let begins = format!("{measurement}.");
        assert!(
            catalogue.kinds().any(|kind| kind.name.starts_with(&begins)),
            "{measurement}"
        );
    }
}
