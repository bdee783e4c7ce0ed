//! `/d/{id}`: one device.
use super::chart::{self, Chart};
use super::facts;
use super::layout::section;
use super::list;
use super::live::Sections;
use super::sign;
use super::text::{self, health};
use super::timeline::{self, Row};
use super::values::{self, in_tunnel};
use super::view::{View, device_path};
use super::words;
use crate::catalogue::Type;
use crate::devices::{Counts, Device, Level, State};
use crate::model::Value;
use maud::{Markup, html};

/// Children on a device's page, before a link to all.
pub const CHILDREN_MAX: usize = 5;
/// Values in the summary.
const SUMMARY_VALUES_MAX: usize = 6;

/// What the page of a device shows.
#[derive(Debug)]
pub struct Shown<'a> {
    /// The device with values and traces.
    pub device: &'a Device,
    /// The first of its children.
    pub children: &'a [Device],
    /// All of its children.
    pub family: Counts,
    /// Its timeline.
    pub rows: &'a [Row],
    /// Are there older ones?
    pub older: bool,
    /// The chart asked for; `None` in a refresh, which leaves it alone, or where there are no numbers.
    pub chart: Option<&'a Chart>,
}

/// What stands above the sections.
pub fn head(view: &View<'_>, device: &Device) -> Markup {
    html! {
        h1 { (device.id) }
        p class="lead dim" { (list::place(view, device)) }
        p { a href={ (device_path(&device.id)) "/explain" } { (view.t(text::EXPLAIN)) } }
    }
}

/// What is refreshed.
pub fn sections(view: &View<'_>, shown: &Shown<'_>) -> Sections {
    let device = shown.device;
    let mut sections = Sections::default();
    if in_tunnel(device) && has_gas(device) {
        let body = html! {
            (values::gases(view, device))
            p class="not-instead" { (sign::sign("attention")) (view.t(text::NOT_INSTEAD)) }
        };
        sections.push("gases", section("gases", view.t(text::GASES), &body));
    }
    sections.push("state", status(view, device));
    let listing = device.listing.as_deref();
    if let Some(place) = listing.and_then(|listing| facts::place(view, listing)) {
        sections.push("place", place);
    }
    values::push(&mut sections, view, device);
    if let Some(chart) = shown.chart {
        let metrics = numeric(view, device);
        sections.push_still(
            "chart",
            chart::section(view, chart, device.interval, &metrics),
        );
    } else if !numeric(view, device).is_empty() {
        sections.keep("chart");
    }
    let main = sections.0.len();
    sections.push("summary", summary_section(view, device));
    timeline::push(&mut sections, view, &device.id, shown.rows);
    if shown.older {
        sections.push("older", older(view, &device.id));
    }
    if device.children > 0 {
        sections.push("children", children(view, shown));
    }
    sections.push("facts", facts::facts(view, device));
    sections.aside_from(main);
    sections
}

/// Does it measure, or should it measure, gases?
pub fn has_gas(device: &Device) -> bool {
    let is_gas = |metric: &str| values::GASES.contains(&metric);
    &*device.kind == "tunnel.gas" || device.values.iter().any(|value| is_gas(&value.metric))
}

/// Metrics of numbers that it has, each once.
pub fn numeric<'d>(view: &View<'_>, device: &'d Device) -> Vec<&'d str> {
    let is_number = |metric: &str| {
        let known = view.catalogue.metric(metric);
        known.is_none_or(|metric| metric.kind_of_value == Type::Number)
    };
    let values = device.values.iter();
    let numbers =
        values.filter(|v| matches!(v.value, Value::Number(_)) || v.value == Value::Absent);
    let mut metrics: Vec<&str> = numbers
        .map(|v| &*v.metric)
        .filter(|m| is_number(m))
        .collect();
    metrics.dedup();
    metrics
}

fn status(view: &View<'_>, device: &Device) -> Markup {
    html! {
        section id="state" class="status" {
            details id="why" {
                summary aria-label=(view.t(text::STATE)) {
                    b class="state" { (sign::state(view, device.state)) }
                    span class="dim" {
                        @if !list::is_unheard(device) { (view.t(text::LAST_HEARD)) " " }
                        (list::heard(view, device))
                    }
                    span class="hint" { (view.t(text::WHY)) }
                }
                p { (rule(view, device)) }
            }
            @if device.heard_not_accepted {
                p class="finding attention" { (sign::sign("refused"))
                    b { (view.t(text::HEARD_NOT_ACCEPTED)) } (view.pick(". ", "。")) (view.t(text::HEARD_NOT_ACCEPTED_WHY))
                }
            }
            (facts::notes(view, device))
            div class="health" {
                p { b { (sign::level(view, device.health)) } }
                @for reason in &device.reasons {
                    p class={ "finding " (reason.level.word()) } {
                        (sign::sign(reason.level.word()))
                        b { (list::reason_text(view, reason)) } " "
                        (view.t(health::advice(reason.code))) " "
                        span class="dim" { (view.pick("since", "始于")) " " (view.clock(reason.since)) }
                    }
                }
            }
        }
    }
}

