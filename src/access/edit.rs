//! The tokens file while a command edits it: text goes in and out, so that comments, order and
//! whatever else the operator wrote stay as they are.
//!
//! A token is added at the end, and one line is added to a token that is revoked. The new text is
//! read again before it is written: unless it says exactly what it should, the file stays as it was.
use super::replace::replace;
use super::tokens::{LOGINS_MAX, Login, TOKENS_MAX, Token, Tokens};
use super::{Grant, Scope, TokensError};
use crate::catalogue::Catalogue;
use crate::model::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde::Deserialize;
use std::fmt::Write;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use toml::{Spanned, Value};

/// What stands at the top of a new file.
const HEAD: &str = "\
# Who may see what. `citygate token` edits this file; the gateway follows it within two seconds.
";

/// Why a tokens file cannot be edited.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// It cannot be read as it is.
    #[error(transparent)]
    Tokens(#[from] TokensError),
    /// It cannot be written.
    #[error("cannot write {path:?}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A name that is in use.
    #[error("there is a token {name:?} already; revoke it first, or take another name")]
    Taken {
        /// The name.
        name: Box<str>,
    },
    /// A name that no token has.
    #[error("there is no token {name:?}{}", nearest(near.as_deref()))]
    Absent {
        /// The name.
        name: Box<str>,
        /// The one that was probably meant.
        near: Option<Box<str>>,
    },
    /// Revoked before.
    #[error("the token {name:?} was revoked at {at}")]
    Revoked {
        /// The name.
        name: Box<str>,
        /// When.
        at: Timestamp,
    },
    /// Its time is over.
    #[error("the token {name:?} expired at {at}")]
    Expired {
        /// The name.
        name: Box<str>,
        /// When.
        at: Timestamp,
    },
    /// As many as there may be.
    #[error("there are {max} {what} already; remove revoked or expired ones from the file")]
    Full {
        /// Which.
        what: &'static str,
        /// Their limit.
        max: usize,
    },
    /// Written in a way that this cannot add to.
    #[error("{path:?} is written in a way that this command cannot edit: write `[[token]]` tables")]
    Shape {
        /// The file.
        path: PathBuf,
    },
}

fn nearest(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!("; did you mean {name:?}?"))
}

/// A tokens file, locked against other commands.
#[derive(Debug)]
pub struct Editor {
    path: PathBuf,
    catalogue: Catalogue,
    text: String,
    tokens: Tokens,
    _lock: File,
}

impl Editor {
    /// Opens the file; one that is not there is empty. Waits for other commands.
    ///
    /// # Errors
    /// Unreadable, or with mistakes.
    pub fn open(path: &Path, catalogue: &Catalogue) -> Result<Self, EditError> {
        let io = |source| EditError::Io {
            path: path.to_owned(),
            source,
        };
        let lock = lock(path).map_err(io)?;
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => HEAD.to_owned(),
            read => read.map_err(io)?,
        };
        let tokens = parse(&text, path, catalogue)?;
        Ok(Self {
            path: path.to_owned(),
            catalogue: catalogue.clone(),
            text,
            tokens,
            _lock: lock,
        })
    }

    /// What is in it.
    pub const fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// The token of this name that is admitted at `now`.
    ///
    /// # Errors
    /// There is none, with its reason.
    pub fn live(&self, name: &str, now: Timestamp) -> Result<&Token, EditError> {
        let names = self.tokens.tokens.iter().map(|token| &*token.grant.name);
        let token = self.tokens.named(name).ok_or_else(|| EditError::Absent {
            name: name.into(),
            near: crate::model::settings::nearest(name, names).map(Into::into),
        })?;
        let name: Box<str> = name.into();
        match (token.revoked, token.expires) {
            (Some(at), _) => Err(EditError::Revoked { name, at }),
            (None, Some(at)) if at <= now => Err(EditError::Expired { name, at }),
            _ => Ok(token),
        }
    }

    /// Adds a token and writes the file.
    ///
    /// # Errors
    /// Its name is in use, there are too many, or the disk.
    pub fn create(&mut self, token: Token) -> Result<(), EditError> {
        let named = self.tokens.named(&token.grant.name);
        if named.is_some_and(|token| token.revoked.is_none()) {
            let name = token.grant.name.clone();
            return Err(EditError::Taken { name });
        }
        if self.tokens.tokens.len() >= TOKENS_MAX {
            return Err(EditError::Full {
                what: "tokens",
                max: TOKENS_MAX,
            });
        }
        let text = self.with_end(&token_text(&token));
        let mut tokens = self.tokens.clone();
        tokens.tokens.push(token);
        self.write(text, tokens)
    }

    /// Marks a token as revoked, takes its login links out, and writes the file. One that has expired
    /// may be revoked, too.
    ///
    /// # Errors
    /// There is none, it is revoked already, or the disk.
    pub fn revoke(&mut self, name: &str, now: Timestamp) -> Result<Token, EditError> {
        match self.live(name, now) {
            Err(EditError::Expired { .. }) | Ok(_) => {}
            Err(error) => return Err(error),
        }
        self.forget_logins(|login| &*login.token == name || login.expires <= now);
        let is_it = |token: &Token| &*token.grant.name == name && token.revoked.is_none();
        let mut tokens = self.tokens.clone();
        let mut found = tokens.tokens.iter_mut().enumerate();
        let Some((at, token)) = found.find(|(_, token)| is_it(token)) else {
            return Err(self.shape());
        };
        // As much of the time as the file will say.
        let now = Timestamp::from_secs(now.as_secs_nanos().0);
        token.revoked = Some(now);
        let revoked = token.clone();
        let text = self.with_line(at, &format!("revoked = \"{now}\""));
        let text = text.ok_or_else(|| self.shape())?;
        self.write(text, tokens)?;
        Ok(revoked)
    }

    /// Adds a login link, removes those that are over, and writes the file.
    ///
    /// # Errors
    /// Too many links wait, or the disk.
    pub fn link(&mut self, login: Login, now: Timestamp) -> Result<(), EditError> {
        self.forget_logins(|login| login.expires <= now);
        if self.tokens.logins.len() >= LOGINS_MAX {
            return Err(EditError::Full {
                what: "login links",
                max: LOGINS_MAX,
            });
        }
        let text = self.with_end(&login_text(&login));
        let mut tokens = self.tokens.clone();
        tokens.logins.push(login);
        self.write(text, tokens)
    }

    fn shape(&self) -> EditError {
        EditError::Shape {
            path: self.path.clone(),
        }
    }

    /// The text with a block at its end.
    fn with_end(&self, block: &str) -> String {
        let end = if self.text.is_empty() || self.text.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        format!("{}{end}{block}", self.text)
    }

    /// The text with a line below the name of a token.
    fn with_line(&self, token: usize, line: &str) -> Option<String> {
        let file: Names = toml::from_str(&self.text).ok()?;
        let name = file.token.get(token)?.name.span().end;
        let (before, after) = self.text.split_at_checked(name)?;
        let (rest, after) = after.split_once('\n').unwrap_or((after, ""));
        Some(format!("{before}{rest}\n{line}\n{after}"))
    }

    /// Takes out the links that are `over`, as far as they look as [`login_text`] writes them.
    fn forget_logins(&mut self, over: impl Fn(&Login) -> bool) {
        let mut text = self.text.clone();
        for login in self.tokens.logins.iter().filter(|login| over(login)) {
            text = text.replace(&login_text(login), "");
        }
        // A link that was written by hand stays, until it is taken out by hand.
        if let Ok(tokens) = parse(&text, &self.path, &self.catalogue)
            && tokens.tokens == self.tokens.tokens
        {
            self.text = text;
            self.tokens = tokens;
        }
    }

    fn write(&mut self, text: String, tokens: Tokens) -> Result<(), EditError> {
        match parse(&text, &self.path, &self.catalogue) {
            Ok(read) if read == tokens => {}
            _ => return Err(self.shape()),
        }
        replace(&self.path, text.as_bytes()).map_err(|source| EditError::Io {
            path: self.path.clone(),
            source,
        })?;
        self.text = text;
        self.tokens = tokens;
        Ok(())
    }
}

