//! `citygate token`: who may see what.
//!
//! A token is shown once, when it is made; the file has its hash. The gateway follows the file.
mod create;
mod grants;
mod link;
mod qr;

pub(super) use create::create;
pub(super) use grants::{Place, Places, as_json, metrics, rows};
pub(super) use link::{create as link, lan_address, show_link};

use super::{Error, Exit, output};
use crate::access::audit::What;
use crate::access::{EditError, Token};
use crate::model::{Clock, Timestamp};
use clap::Subcommand;
use serde_json::json;
use std::io::{self, Write};

const EXAMPLES: &str = "\
Examples:
  citygate token create brain --config citygate.toml > brain.token
  citygate token create gas-company --kind meter.gas --district 3701 --expires 90d --config citygate.toml
  citygate token list --config citygate.toml
  citygate token link field --url https://gateway.example:8080 --config citygate.toml
  citygate token revoke gas-company --config citygate.toml

CITYGATE_CONFIG may name the configuration. A running gateway follows within two seconds; what a
revoked token has open ends then.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a token and print it, once
    Create(create::Args),
    /// List the tokens, never themselves
    #[command(after_help = "Example:\n  citygate token list --config citygate.toml")]
    List(Listed),
    /// Take a token back: whatever it has open ends within 5 s
    #[command(after_help = "Example:\n  citygate token revoke gas-company --config citygate.toml")]
    Revoke(Revoked),
    /// Make a link that logs a phone in, once, within 15 minutes
    Link(link::Args),
}

#[derive(Debug, clap::Args)]
struct Listed {
    #[command(flatten)]
    place: Place,
    /// Print each token's row as a line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Revoked {
    /// The token's name
    name: String,
    #[command(flatten)]
    place: Place,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Error> {
    let now = Clock::system().now();
    match &args.command {
        Command::Create(args) => create::run(args, now),
        Command::List(args) => list(args, now),
        Command::Revoke(args) => revoke(args, now),
        Command::Link(args) => link::run(args, now),
    }
}

/// What the operator did wrong is told from what the disk did.
pub(super) fn failed(error: &EditError) -> Error {
    match error {
        EditError::Io { .. } => Error::cannot_start("cannot edit the tokens", error),
        error => Error::Wrong(super::Chain(error).to_string()),
    }
}

/// To standard error, which may be closed: the result is on standard output.
fn say(text: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// One word for what becomes of a caller.
fn state(token: &Token, now: Timestamp) -> &'static str {
    match token.revoked {
        Some(_) => "revoked",
        None if token.is_expired(now) => "expired",
        None => "good",
    }
}

fn list(args: &Listed, now: Timestamp) -> Result<Exit, Error> {
    let places = args.place.find()?;
    let tokens = places.read()?;
    if args.json {
        for token in &tokens.tokens {
            output::json(&grants::as_json(token, state(token, now)))?;
        }
        return Ok(Exit::Ok);
    }
    for token in &tokens.tokens {
        let (name, state) = (&token.grant.name, state(token, now));
        let until = match (token.revoked, token.expires) {
            (Some(at), _) => format!("at {at}"),
            (None, Some(at)) => format!("until {at}"),
            (None, None) => "until it is revoked".to_owned(),
        };
        let what = grants::brief(&token.grant);
        let purpose = &token.grant.purpose;
        let purpose = if purpose.is_empty() {
            String::new()
        } else {
            format!("; {purpose}")
        };
        let prefix = token.digest.prefix();
        output::line(format_args!(
            "{name:<20} {state:<8} {until:<32} {prefix}  {what}{purpose}"
        ))?;
    }
    if tokens.tokens.is_empty() {
        say("no tokens; `citygate token create NAME` makes one");
    }
    Ok(Exit::Ok)
}

fn revoke(args: &Revoked, now: Timestamp) -> Result<Exit, Error> {
    let places = args.place.find()?;
    let mut editor = places.edit()?;
    let token = editor
        .revoke(&args.name, now)
        .map_err(|error| failed(&error))?;
    drop(editor);
    places.note(What::TokenRevoked, &args.name, "", now);
    if args.json {
        let revoked = token.revoked.map(|at| at.to_string());
        output::json(&json!({"name": args.name, "revoked": revoked}))?;
    } else {
        output::line(format_args!("{} is revoked", args.name))?;
    }
    Ok(Exit::Ok)
}
