//! `citygate decode`: what would become of a payload, without a gateway.
use super::resolved::{self, Record};
use super::{Error, Exit, output};
use crate::api::http::json;
use crate::catalogue::Catalogue;
use crate::codecs;
use crate::config::Config;
use crate::intake::{Assumed, Knowledge, Preview, preview, quality_name};
use crate::inventory::Unknown;
use crate::model::proto::Reading;
use crate::model::proto::reading::Value;
use crate::model::{Clock, Timestamp};
use serde::Serialize;
use std::io::{self, Read};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  citygate decode --profile json '{\"voltage\": 230.1, \"ts\": 1795420800}'
  citygate decode --profile json 7b22766f6c74616765223a3233302e317d
  citygate decode --profile senml '[{\"bn\":\"m-1:\",\"bt\":1795420800,\"n\":\"voltage\",\"u\":\"V\",\"v\":230.1}]'
  citygate decode --profile senml 81a400676d2d313a763a740156
  citygate decode --profile cbor a167766f6c74616765fb406cc33333333333
  mosquitto_sub -C 1 -t city/meter-7/json | citygate decode --profile json -

Exit code 1 if anything would be rejected.";

/// Longest payload in bytes: far beyond what a gateway takes.
const PAYLOAD_MAX: u64 = 16 << 20;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Format of the payload
    #[arg(long, value_name = "PROFILE", value_parser = profile)]
    profile: &'static str,
    /// Kind of the device, for its ranges
    #[arg(long, value_name = "KIND", default_value = "unknown")]
    kind: String,
    /// Configuration with metrics, kinds and time zone of its own
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Hexadecimal bytes, JSON text, or - for either from standard input
    #[arg(value_name = "HEX|JSON|-")]
    payload: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn profile(name: &str) -> Result<&'static str, String> {
    codecs::named(name)
        .map(|(name, _)| name)
        .ok_or_else(|| format!("need one of {}", codecs::names()))
}

/// The result as JSON.
#[derive(Serialize)]
struct Decoded<'a> {
    readings: Vec<Placed<'a>>,
    rejected: Vec<Rejected<'a>>,
    /// Of a `SenML` pack: what it says, before anybody asks what that means here.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved: Option<Vec<Record>>,
}

/// A reading, and whose it is.
#[derive(Serialize)]
struct Placed<'a> {
    /// The device that the payload names; absent: the one that sent it.
    #[serde(skip_serializing_if = "str::is_empty")]
    device: &'a str,
    #[serde(flatten)]
    reading: json::Reading<'a>,
}

#[derive(Serialize)]
struct Rejected<'a> {
    part: &'a str,
    reason: &'static str,
    sentence: &'a str,
}

pub(super) fn run(args: &Args) -> Result<Exit, Error> {
    let config = match &args.config {
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
    let preview = preview(
        &config.catalogue,
        &Knowledge::nothing(Unknown::Accept),
        &bytes,
        &Assumed {
            profile: args.profile,
            device: "",
            kind: kind(&args.kind, &config.catalogue)?,
            zone: &config.zone,
            received_at: Clock::system().now(),
            readings_max: config.intake.readings_max,
        },
    );
    let resolved = (args.profile == "senml").then(|| {
        // What is wrong with the pack is among the faults already.
        let resolved = codecs::senml::resolved(&bytes).unwrap_or_default();
        resolved.iter().map(Record::from).collect::<Vec<_>>()
    });
    if args.json {
        output::json(&decoded(&preview, resolved))?;
    } else {
        resolved::print(resolved.as_deref().unwrap_or_default())?;
        print(&preview)?;
    }
    Ok(if preview.faults.is_empty() {
        Exit::Ok
    } else {
        Exit::Wrong
    })
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

fn decoded(preview: &Preview, resolved: Option<Vec<Record>>) -> Decoded<'_> {
    Decoded {
        resolved,
        readings: placed(preview)
            .map(|(device, reading)| Placed {
                device,
                reading: json::Reading::from(reading),
            })
            .collect(),
        rejected: preview
            .faults
            .iter()
            .map(|fault| Rejected {
                part: &fault.part,
                reason: fault.reason.as_str(),
                sentence: &fault.sentence,
            })
            .collect(),
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
