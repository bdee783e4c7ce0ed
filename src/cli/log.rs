//! `citygate log`: the log of a stopped gateway, read and never changed.
use super::{Error, Exit, output};
use crate::api::http::json;
use crate::config::Config;
use crate::log::inspect::{Count, Folder, SegmentCheck};
use crate::log::record::Kind;
use crate::log::{Frame, OpenError};
use crate::model::{Reject, proto};
use clap::Subcommand;
use prost::Message;
use serde::Serialize;
use std::io::{self, BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  citygate log check data
  citygate log stat --config citygate.toml
  citygate log export data | jq .report.deviceId

These read the directory of a stopped gateway, and say so when it is in use. They change nothing.";

/// Bytes of output that are gathered before they are written.
const OUT_BYTES: usize = 1 << 16;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Verify every byte; exit code 1 if a place is damaged
    #[command(after_help = "Example:\n  citygate log check data")]
    Check(Place),
    /// Count what is there
    #[command(after_help = "Example:\n  citygate log stat data --json")]
    Stat(Place),
    /// Print every report, event and reject as a line of JSON, the logs one after the other
    #[command(after_help = "Example:\n  citygate log export data | grep meter-7")]
    Export(Place),
}

#[derive(Debug, clap::Args)]
struct Place {
    /// The gateway's data directory
    #[arg(value_name = "DIR", required_unless_present = "config")]
    dir: Option<PathBuf>,
    /// Take the directory from this configuration
    #[arg(long, value_name = "FILE", conflicts_with = "dir")]
    config: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The two logs of a data directory.
const LOGS: [&str; 2] = ["log", "rejects"];

#[derive(Debug, Serialize)]
struct Checked {
    log: &'static str,
    sound: bool,
    segments: Vec<SegmentCheck>,
}

#[derive(Debug, Serialize)]
struct Counted {
    log: &'static str,
    id: String,
    #[serde(flatten)]
    count: Count,
}

pub(super) fn run(args: Args) -> Result<Exit, Error> {
    match args.command {
        Command::Check(place) => check(&place),
        Command::Stat(place) => stat(&place),
        Command::Export(place) => export(&place),
    }
}

/// Locks every log of the place; a running gateway holds the locks.
fn open(place: &Place) -> Result<Vec<(&'static str, Folder)>, Error> {
    let dir = match (&place.dir, &place.config) {
        (Some(dir), _) => dir.clone(),
        (None, Some(file)) => {
            super::load_config(file)
                .map_err(|problems| Error::Wrong(super::listed(&problems)))?
                .data_dir
        }
        (None, None) => Config::standard().data_dir,
    };
    let mut folders = Vec::new();
    for name in LOGS {
        folders.push((name, folder(&dir.join(name))?));
    }
    Ok(folders)
}

fn folder(dir: &Path) -> Result<Folder, Error> {
    Folder::open(dir).map_err(|error| match error {
        OpenError::Locked { .. } => Error::CannotStart(format!(
            "{} is in use by a running gateway; stop it first, or ask it over HTTP",
            dir.display()
        )),
        error => Error::cannot_start("cannot read the log", &error),
    })
}

fn failed(error: &OpenError) -> Error {
    Error::cannot_start("cannot read the log", error)
}

fn check(place: &Place) -> Result<Exit, Error> {
    let mut all_sound = true;
    for (log, folder) in open(place)? {
        let segments = folder.check().map_err(|error| failed(&error))?;
        let faults = faults(&segments);
        let sound = faults.is_empty();
        all_sound &= sound;
        if place.json {
            output::json(&Checked {
                log,
                sound,
                segments,
            })?;
            continue;
        }
        for fault in faults {
            output::line(fault)?;
        }
        let torn = segments.last().map_or(0, |segment| segment.trailing_bytes);
        if torn > 0 {
            output::line(format_args!(
                "{log}: the last {torn} bytes are a torn write; nothing in it was acknowledged, the next start cuts it"
            ))?;
        }
        let verdict = if sound { "sound" } else { "damaged" };
        output::line(format_args!(
            "{log}: {} segments, {verdict}",
            segments.len()
        ))?;
    }
    Ok(if all_sound { Exit::Ok } else { Exit::Wrong })
}

/// Damage, each with its place. A torn tail of the last segment is none: a crash leaves one.
fn faults(segments: &[SegmentCheck]) -> Vec<String> {
    let mut faults = Vec::new();
    for (at, segment) in segments.iter().enumerate() {
        let path = segment.path.display();
        if !segment.header_sound {
            faults.push(format!("{path}: the header is damaged"));
        }
        for offset in &segment.damaged {
            faults.push(format!("{path}: damaged at byte {offset}"));
        }
        if segment.trailing_bytes > 0 && at + 1 < segments.len() {
            let from = segment.bytes.saturating_sub(segment.trailing_bytes);
            faults.push(format!("{path}: damaged from byte {from} to its end"));
        }
    }
    faults
}

fn stat(place: &Place) -> Result<Exit, Error> {
    for (log, folder) in open(place)? {
        let count = folder.count().map_err(|error| failed(&error))?;
        let id = folder.id().to_string();
        if place.json {
            output::json(&Counted { log, id, count })?;
            continue;
        }
        output::line(format_args!("{log} {id}"))?;
        for (name, value) in [
            ("segments", count.segments),
            ("bytes", count.bytes),
            ("frames", count.frames),
            ("oldest", count.oldest),
            ("newest", count.newest),
            ("reports", count.reports),
            ("rejects", count.rejects),
            ("events", count.events),
            ("releases", count.releases),
        ] {
            output::line(format_args!("  {name:<10}{value}"))?;
        }
    }
    Ok(Exit::Ok)
}

fn export(place: &Place) -> Result<Exit, Error> {
    let mut out = BufWriter::with_capacity(OUT_BYTES, io::stdout().lock());
    let mut unreadable = 0_u64;
    for (_, folder) in open(place)? {
        let mut written = Ok(());
        let visited = folder.frames(|frame| {
            written = put_frame(&mut out, frame, &mut unreadable);
            if written.is_ok() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        visited.map_err(|error| failed(&error))?;
        written?;
    }
    out.flush()?;
    if unreadable > 0 {
        return Err(Error::Wrong(format!(
            "{unreadable} records are of no known shape"
        )));
    }
    Ok(Exit::Ok)
}

/// One line of the export.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Line<'a> {
    Report(json::Report<'a>),
    Event(json::Event<'a>),
    Reject(Box<json::RejectJson>),
}

fn put_frame(out: &mut impl Write, frame: &Frame, unreadable: &mut u64) -> io::Result<()> {
    for (sequence, record) in frame.records() {
        match record.kind {
            Kind::Report => match proto::Report::decode(record.body) {
                Ok(report) => {
                    let report = proto::Report { sequence, ..report };
                    output::put_json(out, &Line::Report((&report).into()))?;
                }
                Err(_) => *unreadable += 1,
            },
            Kind::Event => match proto::Event::decode(record.body) {
                Ok(event) => {
                    let event = proto::Event { sequence, ..event };
                    output::put_json(out, &Line::Event((&event).into()))?;
                }
                Err(_) => *unreadable += 1,
            },
            Kind::Reject => match Reject::decode(record.body) {
                Ok(reject) => {
                    let reject = Box::new(json::RejectJson::new(sequence, reject));
                    output::put_json(out, &Line::Reject(reject))?;
                }
                Err(_) => *unreadable += 1,
            },
            // Bookkeeping of packet ids: nothing that a device said.
            Kind::Release => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(trailing_bytes: u64, damaged: &[u64]) -> SegmentCheck {
        SegmentCheck {
            path: "s".into(),
            bytes: 100,
            header_sound: true,
            last: None,
            damaged: damaged.to_vec(),
            trailing_bytes,
        }
    }

    #[test]
    fn a_torn_tail_is_no_damage_but_only_at_the_end() {
        assert!(faults(&[segment(0, &[]), segment(7, &[])]).is_empty());
        assert_eq!(
            faults(&[segment(7, &[]), segment(0, &[40])]),
            [
                "s: damaged from byte 93 to its end",
                "s: damaged at byte 40"
            ]
        );
    }
}
