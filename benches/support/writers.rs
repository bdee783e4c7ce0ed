//! Our encoder and client beside the `influxdb2` crate: the same lines to the same `VictoriaMetrics`, CPU of this process.
use super::support::{Server, cpu_of, free_port, micros_per};
use super::{load_average, now_ms};
use citygate::model::settings::Section;
use citygate::model::{
    Clock, Quality, ReadingDraft, ReportDraft, ReportView, Source, Timestamp, Value,
};
use citygate::store::{Body, Client, Config, Encoder, Outcome};
use futures_util::stream;
use influxdb2::models::DataPoint;
use std::time::Duration;

const DEVICES: u64 = 1_000;
const LINES: u64 = 600_000;
const BATCH: usize = 5_000;

/// Each a line of three fields.
fn reports() -> Vec<Vec<u8>> {
    let first = i64::try_from(now_ms()).unwrap() * 1_000_000 - 1_000_000_000_000;
    let report = |n: u64| {
        let at = Timestamp::from_nanos(first + i64::try_from(n / DEVICES).unwrap() * 1_000_000_000);
        let reading = |metric, unit, value: f64| ReadingDraft {
            metric,
            unit,
            value: Value::Number(value),
            observed_at: at,
            quality: Quality::Good,
            labels: Vec::new(),
            raw: "".into(),
            raw_unit: "".into(),
        };
        let value = (n % 997) as f64;
        let draft = ReportDraft {
            device_id: &format!("em-{:05}", n % DEVICES),
            kind: "meter.electricity",
            district: "370102",
            profile: "json",
            received_at: at,
            source: Source::Mqtt,
            readings: vec![
                reading("active_energy_import", "kW.h", value * 100.0),
                reading("voltage", "V", 220.0 + value / 100.0),
                reading("current", "A", value / 16.0),
            ],
            node: "bench",
            via: "",
        };
        let mut bytes = Vec::new();
        draft.encode(&mut bytes);
        bytes
    };
    (0..LINES).map(report).collect()
}

fn encode(encoder: &mut Encoder, reports: &[Vec<u8>], body: &mut Vec<u8>, readings: &mut Vec<u32>) {
    body.clear();
    readings.clear();
    for report in reports {
        let report = ReportView::parse(report).unwrap();
        encoder.report(&report, body, readings);
    }
}

/// As somebody writes it who uses the crate.
fn points(reports: &[Vec<u8>]) -> Vec<DataPoint> {
    let point = |bytes: &Vec<u8>| {
        let report = ReportView::parse(bytes).unwrap();
        let mut point = DataPoint::builder("meter")
            .tag("device", report.device_id)
            .tag("district", report.district)
            .tag("kind", report.kind);
        for reading in report.readings() {
            let reading = reading.unwrap();
            let Value::Number(number) = reading.value else {
                continue;
            };
            point = point
                .field(reading.metric, number)
                .timestamp(reading.observed_at.as_nanos());
        }
        point.build().unwrap()
    };
    reports.iter().map(point).collect()
}

fn say(name: &str, cpu: Duration) {
    println!(
        "store writer name={name} lines={LINES} cpu_us_per_line={:.3} load={}",
        micros_per(cpu, LINES),
        load_average()
    );
}

fn cpu() -> Duration {
    cpu_of(std::process::id())
}

fn ours(url: &str, gzip: bool) -> (Client, Config) {
    let text = format!(
        "[[store]]\nname = 'victoria'\nurl = '{url}'\nbucket = 'bench'\norg = 'bench'\ngzip = {gzip}\n"
    );
    let mut problems = Vec::new();
    let mut top = Section::new("", toml::from_str(&text).unwrap(), &mut problems);
    let config = Config::read_all(&mut top).remove(0);
    (Client::new(&config, Clock::system()).unwrap(), config)
}

/// Says what each costs.
pub fn compare() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let _store = Server::victoria(dir.path(), port).expect("victoria-metrics is installed");
    let url = format!("http://127.0.0.1:{port}");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let reports = reports();
    let (mut encoder, mut body, mut readings) = (Encoder::default(), Vec::new(), Vec::new());
    let mut raw = Vec::new();
    let start = cpu();
    for reports in reports.chunks(BATCH) {
        encode(&mut encoder, reports, &mut body, &mut readings);
    }
    say("citygate_encoder_alone", cpu() - start);
    for reports in reports.chunks(BATCH) {
        encode(&mut encoder, reports, &mut body, &mut readings);
        raw.push(String::from_utf8(body.clone()).unwrap());
    }
    for gzip in [false, true] {
        let (client, config) = ours(&url, gzip);
        let start = cpu();
        for lines in &raw {
            let body = Body::new(lines.as_bytes(), config.gzip);
            assert_eq!(
                runtime.block_on(client.write(body.bytes, body.is_gzip)),
                Outcome::Stored
            );
        }
        say(
            if gzip {
                "citygate_raw_gzip"
            } else {
                "citygate_raw"
            },
            cpu() - start,
        );
        let start = cpu();
        for reports in reports.chunks(BATCH) {
            encode(&mut encoder, reports, &mut body, &mut readings);
            let body = Body::new(&body, config.gzip);
            assert_eq!(
                runtime.block_on(client.write(body.bytes, body.is_gzip)),
                Outcome::Stored
            );
        }
        say(
            if gzip { "citygate_gzip" } else { "citygate" },
            cpu() - start,
        );
    }
    let theirs = influxdb2::Client::new(url, "bench", "");
    let start = cpu();
    for lines in &raw {
        runtime
            .block_on(theirs.write_line_protocol("bench", "bench", lines.clone()))
            .unwrap();
    }
    say("influxdb2_raw", cpu() - start);
    let start = cpu();
    for reports in reports.chunks(BATCH) {
        runtime
            .block_on(theirs.write("bench", stream::iter(points(reports))))
            .unwrap();
    }
    say("influxdb2_datapoint", cpu() - start);
}
