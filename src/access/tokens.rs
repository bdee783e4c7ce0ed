//! The tokens file, as it is read.
//!
//! ```toml
//! [[token]]                     # what `citygate token create` writes
//! name = "gas-company"
//! sha256 = "9f86d081884c7d65.." # of the token, which is nowhere
//! created = "2026-11-25T08:00:00Z"
//! expires = "2027-11-25T08:00:00Z"
//! revoked = "2026-12-01T08:00:00Z"
//! kinds = ["meter.gas"]         # absent: all; by prefix of whole parts
//! districts = ["3701"]          # absent: all; by prefix
//! metrics = ["gas_volume"]      # absent: all
//! gateway = false               # default: true if kinds, districts and metrics are absent
//! operate = false
//! purpose = "billing"
//! [[login]]                     # what `citygate token link` writes
//! token = "gas-company"
//! token_sha256 = "9f86d081884c7d65.." # of that token: another one of this name is not meant
//! sha256 = "60303ae22b998861.." # of the link's code
//! expires = "2026-11-25T08:15:00Z"
//! ```
use super::{Digest, Grant, Scope};
use crate::catalogue::Catalogue;
use crate::model::settings::{Problem, Section};
use crate::model::{DeviceId, Timestamp};
use jiff::tz::TimeZone;
use std::collections::HashSet;
use std::sync::Arc;
use toml::{Table, Value};

/// Tokens of one file, revoked ones included.
pub const TOKENS_MAX: usize = 10_000;
/// Login links that wait to be used.
pub const LOGINS_MAX: usize = 1_000;
/// Entries of `kinds`, `districts` and `metrics`.
const LIST_MAX: usize = 256;
/// Longest purpose and district, in bytes.
const PURPOSE_MAX: usize = 200;
const DISTRICT_MAX: usize = 64;

/// One `[[token]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Of the token's text.
    pub digest: Digest,
    /// When it was made, as far as the file says.
    pub created: Option<Timestamp>,
    /// The first moment at which it is no longer taken.
    pub expires: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// What it lets its holder see; its name is the token's.
    pub grant: Arc<Grant>,
}

impl Token {
    /// Is its time over?
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// One `[[login]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Of the link's code.
    pub digest: Digest,
    /// Name of the token that it logs in with.
    pub token: Box<str>,
    /// That token's, for its name may be another's by now. A link without it is refused.
    pub token_digest: Option<Digest>,
    /// The first moment at which it is no longer taken.
    pub expires: Timestamp,
}

/// All of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    /// `[[token]]`, in order.
    pub tokens: Vec<Token>,
    /// `[[login]]`, in order.
    pub logins: Vec<Login>,
}

impl Tokens {
    /// Reads the text of a tokens file.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn parse(text: &str, catalogue: &Catalogue) -> Result<Self, Vec<Problem>> {
        let table: Table = toml::from_str(text).map_err(|error: toml::de::Error| {
            let start = error.span().map_or(0, |span| span.start);
            let before = text.get(..start).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            vec![Problem::new("line", line, error.message())]
        })?;
        let mut problems = Vec::new();
        let mut top = Section::new("", table, &mut problems);
        let tokens = top.sections("token", |section| token(section, catalogue));
        let logins = top.sections("login", login);
        top.finish();
        let read = Self {
            tokens: tokens.into_iter().flatten().collect(),
            logins: logins.into_iter().flatten().collect(),
        };
        read.check(&mut problems);
        if problems.is_empty() {
            Ok(read)
        } else {
            Err(problems)
        }
    }

    /// The token of this name that is not revoked, else the one revoked last.
    pub fn named(&self, name: &str) -> Option<&Token> {
        let named = self
            .tokens
            .iter()
            .filter(|token| &*token.grant.name == name);
        // `None`, not revoked, is below every time.
        named.min_by_key(|token| {
            (
                token.revoked.is_some(),
                token.revoked.map(std::cmp::Reverse),
            )
        })
    }

    fn check(&self, problems: &mut Vec<Problem>) {
        for (key, count, max) in [
            ("token", self.tokens.len(), TOKENS_MAX),
            ("login", self.logins.len(), LOGINS_MAX),
        ] {
            if count > max {
                problems.push(Problem::new(key, count, format!("at most {max} entries")));
            }
        }
        let mut digests = HashSet::new();
        let mut names = HashSet::new();
        for token in &self.tokens {
            let name = &token.grant.name;
            if !digests.insert(token.digest) {
                let rule = "this hash is there twice: no two tokens are the same";
                problems.push(Problem::new("token.sha256", name, rule));
            }
            if token.revoked.is_none() && !names.insert(name) {
                let rule = "must be there once, but for tokens that are revoked";
                problems.push(Problem::new("token.name", name, rule));
            }
        }
    }
}

fn token(section: &mut Section<'_>, catalogue: &Catalogue) -> Option<Token> {
    let name = name(section, "name");
    let digest = digest(section, "sha256");
    let created = time(section, "created");
    let expires = time(section, "expires");
    let revoked = time(section, "revoked");
    let kinds = kinds(section, catalogue);
    let districts = districts(section);
    let metrics = metrics(section, catalogue);
    let unrestricted = kinds.is_all() && districts.is_all() && metrics.is_all();
    let gateway = section.flag("gateway").unwrap_or(unrestricted);
    let operate = section.flag("operate").unwrap_or(false);
    let rule = format!("must be a text of at most {PURPOSE_MAX} bytes on one line");
    let purpose = section.get("purpose", &rule, |value| {
        let text = value.as_str()?;
        (text.len() <= PURPOSE_MAX && !text.contains(char::is_control)).then(|| text.to_owned())
    });
    Some(Token {
        digest: digest?,
        created,
        expires,
        revoked,
        grant: Arc::new(Grant {
            name: name?,
            purpose: purpose.unwrap_or_default().into(),
            kinds,
            districts,
            metrics,
            gateway,
            operate,
        }),
    })
}

