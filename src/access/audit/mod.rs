//! The audit log: who was given what, who came, who was refused, what left.
//!
//! ```text
//! request --note, never waits--> queue --own thread--> one JSON object a line, synced
//!                                  `-- full: counted, and the next line says how many are missing
//! ```
//! Append-only; at [`FILE_BYTES_MAX`] the file becomes `.1` and so on, [`FILES_MAX`] in all. No line
//! has a token, a cookie or a code.
mod file;
mod repeats;
mod writer;

pub use file::{FILE_BYTES_MAX, FILES_MAX};
pub(super) use writer::Writer;

use crate::model::Timestamp;
use serde::Serialize;
use std::io;
use std::net::IpAddr;
use std::path::Path;

/// Longest text of an entry, in bytes: what is longer is cut.
const TEXT_BYTES_MAX: usize = 512;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A token was made.
    TokenCreated,
    /// A token was revoked.
    TokenRevoked,
    /// A login link was made.
    LinkCreated,
    /// A link was redeemed.
    Login,
    /// A link was refused.
    LoginRefused,
    /// A phone was logged out.
    Logout,
    /// A token or cookie was refused, or asked for more than it grants.
    Refused,
    /// Readings left: a stream, a query, a page of history, last values.
    Export,
    /// Something was changed: a store rewound, a reject retried.
    Operate,
    /// The gateway took over a change of the tokens file: a token added, changed, revoked, removed.
    Reload,
}

/// Who calls, and what.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caller<'a> {
    /// The address that the connection comes from; none: this machine's operator.
    pub peer: Option<IpAddr>,
    /// Route or RPC, such as "/v1/devices/{id}" or "Subscribe"; of what was refused the path as it
    /// came, without what follows a "?".
    pub route: &'a str,
}

/// One entry.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// What happened.
    pub what: What,
    /// Name of the token; "" if it is not known.
    pub grant: &'a str,
    /// Who called.
    pub caller: Caller<'a>,
    /// What an export was asked for, the reason of a refusal.
    pub detail: &'a str,
}

/// As it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Line {
    time: String,
    what: What,
    #[serde(skip_serializing_if = "String::is_empty")]
    grant: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<IpAddr>,
    #[serde(skip_serializing_if = "String::is_empty")]
    route: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    detail: String,
    /// So many like it before, of which the first was written.
    #[serde(skip_serializing_if = "is_zero")]
    repeats: u64,
    /// Entries lost before this one.
    #[serde(skip_serializing_if = "is_zero")]
    dropped: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Line {
    fn new(entry: &Entry<'_>, now: Timestamp) -> Self {
        let cut = |text: &str| {
            let end = text.floor_char_boundary(TEXT_BYTES_MAX);
            text.get(..end).unwrap_or_default().to_owned()
        };
        Self {
            time: now.to_string(),
            what: entry.what,
            grant: cut(entry.grant),
            peer: entry.caller.peer.map(|peer| peer.to_canonical()),
            route: cut(entry.caller.route),
            detail: cut(entry.detail),
            repeats: 0,
            dropped: 0,
        }
    }

    /// With its line's end.
    fn bytes(&self) -> Vec<u8> {
        // Texts and numbers are always JSON.
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}

/// Adds one entry beside a gateway that may be running: for the commands. Blocks on the disk.
///
/// # Errors
/// The disk.
pub fn append(path: &Path, entry: &Entry<'_>, now: Timestamp) -> io::Result<()> {
    use io::Write;
    let mut file = file::open(path)?;
    file.write_all(&Line::new(entry, now).bytes())?;
    file.sync_data()
}

#[cfg(test)]
mod tests;
