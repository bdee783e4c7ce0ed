//! What another configuration changes, and what of that can take effect at once.
use super::Config;
use toml::{Table, Value};

/// Keys, and all below them, that take effect without a restart. Everything else does not: addresses,
/// places on the disk, and limits by which memory was laid out.
const RELOADED: &[&str] = &[
    "devices",
    "http.hosts",
    "intake.keep_raw",
    "intake.readings_max",
    "intake.reject_budget",
    "mqtt.users_file",
    "route",
];
/// Routes may name kinds, so they wait for the catalogue that has them.
const CATALOGUE: &[&str] = &["kind", "metric"];

/// Do two configurations mean the same by a section, however it is written?
type Same = fn(&Config, &Config) -> bool;
const SECTIONS: &[(&str, Same)] = &[
    ("access", |a, b| a.access == b.access),
    ("broker", |a, b| a.brokers == b.brokers),
    ("coap", |a, b| a.coap == b.coap),
    ("data_dir", |a, b| a.data_dir == b.data_dir),
    ("devices", |a, b| {
        (&a.inventory, &a.profiles, &a.devices) == (&b.inventory, &b.profiles, &b.devices)
    }),
    ("grpc", |a, b| a.grpc == b.grpc),
    ("history", |a, b| a.history == b.history),
    ("http", |a, b| a.http == b.http),
    ("intake", |a, b| a.intake == b.intake),
    ("log", |a, b| a.log == b.log),
    ("mqtt", |a, b| a.mqtt == b.mqtt),
    ("node", |a, b| a.node == b.node),
    ("site", |a, b| a.zone == b.zone),
    ("store", |a, b| a.stores == b.stores),
    ("tls", |a, b| a.tls == b.tls),
];

/// Dotted keys that differ.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Take effect now.
    pub now: Vec<String>,
    /// Take effect at the next start.
    pub restart: Vec<String>,
}

impl Changes {
    /// From the configuration that a gateway started with to another.
    pub fn between(started: &Config, new: &Config) -> Self {
        let mut keys = Vec::new();
        differences("", &started.keys, &new.keys, &mut keys);
        keys.retain(|key| {
            let same = SECTIONS.iter().find(|(section, _)| is_below(key, section));
            same.is_none_or(|(_, same)| !same(started, new))
        });
        let catalogue = keys.iter().any(|key| is_any_of(key, CATALOGUE));
        let waits = |key: &str| !is_any_of(key, RELOADED) || (catalogue && is_below(key, "route"));
        let (restart, now) = keys.into_iter().partition(|key| waits(key));
        Self { now, restart }
    }

    /// Has something changed that lies below `key`?
    pub fn has(&self, key: &str) -> bool {
        let mut all = self.now.iter().chain(&self.restart);
        all.any(|changed| is_below(changed, key))
    }

    /// Must what lies below `key` wait for a restart?
    pub fn waits(&self, key: &str) -> bool {
        self.restart.iter().any(|waiting| is_below(waiting, key))
    }
}

fn is_any_of(key: &str, sections: &[&str]) -> bool {
    sections.iter().any(|section| is_below(key, section))
}

/// `a.b` and `a[0].b` lie below `a`, and so does `a` itself.
fn is_below(key: &str, section: &str) -> bool {
    let rest = key.strip_prefix(section);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

fn differences(path: &str, old: &Table, new: &Table, keys: &mut Vec<String>) {
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let empty = Value::Table(Table::new());
    for name in names {
        let path = match path {
            "" => name.clone(),
            path => format!("{path}.{name}"),
        };
        // A table that is absent is an empty one, but a value that is absent is none.
        match (old.get(name), new.get(name)) {
            (Some(old), None) if old.is_table() => difference(&path, old, &empty, keys),
            (None, Some(new)) if new.is_table() => difference(&path, &empty, new, keys),
            (Some(old), Some(new)) => difference(&path, old, new, keys),
            _ => keys.push(path),
        }
    }
}

fn difference(path: &str, old: &Value, new: &Value, keys: &mut Vec<String>) {
    match (old, new) {
        (Value::Table(old), Value::Table(new)) => differences(path, old, new, keys),
        (Value::Array(old), Value::Array(new))
            if old.len() == new.len() && old.iter().chain(new).all(Value::is_table) =>
        {
            for (at, (old, new)) in old.iter().zip(new).enumerate() {
                difference(&format!("{path}[{at}]"), old, new, keys);
            }
        }
        (old, new) if old == new => {}
        _ => keys.push(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn changes(old: &str, new: &str) -> Changes {
        let config = |text| Config::parse(text, []).unwrap();
        Changes::between(&config(old), &config(new))
    }

    #[test]
    fn keys_are_told_apart_by_what_they_can_do_at_once() {
        let found = changes(
            "[mqtt]\nreceive_max = 10\n[log]\nretain = '24h'\n[[route]]\ntopic = 'a/{device}'",
            "[mqtt]\nreceive_max = 11\n[log]\nretain = '1d'\n[http]\nhosts = ['a']\n[[route]]\ntopic = 'b/{device}'",
        );
        assert_eq!(found.now, ["http.hosts", "route[0].topic"]);
        assert_eq!(found.restart, ["mqtt.receive_max"]);
        assert!(found.has("mqtt") && found.has("route") && !found.has("log"));
        assert!(found.waits("mqtt") && !found.waits("mqtt.bind") && !found.waits("route"));
    }

    #[test]
    fn what_is_written_otherwise_and_means_the_same_is_no_change() {
        assert_eq!(
            changes("", "[coap]\nbind = '127.0.0.1:5683'"),
            Changes::default()
        );
        assert_eq!(changes("[intake]\n", ""), Changes::default());
    }

    #[test]
    fn routes_wait_for_their_kinds() {
        let route = "[[route]]\ntopic = 'a/{device}'";
        let kind = "[[kind]]\nname = 'pole.kiosk'\nen = 'Screen'\nzh = '屏'\n";
        let found = changes("", &format!("{kind}{route}\nkind = 'pole.kiosk'"));
        assert_eq!(found.restart, ["kind", "route"]);
        assert_eq!(changes("", route).now, ["route"]);
    }
}
