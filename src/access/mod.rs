//! Who may see what: promise 7, deny by default.
//!
//! ```text
//!  bearer token, cookie --admit--> Pass: what is granted, and until when
//!                                    |-- grant: kinds, districts, metrics  -> what leaves is cut to it
//!                                    `-- ended: revoked, expired, changed  -> an open stream ends
//! ```
//! Without `[access]` the gateway serves loopback only, and everybody there has [`Grant::everything`].
//! With it, nobody is served without a token, loopback included.
mod grant;
mod pass;

pub use grant::{Grant, Scope};
pub use pass::{Denied, Pass};

use crate::model::Timestamp;
use std::sync::Arc;

/// Admits callers. Shared by gRPC and HTTP.
#[derive(Debug)]
pub struct Access {
    everybody: Pass,
}

impl Access {
    /// No `[access]`: everybody may see everything. For loopback.
    pub fn open() -> Self {
        Self {
            everybody: Pass::new(Arc::new(Grant::everything("everybody"))),
        }
    }

    /// Is a token needed at all?
    pub const fn is_open(&self) -> bool {
        true
    }

    /// Who presents this token (without "Bearer "), at this time? Never blocks.
    ///
    /// # Errors
    /// None was presented, nobody has it, or its time is over.
    pub fn admit(&self, _token: Option<&str>, _now: Timestamp) -> Result<Pass, Denied> {
        Ok(self.everybody.clone())
    }
}
