//! The names that a running gateway has, and those that rules and dashboards use.
use super::support::{Gateway, Ports};
use super::{ask, run, said, text};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

/// One series of `/metrics`: its name and what stands between the braces.
struct Series {
    name: String,
    labels: String,
}

/// Sections that bring series of their own. Nobody listens at port 1: links and stores are there all the same.
const SECTIONS: &str = r#"
[access]
tokens_file = "DIR/tokens.toml"
[tls]
cert = "DIR/cert.pem"
key_file = "DIR/key.pem"
[[broker]]
url = "mqtt://127.0.0.1:1"
topics = ["city/#"]
[[store]]
name = "influx"
url = "http://127.0.0.1:1"
org = "city"
bucket = "telemetry"
"#;

/// The series of a gateway that has all sections which bring some.
fn series() -> Vec<Series> {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(at("cert.pem"), made.cert.pem()).unwrap();
    fs::write(at("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let mut create = Command::new(env!("CARGO_BIN_EXE_citygate"));
    create.args([
        "token",
        "create",
        "prometheus",
        "--gateway",
        "--metric",
        "battery_level",
        "--tokens-file",
    ]);
    let token = run(create.arg(at("tokens.toml"))).unwrap();
    assert!(token.status.success(), "{}", said(&token));
    let token = String::from_utf8(token.stdout).unwrap();
    let [ports, tls] = [Ports::free(), Ports::free()];
    let sections = SECTIONS.replace("DIR", dir.path().to_str().unwrap());
    let config = ports
        .config(&at("data"), &sections)
        .replace("[http]", "[http]\ntls = false");
    let over_tls = format!("[mqtt]\ntls_bind = \"127.0.0.1:{}\"", tls.mqtt);
    let mut gateway = Gateway::start(dir.path(), ports, &config.replace("[mqtt]", &over_tls));
    let body = ask(ports.http, "localhost", "/metrics", token.trim());
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
