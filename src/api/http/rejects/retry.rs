//! `POST /v1/rejects/retry`: rejects taken once more, some hundred a call.
use super::show::words;
use super::{page_token, token, unreadable, wanted};
use crate::access::Pass;
use crate::api::Shared;
use crate::api::http::Http;
use crate::api::http::json::{self, text_of_u64};
use crate::api::http::params::Params;
use crate::api::http::problem::Problem;
use crate::api::rejects::retry::{Outcome, Outcomes, retry as again};
use crate::api::rejects::{Error, Wanted, walk};
use crate::intake::{Fate, Ticket};
use crate::log::Settled;
use crate::model::{Timestamp, chain};
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::{Extension, Json};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::time::timeout;

/// Rejects of one call.
const LIMIT_DEFAULT: usize = 200;
const LIMIT_MAX: usize = 1_000;
/// Rejects that are retried before the time is looked at, oldest first.
const CHUNK: usize = 100;
/// Time after which a call begins no further chunk.
const TIME_MAX: Duration = Duration::from_secs(10);
/// A slow disk's sync; what is not durable then will be, or not, and a further call says which.
const DURABLE_WAIT: Duration = Duration::from_secs(20);

/// What became of one reject.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RetriedJson {
    #[serde(serialize_with = "text_of_u64")]
    sequence: u64,
    received_at: String,
    device_id: String,
    /// Why it was rejected, and which part.
    reason: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    part: String,
    /// `recovered`, `before`, `rejected` or `cannot`.
    outcome: &'static str,
    /// It was not asked for: another reject of its uplink was, and they are retried together.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    beside: bool,
    /// The report of its device that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<String>,
    /// Why it is rejected now.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_now: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sentence: Option<String>,
}

/// The answer. All that it says is durable.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// Nothing was changed: this is what would be.
    dry_run: bool,
    rejects: Vec<RetriedJson>,
    /// They are reports now.
    #[serde(serialize_with = "text_of_u64")]
    recovered: u64,
    /// Their readings were there already.
    #[serde(serialize_with = "text_of_u64")]
    before: u64,
    /// They are rejected for what they are now.
    #[serde(serialize_with = "text_of_u64")]
    rejected: u64,
    /// They cannot be retried.
    #[serde(serialize_with = "text_of_u64")]
    cannot: u64,
    /// Sequences that are no rejects.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<String>,
    /// Why it ended early. What is said here is done all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<String>,
    /// For `page_token`, to go on with the next; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// Which rejects.
pub(crate) enum Selected {
    /// These.
    Sequences(BTreeSet<u64>),
    /// Those that a filter takes and that are not recovered, before a sequence, at most so many.
    Filter(Wanted, Option<u64>, usize),
}

/// Takes the selected ones once more. The second is where a filter goes on. Blocks on the disk.
pub(crate) fn taken_again(
    shared: &Shared,
    selected: Selected,
    trial: bool,
    waiter: &Arc<Notify>,
) -> Result<(Outcomes, Option<u64>), Problem> {
    match &selected {
        Selected::Sequences(asked) => {
            let asked = asked.clone();
            let (mut outcomes, next) = taken(shared, selected, trial, waiter)?;
            outcomes.note_beside(|sequence, _| asked.contains(&sequence));
            Ok((outcomes, next))
        }
        Selected::Filter(wanted, ..) => {
            let wanted = wanted.clone();
            let (mut outcomes, next) = taken(shared, selected, trial, waiter)?;
            outcomes.note_beside(|_, reject| wanted.covers(shared, reject));
            Ok((outcomes, next))
        }
    }
}

