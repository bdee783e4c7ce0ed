//! Through a real gateway: MQTT in; gRPC, history, timelines and rejects out.
//!
//! The machine's clock stamps the receptions, so that the 31 days end yesterday and pass in some seconds;
//! the times that the meters give are what counts.
use super::compare::{Found, compare};
use super::lines::{self, Received, difference};
use super::publisher::Publisher;
use super::{TOPIC, seed, write_files, zone};
use crate::support::{BOUND, Gateway, Ports, counts};
use citygate::model::proto::client::telemetry_service_client::TelemetryServiceClient;
use citygate::model::proto::subscribe_request::Start;
use citygate::model::proto::{self, QueryRequest, SubscribeRequest};
use citygate::model::{Clock, Reject, Timestamp};
use citygate::sim::scenario::{CONCENTRATOR, LAST_DAY, Reading, Scenario};
use serde_json::Value;
use std::time::{Duration, Instant};
use tonic::transport::{Channel, Endpoint};

const DAY: Duration = Duration::from_hours(24);
/// The last message of a run: its arrival at the end of the stream says that nothing else is in it.
const END: (&str, &str) = ("city/conc-1/json", "{\"csq\": 17}");

/// From a midnight so long ago that the last day is over.
fn until_yesterday(now: Timestamp) -> Scenario {
    let days = u32::try_from(LAST_DAY).unwrap() + 1;
    let text = now.minus(DAY * days).to_string();
    let day = Timestamp::parse(&format!("{}T00:00:00", &text[..10]), &zone()).unwrap();
    Scenario::new(seed(), day, &zone())
}

fn config(ports: Ports, dir: &std::path::Path) -> String {
    let more = format!(
        "[site]\ntimezone = \"{}\"\n[devices]\ninventory = '{}'\nprofiles = '{}'\n",
        super::ZONE,
        dir.join("devices.csv").display(),
        dir.join("profiles").display()
    );
    ports.config(&dir.join("data"), &more)
}

async fn client(ports: Ports) -> TelemetryServiceClient<Channel> {
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{}", ports.grpc)).unwrap();
    TelemetryServiceClient::new(endpoint.connect().await.unwrap())
}

/// Everything in the stream, up to the last message.
async fn stream(ports: Ports) -> (Vec<proto::Report>, Vec<proto::Event>) {
    let request = SubscribeRequest {
        filter: None,
        start: Some(Start::Earliest(true)),
    };
    let mut stream = client(ports)
        .await
        .subscribe(request)
        .await
        .unwrap()
        .into_inner();
    let (mut reports, mut events) = (Vec::new(), Vec::new());
    loop {
        let response = tokio::time::timeout(BOUND, stream.message()).await;
        let response = response.expect("in time").unwrap().expect("it goes on");
        reports.extend(response.reports);
        events.extend(response.events);
        let is_last = |report: &proto::Report| report.device_id == CONCENTRATOR;
        if let Some(last) = reports.iter().position(is_last) {
            reports.remove(last);
            return (reports, events);
        }
    }
}

/// What history holds.
async fn history(ports: Ports, from: Timestamp, to: Timestamp) -> Vec<proto::Report> {
    let request = QueryRequest {
        filter: None,
        from: Some(from.into()),
        to: Some(to.into()),
    };
    let mut stream = client(ports)
        .await
        .query(request)
        .await
        .unwrap()
        .into_inner();
    let mut reports = Vec::new();
    while let Some(response) = stream.message().await.unwrap() {
        reports.extend(response.reports);
    }
    reports.retain(|report| report.device_id != CONCENTRATOR);
    reports
}

