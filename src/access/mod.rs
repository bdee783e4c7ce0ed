//! Who may see what: promise 7, deny by default.
//!
//! ```text
//!  bearer token, cookie --enter--> Pass: what is granted, and until when
//!                                    |-- grant: kinds, districts, metrics  -> what leaves is cut to it
//!                                    `-- ended: revoked, expired, changed  -> an open stream ends
//!  login link --redeem--> cookie (30 days) <--log_in-- token that is pasted
//!  tokens.toml --poll--> one validated snapshot; a broken file leaves the old one in force
//!  everything of note --audit--> audit.log
//! ```
//! Without `[access]` the gateway serves loopback only, and everybody there has [`Grant::everything`].
//! With it, nobody is served without a token, loopback included.
//!
//! Decisions. The file is the only truth: commands edit it, the gateway follows it, and there is no
//! call that gives rights. A revoked token stays in the file with its time, for whoever reads the
//! audit log later. Admission looks into memory only and never waits.
pub mod audit;
mod config;
mod digest;
mod edit;
mod grant;
mod guarded;
mod pass;
mod refusals;
mod replace;
mod sessions;
mod source;
mod stats;
mod table;
mod tokens;

pub use config::Config;
pub use digest::{Digest, new_code, new_token};
pub use edit::{EditError, Editor};
pub use grant::{Grant, Scope};
pub use guarded::{LoadError, NewSession};
pub use pass::{Denied, Pass};
pub use refusals::Refusals;
pub use sessions::{LINK, PER_TOKEN_MAX, SESSIONS_MAX, count_sessions};
pub use source::{TokensError, read_tokens};
pub use stats::Stats;
pub use tokens::{
    LOGINS_MAX, Login, TOKENS_MAX, Token, Tokens, check_district, check_kind, check_metric,
};

use crate::catalogue::Catalogue;
use crate::model::{Clock, Timestamp};
use audit::{Caller, Entry};
use guarded::Guarded;
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Where a login link leads, with the code as the parameter [`LOGIN_CODE`]. Opened with GET it must
/// only ask: a messenger that shows a preview of the link would use it up.
pub const LOGIN_PATH: &str = "/login";
/// See [`LOGIN_PATH`].
pub const LOGIN_CODE: &str = "code";

