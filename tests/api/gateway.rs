//! `/v1/gateway`: the line on the gateway itself.
use crate::http::get;
use crate::support::{START, start, within};
use citygate::api::Phase;
use citygate::model::Source;
use std::time::Duration;

#[tokio::test]
async fn the_gateway_tells_how_it_is() {
    let gateway = start().await;
    gateway.append(&["a", "b"]).await;
    gateway.append(&["c"]).await;
    gateway.clock().set(START.plus(Duration::from_secs(90)));
    gateway.shared.accounting.update(Source::Mqtt, |counts| {
        counts.received = 3;
        counts.logged = 3;
    });
    let seen = within(async {
        loop {
            let seen = get(&gateway, "/v1/gateway").await.json();
            if seen["readers"][0]["records"] == "0" {
                return seen;
            }
        }
    })
    .await;
    assert_eq!(seen["node"], "test-1");
    assert_eq!(seen["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(seen["startedAt"], "2027-01-15T08:00:00Z");
    assert_eq!(seen["uptimeSeconds"], 90);
    assert_eq!(seen["phase"], "ready");
    assert!(seen["uplinksPerSecond"]["mqtt"].is_number(), "{seen}");
    assert_eq!(seen["ack"]["groups"], "2");
    let [p50, p99] = ["p50Ms", "p99Ms"].map(|name| seen["ack"][name].as_f64().unwrap());
    assert!(0.0 < p50 && p50 <= p99 && p99 < 60_000.0, "{p50} {p99}");
    assert_eq!(seen["readers"][0]["name"], "history");
    assert!(seen["freeBytes"].as_str().unwrap().parse::<u64>().unwrap() > 0);
    assert_eq!(seen.get("refusing"), None);
    gateway.shared.readiness.set(Phase::Draining);
    gateway.shared.log.close();
    let seen = get(&gateway, "/v1/gateway").await.json();
    assert_eq!(seen["phase"], "draining");
    assert_eq!(seen["unready"][0], "draining");
    assert_eq!(seen["refusing"], "the log is closed");
}
