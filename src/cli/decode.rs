//! `citygate decode`: what would become of a payload, without a gateway.
mod pieces;

use super::resolved::{self, Record};
use super::{Error, Exit, output};
use crate::api::http::json;
use crate::app;
use crate::catalogue::Catalogue;
use crate::codecs;
use crate::config::Config;
use crate::intake::{Assumed, Knowledge, Known, Preview, Said, preview, quality_name};
use crate::inventory::Unknown;
use crate::model::proto::Reading;
use crate::model::proto::reading::Value;
use crate::model::settings::nearest_name;
use crate::model::{Clock, Timestamp};
use crate::profiles::{self, Codec};
use serde::Serialize;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const EXAMPLES: &str = "\
Examples:
  citygate decode --profile json '{\"voltage\": 230.1, \"ts\": 1795420800}'
  citygate decode --profile json 7b22766f6c74616765223a3233302e317d
  citygate decode --profile senml '[{\"bn\":\"m-1:\",\"bt\":1795420800,\"n\":\"voltage\",\"u\":\"V\",\"v\":230.1}]'
  citygate decode --profile dlt645 '68 61 01 00 00 00 00 68 91 08 33 33 34 33 59 33 33 33 8A 16'
  citygate decode --profile cbor a167766f6c74616765fb406cc33333333333
  citygate decode --profile profiles/acme-9.toml 01f40064
  citygate decode --config citygate.toml --device em-1 01f40064
  mosquitto_sub -C 1 -t city/meter-7/json | citygate decode --profile json -

Of a profile's payload, and of frames of meters, each piece is shown with its byte or path, what was sent, and what it
became or that it is ignored. With --config it is said what the inventory knows of the devices that the payload names.
Exit code 1 if anything would be rejected.";

/// Longest payload in bytes: far beyond what a gateway takes.
const PAYLOAD_MAX: u64 = 16 << 20;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Profile by name, or its file; else the device's by the inventory, else json
    #[arg(long, value_name = "NAME|FILE.toml")]
    profile: Option<String>,
    /// Who would send it, by id or alias, for what the inventory knows of it
    #[arg(long, value_name = "DEVICE", default_value = "")]
    device: String,
    /// Kind of the device, for its ranges, where neither inventory nor profile says it
    #[arg(long, value_name = "KIND", default_value = "unknown")]
    kind: String,
    /// Configuration with inventory, profiles, metrics, kinds and time zone of its own
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Hexadecimal bytes, JSON text, or - for either from standard input
    #[arg(value_name = "HEX|JSON|-")]
    payload: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The result as JSON.
#[derive(Serialize)]
struct Decoded<'a> {
    #[serde(flatten)]
    decoded: json::Decoded<'a>,
    /// Of a `SenML` pack: what it says, before anybody asks what that means here.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved: Option<Vec<Record>>,
}

pub(super) fn run(args: &Args) -> Result<Exit, Error> {
    let mut config = match &args.config {
        Some(file) => {
            super::load_config(file).map_err(|problems| Error::Wrong(super::listed(&problems)))?
        }
        None => Config::standard(),
    };
    let bytes = if args.payload == "-" {
        from_stdin()?
    } else {
        payload(args.payload.as_bytes())?
    };
    let named = named(args, &mut config);
    let knowledge = knowledge(args, &config, named.as_deref())?;
    let received_at = Clock::system().now();
    let profile = match &named {
        Some(name) => name,
        None => knowledge
            .profile_of(&args.device, received_at)
            .unwrap_or("json"),
    };
    let Some(codec) = knowledge.profiles.find(profile) else {
        return Err(unknown(profile, &knowledge));
    };
    let preview = preview(
        &config.catalogue,
        &knowledge,
        &bytes,
        &Assumed {
            profile,
            device: &args.device,
            kind: kind(&args.kind, &config.catalogue)?,
            zone: &config.zone,
            received_at,
            readings_max: config.intake.readings_max,
        },
    );
    let resolved = (profile == "senml").then(|| {
        // What is wrong with the pack is among the faults already.
        let resolved = codecs::senml::resolved(&bytes).unwrap_or_default();
        resolved.iter().map(Record::from).collect::<Vec<_>>()
    });
    if args.json {
        output::json(&decoded(codec, &preview, resolved))?;
    } else {
        resolved::print(resolved.as_deref().unwrap_or_default())?;
        print(&preview)?;
        pieces::print(&preview)?;
    }
    Ok(if preview.faults.is_empty() {
        Exit::Ok
    } else {
        Exit::Wrong
    })
}

/// The profile's name. A file takes the place of the folder of profiles.
fn named(args: &Args, config: &mut Config) -> Option<String> {
    let given = args.profile.as_deref()?;
    let file = Path::new(given);
    let is_file = file
        .extension()
        .is_some_and(|extension| extension == "toml");
    if !is_file {
        return Some(given.to_owned());
    }
    config.profiles = profiles::Config {
        folder: file.to_owned(),
        is_named: true,
    };
    let stem = file.file_stem().unwrap_or_default();
    Some(stem.to_string_lossy().into_owned())
}

