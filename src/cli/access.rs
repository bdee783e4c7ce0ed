//! `citygate access`: what a grant lets its holder see, and why.
use super::http::{self, Gateway, HttpError};
use super::token::{Place, as_json, rows};
use super::trust::Trust;
use super::{Chain, Error, Exit, output};
use crate::access::{Grant, Scope, Token, count_sessions};
use crate::catalogue::is_kind_prefix;
use crate::model::{Clock, Timestamp};
use clap::Subcommand;
use serde_json::{Value, json};

const EXAMPLES: &str = "\
Examples:
  citygate access show gas-company --config citygate.toml
  citygate access why gas-company meter-7 --config citygate.toml
  citygate access why gas-company meter-7 --kind meter.gas --district 370102 --metric gas_volume

`why` asks the running gateway for the device, with CITYGATE_TOKEN, unless --kind or --district say it.
Exit code 1 if nothing is seen.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say what a token lets its holder see; exit code 1 if it is not taken any more
    #[command(after_help = "Example:\n  citygate access show gas-company --config citygate.toml")]
    Show(Show),
    /// Say which part of a grant lets a device be seen, or keeps it from being seen
    #[command(
        after_help = "Examples:\n  citygate access why gas-company meter-7 --config citygate.toml\n  citygate access why gas-company meter-7 --kind meter.gas --district 370102"
    )]
    Why(Why),
}

