//! The drawing.
use super::columns::COLUMNS;
use super::scale::{STEPS, Scale};
use super::{Chart, Range, Series};
use crate::api::http::page::text;
use crate::api::http::page::view::View;
use crate::api::http::page::words;
use crate::model::Timestamp;
use maud::{Markup, html};
use std::fmt::Write as _;
use std::time::Duration;

/// Units of the drawing per column, and its height: whole numbers, because they compress.
const COLUMN: usize = 4;
const HEIGHT: u32 = 400;

/// The chart with its switches, as the section `chart`. `metrics` are those that may be chosen.
pub fn section(
    view: &View<'_>,
    chart: &Chart,
    interval: Option<Duration>,
    metrics: &[&str],
) -> Markup {
    html! {
        section id="chart" aria-labelledby="chart-h" {
            h2 id="chart-h" { (view.t(text::HISTORY)) ": " (view.metric(&chart.metric)) }
            (switches(view, chart, metrics))
            @if chart.unreadable {
                p { (view.t(text::HISTORY_UNREADABLE)) }
            } @else if let Some(scale) = scale(chart) {
                (figure(view, chart, scale, interval))
                (summary(view, chart))
            } @else {
                p class="dim" { (view.t(text::NO_POINTS)) }
            }
            @if chart.cut { p class="dim" { (view.t(text::CUT_SHORT)) } }
        }
    }
}

fn switches(view: &View<'_>, chart: &Chart, metrics: &[&str]) -> Markup {
    let names = [text::H24, text::D7, text::D30];
    html! {
        p class="ranges" {
            @for (range, name) in Range::ALL.into_iter().zip(names) {
                a class="swap" href={ "?m=" (chart.metric) "&r=" (range.code()) "#chart" }
                    aria-current=[(range == chart.range).then_some("true")] { (view.t(name)) }
            }
        }
        @if metrics.len() > 1 {
            details class="metrics" id="metrics" {
                summary { span { (view.t(text::METRIC)) ":" } b { (view.metric(&chart.metric)) } }
                p {
                    @for metric in metrics {
                        a class="swap" href={ "?m=" (metric) "&r=" (chart.range.code()) "#chart" }
                            aria-current=[(**metric == *chart.metric).then_some("true")] { (view.metric(metric)) }
                    }
                }
            }
        }
    }
}

fn scale(chart: &Chart) -> Option<Scale> {
    let bounds = chart
        .series
        .iter()
        .filter_map(|series| series.columns.bounds());
    let (min, max) = bounds.reduce(|(min, max), (low, high)| (min.min(low), max.max(high)))?;
    Some(Scale::of(min, max))
}

fn figure(view: &View<'_>, chart: &Chart, scale: Scale, interval: Option<Duration>) -> Markup {
    let width = COLUMN * COLUMNS;
    let (_, _, parts) = chart.range.window(view.now, view.zone);
    html! {
        figure {
            div class="y" aria-hidden="true" {
                @for mark in scale.marks() { span { (words::number(mark, false)) } }
            }
            div class="plot" {
                svg viewBox={ "0 0 " (width) " " (HEIGHT) } preserveAspectRatio="none" role="img"
                    aria-label=(spoken(view, chart)) data-low=(scale.low) data-high=(scale.high())
                    data-from=(secs(chart.from)) data-to=(secs(chart.to)) data-unit=(words::unit(&chart.unit)) {
                    path class="grid" d=(grid(width, parts)) {}
                    @for (at, series) in chart.series.iter().enumerate() {
                        @let (line, alone) = paths(series, scale, interval);
                        path class={ "series n" (at) } data-label=(series.label) d=(line) {}
                        @if !alone.is_empty() { path class={ "alone n" (at) } d=(alone) {} }
                    }
                }
            }
            div class={ "x" @if parts > 5 { " many" } } aria-hidden="true" {
                @for mark in x_marks(view, chart, parts) { span { (mark) } }
            }
        }
    }
}

fn grid(width: usize, parts: u32) -> String {
    let mut d = String::new();
    for at in 0..=STEPS {
        let _ = write!(d, "M0 {}H{width}", HEIGHT * at / STEPS);
    }
    let parts = usize::try_from(parts).unwrap_or(1).max(1);
    for at in 1..parts {
        let _ = write!(d, "M{} 0V{HEIGHT}", width * at / parts);
    }
    d
}