fn login(section: &mut Section<'_>) -> Option<Login> {
    let token = name(section, "token");
    let bound = section.has("token_sha256");
    let token_digest = bound.then(|| digest(section, "token_sha256"));
    let digest = digest(section, "sha256");
    let present = section.has("expires");
    let expires = time(section, "expires");
    if !present {
        section.problem("expires", "absent", "must say until when the link is good");
    }
    Some(Login {
        digest: digest?,
        token: token?,
        token_digest: token_digest.flatten(),
        expires: expires?,
    })
}

fn name(section: &mut Section<'_>, key: &'static str) -> Option<Box<str>> {
    let rule = "must be 1 to 64 characters of A-Z a-z 0-9 . _ : -";
    if !section.has(key) {
        section.problem(key, "absent", rule);
    }
    section.get(key, rule, |value| {
        DeviceId::check(value.as_str()?).ok().map(Into::into)
    })
}

/// A wrong value is not shown: it may be the token itself, pasted into the wrong place.
fn digest(section: &mut Section<'_>, key: &'static str) -> Option<Digest> {
    let value = section.raw(key);
    let read = value
        .as_ref()
        .and_then(Value::as_str)
        .and_then(Digest::parse);
    if read.is_none() {
        let shown = if value.is_some() {
            "(hidden)"
        } else {
            "absent"
        };
        section.problem(key, shown, "must be the 64 hex digits of a SHA-256");
    }
    read
}

/// A time with its offset, as a text or as TOML's own.
fn time(section: &mut Section<'_>, key: &'static str) -> Option<Timestamp> {
    let rule = "must be a time with its offset, such as \"2027-11-25T08:00:00Z\"";
    section.get(key, rule, |value| {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Datetime(time) => time.to_string(),
            _ => return None,
        };
        text.parse::<jiff::Timestamp>().ok()?;
        Timestamp::parse(&text, &TimeZone::UTC).ok()
    })
}

/// A list that is not empty, each entry as `read` takes it; what is wrong leaves nothing to see.
fn list<T>(
    section: &mut Section<'_>,
    key: &'static str,
    mut read: impl FnMut(&str) -> Result<T, String>,
) -> Scope<Vec<T>> {
    if !section.has(key) {
        return Scope::All;
    }
    let items = section.texts(key).unwrap_or_default();
    let mut all = Vec::new();
    for item in items.iter().take(LIST_MAX) {
        match read(item) {
            Ok(item) => all.push(item),
            Err(rule) => section.problem(key, item, rule),
        }
    }
    if items.is_empty() || items.len() > LIST_MAX {
        let rule = format!("must have 1 to {LIST_MAX} entries; leave it out for all");
        section.problem(key, items.len(), rule);
    }
    Scope::Only(all)
}

fn kinds(section: &mut Section<'_>, catalogue: &Catalogue) -> Scope<Vec<Box<str>>> {
    list(section, "kinds", |kind| check_kind(kind, catalogue))
}

/// Can a grant name this kind?
///
/// # Errors
/// What is wrong with it, with the nearest name.
pub fn check_kind(kind: &str, catalogue: &Catalogue) -> Result<Box<str>, String> {
    if kind == "unknown" {
        return Err("devices of unknown kind are seen by a token without `kinds` only".to_owned());
    }
    if catalogue.has_kind_prefix(kind) {
        return Ok(kind.into());
    }
    Err(match catalogue.nearest_kind(kind) {
        Some(near) => format!("no such kind; did you mean `{near}`?"),
        None => "no such kind".to_owned(),
    })
}

fn districts(section: &mut Section<'_>) -> Scope<Vec<Box<str>>> {
    list(section, "districts", check_district)
}

/// Can a grant name this district?
///
/// # Errors
/// What is wrong with it.
pub fn check_district(district: &str) -> Result<Box<str>, String> {
    let fits = (1..=DISTRICT_MAX).contains(&district.len()) && !district.contains(char::is_control);
    fits.then(|| district.into())
        .ok_or_else(|| format!("a district has 1 to {DISTRICT_MAX} bytes"))
}

fn metrics(section: &mut Section<'_>, catalogue: &Catalogue) -> Scope<HashSet<Box<str>>> {
    match list(section, "metrics", |metric| check_metric(metric, catalogue)) {
        Scope::All => Scope::All,
        Scope::Only(metrics) => Scope::Only(metrics.into_iter().collect()),
    }
}

/// Can a grant name this metric?
///
/// # Errors
/// What is wrong with it, with the nearest name.
pub fn check_metric(name: &str, catalogue: &Catalogue) -> Result<Box<str>, String> {
    match catalogue.metric(name) {
        Some(metric) if &*metric.name == name => Ok(name.into()),
        Some(metric) => Err(format!("is an alias; its name here is `{}`", metric.name)),
        None => Err(match catalogue.nearest_metric(name) {
            Some(near) => format!("no such metric; did you mean `{near}`?"),
            None => "no such metric".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests;
