//! `[access]`.
use crate::model::settings::Section;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The audit log's usual name.
const AUDIT_FILE: &str = "audit.log";
/// How long a phone stays logged in.
const SESSION: Duration = Duration::from_hours(30 * 24);
const SESSION_MIN: Duration = Duration::from_mins(5);
const SESSION_MAX: Duration = Duration::from_hours(366 * 24);

/// `[access]`: with it nobody is served without a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Who may see what; "tokens.toml" by default.
    pub tokens_file: PathBuf,
    /// Where every grant, login, refusal and export is noted; "audit.log" in `data_dir` by default.
    pub audit_log: Option<PathBuf>,
    /// How long a phone stays logged in; 30 days by default.
    pub session: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            tokens_file: PathBuf::from("tokens.toml"),
            audit_log: None,
            session: SESSION,
        }
    }
}

impl Config {
    /// Where the audit log is.
    pub fn audit_file(&self, data_dir: &Path) -> PathBuf {
        let named = self.audit_log.clone();
        named.unwrap_or_else(|| data_dir.join(AUDIT_FILE))
    }

    /// Reads the section.
    pub fn read(section: &mut Section<'_>) -> Self {
        let default = Self::default();
        Self {
            tokens_file: section.path("tokens_file").unwrap_or(default.tokens_file),
            audit_log: section.path("audit_log"),
            session: section
                .duration("session", SESSION_MIN, SESSION_MAX)
                .unwrap_or(default.session),
        }
    }
}
