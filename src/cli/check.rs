//! `citygate check`: everything that is wrong with a configuration and the files that it names, at once.
use super::{Error, Exit, output};
use crate::app;
use crate::config::Config;
use crate::model::settings::show_duration;
use serde::Serialize;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Example:
  citygate check --config citygate.toml

Environment variables are laid over the file, as for run. The files that it names are read, too. Exit code 1 if anything is wrong.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Configuration
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The result as JSON.
#[derive(Serialize)]
struct Checked<'a> {
    ok: bool,
    problems: Vec<Wrong<'a>>,
}

#[derive(Serialize)]
struct Wrong<'a> {
    key: &'a str,
    value: &'a str,
    rule: &'a str,
}

pub(super) fn run(args: &Args) -> Result<Exit, Error> {
    let loaded = super::load_config(&args.config);
    // A file that is named and missing is a problem like any other: `run` would not start.
    let loaded = loaded.and_then(|config| match app::check(&config) {
        problems if problems.is_empty() => Ok(config),
        problems => Err(problems),
    });
    let problems = loaded.as_ref().err().map(Vec::as_slice).unwrap_or_default();
    if args.json {
        output::json(&Checked {
            ok: loaded.is_ok(),
            problems: problems
                .iter()
                .map(|problem| Wrong {
                    key: &problem.key,
                    value: &problem.value,
                    rule: &problem.rule,
                })
                .collect(),
        })?;
    } else {
        for problem in problems {
            output::line(problem)?;
        }
    }
    let Ok(config) = &loaded else {
        return Ok(Exit::Wrong);
    };
    if !args.json {
        output::line(summary(config))?;
    }
    Ok(Exit::Ok)
}

/// What a gateway with this configuration would do.
fn summary(config: &Config) -> String {
    format!(
        "ok: node {}, data in {}, MQTT on {}, CoAP on {}, gRPC on {}, HTTP on {}, log kept {}, history {}, zone {}",
        config.node,
        config.data_dir.display(),
        config.mqtt.bind,
        config.coap.bind,
        config.grpc.bind,
        config.http.bind,
        show_duration(config.log.retain),
        show_duration(config.history.retain),
        config.zone.iana_name().unwrap_or("UTC"),
    )
}
