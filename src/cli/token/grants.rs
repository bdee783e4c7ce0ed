//! Where the tokens are, and what they grant in words.
use crate::access::audit::{self, Caller, Entry, What};
use crate::access::{Editor, Grant, Scope, Token, Tokens, read_tokens};
use crate::catalogue::Catalogue;
use crate::cli::Error;
use crate::config::Config;
use crate::model::Timestamp;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::PathBuf;

/// The options that say which tokens.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// The gateway's configuration, which names the tokens file; else `CITYGATE_CONFIG` does
    #[arg(long, value_name = "FILE", conflicts_with = "tokens_file")]
    config: Option<PathBuf>,
    /// The tokens file itself; nothing is noted in an audit log then
    #[arg(long, value_name = "FILE")]
    tokens_file: Option<PathBuf>,
}

/// Where the tokens are.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) tokens_file: PathBuf,
    pub(crate) catalogue: Catalogue,
    /// `None`: only the file is known.
    pub(crate) config: Option<Config>,
    audit_log: Option<PathBuf>,
}

impl Place {
    /// Finds the file.
    pub(crate) fn find(&self) -> Result<Places, Error> {
        if let Some(file) = &self.tokens_file {
            return Ok(Places::of_file(file.clone()));
        }
        let named = self.config.clone();
        let named = named.or_else(|| std::env::var_os("CITYGATE_CONFIG").map(PathBuf::from));
        let loaded = match &named {
            Some(file) => crate::cli::load_config(file),
            None => crate::cli::default_config(),
        };
        let config = loaded.map_err(|problems| Error::Wrong(crate::cli::listed(&problems)))?;
        let Some(access) = &config.access else {
            return Err(Error::Usage(match named {
                Some(file) => format!(
                    "{} has no [access]: add it with tokens_file = \"tokens.toml\", for without it the gateway asks for no token",
                    file.display()
                ),
                None => {
                    "which tokens? --config FILE, --tokens-file FILE or CITYGATE_CONFIG says it"
                        .to_owned()
                }
            }));
        };
        Ok(Places {
            tokens_file: access.tokens_file.clone(),
            catalogue: config.catalogue.clone(),
            audit_log: Some(access.audit_file(&config.data_dir)),
            config: Some(config),
        })
    }
}

impl Places {
    fn of_file(tokens_file: PathBuf) -> Self {
        Self {
            tokens_file,
            catalogue: Catalogue::shipped(),
            config: None,
            audit_log: None,
        }
    }

    /// Of a gateway that is being set up.
    pub(crate) fn of_config(config: &Config) -> Option<Self> {
        let access = config.access.as_ref()?;
        Some(Self {
            tokens_file: access.tokens_file.clone(),
            catalogue: config.catalogue.clone(),
            audit_log: Some(access.audit_file(&config.data_dir)),
            config: Some(config.clone()),
        })
    }

    /// What is in the file; one that is not there has nothing.
    pub(crate) fn read(&self) -> Result<Tokens, Error> {
        match read_tokens(self.tokens_file.clone(), &self.catalogue) {
            Err(error) if error.is_missing() => Ok(Tokens::default()),
            read => read.map_err(|error| Error::wrong("cannot read the tokens", &error)),
        }
    }

    /// Opens the file to change it.
    pub(crate) fn edit(&self) -> Result<Editor, Error> {
        Editor::open(&self.tokens_file, &self.catalogue).map_err(|error| super::failed(&error))
    }

    /// Notes a change in the audit log. It has happened already: a failure is only told.
    pub(crate) fn note(&self, what: What, grant: &str, detail: &str, now: Timestamp) {
        let Some(path) = &self.audit_log else {
            return;
        };
        let entry = Entry {
            what,
            grant,
            caller: Caller::default(),
            detail,
        };
        if let Err(error) = audit::append(path, &entry, now) {
            // Nobody is left to tell when standard error is closed, too.
            let _ = writeln!(
                io::stderr(),
                "citygate: not noted in the audit log {}: {error}",
                path.display()
            );
        }
    }
}

