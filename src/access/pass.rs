//! An admitted caller.
use super::Grant;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What a caller was admitted with. Clones end together.
#[derive(Clone, Debug)]
pub struct Pass {
    grant: Arc<Grant>,
    ended: CancellationToken,
}

impl Pass {
    /// A pass that lasts until [`Pass::end`].
    pub fn new(grant: Arc<Grant>) -> Self {
        Self {
            grant,
            ended: CancellationToken::new(),
        }
    }

    /// What it lets its holder see.
    pub const fn grant(&self) -> &Arc<Grant> {
        &self.grant
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
    /// A token that nobody has (any more).
    #[error("this token is not known here; it may have been revoked")]
    Unknown,
    /// Its time is over.
    #[error("this token has expired")]
    Expired,
}
