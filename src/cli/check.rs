//! `citygate check`: everything that is wrong with a configuration, the files that it names, and the
//! fixtures of its profiles, at once.
use super::{Error, Exit, output};
use crate::app::{self, Checked};
use crate::catalogue::Catalogue;
use crate::config::Config;
use crate::intake::Difference;
use crate::model::Clock;
use crate::model::settings::{Problem, show_duration};
use crate::profiles;
use serde::Serialize;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  citygate check --config citygate.toml
  citygate check --profiles profiles/
  citygate check --profiles profiles/acme-9.toml

Reads the configuration, with environment variables laid over it as for run, its inventory, its profiles and all other
files that it names, and decodes each profile's fixtures. Each mistake is shown with file and line, each fixture that
is read otherwise with what it expects beside what came of it. --profiles needs no configuration. The fixtures of
shipped profiles are not run: citygate's own tests do that.

Exit code 1 if anything is wrong.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Configuration
    #[arg(long, value_name = "FILE", required_unless_present = "profiles")]
    config: Option<PathBuf>,
    /// Profiles alone: a folder, or one file
    #[arg(long, value_name = "FOLDER|FILE", conflicts_with = "config")]
    profiles: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// The result as JSON.
#[derive(Serialize)]
struct Found<'a> {
    ok: bool,
    problems: Vec<Wrong<'a>>,
    warnings: Vec<Wrong<'a>>,
    profiles: usize,
    fixtures: usize,
    failed: Vec<Failed<'a>>,
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

/// A fixture that is read otherwise.
#[derive(Serialize)]
struct Failed<'a> {
    file: &'a str,
    line: usize,
    fixture: &'a str,
    lines: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    expected: &'a str,
    got: &'a str,
}

impl<'a> From<&'a Difference> for Failed<'a> {
    fn from(difference: &'a Difference) -> Self {
        let lines = difference.lines.iter();
        Self {
            file: &difference.place.file,
            line: difference.place.line,
            fixture: &difference.fixture,
            lines: lines
                .map(|line| Line {
                    expected: &line.expected,
                    got: &line.got,
                })
                .collect(),
        }
    }
}

pub(super) fn run(args: &Args) -> Result<Exit, Error> {
    let mut warnings = Vec::new();
    let (config, checked) = match (&args.profiles, &args.config) {
        (Some(folder), _) => {
            let place = profiles::Config {
                folder: folder.clone(),
                is_named: true,
            };
            (None, app::check_profiles(&place, &Catalogue::shipped()))
        }
        (None, Some(file)) => check(file, &mut warnings),
        (None, None) => return Err(Error::Usage("need --config or --profiles".to_owned())),
    };
    let ok = checked.problems.is_empty() && checked.failed.is_empty();
    if args.json {
        output::json(&Found {
            ok,
            problems: checked.problems.iter().map(Wrong::from).collect(),
            warnings: warnings.iter().map(Wrong::from).collect(),
            profiles: checked.profiles,
            fixtures: checked.fixtures,
            failed: checked.failed.iter().map(Failed::from).collect(),
        })?;
    } else {
        for problem in &checked.problems {
            output::line(problem)?;
        }
        for difference in &checked.failed {
            output::line(difference)?;
        }
        for warning in &warnings {
            output::line(format_args!("warning: {warning}"))?;
        }
        if ok {
            let config = config.as_ref().map(summary).unwrap_or_default();
            output::line(format_args!("ok: {config}{}", known(&checked)))?;
        }
    }
    Ok(if ok { Exit::Ok } else { Exit::Wrong })
}

/// Checks a configuration as far as it can be read, and its files.
fn check(file: &Path, warnings: &mut Vec<Problem>) -> (Option<Config>, Checked) {
    let (config, problems) = Config::read_file(file, super::environment());
    let Some(config) = config else {
        let checked = Checked {
            problems,
            ..Checked::default()
        };
        return (None, checked);
    };
    // Where a mistake concerns them, what follows would be mistakes of nobody.
    let concerns = |problem: &Problem| {
        let keys = ["devices", "kind", "metric", "site"];
        keys.iter().any(|key| problem.key.starts_with(key))
    };
    let mut checked = if problems.iter().any(concerns) {
        Checked::default()
    } else {
        app::check(&config)
    };
    if problems.is_empty() {
        // A file that is named and missing is a problem like any other: `run` would not start.
        let (of_now, doubts) = config.concerns(Clock::system().now());
        checked.problems.extend(of_now);
        *warnings = doubts;
    } else {
        checked.problems.splice(0..0, problems);
    }
    (Some(config), checked)
}

/// What was found to be right of devices and profiles.
fn known(checked: &Checked) -> String {
    let devices = checked.devices.map(|count| format!("{count} devices, "));
    format!(
        "{}{} profiles with {} fixtures",
        devices.unwrap_or_default(),
        checked.profiles,
        checked.fixtures
    )
}

/// What a gateway with this configuration would do.
fn summary(config: &Config) -> String {
    let mqtt_tls = config.mqtt.tls_bind;
    let mqtt_tls = mqtt_tls.map(|bind| format!(" and with TLS on {bind}"));
    let over_tls = |tls| if tls { " with TLS" } else { "" };
    format!(
        "node {}, data in {}, MQTT on {}{}, CoAP on {}, gRPC on {}{}, HTTP on {}{}, log kept {}, history {}, zone {}, ",
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
