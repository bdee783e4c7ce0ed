//! The configuration: a TOML file, environment variables over it, and every mistake at once.
//!
//! Each module reads its own section into a struct of its own; this file gathers them and checks
//! what concerns more than one.
mod changes;
mod env;
mod places;

pub use changes::Changes;
pub use places::Places;

use crate::access;
use crate::api;
use crate::catalogue::Catalogue;
use crate::devices;
use crate::history;
use crate::intake;
use crate::inventory;
use crate::log;
use crate::model::Timestamp;
use crate::model::settings::{Problem, Section};
use crate::sources::broker;
use crate::sources::coap;
use crate::sources::mqtt;
use crate::store;
use crate::tls;
use jiff::tz::TimeZone;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Keys that name files, besides those that end in `_file`.
const FILES: &[&str] = &["ca", "cert", "client_ca", "client_cert", "inventory"];

/// Everything that `run` needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// This gateway's name, in every report.
    pub node: String,
    /// Where log, history and sessions lie.
    pub data_dir: PathBuf,
    /// Zone of device times without an offset.
    pub zone: TimeZone,
    /// `[mqtt]`
    pub mqtt: mqtt::Config,
    /// `[[broker]]`
    pub brokers: Vec<broker::Config>,
    /// `[coap]`
    pub coap: coap::Config,
    /// `[access]`; without it gRPC and HTTP are for loopback only.
    pub access: Option<access::Config>,
    /// `[grpc]`
    pub grpc: api::grpc::Config,
    /// `[http]`
    pub http: api::http::Config,
    /// `[tls]`
    pub tls: Option<tls::Config>,
    /// `[log]`
    pub log: log::Options,
    /// `[history]`
    pub history: history::Config,
    /// `[intake]`
    pub intake: intake::Config,
    /// `[devices]`, as far as it concerns the inventory.
    pub inventory: inventory::Config,
    /// `[devices]`, as far as it concerns the registry.
    pub devices: devices::Config,
    /// `[[store]]`
    pub stores: Vec<store::Config>,
    /// `[[route]]`
    pub routes: intake::Routes,
    /// Everything as written, the environment laid over it.
    pub keys: Table,
    /// Where the keys stand.
    pub places: Places,
    /// Shipped metrics and kinds, and `[[metric]]`, `[[kind]]`.
    pub catalogue: Catalogue,
}

