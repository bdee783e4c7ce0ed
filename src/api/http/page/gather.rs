//! From the gateway to plain values: the only part of the page that asks it.
use super::chart::{self, Chart, Columns, Range, Series};
use super::device;
use super::entries;
use super::filter::Filter;
use super::home::{self, Home};
use super::installed::{Installed, Near, Refused};
use super::timeline::{self, Row};
use super::tunnel;
use super::values;
use super::view::View;
use crate::access::Grant;
use crate::api::selection::Selection;
use crate::api::timeline as past;
use crate::api::{Shared, overview};
use crate::devices::{Counts, Device, Page, Query, Stranger};
use crate::model::{Timestamp, proto};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How far back strangers are shown.
const STRANGERS_SINCE: Duration = Duration::from_mins(15);
/// Reports read for one chart: a month of 10 s steps. At 2 M/s well below a second.
const POINTS_MAX: usize = 300_000;
/// Names suggested for a name that nobody has.
const NEAR_MAX: usize = 4;
/// Strangers among which a name is looked for.
const NEAR_AMONG_MAX: usize = 200;

/// The one device that a search means: by its id or alias, or as the only one found.
pub fn hit(shared: &Shared, grant: &Grant, filter: &Filter) -> Option<Box<str>> {
    if filter.q.is_empty() || filter.after.is_some() {
        return None;
    }
    let seen = shared.devices.seen_by(grant);
    if let Some(device) = seen.get(&filter.q) {
        return Some(device.id);
    }
    let query = Query {
        limit: 2,
        ..filter.query()
    };
    match <[Device; 1]>::try_from(seen.list(&query).devices) {
        Ok([only]) => Some(only.id),
        Err(_) => None,
    }
}

/// `/`.
pub fn home(shared: &Shared, grant: &Grant, filter: Filter) -> Home {
    let seen = shared.devices.seen_by(grant);
    let mut home = Home {
        gateway: grant.gateway.then(|| overview(shared).into()),
        ..Home::default()
    };
    if filter.is_list() {
        let page: Page = seen.list(&filter.query());
        home.counts = page.counts;
        home.found = Some(page);
    } else {
        home.counts = seen.counts();
        home.concerns = seen.concerns(home::CONCERNS_MAX * 8);
        // Who was never accepted stands among the strangers, and shall not hide the others.
        let is_stranger = |device: &Device| device.heard_not_accepted && device.reports == 0;
        home.concerns
            .retain(|concern| !is_stranger(&concern.device));
        let told = grant.sees_all_devices();
        home.strangers = told.then(|| strangers(shared, grant, home::STRANGERS_MAX + 1));
    }
    home.filter = filter;
    home
}

/// Who was heard and not accepted lately, the newest first.
pub fn strangers(shared: &Shared, grant: &Grant, max: usize) -> Vec<Stranger> {
    let since = shared.clock.now().minus(STRANGERS_SINCE);
    shared.devices.seen_by(grant).strangers(since, max)
}

/// What the page of a device shows beside the device itself.
#[derive(Debug, Default)]
pub struct Gathered {
    /// See [`device::Shown`].
    pub children: Vec<Device>,
    /// See [`device::Shown`].
    pub family: Counts,
    /// See [`device::Shown`].
    pub rows: Vec<Row>,
    /// See [`device::Shown`].
    pub older: bool,
    /// See [`device::Shown`].
    pub chart: Option<Chart>,
}

/// Which chart.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The first that there is, by default.
    pub metric: Option<&'a str>,
    /// How far back.
    pub range: Range,
    /// A chart at all?
    pub with_chart: bool,
}

/// Everything that `/d/{id}` shows.
pub fn device(
    shared: &Shared,
    grant: &Arc<Grant>,
    view: &View<'_>,
    device: &Device,
    wanted: Wanted<'_>,
) -> Gathered {
    let family = (device.children > 0).then(|| {
        shared.devices.seen_by(grant).list(&Query {
            parent: device.id.clone(),
            limit: device::CHILDREN_MAX,
            ..Query::default()
        })
    });
    let family = family.unwrap_or_default();
    let metrics = device::numeric(view, device);
    let chosen = wanted.metric.filter(|metric| metrics.contains(metric));
    // A tunnel's first chart is its first gas; else the first by name.
    let first = || {
        let gas = values::GASES
            .iter()
            .copied()
            .find(|gas| metrics.contains(gas));
        gas.or(metrics.first().copied())
    };
    let chart = chosen.or_else(first).filter(|_| wanted.with_chart);
    let past = past::Wanted {
        name: String::from(&*device.id),
        from: None,
        to: None,
        limit: timeline::ROWS_MAX,
        place: None,
        grant: Arc::clone(grant),
    };
    let (rows, older) = entries::rows(shared, view, &past);
    Gathered {
        children: family.devices,
        family: family.counts,
        rows,
        older: older.is_some(),
        chart: chart.and_then(|metric| {
            let selection = Selection::granted(grant).of_device(&device.id);
            // The device shows no other metrics than those that are granted.
            let selection = selection.of_metric("m", metric).ok()?;
            Some(chart_of(shared, view, selection, metric, wanted.range))
        }),
    }
}

