//! What one device carries of another, before tokens that grant only one of the two: refused parts,
//! packs whose other half leaves no record, and where it all came from.
use crate::city::{CARRIER, CHILD, City, grants};
use crate::matrix::within;
use crate::mqtt::Client;
use crate::oracle::{Device, Grant};
use citygate::log::Cursor;
use citygate::model::proto;
use proto::subscribe_request::Start;
use std::time::{SystemTime, UNIX_EPOCH};
use tonic::Code;

/// A carrier in heat with its child in gas.
struct Pair {
    city: City,
    carrier: Device,
    child: Device,
    client: Client,
}

/// Records of a pack; times are absolute.
fn records(device: &Device, secs: u64) -> Vec<String> {
    let readings = device.readings.iter();
    let record = |(name, value): &(&str, String)| {
        format!(
            "{{\"n\":\"{}:{name}\",\"v\":{value},\"t\":{secs}}}",
            device.id
        )
    };
    readings.map(record).collect()
}

fn pack(records: &[String]) -> String {
    format!("[{}]", records.join(","))
}

impl Pair {
    fn new() -> Self {
        let city = City::new(grants());
        let client = city.client(CARRIER, None);
        Self {
            carrier: Device::new(CARRIER, "meter.heat", "410105", 8),
            child: Device::new(CHILD, "meter.gas", "370102", 7),
            city,
            client,
        }
    }

    fn publish(&mut self, route: &str, payload: &str) {
        self.client
            .publish(&format!("{route}/{CARRIER}/senml"), payload.as_bytes());
        for device in [&mut self.carrier, &mut self.child] {
            device.payloads.push(payload.to_owned());
        }
    }

    /// Both are known, each by a pack of its own.
    fn meet(&mut self) {
        let childs = pack(&records(&self.child, now() - 30));
        self.publish("g2", &childs);
        let own = pack(&records(&self.carrier, now() - 30));
        self.client
            .publish(&format!("h4/{CARRIER}/senml"), own.as_bytes());
        self.carrier.payloads.push(own);
    }

    /// A pack of good readings of the child with a record that is refused: a reject of the carrier.
    fn err(&mut self) {
        let mut childs = records(&self.child, now() - 20);
        childs.push(format!(
            "{{\"n\":\"{CHILD}:voltage\",\"vs\":\"secret-of-{CHILD}\",\"t\":{}}}",
            now() - 10
        ));
        self.publish("g2", &pack(&childs));
    }

    /// Everything that one of the two has, asked with this token: (target, body).
    fn told(&self, grant: &Grant) -> Vec<(String, String)> {
        let mut targets = vec!["/v1/rejects".to_owned(), "/v1/devices".to_owned()];
        for id in [CARRIER, CHILD] {
            let timeline = format!("/v1/devices/{id}/timeline");
            let all = self.city.get(&self.city.admin, &timeline).json();
            for entry in all["entries"].as_array().unwrap() {
                let sequence = entry["sequence"].as_str().unwrap_or_default();
                let log = entry["log"].as_str().unwrap_or_default();
                let letter = match (log, entry["type"].as_str().unwrap()) {
                    ("", _) => continue,
                    ("rejects", _) => 'r',
                    (_, "event") => 'e',
                    _ => 'u',
                };
                targets.push(format!("{timeline}/{sequence}?log={log}"));
                targets.push(format!("/d/{id}/t/{letter}{sequence}"));
            }
            targets.push(timeline);
            targets.extend(["", "/t"].map(|behind| format!("/d/{id}{behind}")));
            targets.push(format!("/v1/devices/{id}"));
            targets.push(format!("/new?id={id}"));
        }
        let body = |target: String| {
            let body = self.city.get(grant, &target).body;
            (target, body)
        };
        targets.into_iter().map(body).collect()
    }

