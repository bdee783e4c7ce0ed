//! Who may connect: an optional file of users.
//!
//! ```toml
//! [[user]]
//! name = "pole-7"
//! password_sha256 = "k3Jd9x:5e88489..."   # salt, colon, hex of SHA-256 over salt and password
//! [[user]]
//! name = "meters"
//! password_file = "/run/secrets/meters"   # the same text, or the password itself, on one line
//! ```
//! `printf '%s%s' "$salt" "$password" | sha256sum` makes the hash. A password in the clear is
//! accepted from a `password_file` only, and hashed when it is read. Device passwords are long and
//! random, made by whoever provisions the device, so one salted SHA-256 is enough; a slow hash
//! would let a thousand reconnecting devices stall the gateway.
use crate::model::settings::{Problem, Section};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

/// Users that a file may name: a table in memory, read once.
const USERS_MAX: usize = 1_000_000;
/// Longest salt, in bytes.
const SALT_MAX: usize = 64;

/// Why the users' file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// The file itself, or a `password_file`.
    #[error("cannot read {path}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Not TOML.
    #[error("{path} is no TOML: {what}")]
    Toml {
        /// Which file.
        path: PathBuf,
        /// The parser's words.
        what: String,
    },
    /// Every mistake in it.
    #[error("{path}: {}", show(problems))]
    Problems {
        /// Which file.
        path: PathBuf,
        /// All of them.
        problems: Vec<Problem>,
    },
}

