//! The tokens as they are admitted: one validated snapshot, and what each open pass hangs on.
use super::tokens::{Login, Token, Tokens};
use super::{Denied, Digest, Pass};
use crate::model::Timestamp;
use std::collections::HashMap;
use tokio_util::sync::CancellationToken;

#[derive(Debug)]
struct Entry {
    token: Token,
    /// Ends every pass of this token.
    ended: CancellationToken,
}

/// One snapshot of the tokens file.
#[derive(Debug, Default)]
pub(super) struct Table {
    entries: HashMap<Digest, Entry>,
    logins: HashMap<Digest, Login>,
}

impl Table {
    /// Takes a new file's tokens. A pass goes on if its token is still there and grants the same;
    /// every other ends. Says what has changed: names, each with a word.
    pub(super) fn replace(
        &mut self,
        tokens: Tokens,
        now: Timestamp,
    ) -> Vec<(Box<str>, &'static str)> {
        let mut old = std::mem::take(&mut self.entries);
        let mut changes = Vec::new();
        for token in tokens.tokens {
            let before = old.remove(&token.digest);
            let change = change(before.as_ref().map(|entry| &entry.token), &token);
            changes.extend(change.map(|change| (token.grant.name.clone(), change)));
            let ended = before.map_or_else(CancellationToken::new, |before| {
                let same = before.token.grant == token.grant && token.revoked.is_none();
                if same && !before.ended.is_cancelled() {
                    return before.ended;
                }
                before.ended.cancel();
                CancellationToken::new()
            });
            self.entries.insert(token.digest, Entry { token, ended });
        }
        for (_, gone) in old {
            gone.ended.cancel();
            changes.push((gone.token.grant.name.clone(), "removed"));
        }
        let logins = tokens.logins.into_iter();
        self.logins = logins.map(|login| (login.digest, login)).collect();
        self.expire(now);
        changes
    }

    /// Ends the passes of tokens whose time is over.
    pub(super) fn expire(&self, now: Timestamp) {
        let over = self
            .entries
            .values()
            .filter(|entry| entry.token.revoked.is_some() || entry.token.is_expired(now));
        for entry in over {
            entry.ended.cancel();
        }
    }

    fn entry(&self, token: &Digest, now: Timestamp) -> Result<&Entry, Denied> {
        let entry = self.entries.get(token).ok_or(Denied::Unknown)?;
        if entry.token.revoked.is_some() {
            return Err(Denied::Revoked);
        }
        // What has ended stays so, if the clock is set back, until the file says otherwise.
        if entry.token.is_expired(now) || entry.ended.is_cancelled() {
            return Err(Denied::Expired);
        }
        Ok(entry)
    }

    /// A pass of this token.
    pub(super) fn admit(&self, token: &Digest, now: Timestamp) -> Result<Pass, Denied> {
        let entry = self.entry(token, now)?;
        let grant = entry.token.grant.clone();
        Ok(Pass::with(grant, entry.token.expires, entry.ended.clone()))
    }

    /// May sessions of this token go on?
    pub(super) fn is_live(&self, token: &Digest, now: Timestamp) -> bool {
        self.entry(token, now).is_ok()
    }

    /// What a session's pass hangs on: it ends with the token's, or by itself.
    pub(super) fn branch(
        &self,
        token: &Digest,
        now: Timestamp,
    ) -> Result<CancellationToken, Denied> {
        Ok(self.entry(token, now)?.ended.child_token())
    }

    /// The token that a login code is for: that one, and not whichever has its name by now.
    pub(super) fn login(&self, code: &Digest, now: Timestamp) -> Result<(&Login, Digest), Denied> {
        let login = self.logins.get(code).ok_or(Denied::Unknown)?;
        if login.expires <= now {
            return Err(Denied::Expired);
        }
        let token = login.token_digest.ok_or(Denied::Revoked)?;
        match self.entry(&token, now) {
            Ok(entry) if entry.token.grant.name == login.token => Ok((login, token)),
            Ok(_) | Err(Denied::Unknown) => Err(Denied::Revoked),
            Err(denied) => Err(denied),
        }
    }

    /// Tokens that are admitted now.
    pub(super) fn live(&self, now: Timestamp) -> usize {
        let live = self.entries.keys().filter(|token| self.is_live(token, now));
        live.count()
    }
}

/// What has become of a token, in a word; `None`: nothing.
fn change(before: Option<&Token>, after: &Token) -> Option<&'static str> {
    match before {
        None if after.revoked.is_some() => None,
        None => Some("added"),
        Some(before) if before.revoked.is_none() && after.revoked.is_some() => Some("revoked"),
        Some(before) if before == after => None,
        Some(_) => Some("changed"),
    }
}