/// What a caller presents.
#[derive(Clone, Copy)]
pub enum Credential<'a> {
    /// Nothing.
    Nothing,
    /// A token, without "Bearer ".
    Token(&'a str),
    /// The value of a phone's cookie.
    Cookie(&'a str),
}

/// Admits callers. Shared by gRPC and HTTP.
#[derive(Debug)]
pub struct Access {
    mode: Mode,
}

#[derive(Debug)]
enum Mode {
    Open(Pass),
    Guarded(Box<Guarded>),
}

impl Access {
    /// No `[access]`: everybody may see everything. For loopback.
    pub fn open() -> Self {
        let everybody = Grant::everything("everybody");
        Self {
            mode: Mode::Open(Pass::new(Arc::new(everybody))),
        }
    }

    /// Reads the tokens file and the sessions in `data_dir`, opens the audit log. A tokens file that
    /// is not there yet admits nobody, until it is. Blocks on the disk.
    ///
    /// # Errors
    /// A file that cannot be read, or mistakes in the tokens file.
    pub fn load(
        config: &Config,
        data_dir: &Path,
        catalogue: &Catalogue,
        now: Timestamp,
    ) -> Result<Self, LoadError> {
        let guarded = Guarded::load(config, data_dir, catalogue, now)?;
        Ok(Self {
            mode: Mode::Guarded(Box::new(guarded)),
        })
    }

    const fn guarded(&self) -> Option<&Guarded> {
        match &self.mode {
            Mode::Open(_) => None,
            Mode::Guarded(guarded) => Some(guarded),
        }
    }

    /// Is no token needed?
    pub const fn is_open(&self) -> bool {
        matches!(self.mode, Mode::Open(_))
    }

    /// The way in: admits a caller, or counts and audits why not. Never blocks.
    ///
    /// # Errors
    /// Nothing was presented, nobody has it, its time is over, or too much was wrong before.
    pub fn enter(
        &self,
        caller: Caller<'_>,
        credential: Credential<'_>,
        now: Timestamp,
    ) -> Result<Pass, Denied> {
        match &self.mode {
            Mode::Open(pass) => Ok(pass.clone()),
            Mode::Guarded(guarded) => guarded.enter(caller, credential, now),
        }
    }

    /// As [`Access::enter`] with a token, without counting or noting anything.
    ///
    /// # Errors
    /// As [`Access::enter`], but for [`Denied::TooMany`].
    pub fn admit(&self, token: Option<&str>, now: Timestamp) -> Result<Pass, Denied> {
        match &self.mode {
            Mode::Open(pass) => Ok(pass.clone()),
            Mode::Guarded(guarded) => guarded.admit(token, now),
        }
    }

    /// As [`Access::enter`] with a phone's cookie, without counting or noting anything.
    ///
    /// # Errors
    /// As [`Access::enter`], but for [`Denied::TooMany`].
    pub fn session(&self, cookie: &str, now: Timestamp) -> Result<Pass, Denied> {
        match &self.mode {
            Mode::Open(pass) => Ok(pass.clone()),
            Mode::Guarded(guarded) => guarded.session(cookie, now),
        }
    }

    /// Uses up a login link's code and opens a session, which is durable before its cookie is given
    /// out. Cancelled, the code may be used up and nobody logged in.
    ///
    /// # Errors
    /// Nobody has this code, it is used or over, or the disk fails. Without `[access]`:
    /// [`Denied::Unknown`], for there is nothing to log in to.
    pub async fn redeem(
        &self,
        code: &str,
        caller: Caller<'_>,
        now: Timestamp,
    ) -> Result<NewSession, Denied> {
        match self.guarded() {
            Some(guarded) => guarded.redeem(code, caller, now).await,
            None => Err(Denied::Unknown),
        }
    }

    /// Opens a session for whoever shows a token, so that a cookie never holds the token itself.
    ///
    /// # Errors
    /// As [`Access::redeem`], but for [`Denied::Used`].
    pub async fn log_in(
        &self,
        token: &str,
        caller: Caller<'_>,
        now: Timestamp,
    ) -> Result<NewSession, Denied> {
        match self.guarded() {
            Some(guarded) => guarded.log_in(token, caller, now).await,
            None => Err(Denied::Unknown),
        }
    }

    /// Ends a phone's session and what is open with it; false: there is none.
    ///
    /// # Errors
    /// [`Denied::Unavailable`]: it has ended, but may be back after a restart.
    pub async fn log_out(
        &self,
        cookie: &str,
        caller: Caller<'_>,
        now: Timestamp,
    ) -> Result<bool, Denied> {
        match self.guarded() {
            Some(guarded) => guarded.log_out(cookie, caller, now).await,
            None => Ok(false),
        }
    }

    /// Notes what was done with a pass: an export, an operation, something refused by its grant.
    /// Never blocks; without `[access]` nothing is noted.
    pub fn audit(&self, entry: &Entry<'_>, now: Timestamp) {
        if let Some(guarded) = self.guarded() {
            guarded.audit.note(entry, now);
        }
    }

    /// Reads the tokens file again, now; the number of tokens in it, revoked ones included. Blocks
    /// on the disk.
    ///
    /// # Errors
    /// What is wrong with the file; what was in force stays so.
    pub fn reload(&self, now: Timestamp) -> Result<usize, TokensError> {
        self.guarded().map_or(Ok(0), |guarded| guarded.reload(now))
    }

    /// Follows the tokens file and ends what is over, until `halt`; then closes the audit log.
    pub async fn watch(self: Arc<Self>, clock: Clock, halt: CancellationToken) {
        if self.is_open() {
            halt.cancelled().await;
            return;
        }
        guarded::watch(self, clock, halt).await;
    }

    /// Writes what the audit log still holds. Blocks on the disk.
    pub fn close(&self, now: Timestamp) {
        if let Some(guarded) = self.guarded() {
            guarded.audit.close(now);
        }
    }

    /// For `/metrics`; `None` without `[access]`.
    pub fn stats(&self, now: Timestamp) -> Option<Stats> {
        Some(self.guarded()?.stats(now))
    }
}

#[cfg(test)]
mod tests;
