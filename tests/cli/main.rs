//! The commands as a user meets them: arguments, exit codes, what they print, and a gateway that is killed meanwhile.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by failing"
)]
mod access;
mod checks;
mod coap;
mod demo;
mod devices;
mod explain;
mod five_minutes;
mod full;
mod live;
mod rejects;
mod reload;
mod snapshot;
mod snapshot_load;
mod stop;
#[path = "../support/mod.rs"]
mod support;
mod usage;

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};

/// The program, without settings that the caller's environment may have.
fn citygate(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_citygate"));
    command.args(args).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CITYGATE_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command
}

/// What a command did.
struct Done {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn run(args: &[&str]) -> Done {
    citygate(args).output().unwrap().into()
}

fn run_with_input(args: &[&str], input: &[u8]) -> Done {
    let mut command = citygate(args);
    let mut child = piped(command.stdin(Stdio::piped()));
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap().into()
}

/// Starts a command whose output is read later.
fn piped(command: &mut Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}
