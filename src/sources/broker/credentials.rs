//! What a link shows to its broker, and how it checks that it is the right one: read from the files
//! at each connection, so that a renewed certificate or password needs no restart.
use super::config::{Config, Login};
use crate::model::{Secret, SecretError};
use crate::tls::{Client, ClientError, Identity};
use rustls::ClientConfig;
use std::sync::Arc;

/// Why they cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum CredentialsError {
    #[error(transparent)]
    Password(#[from] SecretError),
    #[error(transparent)]
    Tls(#[from] ClientError),
}

/// For one connection.
pub(super) struct Credentials {
    /// User name and password.
    pub(super) login: Option<(String, Secret)>,
    /// `mqtts`.
    pub(super) tls: Option<Arc<ClientConfig>>,
}

impl Credentials {
    /// Reads the files that `config` names. Blocks.
    ///
    /// # Errors
    /// A file that cannot be used.
    pub(super) fn read(config: &Config) -> Result<Self, CredentialsError> {
        Ok(Self {
            login: config.login.as_ref().map(password).transpose()?,
            tls: config.tls.as_ref().map(tls).transpose()?,
        })
    }
}

pub(super) fn password(login: &Login) -> Result<(String, Secret), SecretError> {
    let password = Secret::read(&login.password_file)?;
    Ok((login.user.clone(), password))
}

pub(super) fn tls(identity: &Identity) -> Result<Arc<ClientConfig>, ClientError> {
    // MQTT has no protocol of its own within TLS (ALPN) that brokers ask for.
    Client::new(identity, "").map(Client::into_config)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::model::settings::Section;

    #[test]
    fn the_next_connection_takes_what_the_files_hold_then() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        std::fs::write(&file, "first").unwrap();
        let text = format!(
            "[[broker]]\nurl = 'mqtt://b'\ntopics = ['city/#']\nuser = 'gate'\npassword_file = '{}'",
            file.display()
        );
        let mut problems = Vec::new();
        let mut top = Section::new("", text.parse().unwrap(), &mut problems);
        let config = Config::read_all(&mut top).pop().unwrap();
        assert_eq!(problems, []);
        let password = || Credentials::read(&config).map(|read| read.login.unwrap().1);
        assert_eq!(password().unwrap().reveal(), "first");
        std::fs::write(&file, "second").unwrap();
        assert_eq!(password().unwrap().reveal(), "second");
        std::fs::remove_file(&file).unwrap();
        let error = password().unwrap_err();
        assert!(error.to_string().contains("password"), "{error}");
    }
}
