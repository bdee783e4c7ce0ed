//! `citygate rejects retry`: call after call, until all of the selection was taken once more.
use super::Filter;
use super::print::{array, text};
use crate::cli::runtime;
use crate::cli::stores::{Gateway, ask};
use crate::cli::{Error, Exit, output};
use indicatif::{ProgressBar, ProgressStyle};
use reqwest::Method;
use serde_json::{Value, json};
use std::io::{self, IsTerminal};

/// Sequences of one call: they lie in its target.
const SEQUENCES_MAX: usize = 100;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Sequences of rejects; else a filter. The rejects of one uplink are retried together
    #[arg(value_name = "SEQUENCE", conflicts_with_all = ["all", "reason", "device", "route", "from", "to"])]
    sequences: Vec<u64>,
    #[command(flatten)]
    filter: Filter,
    /// All rejects
    #[arg(long, conflicts_with_all = ["reason", "device", "route", "from", "to"])]
    all: bool,
    /// Say what would come of them, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    gateway: Gateway,
}

/// How many came to what.
#[derive(Debug, Default)]
struct Sum {
    recovered: u64,
    before: u64,
    rejected: u64,
    cannot: u64,
    /// Not asked for.
    beside: usize,
}

impl Sum {
    fn add(&mut self, answer: &Value) {
        let number = |key| text(answer, key).parse().unwrap_or(0);
        self.recovered += number("recovered");
        self.before += number("before");
        self.rejected += number("rejected");
        self.cannot += number("cannot");
        let rejects = array(answer, "rejects").iter();
        self.beside += rejects.filter(|reject| is_beside(reject)).count();
    }
}

pub(super) fn run(args: &Args) -> Result<Exit, Error> {
    if args.sequences.is_empty() && args.filter.is_empty() && !args.all {
        return Err(Error::Usage(
            "name sequences, or a filter (--reason, --device, --route, --from, --to), or --all"
                .to_owned(),
        ));
    }
    runtime()?.block_on(retry(args))
}

async fn retry(args: &Args) -> Result<Exit, Error> {
    let bar = bar();
    let mut sum = Sum::default();
    let mut unknown = Vec::new();
    for query in calls(args) {
        let mut token: Option<String> = None;
        loop {
            let mut query = query.clone();
            query.extend(token.take().map(|token| ("page_token", token)));
            let path = ["v1", "rejects", "retry"];
            let answer = ask(&args.gateway, Method::POST, &path, &query).await?;
            sum.add(&answer);
            unknown.extend(
                array(&answer, "unknown")
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned),
            );
            bar.suspend(|| show(&answer, args.gateway.json))?;
            bar.set_message(format!(
                "{} recovered, {} rejected again",
                sum.recovered, sum.rejected
            ));
            bar.inc(array(&answer, "rejects").len() as u64);
            if let Some(why) = answer.get("stopped").and_then(Value::as_str) {
                bar.finish_and_clear();
                return Err(Error::Wrong(format!(
                    "{}; stopped: {why}",
                    verdict(&sum, args.dry_run)
                )));
            }
            token = super::print::next_of(&answer);
            if token.is_none() {
                break;
            }
        }
    }
    bar.finish_and_clear();
    if !args.gateway.json {
        if let Some(more) = more(&sum) {
            output::line(more)?;
        }
        output::line(verdict(&sum, args.dry_run))?;
    }
    if !unknown.is_empty() {
        return Err(Error::Wrong(format!("no rejects: {}", unknown.join(", "))));
    }
    let failed = sum.rejected + sum.cannot;
    Ok(if failed == 0 { Exit::Ok } else { Exit::Wrong })
}

/// The parameters of each call.
fn calls(args: &Args) -> Vec<Vec<(&'static str, String)>> {
    let mut common = args.filter.query();
    if args.all {
        common.push(("all", "true".to_owned()));
    }
    if args.dry_run {
        common.push(("dry_run", "true".to_owned()));
    }
    if args.sequences.is_empty() {
        return vec![common];
    }
    let mut sequences = args.sequences.clone();
    sequences.sort_unstable();
    let call = |some: &[u64]| {
        let some: Vec<String> = some.iter().map(ToString::to_string).collect();
        let mut query = common.clone();
        query.push(("sequence", some.join(",")));
        query
    };
    sequences.chunks(SEQUENCES_MAX).map(call).collect()
}

/// A line on a terminal; nothing in a pipe.
fn bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{spinner} {human_pos} retried, {msg}");
    ProgressBar::new_spinner()
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

/// A reject a line.
fn show(answer: &Value, json: bool) -> io::Result<()> {
    for reject in array(answer, "rejects") {
        if json {
            output::json(reject)?;
            continue;
        }
        let text = |key| text(reject, key);
        let report = text("report");
        let fate = match text("outcome").as_str() {
            "recovered" if report.is_empty() => "would become a report".to_owned(),
            "recovered" => format!("is report {report} now"),
            "before" if report.is_empty() => "has its readings in history already".to_owned(),
            "before" => format!("was in report {report} already"),
            "rejected" => format!("rejected, {}: {}", text("reasonNow"), text("sentence")),
            _ => format!("cannot be retried: {}", text("sentence")),
        };
        let part = match text("part").as_str() {
            "" => String::new(),
            part => format!(" {part}"),
        };
        let beside = if is_beside(reject) { "+" } else { "" };
        output::line(format_args!(
            "{beside}{} {} {}{part}: {fate}",
            text("sequence"),
            text("deviceId"),
            text("reason")
        ))?;
    }
    if json {
        for unknown in array(answer, "unknown") {
            output::json(&json!({"sequence": unknown, "outcome": "unknown"}))?;
        }
    }
    Ok(())
}

fn is_beside(reject: &Value) -> bool {
    reject.get("beside").and_then(Value::as_bool) == Some(true)
}

/// Why more was retried than what was asked for; `None`: it was not.
fn more(sum: &Sum) -> Option<String> {
    let (many, was) = match sum.beside {
        0 => return None,
        1 => ("reject".to_owned(), "was"),
        many => (format!("{many} rejects"), "were"),
    };
    Some(format!(
        "the {many} marked with + {was} not asked for: the rejects of one uplink are retried together"
    ))
}

fn verdict(sum: &Sum, dry_run: bool) -> String {
    let would = if dry_run { "would be " } else { "" };
    format!(
        "{} {would}recovered, {} there already, {} {would}rejected again, {} cannot be retried",
        sum.recovered, sum.before, sum.rejected, sum.cannot
    )
}
