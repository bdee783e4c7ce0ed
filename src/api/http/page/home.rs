//! `/`: search, counters that filter, what needs somebody, strangers, the gateway itself.
use super::filter::Filter;
use super::layout::section;
use super::list;
use super::live::Sections;
use super::sign;
use super::stranger;
use super::text;
use super::view::View;
use super::words;
use crate::api::Overview;
use crate::devices::{Concern, Counts, Level, Page, State, Stranger};
use crate::model::Timestamp;
use maud::{Markup, html};
use std::time::Duration;

/// Lines of what needs somebody, before a link to all of them; a refresh has to hold them.
pub const CONCERNS_MAX: usize = 8;
/// Strangers, before a link to all of them.
pub const STRANGERS_MAX: usize = 4;

/// Problems of the files, before `/v1/gateway` has the others.
pub const PROBLEMS_MAX: usize = 3;
/// Letters of one.
pub const PROBLEM_LEN_MAX: usize = 200;

/// The gateway in one line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gateway {
    /// Uplinks per second, of all sources.
    pub rate: f64,
    /// 99 of 100 acknowledgements were faster; `None`: there were none.
    pub ack_p99: Option<Duration>,
    /// The reader that is behind most, and how far.
    pub lag: Option<(Box<str>, Duration)>,
    /// Room on the log's disk, in bytes.
    pub disk_free: u64,
    /// Why uplinks are refused.
    pub refusing: Option<String>,
    /// Why the files that lie there are not those that work: the first problems.
    pub problems: Vec<String>,
    /// Problems beyond those.
    pub more_problems: usize,
    /// Devices in the inventory, and when it was read; `None`: there is none.
    pub inventory: Option<(u64, Timestamp)>,
}

impl From<Overview> for Gateway {
    fn from(seen: Overview) -> Self {
        let snapshot = &seen.config.snapshot;
        let inventory = snapshot
            .devices
            .map(|devices| (devices, snapshot.loaded_at));
        let mut problems = seen.config.problems;
        let more_problems = problems.len().saturating_sub(PROBLEMS_MAX);
        problems.truncate(PROBLEMS_MAX);
        let lags = seen
            .readers
            .iter()
            .map(|reader| (reader.name.clone(), reader.behind));
        Self {
            rate: seen.rates.iter().map(|(_, rate)| rate).sum(),
            ack_p99: (seen.ack.count > 0).then_some(seen.ack.p99),
            lag: lags.max_by_key(|(_, behind)| *behind),
            disk_free: seen.free_bytes,
            refusing: seen.refusing,
            problems,
            more_problems,
            inventory,
        }
    }
}

/// What `/` shows.
#[derive(Clone, Debug, Default)]
pub struct Home {
    /// What was asked for.
    pub filter: Filter,
    /// Of all devices that the search covers.
    pub counts: Counts,
    /// What needs somebody, the worst first.
    pub concerns: Vec<Concern>,
    /// Who was heard and not accepted lately; `None`: not for the caller's eyes.
    pub strangers: Option<Vec<Stranger>>,
    /// The list asked for; `None`: the first page.
    pub found: Option<Page>,
    /// The gateway itself; `None`: not for the caller's eyes.
    pub gateway: Option<Gateway>,
}

/// The search field. It stands above the sections, so that a refresh does not touch what is typed.
pub fn search(view: &View<'_>, filter: &Filter) -> Markup {
    html! {
        h1 class="quiet" { (view.t(text::DEVICES)) }
        form class="search" role="search" action="/" method="get" {
            label for="q" { (view.t(text::SEARCH_LABEL)) }
            div {
                input id="q" name="q" type="search" value=(filter.q) autocomplete="off"
                    autocapitalize="none" spellcheck="false" enterkeyhint="search" maxlength="80";
                button { (view.t(text::SEARCH)) }
            }
        }
    }
}

/// What is refreshed.
pub fn sections(view: &View<'_>, home: &Home) -> Sections {
    let mut sections = Sections::default();
    sections.push("counts", counts(view, home));
    if let Some(page) = &home.found {
        sections.push("list", found(view, home, page));
    } else {
        sections.push("list", concerns(view, &home.concerns));
        if let Some(known) = &home.strangers {
            sections.push("strangers", strangers(view, known));
        }
    }
    if let Some(known) = &home.gateway {
        sections.push("gateway", gateway(view, known));
    }
    sections.aside_from(2);
    sections
}

fn counts(view: &View<'_>, home: &Home) -> Markup {
    let filter = &home.filter;
    let states = State::ALL.iter().zip(home.counts.states);
    let healths = Level::ALL.iter().zip(home.counts.healths).skip(1);
    html! {
        section id="counts" class="counts" {
            ul aria-label=(view.t(text::BY_STATE)) {
                @for (&state, count) in states {
                    @let on = filter.state == Some(state);
                    @let to = filter.with(|f| f.state = (!on).then_some(state));
                    (counter(&to, on, state.word(), view.t(text::names::state(state)), count))
                }
            }
            ul aria-label=(view.t(text::BY_HEALTH)) {
                @for (&level, count) in healths {
                    @let on = filter.health == Some(level);
                    @let to = filter.with(|f| f.health = (!on).then_some(level));
                    (counter(&to, on, level.word(), view.t(text::names::level(level)), count))
                }
                @let to = filter.with(|f| f.heard = !f.heard);
                (counter(&to, filter.heard, "refused", view.t(text::HEARD_NOT_ACCEPTED), home.counts.heard_not_accepted))
            }
        }
    }
}

