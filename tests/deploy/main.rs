//! What `deploy/` ships, held against the real programs and a running gateway: the unit, rules, dashboards, samples and
//! the compose file.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by failing"
)]
mod dashboards;
mod metrics;
mod rules;
mod samples;
#[path = "../support/mod.rs"]
mod support;
mod unit;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A path of the repository.
fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A file of the repository.
fn text(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap()
}

/// Runs a program; `None`, and a word about it, where there is none.
fn run(command: &mut Command) -> Option<Output> {
    match command.output() {
        Ok(output) => Some(output),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!(
                "NOT CHECKED: {} is not installed",
                command.get_program().display()
            );
            None
        }
        Err(error) => panic!("{}: {error}", command.get_program().display()),
    }
}

/// What it said.
fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
