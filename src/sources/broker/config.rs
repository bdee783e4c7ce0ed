//! `[[broker]]`: which brokers, what of them, and the limits.
use super::credentials;
use super::filter;
use crate::model::settings::Section;
use crate::model::{DeviceId, chain};
use crate::tls::Identity;
use std::path::PathBuf;
use std::time::Duration;
use toml::Value;
use xxhash_rust::xxh3::xxh3_64;

/// Brokers of one gateway: each is a label of its metrics.
const BROKERS_MAX: usize = 16;
/// Clients of one broker. One takes some 20,000 messages a second, four twice that.
pub(super) const CLIENTS_MAX: u16 = 16;
/// Filters of one broker: they go into one SUBSCRIBE.
const TOPICS_MAX: usize = 64;
/// Longest client id: brokers take more than the 23 bytes that MQTT 3.1.1 promises, but not any number.
const CLIENT_ID_LEN_MAX: usize = 64;

/// Version of MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 3.1.1.
    V4,
    /// 5.
    V5,
}

impl Version {
    /// As in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V4 => "3.1.1",
            Self::V5 => "5",
        }
    }
}

/// Who the gateway is to a broker. The password is read at each connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// `user`.
    pub user: String,
    /// `password_file`.
    pub password_file: PathBuf,
}

/// One `[[broker]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Its name: label of metrics, part of client ids.
    pub name: String,
    /// Host name or address; one of IPv6 in brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// `mqtts`: how the broker is checked, and what is shown to it. Read at each connection.
    pub tls: Option<Identity>,
    /// Of MQTT.
    pub version: Version,
    /// Group of the shared subscription; empty: each gateway gets everything.
    pub group: String,
    /// Filters.
    pub topics: Vec<String>,
    /// 0 or 1, as subscribed to.
    pub qos: u8,
    /// Connections that share the work.
    pub clients: u16,
    /// User name and password.
    pub login: Option<Login>,
    /// Longest silence of ours; the broker takes one and a half of it for the end of the connection.
    pub keep_alive: Duration,
    /// How long the broker keeps a session without a connection (MQTT 5; in 3.1.1 the broker's rule).
    pub session_expiry: Duration,
    /// Messages of one client that wait for the disk (MQTT 5: Receive Maximum).
    pub inflight_max: u16,
    /// Their payloads' bytes.
    pub inflight_bytes: usize,
    /// Longest packet, in bytes.
    pub packet_max: usize,
}

/// Where a broker is, out of its URL.
#[derive(Debug, Default, PartialEq, Eq)]
struct Place {
    host: String,
    port: u16,
    tls: bool,
}

impl Config {
    /// Reads every `[[broker]]`, noting every mistake, those of the files that it names included.
    pub fn read_all(top: &mut Section<'_>) -> Vec<Self> {
        let mut names: Vec<String> = Vec::new();
        let brokers = top.sections("broker", |section| {
            let config = Self::read(section);
            if names.contains(&config.name) {
                let rule = "names another broker already; client ids and metrics need one each: set `name`";
                section.problem("name", &config.name, rule);
            }
            names.push(config.name.clone());
            config
        });
        if brokers.len() > BROKERS_MAX {
            top.problem(
                "broker",
                brokers.len(),
                format!("must be at most {BROKERS_MAX} brokers"),
            );
        }
        brokers
    }

    fn read(section: &mut Section<'_>) -> Self {
        let place = place(section);
        let named = section.get(
            "name",
            "must be 1 to 64 characters of A-Z a-z 0-9 . _ : -",
            |value| DeviceId::check(value.as_str()?).ok().map(str::to_owned),
        );
        let group = group(section);
        let mut clients = section
            .integer("clients", 1, CLIENTS_MAX.into())
            .unwrap_or(1);
        if group.is_empty() && clients > 1 {
            section.problem(
                "clients",
                clients,
                "must be 1 without a `group`, for each client gets every message then",
            );
            clients = 1;
        }
        let secs = Duration::from_secs;
        Self {
            name: named.unwrap_or_else(|| place.host.replace(['[', ']'], "")),
            tls: tls(section, place.tls),
            host: place.host,
            port: place.port,
            version: match section.word("version", &["3.1.1", "5"]) {
                Some("3.1.1") => Version::V4,
                _ => Version::V5,
            },
            group,
            topics: topics(section),
            qos: qos(section),
            clients: u16::try_from(clients).unwrap_or(1),
            login: login(section),
            // rumqttc takes 5 s at least.
            keep_alive: section
                .duration("keep_alive", secs(5), secs(3_600))
                .unwrap_or(secs(60)),
            // MQTT 5 counts in 32-bit seconds, the highest of which means "for ever".
            session_expiry: section
                .duration("session_expiry", secs(60), secs(100 * 365 * 86_400))
                .unwrap_or(secs(7 * 86_400)),
            inflight_max: section
                .integer("inflight_max", 1, 65_535)
                .and_then(|value| u16::try_from(value).ok())
                .unwrap_or(1_024),
            inflight_bytes: size(section, "inflight_bytes", 64 << 20).unwrap_or(4 << 20),
            packet_max: size(section, "packet_max", 16 << 20).unwrap_or(1 << 20),
        }
    }

    /// The id of client number `index`: the same after each restart, for the broker keeps the session
    /// under it. Where it would be too long, a hash takes the place of its end.
    pub fn client_id(&self, node: &str, index: u16) -> String {
        let id = format!("citygate-{node}-{}-{index}", self.name);
        if id.len() <= CLIENT_ID_LEN_MAX {
            return id;
        }
        let hash = format!("-{:016x}", xxh3_64(id.as_bytes()));
        // Node and name are ASCII.
        let kept = id.get(..CLIENT_ID_LEN_MAX - hash.len()).unwrap_or_default();
        format!("{kept}{hash}")
    }