fn counter(to: &Filter, on: bool, sign: &str, name: &str, count: u64) -> Markup {
    html! {
        li {
            a href=(to.href()) class=[(count == 0).then_some("none")] aria-current=[on.then_some("true")] {
                (sign::sign(sign)) b { (count) } span { (name) }
            }
        }
    }
}

fn concerns(view: &View<'_>, concerns: &[Concern]) -> Markup {
    let all = Filter {
        all: true,
        ..Filter::default()
    };
    let body = html! {
        @if concerns.is_empty() {
            p class="dim" { (view.t(text::NOBODY_NEEDS)) }
        } @else {
            (list::rows(view, concerns.iter().take(CONCERNS_MAX).map(|c| (&c.device, c.folded))))
        }
        p class="more" { a href=(all.href()) { (view.t(text::ALL_DEVICES)) } }
    };
    section("list", view.t(text::NEEDS_ATTENTION), &body)
}

fn found(view: &View<'_>, home: &Home, page: &Page) -> Markup {
    let filter = &home.filter;
    let heading = describe(view, filter);
    let body = html! {
        @if page.devices.is_empty() {
            p { (view.t(text::NOTHING_FOUND)) " "
                a href={ "/new" @if !filter.q.is_empty() { "?id=" (super::view::percent(&filter.q)) } } {
                    (view.t(text::NOTHING_FOUND_HINT))
                }
            }
        } @else {
            (list::rows(view, page.devices.iter().map(|device| (device, 0))))
        }
        p class="more" {
            @if let Some(next) = page.next {
                @let next = Filter { after: Some(next), ..filter.clone() };
                a href=(next.href()) rel="next" { (view.t(text::NEXT_PAGE)) }
            }
            @if filter.after.is_some() {
                @let first = Filter { after: None, ..filter.clone() };
                a href=(first.href()) { (view.t(text::FIRST_PAGE)) }
            }
            a href="/" { (view.t(text::CLEAR)) }
        }
    };
    section("list", &heading, &body)
}

/// The filter in words.
fn describe(view: &View<'_>, filter: &Filter) -> String {
    let mut parts: Vec<String> = Vec::new();
    if !filter.q.is_empty() {
        parts.push(format!("“{}”", filter.q));
    }
    parts.extend(
        filter
            .state
            .map(|state| view.t(text::names::state(state)).to_owned()),
    );
    parts.extend(
        filter
            .health
            .map(|level| view.t(text::names::level(level)).to_owned()),
    );
    if filter.heard {
        parts.push(view.t(text::HEARD_NOT_ACCEPTED).to_owned());
    }
    if !filter.kind.is_empty() {
        parts.push(view.kind(&filter.kind).to_owned());
    }
    if !filter.parent.is_empty() {
        parts.push(format!("{} {}", view.t(text::PARENT), filter.parent));
    }
    if parts.is_empty() {
        return view.t(text::ALL_DEVICES).to_owned();
    }
    parts.join(" · ")
}

fn strangers(view: &View<'_>, strangers: &[Stranger]) -> Markup {
    let body = html! {
        @if strangers.is_empty() {
            p class="dim" { (view.t(text::NO_STRANGERS)) }
        } @else {
            (stranger::rows(view, strangers.iter().take(STRANGERS_MAX)))
            @if strangers.len() > STRANGERS_MAX {
                p class="more" { a href="/strangers" { (view.t(text::MORE_OF_THESE)) } }
            }
        }
    };
    section("strangers", view.t(text::STRANGERS), &body)
}

/// One line on the gateway.
fn gateway(view: &View<'_>, gateway: &Gateway) -> Markup {
    let body = html! {
        @if let Some(why) = &gateway.refusing {
            p class="finding fault" { (sign::sign("fault")) b { (view.t(text::REFUSING)) } " " span lang="en" { (words::cut(why, 200)) } }
        }
        @if !gateway.problems.is_empty() {
            p class="finding attention" {
                (sign::sign("attention")) b { (view.t(text::FILES_WRONG)) }
                @for problem in &gateway.problems {
                    br; span lang="en" { (words::cut(problem, PROBLEM_LEN_MAX)) }
                }
                @if gateway.more_problems > 0 { br; "+ " (gateway.more_problems) }
            }
        }
        dl class="line" {
            div { dt { (view.t(text::RATE)) } dd { (words::number(tenth(gateway.rate), false)) } }
            div { dt { (view.t(text::ACK_P99)) } dd {
                @match gateway.ack_p99 { Some(p99) => (words::latency(p99)), None => "–" }
            } }
            @if let Some((reader, behind)) = &gateway.lag {
                div { dt { (view.t(text::READERS_LAG)) } dd {
                    @if behind.is_zero() { "0 s" } @else { (words::latency(*behind)) " " span class="dim" { (reader) } }
                } }
            }
            div { dt { (view.t(text::DISK_FREE)) } dd { (words::bytes(gateway.disk_free)) } }
            @if let Some((devices, read_at)) = gateway.inventory {
                div { dt { (view.t(text::INVENTORY_READ)) } dd {
                    (devices) " " span class="dim" { (words::clock(read_at, view.now, view.zone)) }
                } }
            }
        }
    };
    section("gateway", view.t(text::GATEWAY), &body)
}

/// Rates change with every look; a tenth is what they are good for.
fn tenth(rate: f64) -> f64 {
    (rate * 10.0).round() / 10.0
}
