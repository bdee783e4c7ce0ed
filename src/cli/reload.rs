//! `citygate reload`: a running gateway reads its files again, and says what that changed.
use super::stores::{Gateway, exchange, refused};
use super::{Error, Exit, output};
use crate::api::http::json::printable;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::io::{self, Write};

const EXAMPLES: &str = "\
Examples:
  citygate reload
  citygate reload --url https://gateway.example:8080 --json
  citygate reload --force=1a2b3c4d

A gateway also reads its files by itself, within 2 s of a change, and at SIGHUP. This command waits for the outcome,
and prints what changed or every problem, with file and line. With one problem anywhere nothing changes.

An inventory that loses over 10 % of the devices is refused, with a code that names just these devices. --force=CODE
confirms it; an inventory that loses others by then is refused again. --force alone confirms what the gateway refused
last or, if it refused nothing, what it finds, and says what that is.

Exit code 1 if nothing was taken. The token in CITYGATE_TOKEN must grant to operate.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Take an inventory that loses over 10 % of the devices: those that were refused under this code
    #[arg(long, value_name = "CODE", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    force: Option<String>,
    #[command(flatten)]
    gateway: Gateway,
}

pub(super) fn run(args: &Args) -> Result<Exit, Error> {
    let runtime = super::runtime()?;
    let (status, answer) = runtime.block_on(reload(args))?;
    let Some(answer) = answer else {
        return Err(refused(status, None));
    };
    let taken = status.is_success();
    if !taken
        && !matches!(
            status,
            StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY
        )
    {
        return Err(refused(status, Some(&answer)));
    }
    if args.gateway.json {
        output::json(&answer)?;
    } else if taken {
        changes(&answer)?;
    } else {
        problems(&answer)?;
    }
    Ok(if taken { Exit::Ok } else { Exit::Wrong })
}

async fn reload(args: &Args) -> Result<(StatusCode, Option<Value>), Error> {
    let gateway = &args.gateway;
    let path = ["v1", "reload"];
    let force = |code: &str| vec![("force", code.to_owned())];
    let query = match args.force.as_deref() {
        None => Vec::new(),
        Some("") => shown(gateway)
            .await?
            .map_or_else(Vec::new, |code| force(&code)),
        Some(code) => force(code),
    };
    let first = exchange(gateway, Method::POST, &path, &query).await?;
    let confirm = first.1.as_ref().and_then(|answer| answer.get("confirm"));
    match (args.force.as_deref(), confirm.and_then(Value::as_str)) {
        // Nothing was refused before, so nobody has seen anything else than this.
        (Some(""), Some(code)) if query.is_empty() => {
            let detail = first.1.as_ref().map(|answer| text(answer, "detail"));
            // Standard error may be closed.
            let _ = writeln!(io::stderr(), "forced: {}", detail.unwrap_or_default());
            exchange(gateway, Method::POST, &path, &force(code)).await
        }
        _ => Ok(first),
    }
}

/// The code of what the gateway has refused, and shows on its page.
async fn shown(gateway: &Gateway) -> Result<Option<String>, Error> {
    let (status, answer) = exchange(gateway, Method::GET, &["v1", "gateway"], &[]).await?;
    if status == StatusCode::FORBIDDEN {
        // Who may operate need not be granted the gateway itself, and has seen nothing then.
        return Ok(None);
    }
    let answer = answer.filter(|_| status.is_success());
    let answer = answer.ok_or_else(|| refused(status, None))?;
    let confirm = answer.pointer("/config/loss/confirm");
    Ok(confirm.and_then(Value::as_str).map(str::to_owned))
}

fn changes(answer: &Value) -> io::Result<()> {
    let text = |value: &Value, key| text(value, key);
    let devices = answer.get("devices").map_or_else(
        || "no inventory".to_owned(),
        |devices| {
            format!(
                "{} devices ({} added, {} removed, {} changed)",
                text(devices, "count"),
                text(devices, "added"),
                text(devices, "removed"),
                text(devices, "changed")
            )
        },
    );
    let profiles = answer.get("profiles").and_then(Value::as_u64);
    output::line(format_args!(
        "snapshot {}: {devices}, {} profiles",
        text(answer, "generation"),
        profiles.unwrap_or_default()
    ))?;
    for (key, what) in [
        ("changedProfiles", "changed profiles"),
        ("changedKeys", "changed keys"),
        ("needsRestart", "waits for a restart"),
    ] {
        let names = texts(answer, key);
        if !names.is_empty() {
            output::line(format_args!("{what}: {}", names.join(", ")))?;
        }
    }
    Ok(())
}

fn problems(answer: &Value) -> io::Result<()> {
    let all = texts(answer, "reasons");
    if all.is_empty() {
        return output::line(text(answer, "detail"));
    }
    all.iter().try_for_each(output::line)
}

fn text(value: &Value, key: &str) -> String {
    let text = value.get(key).and_then(Value::as_str).unwrap_or("?");
    printable(text.as_bytes())
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    let all = value.get(key).and_then(Value::as_array);
    let all = all.into_iter().flatten().filter_map(Value::as_str);
    all.map(|text| printable(text.as_bytes())).collect()
}