/// Where the names stand in the text.
#[derive(Deserialize)]
struct Names {
    token: Vec<Name>,
}

#[derive(Deserialize)]
struct Name {
    name: Spanned<String>,
}

fn parse(text: &str, path: &Path, catalogue: &Catalogue) -> Result<Tokens, TokensError> {
    Tokens::parse(text, catalogue).map_err(|problems| TokensError::Problems {
        path: path.to_owned(),
        problems,
    })
}

/// Keeps other commands away while it lives. The folder is locked, for the file itself is another
/// one after each edit.
fn lock(path: &Path) -> io::Result<File> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let folder = File::open(parent.unwrap_or(Path::new(".")))?;
    flock(&folder, FlockOperation::LockExclusive)?;
    Ok(folder)
}

/// A `[[token]]` as this file writes it; what has its default is left out.
pub(super) fn token_text(token: &Token) -> String {
    let grant = &token.grant;
    let mut text = String::from("\n[[token]]\n");
    let mut put = |key: &str, value: Value| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{key} = {value}");
    };
    put("name", Value::from(&*grant.name));
    put("sha256", Value::from(token.digest.to_string()));
    for (key, time) in [
        ("created", token.created),
        ("expires", token.expires),
        ("revoked", token.revoked),
    ] {
        if let Some(time) = time {
            put(key, Value::from(time.to_string()));
        }
    }
    for (key, scope) in [("kinds", &grant.kinds), ("districts", &grant.districts)] {
        if let Scope::Only(list) = scope {
            let list = list.iter().map(|item| Value::from(&**item));
            put(key, Value::Array(list.collect()));
        }
    }
    if let Scope::Only(metrics) = &grant.metrics {
        let mut sorted: Vec<&str> = metrics.iter().map(|metric| &**metric).collect();
        sorted.sort_unstable();
        let list = sorted.into_iter().map(Value::from);
        put("metrics", Value::Array(list.collect()));
    }
    if grant.gateway != default_gateway(grant) {
        put("gateway", Value::from(grant.gateway));
    }
    if grant.operate {
        put("operate", Value::from(true));
    }
    if !grant.purpose.is_empty() {
        put("purpose", Value::from(&*grant.purpose));
    }
    text
}

/// What `gateway` is where the file does not say.
const fn default_gateway(grant: &Grant) -> bool {
    grant.is_unrestricted()
}

fn login_text(login: &Login) -> String {
    let (token, digest, expires) = (&login.token, login.digest, login.expires);
    let bound = login.token_digest.map_or_else(String::new, |digest| {
        format!("token_sha256 = \"{digest}\"\n")
    });
    format!(
        "\n[[login]]\ntoken = \"{token}\"\n{bound}sha256 = \"{digest}\"\nexpires = \"{expires}\"\n"
    )
}

#[cfg(test)]
mod tests;
