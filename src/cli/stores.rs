//! `citygate stores`: how the stores of a running gateway are, and setting one back.
use super::trust::Trust;
use super::{Chain, Error, Exit, output, own};
use crate::api::http::json::printable;
use crate::model::Timestamp;
use clap::Subcommand;
use jiff::tz::TimeZone;
use reqwest::{Client, Method, StatusCode, Url, redirect};
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  citygate stores list
  citygate stores rewind influx --to 2026-11-25T08:00:00Z

They ask a running gateway. CITYGATE_TOKEN is sent as a bearer token if it is set.";

const LIST_EXAMPLES: &str = "\
Example:
  citygate stores list --url http://127.0.0.1:8080";

const REWIND_EXAMPLES: &str = "\
Example:
  citygate stores rewind influx --to 2026-11-25T08:00:00Z

For a store that has lost what it had acknowledged: all that was appended to the log since that time is
sent again. Nothing comes twice in the store, for the same line is the same point.";

/// For the connection, and for the whole exchange: a rewind reads a part of the log.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
const WAIT: Duration = Duration::from_secs(35);

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show each store: state, lag, rate, what became of the readings, the last error
    #[command(after_help = LIST_EXAMPLES)]
    List {
        #[command(flatten)]
        gateway: Gateway,
    },
    /// Set a store back, so that it gets what was logged since a time once more
    #[command(after_help = REWIND_EXAMPLES)]
    Rewind {
        /// The store, as in the configuration
        name: String,
        /// The time from which all is sent again, RFC 3339
        #[arg(long, value_name = "TIME", value_parser = time)]
        to: Timestamp,
        #[command(flatten)]
        gateway: Gateway,
    },
}

/// A running gateway that is asked.
#[derive(Debug, clap::Args)]
pub(super) struct Gateway {
    /// The gateway's HTTP address [default: http.bind of the configuration]
    #[arg(long, value_name = "URL", env = "CITYGATE_URL", value_parser = url)]
    url: Option<Url>,
    /// Configuration of a gateway on this machine
    #[arg(long, value_name = "FILE", env = "CITYGATE_CONFIG")]
    config: Option<PathBuf>,
    #[command(flatten)]
    trust: Trust,
    /// Print the gateway's answer as JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Gateway {
    /// Where it is.
    fn at(&self) -> Result<Url, Error> {
        match &self.url {
            Some(url) => Ok(url.clone()),
            None => url(&own::http(self.config.as_deref())?).map_err(Error::Usage),
        }
    }
}

pub(super) fn time(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text, &TimeZone::UTC).map_err(|error| error.to_string())
}

/// `host:port` or a URL.
fn url(text: &str) -> Result<Url, String> {
    let text = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let fits = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    let url = Url::parse(&text).ok().filter(fits);
    url.ok_or_else(|| "need an address such as http://127.0.0.1:8080".to_owned())
}

pub(super) fn run(args: &Args) -> Result<Exit, Error> {
    let runtime = super::runtime()?;
    match &args.command {
        Command::List { gateway } => {
            let answer = runtime.block_on(ask(gateway, Method::GET, &["v1", "stores"], &[]))?;
            if gateway.json {
                output::json(&answer)?;
                return Ok(Exit::Ok);
            }
            let stores = answer.get("stores").and_then(Value::as_array);
            let stores = stores.map(Vec::as_slice).unwrap_or_default();
            if stores.is_empty() {
                output::line("no [[store]] is configured: readings are kept in history only")?;
            }
            for store in stores {
                show(store)?;
            }
        }
        Command::Rewind { name, to, gateway } => {
            let path = ["v1", "stores", name, "rewind"];
            let to = [("to", to.to_string())];
            let answer = runtime.block_on(ask(gateway, Method::POST, &path, &to))?;
            if gateway.json {
                output::json(&answer)?;
                return Ok(Exit::Ok);
            }
            let text = |key| text(&answer, key);
            output::line(format_args!(
                "{}: set back by {} records, {} readings are sent again",
                text("store"),
                text("records"),
                text("readings")
            ))?;
            output::line(format_args!("old cursor {}", text("old_cursor")))?;
            output::line(format_args!("new cursor {}", text("new_cursor")))?;
        }
    }
    Ok(Exit::Ok)
}

