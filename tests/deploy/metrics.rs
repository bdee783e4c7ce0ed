//! The names that a running gateway has, and those that rules and dashboards use.
use super::support::{Gateway, Ports};
use super::text;
use std::collections::BTreeSet;

/// One series of `/metrics`: its name and what stands between the braces.
pub struct Series {
    pub name: String,
    pub labels: String,
}

/// The series of a gateway that has all sections which bring some.
pub fn series() -> Vec<Series> {
    let dir = tempfile::tempdir().unwrap();
    let ports = Ports::free();
    let config = ports.config(&dir.path().join("data"), "");
    let mut gateway = Gateway::start(dir.path(), ports, &config);
    let (status, body) = gateway.get("/metrics").unwrap();
    assert_eq!(status, 200, "{body}");
    assert!(gateway.stop().success());
    let lines = body.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, _) = line.split_once([' ', '{']).unwrap();
            let inside = line
                .split_once('{')
                .and_then(|(_, rest)| rest.split_once('}'));
            Series {
                name: name.to_owned(),
                labels: inside.map_or_else(String::new, |(labels, _)| labels.to_owned()),
            }
        })
        .collect()
}

/// Every `citygate_..` of a text, with the matchers behind it.
fn uses(text: &str) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    let mut rest = text;
    while let Some(at) = rest.find("citygate_") {
        let end =
            rest[at..].find(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit() && c != '_');
        let end = end.map_or(rest.len(), |len| at + len);
        let name = rest[at..end].to_owned();
        rest = &rest[end..];
        let matchers = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
        let matchers =
            matchers.map_or_else(String::new, |(matchers, _)| matchers.replace('\\', ""));
        found.insert((name, matchers));
    }
    found
}

/// `label="value"` and `label=~"a|b"`, each value by itself; those of the scrape are left out.
fn wanted(matchers: &str) -> Vec<String> {
    let each = matchers.split(',').filter_map(|one| {
        let (label, values) = one.split_once('=')?;
        let values = values.trim_start_matches('~').trim_matches('"');
        let foreign = label.ends_with('!') || ["instance", "job"].contains(&label.trim());
        (!foreign).then(|| (label.trim().to_owned(), values.to_owned()))
    });
    let all = each.flat_map(|(label, values)| {
        let values: Vec<String> = values.split('|').map(str::to_owned).collect();
        values
            .into_iter()
            .map(move |value| format!("{label}=\"{value}\""))
    });
    all.collect()
}

#[test]
fn rules_and_dashboards_use_what_a_running_gateway_has() {
    let series = series();
    let mut missing = BTreeSet::new();
    let mut checked = 0;
    for file in [
        "deploy/prometheus.rules.yml",
        "deploy/grafana/dashboards/gateway.json",
    ] {
        for (name, matchers) in uses(&text(file)) {
            checked += 1;
            let named: Vec<&Series> = series.iter().filter(|one| one.name == name).collect();
            if named.is_empty() {
                missing.insert(format!("{file}: {name}"));
            }
            for label in wanted(&matchers) {
                if !named
                    .iter()
                    .any(|one| one.labels.split(',').any(|has| has == label))
                {
                    missing.insert(format!("{file}: {name}{{{label}}}"));
                }
            }
        }
    }
    assert!(checked > 40, "only {checked} uses were found");
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn names_and_matchers_are_found() {
    let found =
        uses("rate(citygate_a_total{x=~\"a|b\",instance=\"i\"}[5m]) > citygate_b and citygate:c");
    let found: Vec<(String, String)> = found.into_iter().collect();
    assert_eq!(found[0].0, "citygate_a_total");
    assert_eq!(wanted(&found[0].1), ["x=\"a\"", "x=\"b\""]);
    assert_eq!(found[1], ("citygate_b".to_owned(), String::new()));
    assert_eq!(found.len(), 2);
}