/// One metric of one device over time.
fn chart_of(
    shared: &Shared,
    view: &View<'_>,
    selection: Selection,
    metric: &str,
    range: Range,
) -> Chart {
    let (from, to, _) = range.window(view.now, view.zone);
    let mut chart = Chart {
        metric: metric.to_owned(),
        unit: view
            .catalogue
            .metric(metric)
            .map_or("", |metric| &metric.unit)
            .to_owned(),
        range,
        from,
        to,
        series: Vec::new(),
        more: 0,
        cut: false,
        unreadable: false,
    };
    let mut series: BTreeMap<String, Columns> = BTreeMap::new();
    let mut reports = shared.history.query(selection.into_history(), from, to);
    for _ in 0..POINTS_MAX {
        match reports.next() {
            Some(Ok(report)) => add(&mut series, &report, from, to),
            Some(Err(error)) => {
                tracing::error!(%error, "a chart's history cannot be read");
                chart.unreadable = true;
                return chart;
            }
            None => break,
        }
    }
    chart.cut = reports.next().is_some();
    chart.more = series.len().saturating_sub(chart::SERIES_MAX);
    let shown = series.into_iter().take(chart::SERIES_MAX);
    chart.series = shown
        .map(|(label, columns)| Series { label, columns })
        .collect();
    chart
}

fn add(
    series: &mut BTreeMap<String, Columns>,
    report: &proto::Report,
    from: Timestamp,
    to: Timestamp,
) {
    for reading in &report.readings {
        let Some(proto::reading::Value::Number(value)) = reading.value else {
            continue;
        };
        let at = reading.observed_at.as_ref();
        let Some(at) = at.and_then(|at| Timestamp::from_secs_nanos(at.seconds, at.nanos)) else {
            continue;
        };
        let mut labels: Vec<&str> = reading.labels.values().map(String::as_str).collect();
        labels.sort_unstable();
        let columns = series.entry(labels.join(" "));
        columns
            .or_insert_with(|| Columns::new(from, to))
            .add(at, value);
    }
}

/// `/new`.
pub fn installed(shared: &Shared, grant: &Grant, id: String) -> Installed {
    if id.is_empty() {
        return Installed::default();
    }
    let mut known = Installed {
        device: shared.devices.seen_by(grant).get(&id),
        stranger: shared.devices.seen_by(grant).stranger(&id),
        ..Installed::default()
    };
    // What was refused before the last report is over; parts of that report came with it.
    let accepted = known.device.as_ref().and_then(|device| device.last_report);
    let recent = |stranger: &&Stranger| accepted.is_none_or(|at| stranger.last >= at);
    let refused = known.stranger.as_ref().filter(recent);
    known.refused = refused.map(|stranger| Refused {
        reason: (*stranger.reason).to_owned(),
        sentence: (*stranger.sentence).to_owned(),
        part: String::new(),
    });
    if known.device.is_none() && known.stranger.is_none() {
        known.near = near(shared, grant, &id);
    }
    known.id = id;
    known
}

/// Names that were heard and look like this one.
fn near(shared: &Shared, grant: &Grant, id: &str) -> Vec<Near> {
    let device = shared.devices.seen_by(grant).nearest(id).map(|name| Near {
        name: (*name).to_owned(),
        is_device: true,
    });
    let lower = id.to_lowercase();
    let looks_alike = |stranger: &Stranger| {
        let name = stranger.name.to_lowercase();
        name.contains(&lower)
            || (!name.is_empty() && lower.contains(&name))
            || crate::model::settings::nearest(&lower, [name.as_str()]).is_some()
    };
    let strangers = strangers(shared, grant, NEAR_AMONG_MAX)
        .into_iter()
        .filter(looks_alike);
    let strangers = strangers.map(|stranger| Near {
        name: (*stranger.name).to_owned(),
        is_device: false,
    });
    device.into_iter().chain(strangers).take(NEAR_MAX).collect()
}

/// `/tunnel`: every device of a tunnel kind, sorted.
pub fn tunnel(shared: &Shared, grant: &Grant) -> Vec<Device> {
    // In one go: each look for a kind passes over every device of the city.
    let query = Query {
        kinds: vec!["tunnel".into()],
        values: true,
        limit: tunnel::DEVICES_MAX,
        ..Query::default()
    };
    let mut devices = shared.devices.seen_by(grant).list(&query).devices;
    devices.retain(values::in_tunnel);
    let now = shared.clock.now();
    for device in &mut devices {
        values::mark_old(device, now);
    }
    tunnel::sort(&mut devices);
    devices
}
