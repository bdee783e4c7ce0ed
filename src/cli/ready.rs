//! `citygate ready`: does a gateway take traffic? For containers and scripts, where there is no curl.
use super::{Error, Exit, output, own};
use crate::tls;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  citygate ready
  citygate ready --config citygate.toml
  citygate ready --url http://gateway.example:8080

Asks /readyz, which needs no token. Exit code 1 if the gateway is not ready, or nobody answers.";

/// A gateway that takes longer is none that traffic should come to.
const WAIT: Duration = Duration::from_secs(4);
/// Of the reasons, in bytes.
const ANSWER_MAX: usize = 4096;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The gateway [default: http.bind of the configuration]
    #[arg(long, value_name = "URL", env = "CITYGATE_URL")]
    url: Option<String>,
    /// Configuration of a gateway on this machine
    #[arg(long, value_name = "FILE", env = "CITYGATE_CONFIG")]
    config: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Exit, Error> {
    let url = match &args.url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => own::http(args.config.as_deref())?,
    };
    let runtime = super::runtime()?;
    match runtime.block_on(ask(&format!("{url}/readyz"))) {
        Ok((true, _)) => {
            output::line("ready")?;
            Ok(Exit::Ok)
        }
        Ok((false, answer)) => {
            output::line(format_args!("not ready: {answer}"))?;
            Ok(Exit::Wrong)
        }
        Err(error) => Err(Error::wrong(format!("no gateway at {url}"), &error)),
    }
}

/// Is it ready, and what does it say?
async fn ask(url: &str) -> reqwest::Result<(bool, String)> {
    tls::provider();
    let client = reqwest::Client::builder()
        .timeout(WAIT)
        .no_proxy()
        // The certificate is for the name that others use. Nothing secret is asked or answered.
        .danger_accept_invalid_certs(true)
        .build()?;
    let mut answer = client.get(url).send().await?;
    let ready = answer.status().is_success();
    let mut said = Vec::new();
    while said.len() < ANSWER_MAX
        && let Some(part) = answer.chunk().await?
    {
        said.extend_from_slice(&part);
    }
    said.truncate(ANSWER_MAX);
    Ok((ready, String::from_utf8_lossy(&said).into_owned()))
}
