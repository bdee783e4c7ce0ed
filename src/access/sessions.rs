//! Phones that are logged in, and login links that have been used.
//!
//! ```text
//! code -> is it unused? -> {used code, new session} into one file, synced -> cookie
//! token ------------------> {new session} -------------------------------'
//! ```
//! One small file, replaced as a whole: logins are rare, and a code that was used must stay so after a
//! power cut. The state's database would do as well, but whoever moves that aside to have it rebuilt
//! from the log should not make used links good again.
use super::digest::new_cookie;
use super::replace::replace;
use super::{Denied, Digest};
use crate::model::{Secret, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Sessions of one token; one more ends the oldest.
pub const PER_TOKEN_MAX: usize = 64;
/// Sessions of all tokens; one more ends the oldest.
pub const SESSIONS_MAX: usize = 10_000;
/// Used codes that are remembered.
const USED_MAX: usize = 10_000;
/// How long a used code is remembered after its link's end: longer than clocks are set back.
const USED_KEPT: Duration = Duration::from_hours(24);
/// How long a login link is good.
pub const LINK: Duration = Duration::from_mins(15);

/// The file in the data directory.
pub(super) const SESSIONS_FILE: &str = "logins.json";
/// The shape of the file; another one is not read.
const VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Session {
    token: Digest,
    created: Timestamp,
    until: Timestamp,
}

/// What is in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Data {
    sessions: HashMap<Digest, Session>,
    /// Code, and when its link ends.
    used: HashMap<Digest, Timestamp>,
}

#[derive(Debug, Default)]
struct Live {
    data: Data,
    /// What the passes of a session hang on, once it has any.
    ended: HashMap<Digest, CancellationToken>,
}

/// All sessions.
#[derive(Debug)]
pub(super) struct Sessions {
    path: PathBuf,
    live: Mutex<Live>,
    /// Held while the file is written.
    writing: Mutex<()>,
    /// Links that end before this are refused: the file that knew which were used is lost.
    distrusted: Timestamp,
}

/// A session that may be opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    /// That it uses up, and when its link ends; `None`: the token itself was shown.
    pub(super) code: Option<(Digest, Timestamp)>,
    pub(super) token: Digest,
    pub(super) until: Timestamp,
}

impl Sessions {
    /// Reads the file; a damaged one is set aside, and everybody logs in again.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub(super) fn load(path: PathBuf, now: Timestamp) -> io::Result<Self> {
        let mut distrusted = Timestamp::MIN;
        let data = match std::fs::read(&path) {
            Ok(bytes) => decode(&bytes).unwrap_or_else(|| {
                warn!(path = %path.display(), "the sessions are damaged and set aside: everybody logs in again");
                let _ = std::fs::rename(&path, path.with_extension("damaged"));
                distrusted = now.plus(LINK);
                Data::default()
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Data::default(),
            Err(error) => return Err(error),
        };
        let live = Live {
            data,
            ended: HashMap::new(),
        };
        Ok(Self {
            path,
            live: Mutex::new(live),
            writing: Mutex::new(()),
            distrusted,
        })
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The token of a session and its end.
    pub(super) fn find(
        &self,
        cookie: &Digest,
        now: Timestamp,
    ) -> Result<(Digest, Timestamp), Denied> {
        let live = self.live();
        let session = live.data.sessions.get(cookie).ok_or(Denied::Unknown)?;
        if session.until <= now {
            return Err(Denied::Expired);
        }
        Ok((session.token, session.until))
    }

    /// What the session's passes hang on; a new branch of its token's where that has changed.
    pub(super) fn hang(
        &self,
        cookie: &Digest,
        branch: impl FnOnce() -> Result<CancellationToken, Denied>,
    ) -> Result<CancellationToken, Denied> {
        let mut live = self.live();
        if !live.data.sessions.contains_key(cookie) {
            return Err(Denied::Unknown);
        }
        match live.ended.get(cookie) {
            Some(ended) if !ended.is_cancelled() => Ok(ended.clone()),
            _ => {
                let ended = branch()?;
                live.ended.insert(*cookie, ended.clone());
                Ok(ended)
            }
        }
    }

    /// Opens a session and uses its code up. Durable when it returns; blocks on the disk.
    ///
    /// # Errors
    /// [`Denied::Used`], or [`Denied::Unavailable`] if the disk fails: the code is good still, or
    /// not, and nobody has the cookie.
    pub(super) fn open(&self, opening: Opening, now: Timestamp) -> Result<Secret, Denied> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut data = self.live().data.clone();
        data.prune(now);
        if let Some((code, ends)) = opening.code {
            if data.used.contains_key(&code) || ends <= self.distrusted {
                return Err(Denied::Used);
            }
            if data.used.len() >= USED_MAX {
                return Err(Denied::Unavailable);
            }
            data.used.insert(code, ends);
        }
        data.make_room(&opening.token);
        let unavailable = |error: io::Error| {
            warn!(%error, path = %self.path.display(), "nobody can log in");
            Denied::Unavailable
        };
        let (cookie, digest) = new_cookie().map_err(unavailable)?;
        let session = Session {
            token: opening.token,
            created: now,
            until: opening.until,
        };
        data.sessions.insert(digest, session);
        replace(&self.path, &encode(&data)).map_err(unavailable)?;
        self.install(data);
        Ok(cookie)
    }

    /// Ends a session; false: there is none. Durable when it returns; blocks on the disk.
    ///
    /// # Errors
    /// The disk; the session is over until the next start.
    pub(super) fn end(&self, cookie: &Digest) -> io::Result<bool> {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut data = self.live().data.clone();
        if data.sessions.remove(cookie).is_none() {
            return Ok(false);
        }
        let bytes = encode(&data);
        self.install(data);
        replace(&self.path, &bytes)?;
        Ok(true)
    }

    /// Forgets sessions that are over, by time or with their token. The file follows with the next
    /// login: until then a restart finds them again, and forgets them again.
    pub(super) fn retain(&self, now: Timestamp, is_live: impl Fn(&Digest) -> bool) {
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let sessions = self.live().data.sessions.clone();
        // Asked without a lock: admission holds the tokens' while it takes ours.
        let over = |session: &Session| session.until <= now || !is_live(&session.token);
        let over: Vec<Digest> = sessions
            .iter()
            .filter(|(_, session)| over(session))
            .map(|(cookie, _)| *cookie)
            .collect();
        if over.is_empty() {
            return;
        }
        let mut data = self.live().data.clone();
        for cookie in &over {
            data.sessions.remove(cookie);
        }
        self.install(data);
    }

    /// Takes what is in the file now and ends what is no longer there.
    fn install(&self, data: Data) {
        let mut live = self.live();
        live.ended.retain(|cookie, ended| {
            let stays = data.sessions.contains_key(cookie);
            if !stays {
                ended.cancel();
            }
            stays
        });
        live.data = data;
    }

    /// Sessions that are open.
    pub(super) fn len(&self) -> usize {
        self.live().data.sessions.len()
    }
}

/// Phones that are logged in with a token, as the gateway of this data directory noted them.
///
/// # Errors
/// The file is there and cannot be read.
pub fn count_sessions(data_dir: &Path, token: &Digest, now: Timestamp) -> io::Result<usize> {
    let data = match std::fs::read(data_dir.join(SESSIONS_FILE)) {
        Ok(bytes) => decode(&bytes).ok_or(io::ErrorKind::InvalidData)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Data::default(),
        Err(error) => return Err(error),
    };
    let open = |session: &&Session| session.token == *token && session.until > now;
    Ok(data.sessions.values().filter(open).count())
}

impl Data {
    fn prune(&mut self, now: Timestamp) {
        self.sessions.retain(|_, session| session.until > now);
        self.used.retain(|_, ends| ends.plus(USED_KEPT) > now);
    }

