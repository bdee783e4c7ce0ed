//! `citygate explain DEVICE`: the story of a device's last uplinks and of its silence, by a running gateway.
use super::stores::{Gateway, ask};
use super::{Error, Exit, output};
use crate::api::explain::{Passage, Reading, Refused, Said, Story, UPLINKS_DEFAULT, Uplink};
use crate::api::http::json::printable;
use crate::model::Timestamp;
use reqwest::Method;

const EXAMPLES: &str = "\
Examples:
  citygate explain meter-7
  citygate explain meter-7 --uplinks 20
  citygate explain meter-7 --url https://gateway.example:8080 --json

Says in one sentence how the device is, then what became of its last uplinks (where each arrived, which route and
profile read it, which readings it gave or why it was refused, who had it when), and of a silent device what was
expected and what goes on around it. Shows what the token in CITYGATE_TOKEN grants.

Times are in UTC. Exit code 0 if it was heard lately and its last uplink accepted, also if parts of that were
refused or a store is behind (verdict.code of --json: parts, undelivered); 1 if it is silent, refused or unknown.";

/// Most that can be asked for.
const UPLINKS_MAX: u64 = crate::api::explain::UPLINKS_MAX as u64;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Id or alias of the device
    device: String,
    /// Uplinks to tell of
    #[arg(long, value_name = "N", default_value_t = UPLINKS_DEFAULT as u64, value_parser = clap::value_parser!(u64).range(1..=UPLINKS_MAX))]
    uplinks: u64,
    #[command(flatten)]
    gateway: Gateway,
}

pub(super) fn run(args: &Args) -> Result<Exit, Error> {
    let runtime = super::runtime()?;
    let path = ["v1", "devices", &args.device, "explain"];
    let count = [("limit", args.uplinks.to_string())];
    let answer = runtime.block_on(ask(&args.gateway, Method::GET, &path, &count))?;
    let well = answer.get("well").and_then(serde_json::Value::as_bool);
    if args.gateway.json {
        output::json(&answer)?;
    } else {
        let story: Story = serde_json::from_value(answer)
            .map_err(|error| Error::wrong("the gateway's answer is no story", &error))?;
        for line in lines(&story) {
            output::line(printable(line.as_bytes()))?;
        }
    }
    Ok(if well == Some(true) {
        Exit::Ok
    } else {
        Exit::Wrong
    })
}

/// The story as text.
fn lines(story: &Story) -> Vec<String> {
    let mut lines = vec![format!("{}: {}", story.asked, story.sentence)];
    lines.extend(story.checks.iter().map(|check| format!("  - {check}")));
    if let Some(device) = &story.device {
        let alias = if device.id == story.asked {
            String::new()
        } else {
            format!("{}, ", device.id)
        };
        let district = if device.district.is_empty() {
            String::new()
        } else {
            format!(" in {}", device.district)
        };
        lines.push(format!(
            "device     {alias}{}{district}, {} since {}",
            device.kind,
            device.state,
            time(device.state_since)
        ));
    }
    let around = [
        ("expected", story.expected.as_ref().map(|part| &part.say)),
        ("carried by", story.parent.as_ref().map(|part| &part.say)),
        ("cell", story.cell.as_ref().map(|part| &part.say)),
        ("comes by", story.link.as_ref().map(|part| &part.say)),
        ("gateway", story.gateway.as_ref().map(|part| &part.say)),
        (
            "copies",
            Some(&story.copies).filter(|said| !said.is_empty()),
        ),
    ];
    for (name, say) in around {
        lines.extend(say.map(|say| format!("{name:<10} {say}")));
    }
    for uplink in &story.uplinks {
        lines.push(String::new());
        uplink_lines(uplink, &mut lines);
    }
    if !story.strangers.is_empty() {
        lines.push(String::new());
        lines.push("refused, and perhaps this device:".to_owned());
    }
    for stranger in &story.strangers {
        lines.push(format!(
            "  {} by {} from {} at {}, {} times, last {}: {}",
            stranger.name,
            stranger.by,
            stranger.address,
            stranger.topic,
            stranger.rejects,
            time(stranger.last),
            stranger.sentence
        ));
    }
    lines
}

