//! What a store has, point by point, asked by its own query language.
use super::peers::{Kind, Store, encoded, http};
use super::truth::{Key, Point, Scalar};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// All that it has.
#[track_caller]
pub fn all(store: &Store) -> Vec<Point> {
    match store.kind {
        Kind::Victoria => victoria(store.port),
        Kind::Influx | Kind::InfluxWithAuth => influx(store),
    }
}

/// A line of `/api/v1/export`.
#[derive(Deserialize)]
struct Series<'a> {
    metric: BTreeMap<String, String>,
    #[serde(borrow)]
    values: Vec<&'a RawValue>,
    timestamps: Vec<i64>,
}

/// The name of a series joins measurement and field, so `measurement` is all of it and `field` is empty.
fn victoria(port: u16) -> Vec<Point> {
    // What came in the last second is in memory that queries do not see.
    http(port, "GET", "/internal/force_flush", "", b"").expect("it runs");
    let path = format!("/api/v1/export?match[]={}", encoded("{__name__!=\"\"}"));
    let (status, body) = http(port, "GET", &path, "", b"").expect("it runs");
    assert_eq!(status, 200, "{body}");
    let mut points = Vec::new();
    for line in body.lines() {
        let mut series: Series<'_> = serde_json::from_str(line).unwrap();
        let name = series.metric.remove("__name__").unwrap();
        assert_eq!(series.values.len(), series.timestamps.len(), "{name}");
        for (value, ms) in series.values.iter().zip(&series.timestamps) {
            let key = Key {
                measurement: name.clone(),
                tags: series.metric.clone(),
                field: String::new(),
                at_ns: ms * 1_000_000,
            };
            points.push((key, scalar(value)));
        }
    }
    points
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    results: Vec<ResultOf<'a>>,
}

#[derive(Deserialize)]
struct ResultOf<'a> {
    #[serde(borrow, default)]
    series: Vec<Table<'a>>,
}

#[derive(Deserialize)]
struct Table<'a> {
    name: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    columns: Vec<String>,
    #[serde(borrow)]
    values: Vec<Vec<&'a RawValue>>,
}

fn influx(store: &Store) -> Vec<Point> {
    let body = store.query("SELECT * FROM /.*/ GROUP BY *");
    let answer: Answer<'_> = serde_json::from_str(&body).unwrap();
    let mut points = Vec::new();
    for table in answer.results.iter().flat_map(|result| &result.series) {
        // A tag that a series does not have is grouped as an empty one.
        let mut tags = table.tags.clone();
        tags.retain(|_, value| !value.is_empty());
        for row in &table.values {
            let at_ns = row[0].get().parse().unwrap();
            for (field, value) in table.columns.iter().zip(row).skip(1) {
                if value.get() == "null" {
                    continue;
                }
                let key = Key {
                    measurement: table.name.clone(),
                    tags: tags.clone(),
                    field: field.clone(),
                    at_ns,
                };
                points.push((key, scalar(value)));
            }
        }
    }
    points
}

/// `serde_json` reads doubles with an error in the last place; the standard library does not.
fn scalar(value: &RawValue) -> Scalar {
    match value.get() {
        "true" => Scalar::Flag(true),
        "false" => Scalar::Flag(false),
        text if text.starts_with('"') => Scalar::Text(serde_json::from_str(text).unwrap()),
        number => Scalar::Number(number.parse().unwrap()),
    }
}
