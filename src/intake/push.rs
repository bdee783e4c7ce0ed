//! A `[[route]]` by which a platform pushes, and what the platform must show.
//!
//! ```toml
//! [[route]]
//! push = "huawei"                    # POST /v1/push/huawei
//! profile = "huawei-oceanconnect"
//! signature = "iotda"                # or "milesight", "standard-webhooks": headers signed with a secret
//! secret_file = "/run/secrets/huawei"
//! # or a token: in `Authorization: Bearer`, else in a header or query parameter of this name
//! # token_file = "/run/secrets/aep"   header = "X-Token"   query = "token"
//! # or Basic: user = "aep"   password_file = "/run/secrets/aep"
//! ```
//! Here are names and files only: whoever serves the route reads the secrets.
use crate::model::settings::Section;
use std::path::PathBuf;

/// Longest name of a route, header, query parameter or user, in bytes.
const NAME_LEN_MAX: usize = 64;

/// What a platform must show before anything of it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Nothing: for loopback.
    Nothing,
    /// A token.
    Token {
        /// Where it travels.
        carrier: Carrier,
        /// Holds it.
        file: PathBuf,
    },
    /// RFC 7617.
    Basic {
        /// The user's name.
        user: Box<str>,
        /// Holds the password.
        file: PathBuf,
    },
    /// Headers signed with a secret.
    Signature {
        /// How.
        scheme: Scheme,
        /// Holds the secret.
        file: PathBuf,
    },
}

/// Where a token travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// `Authorization: Bearer`.
    Bearer,
    /// The whole value of a header, by its lower-case name.
    Header(Box<str>),
    /// A parameter of the query, for platforms that can be given nothing but a URL.
    Query(Box<str>),
}

/// How a platform signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Huawei `IoTDA`: SHA-256 over token, timestamp and nonce, sorted.
    Iotda,
    /// Milesight's development platform: HMAC-SHA256 over timestamp and nonce.
    Milesight,
    /// standardwebhooks.com: HMAC-SHA256 over id, timestamp and body.
    StandardWebhooks,
}

/// A route by which a platform pushes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// Place among `[[route]]`.
    pub at: usize,
    /// The last level of `/v1/push/{route}`.
    pub name: Box<str>,
    /// What is asked of whoever pushes.
    pub proof: Proof,
}

/// Keys that only a push route has.
const KEYS: [&str; 7] = [
    "token_file",
    "header",
    "query",
    "user",
    "password_file",
    "signature",
    "secret_file",
];

/// Reads the name, `None` where the route is none of this kind or the name is wrong.
pub(super) fn read(section: &mut Section<'_>) -> Option<(Box<str>, Proof)> {
    let name = section.text("push")?;
    let proof = read_proof(section);
    let part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() || name.len() > 32 || !name.chars().all(part) {
        section.problem("push", &name, "must be 1 to 32 characters of a-z 0-9 -");
        return None;
    }
    Some((name.into(), proof?))
}

/// Says that what belongs to a push route has no meaning here.
pub(super) fn refuse(section: &mut Section<'_>) {
    for key in KEYS {
        if let Some(value) = section.raw(key) {
            section.problem(key, value, "only of a route with `push`");
        }
    }
}

fn read_proof(section: &mut Section<'_>) -> Option<Proof> {
    let token = section.path("token_file");
    let carrier = read_carrier(section, token.is_some());
    let (user, password) = (read_name(section, "user"), section.path("password_file"));
    let scheme = section.word("signature", &["iotda", "milesight", "standard-webhooks"]);
    let secret = section.path("secret_file");
    let halves = [
        ("user", user.is_some(), "password_file", password.is_some()),
        (
            "signature",
            scheme.is_some(),
            "secret_file",
            secret.is_some(),
        ),
    ];
    for (one, has_one, other, has_other) in halves {
        if has_one != has_other {
            let (missing, given) = if has_one { (other, one) } else { (one, other) };
            section.problem(missing, "", format!("is missing: `{given}` needs it"));
            return None;
        }
    }
    let basic = user.zip(password);
    let basic = basic.map(|(user, file)| Proof::Basic { user, file });
    let signed = scheme.zip(secret).map(|(scheme, file)| Proof::Signature {
        scheme: match scheme {
            "iotda" => Scheme::Iotda,
            "milesight" => Scheme::Milesight,
            _ => Scheme::StandardWebhooks,
        },
        file,
    });
    let token = token.map(|file| Proof::Token { carrier, file });
    let mut all = [token, basic, signed].into_iter().flatten();
    let first = all.next().unwrap_or(Proof::Nothing);
    if all.next().is_some() {
        let rule = "has several proofs: token_file, user or signature, one of them";
        section.problem("push", "", rule);
        return None;
    }
    Some(first)
}

