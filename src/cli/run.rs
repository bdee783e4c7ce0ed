//! `citygate run`: a gateway until SIGTERM or SIGINT, with another configuration at SIGHUP.
use super::signals::{Hangups, Signals};
use super::{Error, Exit};
use crate::app::{self, Host, Reload};
use crate::model::Watch;
use crate::telemetry::{self, Supervisor};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Work that is still blocked after the drain, on a file of a network that does not answer, is left.
const BLOCKED_MAX: Duration = Duration::from_millis(500);

const EXAMPLES: &str = "\
Examples:
  citygate run --config citygate.toml
  CITYGATE_DATA_DIR=/var/lib/citygate citygate run

Each key of the configuration is also an environment variable, such as CITYGATE_LOG__RETAIN=30d.
SIGHUP, `citygate reload`, or a change of a file that is named, reads configuration, inventory and profiles again.
SIGTERM and SIGINT drain within 5 s; a second one ends at once.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Configuration; without it every key has its default
    #[arg(long, value_name = "FILE", env = "CITYGATE_CONFIG")]
    config: Option<PathBuf>,
    /// What is logged to standard error, such as `info,citygate::log=debug`
    #[arg(long, value_name = "FILTER", env = "RUST_LOG", default_value = "info")]
    log: String,
    /// Log as JSON, one object a line
    #[arg(long)]
    log_json: bool,
}

pub(super) fn run(args: &Args) -> Result<Exit, Error> {
    // Looked at before it is read, so that no change is missed.
    let watch = Watch::new(args.config.clone());
    let file = args.config.clone();
    let load = move || match &file {
        Some(file) => super::load_config(file),
        None => super::default_config(),
    };
    let config = match load() {
        Ok(config) => config,
        Err(problems) => {
            // Standard error may be closed; the exit code says it, too.
            let _ = writeln!(io::stderr(), "{}", super::listed(&problems));
            return Ok(Exit::CannotStart);
        }
    };
    telemetry::init(&args.log, args.log_json)
        .map_err(|error| Error::Usage(super::Chain(&error).to_string()))?;
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Error::cannot_start("cannot start threads", &error))?;
    let result = runtime.block_on(async {
        let cannot = |error| Error::cannot_start("cannot catch signals", &error);
        let signals = Signals::catch().map_err(cannot)?;
        let hangups = Hangups::catch().map_err(cannot)?;
        let stop = CancellationToken::new();
        let asked = Arc::new(Notify::new());
        let host = Host {
            reload: Some(Reload {
                file: args.config.clone(),
                watch,
                load: Box::new(load),
                asked: Arc::clone(&asked),
            }),
            supervisor: Supervisor::of(|name| std::env::var_os(name)),
        };
        let gateway = app::run(config, host, stop.clone().cancelled_owned(), |bound| {
            let mqtt_tls = bound.mqtt_tls.map(tracing::field::display);
            info!(mqtt = %bound.mqtt, mqtt_tls, coap = %bound.coap, grpc = %bound.grpc, http = %bound.http, "listening");
        });
        tokio::select! {
            result = gateway => result.map_err(|error| ended(&error)),
            never = signals.cancel(stop) => match never {},
            never = hangups.each(&asked) => match never {},
        }
    });
    runtime.shutdown_timeout(BLOCKED_MAX);
    result.map(|()| Exit::Ok)
}

/// 3 if the gateway did not start, else 1: a supervisor starts it again either way.
pub(super) fn ended(error: &app::Error) -> Error {
    if error.is_start() {
        Error::cannot_start("cannot start", error)
    } else {
        Error::wrong("ended", error)
    }
}
