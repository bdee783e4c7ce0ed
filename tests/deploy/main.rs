//! What `deploy/` ships, held against the real programs and a running gateway: the unit, rules, dashboards, samples and
//! the compose file.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it expects by failing"
)]
mod compose;
mod dashboards;
mod metrics;
mod rules;
mod samples;
#[path = "../support/mod.rs"]
mod support;
mod unit;

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
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

/// The body of a GET with a token, to a port of this machine.
#[track_caller]
fn ask(port: u16, host: &str, path: &str, token: &str) -> String {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    body.to_owned()
}

/// What it said.
fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
