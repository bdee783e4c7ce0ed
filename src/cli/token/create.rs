//! `citygate token create`.
use super::grants::{Place, Places, as_json, brief};
use super::{failed, say};
use crate::access::audit::What;
use crate::access::{Grant, Scope, Token, check_district, check_kind, check_metric, new_token};
use crate::cli::{Error, Exit, output};
use crate::model::settings::parse_duration;
use crate::model::{DeviceId, Secret, Timestamp};
use jiff::tz::TimeZone;
use serde_json::Value;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  citygate token create brain --config citygate.toml > brain.token
  citygate token create gas-company --kind meter.gas --district 3701 --metric gas_volume --expires 90d --purpose billing
  citygate token create prometheus --gateway --metric battery_level --expires never

Without --kind, --district and --metric it sees everything. The token goes to standard output, alone, and
is not kept: what is lost is revoked and made anew.";

/// Longest purpose, in bytes.
const PURPOSE_MAX: usize = 200;
/// A token that nobody says more of.
const EXPIRES: &str = "365d";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The token's name: 1 to 64 of A-Z a-z 0-9 . _ : -
    #[arg(value_parser = name)]
    name: String,
    /// Only this kind and what is below it; may be given more than once, as the following
    #[arg(long, value_name = "KIND")]
    kind: Vec<String>,
    /// Only this district and what begins so
    #[arg(long, value_name = "CODE")]
    district: Vec<String>,
    /// Only this metric
    #[arg(long, value_name = "NAME")]
    metric: Vec<String>,
    /// How long it is taken, such as 90d, or until when (RFC 3339), or never
    #[arg(long, value_name = "TIME", default_value = EXPIRES)]
    expires: String,
    /// What it is for
    #[arg(long, value_name = "TEXT", default_value = "", value_parser = purpose)]
    purpose: String,
    /// Also the gateway itself (counters, sources, rejects), where kinds, districts or metrics are named
    #[arg(long)]
    gateway: bool,
    /// Also to change things, such as rewinding a store
    #[arg(long)]
    operate: bool,
    #[command(flatten)]
    place: Place,
    /// Print JSON, with the token in "token"
    #[arg(long)]
    json: bool,
}

fn name(text: &str) -> Result<String, String> {
    let checked = DeviceId::check(text).map(str::to_owned);
    checked.map_err(|_| "need 1 to 64 characters of A-Z a-z 0-9 . _ : -".to_owned())
}

fn purpose(text: &str) -> Result<String, String> {
    let fits = text.len() <= PURPOSE_MAX && !text.contains(char::is_control);
    fits.then(|| text.to_owned())
        .ok_or_else(|| format!("need one line of at most {PURPOSE_MAX} bytes"))
}

/// "never", a time from now, or a time.
fn expiry(text: &str, now: Timestamp) -> Result<Option<Timestamp>, String> {
    if text == "never" {
        return Ok(None);
    }
    let at = match parse_duration(text) {
        Some(time) if time >= Duration::from_secs(1) => now.plus(time),
        Some(_) => return Err("a token must live for a second at least".to_owned()),
        None => Timestamp::parse(text, &TimeZone::UTC).map_err(|_| {
            format!("{text:?} is neither a time such as 90d, nor RFC 3339, nor never")
        })?,
    };
    if at <= now {
        return Err(format!("{text} is over"));
    }
    // Whole seconds: the file is for people.
    Ok(Some(Timestamp::from_secs(at.as_secs_nanos().0)))
}

/// The entries of an option, each checked.
fn scope<T>(
    option: &str,
    entries: &[String],
    check: impl Fn(&str) -> Result<T, String>,
) -> Result<Scope<Vec<T>>, Error> {
    if entries.is_empty() {
        return Ok(Scope::All);
    }
    let checked = entries.iter().map(|entry| {
        check(entry).map_err(|rule| Error::Usage(format!("{option} {entry}: {rule}")))
    });
    checked.collect::<Result<_, _>>().map(Scope::Only)
}

fn grant(args: &Args, places: &Places) -> Result<Grant, Error> {
    let catalogue = &places.catalogue;
    let kinds = scope("--kind", &args.kind, |kind| check_kind(kind, catalogue))?;
    let districts = scope("--district", &args.district, check_district)?;
    let metrics = scope("--metric", &args.metric, |name| {
        check_metric(name, catalogue)
    })?;
    let unrestricted = kinds.is_all() && districts.is_all() && metrics.is_all();
    Ok(Grant {
        name: args.name.as_str().into(),
        purpose: args.purpose.as_str().into(),
        kinds,
        districts,
        metrics: match metrics {
            Scope::All => Scope::All,
            Scope::Only(metrics) => Scope::Only(metrics.into_iter().collect()),
        },
        gateway: args.gateway || unrestricted,
        operate: args.operate,
    })
}

pub(super) fn run(args: &Args, now: Timestamp) -> Result<Exit, Error> {
    let places = args.place.find()?;
    let grant = grant(args, &places)?;
    let expires =
        expiry(&args.expires, now).map_err(|rule| Error::Usage(format!("--expires: {rule}")))?;
    let (text, token) = create(&places, grant, expires, now)?;
    if args.json {
        let mut row = as_json(&token, "good");
        if let Value::Object(row) = &mut row {
            row.insert("token".to_owned(), text.reveal().into());
        }
        output::json(&row)?;
        return Ok(Exit::Ok);
    }
    let until = expires.map_or("until it is revoked".to_owned(), |at| format!("until {at}"));
    say(format_args!(
        "{}: {}; taken {until}",
        args.name,
        brief(&token.grant)
    ));
    if io::stdout().is_terminal() {
        say("This is the only time that the token is shown:");
    }
    output::line(text.reveal())?;
    Ok(Exit::Ok)
}

/// Makes a token, in the file and in the audit log.
pub(crate) fn create(
    places: &Places,
    grant: Grant,
    expires: Option<Timestamp>,
    now: Timestamp,
) -> Result<(Secret, Token), Error> {
    let (text, digest) =
        new_token().map_err(|error| Error::cannot_start("cannot make a token", &error))?;
    let token = Token {
        digest,
        created: Some(Timestamp::from_secs(now.as_secs_nanos().0)),
        expires,
        revoked: None,
        grant: Arc::new(grant),
    };
    let mut editor = places.edit()?;
    editor
        .create(token.clone())
        .map_err(|error| failed(&error))?;
    drop(editor);
    let detail = brief(&token.grant);
    places.note(What::TokenCreated, &token.grant.name, &detail, now);
    Ok((text, token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiry_is_a_time_from_now_or_a_time_or_never() {
        let now = Timestamp::from_secs(1_800_000_000);
        let day = now.plus(Duration::from_hours(24));
        assert_eq!(expiry("1d", now), Ok(Some(day)));
        assert_eq!(expiry(&day.to_string(), now), Ok(Some(day)));
        assert_eq!(expiry("never", now), Ok(None));
        for wrong in ["", "soon", "0s", "2020-01-01T00:00:00Z", "-1d"] {
            assert!(expiry(wrong, now).is_err(), "{wrong}");
        }
        assert!(expiry(EXPIRES, now).is_ok());
    }
}