fn x_marks(view: &View<'_>, chart: &Chart, parts: u32) -> Vec<String> {
    let format = if chart.range == Range::Day {
        "%H:%M"
    } else {
        "%m-%d"
    };
    let part = chart.to.since(chart.from) / parts.max(1);
    let mark = |at| {
        words::zoned(chart.from.plus(part * at), view.zone)
            .strftime(format)
            .to_string()
    };
    (0..=parts).map(mark).collect()
}

/// The line, and the dots that have no neighbour.
fn paths(series: &Series, scale: Scale, interval: Option<Duration>) -> (String, String) {
    let (mut line, mut alone) = (String::new(), String::new());
    let range = scale.high() - scale.low;
    let dots = series.columns.dots(interval);
    for (at, (column, value, gap)) in dots.iter().enumerate() {
        let x = column * COLUMN + COLUMN / 2;
        let y = f64::from(HEIGHT) * (1.0 - (value - scale.low) / range);
        let y = y.round().clamp(0.0, f64::from(HEIGHT));
        let _ = write!(line, "{}{x} {y}", if *gap { 'M' } else { 'L' });
        // A line of no length, which round ends make visible.
        if *gap && dots.get(at + 1).is_none_or(|(.., gap)| *gap) {
            let _ = write!(alone, "M{x} {y}h0");
        }
    }
    (line, alone)
}

/// Whole seconds since the epoch.
fn secs(time: Timestamp) -> i64 {
    time.as_nanos().div_euclid(1_000_000_000)
}

/// For who does not see the line.
fn spoken(view: &View<'_>, chart: &Chart) -> String {
    let mut text = format!("{}, {}", view.metric(&chart.metric), chart.range.code());
    for series in &chart.series {
        let Some((min, max)) = series.columns.bounds() else {
            continue;
        };
        let [min, max] =
            [min, max].map(|v| words::with_unit(&words::number(v, false), &chart.unit));
        let _ = write!(text, "; {} {min} – {max}", series.label);
    }
    text
}

/// Least, mean, greatest and last of each series, and which line is which.
fn summary(view: &View<'_>, chart: &Chart) -> Markup {
    let heads = view.pick(
        ["min", "mean", "max", "last"],
        ["最小", "平均", "最大", "最新"],
    );
    let register = view
        .catalogue
        .metric(&chart.metric)
        .is_some_and(|metric| metric.register);
    let several = chart.series.len() > 1;
    html! {
        table class="stats" {
            thead { tr {
                td { (words::unit(&chart.unit)) }
                @for head in heads { th scope="col" { (head) } }
            } }
            tbody {
                @for (at, series) in chart.series.iter().enumerate() {
                    @if let (Some((min, max)), Some(mean), Some(last)) = (series.columns.bounds(), series.columns.mean(), series.columns.last()) {
                        tr {
                            th scope="row" { @if several {
                                svg class="key" viewBox="0 0 24 8" aria-hidden="true" { path class={ "series n" (at) } d="M2 4H22" {} }
                                (words::cut(&series.label, 24))
                            } }
                            @for (at, value) in [min, mean, max, last].into_iter().enumerate() {
                                td { (words::number(value, register && at != 1)) }
                            }
                        }
                    }
                }
            }
        }
        @if chart.more > 0 { p class="dim" { "+" (chart.more) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::http::page::chart::Columns;

    #[test]
    fn a_dot_alone_is_visible_and_a_gap_is_a_gap() {
        let mut columns = Columns::new(Timestamp::EPOCH, Timestamp::from_secs(86_400));
        for hour in [0, 1, 2, 12] {
            columns.add(Timestamp::from_secs(hour * 3600), 1.0);
        }
        let series = Series {
            label: String::new(),
            columns,
        };
        let scale = Scale::of(0.0, 2.0);
        let (line, alone) = paths(&series, scale, Some(Duration::from_hours(1)));
        assert_eq!(line, "M2 200L30 200L62 200M362 200");
        assert_eq!(alone, "M362 200h0");
    }
}
