//! The commands, one file each.
//!
//! Exit codes: 0 ok, 1 what was checked is wrong, 2 usage, 3 cannot start. Results go to standard
//! output, everything else to standard error; progress is shown on a terminal only. A reader that
//! closes the pipe (`| head`) has what it wanted: that is no error.
mod access;
mod check;
mod decode;
mod demo;
mod explain;
mod http;
mod log;
mod output;
mod own;
mod progress;
mod ready;
mod rejects;
mod reload;
mod resolved;
mod run;
mod scoreboard;
mod signals;
mod simulate;
mod stores;
mod tap;
mod token;
mod trust;

use crate::config::Config;
use crate::model::Chain;
use crate::model::settings::Problem;
use clap::{Parser, Subcommand};
use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(
    version,
    about = "A city's gateway for meter and sensor readings",
    after_help = "Example:\n  citygate demo\n\nExit codes: 0 ok, 1 what was checked is wrong, 2 usage, 3 cannot start.",
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a gateway until SIGTERM or SIGINT
    Run(run::Args),
    /// Run a gateway and a small simulated city, and show what to try
    Demo(demo::Args),
    /// Check a configuration: every problem at once
    Check(check::Args),
    /// Does a gateway take traffic?
    Ready(ready::Args),
    /// Show what would become of a payload
    Decode(decode::Args),
    /// Play a city of poles, tunnels and meters, or a CSV file, over MQTT and CoAP
    Simulate(simulate::Args),
    /// Have a running gateway read its configuration, inventory and profiles again
    Reload(reload::Args),
    /// Follow the live stream of a running gateway
    Tap(tap::Args),
    /// Tell what became of a device's last uplinks, or why it is silent
    Explain(explain::Args),
    /// Show the external stores of a running gateway, or set one back
    Stores(stores::Args),
    /// List, show and retry what could not become readings
    Rejects(rejects::Args),
    /// Look at the log of a stopped gateway
    Log(log::Args),
    /// Say what a token lets its holder see, and why
    Access(access::Args),
    /// Make, list and revoke tokens, and log phones in
    Token(token::Args),
}

/// How a command ended well enough to say so itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    Ok,
    /// What was checked is wrong; the command has said what.
    Wrong,
    /// The gateway could not start; the command has said why.
    CannotStart,
}

/// Why a command failed, in words. The variants are the exit codes.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// Standard output is closed or full.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// What was checked is wrong.
    #[error("{0}")]
    Wrong(String),
    /// The arguments contradict each other or name what is not there.
    #[error("{0}")]
    Usage(String),
    /// Nothing could be started.
    #[error("{0}")]
    CannotStart(String),
}

impl Error {
    fn wrong(what: impl fmt::Display, cause: &dyn StdError) -> Self {
        Self::Wrong(format!("{what}: {}", Chain(cause)))
    }

    fn cannot_start(what: impl fmt::Display, cause: &dyn StdError) -> Self {
        Self::CannotStart(format!("{what}: {}", Chain(cause)))
    }

    const fn code(&self) -> u8 {
        match self {
            Self::Output(_) | Self::Wrong(_) => 1,
            Self::Usage(_) => 2,
            Self::CannotStart(_) => 3,
        }
    }
}

/// The environment, but for what is no UTF-8: that is none of ours.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Reads a configuration and lays the environment over it.
fn load_config(file: &Path) -> Result<Config, Vec<Problem>> {
    Config::load(file, environment())
}

/// For a command that asks somebody: one thread is enough.
fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::cannot_start("cannot start", &error))
}

/// The defaults with the environment over them.
fn default_config() -> Result<Config, Vec<Problem>> {
    Config::parse("", environment())
}

/// A problem a line.
fn listed(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Ready(args) => ready::run(&args),
        Command::Decode(args) => decode::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Reload(args) => reload::run(&args),
        Command::Tap(args) => tap::run(args),
        Command::Explain(args) => explain::run(&args),
        Command::Stores(args) => stores::run(&args),
        Command::Rejects(args) => rejects::run(args),
        Command::Log(args) => log::run(args),
        Command::Access(args) => access::run(&args),
        Command::Token(args) => token::run(&args),
    };
    match result {
        Ok(Exit::Ok) => ExitCode::SUCCESS,
        Ok(Exit::Wrong) => ExitCode::from(1),
        Ok(Exit::CannotStart) => ExitCode::from(3),
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error is closed, too.
            let _ = io::Write::write_fmt(&mut io::stderr(), format_args!("citygate: {error}\n"));
            ExitCode::from(error.code())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn every_command_has_an_example_and_no_contradiction() {
        let mut cli = Cli::command();
        cli.build();
        cli.clone().debug_assert();
        let mut open: Vec<clap::Command> = vec![cli];
        while let Some(command) = open.pop() {
            if command.get_name() == "help" {
                continue;
            }
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                help.contains("citygate "),
                "`{}` has no example",
                command.get_name()
            );
            open.extend(command.get_subcommands().cloned());
        }
    }

    #[test]
    fn a_chain_shows_each_cause_once() {
        let cause = crate::log::OpenError::Io {
            path: "x".into(),
            source: io::Error::other("disk on fire"),
        };
        let error = Error::cannot_start("cannot look at it", &cause);
        assert_eq!(
            error.to_string(),
            "cannot look at it: cannot open \"x\": disk on fire"
        );
        assert_eq!(error.code(), 3);
    }
}
