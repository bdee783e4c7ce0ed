//! The commands, one file each.
//!
//! Exit codes: 0 ok, 1 what was checked is wrong, 2 usage, 3 cannot start. Results go to standard
//! output, everything else to standard error; progress is shown on a terminal only. A reader that
//! closes the pipe (`| head`) has what it wanted: that is no error.
mod output;
mod progress;
mod signals;
mod simulate;

use clap::{Parser, Subcommand};
use std::error::Error as StdError;
use std::fmt;
use std::io;
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
    /// Play a city of poles, tunnels and meters, or a CSV file, over MQTT
    Simulate(simulate::Args),
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

/// An error with its causes, on one line.
struct Chain<'a>(&'a dyn StdError);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.0.to_string();
        f.write_str(&shown)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            // A transparent error repeats its cause word for word.
            let text = error.to_string();
            if text != shown {
                write!(f, ": {text}")?;
                shown = text;
            }
            cause = error.source();
        }
        Ok(())
    }
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Simulate(args) => simulate::run(args),
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
        let inner = io::Error::other("disk on fire");
        let error = Error::cannot_start("cannot open the log", &inner);
        assert_eq!(
            Chain(&error).to_string(),
            "cannot open the log: disk on fire"
        );
        assert_eq!(error.code(), 3);
    }
}