fn get(gateway: &Gateway, path: &str) -> Value {
    let (status, body) = gateway.get(path).unwrap();
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

/// All pages of a list.
fn pages(gateway: &Gateway, path: &str, list: &str) -> Vec<Value> {
    let (mut all, mut token) = (Vec::new(), String::new());
    loop {
        let mut page = get(gateway, &format!("{path}{token}"));
        all.append(page[list].as_array_mut().unwrap());
        match page["nextPageToken"].as_str() {
            Some(next) => token = format!("&page_token={next}"),
            None => return all,
        }
    }
}

/// A reading of `/v1/devices/{id}/readings` as one of gRPC.
fn reading(of: &Value) -> proto::Reading {
    use proto::reading::Value as Of;
    let text = |key: &str| of[key].as_str().unwrap_or_default().to_owned();
    let value = match (
        of["number"].as_f64(),
        of["flag"].as_bool(),
        of["text"].as_str(),
    ) {
        (Some(number), ..) => Some(Of::Number(number)),
        (_, Some(flag), _) => Some(Of::Flag(flag)),
        (.., Some(text)) => Some(Of::Text(text.to_owned())),
        _ => None,
    };
    let labels = of["labels"].as_object().into_iter().flatten();
    let labels = labels.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
    let at = Timestamp::parse(&text("observedAt"), &zone()).unwrap();
    proto::Reading {
        metric: text("metric"),
        unit: text("unit"),
        value,
        observed_at: Some(at.into()),
        quality: proto::Quality::from_str_name(&text("quality"))
            .unwrap()
            .into(),
        labels: labels.collect(),
        raw: text("raw"),
        raw_unit: text("rawUnit"),
    }
}

/// What the page of one device is made of: its readings, and what happened to it.
fn device(
    gateway: &Gateway,
    scenario: &Scenario,
    id: &str,
    received: Received<'_>,
    wrong: &mut Vec<String>,
) -> usize {
    let truth = &scenario.truth;
    let from = scenario.start.minus(DAY);
    let path = format!("/v1/devices/{id}/readings?from={from}&limit=1000");
    let found: Vec<proto::Reading> = pages(gateway, &path, "readings")
        .iter()
        .map(reading)
        .collect();
    let report = proto::Report {
        device_id: id.to_owned(),
        via: truth.via.clone(),
        readings: found,
        ..proto::Report::default()
    };
    let own = |of: &&Reading| of.device == id;
    let expected: Vec<String> = truth
        .history()
        .into_iter()
        .filter(own)
        .map(|of| lines::true_reading(truth, of, received))
        .collect();
    let found = lines::readings(&report, received);
    wrong.extend(difference(&format!("readings of {id}"), &expected, &found));

    let path = format!("/v1/devices/{id}/timeline?limit=100&from={from}");
    let entries = pages(gateway, &path, "entries");
    let events = entries
        .iter()
        .filter_map(|entry| entry["event"]["name"].as_str());
    let events: Vec<String> = events.map(str::to_owned).collect();
    let own = truth.events.iter().filter(|of| of.device == id);
    let own: Vec<String> = own.map(|of| of.name.to_owned()).collect();
    wrong.extend(difference(&format!("timeline of {id}"), &own, &events));
    expected.len() + own.len()
}

fn reject(of: &Value) -> Reject {
    let text = |key: &str| of[key].as_str().unwrap_or_default().to_owned();
    Reject {
        device_id: text("deviceId"),
        reason: text("reason"),
        sentence: text("sentence"),
        part: text("part"),
        ..Reject::default()
    }
}

/// Waits until history has read the log to its end.
fn caught_up(gateway: &Gateway) {
    let start = Instant::now();
    loop {
        let seen = get(gateway, "/v1/gateway");
        let readers = seen["readers"].as_array().unwrap();
        let history = readers
            .iter()
            .find(|reader| reader["name"] == "history")
            .unwrap();
        if history["records"] == "0" {
            return;
        }
        assert!(start.elapsed() < BOUND, "{seen}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_gateway_tells_the_truth_of_31_days() {
    let dir = tempfile::tempdir().unwrap();
    let now = Clock::system().now();
    let scenario = until_yesterday(now);
    let truth = &scenario.truth;
    write_files(&scenario, dir.path());
    let ports = Ports::free();
    let gateway = Gateway::start(dir.path(), ports, &config(ports, dir.path()));
    let started = Instant::now();

    let mut publisher = Publisher::connect(ports.mqtt, CONCENTRATOR);
    for uplink in &scenario.uplinks {
        publisher.publish(TOPIC, &uplink.payload);
    }
    publisher.publish(END.0, END.1.as_bytes());
    publisher.settle();
    let sent_in = started.elapsed();
    let received = Received::Since(now);
    let mut wrong = Vec::new();

    let counts = counts::Counts::until(&gateway, "mqtt", |counts| counts.in_flight == 0);
    let found = (
        counts.received,
        counts.logged,
        counts.rejected,
        counts.duplicate,
    );
    let of = truth.counts;
    let expected = (of.received + 1, of.logged + 1, of.rejected, of.duplicate);
    if found != expected {
        wrong.push(format!("counts: {found:?}, and not {expected:?}\n"));
    }

    let (reports, events) = stream(ports).await;
    caught_up(&gateway);
    let end = Clock::system().now().plus(DAY);
    let kept = history(ports, scenario.start.minus(DAY), end).await;
    let rejects = pages(&gateway, "/v1/rejects?limit=100", "rejects");
    let found = Found {
        reports,
        events,
        rejects: rejects.iter().map(reject).collect(),
        kept,
    };
    wrong.extend(compare(truth, &found, received));
    let mut looked = 0;
    for (id, _) in scenario.cast.values() {
        looked += device(&gateway, &scenario, id, received, &mut wrong);
    }
    println!(
        "{} uplinks in {sent_in:?}; {} readings streamed, {} kept, {} events, {} rejects, {looked} lines of {} devices over HTTP; {:?} in all",
        scenario.uplinks.len(),
        truth.readings.len(),
        truth.history().len(),
        truth.events.len(),
        truth.rejects.len(),
        scenario.cast.len(),
        started.elapsed()
    );
    assert!(wrong.is_empty(), "seed {}\n{}", seed(), wrong.concat());
}
