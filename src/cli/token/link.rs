//! `citygate token link`: a phone is logged in by pointing its camera at the terminal.
use super::grants::{Place, Places};
use super::{failed, qr, say};
use crate::access::audit::What;
use crate::access::{LINK, LOGIN_CODE, LOGIN_PATH, Login, new_code};
use crate::cli::{Error, Exit, output};
use crate::config::Config;
use crate::model::Timestamp;
use serde_json::json;
use std::io::{self, IsTerminal};
use std::net::{IpAddr, SocketAddr, UdpSocket};

const EXAMPLES: &str = "\
Examples:
  citygate token link field --url https://gateway.example:8080 --config citygate.toml
  citygate token link field --config citygate.toml | mail -s login engineer

The link is good once, within 15 minutes; the phone stays logged in as long as access.session says, and
no longer than the token. On a terminal it is also shown as a QR code.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The name of the token that the phone gets
    name: String,
    /// Where the phone reaches the gateway [default: http.bind of the configuration]
    #[arg(long, value_name = "URL", env = "CITYGATE_URL")]
    url: Option<String>,
    #[command(flatten)]
    place: Place,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, now: Timestamp) -> Result<Exit, Error> {
    let places = args.place.find()?;
    let base = match (&args.url, &places.config) {
        (Some(url), _) => checked(url)?,
        (None, Some(config)) => {
            if config.http.bind.ip().is_loopback() {
                say("http.bind is a loopback address: no phone reaches it; --url says what does");
            }
            base(config)
        }
        (None, None) => {
            let what = "where does the phone reach the gateway? --url says it";
            return Err(Error::Usage(what.to_owned()));
        }
    };
    let (link, expires) = create(&places, &args.name, &base, now)?;
    if args.json {
        let expires = expires.to_string();
        output::json(&json!({"name": args.name, "url": link, "expires": expires}))?;
    } else {
        show_link(&link)?;
        say(format_args!(
            "Logs one phone in as {}, once, until {expires}.",
            args.name
        ));
    }
    Ok(Exit::Ok)
}

/// The link, on a terminal with its QR code.
pub(crate) fn show_link(link: &str) -> io::Result<()> {
    if io::stdout().is_terminal()
        && let Some(code) = qr::code(link)
    {
        output::line(code)?;
    }
    output::line(link)
}

/// Makes a link, in the file and in the audit log; until when it is good.
pub(crate) fn create(
    places: &Places,
    name: &str,
    base: &str,
    now: Timestamp,
) -> Result<(String, Timestamp), Error> {
    let mut editor = places.edit()?;
    let token = editor.live(name, now).map_err(|error| failed(&error))?;
    let token_digest = Some(token.digest);
    let (code, digest) =
        new_code().map_err(|error| Error::cannot_start("cannot make a link", &error))?;
    let expires = Timestamp::from_secs(now.plus(LINK).as_secs_nanos().0);
    let login = Login {
        digest,
        token: name.into(),
        token_digest,
        expires,
    };
    editor.link(login, now).map_err(|error| failed(&error))?;
    drop(editor);
    places.note(What::LinkCreated, name, "", now);
    let code = code.reveal();
    Ok((format!("{base}{LOGIN_PATH}?{LOGIN_CODE}={code}"), expires))
}

/// `http://host:port` or `https://..`, without a path.
fn checked(url: &str) -> Result<String, Error> {
    let url = url.strip_suffix('/').unwrap_or(url);
    let host = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-_:[]".contains(c);
    if host.is_some_and(|host| !host.is_empty() && host.chars().all(plain)) {
        return Ok(url.to_owned());
    }
    Err(Error::Usage(format!(
        "--url {url}: need an address such as https://gateway.example:8080"
    )))
}

/// The address that the configuration says.
fn base(config: &Config) -> String {
    let bind = config.http.bind;
    let ip = if bind.ip().is_unspecified() {
        lan_address().unwrap_or(bind.ip())
    } else {
        bind.ip()
    };
    let scheme = if config.http.tls { "https" } else { "http" };
    format!("{scheme}://{}", SocketAddr::new(ip, bind.port()))
}

/// This machine's address towards others; nothing is sent.
pub(crate) fn lan_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    // An address for documentation (RFC 5737): it is only looked up which way leads there.
    socket.connect(("192.0.2.1", 9)).ok()?;
    let own = socket.local_addr().ok()?.ip();
    (!own.is_unspecified()).then_some(own)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn only_a_host_may_stand_in_front_of_the_login() {
        assert_eq!(
            checked("http://10.0.0.1:8080/").unwrap(),
            "http://10.0.0.1:8080"
        );
        assert!(checked("https://[fe80::1]:8080").is_ok());
        for wrong in ["10.0.0.1", "http://", "http://a/b", "http://a?x", "ftp://a"] {
            assert!(checked(wrong).is_err(), "{wrong}");
        }
    }
}