fn show(problems: &[Problem]) -> String {
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    shown.join("; ")
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Secret {
    salt: Box<str>,
    hash: [u8; 32],
}

impl Secret {
    fn hash(salt: &str, password: &str) -> [u8; 32] {
        let mut sha = Sha256::new();
        sha.update(salt.as_bytes());
        sha.update(password.as_bytes());
        sha.finalize().into()
    }

    /// One user and password give one secret for as long as the process lives, so that a file that is
    /// read again changes nothing for those who have not changed.
    fn of(name: &str, password: &str) -> Self {
        static SALTS: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        let salt = format!("{:016x}", SALTS.hash_one(name));
        Self {
            hash: Self::hash(&salt, password),
            salt: salt.into(),
        }
    }

    /// `salt:hex`.
    fn parse(text: &str) -> Option<Self> {
        let (salt, hex) = text.rsplit_once(':')?;
        if salt.is_empty() || salt.len() > SALT_MAX || hex.len() != 64 || !hex.is_ascii() {
            return None;
        }
        let mut hash = [0; 32];
        for (at, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(Self {
            salt: salt.into(),
            hash,
        })
    }

    /// Takes the same time wherever the first difference lies.
    fn matches(&self, password: &str) -> bool {
        let hash = Self::hash(&self.salt, password);
        let differences = hash
            .iter()
            .zip(&self.hash)
            .fold(0, |all, (a, b)| all | (a ^ b));
        std::hint::black_box(differences) == 0
    }
}

/// What a user proved to know.
#[derive(Clone, Debug)]
pub struct Known(Arc<Secret>);

/// The users of `mqtt.users_file`.
#[derive(Clone, Debug)]
pub struct Users {
    secrets: HashMap<Box<str>, Arc<Secret>>,
    files: Vec<PathBuf>,
    /// Compared with when the name is unknown, so that names cannot be guessed by time.
    nobody: Secret,
}

impl Users {
    /// Reads the file and the password files that it names (relative to it).
    ///
    /// # Errors
    /// Unreadable, not TOML, or any number of mistakes, all of them named.
    pub fn load(path: &Path) -> Result<Self, UsersError> {
        let io = |path: &Path, source| UsersError::Io {
            path: path.to_owned(),
            source,
        };
        let text = fs::read_to_string(path).map_err(|source| io(path, source))?;
        let table = text
            .parse()
            .map_err(|error: toml::de::Error| UsersError::Toml {
                path: path.to_owned(),
                what: error.message().to_owned(),
            })?;
        let mut problems = Vec::new();
        let mut section = Section::new("", table, &mut problems);
        let rows = section.sections("user", |user| {
            let row = (
                user.text("name"),
                user.text("password_sha256"),
                user.path("password_file"),
            );
            match &row {
                (None, ..) => user.problem("name", "absent", "must name the user"),
                (_, None, None) | (_, Some(_), Some(_)) => user.problem(
                    "password_sha256",
                    "absent or twice",
                    "must be given, or password_file, but not both",
                ),
                (_, Some(hash), _) if Secret::parse(hash).is_none() => user.problem(
                    "password_sha256",
                    "(hidden)",
                    "must be a salt, a colon and 64 hex digits",
                ),
                _ => {}
            }
            row
        });
        section.finish();
        if rows.len() > USERS_MAX {
            problems.push(Problem::new(
                "user",
                rows.len(),
                format!("at most {USERS_MAX} users"),
            ));
        }
        let mut users = Self {
            secrets: HashMap::new(),
            files: vec![path.to_owned()],
            nobody: Secret::of("", ""),
        };
        for (name, hash, file) in rows {
            let secret = match (hash, file) {
                (Some(hash), _) => Secret::parse(&hash),
                (_, Some(file)) => {
                    let file = path.parent().unwrap_or(Path::new("")).join(file);
                    let text = fs::read_to_string(&file).map_err(|source| io(&file, source))?;
                    let text = text.trim_end_matches(['\r', '\n']);
                    let of = || Secret::of(name.as_deref().unwrap_or_default(), text);
                    let secret = Secret::parse(text).unwrap_or_else(of);
                    users.files.push(file);
                    Some(secret)
                }
                _ => None,
            };
            let (Some(name), Some(secret)) = (name, secret) else {
                continue; // noted above
            };
            let secret = Arc::new(secret);
            if users.secrets.insert(name.clone().into(), secret).is_some() {
                problems.push(Problem::new("user.name", &name, "must be there once"));
            }
        }
        if problems.is_empty() {
            return Ok(users);
        }
        Err(UsersError::Problems {
            path: path.to_owned(),
            problems,
        })
    }

    /// May this user connect? Says by what, if so.
    pub fn known(&self, login: Option<&(String, String)>) -> Option<Known> {
        let (name, password) = login.map_or(("", ""), |(name, password)| (name, password));
        let Some(secret) = self.secrets.get(name) else {
            self.nobody.matches(password);
            return None;
        };
        let matches = secret.matches(password);
        matches.then(|| Known(Arc::clone(secret)))
    }

    /// Is this still the user's secret?
    pub fn still(&self, name: &str, known: Option<&Known>) -> bool {
        let now = self.secrets.get(name);
        now.zip(known).is_some_and(|(now, known)| *now == known.0)
    }

    /// The files that were read.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> (tempfile::TempDir, Result<Users, UsersError>) {
        let dir = tempfile::tempdir().expect("temp dir");
        fs::write(dir.path().join("secret"), "plain text\n").expect("written");
        let path = dir.path().join("users.toml");
        fs::write(&path, text).expect("written");
        let users = Users::load(&path);
        (dir, users)
    }

    fn login(name: &str, password: &str) -> (String, String) {
        (name.to_owned(), password.to_owned())
    }

    #[test]
    fn a_user_connects_with_the_right_password_only() {
        // printf '%s%s' salt secret | sha256sum
        let hash = "bede90386d450cea8b77b822f8887065e4e5abf132c2f9dccfcc7fbd4cba5e35";
        let (_dir, users) = load(&format!(
            "[[user]]\nname = 'a'\npassword_sha256 = 'salt:{hash}'\n[[user]]\nname = 'b'\npassword_file = 'secret'"
        ));
        let users = users.expect("valid");
        let allows = |login: Option<&_>| users.known(login).is_some();
        assert!(allows(Some(&login("a", "secret"))));
        assert!(allows(Some(&login("b", "plain text"))));
        assert!(!allows(Some(&login("a", "plain text"))));
        assert!(!allows(Some(&login("nobody", ""))));
        assert!(!allows(None));
    }

    #[test]
    fn every_mistake_is_named_and_no_hash_is_shown() {
        let (_dir, users) = load(
            "[[user]]\nname = 'a'\npassword_sha256 = 'abc'\n[[user]]\npassword_file = 'secret'\n[[user]]\nname = 'c'\npaswort = 'x'",
        );
        let Err(UsersError::Problems { problems, .. }) = users else {
            panic!("accepted")
        };
        assert_eq!(problems.len(), 4, "{problems:#?}");
        assert!(!show(&problems).contains("abc"));
    }
}
