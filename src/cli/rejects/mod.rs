//! `citygate rejects`: what could not become readings, and taking it once more.
mod print;
mod retry;
mod stopped;

use super::stores::{Gateway, ask, time};
use super::{Error, Exit, output, runtime};
use crate::model::Timestamp;
use clap::{Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::Value;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  citygate rejects list --by reason
  citygate rejects list --reason unknown_device --from 2026-11-25T08:00:00Z
  citygate rejects show 1795420800000123
  citygate rejects retry --reason unknown_device --device meter-7 --dry-run

They ask a running gateway. CITYGATE_TOKEN is sent as a bearer token if it is set.";

const LIST_EXAMPLES: &str = "\
Examples:
  citygate rejects list --device meter-7
  citygate rejects list --by device --reason unknown_metric
  citygate rejects list --dir data --reason no_route

With --dir it reads the directory of a stopped gateway, and says so when it is in use. The log there
knows which rejects were recovered for as long as it has the reports that they became.";

const SHOW_EXAMPLES: &str = "\
Example:
  citygate rejects show 1795420800000123

Shows what arrived, why it was rejected, and what it would become now.";

const RETRY_EXAMPLES: &str = "\
Examples:
  citygate rejects retry --reason unknown_device --device meter-7 --dry-run
  citygate rejects retry --reason unknown_device --device meter-7
  citygate rejects retry 1795420800000123 1795420800000124

The uplinks are taken as they came then, with their times of reception, by the routes, profiles and
inventory of now. Each becomes a report once, however often it is retried. One that fails again stays
the reject that it is. Exit code 1 if any did.";

/// Entries that are listed unless --limit says otherwise.
const LIMIT: usize = 50;

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List rejects, newest first, with how many there are of each reason and device
    #[command(after_help = LIST_EXAMPLES)]
    List(ListArgs),
    /// Show all of one reject: its bytes, and what they would become now
    #[command(after_help = SHOW_EXAMPLES)]
    Show(ShowArgs),
    /// Take rejected uplinks once more, by the routes, profiles and inventory of now
    #[command(after_help = RETRY_EXAMPLES)]
    Retry(retry::Args),
}

/// What rejects are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum By {
    Reason,
    Device,
    Route,
}

#[derive(Debug, clap::Args)]
struct ListArgs {
    #[command(flatten)]
    filter: Filter,
    /// Only those that a retry has turned into reports
    #[arg(long, conflicts_with = "open")]
    recovered: bool,
    /// Only those that no retry has turned into reports
    #[arg(long)]
    open: bool,
    /// Only how many there are, of each
    #[arg(long, value_enum, value_name = "WHAT")]
    by: Option<By>,
    /// Most entries
    #[arg(long, value_name = "N", default_value_t = LIMIT, value_parser = limit)]
    limit: usize,
    /// Go on where an earlier list ended: its nextPageToken
    #[arg(long, value_name = "TOKEN", conflicts_with_all = ["by", "dir"])]
    page_token: Option<String>,
    /// Read the data directory of a stopped gateway instead
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    gateway: Gateway,
}

#[derive(Debug, clap::Args)]
struct ShowArgs {
    /// The reject's sequence
    sequence: u64,
    /// Read the data directory of a stopped gateway instead
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    gateway: Gateway,
}

/// Which rejects.
#[derive(Clone, Debug, clap::Args)]
struct Filter {
    /// Only of this reason, such as `unknown_device`
    #[arg(long)]
    reason: Option<String>,
    /// Only of this device, as topic or payload named it
    #[arg(long)]
    device: Option<String>,
    /// Only of this route, as the configuration has it: city/{device}; "": those that no route led to
    #[arg(long, value_name = "PATTERN")]
    route: Option<String>,
    /// Only received at or after this, RFC 3339
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Timestamp>,
    /// Only received before this
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Timestamp>,
}

fn limit(text: &str) -> Result<usize, String> {
    let limit = text
        .parse()
        .ok()
        .filter(|limit| (1..=1_000).contains(limit));
    limit.ok_or_else(|| "must be a whole number from 1 to 1000".to_owned())
}

impl Filter {
    fn is_empty(&self) -> bool {
        self.query().is_empty()
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let times = [("from", self.from), ("to", self.to)];
        let times = times.map(|(name, time)| (name, time.map(|time| time.to_string())));
        let texts = [
            ("reason", self.reason.clone()),
            ("device", self.device.clone()),
            ("route", self.route.clone()),
        ];
        let all = texts.into_iter().chain(times);
        all.filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

pub(super) fn run(args: Args) -> Result<Exit, Error> {
    match args.command {
        Command::List(args) => list(&args),
        Command::Show(args) => show(&args),
        Command::Retry(args) => retry::run(&args),
    }
}

fn list(args: &ListArgs) -> Result<Exit, Error> {
    let (summary, page) = match &args.dir {
        Some(dir) => stopped::list(dir, args)?,
        None => runtime()?.block_on(asked(args))?,
    };
    if args.gateway.json {
        output::json(&page.unwrap_or(summary))?;
        return Ok(Exit::Ok);
    }
    match (args.by, &page) {
        (Some(by), _) => print::groups(&summary, by)?,
        (None, Some(page)) => {
            print::summary(&summary)?;
            print::page(page)?;
        }
        (None, None) => {}
    }
    Ok(Exit::Ok)
}

/// Counts, and a page unless only the counts are wanted.
async fn asked(args: &ListArgs) -> Result<(Value, Option<Value>), Error> {
    let mut query = args.filter.query();
    if args.recovered || args.open {
        query.push(("recovered", args.recovered.to_string()));
    }
    let counts = ["v1", "rejects", "summary"];
    if args.by.is_some() {
        query.push(("limit", args.limit.to_string()));
        return Ok((
            ask(&args.gateway, Method::GET, &counts, &query).await?,
            None,
        ));
    }
    let summary = if args.gateway.json {
        Value::Null
    } else {
        ask(&args.gateway, Method::GET, &counts, &query).await?
    };
    query.push(("limit", args.limit.to_string()));
    query.extend(args.page_token.clone().map(|token| ("page_token", token)));
    let mut page = ask(&args.gateway, Method::GET, &["v1", "rejects"], &query).await?;
    // A page ends after some work, too: a list is to be as long as it was asked for.
    while let Some(token) = print::next_of(&page).filter(|_| print::len_of(&page) < args.limit) {
        query.retain(|(name, _)| !matches!(*name, "limit" | "page_token"));
        let left = args.limit - print::len_of(&page);
        query.extend([("limit", left.to_string()), ("page_token", token)]);
        let next = ask(&args.gateway, Method::GET, &["v1", "rejects"], &query).await?;
        print::join(&mut page, &next);
    }
    Ok((summary, Some(page)))
}

fn show(args: &ShowArgs) -> Result<Exit, Error> {
    let shown = if let Some(dir) = &args.dir {
        stopped::show(dir, args.sequence)?
    } else {
        let sequence = args.sequence.to_string();
        let path = ["v1", "rejects", &sequence];
        runtime()?.block_on(ask(&args.gateway, Method::GET, &path, &[]))?
    };
    if args.gateway.json {
        output::json(&shown)?;
    } else {
        print::shown(&shown)?;
    }
    Ok(Exit::Ok)
}