/// The rule behind the state, with this device's numbers.
pub fn rule(view: &View<'_>, device: &Device) -> String {
    let lang = view.lang;
    let interval = device.interval.map(|interval| words::span(interval, lang));
    let heard = view.ago(device.last_seen);
    let clock = |time| words::clock(time, view.now, view.zone);
    match device.state {
        State::Never if device.listing.is_some() => view
            .pick(
                "The inventory names it; nothing of it was accepted yet.",
                "台账中有该设备，但尚未接收到它的有效数据。",
            )
            .to_owned(),
        State::Never => view
            .pick(
                "Nothing of it was accepted yet.",
                "尚未接收到它的有效数据。",
            )
            .to_owned(),
        State::Retired => view
            .pick(
                "Taken out of service by the inventory: it is neither expected nor judged. What it still sends is kept.",
                "台账标记为已退役：不再要求上报，也不作判断；其后续数据仍会保存。",
            )
            .to_owned(),
        State::Online | State::Sleeping => {
            let Some(interval) = interval else {
                return view.pick(
                    format!("Last heard {heard}. How often it reports is not learned yet; until then it cannot be late."),
                    format!("最近收到：{heard}。尚未学到上报间隔，因此暂不判定迟报。"),
                );
            };
            let late = device.late_at.map(clock).unwrap_or_default();
            let asleep = if device.state == State::Sleeping {
                view.pick(
                    " It is out of reach between its reports.",
                    "两次上报之间不可达。",
                )
            } else {
                ""
            };
            view.pick(
                format!("Heard within its interval of {interval}: {heard}. Late from {late} if it stays silent.{asleep}"),
                format!("在其 {interval}的上报间隔内：{heard}。若持续无数据，{late} 起判为迟报。{asleep}"),
            )
        }
        State::Late => {
            let interval = interval.unwrap_or_default();
            let offline = device.offline_at.map(clock).unwrap_or_default();
            view.pick(
                format!("Silent for more than 1.5 x its interval of {interval}; last heard {heard}. Offline from {offline} if it stays silent."),
                format!("静默已超过上报间隔（{interval}）的 1.5 倍；最近收到：{heard}。若持续无数据，{offline} 起判为离线。"),
            )
        }
        State::Offline => {
            let by_silence = device.offline_at.is_some_and(|at| at <= view.now);
            match interval {
                Some(interval) if by_silence => view.pick(
                    format!("Silent for several intervals of {interval}; last heard {heard}."),
                    format!("静默已超过多个上报间隔（{interval}）；最近收到：{heard}。"),
                ),
                _ => view.pick(
                    format!("Its connection broke (will); last heard {heard}."),
                    format!("连接已中断（遗嘱消息）；最近收到：{heard}。"),
                ),
            }
        }
    }
}

fn older(view: &View<'_>, id: &str) -> Markup {
    html! {
        section id="older" class="goes-on" {
            p class="more" { a href={ (device_path(id)) "/t" } { (view.t(text::OLDER)) } }
        }
    }
}

fn children(view: &View<'_>, shown: &Shown<'_>) -> Markup {
    let device = shown.device;
    let all = super::filter::Filter {
        parent: (*device.id).to_owned(),
        ..Default::default()
    };
    let states = State::ALL.iter().zip(shown.family.states);
    let body = html! {
        p {
            b { (device.children) } " " (view.pick("devices", "台设备"))
            @for (state, count) in states { @if count > 0 {
                @let some = super::filter::Filter { state: Some(*state), ..all.clone() };
                " · " a href=(some.href()) { (view.t(text::names::state(*state))) " " b { (count) } }
            } }
        }
        (list::rows(view, shown.children.iter().take(CHILDREN_MAX).map(|child| (child, 0))))
        p class="more" { a href=(all.href()) { (view.t(text::MORE_OF_THESE)) } }
    };
    section("children", view.t(text::CHILDREN), &body)
}

fn summary_section(view: &View<'_>, device: &Device) -> Markup {
    let body = html! {
        p class="summary" id="line" { (summary(view, device)) }
        p { button class="copy" data-copy="line" hidden { (view.t(text::COPY)) } }
    };
    section("summary", view.t(text::SUMMARY), &body)
}

/// One line for a message to a colleague: what, where, state, health, values, and when.
pub fn summary(view: &View<'_>, device: &Device) -> String {
    let full = |time| words::full(time, view.zone);
    let mut parts = vec![
        format!("{} ({})", device.id, list::place(view, device)),
        view.t(text::names::state(device.state)).to_owned(),
    ];
    if !list::is_unheard(device) {
        parts.push(format!(
            "{} {}",
            view.t(text::LAST_HEARD),
            full(device.last_seen)
        ));
    }
    if device.health == Level::Ok {
        parts.push(view.t(text::names::level(Level::Ok)).to_owned());
    }
    parts.extend(
        device
            .reasons
            .iter()
            .map(|reason| list::reason_text(view, reason)),
    );
    if device.heard_not_accepted {
        parts.push(view.t(text::HEARD_NOT_ACCEPTED).to_owned());
    }
    let now = device.values.iter().filter(|value| !value.stale);
    parts.extend(now.take(SUMMARY_VALUES_MAX).map(|value| {
        let labels = value.labels.iter().map(|(_, label)| &**label);
        let labels: Vec<&str> = std::iter::once("").chain(labels).collect();
        let labels = labels.join(" ");
        let reading = values::reading(view, value);
        format!("{}{labels} {reading}", view.metric(&value.metric))
    }));
    let zone = words::zone_name(view.zone, view.now);
    parts.push(format!(
        "{} {} {zone}",
        view.t(text::AS_OF),
        words::zoned(view.now, view.zone).strftime("%Y-%m-%d %H:%M")
    ));
    parts.join("; ")
}