fn read_carrier(section: &mut Section<'_>, has_token: bool) -> Carrier {
    let (header, query) = (read_name(section, "header"), read_name(section, "query"));
    if !has_token && let Some(name) = header.as_ref().or(query.as_ref()) {
        section.problem(
            "header",
            name,
            "says where a token travels: needs token_file",
        );
    }
    if let (Some(_), Some(query)) = (&header, &query) {
        section.problem("query", query, "header or query, one of them");
    }
    match (header, query) {
        (Some(name), _) => Carrier::Header(name.to_ascii_lowercase().into()),
        (None, Some(name)) => Carrier::Query(name),
        (None, None) => Carrier::Bearer,
    }
}

/// Of a header, parameter or user: characters that need no quoting anywhere.
fn read_name(section: &mut Section<'_>, key: &'static str) -> Option<Box<str>> {
    let rule = "must be 1 to 64 characters of A-Z a-z 0-9 . _ -";
    section.get(key, rule, |value| {
        let name = value.as_str()?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let fits = (1..=NAME_LEN_MAX).contains(&name.len()) && name.bytes().all(plain);
        fits.then(|| name.into())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn read_one(toml: &str) -> (Option<(Box<str>, Proof)>, Vec<String>) {
        let mut problems = Vec::new();
        let table = toml::from_str(toml).unwrap();
        let mut section = Section::new("route[0]", table, &mut problems);
        let read = read(&mut section);
        section.finish();
        (read, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn each_proof_is_read() {
        for (toml, expected) in [
            ("", Proof::Nothing),
            (
                "token_file = 't'",
                Proof::Token {
                    carrier: Carrier::Bearer,
                    file: "t".into(),
                },
            ),
            (
                "token_file = 't'\nheader = 'X-Token'",
                Proof::Token {
                    carrier: Carrier::Header("x-token".into()),
                    file: "t".into(),
                },
            ),
            (
                "token_file = 't'\nquery = 'key'",
                Proof::Token {
                    carrier: Carrier::Query("key".into()),
                    file: "t".into(),
                },
            ),
            (
                "user = 'aep'\npassword_file = 'p'",
                Proof::Basic {
                    user: "aep".into(),
                    file: "p".into(),
                },
            ),
            (
                "signature = 'milesight'\nsecret_file = 's'",
                Proof::Signature {
                    scheme: Scheme::Milesight,
                    file: "s".into(),
                },
            ),
        ] {
            let (read, problems) = read_one(&format!("push = 'a-1'\n{toml}"));
            assert_eq!(problems, [""; 0], "{toml}");
            assert_eq!(read, Some(("a-1".into(), expected)), "{toml}");
        }
    }

    #[test]
    fn half_a_proof_two_proofs_and_odd_names_are_problems() {
        for toml in [
            "push = 'a'\nuser = 'x'",
            "push = 'a'\nsecret_file = 'x'",
            "push = 'a'\nheader = 'X-Token'",
            "push = 'a'\ntoken_file = 't'\nheader = 'a'\nquery = 'b'",
            "push = 'a'\ntoken_file = 't'\nuser = 'x'\npassword_file = 'p'",
            "push = 'a'\nsignature = 'md5'\nsecret_file = 's'",
            "push = 'a/b'",
            "push = ''",
            "push = 'a'\ntoken = 'secret'",
        ] {
            assert!(!read_one(toml).1.is_empty(), "{toml}");
        }
    }
}
