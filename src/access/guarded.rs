//! Access with tokens.
use super::audit::{self, Caller, Entry, What};
use super::refusals::Refusals;
use super::sessions::{Opening, SESSIONS_FILE, Sessions};
use super::source::{Source, TokensError};
use super::stats::{Counters, Stats};
use super::table::Table;
use super::tokens::Tokens;
use super::{Access, Config, Credential, Denied, Digest, Pass};
use crate::catalogue::Catalogue;
use crate::model::{Clock, Secret, Timestamp};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often the tokens file is looked at and passes are checked for their end. A change is taken at
/// the second look, so a revoked token's streams have ended within some 1.5 s.
const LOOK: Duration = Duration::from_millis(500);

/// Why access cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// `access.tokens_file`.
    #[error("cannot use access.tokens_file")]
    Tokens(#[from] TokensError),
    /// The sessions in the data directory.
    #[error("cannot read {path:?}")]
    Sessions {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// `access.audit_log`.
    #[error("cannot write access.audit_log {path:?}")]
    Audit {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A phone that was just logged in.
#[derive(Debug)]
pub struct NewSession {
    /// The cookie's value.
    pub cookie: Secret,
    /// When the session ends by itself.
    pub expires_at: Timestamp,
    /// Name of the token that it stands for.
    pub grant: Box<str>,
}

/// The state behind [`Access`]. Locks are taken in the order of the fields, and none over a wait.
#[derive(Debug)]
pub(super) struct Guarded {
    source: Mutex<Source>,
    table: RwLock<Table>,
    sessions: Arc<Sessions>,
    refusals: Mutex<Refusals>,
    pub(super) audit: audit::Writer,
    counters: Counters,
    /// Is the file as it lies there what `table` holds?
    in_force: AtomicBool,
    session: Duration,
}

impl Guarded {
    pub(super) fn load(
        config: &Config,
        data_dir: &Path,
        catalogue: &Catalogue,
        now: Timestamp,
    ) -> Result<Self, LoadError> {
        let mut source = Source::new(config.tokens_file.clone(), catalogue.clone());
        let tokens = match source.read() {
            Err(error) if error.is_missing() => {
                warn!(file = %config.tokens_file.display(), "no tokens file: nobody is admitted until `citygate token create` has made one");
                Tokens::default()
            }
            read => read?,
        };
        let mut table = Table::default();
        table.replace(tokens, now);
        let path = data_dir.join(SESSIONS_FILE);
        let sessions = Sessions::load(path.clone(), now)
            .map_err(|source| LoadError::Sessions { path, source })?;
        sessions.retain(now, |token| table.is_live(token, now));
        let path = config.audit_file(data_dir);
        let audit = audit::Writer::start(path.clone())
            .map_err(|source| LoadError::Audit { path, source })?;
        Ok(Self {
            source: Mutex::new(source),
            table: RwLock::new(table),
            sessions: Arc::new(sessions),
            refusals: Mutex::default(),
            audit,
            counters: Counters::default(),
            in_force: AtomicBool::new(true),
            session: config.session,
        })
    }

    fn table(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(
        &self,
        caller: Caller<'_>,
        credential: Credential<'_>,
        now: Timestamp,
    ) -> Result<Pass, Denied> {
        let admitted = match credential {
            Credential::Nothing => Err(Denied::Missing),
            Credential::Token(token) => self.admit(Some(token), now),
            Credential::Cookie(cookie) => self.session(cookie, now),
        };
        match admitted {
            Ok(pass) => {
                self.counters.admitted.fetch_add(1, Ordering::Relaxed);
                Ok(pass)
            }
            // Whoever has no token guesses at none: a browser before its login.
            Err(Denied::Missing) => {
                self.counters.refused(Denied::Missing);
                Err(Denied::Missing)
            }
            Err(denied) => Err(self.refuse(What::Refused, caller, denied, now)),
        }
    }

    /// Counts and notes a refusal; what the caller is told.
    fn refuse(&self, what: What, caller: Caller<'_>, denied: Denied, now: Timestamp) -> Denied {
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let too_many = refusals.note(caller.peer, now);
        drop(refusals);
        let denied = too_many.map_or(denied, |retry_after| Denied::TooMany { retry_after });
        self.counters.refused(denied);
        let entry = Entry {
            what,
            grant: "",
            caller,
            detail: denied.reason(),
        };
        self.audit.note(&entry, now);
        denied
    }

    pub(super) fn admit(&self, token: Option<&str>, now: Timestamp) -> Result<Pass, Denied> {
        let token = token.ok_or(Denied::Missing)?;
        let digest = Digest::of(token).ok_or(Denied::Unknown)?;
        self.table().admit(&digest, now)
    }

    pub(super) fn session(&self, cookie: &str, now: Timestamp) -> Result<Pass, Denied> {
        let cookie = Digest::of(cookie).ok_or(Denied::Unknown)?;
        let table = self.table();
        let (token, until) = self.sessions.find(&cookie, now)?;
        let pass = table.admit(&token, now)?;
        let ended = self.sessions.hang(&cookie, || table.branch(&token, now))?;
        let until = pass.until().map_or(until, |ends| ends.min(until));
        Ok(Pass::with(pass.grant().clone(), Some(until), ended))
    }

    pub(super) async fn redeem(
        &self,
        code: &str,
        caller: Caller<'_>,
        now: Timestamp,
    ) -> Result<NewSession, Denied> {
        let result = self.try_redeem(code, now).await;
        self.opened(result, caller, now)
    }

    pub(super) async fn log_in(
        &self,
        token: &str,
        caller: Caller<'_>,
        now: Timestamp,
    ) -> Result<NewSession, Denied> {
        let result = self.try_log_in(token, now).await;
        self.opened(result, caller, now)
    }

    /// Counts and notes a login, or why there is none.
    fn opened(
        &self,
        result: Result<NewSession, Denied>,
        caller: Caller<'_>,
        now: Timestamp,
    ) -> Result<NewSession, Denied> {
        match result {
            Ok(session) => {
                self.counters.logins.fetch_add(1, Ordering::Relaxed);
                let entry = Entry {
                    what: What::Login,
                    grant: &session.grant,
                    caller,
                    detail: "",
                };
                self.audit.note(&entry, now);
                Ok(session)
            }
            Err(denied) => Err(self.refuse(What::LoginRefused, caller, denied, now)),
        }
    }

    async fn try_redeem(&self, code: &str, now: Timestamp) -> Result<NewSession, Denied> {
        let code = Digest::of(code).ok_or(Denied::Unknown)?;
        let (ends, token) = {
            let table = self.table();
            let (login, token) = table.login(&code, now)?;
            (login.expires, token)
        };
        self.open(Some((code, ends)), token, now).await
    }

    async fn try_log_in(&self, token: &str, now: Timestamp) -> Result<NewSession, Denied> {
        let token = Digest::of(token).ok_or(Denied::Unknown)?;
        self.open(None, token, now).await
    }

    async fn open(
        &self,
        code: Option<(Digest, Timestamp)>,
        token: Digest,
        now: Timestamp,
    ) -> Result<NewSession, Denied> {
        let pass = self.table().admit(&token, now)?;
        let until = now.plus(self.session);
        let opening = Opening {
            code,
            token,
            until: pass.until().map_or(until, |ends| ends.min(until)),
        };
        let sessions = Arc::clone(&self.sessions);
        let cookie = spawn_blocking(move || sessions.open(opening, now))
            .await
            .unwrap_or(Err(Denied::Unavailable))?;
        Ok(NewSession {
            cookie,
            expires_at: opening.until,
            grant: pass.grant().name.clone(),
        })
    }

    pub(super) async fn log_out(
        &self,
        cookie: &str,
        caller: Caller<'_>,
        now: Timestamp,
    ) -> Result<bool, Denied> {
        let Ok(pass) = self.session(cookie, now) else {
            return Ok(false);
        };
        let Some(digest) = Digest::of(cookie) else {
            return Ok(false);
        };
        let sessions = Arc::clone(&self.sessions);
        let ended = spawn_blocking(move || sessions.end(&digest)).await;
        let entry = Entry {
            what: What::Logout,
            grant: &pass.grant().name,
            caller,
            detail: "",
        };
        self.audit.note(&entry, now);
        let failed = |error: io::Error| {
            warn!(%error, "a logout is not durable");
            Denied::Unavailable
        };
        ended.map_or(Err(Denied::Unavailable), |ended| ended.map_err(failed))
    }

    fn take(
        &self,
        read: Result<Tokens, TokensError>,
        now: Timestamp,
    ) -> Result<usize, TokensError> {
        self.in_force.store(read.is_ok(), Ordering::Relaxed);
        let tokens = read.inspect_err(|_| {
            self.counters
                .reload_failures
                .fetch_add(1, Ordering::Relaxed);
        })?;
        let count = tokens.tokens.len();
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let changes = table.replace(tokens, now);
        drop(table);
        // Whoever edits the file by hand leaves a trace, too.
        for (name, change) in changes {
            let entry = Entry {
                what: What::Reload,
                grant: &name,
                caller: Caller::default(),
                detail: change,
            };
            self.audit.note(&entry, now);
        }
        Ok(count)
    }

    pub(super) fn reload(&self, now: Timestamp) -> Result<usize, TokensError> {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        self.take(source.read(), now)
    }

    /// One look at the file, and at who has been logged in for too long. Blocks on the disk.
    pub(super) fn look(&self, now: Timestamp) {
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(read) = source.poll() {
            match self.take(read, now) {
                Ok(tokens) => info!(tokens, "the tokens file has changed and is in force"),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    warn!(
                        error,
                        "the tokens file cannot be used; what was in force stays so"
                    );
                }
            }
        }
        drop(source);
        let is_live = |token: &Digest| self.table().is_live(token, now);
        self.sessions.retain(now, is_live);
    }

    /// Ends what is over.
    pub(super) fn tick(&self, now: Timestamp) {
        self.table().expire(now);
        self.audit.tick(now);
    }

    pub(super) fn stats(&self, now: Timestamp) -> Stats {
        Stats {
            admitted: self.counters.admitted.load(Ordering::Relaxed),
            refused: self.counters.refusals(),
            logins: self.counters.logins.load(Ordering::Relaxed),
            tokens: self.table().live(now),
            sessions: self.sessions.len(),
            reload_failures: self.counters.reload_failures.load(Ordering::Relaxed),
            in_force: self.in_force.load(Ordering::Relaxed),
            audit_dropped: self.audit.dropped(),
        }
    }
}

/// See [`Access::watch`]. The file may hang on a network disk: what is over ends all the same.
pub(super) async fn watch(access: Arc<Access>, clock: Clock, halt: CancellationToken) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looking = None;
    loop {
        tokio::select! {
            () = halt.cancelled() => break,
            _ = ticks.tick() => {}
        }
        let Some(guarded) = access.guarded() else {
            break;
        };
        let now = clock.now();
        guarded.tick(now);
        if looking
            .as_ref()
            .is_none_or(tokio::task::JoinHandle::is_finished)
        {
            let access = Arc::clone(&access);
            looking = Some(spawn_blocking(move || {
                if let Some(guarded) = access.guarded() {
                    guarded.look(now);
                }
            }));
        }
    }
    if let Some(looking) = looking {
        // A panic of it has been printed by then.
        let _ = looking.await;
    }
}
