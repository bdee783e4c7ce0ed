//! Last values. One that is older than 1.5 intervals stands apart, greyed, with its age first.
use super::layout::section;
use super::live::Sections;
use super::sign;
use super::text;
use super::view::View;
use super::words;
use crate::devices::{Code, Device, LastValue};
use crate::model::{Quality, Timestamp, Value};
use maud::{Markup, html};
use std::time::Duration;

/// Rows of one section: together they fit a refresh.
const ROWS_MAX: usize = 12;

/// Gases of a tunnel, in the order in which they are read before entry.
pub const GASES: [&str; 4] = [
    "oxygen",
    "methane_lel",
    "hydrogen_sulfide",
    "carbon_monoxide",
];

/// Of a device whose interval is not known yet: a value older than this is not shown as current.
const CURRENT_MAX: Duration = Duration::from_hours(1);

/// Marks as stale what is too old to be current. The registry does so by the device's interval;
/// before one is known, an hour has to do.
pub fn mark_old(device: &mut Device, now: Timestamp) {
    if device.interval.is_some() {
        return;
    }
    for value in &mut device.values {
        value.stale |= now.since(value.observed_at) > CURRENT_MAX;
    }
}

/// Is it installed in a tunnel?
pub fn in_tunnel(device: &Device) -> bool {
    device.kind.split('.').next() == Some("tunnel")
}

/// Is it in alarm, as the registry says, or beyond what its sensor can measure?
pub fn alarm(view: &View<'_>, device: &Device, value: &LastValue) -> Option<text::Text> {
    let alarm = |reason: &&crate::devices::Reason| {
        reason.code == Code::Alarm && reason.metric == value.metric
    };
    if is_saturated(view, device, value) {
        return Some(text::SATURATED);
    }
    device.reasons.iter().find(alarm).map(|_| text::ALARM)
}

/// A safety metric over its range: the sensor is at its end, the truth is beyond.
fn is_saturated(view: &View<'_>, device: &Device, value: &LastValue) -> bool {
    let Some(metric) = view.catalogue.metric(&value.metric) else {
        return false;
    };
    let (_, max) = metric.range(&device.kind);
    metric.safety && matches!(value.value, Value::Number(number) if number > max)
}

/// Sections of current values, then of older ones.
pub fn push(sections: &mut Sections, view: &View<'_>, device: &Device) {
    let gases = |value: &&LastValue| !(in_tunnel(device) && GASES.contains(&&*value.metric));
    let (old, now): (Vec<&LastValue>, Vec<&LastValue>) = device
        .values
        .iter()
        .filter(gases)
        .partition(|value| value.stale);
    let only_gases = old.is_empty() && !device.values.is_empty() && in_tunnel(device);
    if now.is_empty() && !only_gases {
        let none = if device.values.is_empty() {
            text::NO_VALUES
        } else {
            text::NO_VALUES_NOW
        };
        let body = html! { p class="dim" { (view.t(none)) } };
        sections.push("now0", section("now0", view.t(text::VALUES), &body));
    }
    let blocks = [
        ("now", &now, text::VALUES),
        ("old", &old, text::OLDER_VALUES),
    ];
    for (name, values, heading) in blocks {
        for (at, rows) in values.chunks(ROWS_MAX).enumerate() {
            let id = format!("{name}{at}");
            let table = table(view, device, rows, name == "old");
            let markup = if at == 0 {
                section(&id, view.t(heading), &table)
            } else {
                html! { section id=(id) class="goes-on" { (table) } }
            };
            sections.push(id, markup);
        }
    }
}

fn table(view: &View<'_>, device: &Device, values: &[&LastValue], old: bool) -> Markup {
    html! {
        table class={ "values" @if old { " old" } } {
            thead class="unseen" { tr {
                th scope="col" { (view.t(text::METRIC)) }
                th scope="col" { (view.t(text::VALUE)) }
                th scope="col" { (view.t(text::AGE)) }
            } }
            tbody { @for value in values { (row(view, device, value)) } }
        }
    }
}

