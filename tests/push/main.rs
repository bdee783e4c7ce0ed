//! Platforms that push to the real binary, by curl, by reqwest, and by bytes written by hand.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by failing"
)]
mod client;
mod limits;
mod promises;
mod proofs;
#[path = "../support/mod.rs"]
mod support;
mod vendors;

use std::fs;
use std::path::Path;
use support::counts::Counts;
use support::{Gateway, Ports};

/// Secrets of the routes below.
const TOKEN: &str = "token-of-a-platform";
const PASSWORD: &str = "pass:word";
const SECRET: &str = "a secret for signatures";
const WEBHOOK: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A gateway with a route for each proof.
struct City {
    gateway: Gateway,
    config: String,
    dir: tempfile::TempDir,
}

fn routes(dir: &Path) -> String {
    let file = |name: &str, text: &str| {
        let path = dir.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let (token, password) = (file("token", TOKEN), file("password", PASSWORD));
    let (secret, webhook) = (file("secret", SECRET), file("webhook", WEBHOOK));
    let route = |name: &str, proof: &str| {
        format!(
            "[[route]]\npush = \"{name}\"\nprofile = \"json\"\nkind = \"meter.water\"\n{proof}\n"
        )
    };
    [
        route("open", ""),
        route("bearer", &format!("token_file = \"{token}\"")),
        route(
            "header",
            &format!("token_file = \"{token}\"\nheader = \"X-Token\""),
        ),
        route(
            "query",
            &format!("token_file = \"{token}\"\nquery = \"key\""),
        ),
        route(
            "basic",
            &format!("user = \"aep\"\npassword_file = \"{password}\""),
        ),
        route(
            "iotda",
            &format!("signature = \"iotda\"\nsecret_file = \"{secret}\""),
        ),
        route(
            "milesight",
            &format!("signature = \"milesight\"\nsecret_file = \"{secret}\""),
        ),
        route(
            "standard",
            &format!("signature = \"standard-webhooks\"\nsecret_file = \"{webhook}\""),
        ),
    ]
    .concat()
}

impl City {
    fn new() -> Self {
        Self::with(tempfile::tempdir().unwrap(), "")
    }

    fn with(dir: tempfile::TempDir, more: &str) -> Self {
        let ports = Ports::free();
        let more = [more, &routes(dir.path())].concat();
        let config = ports.config(&dir.path().join("data"), &more);
        let gateway = Gateway::start(dir.path(), ports, &config);
        Self {
            gateway,
            config,
            dir,
        }
    }

    fn port(&self) -> u16 {
        self.gateway.ports.http
    }

    /// The counts at rest. The identity holds at every look.
    #[track_caller]
    fn settled(&self, received: u64) -> Counts {
        Counts::until(&self.gateway, "http", |counts| {
            counts.received == received && counts.in_flight == 0
        })
    }

    fn restart(&mut self) {
        self.gateway = Gateway::start(self.dir.path(), self.gateway.ports, &self.config);
    }

    /// Values of a metric in history, waited for.
    #[track_caller]
    fn history(&self, device: &str, metric: &str, count: usize) -> Vec<f64> {
        let start = std::time::Instant::now();
        loop {
            let path = format!("/v1/devices/{device}/readings?metric={metric}&limit=1000");
            let (_, body) = self.gateway.get(&path).unwrap();
            let page: serde_json::Value = serde_json::from_str(&body).unwrap();
            let readings = page["readings"].as_array().cloned().unwrap_or_default();
            if readings.len() >= count {
                return readings
                    .iter()
                    .map(|r| r["number"].as_f64().unwrap())
                    .collect();
            }
            assert!(start.elapsed() < support::BOUND, "{body}");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}