#[derive(Debug, clap::Args)]
struct Show {
    /// The token's name
    grant: String,
    #[command(flatten)]
    place: Place,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Why {
    /// The token's name
    grant: String,
    /// The device's id or alias
    device: String,
    /// The device's kind, instead of asking the gateway
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// The device's district, instead of asking the gateway
    #[arg(long, value_name = "CODE")]
    district: Option<String>,
    /// Is this metric of it seen? May be given more than once
    #[arg(long, value_name = "NAME")]
    metric: Vec<String>,
    /// The gateway's HTTP address
    #[arg(long, value_name = "URL", env = "CITYGATE_URL", default_value = "http://127.0.0.1:8080", value_parser = http::url)]
    url: http::Url,
    #[command(flatten)]
    trust: Trust,
    #[command(flatten)]
    place: Place,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Error> {
    let now = Clock::system().now();
    match &args.command {
        Command::Show(args) => show(args, now),
        Command::Why(args) => why(args, now),
    }
}

/// Is the token itself taken? In one word, and a sentence.
fn standing(token: &Token, now: Timestamp) -> (&'static str, String) {
    match (token.revoked, token.expires) {
        (Some(at), _) => ("revoked", format!("revoked at {at}: nobody is admitted")),
        (None, Some(at)) if at <= now => {
            ("expired", format!("expired at {at}: nobody is admitted"))
        }
        (None, Some(at)) => ("good", format!("taken until {at}")),
        (None, None) => ("good", "taken until it is revoked".to_owned()),
    }
}

fn find(place: &Place, name: &str) -> Result<(Token, super::token::Places), Error> {
    let places = place.find()?;
    let tokens = places.read()?;
    let Some(token) = tokens.named(name) else {
        let names = tokens.tokens.iter().map(|token| &*token.grant.name);
        let near = crate::model::settings::nearest(name, names);
        let near = near.map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
        return Err(Error::Wrong(format!("there is no token {name:?}{near}")));
    };
    Ok((token.clone(), places))
}

fn show(args: &Show, now: Timestamp) -> Result<Exit, Error> {
    let (token, places) = find(&args.place, &args.grant)?;
    let (word, sentence) = standing(&token, now);
    let sessions = match &places.config {
        Some(config) => count_sessions(&config.data_dir, &token.digest, now).ok(),
        None => None,
    };
    if args.json {
        let mut row = as_json(&token, word);
        if let Value::Object(row) = &mut row {
            row.insert("sessions".to_owned(), json!(sessions));
        }
        output::json(&row)?;
    } else {
        output::line(format_args!("{}: {sentence}", args.grant))?;
        for (part, what) in rows(&token.grant) {
            output::line(format_args!("{part:<10} {what}"))?;
        }
        if !token.grant.purpose.is_empty() {
            output::line(format_args!("purpose    {}", token.grant.purpose))?;
        }
        if let Some(created) = token.created {
            output::line(format_args!("created    {created}"))?;
        }
        output::line(format_args!("sha256     {}..", token.digest.prefix()))?;
        if let Some(sessions) = sessions {
            output::line(format_args!("phones     {sessions} logged in"))?;
        }
    }
    Ok(if word == "good" {
        Exit::Ok
    } else {
        Exit::Wrong
    })
}

/// One part's judgement.
struct Judged {
    part: &'static str,
    value: String,
    seen: bool,
    why: String,
}

fn why(args: &Why, now: Timestamp) -> Result<Exit, Error> {
    let (token, _) = find(&args.place, &args.grant)?;
    let (kind, district) = match (&args.kind, &args.district) {
        (None, None) => ask(args)?,
        (kind, district) => (
            kind.clone().unwrap_or_default(),
            district.clone().unwrap_or_default(),
        ),
    };
    let (word, sentence) = standing(&token, now);
    let mut judged = vec![Judged {
        part: "token",
        value: args.grant.clone(),
        seen: word == "good",
        why: sentence,
    }];
    judged.extend(judge(&token.grant, &kind, &district, &args.metric));
    let seen = judged.iter().all(|part| part.seen);
    if args.json {
        let parts = judged.iter().map(|part| {
            json!({"part": part.part, "value": part.value, "seen": part.seen, "why": part.why})
        });
        let parts: Vec<Value> = parts.collect();
        output::json(
            &json!({"grant": args.grant, "device": args.device, "seen": seen, "parts": parts}),
        )?;
    } else {
        for part in &judged {
            let mark = if part.seen { "yes" } else { "no " };
            let (name, value, why) = (part.part, &part.value, &part.why);
            output::line(format_args!("{mark} {name:<9} {value:<20} {why}"))?;
        }
        let verdict = if seen { "is seen" } else { "is not seen" };
        output::line(format_args!("{} {verdict} by {}", args.device, args.grant))?;
    }
    Ok(if seen { Exit::Ok } else { Exit::Wrong })
}

/// Each part of a grant by itself. `seen` is as [`Grant::sees_device`] has it, which a test holds.
fn judge(grant: &Grant, kind: &str, district: &str, metrics: &[String]) -> Vec<Judged> {
    let entry = |scope: &Scope<Vec<Box<str>>>, covers: &dyn Fn(&str) -> bool| match scope {
        Scope::All => (true, "all are granted".to_owned()),
        Scope::Only(entries) => match entries.iter().find(|entry| covers(entry)) {
            Some(entry) => (true, format!("granted by {entry:?}")),
            None => (false, format!("granted are only {}", entries.join(", "))),
        },
    };
    let shown = |value: &str| if value.is_empty() { "(none)" } else { value }.to_owned();
    let (seen, why) = entry(&grant.kinds, &|prefix| is_kind_prefix(prefix, kind));
    let by_kind = Judged {
        part: "kind",
        value: shown(kind),
        seen,
        why,
    };
    let (seen, why) = entry(&grant.districts, &|prefix| district.starts_with(prefix));
    let by_district = Judged {
        part: "district",
        value: shown(district),
        seen,
        why,
    };
    let mut all = vec![by_kind, by_district];
    if metrics.is_empty() {
        let why = match &grant.metrics {
            Scope::All => "all are granted".to_owned(),
            Scope::Only(_) => "granted are only these".to_owned(),
        };
        let (_, value) = super::token::metrics(grant);
        all.push(Judged {
            part: "metrics",
            value,
            seen: true,
            why,
        });
    }
    all.extend(metrics.iter().map(|metric| Judged {
        part: "metric",
        value: metric.clone(),
        seen: grant.sees_metric(metric),
        why: match (&grant.metrics, grant.sees_metric(metric)) {
            (Scope::All, _) => "all are granted".to_owned(),
            (Scope::Only(_), true) => "granted by its name".to_owned(),
            (Scope::Only(_), false) => {
                format!("granted are only {}", super::token::metrics(grant).1)
            }
        },
    }));
    all
}

/// Kind and district, as the running gateway knows them.
fn ask(args: &Why) -> Result<(String, String), Error> {
    let runtime = super::runtime()?;
    let token = std::env::var("CITYGATE_TOKEN").ok();
    let token = token.map(|token| format!("Bearer {token}"));
    let path = format!("/v1/devices/{}", super::tap::encoded(&args.device));
    let gateway = Gateway::new(args.url.clone(), &args.trust, token)?;
    let device = runtime.block_on(gateway.get(&path));
    let device = device.map_err(|error| asked_in_vain(&args.device, &error))?;
    let text = |name| {
        let text = device.get(name).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    Ok((text("kind"), text("district")))
}

fn asked_in_vain(device: &str, error: &HttpError) -> Error {
    if error.is_not_found() {
        return Error::Wrong(format!(
            "the gateway knows no {device}, or CITYGATE_TOKEN does not let you see it; --kind and --district say what it would be"
        ));
    }
    let error = Chain(error);
    Error::CannotStart(format!(
        "{error}; is CITYGATE_TOKEN set? --kind and --district work without the gateway"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_agree_with_what_the_gateway_does() {
        let only = |entries: &[&str]| Scope::Only(entries.iter().map(|e| Box::from(*e)).collect());
        for kinds in [Scope::All, only(&["meter"]), only(&["meter.gas", "pole"])] {
            for districts in [Scope::All, only(&["3701"]), only(&["3702", "37"])] {
                let grant = Grant {
                    kinds: kinds.clone(),
                    districts,
                    ..Grant::default()
                };
                for kind in ["meter.gas", "meters", "pole.light", "unknown", ""] {
                    for district in ["370102", "36", ""] {
                        let parts = judge(&grant, kind, district, &[]);
                        let seen = parts.iter().all(|part| part.seen);
                        assert_eq!(seen, grant.sees_device(kind, district), "{kind} {district}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_metric_is_judged_by_itself() {
        let grant = Grant {
            metrics: Scope::Only(["voltage".into()].into()),
            ..Grant::default()
        };
        let metrics = ["voltage".to_owned(), "current".to_owned()];
        let parts = judge(&grant, "meter", "", &metrics);
        let seen: Vec<bool> = parts.iter().map(|part| part.seen).collect();
        assert_eq!(seen, [true, true, true, false]);
    }
}