impl Config {
    /// Reads the file at `path` and lays the environment over it.
    ///
    /// # Errors
    /// Every problem found.
    pub fn load(
        path: &Path,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Vec<Problem>> {
        let (config, problems) = Self::read_file(path, variables);
        config.filter(|_| problems.is_empty()).ok_or(problems)
    }

    /// As [`Config::load`], but also what can be read of a file with mistakes: a key with a mistake
    /// has its default then. `None`: it is no TOML at all.
    pub fn read_file(
        path: &Path,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> (Option<Self>, Vec<Problem>) {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::read_text(Some(path), &text, variables),
            Err(error) => {
                let problem = Problem::new("--config", path.display(), error.to_string());
                (None, vec![problem])
            }
        }
    }

    /// As [`Config::load`], from a text.
    ///
    /// # Errors
    /// Every problem found.
    pub fn parse(
        text: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Vec<Problem>> {
        let (config, problems) = Self::read_text(None, text, variables);
        config.filter(|_| problems.is_empty()).ok_or(problems)
    }

    fn read_text(
        file: Option<&Path>,
        text: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> (Option<Self>, Vec<Problem>) {
        let mut table: Table = match toml::from_str(text) {
            Ok(table) => table,
            Err(error) => {
                let before = error.span().and_then(|span| text.get(..span.start));
                let line = before.map_or(1, |text| text.matches('\n').count() + 1);
                let problem = Problem::new("line", line, error.message());
                return (
                    None,
                    vec![match file {
                        Some(file) => problem.at(file, line),
                        None => problem,
                    }],
                );
            }
        };
        let variables: Vec<(String, String)> = variables.into_iter().collect();
        let names = variables.iter().map(|(name, _)| name.as_str());
        let places = Places::new(file, text, names);
        let mut problems = Vec::new();
        env::overlay(&mut table, variables, &mut problems);
        let keys = table.clone();
        let mut top = Section::new("", table, &mut problems);
        let config = Self::read(&mut top, keys, places);
        top.finish();
        let problems = config.placed(problems);
        (Some(config), problems)
    }

    /// Problems with the lines on which their keys stand, as far as they stand in the file.
    pub fn placed(&self, problems: Vec<Problem>) -> Vec<Problem> {
        let problems = problems.into_iter();
        problems
            .map(|problem| self.places.placed(problem))
            .collect()
    }

    /// The files that it names, by keys such as `users_file`.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        named_files(&self.keys, &mut files);
        files
    }

    /// The configuration of an empty file.
    ///
    /// # Panics
    /// Never: a test reads it.
    pub fn standard() -> Self {
        Self::parse("", []).expect("an empty file has no mistakes")
    }

    /// What is wrong or doubtful with a configuration that can be read: problems of this moment, with
    /// which a gateway starts all the same, and warnings. Blocks.
    pub fn concerns(&self, now: Timestamp) -> (Vec<Problem>, Vec<Problem>) {
        let (mut problems, mut warnings) = (Vec::new(), Vec::new());
        for (at, store) in self.stores.iter().enumerate() {
            for (key, path, wrong) in store.wrong_files() {
                let key = format!("store[{at}].{key}");
                problems.push(Problem::new(key, path.display(), wrong));
            }
        }
        if let Some(tls) = &self.tls
            && let Some((validity, until)) = tls.validity(now)
        {
            let (kind, rule) = match validity {
                tls::Validity::Good => (None, String::new()),
                tls::Validity::Month | tls::Validity::Week => {
                    (Some(&mut warnings), format!("ends soon, at {until}"))
                }
                tls::Validity::Expired => (Some(&mut problems), format!("has expired at {until}")),
                tls::Validity::Early => (Some(&mut problems), "does not hold yet".to_owned()),
            };
            let cert = tls.cert.display();
            if let Some(kind) = kind {
                kind.push(Problem::new("tls.cert", cert, rule));
            }
        }
        if !self.brokers.is_empty() && !self.keys.contains_key("node") {
            let rule = "is this host's name: a broker keeps sessions by it, and one that changes leaves its share \
                        of the messages behind; set `node`";
            warnings.push(Problem::new("node", &self.node, rule));
        }
        let served = [
            ("grpc.bind", self.grpc.bind, self.grpc.tls),
            ("http.bind", self.http.bind, self.http.tls),
        ];
        for (key, bind, tls) in served {
            if !bind.ip().is_loopback() && !tls {
                let rule = "tokens and readings cross the network unencrypted: use [tls]";
                warnings.push(Problem::new(key, bind, rule));
            }
        }
        (self.placed(problems), self.placed(warnings))
    }

    fn read(top: &mut Section<'_>, keys: Table, places: Places) -> Self {
        let mut catalogue = Catalogue::shipped();
        catalogue.extend(top);
        let node = node(top);
        let has_access = top.has("access");
        let access = has_access.then(|| top.section("access", access::Config::read));
        let (inventory, devices) = top.section("devices", |section| {
            (
                inventory::Config::read(section),
                devices::Config::read(section),
            )
        });
        let routes = intake::Routes::read(top, &catalogue);
        let has_tls = top.has("tls");
        let tls = has_tls.then(|| top.section("tls", tls::Config::read));
        let http = top.section("http", |section| {
            let mut config = api::http::Config::read(section);
            config.tls = over_tls(section, has_tls);
            guard(section, config.bind, has_access);
            config
        });
        guard_pushes(top, &routes, http.bind);
        Self {
            node,
            data_dir: top
                .path("data_dir")
                .unwrap_or_else(|| PathBuf::from("data")),
            zone: top.section("site", zone),
            mqtt: top.section("mqtt", |section| mqtt::Config::read(section, has_tls)),
            brokers: broker::Config::read_all(top),
            coap: top.section("coap", coap::Config::read),
            access,
            grpc: top.section("grpc", |section| {
                let mut config = api::grpc::Config::read(section);
                config.tls = over_tls(section, has_tls);
                guard(section, config.bind, has_access);
                config
            }),
            http,
            tls: tls.flatten(),
            log: top.section("log", log::Options::read),
            history: top.section("history", history::Config::read),
            intake: top.section("intake", intake::Config::read),
            inventory,
            devices,
            stores: store::Config::read_all(top),
            routes,
            keys,
            places,
            catalogue,
        }
    }
}

fn named_files(keys: &Table, files: &mut Vec<PathBuf>) {
    for (key, value) in keys {
        match value {
            Value::String(path) if key.ends_with("_file") || FILES.contains(&key.as_str()) => {
                files.push(path.into());
            }
            Value::Table(keys) => named_files(keys, files),
            Value::Array(items) => {
                let tables = items.iter().filter_map(Value::as_table);
                tables.for_each(|keys| named_files(keys, files));
            }
            _ => {}
        }
    }
}

fn node(top: &mut Section<'_>) -> String {
    let rule = "must be 1 to 64 characters of A-Z a-z 0-9 . _ : -";
    let named = top.get("node", rule, |value| {
        let text = value.as_str()?;
        crate::model::DeviceId::check(text).ok().map(str::to_owned)
    });
    named.unwrap_or_else(|| {
        let host = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        let fits = crate::model::DeviceId::check(&host).is_ok();
        if fits { host } else { "citygate".to_owned() }
    })
}

/// Is this served over TLS? With `[tls]` all is, but what opts out.
fn over_tls(section: &mut Section<'_>, has_tls: bool) -> bool {
    let wanted = section.flag("tls");
    if wanted == Some(true) && !has_tls {
        section.problem("tls", true, "needs [tls], with a certificate");
    }
    wanted.unwrap_or(has_tls)
}

fn zone(site: &mut Section<'_>) -> TimeZone {
    let rule = "must be a zone of the IANA database, such as \"Asia/Shanghai\"";
    site.get("timezone", rule, |value| {
        TimeZone::get(value.as_str()?).ok()
    })
    .unwrap_or(TimeZone::UTC)
}

/// Promise 7: without tokens, what gives readings away listens on loopback only.
fn guard(section: &mut Section<'_>, bind: SocketAddr, has_access: bool) {
    if !has_access && !bind.ip().is_loopback() {
        section.problem(
            "bind",
            bind,
            "must be a loopback address, or nobody may be served without a token: add [access] and \
             make one with `citygate token create`; to try it on a trusted network use `citygate demo --lan`",
        );
    }
}

/// Promise 7: where others than this machine can push, they show that they may.
fn guard_pushes(top: &mut Section<'_>, routes: &intake::Routes, bind: SocketAddr) {
    if bind.ip().is_loopback() {
        return;
    }
    for push in routes.pushes() {
        if push.proof == intake::Proof::Nothing {
            let key = format!("route[{}].push", push.at);
            top.problem(
                &key,
                &push.name,
                "needs what its platform must show, or anybody could report for any device: token_file, user and \
                 password_file, or signature and secret_file; without one only where http.bind is a loopback address",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn an_empty_file_is_complete() {
        let config = Config::standard();
        assert_eq!(config.mqtt.bind, "127.0.0.1:1883".parse().unwrap());
        assert_eq!(config.coap.bind, "127.0.0.1:5683".parse().unwrap());
        assert_eq!(config.grpc.bind, "127.0.0.1:50051".parse().unwrap());
        assert_eq!(config.http.bind, "127.0.0.1:8080".parse().unwrap());
    }

    #[test]
    fn five_mistakes_are_five_problems() {
        let file = "
            nod = 'x'
            [site]
            timezone = 'Asia/Jinan'
            [mqtt]
            bind = 'everywhere'
            [grpc]
            bind = '0.0.0.0:50051'
            [log]
            retain = 'always'
        ";
        let problems = Config::parse(file, []).unwrap_err();
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(shown.len(), 5, "{shown:#?}");
        for key in [
            "nod ",
            "site.timezone ",
            "mqtt.bind ",
            "grpc.bind ",
            "log.retain ",
        ] {
            assert!(
                shown.iter().any(|p| p.starts_with(key)),
                "{key}: {shown:#?}"
            );
        }
    }

    #[test]
    fn a_push_route_without_a_proof_is_for_loopback() {
        let parse = |bind: &str, proof: &str| {
            let access = "[access]\ntokens_file = 't'\n";
            let file =
                format!("{access}[http]\nbind = '{bind}:8080'\n[[route]]\npush = 'aep'\n{proof}");
            Config::parse(&file, [])
        };
        assert!(parse("127.0.0.1", "").is_ok());
        assert!(parse("0.0.0.0", "token_file = 's'").is_ok());
        let problems = parse("0.0.0.0", "").unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        let wrong = |p: &Problem| p.key == "route[0].push" && p.rule.contains("token_file");
        assert!(problems.iter().all(wrong), "{problems:?}");
    }

    #[test]
    fn files_that_are_named_are_listed() {
        let keys =
            "a = 'x'\n[mqtt]\nusers_file = 'u'\n[tls]\ncert = 'c'\n[[store]]\ntoken_file = 't'";
        let mut files = Vec::new();
        named_files(&keys.parse().unwrap(), &mut files);
        assert_eq!(files, ["u", "t", "c"].map(PathBuf::from));
    }

    #[test]
    fn text_that_is_no_toml_names_its_line() {
        let problems = Config::parse("node = 'a'\n[log\n", []).unwrap_err();
        assert!(
            problems.iter().any(|p| p.key == "line" && p.value == "2"),
            "{problems:?}"
        );
    }
}
