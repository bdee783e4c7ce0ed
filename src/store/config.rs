//! `[[store]]`.
use super::client::chain;
use crate::model::Secret;
use crate::model::settings::{Section, show_size};
use crate::tls::{Client, Identity};
use reqwest::Url;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Stores of one gateway: each has a thread, and reads the log once more.
pub const STORES_MAX: usize = 16;
/// Names of the gateway's own readers of the log, in metrics and `gap` events beside the stores.
const TAKEN: [&str; 4] = ["history", "devices", "devices_rejects", "tally"];
/// A batch is written out at this size, whatever `batch_bytes` says: what most servers take.
const BATCH_BYTES_MAX: u64 = 16 << 20;
const BATCH_BYTES_MIN: u64 = 64 << 10;

/// Which API the store speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Api {
    /// `InfluxDB` 2, 3, and whoever speaks like it: `POST {url}/api/v2/write`.
    V2 {
        /// May be empty where the store has none.
        org: String,
        /// Where readings go.
        bucket: String,
        /// Read at each request, so that a new token needs no restart.
        token_file: Option<PathBuf>,
    },
    /// `InfluxDB` 1: `POST {url}/write`.
    V1 {
        /// Where readings go.
        database: String,
        /// For basic authentication.
        user: Option<String>,
        /// Read at each request.
        password_file: Option<PathBuf>,
        /// The database's default, if absent.
        retention_policy: Option<String>,
    },
}

/// Where a store begins that has never been seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// At the oldest record of the log.
    Earliest,
    /// At what comes from now on.
    Now,
}

/// One store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Unique; the cursor is kept by it.
    pub name: Box<str>,
    /// Without a slash at its end, and without credentials.
    pub url: String,
    /// Its API.
    pub api: Api,
    /// Where a new store begins.
    pub start: Begin,
    /// Lines of a batch.
    pub batch_lines: usize,
    /// Bytes of a batch before compression.
    pub batch_bytes: usize,
    /// How long the first line of a batch waits for others.
    pub batch_age: Duration,
    /// Compress what is sent.
    pub gzip: bool,
    /// Batches in flight at a time; the readings of one device are always in one shard.
    pub shards: usize,
    /// For one request.
    pub timeout: Duration,
    /// Certificate authorities (PEM) to trust instead of the system's.
    pub ca: Option<PathBuf>,
}

impl Config {
    /// The files that it names and that cannot be used now, by their keys. They are read when they are
    /// needed, so a gateway starts without them. Blocks.
    pub fn wrong_files(&self) -> Vec<(&'static str, &Path, String)> {
        let (key, secret) = match &self.api {
            Api::V2 { token_file, .. } => ("token_file", token_file.as_deref()),
            Api::V1 { password_file, .. } => ("password_file", password_file.as_deref()),
        };
        let secret = secret.and_then(|path| {
            let error = Secret::read(path).err()?;
            Some((key, path, chain(&error)))
        });
        let authorities = self.ca.as_deref().and_then(|path| {
            let identity = Identity {
                ca: Some(path.to_owned()),
                certificate: None,
            };
            let error = Client::new(&identity, "").err()?;
            Some(("ca", path, chain(&error)))
        });
        secret.into_iter().chain(authorities).collect()
    }

    /// Reads every `[[store]]`.
    pub fn read_all(top: &mut Section<'_>) -> Vec<Self> {
        let mut stores: Vec<Self> = Vec::new();
        top.sections("store", |section| {
            let config = Self::read(section);
            if !config.name.is_empty() && stores.iter().any(|other| other.name == config.name) {
                section.problem("name", &config.name, "another store has this name");
            } else if stores.len() == STORES_MAX {
                section.problem(
                    "name",
                    &config.name,
                    format!("more than {STORES_MAX} stores"),
                );
            }
            stores.push(config);
        });
        stores
    }

    fn read(section: &mut Section<'_>) -> Self {
        let second = Duration::from_secs(1);
        Self {
            name: name(section).unwrap_or_default(),
            url: url(section).unwrap_or_default(),
            api: api(section),
            start: match section.word("start", &["earliest", "now"]) {
                Some("now") => Begin::Now,
                _ => Begin::Earliest,
            },
            batch_lines: count(section, "batch_lines", 1, 100_000).unwrap_or(5_000),
            batch_bytes: section
                .size("batch_bytes", BATCH_BYTES_MIN, BATCH_BYTES_MAX)
                .and_then(|size| usize::try_from(size).ok())
                .unwrap_or(1 << 20),
            batch_age: section
                .duration("batch_age", Duration::from_millis(10), 60 * second)
                .unwrap_or(second),
            gzip: section.flag("gzip").unwrap_or(true),
            shards: count(section, "shards", 1, 64).unwrap_or(4),
            timeout: section
                .duration("timeout", second, 600 * second)
                .unwrap_or(30 * second),
            ca: section.path("ca"),
        }
    }

    /// Where readings go, for people.
    pub fn target(&self) -> &str {
        match &self.api {
            Api::V2 { bucket, .. } => bucket,
            Api::V1 { database, .. } => database,
        }
    }

    /// "v1" or "v2".
    pub const fn api_name(&self) -> &'static str {
        match self.api {
            Api::V1 { .. } => "v1",
            Api::V2 { .. } => "v2",
        }
    }
}

fn count(section: &mut Section<'_>, key: &'static str, min: u64, max: u64) -> Option<usize> {
    usize::try_from(section.integer(key, min, max)?).ok()
}