fn taken(
    shared: &Shared,
    selected: Selected,
    trial: bool,
    waiter: &Arc<Notify>,
) -> Result<(Outcomes, Option<u64>), Problem> {
    let (mut wanted, mut before, limit) = match selected {
        Selected::Sequences(sequences) => {
            let outcomes =
                listed(shared, sequences, trial, waiter).map_err(|error| unreadable(&error))?;
            return Ok((outcomes, None));
        }
        Selected::Filter(wanted, before, limit) => (wanted, before, limit),
    };
    wanted.recovered = Some(false);
    let started = Instant::now();
    let (mut all, mut left) = (Outcomes::default(), limit);
    while left > 0 && started.elapsed() < TIME_MAX {
        let found =
            walk(shared, &wanted, before, left.min(CHUNK)).map_err(|error| unreadable(&error))?;
        let sequences = found.rejects.iter().map(|item| item.sequence);
        left -= found.rejects.len();
        let outcomes = again(shared, sequences.collect(), trial, waiter)
            .map_err(|error| unreadable(&error))?;
        // Those of an uplink that straddles the end of the chunk are done with the others of it.
        let firsts = outcomes.uplinks.iter().filter_map(Outcome::first);
        let done = firsts.min().unwrap_or(u64::MAX);
        all.uplinks.extend(outcomes.uplinks);
        all.stopped = outcomes.stopped;
        if all.stopped.is_some() {
            // The others of these are looked for once more.
            return Ok((all, before));
        }
        before = found.next.map(|next| next.min(done));
        if before.is_none() {
            break;
        }
    }
    Ok((all, before))
}

/// These, for as long as a call may take. Blocks on the disk.
fn listed(
    shared: &Shared,
    mut sequences: BTreeSet<u64>,
    trial: bool,
    waiter: &Arc<Notify>,
) -> Result<Outcomes, Error> {
    if sequences.len() <= 1 {
        return again(shared, sequences, trial, waiter);
    }
    let started = Instant::now();
    let mut all = Outcomes::default();
    while !sequences.is_empty() {
        if started.elapsed() >= TIME_MAX {
            let left = sequences.len();
            let first = sequences.first().copied().unwrap_or_default();
            all.stopped = Some(format!(
                "{left} of these, from {first} on, were not reached in {} s: name them again",
                TIME_MAX.as_secs()
            ));
            break;
        }
        let chunk: BTreeSet<u64> = sequences.iter().copied().take(CHUNK).collect();
        let outcomes = again(shared, chunk.clone(), trial, waiter)?;
        let last = outcomes.uplinks.iter().filter_map(Outcome::last).max();
        let done = chunk.last().copied().max(last).unwrap_or_default();
        sequences.retain(|sequence| *sequence > done);
        all.uplinks.extend(outcomes.uplinks);
        all.unknown.extend(outcomes.unknown);
        all.stopped = outcomes.stopped;
        if all.stopped.is_some() {
            break;
        }
    }
    Ok(all)
}

/// Waits until all is durable; false: it is not, or not yet.
pub(crate) async fn durable(shared: &Shared, ticket: Ticket, waiter: &Notify) -> bool {
    let settled = async {
        loop {
            match shared.intake.settled(ticket) {
                Settled::Durable => return true,
                Settled::Voided => return false,
                Settled::Pending => waiter.notified().await,
            }
        }
    };
    timeout(DURABLE_WAIT, settled).await.unwrap_or(false)
}