fn uplink_lines(uplink: &Uplink, lines: &mut Vec<String>) {
    let is_recovered = |refused: &Refused| refused.recovered.is_some();
    let became = if uplink.accepted {
        "accepted"
    } else if uplink.refused.iter().all(is_recovered) {
        "refused, and recovered"
    } else {
        "refused"
    };
    lines.push(format!("{} {became}", time(uplink.at)));
    let named = |name: &str, text: &str| match text {
        "" => String::new(),
        text => format!(" {name} {text}"),
    };
    let arrived = [
        uplink.source.clone(),
        named("from", &uplink.address),
        named("client", &uplink.client),
        named("at", &uplink.topic),
    ];
    lines.push(format!("  arrived  {}", arrived.concat().trim_start()));
    let today = if uplink.route_is_todays {
        " (as configured now)"
    } else {
        ""
    };
    let how = [
        format!("{}{today}", named("route", &uplink.route)),
        named("profile", &uplink.profile),
        named("version", &uplink.version),
    ];
    if how.iter().any(|part| !part.is_empty()) {
        lines.push(format!("  read by {}", how.concat()));
    }
    let mut device = uplink.device.clone();
    if !uplink.named.is_empty() {
        device = format!("{device}, {}", uplink.named);
    }
    lines.push(format!(
        "  device   {device}{}",
        named("carried by", &uplink.via)
    ));
    lines.extend(uplink.readings.iter().map(reading));
    if uplink.readings_left_out > 0 {
        lines.push(format!(
            "  reading  .. and {} more",
            uplink.readings_left_out
        ));
    }
    if let Some(carried) = &uplink.carried {
        lines.push(format!("  carried  {}", carried.say));
    }
    lines.extend(uplink.events.iter().map(event));
    if uplink.events_left_out > 0 {
        lines.push(format!("  event    .. and {} more", uplink.events_left_out));
    }
    for refused in &uplink.refused {
        refused_lines(refused, lines);
    }
    if !uplink.note.is_empty() {
        lines.push(format!("  note     {}", uplink.note));
    }
    lines.extend(uplink.passages.iter().map(passage));
}

fn event(said: &Said) -> String {
    let detail = said.detail.iter();
    let detail: Vec<String> = detail
        .map(|(name, value)| format!("{name} {value}"))
        .collect();
    let detail = match detail.join(", ") {
        none if none.is_empty() => none,
        detail => format!(": {detail}"),
    };
    format!("  event    {} {}{detail}", said.device, said.name)
}

fn reading(reading: &Reading) -> String {
    let value = match (reading.number, reading.flag, &reading.text) {
        (Some(number), ..) => number.to_string(),
        (None, Some(flag), _) => flag.to_string(),
        (None, None, Some(text)) => format!("{text:?}"),
        (None, None, None) => "no value".to_owned(),
    };
    let unit = match reading.unit.as_str() {
        "1" | "" => String::new(),
        unit => format!(" {unit}"),
    };
    let labels = reading.labels.iter();
    let labels: Vec<String> = labels
        .map(|(name, value)| format!(" {name}={value}"))
        .collect();
    let labels = labels.concat();
    let raw = match reading.raw.as_str() {
        "" => String::new(),
        raw => format!(" (sent as {raw})"),
    };
    let why = match reading.why.as_str() {
        "" => String::new(),
        why => format!(": {why}"),
    };
    format!(
        "  reading  {}{labels} = {value}{unit}{raw}, {}{why}",
        reading.metric, reading.quality
    )
}

fn refused_lines(refused: &Refused, lines: &mut Vec<String>) {
    let part = match refused.part.as_str() {
        "" => String::new(),
        part => format!(" {part}:"),
    };
    let sentence = if refused.sentence.is_empty() {
        &refused.what
    } else {
        &refused.sentence
    };
    lines.push(format!("  refused {part} {sentence} ({})", refused.reason));
    if refused.recovered.is_some() {
        lines.push(format!("           {}", refused.recovered_as()));
    } else if !refused.advice.is_empty() {
        lines.push(format!("           {}", refused.advice));
    }
}

fn passage(passage: &Passage) -> String {
    let sign = if passage.passed { ' ' } else { '!' };
    format!("  reached {sign}{}", passage.say)
}

/// RFC 3339 to the second.
fn time(at: Timestamp) -> String {
    let (secs, _) = at.as_secs_nanos();
    Timestamp::from_secs(secs).to_string()
}