    /// No token is told what it does not grant, and those of everything are told `wanted`.
    fn assert_clean(&self, wanted: &[&str]) {
        self.city.settle();
        let devices = [self.carrier.clone(), self.child.clone()];
        let all: String = self
            .told(&self.city.admin)
            .into_iter()
            .map(|t| t.1)
            .collect();
        for wanted in wanted {
            assert!(all.contains(wanted), "nothing to hide: {wanted} in {all}");
        }
        let (mut one, mut other) = (false, false);
        for grant in &self.city.grants {
            one |= grant.sees(&self.carrier) && !grant.sees(&self.child);
            other |= grant.sees(&self.child) && !grant.sees(&self.carrier);
            for (target, body) in self.told(grant) {
                grant.assert_clean(&devices, &target, &body);
            }
        }
        assert!(one && other);
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs()
}

#[test]
fn a_carriers_reject_does_not_tell_what_the_rest_of_the_pack_says() {
    let mut pair = Pair::new();
    pair.meet();
    pair.err();
    pair.assert_clean(&["\"log\":\"rejects\"", &format!("secret-of-{CHILD}")]);
}

/// The child's half of the pack is a copy, and leaves no record beside the carrier's.
#[test]
fn a_pack_with_a_copy_of_anothers_readings_is_not_shown() {
    let mut pair = Pair::new();
    pair.meet();
    let (at, child) = (now() - 20, pair.child.clone());
    pair.publish("g2", &pack(&records(&child, at)));
    let mut both = records(&pair.carrier, at);
    both.extend(records(&child, at));
    pair.publish("h4", &pack(&both));
    pair.assert_clean(&[CARRIER]);
    let counted = pair.city.get(&pair.city.admin, "/v1/devices/zq-child-x");
    assert!(
        counted.body.contains("\"reports\":\"2\""),
        "a copy made a report: {}",
        counted.body
    );
}

/// Of the child, whose clock is wrong, everything but who and where its carrier is.
#[test]
fn a_child_does_not_tell_who_carried_it_and_from_where() {
    let mut pair = Pair::new();
    pair.meet();
    let wrong = pack(&records(&pair.child, 500_000_000));
    pair.publish("g2", &wrong);
    pair.city.settle();
    let carrier = pair.city.get(&pair.city.admin, "/v1/devices/zq-carrier-x");
    let address = carrier.json()["address"].clone();
    let address = address.as_str().unwrap_or_default().to_owned();
    assert!(address.starts_with("127.0.0.1:"), "{}", carrier.body);
    let topic = format!("g2/{CARRIER}/senml");
    pair.assert_clean(&["clock_wrong", &address, &topic]);
    for grant in &pair.city.grants {
        for (target, body) in pair.told(grant) {
            let told = body.contains(&address) || body.contains(&topic);
            assert!(
                !told || grant.sees(&pair.carrier),
                "{} {target}: {body}",
                grant.name
            );
        }
    }
}

/// A device that is alone in its uplinks is shown with their bytes, also to who sees nobody else.
#[test]
fn what_names_only_its_sender_is_shown() {
    let mut pair = Pair::new();
    pair.meet();
    let own = records(&pair.carrier, now() - 20).join(",");
    pair.publish("h4", &format!("[{own}]"));
    pair.city.settle();
    let heat = pair.city.grants.iter().find(|grant| {
        grant.sees(&pair.carrier) && !grant.sees(&pair.child) && grant.metrics.is_none()
    });
    let timeline = pair
        .city
        .get(heat.unwrap(), "/v1/devices/zq-carrier-x/timeline")
        .json();
    let raw = timeline["entries"][0]["arrival"]["raw"].as_str();
    assert!(raw.is_some_and(|raw| !raw.is_empty()), "{timeline}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_ahead_does_not_tell_where_the_log_ends() {
    let mut pair = Pair::new();
    pair.meet();
    pair.city.settle();
    let place = |sequence| Some(Start::AfterCursor(sequence));
    for grant in pair.city.grants.iter().chain([&pair.city.admin]) {
        let mut client = pair.city.telemetry(&grant.token).await;
        let request = proto::SubscribeRequest {
            filter: None,
            start: Some(Start::Earliest(true)),
        };
        let mut stream = within(client.subscribe(request))
            .await
            .unwrap()
            .into_inner();
        let first = within(stream.message()).await.unwrap().unwrap();
        let ahead = Cursor {
            sequence: u64::MAX / 2,
            ..first.cursor.parse().unwrap()
        };
        let request = proto::SubscribeRequest {
            filter: None,
            start: place(ahead.to_string()),
        };
        let status = match within(client.subscribe(request)).await {
            Ok(stream) => within(stream.into_inner().message()).await.unwrap_err(),
            Err(status) => status,
        };
        assert_eq!(status.code(), Code::FailedPrecondition, "{status}");
        let everything = grant.sees_all_devices() && grant.metrics.is_none();
        let told = status.message().contains("ends at");
        assert_eq!(told, everything, "{}: {status}", grant.name);
    }
}
