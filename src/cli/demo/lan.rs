//! `demo --lan`: beyond loopback nobody is served without a token, so the demo makes one and shows a
//! link that logs a phone in.
use crate::access::{self, Grant};
use crate::cli::token::{Places, create, lan_address, link, show_link};
use crate::cli::{Error, output};
use crate::config::Config;
use crate::model::{Secret, Timestamp};
use std::net::SocketAddr;
use std::time::Duration;

/// The token's name.
const NAME: &str = "demo";
/// Longer than anybody watches.
const EXPIRES: Duration = Duration::from_hours(30 * 24);

/// The demo's own token.
pub(super) struct Lan {
    places: Places,
    token: Secret,
}

impl Lan {
    /// Has the gateway ask for tokens, and makes one that sees everything.
    pub(super) fn prepare(config: &mut Config, now: Timestamp) -> Result<Self, Error> {
        let dir = &config.data_dir;
        std::fs::create_dir_all(dir).map_err(|error| {
            Error::cannot_start(format!("cannot make {}", dir.display()), &error)
        })?;
        config.access = Some(access::Config {
            tokens_file: dir.join("tokens.toml"),
            ..access::Config::default()
        });
        let places = Places::of_config(config)
            .ok_or_else(|| Error::CannotStart("no [access]".to_owned()))?;
        let mut editor = places.edit()?;
        // Of an earlier demo in the same directory, whose text nobody has any more.
        let _ = editor.revoke(NAME, now);
        drop(editor);
        let grant = Grant {
            operate: false,
            ..Grant::everything(NAME)
        };
        let (token, _) = create(&places, grant, Some(now.plus(EXPIRES)), now)?;
        Ok(Self { places, token })
    }

    /// What goes into `Authorization`.
    pub(super) fn bearer(&self) -> String {
        format!("Bearer {}", self.token.reveal())
    }

    /// Shows how a phone and a program get in.
    pub(super) fn introduce(&self, http: SocketAddr, now: Timestamp) -> Result<(), Error> {
        let ip = lan_address().unwrap_or(http.ip());
        let base = format!("http://{}", SocketAddr::new(ip, http.port()));
        let (link, expires) = link(&self.places, NAME, &base, now)?;
        output::line(format_args!(
            "Whoever reads needs a token; anybody in this network can send, and read along: there is no TLS here.\n\
             A phone in this network logs in with this link, once, until {expires}:"
        ))?;
        show_link(&link)?;
        output::line(format_args!(
            "For programs:\n  export CITYGATE_TOKEN={}",
            self.token.reveal()
        ))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn each_demo_has_one_token_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config::standard();
        config.data_dir = dir.path().join("data");
        let now = Timestamp::from_secs(1_800_000_000);
        let first = Lan::prepare(&mut config, now).unwrap();
        let second = Lan::prepare(&mut config, now).unwrap();
        assert_ne!(first.bearer(), second.bearer());
        assert!(config.access.is_some());
        let tokens = second.places.read().unwrap().tokens;
        let revoked: Vec<bool> = tokens.iter().map(|token| token.revoked.is_some()).collect();
        assert_eq!(revoked, [true, false]);
        let text = second.bearer();
        let digest = access::Digest::of(text.strip_prefix("Bearer ").unwrap());
        assert_eq!(tokens.last().map(|token| token.digest), digest);
    }
}
