//! `/v1/devices/{id}/readings`: a device's history, oldest first.
//!
//! A page ends in front of a reading, and its token says where: the observation time of that
//! reading, and how many of the same time came before it. Both stay right while new readings come.
use super::Http;
use super::json::{self, text_of_u64};
use super::params::Params;
use super::problem::Problem;
use crate::access::{Grant, Pass};
use crate::api::Shared;
use crate::api::cut::Cut;
use crate::api::selection::{Outside, Selection, Violations, check_metric};
use crate::api::token::{MALFORMED, PageToken, request_hash};
use crate::history::QueryError;
use crate::model::{DeviceId, Timestamp, proto};
use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::IntoResponse;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// Readings on a page.
const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 10_000;
/// How far back a request without `from` looks.
const SPAN_DEFAULT: Duration = Duration::from_hours(24);

/// What to show.
#[derive(Debug)]
struct Wanted {
    device: String,
    selection: Selection,
    from: Timestamp,
    to: Timestamp,
    /// Readings of time `from` that earlier pages have shown.
    skip: u32,
    limit: usize,
    /// For the token.
    request: u64,
}

/// The answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    readings: Vec<Item<'a>>,
    /// For `page_token`; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// A reading, and what its report says of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    #[serde(flatten)]
    reading: json::Reading<'a>,
    #[serde(serialize_with = "text_of_u64")]
    sequence: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    received_at: Option<String>,
    /// The concentrator that carried it, if that is granted.
    #[serde(skip_serializing_if = "str::is_empty")]
    via: &'a str,
}

/// `/v1/devices/{id}/readings?from&to&metric&limit&page_token`: `to` is exclusive, the last 24 h by
/// default.
pub async fn readings(
    State(http): State<Http>,
    Extension(pass): Extension<Pass>,
    device: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<impl IntoResponse, Problem> {
    let Path(device) =
        device.map_err(|error| Problem::from(Violations::one("id", error.body_text())))?;
    let wanted = wanted(&http.shared, pass.grant(), &device, &uri)?;
    let body = http.read(move |shared| page(shared, wanted)).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], body))
}

fn wanted(shared: &Shared, grant: &Arc<Grant>, device: &str, uri: &Uri) -> Result<Wanted, Problem> {
    let mut params = Params::of(uri)?;
    let id = shared.devices.seen_by(grant).id(device);
    let device = id.as_deref().unwrap_or(device);
    if let Err(error) = DeviceId::check(device) {
        params.wrong("id", error.to_string());
    }
    let (from, to) = (params.time("from"), params.time("to"));
    let metric = params.get("metric", |name| {
        check_metric(name, &shared.catalogue).map(str::to_owned)
    });
    let texts = [from, to].map(|time| time.map(|time| time.to_string()));
    let [from_text, to_text] = &texts;
    let request = request_hash(&[
        Some(device),
        metric.as_deref(),
        from_text.as_deref(),
        to_text.as_deref(),
    ]);
    let limit = params.limit("limit", LIMIT_DEFAULT, LIMIT_MAX);
    let token = params.get("page_token", |text| {
        PageToken::decode(text, request).ok_or_else(|| MALFORMED.to_owned())
    });
    let to = to.unwrap_or_else(|| shared.clock.now());
    let mut from = from.unwrap_or_else(|| to.minus(SPAN_DEFAULT));
    if from >= to {
        params.wrong("from", format!("{from} must lie before `to`, {to}"));
    }
    params.finish()?;
    let mut skip = 0;
    if let Some(token) = token {
        from = Timestamp::from_nanos(token.at.cast_signed());
        skip = token.skip;
    }
    Ok(Wanted {
        selection: selected(grant, device, metric.as_deref())?,
        device: device.to_owned(),
        from,
        to,
        skip,
        limit,
        request,
    })
}

fn selected(grant: &Arc<Grant>, device: &str, metric: Option<&str>) -> Result<Selection, Outside> {
    let selection = Selection::granted(grant).of_device(device);
    match metric {
        Some(metric) => selection.of_metric("metric", metric),
        None => Ok(selection),
    }
}

