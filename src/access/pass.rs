//! An admitted caller.
use super::Grant;
use crate::model::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What a caller was admitted with. Clones end together.
#[derive(Clone, Debug)]
pub struct Pass {
    grant: Arc<Grant>,
    until: Option<Timestamp>,
    ended: CancellationToken,
}

impl Pass {
    /// A pass that lasts until [`Pass::end`].
    pub fn new(grant: Arc<Grant>) -> Self {
        Self::with(grant, None, CancellationToken::new())
    }

    pub(super) const fn with(
        grant: Arc<Grant>,
        until: Option<Timestamp>,
        ended: CancellationToken,
    ) -> Self {
        Self {
            grant,
            until,
            ended,
        }
    }

    /// What it lets its holder see.
    pub const fn grant(&self) -> &Arc<Grant> {
        &self.grant
    }

    /// When it ends by itself; `None`: never.
    pub const fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// Ends what was opened with it.
    pub fn end(&self) {
        self.ended.cancel();
    }

    /// Resolves when the token was revoked, has expired, or now grants something else: whoever still
    /// serves its holder stops then. Cancel-safe.
    pub async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// As [`Pass::ended`], now.
    pub fn is_ended(&self) -> bool {
        self.ended.is_cancelled()
    }
}

/// Why a caller is not admitted. Says nothing that helps to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No token at all.
    #[error("a token is needed: Authorization: Bearer TOKEN; `citygate token create` makes one")]
    Missing,
    /// A token, cookie or link that nobody has (any more).
    #[error("this token is not known here; it may have been revoked")]
    Unknown,
    /// Somebody took it back.
    #[error("this token has been revoked")]
    Revoked,
    /// Its time is over.
    #[error("this token has expired")]
    Expired,
    /// A login link that has been used.
    #[error("this link has been used; `citygate token link` makes another")]
    Used,
    /// Too many refusals of this address.
    #[error("too many refusals of this address; try again in {} s", retry_after.as_secs())]
    TooMany {
        /// When one more may be tried; whole seconds, at least one.
        retry_after: Duration,
    },
    /// The login cannot be made durable.
    #[error("nobody can be logged in now: the data directory cannot be written")]
    Unavailable,
}

impl Denied {
    /// Every reason, as metrics and clients know it.
    pub const REASONS: [&'static str; 7] = [
        "missing",
        "unknown",
        "revoked",
        "expired",
        "used",
        "too_many",
        "unavailable",
    ];

    /// 0-based place in [`Denied::REASONS`].
    pub(super) const fn index(self) -> usize {
        match self {
            Self::Missing => 0,
            Self::Unknown => 1,
            Self::Revoked => 2,
            Self::Expired => 3,
            Self::Used => 4,
            Self::TooMany { .. } => 5,
            Self::Unavailable => 6,
        }
    }

    /// One word for it.
    pub fn reason(self) -> &'static str {
        Self::REASONS.get(self.index()).copied().unwrap_or_default()
    }
}