    /// Ends the oldest session where there are as many as may be.
    fn make_room(&mut self, token: &Digest) {
        let of_token = self
            .sessions
            .values()
            .filter(|session| session.token == *token);
        let token_is_full = of_token.count() >= PER_TOKEN_MAX;
        if !token_is_full && self.sessions.len() < SESSIONS_MAX {
            return;
        }
        let mine = self.sessions.iter();
        let mine = mine.filter(|(_, session)| !token_is_full || session.token == *token);
        let oldest = mine.min_by_key(|(cookie, session)| (session.created, **cookie));
        if let Some(cookie) = oldest.map(|(cookie, _)| *cookie) {
            self.sessions.remove(&cookie);
        }
    }
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    sessions: Vec<SessionLine>,
    used: Vec<UsedLine>,
}

#[derive(Serialize, Deserialize)]
struct SessionLine {
    sha256: String,
    token: String,
    created_ns: i64,
    until_ns: i64,
}

#[derive(Serialize, Deserialize)]
struct UsedLine {
    sha256: String,
    ends_ns: i64,
}

fn encode(data: &Data) -> Vec<u8> {
    let file = File {
        version: VERSION,
        sessions: data
            .sessions
            .iter()
            .map(|(cookie, session)| SessionLine {
                sha256: cookie.to_string(),
                token: session.token.to_string(),
                created_ns: session.created.as_nanos(),
                until_ns: session.until.as_nanos(),
            })
            .collect(),
        used: data
            .used
            .iter()
            .map(|(code, ends)| UsedLine {
                sha256: code.to_string(),
                ends_ns: ends.as_nanos(),
            })
            .collect(),
    };
    // Texts and numbers are always JSON.
    serde_json::to_vec(&file).unwrap_or_default()
}

fn decode(bytes: &[u8]) -> Option<Data> {
    let file: File = serde_json::from_slice(bytes).ok()?;
    if file.version != VERSION || file.sessions.len() > SESSIONS_MAX || file.used.len() > USED_MAX {
        return None;
    }
    let session = |line: &SessionLine| {
        let session = Session {
            token: Digest::parse(&line.token)?,
            created: Timestamp::from_nanos(line.created_ns),
            until: Timestamp::from_nanos(line.until_ns),
        };
        Some((Digest::parse(&line.sha256)?, session))
    };
    let used = |line: &UsedLine| {
        Some((
            Digest::parse(&line.sha256)?,
            Timestamp::from_nanos(line.ends_ns),
        ))
    };
    Some(Data {
        sessions: file.sessions.iter().map(session).collect::<Option<_>>()?,
        used: file.used.iter().map(used).collect::<Option<_>>()?,
    })
}