fn row(view: &View<'_>, device: &Device, value: &LastValue) -> Markup {
    let alarm = if value.stale {
        None
    } else {
        alarm(view, device, value)
    };
    html! {
        tr class=[alarm.map(|_| "alarm")] {
            th scope="row" {
                @if matches!(value.value, Value::Number(_)) {
                    a class="metric" href={ "?m=" (value.metric) "#chart" } { (view.metric(&value.metric)) }
                } @else {
                    (view.metric(&value.metric))
                }
                (labels(view, value))
            }
            td class="value" {
                @if value.stale { (view.age(value.observed_at)) }
                @else { (shown(view, value)) (notes(view, value, alarm)) }
            }
            td class="age dim" {
                @if value.stale { (shown(view, value)) (notes(view, value, None)) }
                @else { (view.age(value.observed_at)) }
            }
        }
    }
}

/// "phase a"
fn labels(view: &View<'_>, value: &LastValue) -> Markup {
    html! {
        @for (name, label) in &value.labels {
            " " span class="label" {
                (text::names::label(name).map_or(&**name, |name| view.t(name))) " " (words::cut(label, 32))
            }
        }
    }
}

/// The value with its unit.
pub fn reading(view: &View<'_>, value: &LastValue) -> String {
    let metric = view.catalogue.metric(&value.metric);
    let text = words::value(&value.value, metric, view.lang);
    match value.value {
        Value::Number(_) => words::with_unit(&text, &value.unit),
        _ => text,
    }
}

/// The same with the unit set apart: it is smaller, and stays on the line.
pub fn reading_markup(view: &View<'_>, value: &Value<'_>, metric: &str, unit: &str) -> Markup {
    let text = words::value(value, view.catalogue.metric(metric), view.lang);
    html! {
        @match value {
            Value::Number(_) => span class="number" { (text) @if unit != "1" && !unit.is_empty() { "\u{a0}" small { (words::unit(unit)) } } },
            _ => (text),
        }
    }
}

fn shown(view: &View<'_>, value: &LastValue) -> Markup {
    reading_markup(view, &value.value, &value.metric, &value.unit)
}

fn notes(view: &View<'_>, value: &LastValue, alarm: Option<text::Text>) -> Markup {
    let quality = match value.quality {
        Quality::Good => None,
        Quality::Uncertain => Some(text::QUALITY_UNCERTAIN),
        Quality::Bad => Some(text::QUALITY_BAD),
        Quality::NotAvailable => Some(text::NO_VALUE),
    };
    html! {
        @if let Some(alarm) = alarm { " " span class="note alarm" { (sign::sign("fault")) (view.t(alarm)) } }
        @if let Some(quality) = quality { " " span class="note" { (sign::sign("attention")) (view.t(quality)) } }
    }
}

/// A tunnel device's gases, each with its age: missing and stale ones say so, and none is called well.
pub fn gases(view: &View<'_>, device: &Device) -> Markup {
    html! {
        ul class="gases" {
            @for gas in GASES {
                @let values: Vec<_> = device.values.iter().filter(|value| &*value.metric == gas).collect();
                @if values.is_empty() {
                    li class="missing" {
                        span class="gas" { (gas_name(view, gas)) }
                        b { (view.t(text::MISSING)) }
                    }
                }
                @for value in values { (gas_row(view, device, value)) }
            }
        }
    }
}

/// Short, with its formula: what stands on the detector.
fn gas_name<'n>(view: &View<'_>, metric: &'n str) -> &'n str {
    text::names::gas(metric).map_or(metric, |name| view.t(name))
}

fn gas_row(view: &View<'_>, device: &Device, value: &LastValue) -> Markup {
    // An alarm that is old is still the last that is known of the place: it stands out, with its age.
    let alarm = alarm(view, device, value);
    let absent = matches!(value.value, Value::Absent);
    html! {
        li class={ @if alarm.is_some() { "alarm" } @else if value.stale || absent { "missing" } } {
            span class="gas" { (gas_name(view, &value.metric)) (labels(view, value)) }
            b { @if absent { (view.t(text::MISSING)) } @else { (shown(view, value)) } }
            span class="age" {
                @if value.stale { b { (view.t(text::STALE)) } " · " }
                (view.age(value.observed_at))
            }
            (notes(view, value, alarm))
        }
    }
}
