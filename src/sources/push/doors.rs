//! Push routes with the secrets that open them.
use super::signature::{self, Signed, same};
use super::{Asked, Denied};
use crate::intake::{Carrier, Proof, Push, Scheme};
use crate::model::settings::Problem;
use crate::model::{Secret, Timestamp, chain};
use axum::http::header;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::path::Path;

/// All push routes, by name.
#[derive(Debug, Default)]
pub struct Doors(Vec<Door>);

/// One push route.
#[derive(Debug)]
pub(super) struct Door {
    name: Box<str>,
    lock: Lock,
}

#[derive(Debug)]
enum Lock {
    Open,
    /// Digests of what is right, so that a comparison tells nothing by its time.
    Token(Carrier, [u8; 32]),
    Basic([u8; 32]),
    Signature(Scheme, Secret),
}

/// What a request has shown.
#[derive(Debug)]
pub(super) struct Shown {
    /// Signed headers, whose body is still to come.
    pub(super) signed: Option<Signed>,
}

/// Reads the secrets of push routes. Blocks.
///
/// # Errors
/// Each file that holds none.
pub fn open(pushes: impl Iterator<Item = Push>) -> Result<Doors, Vec<Problem>> {
    let (mut doors, mut problems) = (Vec::new(), Vec::new());
    for Push { at, name, proof } in pushes {
        let mut read = |key: &str, path: &Path| {
            let secret = Secret::read(path).map_err(|error| {
                let key = format!("route[{at}].{key}");
                problems.push(Problem::new(key, path.display(), chain(&error)));
            });
            secret.ok()
        };
        let lock = match proof {
            Proof::Nothing => Some(Lock::Open),
            Proof::Token { carrier, file } => read("token_file", &file)
                .map(|token| Lock::Token(carrier, digest(token.reveal().as_bytes()))),
            Proof::Basic { user, file } => read("password_file", &file).map(|password| {
                Lock::Basic(digest([&user, ":", password.reveal()].concat().as_bytes()))
            }),
            Proof::Signature { scheme, file } => {
                read("secret_file", &file).map(|secret| Lock::Signature(scheme, secret))
            }
        };
        doors.extend(lock.map(|lock| Door { name, lock }));
    }
    if problems.is_empty() {
        Ok(Doors(doors))
    } else {
        Err(problems)
    }
}

impl Doors {
    /// None?
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn find(&self, name: &str) -> Option<&Door> {
        self.0.iter().find(|door| *door.name == *name)
    }
}

impl Door {
    /// Does a request show what the route asks for?
    pub(super) fn check(&self, asked: &Asked<'_>, now: Timestamp) -> Result<Shown, Denied> {
        let wrong = |shown: Option<&[u8]>, right: &[u8; 32], missing, what| match shown {
            None => Err(Denied::Wrong(missing)),
            Some(shown) if same(&digest(shown), right) => Ok(Shown { signed: None }),
            Some(_) => Err(Denied::Wrong(what)),
        };
        match &self.lock {
            Lock::Open => Ok(Shown { signed: None }),
            Lock::Token(carrier, right) => {
                let shown = token(carrier, asked);
                wrong(
                    shown,
                    right,
                    "the token of this route is missing",
                    "this is not the token of this route",
                )
            }
            Lock::Basic(right) => wrong(
                basic(asked).as_deref(),
                right,
                "user and password are missing: Authorization: Basic",
                "wrong user or password",
            ),
            Lock::Signature(scheme, secret) => {
                let signed = signature::check(*scheme, secret, asked.headers, now);
                let signed = Some(signed.map_err(Denied::Wrong)?);
                Ok(Shown { signed })
            }
        }
    }
}

fn token<'a>(carrier: &Carrier, asked: &Asked<'a>) -> Option<&'a [u8]> {
    match carrier {
        Carrier::Bearer => authorization(asked, "bearer").map(str::as_bytes),
        Carrier::Header(name) => {
            let mut all = asked.headers.get_all(&**name).iter();
            let value = all.next()?;
            all.next().is_none().then_some(value.as_bytes())
        }
        Carrier::Query(name) => {
            let mut all = asked.query.iter().filter(|(key, _)| **key == **name);
            let (_, value) = all.next()?;
            all.next().is_none().then_some(value.as_bytes())
        }
    }
}

/// `user:password` (RFC 7617 §2).
fn basic(asked: &Asked<'_>) -> Option<Vec<u8>> {
    STANDARD.decode(authorization(asked, "basic")?).ok()
}

/// RFC 9110 §11.1: the scheme in any case, then spaces.
fn authorization<'a>(asked: &Asked<'a>, wanted: &str) -> Option<&'a str> {
    let credentials = asked.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = credentials.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case(wanted)
        .then(|| rest.trim_matches(' '))
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}