/// What the configuration knows. A codec that needs no file needs no folder without mistakes either.
fn knowledge(args: &Args, config: &Config, named: Option<&str>) -> Result<Arc<Knowledge>, Error> {
    let alone = args.config.is_none() && named.is_some_and(|name| codecs::named(name).is_some());
    if alone {
        return Ok(Arc::new(Knowledge::nothing(Unknown::Accept)));
    }
    app::knowledge(config).map_err(|problems| Error::Wrong(super::listed(&problems)))
}

fn unknown(profile: &str, knowledge: &Knowledge) -> Error {
    let names = knowledge.profiles.names();
    let near = nearest_name(profile, names.split(", "))
        .map(|near| format!("; did you mean {near}?"))
        .unwrap_or_default();
    Error::Usage(format!(
        "there is no profile {profile:?}{near}; need one of {names}, or a file"
    ))
}

fn kind<'a>(kind: &'a str, catalogue: &Catalogue) -> Result<&'a str, Error> {
    if kind == "unknown" || catalogue.has_kind_prefix(kind) {
        return Ok(kind);
    }
    let nearest = catalogue
        .nearest_kind(kind)
        .map(|near| format!("; did you mean {near}?"));
    Err(Error::Usage(format!(
        "there is no kind {kind:?}{}",
        nearest.unwrap_or_default()
    )))
}

fn from_stdin() -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let read = io::stdin().take(PAYLOAD_MAX).read_to_end(&mut bytes);
    read.map_err(|error| Error::cannot_start("cannot read standard input", &error))?;
    payload(&bytes).or(Ok(bytes))
}

fn payload(text: &[u8]) -> Result<Vec<u8>, Error> {
    codecs::pasted(text).map_err(|error| Error::Usage(error.to_string()))
}

fn decoded<'a>(
    codec: Codec<'a>,
    preview: &'a Preview,
    resolved: Option<Vec<Record>>,
) -> Decoded<'a> {
    Decoded {
        decoded: json::Decoded::new(codec.name(), codec.version(), "", preview).with_device(),
        resolved,
    }
}

/// The readings with the devices that the payload names.
fn placed(preview: &Preview) -> impl Iterator<Item = (&str, &Reading)> {
    let devices = preview.origins.iter().map(|place| place.device.as_str());
    devices.zip(&preview.readings)
}

fn print(preview: &Preview) -> io::Result<()> {
    for (device, reading) in placed(preview) {
        if device.is_empty() {
            output::line(shown(reading))?;
        } else {
            let device = json::printable(device.as_bytes());
            output::line(format_args!("{device}: {}", shown(reading)))?;
        }
    }
    for said in &preview.events {
        output::line(event(said))?;
    }
    for known in &preview.devices {
        output::line(device(known))?;
    }
    if !preview.sender.is_empty() {
        let sender = json::printable(preview.sender.as_bytes());
        output::line(format_args!("sent by {sender}"))?;
    }
    for fault in &preview.faults {
        let part = if fault.part.is_empty() {
            "all of it"
        } else {
            &fault.part
        };
        output::line(format_args!("rejected {part}: {fault}"))?;
    }
    Ok(())
}

/// `dlt645:000000000161: event meter_error: error 02, function 11`
fn event(said: &Said) -> String {
    let of = match said.device.as_str() {
        "" => String::new(),
        device => format!("{device}: "),
    };
    let detail: Vec<String> = said
        .detail
        .iter()
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    let colon = if detail.is_empty() { "" } else { ": " };
    let text = format!("{of}event {}{colon}{}", said.name, detail.join(", "));
    json::printable(text.as_bytes())
}

fn device(known: &Known) -> String {
    let Known {
        named, id, kind, ..
    } = known;
    let text = match (id.as_str(), kind.as_str()) {
        ("", _) => format!("{named} is not in the inventory"),
        (id, "") => format!("{named} is `{id}` in the inventory"),
        (id, kind) => format!("{named} is `{id}` in the inventory, a {kind}"),
    };
    let text = match known.refused.as_str() {
        "" => text,
        refused => format!("{text}; it would be refused: {refused}"),
    };
    json::printable(text.as_bytes())
}

fn shown(reading: &Reading) -> String {
    let value = match &reading.value {
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Flag(flag)) => flag.to_string(),
        Some(Value::Text(text)) => json::printable(text.as_bytes()),
        None => "-".to_owned(),
    };
    let mut labels: Vec<String> = reading
        .labels
        .iter()
        .map(|(name, value)| format!(" {name}={value}"))
        .collect();
    labels.sort();
    let time = reading
        .observed_at
        .and_then(|time| Timestamp::from_secs_nanos(time.seconds, time.nanos))
        .map(json::time)
        .unwrap_or_default();
    let raw = match (reading.raw.as_str(), reading.raw_unit.as_str()) {
        ("", _) => String::new(),
        (raw, unit) => format!(
            " (sent as {})",
            json::printable(format!("{raw} {unit}").trim().as_bytes())
        ),
    };
    let quality = quality_name(reading).trim_start_matches("QUALITY_");
    format!(
        "{}{} = {value} {} at {time} {quality}{raw}",
        reading.metric,
        labels.concat(),
        reading.unit
    )
}
