//! `/metrics`: what Prometheus collects, read from where it is counted at the time of the scrape.
//!
//! No label names a device, a client or an address: their number has no bound.
mod access;
mod coap;
mod devices;
mod links;
mod process;
mod storage;
mod stores;
mod tls;
mod uplinks;

use super::Http;
use super::problem::Problem;
use crate::api::Shared;
use crate::telemetry::Distribution;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::fmt::Error;
use std::sync::Arc;

/// The `OpenMetrics` text format, which Prometheus asks for.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// `/metrics`.
pub async fn scrape(State(http): State<Http>) -> Result<impl IntoResponse, Problem> {
    let mut registry = Registry::with_prefix("citygate");
    registry.register_collector(Box::new(Scrape(http.shared)));
    let mut text = String::new();
    encode(&mut text, &registry)
        .map_err(|error| Problem::internal("the metrics cannot be written", &error))?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text))
}

/// All families, at one moment.
#[derive(Debug)]
struct Scrape(Arc<Shared>);

/// One family's rows: labels and value.
type Row<'a, T> = (Vec<(&'a str, &'a str)>, T);

/// The row of a family without labels.
const fn alone<T>(value: T) -> [Row<'static, T>; 1] {
    [(Vec::new(), value)]
}

fn counters<'a>(
    out: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: impl IntoIterator<Item = Row<'a, u64>>,
) -> Result<(), Error> {
    let mut family = out.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (labels, value) in rows {
        if labels.is_empty() {
            return ConstCounter::new(value).encode(family);
        }
        ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn gauges<'a>(
    out: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: impl IntoIterator<Item = Row<'a, f64>>,
) -> Result<(), Error> {
    let mut family = out.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (labels, value) in rows {
        if labels.is_empty() {
            return ConstGauge::new(value).encode(family);
        }
        ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

fn histograms<'a>(
    out: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    rows: impl IntoIterator<Item = Row<'a, Distribution>>,
) -> Result<(), Error> {
    let mut family = out.encode_descriptor(name, help, None, MetricType::Histogram)?;
    for (labels, all) in rows {
        let mut row = family.encode_family(&labels)?;
        row.encode_histogram::<NoLabelSet>(all.sum, all.count, &all.buckets, None)?;
    }
    Ok(())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "Prometheus has doubles only; no gauge here comes near 2^53"
)]
const fn double(value: u64) -> f64 {
    value as f64
}

impl Collector for Scrape {
    fn encode(&self, mut out: DescriptorEncoder) -> Result<(), Error> {
        let shared = &*self.0;
        uplinks::sources(&mut out, shared)?;
        uplinks::intake(&mut out, shared)?;
        uplinks::mqtt(&mut out, shared)?;
        coap::coap(&mut out, shared)?;
        links::links(&mut out, shared)?;
        storage::logs(
            &mut out,
            &[("readings", &shared.log), ("rejects", &shared.rejects)],
        )?;
        storage::history(&mut out, shared)?;
        stores::stores(&mut out, shared)?;
        devices::devices(&mut out, shared)?;
        access::access(&mut out, shared)?;
        tls::tls(&mut out, shared)?;
        process::served(&mut out, shared)?;
        process::config(&mut out, shared)?;
        process::process(&mut out, shared)
    }
}