/// What a part of a grant lets through: "all", or its entries in order.
fn part<'g>(entries: Option<impl Iterator<Item = &'g str>>) -> String {
    entries.map_or("all".to_owned(), |entries| {
        let mut entries: Vec<&str> = entries.collect();
        entries.sort_unstable();
        entries.join(", ")
    })
}

fn list(scope: &Scope<Vec<Box<str>>>) -> Option<impl Iterator<Item = &str>> {
    match scope {
        Scope::All => None,
        Scope::Only(list) => Some(list.iter().map(|entry| &**entry)),
    }
}

fn parts(grant: &Grant) -> [(&'static str, String); 3] {
    let metrics = match &grant.metrics {
        Scope::All => None,
        Scope::Only(metrics) => Some(metrics.iter().map(|metric| &**metric)),
    };
    [
        ("kinds", part(list(&grant.kinds))),
        ("districts", part(list(&grant.districts))),
        ("metrics", part(metrics)),
    ]
}

/// The metrics, in words.
pub(crate) fn metrics(grant: &Grant) -> (&'static str, String) {
    let [_, _, metrics] = parts(grant);
    metrics
}

/// In a few words: "kinds meter.gas; districts 3701".
pub(crate) fn brief(grant: &Grant) -> String {
    let parts = parts(grant).into_iter();
    let mut words: Vec<String> = parts
        .filter(|(_, what)| what != "all")
        .map(|(name, what)| format!("{name} {what}"))
        .collect();
    if words.is_empty() {
        words.push("everything".to_owned());
    }
    if grant.gateway != grant.is_unrestricted() {
        let gateway = if grant.gateway {
            "gateway"
        } else {
            "not the gateway"
        };
        words.push(gateway.to_owned());
    }
    if grant.operate {
        words.push("operate".to_owned());
    }
    words.join("; ")
}

/// In sentences: what is seen, part by part.
pub(crate) fn rows(grant: &Grant) -> Vec<(&'static str, String)> {
    let [(_, kinds), (_, districts), (_, metrics)] = parts(grant);
    let kinds = match &grant.kinds {
        Scope::All => "all, also devices of unknown kind".to_owned(),
        Scope::Only(_) => format!("{kinds}, with what is below each"),
    };
    let districts = match &grant.districts {
        Scope::All => "all, also devices without a district".to_owned(),
        Scope::Only(_) => format!("{districts}, with what begins so"),
    };
    let gateway = if grant.gateway {
        "yes: its counters, sources, metrics, strangers and rejects"
    } else {
        "no: neither its counters and sources, nor strangers and rejects"
    };
    let operate = if grant.operate {
        "yes: it may change things, such as rewinding a store"
    } else {
        "no: it changes nothing"
    };
    vec![
        ("kinds", kinds),
        ("districts", districts),
        ("metrics", metrics),
        ("gateway", gateway.to_owned()),
        ("operate", operate.to_owned()),
    ]
}

/// A token for programs; an absent list is "all".
pub(crate) fn as_json(token: &Token, state: &str) -> Value {
    let grant = &token.grant;
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string());
    let strings = |entries: Option<Vec<&str>>| {
        entries.map(|mut entries| {
            entries.sort_unstable();
            entries.into_iter().map(str::to_owned).collect::<Vec<_>>()
        })
    };
    let metrics = match &grant.metrics {
        Scope::All => None,
        Scope::Only(metrics) => Some(metrics.iter().map(|metric| &**metric).collect()),
    };
    json!({
        "name": grant.name,
        "state": state,
        "created": time(token.created),
        "expires": time(token.expires),
        "revoked": time(token.revoked),
        "kinds": strings(list(&grant.kinds).map(Iterator::collect)),
        "districts": strings(list(&grant.districts).map(Iterator::collect)),
        "metrics": strings(metrics),
        "gateway": grant.gateway,
        "operate": grant.operate,
        "purpose": grant.purpose,
        "sha256Prefix": token.digest.prefix(),
    })
}