/// The JSON of one page. Blocks on the disk.
fn page(shared: &Shared, wanted: Wanted) -> Result<Vec<u8>, Problem> {
    let grant = Arc::clone(wanted.selection.grant());
    let known = shared.devices.seen_by(&grant).has(&wanted.device);
    if !known && !grant.sees_all_devices() {
        return Err(super::devices::unknown(shared, &grant, &wanted.device));
    }
    let selection = wanted.selection.into_history();
    let reports = shared.history.query(selection, wanted.from, wanted.to);
    let (reports, next) = take(reports, wanted.skip, wanted.limit).map_err(failure)?;
    // What a reload has just brought is in the inventory a moment before the registry has it.
    let listed = || {
        let (knowledge, now) = (shared.intake.knowledge(), shared.clock.now());
        knowledge.inventory.lookup(&wanted.device, now).is_some()
    };
    if !known && reports.is_empty() && !listed() {
        return Err(super::devices::unknown(shared, &grant, &wanted.device));
    }
    let cut = Cut::new(&shared.devices, &grant);
    let items = reports.iter().flat_map(|report| {
        report.readings.iter().map(|reading| Item {
            reading: json::Reading::from(reading),
            sequence: report.sequence,
            received_at: json::proto_time(report.received_at.as_ref()),
            via: if cut.hides_via(&report.via) {
                ""
            } else {
                &report.via
            },
        })
    });
    let page = Page {
        readings: items.collect(),
        next_page_token: next.map(|(at, skip)| {
            PageToken {
                request: wanted.request,
                at: at.as_nanos().cast_unsigned(),
                skip,
                place: 0,
            }
            .encode()
        }),
    };
    serde_json::to_vec(&page)
        .map_err(|error| Problem::internal("the readings cannot be written", &error))
}

pub(super) fn failure(error: QueryError) -> Problem {
    match error {
        QueryError::TooManySeries { .. } => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, error.to_string())
        }
        QueryError::State(cause) => {
            tracing::error!(error = %cause, "history cannot be read");
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "history cannot be read now",
            )
        }
    }
}

/// Where a page goes on: a time, and how many readings of that time have been shown.
type Next = (Timestamp, u32);

/// The first `limit` readings behind `skip`, and where the next page starts if there is more.
fn take<E>(
    reports: impl Iterator<Item = Result<proto::Report, E>>,
    skip: u32,
    limit: usize,
) -> Result<(Vec<proto::Report>, Option<Next>), E> {
    let mut taken = Vec::new();
    let mut count = 0;
    let mut at: Option<Timestamp> = None;
    let mut of_time = 0u32;
    for report in reports {
        let mut report = report?;
        let mut shown = Vec::with_capacity(report.readings.len());
        for reading in std::mem::take(&mut report.readings) {
            let time = observed(&reading);
            if at != Some(time) {
                // Only the first time of a page has readings on an earlier one.
                of_time = 0;
            }
            let skipped = at.is_none_or(|first| first == time) && count == 0 && of_time < skip;
            at = Some(time);
            if count == limit {
                report.readings = shown;
                taken.push(report);
                return Ok((taken, Some((time, of_time))));
            }
            of_time = of_time.saturating_add(1);
            if !skipped {
                count += 1;
                shown.push(reading);
            }
        }
        report.readings = shown;
        taken.push(report);
    }
    Ok((taken, None))
}

fn observed(reading: &proto::Reading) -> Timestamp {
    let time = reading.observed_at.as_ref();
    time.and_then(|time| Timestamp::from_secs_nanos(time.seconds, time.nanos))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    fn report(sequence: u64, secs: i64, readings: usize) -> proto::Report {
        let reading = |at: usize| proto::Reading {
            metric: format!("{sequence}/{at}"),
            observed_at: Some(Timestamp::from_secs(secs).into()),
            ..proto::Reading::default()
        };
        proto::Report {
            sequence,
            readings: (0..readings).map(reading).collect(),
            ..proto::Report::default()
        }
    }

    proptest! {
        #[test]
        fn pages_together_are_the_whole(
            steps in prop::collection::vec((0i64..3, 1usize..5), 0..12),
            limit in 1usize..6,
        ) {
            let mut secs = 0;
            let all: Vec<_> = (1u64..)
                .zip(steps)
                .map(|(sequence, (step, readings))| {
                    secs += step;
                    report(sequence, secs, readings)
                })
                .collect();
            let names = |reports: &[proto::Report]| -> Vec<String> {
                let readings = reports.iter().flat_map(|report| &report.readings);
                readings.map(|reading| reading.metric.clone()).collect()
            };
            let mut seen = Vec::new();
            let mut next = Some((Timestamp::EPOCH, 0));
            let mut pages = 0;
            while let Some((from, skip)) = next {
                let rows = all.iter().filter(|report| observed(&report.readings[0]) >= from);
                let rows = rows.cloned().map(Ok::<_, Infallible>);
                let Ok((page, then)) = take(rows, skip, limit);
                prop_assert!(names(&page).len() <= limit);
                seen.extend(names(&page));
                next = then;
                pages += 1;
                prop_assert!(pages <= 60, "no progress");
            }
            prop_assert_eq!(seen, names(&all));
        }
    }
}
