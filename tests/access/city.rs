//! A gateway, its tokens, and devices of every kind and district, which speak, err and break off.
use crate::http;
use crate::mqtt::Client;
use crate::oracle::{Device, Grant, PLACES};
use crate::support::{BOUND, Gateway, Ports};
use citygate::model::proto::client::device_service_client::DeviceServiceClient;
use citygate::model::proto::client::telemetry_service_client::TelemetryServiceClient;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// Of a concentrator that is of another kind than what it carries.
pub const CARRIER: &str = "zq-carrier-x";
pub const CHILD: &str = "zq-child-x";
/// Nothing of it was ever accepted.
pub const STRANGER: &str = "zq-stranger-x";

/// Bytes of a stream on their way; the least that HTTP/2 begins with.
const WINDOW: u32 = 65_535;

pub struct City {
    pub gateway: Gateway,
    pub devices: Vec<Device>,
    pub grants: Vec<Grant>,
    pub admin: Grant,
    tokens: PathBuf,
    dir: TempDir,
}

/// Puts a token on each call.
#[derive(Clone)]
pub struct Bearer(pub String);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let value = MetadataValue::try_from(format!("Bearer {}", self.0)).unwrap();
        request.metadata_mut().insert("authorization", value);
        Ok(request)
    }
}

type Guarded = InterceptedService<Channel, Bearer>;

impl City {
    /// Without devices.
    pub fn new(grants: Vec<Grant>) -> Self {
        Self::started(grants, None)
    }

    /// With an inventory of these rows, and nobody who speaks.
    pub fn listing(grants: Vec<Grant>, rows: &str) -> Self {
        Self::started(grants, Some(rows))
    }

    fn started(grants: Vec<Grant>, rows: Option<&str>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let ports = Ports::free();
        let tokens = dir.path().join("tokens.toml");
        let mut more = format!("[access]\ntokens_file = \"{}\"\n", tokens.display());
        for (route, kind, district) in PLACES {
            for profile in ["json", "senml"] {
                write!(
                    more,
                    "[[route]]\ntopic = \"{route}/{{device}}/{profile}\"\nprofile = \"{profile}\"\n\
                     kind = \"{kind}\"\ndistrict = \"{district}\"\n"
                )
                .unwrap();
            }
        }
        if let Some(rows) = rows {
            let file = dir.path().join("devices.csv");
            std::fs::write(&file, rows).unwrap();
            write!(more, "[devices]\ninventory = \"{}\"\n", file.display()).unwrap();
        }
        let admin = Grant::all("admin");
        write_tokens(&tokens, &admin, &grants, "");
        let config = ports.config(&dir.path().join("data"), &more);
        let gateway = Gateway::start(dir.path(), ports, &config);
        Self {
            gateway,
            devices: Vec::new(),
            grants,
            admin,
            tokens,
            dir,
        }
    }

    /// With a device of each place, some more, and all that can go wrong.
    pub fn peopled(grants: Vec<Grant>) -> Self {
        let mut city = Self::new(grants);
        for (number, (route, kind, district)) in (1..).zip(PLACES) {
            let device = Device::new(&format!("zq-{route}-x"), kind, district, number);
            city.speak(&format!("{route}/{}", device.id), device);
        }
        let unknown = Device::new("zq-unknown-x", "unknown", "", 6);
        city.speak("city/zq-unknown-x", unknown);
        city.carry();
        city.settle();
        city
    }

    pub fn client(&self, id: &str, will: Option<(&str, &str)>) -> Client {
        Client::new(self.gateway.ports.mqtt, id, will)
    }

    /// Readings with a wrong clock, which makes an event; garbage; a part that is refused; a will.
    fn speak(&mut self, topic: &str, mut device: Device) {
        let id = device.id.clone();
        let will = format!("will-of-{id} voltage");
        let mut client = self.client(&id, Some((&format!("{topic}/json"), &will)));
        let values = device.readings.iter();
        let values: Vec<String> = values
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        let good = format!("{{\"ts\":1000,{}}}", values.join(","));
        let garbage = format!("secret-of-{id} voltage=");
        let part = format!("{{\"no_such_metric_{}\":\"secret-of-{id}\"}}", id.len());
        for payload in [&good, &garbage, &part] {
            client.publish(&format!("{topic}/json"), payload.as_bytes());
        }
        device.payloads = vec![good, garbage, part, will.clone()];
        self.devices.push(device);
    }