/// `POST /v1/rejects/retry?sequence&reason&device&route&from&to&all&dry_run&limit&page_token`.
pub async fn retry(
    State(http): State<Http>,
    Extension(pass): Extension<Pass>,
    uri: Uri,
) -> Result<Json<Answer>, Problem> {
    if !pass.grant().sees_all_devices() {
        let detail =
            "this token does not grant all devices, and a retried uplink may be any device's";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let mut params = Params::of(&uri)?;
    let sequences = params.list("sequence", |text| {
        text.parse::<u64>()
            .map_err(|_| "must be sequences of rejects, with commas".to_owned())
    });
    let (all, trial) = (params.flag("all"), params.flag("dry_run"));
    let (wanted, request) = wanted(&mut params, pass.grant());
    let limit = params.limit("limit", LIMIT_DEFAULT, LIMIT_MAX);
    let before = page_token(&mut params, request);
    let filtered = wanted.reason.is_some()
        || wanted.device.is_some()
        || wanted.route.is_some()
        || wanted.from.is_some()
        || wanted.to.is_some();
    if sequences.len() > LIMIT_MAX {
        params.wrong("sequence", format!("at most {LIMIT_MAX} of one call"));
    }
    let ways = [!sequences.is_empty(), filtered, all];
    if ways.iter().filter(|way| **way).count() != 1 {
        let rule = "name sequences, or a filter (reason, device, route, from, to), or all=true: one of them";
        params.wrong("sequence", rule);
    }
    params.finish()?;
    let selected = if sequences.is_empty() {
        Selected::Filter(wanted, before, limit)
    } else {
        Selected::Sequences(sequences.into_iter().collect())
    };
    let answer = run(&http, selected, trial, request).await?;
    Ok(Json(answer))
}

/// Takes them once more, and waits until that is durable.
pub(crate) async fn run(
    http: &Http,
    selected: Selected,
    trial: bool,
    request: u64,
) -> Result<Answer, Problem> {
    let waiter = Arc::new(Notify::new());
    let own = Arc::clone(&waiter);
    let (mut outcomes, next) = http
        .read(move |shared| taken_again(shared, selected, trial, &own))
        .await?;
    if let (Some(why), true) = (&outcomes.stopped, outcomes.uplinks.is_empty()) {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, why.as_str()));
    }
    if !trial {
        let ticket = outcomes.ticket();
        if !durable(&http.shared, ticket, &waiter).await {
            let detail = "what was retried is not durable (yet), for the disk is full or slow; retry once more, nothing comes twice";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail));
        }
        outcomes = http
            .read(move |shared| {
                let named = outcomes.name_own(shared);
                named.map_err(|error| unreadable(&error.into()))?;
                // In memory and in the log they are all the same; the next save takes them along.
                if let Err(error) = shared.intake.save_marks() {
                    tracing::warn!(
                        error = chain(&error),
                        "recovered rejects are not saved as such"
                    );
                }
                Ok(outcomes)
            })
            .await?;
    }
    Ok(Answer {
        dry_run: trial,
        next_page_token: next.map(|at| token(request, at)),
        ..Answer::from(outcomes)
    })
}

impl Answer {
    /// Recovered, there already, rejected again, not to be retried.
    pub(crate) const fn sums(&self) -> [u64; 4] {
        [self.recovered, self.before, self.rejected, self.cannot]
    }

    /// Is there more of what was selected?
    pub(crate) const fn goes_on(&self) -> bool {
        self.next_page_token.is_some()
    }
}

impl From<Outcomes> for Answer {
    fn from(outcomes: Outcomes) -> Self {
        let mut answer = Self {
            unknown: outcomes.unknown.iter().map(ToString::to_string).collect(),
            stopped: outcomes.stopped,
            ..Self::default()
        };
        for outcome in outcomes.uplinks {
            let fates = outcome.retried.fates.iter().map(|(_, fate)| fate);
            for ((sequence, reject), fate) in outcome.rejected.rejects.into_iter().zip(fates) {
                let count = match fate {
                    Fate::Recovered(_) => &mut answer.recovered,
                    Fate::Before(_) => &mut answer.before,
                    Fate::Rejected(_) => &mut answer.rejected,
                    Fate::Cannot(_) => &mut answer.cannot,
                };
                *count += 1;
                let (word, report, reason_now, sentence) = words(fate);
                answer.rejects.push(RetriedJson {
                    beside: outcomes.beside.contains(&sequence),
                    sequence,
                    received_at: json::time(Timestamp::from_nanos(reject.received_at_ns)),
                    device_id: reject.device_id,
                    reason: reject.reason,
                    part: reject.part,
                    outcome: word,
                    report,
                    reason_now,
                    sentence,
                });
            }
        }
        answer
    }
}
