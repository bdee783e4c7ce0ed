//! `/.well-known/core`: what is served here, in the link format (RFC 6690).
//!
//! The links name where uplinks go: below `/t` and `/api/v1`, the names of devices and tokens follow.
use xxhash_rust::xxh3::xxh3_64;

/// Content-Format application/link-format (RFC 7252 §12.3).
pub const LINK_FORMAT: u16 = 40;
/// Its path.
pub const WELL_KNOWN: &str = ".well-known/core";

/// A link: where, and its attributes.
type Link = (&'static str, &'static [(&'static str, &'static str)]);

/// Formats: JSON, CBOR, `SenML` JSON and CBOR (RFC 8428).
const LINKS: &[Link] = &[
    (
        "/t",
        &[
            ("rt", "citygate.uplink"),
            ("if", "citygate.post"),
            ("ct", "50 60 110 112"),
            ("title", "Readings: POST or PUT /t/{device}/{profile}"),
        ],
    ),
    (
        "/api/v1",
        &[
            ("rt", "citygate.uplink thingsboard.device"),
            ("if", "citygate.post"),
            ("ct", "50"),
            ("title", "ThingsBoard: POST /api/v1/{token}/telemetry"),
        ],
    ),
    ("/.well-known/core", &[("ct", "40"), ("title", "This list")]),
];

/// Writes the links that fit every query (RFC 6690 §4.1): `rt=citygate.uplink`, `href=/t*`.
pub fn links<'a>(queries: &(impl Iterator<Item = &'a str> + Clone), out: &mut String) {
    out.clear();
    let fitting = LINKS
        .iter()
        .filter(|link| queries.clone().all(|query| fits(link, query)));
    for (href, attributes) in fitting {
        if !out.is_empty() {
            out.push(',');
        }
        out.extend(["<", href, ">"]);
        for (name, value) in *attributes {
            let numeric = value.bytes().all(|byte| byte.is_ascii_digit());
            let quote = if numeric { "" } else { "\"" };
            out.extend([";", name, "=", quote, value, quote]);
        }
    }
}

/// Attributes whose value is a list of words, each of which may be asked for.
const LISTS: [&str; 3] = ["rt", "if", "rel"];

fn fits((href, attributes): &Link, query: &str) -> bool {
    let Some((name, wanted)) = query.split_once('=') else {
        return false;
    };
    let same = |value: &str| match wanted.strip_suffix('*') {
        Some(prefix) => value.starts_with(prefix),
        None => value == wanted,
    };
    if name == "href" {
        return same(href);
    }
    let mut named = attributes.iter().filter(|(known, _)| *known == name);
    named.any(|(_, value)| same(value) || (LISTS.contains(&name) && value.split(' ').any(same)))
}

/// Tells one text from another.
pub fn etag(text: &str) -> [u8; 8] {
    xxh3_64(text.as_bytes()).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(queries: &[&str]) -> String {
        let mut out = "old".to_owned();
        links(&queries.iter().copied(), &mut out);
        out
    }

    #[test]
    fn all_links_are_in_the_link_format() {
        let all = asked(&[]);
        assert!(all.starts_with("</t>;rt=\"citygate.uplink\";"), "{all}");
        assert!(all.contains(",</.well-known/core>;ct=40;title="), "{all}");
        assert!(all.len() > 64, "longer than a small block");
        assert_ne!(etag(&all), etag("x"));
    }

    /// RFC 6690 §4.1: by attribute, by one of several words, by prefix, by href.
    #[test]
    fn queries_filter() {
        let count = |queries: &[&str]| asked(queries).matches("</").count();
        for (queries, expected) in [
            (&["rt=citygate.uplink"][..], 2),
            (&["rt=thingsboard.device"], 1),
            (&["rt=thingsboard*"], 1),
            (&["rt=*"], 2),
            (&["rt=citygate"], 0),
            (&["if=citygate.post", "rt=thingsboard.device"], 1),
            (&["ct=40"], 1),
            (&["ct=50*"], 2),
            (&["href=/t"], 1),
            (&["href=/t*"], 1),
            (&["href=/*"], 3),
            (&["sz=*"], 0),
            (&["rt"], 0),
        ] {
            assert_eq!(count(queries), expected, "{queries:?}");
        }
        assert_eq!(asked(&["rt=none"]), "");
    }
}