    /// As in the configuration, without what is secret.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "mqtts" } else { "mqtt" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }

    /// The filters as they are subscribed to.
    pub fn subscriptions(&self) -> Vec<String> {
        let shared = |topic: &String| filter::shared(&self.group, topic);
        self.topics.iter().map(shared).collect()
    }
}

fn size(section: &mut Section<'_>, key: &'static str, max: u64) -> Option<usize> {
    let bytes = section.size(key, 1 << 10, max);
    bytes.and_then(|bytes| usize::try_from(bytes).ok())
}

fn place(section: &mut Section<'_>) -> Place {
    let rule = "must be mqtt://host[:port] or mqtts://host[:port]; user and password go into `user` and `password_file`";
    if !section.has("url") {
        section.problem("url", "nothing", rule);
    }
    let read = |value: &Value| parse_url(value.as_str()?);
    let place = section.get("url", rule, read).unwrap_or_default();
    if place.tls && place.host.starts_with('[') {
        let rule =
            "must name the host or give its IPv4 address: the TLS of rumqttc takes no IPv6 address";
        section.problem("url", &place.host, rule);
    }
    place
}

fn parse_url(url: &str) -> Option<Place> {
    let (scheme, rest) = url.split_once("://")?;
    let (tls, standard) = match scheme {
        "mqtt" => (false, 1883),
        "mqtts" => (true, 8883),
        _ => return None,
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let bracket = rest.rfind(']');
    let colon = rest
        .rfind(':')
        .filter(|at| bracket.is_none_or(|bracket| *at > bracket));
    let (host, port) = match colon.and_then(|at| rest.split_at_checked(at)) {
        Some((host, port)) => (host, port.get(1..)?.parse().ok().filter(|port| *port > 0)?),
        None => (rest, standard),
    };
    let v6 = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let ordinary = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    let fits = v6.map_or_else(
        || (1..=253).contains(&host.len()) && host.chars().all(ordinary),
        |v6| v6.parse::<std::net::Ipv6Addr>().is_ok(),
    );
    let host = host.to_owned();
    fits.then_some(Place { host, port, tls })
}

fn group(section: &mut Section<'_>) -> String {
    let rule = "must be at most 64 bytes without / + #; \"\" for no sharing";
    let group = section.get("group", rule, |value| {
        value
            .as_str()
            .filter(|name| filter::is_group(name))
            .map(str::to_owned)
    });
    group.unwrap_or_else(|| "citygate".to_owned())
}

fn topics(section: &mut Section<'_>) -> Vec<String> {
    let given = section.has("topics");
    let read = section.texts("topics");
    if !given || read.as_ref().is_some_and(Vec::is_empty) {
        section.problem(
            "topics",
            "nothing",
            "must be a list of topic filters, such as [\"city/#\"]",
        );
    }
    let topics = read.unwrap_or_default();
    if topics.len() > TOPICS_MAX {
        section.problem(
            "topics",
            topics.len(),
            format!("must be at most {TOPICS_MAX} filters"),
        );
    }
    for topic in topics.iter().filter(|topic| !filter::is_valid(topic)) {
        section.problem("topics", topic, filter::RULE);
    }
    for (at, topic) in topics.iter().enumerate() {
        let others = topics.iter().skip(at + 1);
        for other in others.filter(|other| filter::overlap(topic, other)) {
            let rule = format!(
                "must not overlap with {topic:?}: a broker may deliver a message once for each"
            );
            section.problem("topics", other, rule);
        }
    }
    topics
}

fn qos(section: &mut Section<'_>) -> u8 {
    let rule = "must be 1, or 0 where losing messages is all right; 2 is not offered: rumqttc cannot take it up \
                again after a break, and what comes twice at 1 is recognised";
    let qos = section.get("qos", rule, |value| {
        let qos = u8::try_from(value.as_integer()?).ok()?;
        (qos <= 1).then_some(qos)
    });
    qos.unwrap_or(1)
}

fn login(section: &mut Section<'_>) -> Option<Login> {
    let user = section.text("user");
    let path = section.path("password_file");
    match (user, path) {
        (None, None) => None,
        (Some(user), Some(password_file)) => {
            let login = Login {
                user,
                password_file,
            };
            if let Err(error) = credentials::password(&login) {
                section.problem(
                    "password_file",
                    login.password_file.display(),
                    chain(&error),
                );
            }
            Some(login)
        }
        (Some(user), None) => {
            section.problem("user", user, "needs a `password_file`");
            None
        }
        (None, Some(path)) => {
            section.problem("password_file", path.display(), "needs a `user`");
            None
        }
    }
}

fn tls(section: &mut Section<'_>, wanted: bool) -> Option<Identity> {
    let (ca, cert, key) = (
        section.path("ca"),
        section.path("cert"),
        section.path("key_file"),
    );
    if !wanted {
        for (name, path) in [("ca", &ca), ("cert", &cert), ("key_file", &key)] {
            if let Some(path) = path {
                section.problem(
                    name,
                    path.display(),
                    "is for TLS: the url must begin with mqtts://",
                );
            }
        }
        return None;
    }
    if cert.is_some() != key.is_some() {
        let (name, path) = cert
            .as_ref()
            .map_or(("key_file", &key), |_| ("cert", &cert));
        let shown = path.as_deref().map(|path| path.display().to_string());
        section.problem(
            name,
            shown.unwrap_or_default(),
            "`cert` and `key_file` go together",
        );
    }
    let identity = Identity {
        ca,
        certificate: cert.zip(key),
    };
    if let Err(error) = credentials::tls(&identity) {
        section.problem("ca, cert, key_file", "", chain(&error));
    }
    Some(identity)
}

#[cfg(test)]
mod tests;