/// The answer, or what the gateway says instead as an error.
pub(super) async fn ask(
    gateway: &Gateway,
    method: Method,
    path: &[&str],
    query: &[(&str, String)],
) -> Result<Value, Error> {
    match exchange(gateway, method, path, query).await? {
        (status, Some(answer)) if status.is_success() => Ok(answer),
        (status, answer) => Err(refused(status, answer.as_ref())),
    }
}

/// Status and JSON of an answer, whatever it is.
pub(super) async fn exchange(
    gateway: &Gateway,
    method: Method,
    path: &[&str],
    query: &[(&str, String)],
) -> Result<(StatusCode, Option<Value>), Error> {
    crate::tls::provider();
    let at = gateway.at()?;
    let mut url = at.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    let failed = |error: reqwest::Error| {
        let error = error.without_url();
        Error::CannotStart(format!("no gateway at {at}: {}", Chain(&error)))
    };
    let builder = Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_WAIT)
        .timeout(WAIT);
    let client = gateway.trust.with(builder)?.build().map_err(failed)?;
    let mut request = client.request(method, url);
    if let Ok(token) = std::env::var("CITYGATE_TOKEN") {
        request = request.bearer_auth(token);
    }
    let response = request.send().await.map_err(failed)?;
    let status = response.status();
    let body = response.bytes().await.map_err(failed)?;
    Ok((status, serde_json::from_slice(&body).ok()))
}

/// The gateway's own words, and the name that was probably meant.
pub(super) fn refused(status: StatusCode, problem: Option<&Value>) -> Error {
    let text = |key| problem.and_then(|problem| problem.get(key)?.as_str());
    let mut words = text("detail").map_or_else(
        || format!("the gateway answers {status}"),
        |detail| printable(detail.as_bytes()),
    );
    if let Some(nearest) = text("nearest") {
        words.push_str("; did you mean ");
        words.push_str(&printable(nearest.as_bytes()));
        words.push('?');
    }
    match status {
        StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND => Error::Usage(words),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::SERVICE_UNAVAILABLE => {
            Error::CannotStart(words)
        }
        _ => Error::Wrong(words),
    }
}

fn text(value: &Value, key: &str) -> String {
    let text = value.get(key).and_then(Value::as_str).unwrap_or("?");
    printable(text.as_bytes())
}

fn show(store: &Value) -> Result<(), Error> {
    let number = |key: &str| store.get(key).and_then(Value::as_f64).unwrap_or(0.0);
    let text = |key| text(store, key);
    output::line(format_args!(
        "{} {} {} {} lag {} records ({:.0} s), {:.0} readings/s",
        text("name"),
        text("state"),
        text("url"),
        text("target"),
        text("lag_records"),
        number("lag_seconds"),
        number("rate")
    ))?;
    output::line(format_args!(
        "  logged {} = stored {} + pending {} + rejected {} + expired {} + skipped {}",
        text("logged"),
        text("stored"),
        text("pending"),
        text("rejected"),
        text("expired"),
        text("skipped")
    ))?;
    if let Some(error) = store.get("last_error") {
        let part = |key| {
            printable(
                error
                    .get(key)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .as_bytes(),
            )
        };
        output::line(format_args!(
            "  last error {}: {}",
            part("at"),
            part("what")
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use serde_json::json;

    #[test]
    fn an_address_may_be_short() {
        assert_eq!(
            url("gateway:8080").unwrap().as_str(),
            "http://gateway:8080/"
        );
        assert!(url("https://gateway/base").is_ok());
        assert!(url("ftp://gateway").is_err() && url("http://").is_err());
    }

    #[test]
    fn a_refusal_has_the_gateways_words() {
        let problem = json!({"detail": "no store is called \"influks\"", "nearest": "influx"});
        let error = refused(StatusCode::NOT_FOUND, Some(&problem));
        assert_eq!(
            error.to_string(),
            "no store is called \"influks\"; did you mean influx?"
        );
        assert_eq!(error.code(), 2);
        let error = refused(StatusCode::BAD_GATEWAY, None);
        assert_eq!(error.to_string(), "the gateway answers 502 Bad Gateway");
        assert_eq!(refused(StatusCode::CONFLICT, None).code(), 1);
    }
}
