//! `citygate check`: everything that is wrong with a configuration and the files that it names, at once.
use super::{Error, Exit, output};
use crate::app;
use crate::config::Config;
use crate::model::Clock;
use crate::model::settings::{Problem, show_duration};
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
    warnings: Vec<Wrong<'a>>,
}

#[derive(Serialize)]
struct Wrong<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    key: &'a str,
    value: &'a str,
    rule: &'a str,
}

impl<'a> From<&'a Problem> for Wrong<'a> {
    fn from(problem: &'a Problem) -> Self {
        let place = problem.place.as_ref();
        Self {
            file: place.map(|place| &*place.file),
            line: place.map(|place| place.line),
            key: &problem.key,
            value: &problem.value,
            rule: &problem.rule,
        }
    }
}

pub(super) fn run(args: &Args) -> Result<Exit, Error> {
    let loaded = super::load_config(&args.config);
    let now = Clock::system().now();
    let (problems, warnings) = match &loaded {
        Ok(config) => {
            // A file that is named and missing is a problem like any other: `run` would not start.
            let (of_now, warnings) = config.concerns(now);
            (
                app::check(config).into_iter().chain(of_now).collect(),
                warnings,
            )
        }
        Err(problems) => (problems.clone(), Vec::new()),
    };
    if args.json {
        output::json(&Checked {
            ok: problems.is_empty(),
            problems: problems.iter().map(Wrong::from).collect(),
            warnings: warnings.iter().map(Wrong::from).collect(),
        })?;
    } else {
        for problem in &problems {
            output::line(problem)?;
        }
        for warning in &warnings {
            output::line(format_args!("warning: {warning}"))?;
        }
    }
    let Some(config) = loaded.ok().filter(|_| problems.is_empty()) else {
        return Ok(Exit::Wrong);
    };
    if !args.json {
        output::line(summary(&config))?;
    }
    Ok(Exit::Ok)
}

/// What a gateway with this configuration would do.
fn summary(config: &Config) -> String {
    let mqtt_tls = config.mqtt.tls_bind;
    let mqtt_tls = mqtt_tls.map(|bind| format!(" and with TLS on {bind}"));
    let over_tls = |tls| if tls { " with TLS" } else { "" };
    format!(
        "ok: node {}, data in {}, MQTT on {}{}, CoAP on {}, gRPC on {}{}, HTTP on {}{}, log kept {}, history {}, zone {}",
        config.node,
        config.data_dir.display(),
        config.mqtt.bind,
        mqtt_tls.unwrap_or_default(),
        config.coap.bind,
        config.grpc.bind,
        over_tls(config.grpc.tls),
        config.http.bind,
        over_tls(config.http.tls),
        show_duration(config.log.retain),
        show_duration(config.history.retain),
        config.zone.iana_name().unwrap_or("UTC"),
    )
}