fn name(section: &mut Section<'_>) -> Option<Box<str>> {
    if !section.has("name") {
        section.problem(
            "name",
            "",
            "a store needs a name: its place in the log is kept by it",
        );
        return None;
    }
    let rule = format!(
        "must be 1 to 64 characters of A-Z a-z 0-9 . _ - and none of {}",
        TAKEN.join(", ")
    );
    section.get("name", &rule, |value| {
        let name = value.as_str()?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let fits = (1..=64).contains(&name.len()) && name.bytes().all(plain);
        (fits && !TAKEN.contains(&name)).then(|| name.into())
    })
}

fn url(section: &mut Section<'_>) -> Option<String> {
    if !section.has("url") {
        section.problem(
            "url",
            "",
            "a store needs a url, such as \"http://influxdb:8086\"",
        );
        return None;
    }
    let rule = "must be http:// or https:// with a host, without user, query and fragment";
    // A wrong one is not shown: it may carry a password.
    let url = section.raw("url")?;
    let parsed = url.as_str().and_then(|text| {
        let url = Url::parse(text).ok()?;
        let plain = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        plain.then(|| text.trim_end_matches('/').to_owned())
    });
    if parsed.is_none() {
        section.problem("url", "..", rule);
    }
    parsed
}

/// A text that must be there, of at most 256 bytes.
fn required(section: &mut Section<'_>, key: &'static str, why: &str) -> String {
    if !section.has(key) {
        section.problem(key, "", why);
        return String::new();
    }
    short(section, key).unwrap_or_default()
}

fn short(section: &mut Section<'_>, key: &'static str) -> Option<String> {
    section.get(key, "must be a text of 1 to 256 bytes", |value| {
        let text = value.as_str()?;
        (1..=256).contains(&text.len()).then(|| text.to_owned())
    })
}

fn api(section: &mut Section<'_>) -> Api {
    let v2 = ["org", "bucket", "token_file"];
    let v1 = ["database", "user", "password_file", "retention_policy"];
    let is_v1 = section.word("api", &["v2", "v1"]) == Some("v1");
    let (foreign, own): (&[&'static str], _) = if is_v1 { (&v2, "v1") } else { (&v1, "v2") };
    for key in foreign {
        if let Some(value) = section.raw(key) {
            let rule = format!("has no meaning with api = \"{own}\"");
            section.problem(key, value, rule);
        }
    }
    if is_v1 {
        let api = Api::V1 {
            database: required(section, "database", "api = \"v1\" needs a database"),
            user: short(section, "user"),
            password_file: section.path("password_file"),
            retention_policy: short(section, "retention_policy"),
        };
        if let Api::V1 {
            user: None,
            password_file: Some(path),
            ..
        } = &api
        {
            section.problem("password_file", path.display(), "needs a user beside it");
        }
        return api;
    }
    Api::V2 {
        org: short(section, "org").unwrap_or_default(),
        bucket: required(section, "bucket", "api = \"v2\" needs a bucket"),
        token_file: section.path("token_file"),
    }
}

impl std::fmt::Display for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} ({}, {}, {}, batches of {} lines or {})",
            self.name,
            self.url,
            self.api_name(),
            self.target(),
            self.batch_lines,
            show_size(self.batch_bytes as u64)
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use crate::model::settings::Problem;

    fn read(text: &str) -> (Vec<Config>, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut top = Section::new("", toml::from_str(text).unwrap(), &mut problems);
        let stores = Config::read_all(&mut top);
        top.finish();
        (stores, problems)
    }

    #[test]
    fn the_contracts_section_is_read() {
        let (stores, problems) = read(
            "[[store]]\nname = 'influx'\nurl = 'http://influxdb:8086/base/'\napi = 'v2'\norg = 'city'\n\
             bucket = 'telemetry'\ntoken_file = '/run/secrets/influx'\nstart = 'earliest'\n\
             [[store]]\nname = 'old'\nurl = 'https://old'\napi = 'v1'\ndatabase = 'city'\nstart = 'now'\n\
             batch_lines = 10\nbatch_bytes = '64KiB'\nbatch_age = '50ms'\ngzip = false\nshards = 1\ntimeout = '2s'",
        );
        assert_eq!(problems, []);
        assert_eq!(stores[0].url, "http://influxdb:8086/base");
        assert_eq!((stores[0].batch_lines, stores[0].shards), (5_000, 4));
        assert_eq!(stores[0].start, Begin::Earliest);
        assert_eq!(stores[0].target(), "telemetry");
        assert_eq!((stores[1].start, stores[1].api_name()), (Begin::Now, "v1"));
        assert!(!stores[1].gzip && stores[1].batch_age == Duration::from_millis(50));
    }

    #[test]
    fn every_mistake_is_a_problem() {
        let (_, problems) = read(
            "[[store]]\nname = 'history'\nurl = 'ftp://x'\nbucket = 'b'\ndatabase = 'd'\n\
             [[store]]\nurl = 'http://user:secret@x'\napi = 'v1'\npassword_file = 'p'\n\
             [[store]]\nname = 'a'\nurl = 'http://x'\nbucket = 'b'\nshards = 0\n\
             [[store]]\nname = 'a'\nurl = 'http://x'\nbucket = 'b'\nbatch_line = 5\n\
             [[store]]\n",
        );
        let keys: Vec<_> = problems.iter().map(|problem| &*problem.key).collect();
        assert_eq!(
            keys,
            [
                "store[0].name",
                "store[0].url",
                "store[0].database",
                "store[1].name",
                "store[1].url",
                "store[1].database",
                "store[1].password_file",
                "store[2].shards",
                "store[3].name",
                "store[3].batch_line",
                "store[4].name",
                "store[4].url",
                "store[4].bucket",
            ],
            "{problems:#?}"
        );
        assert!(
            problems
                .iter()
                .all(|problem| !problem.to_string().contains("secret"))
        );
    }
}