    /// A carrier in heat, whose child is gas: the child's report names it.
    fn carry(&mut self) {
        let mut child = Device::new(CHILD, "meter.gas", "370102", 7);
        let carrier = Device::new(CARRIER, "meter.heat", "410105", 8);
        let mut client = self.client(CARRIER, None);
        let pack = |device: &Device| {
            let records = device.readings.iter();
            let records = records
                .map(|(name, value)| format!("{{\"n\":\"{}:{name}\",\"v\":{value}}}", device.id));
            format!("[{}]", records.collect::<Vec<_>>().join(","))
        };
        let (childs, own) = (pack(&child), pack(&carrier));
        client.publish(&format!("g2/{CARRIER}/senml"), childs.as_bytes());
        client.publish(&format!("h4/{CARRIER}/senml"), own.as_bytes());
        child.payloads.push(childs);
        self.devices.push(child);
        self.devices.push(Device {
            payloads: vec![own],
            ..carrier
        });
        let garbage = "secret-of-zq-stranger-x";
        let mut stranger = self.client(STRANGER, None);
        stranger.publish("city/zq-stranger-x/json", garbage.as_bytes());
        self.devices.push(Device {
            readings: Vec::new(),
            payloads: vec![garbage.to_owned()],
            ..Device::new(STRANGER, "unknown", "", 9)
        });
    }

    /// Waits until all readers have read all.
    pub fn settle(&self) {
        let start = Instant::now();
        loop {
            let seen = self.get(&self.admin, "/v1/gateway").json();
            let readers = seen["readers"].as_array().unwrap();
            let wills = self.get(&self.admin, "/metrics").body;
            let heard = wills
                .lines()
                .any(|line| line.starts_with("citygate_mqtt_wills") && line.ends_with(" 6"));
            let expected = self.devices.is_empty() || heard;
            if expected && readers.iter().all(|reader| reader["records"] == "0") {
                return;
            }
            assert!(start.elapsed() < BOUND, "{seen} {wills}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[track_caller]
    pub fn get(&self, grant: &Grant, target: &str) -> http::Answer {
        http::get(self.gateway.ports.http, target, &grant.token)
    }

    /// What the file says from now on.
    pub fn rewrite(&mut self, grants: Vec<Grant>) {
        self.grants = grants;
        write_tokens(&self.tokens, &self.admin, &self.grants, "");
    }

    /// A login link for the token of this name; its code.
    pub fn link(&self, grant: &Grant) -> String {
        let (code, digest) = citygate::access::new_code().unwrap();
        let of = citygate::access::Digest::of(&grant.token).unwrap();
        let row = format!(
            "[[login]]\ntoken = \"{}\"\ntoken_sha256 = \"{of}\"\nsha256 = \"{digest}\"\nexpires = \"2099-01-01T00:00:00Z\"\n",
            grant.name
        );
        write_tokens(&self.tokens, &self.admin, &self.grants, &row);
        code.reveal().to_owned()
    }

    /// Waits until the gateway has taken over the file as it is now.
    pub fn wait_for_link(&self) {
        let start = Instant::now();
        while !self.gateway.said().contains("the tokens file has changed") {
            assert!(start.elapsed() < BOUND, "{}", self.gateway.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The audit log so far.
    pub fn audit(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("data/audit.log")).unwrap_or_default()
    }

    async fn channel(&self) -> Channel {
        let url = format!("http://127.0.0.1:{}", self.gateway.ports.grpc);
        // Windows of the least: who does not read holds a stream up soon.
        let endpoint = Endpoint::from_shared(url)
            .unwrap()
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW);
        endpoint.connect().await.unwrap()
    }

    pub async fn telemetry(&self, token: &str) -> TelemetryServiceClient<Guarded> {
        let bearer = Bearer(token.to_owned());
        TelemetryServiceClient::with_interceptor(self.channel().await, bearer)
    }

    pub async fn registry(&self, token: &str) -> DeviceServiceClient<Guarded> {
        let bearer = Bearer(token.to_owned());
        DeviceServiceClient::with_interceptor(self.channel().await, bearer)
    }

    pub async fn bare(&self) -> TelemetryServiceClient<Channel> {
        TelemetryServiceClient::new(self.channel().await)
    }
}

/// As the commands do it: a whole file in place of the old one.
fn write_tokens(path: &std::path::Path, admin: &Grant, grants: &[Grant], more: &str) {
    let text: String = std::iter::once(admin)
        .chain(grants)
        .map(Grant::toml)
        .collect();
    let new = path.with_extension("new");
    std::fs::write(&new, text + more).unwrap();
    std::fs::rename(new, path).unwrap();
}

/// Every kind of grant: 4 x 3 x 3 of them, and two that also have the gateway.
pub fn grants() -> Vec<Grant> {
    let kinds = [
        None,
        Some(vec!["meter.gas"]),
        Some(vec!["meter"]),
        Some(vec!["meter.heat", "pole"]),
    ];
    let districts = [None, Some(vec!["370102"]), Some(vec!["3701", "4101"])];
    let metrics = [
        None,
        Some(vec!["voltage"]),
        Some(vec!["current", "relative_humidity"]),
    ];
    let mut grants = Vec::new();
    for kinds in &kinds {
        for districts in &districts {
            for metrics in &metrics {
                let name = format!("t{}", grants.len());
                let grant = Grant::new(
                    &name,
                    kinds.clone(),
                    districts.clone(),
                    metrics.clone(),
                    grants.len() % 5 == 4,
                );
                grants.push(grant);
            }
        }
    }
    grants
}
